"""All stacks of an installation, and which of them stands on which."""

from pathlib import Path
from tempfile import TemporaryDirectory

import aws_cdk as cdk

from etl_platform.contract.layout import Names
from etl_platform.contract.order import CONVERT, LOAD
from infra import bundles
from infra.stacks.base import Contracts
from infra.stacks.catalog import CatalogStack
from infra.stacks.dagster import DagsterStack
from infra.stacks.ingest import IngestStack
from infra.stacks.jobs import JobCode, JobsStack
from infra.stacks.secrets import SecretsStack
from infra.stacks.source import SourceStack
from infra.stacks.storage import StorageStack

_FEATURES = {
    # With ACLs off, the access-log bucket takes logs by its policy only.
    "@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy": True,
}


def make_app(names: Names, contracts: Contracts, outdir: Path | None = None) -> cdk.App:
    """The app with every stack; without an `outdir` the CDK command says where it writes."""
    app = cdk.App(
        outdir=str(outdir) if outdir else None,
        analytics_reporting=False,
        tree_metadata=False,
        context=_FEATURES,
    )
    with TemporaryDirectory() as folder:
        _add_stacks(app, names, contracts, Path(folder))
    return app


def _add_stacks(app: cdk.App, names: Names, contracts: Contracts, folder: Path) -> None:
    SecretsStack(app, names)
    ingest = IngestStack(app, names, bundle=bundles.write_ingest_bundle(folder))
    storage = StorageStack(app, names)
    catalog = CatalogStack(app, names)
    catalog.add_stack_dependency(storage)
    for contract in contracts.values():
        source = SourceStack(app, names, contract)
        # S3 asks the function at once whether it may call it, so it has to be there before.
        source.add_stack_dependency(ingest)
        source.add_stack_dependency(catalog)
    package = bundles.write_job_bundle(folder)
    jobs = JobsStack(
        app,
        names,
        convert=JobCode(
            bundles.write_entry_script(folder, CONVERT), package, bundles.convert_modules()
        ),
        load=JobCode(bundles.write_entry_script(folder, LOAD), package, bundles.load_modules()),
    )
    jobs.add_stack_dependency(catalog)
    DagsterStack(
        app, names, writes_manifests=any(one.arrives is not None for one in contracts.values())
    )
