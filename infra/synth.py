"""Make the CloudFormation templates: no network, no Node.js on PATH, no AWS account."""

from collections.abc import Mapping
from pathlib import Path

from etl_platform.contract.layout import Names
from etl_platform.contract.reading import read_contracts
from etl_platform.contract.source import SourceContract
from infra.stacks.installation import make_app


def synthesise(
    namespace: str, outdir: Path, contracts: Mapping[str, SourceContract] | None = None
) -> None:
    """Write the assembly of an installation: templates, assets and the order of the stacks."""
    sources = read_contracts() if contracts is None else contracts
    make_app(Names(namespace), sources, outdir).synth()
