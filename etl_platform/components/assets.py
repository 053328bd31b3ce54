"""One source as three assets, `raw -> parquet -> redshift`, each a step of its own.

The assets are a graph: the steps hand the batches of the hours to each other directly, so an hour
that is blocked in one step is simply not handed on, and stops no other.
"""

import warnings
from collections.abc import Generator, Iterator, Sequence
from typing import Any, Literal

import dagster as dg

from etl_platform.aws.s3 import S3
from etl_platform.components import events
from etl_platform.components.descriptions import ABOUT, described
from etl_platform.components.events import CHECKS, Blocked
from etl_platform.components.facts import column_lineage
from etl_platform.components.glue_jobs import GlueJobs
from etl_platform.components.stages import PARQUET, RAW, REDSHIFT, SYSTEM, asset_key
from etl_platform.contract.batch import Batch
from etl_platform.contract.errors import ManifestMissing
from etl_platform.contract.hour import KEY_FORMAT, Hour
from etl_platform.contract.layout import Names
from etl_platform.contract.order import Order, Report
from etl_platform.contract.source import SourceContract
from etl_platform.ingest.blocked import write_blocked
from etl_platform.ingest.pin import pin_all

_HANDED_ON = "batches"
_OUTS = {
    "asset": dg.Out(dg.Nothing, is_required=False),
    "check": dg.Out(dg.Nothing, is_required=False),
    _HANDED_ON: dg.Out(list, is_required=False),
}
"""The first two are declared for the asset and its check, and never yielded: see events.py."""

_Event = dg.AssetMaterialization | dg.AssetCheckEvaluation | dg.Output[Any]
_Batches = list[dict[str, Any]]
"""Batches as plain JSON between steps: nothing of this project is pickled."""


def partitions_of(contract: SourceContract) -> dg.HourlyPartitionsDefinition:
    return dg.HourlyPartitionsDefinition(
        end_date=str(contract.ends) if contract.ends else None,
        # The hour that is under way is a partition too: a source may land it before it is over.
        start_date=str(contract.starts),
        fmt=KEY_FORMAT,
        timezone="UTC",
        end_offset=1,
    )


def source_assets(contract: SourceContract) -> dg.AssetsDefinition:
    """The three assets of a source with their checks."""
    source = contract.source
    keys = {stage: asset_key(stage, source) for stage in (RAW, PARQUET, REDSHIFT)}
    system, hours = asset_key(SYSTEM, source), partitions_of(contract)
    checks = _check_specs(keys, hours)
    graph = _graph(contract, checks)
    assets = dg.AssetsDefinition.from_graph(
        graph,
        keys_by_input_name={SYSTEM: system},
        keys_by_output_name=keys,
        internal_asset_deps={RAW: {system}, PARQUET: {keys[RAW]}, REDSHIFT: {keys[PARQUET]}},
        partitions_def=hours,
        backfill_policy=dg.BackfillPolicy.multi_run(contract.hours_per_run),
        can_subset=True,
        group_name=source,
        check_specs=list(checks.values()),
    )
    return assets.map_asset_specs(lambda spec: described(spec, contract))


def _check_specs(
    keys: dict[str, dg.AssetKey], hours: dg.HourlyPartitionsDefinition
) -> dict[str, dg.AssetCheckSpec]:
    with warnings.catch_warnings():
        # Partitioned checks are a preview in Dagster 1.13; without them the last hour checked
        # would stand for all.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return {
            stage: dg.AssetCheckSpec(
                name, asset=keys[stage], description=f"{about}.", partitions_def=hours
            )
            for stage, (name, about) in CHECKS.items()
        }


def _graph(contract: SourceContract, checks: dict[str, dg.AssetCheckSpec]) -> dg.GraphDefinition:
    pin = _pin_op(contract)
    convert, load = _job_op(contract, PARQUET, "convert"), _job_op(contract, REDSHIFT, "load")
    outputs = {
        **{stage: dg.GraphOut() for stage in checks},
        **{spec.get_python_identifier(): dg.GraphOut() for spec in checks.values()},
    }

    @dg.graph(
        # The job of a source is a graph too, and no source has two underscores in a row.
        name=f"{contract.source}__hours",
        ins={SYSTEM: dg.GraphIn()},
        out=outputs,
        description=contract.description,
    )
    def way_of_a_batch(system: Any) -> Any:
        raw = pin(system)
        parquet = convert(raw.batches)
        redshift = load(parquet.batches)
        made = {RAW: raw, PARQUET: parquet, REDSHIFT: redshift}
        return {
            **{stage: result.asset for stage, result in made.items()},
            **{
                checks[stage].get_python_identifier(): result.check
                for stage, result in made.items()
            },
        }

    return way_of_a_batch


def _pin_op(contract: SourceContract) -> dg.OpDefinition:
    source = contract.source

    @dg.op(
        name=f"{source}__pin",
        ins={SYSTEM: dg.In(dg.Nothing)},
        out=_OUTS,
        description=ABOUT[RAW],
    )
    def pin(context: dg.OpExecutionContext, glue_jobs: GlueJobs) -> Iterator[_Event]:
        hours = [Hour.parse(key) for key in context.partition_keys]
        with events.errors_told(context, RAW, source):
            results = pin_all(S3(), Names(glue_jobs.namespace), source, hours)
        batches: list[Batch] = []
        blocked: list[Blocked] = []
        missing: list[Blocked] = []
        for hour, result in results.items():
            if isinstance(result, Batch):
                batches.append(result)
                yield events.pinned(result)
            elif isinstance(result, ManifestMissing):
                missing.append(Blocked.by(hour, result))
            else:
                blocked.append(Blocked.by(hour, result))
        yield from events.passed(
            context, RAW, source, {b.hour: {"files": len(b.files)} for b in batches}
        )
        with events.errors_told(context, RAW, source):
            _write_down(glue_jobs.namespace, RAW, source, blocked)
        for hour_blocked in blocked:
            yield events.failed(RAW, source, hour_blocked)
            context.log.error(hour_blocked.message)
        if missing:
            context.log.warning(
                f"{len(missing)} hours have no manifest: {', '.join(str(m.hour) for m in missing)}"
            )
        if not batches:
            raise events.failure(context, RAW, source, blocked or missing)
        yield from _handed_on(context, batches)

    return pin


def _job_op(
    contract: SourceContract, stage: str, work: Literal["convert", "load"]
) -> dg.OpDefinition:
    """The step that has a Glue job do its work on the batches that the step before handed on."""

    @dg.op(
        name=f"{contract.source}__{work}",
        ins={"batches": dg.In(list)},
        out=_OUTS,
        description=ABOUT[stage],
        pool=f"glue_{work}",
    )
    def job(
        context: dg.OpExecutionContext, glue_jobs: GlueJobs, batches: _Batches
    ) -> Iterator[_Event]:
        order = Order(
            stage=work,
            namespace=glue_jobs.namespace,
            contract=contract,
            batches=tuple(Batch.model_validate(batch) for batch in batches),
        )
        through = yield from _carry_out(context, glue_jobs, order, stage)
        yield from _handed_on(context, through)

    return job


def _carry_out(
    context: dg.OpExecutionContext, glue_jobs: GlueJobs, order: Order, stage: str
) -> Generator[_Event, None, list[Batch]]:
    """Run the job of a stage, tell Dagster of each hour, and give the batches that went through."""
    with events.errors_told(context, stage, order.contract.source):
        outcome = glue_jobs.run(context, order)
    through: list[Batch] = []
    blocked: list[Blocked] = []
    # Of all hours the same, and Dagster asks the latest: for each it would fill the database.
    lineage = {order.batches[-1].hour: column_lineage(stage, order.contract)}
    for batch in order.batches:
        report = outcome.reports[batch.hour]
        if report.outcome == "blocked":
            hour_blocked = Blocked(
                batch.hour, report.error_code or "", report.error or "", _why(report)
            )
            blocked.append(hour_blocked)
            yield events.failed(stage, batch.source, hour_blocked)
            context.log.error(hour_blocked.message)
        else:
            through.append(batch)
            more = lineage.get(batch.hour, {})
            yield events.reported(stage, batch, report, outcome.facts, more)
    with events.errors_told(context, stage, order.contract.source):
        _write_down(order.namespace, stage, order.contract.source, blocked)
    yield from events.passed(
        context,
        stage,
        order.contract.source,
        {batch.hour: _counts(outcome.reports[batch.hour]) for batch in through},
    )
    if not through:
        raise events.failure(context, stage, order.contract.source, blocked)
    return through


def _write_down(namespace: str, stage: str, source: str, blocked: Sequence[Blocked]) -> None:
    """For `etl-platform status`, which does not ask Dagster."""
    for one in blocked:
        write_blocked(S3(), Names(namespace), source, one.hour, stage, one.code, one.message)


def _counts(report: Report) -> dict[str, Any]:
    return {name: count for name, count in report.facts.items() if name.startswith("rows_")}


def _why(report: Report) -> dict[str, Any]:
    """Of a blocked hour: its counts and reasons, and where its rejects are kept."""
    told = ("reasons", "unreadable_files", "rejects")
    return _counts(report) | {name: report.facts[name] for name in told if name in report.facts}


def _handed_on(
    context: dg.OpExecutionContext, batches: list[Batch]
) -> Iterator[dg.Output[_Batches]]:
    # In a run of some assets only, Dagster refuses an output that no later step takes.
    if _HANDED_ON in context.selected_output_names:
        yield dg.Output([batch.model_dump(mode="json") for batch in batches], _HANDED_ON)
