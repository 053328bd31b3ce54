"""The component behind every defs.yaml of an aggregate.

Its asset has no partitions: which hours of an aggregate change is what the loaded rows say, and a
batch of one hour may bring rows of another.
"""

import dagster as dg
from pydantic import BaseModel

from etl_platform.aws.secrets import read_secret
from etl_platform.aws.warehouse import RedshiftWarehouse, connect
from etl_platform.components import events
from etl_platform.components.descriptions import column_schema
from etl_platform.components.glue_jobs import GlueJobs
from etl_platform.components.stages import REDSHIFT, asset_key
from etl_platform.contract.aggregate import AggregateContract, AggregateDefinition
from etl_platform.contract.aggregate_files import complete
from etl_platform.contract.layout import Names
from etl_platform.publish.refresh import Refresher
from etl_platform.publish.tables import AggregateTable

AGGREGATE = "aggregate"
GROUP = "aggregates"
AGGREGATES_SENSOR = "aggregates_follow"

_LOOK_EVERY_S = 10
_ASKED_ANYWAY = "17 * * * *"


def follows() -> dg.AutomationCondition[dg.AssetKey]:
    """Asked for when an hour of a source was loaded, and once an hour in any case.

    `eager()` would wait until no hour of any source is missing or in progress, which may be never.
    A refresh may not have seen what was loaded after it was asked for. So only a request counts as
    an answer, not an update, and not if more was loaded since: one too many finds nothing to do.
    """
    loaded = dg.AutomationCondition.any_deps_updated()
    asked = loaded | dg.AutomationCondition.cron_tick_passed(_ASKED_ANYWAY, "UTC")
    # In this order: what stands behind a false operand is not evaluated, and would miss a tick.
    answered = ~asked & dg.AutomationCondition.newly_requested()
    waiting = asked.since(answered) & ~dg.AutomationCondition.in_progress()
    return waiting.with_label("a source was loaded")


def aggregates_sensor() -> dg.AutomationConditionSensorDefinition:
    """What asks for refreshes; on from the start."""
    return dg.AutomationConditionSensorDefinition(
        AGGREGATES_SENSOR,
        target=dg.AssetSelection.groups(GROUP),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=_LOOK_EVERY_S,
        description="Refreshes an aggregate when a source that it reads was loaded, late and"
        " corrected hours included.",
    )


class Aggregate(dg.Component):
    """A table that one query makes from tables of sources, and keeps in step with them."""

    def __init__(self, contract: AggregateContract) -> None:
        self.contract = contract

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        return AggregateContract

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> "Aggregate":
        if not isinstance(attributes, AggregateContract):
            raise TypeError(f"{attributes!r} is no AggregateContract")
        return cls(attributes)

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        aggregate = complete(self.contract, context.path, context.defs_module_path)
        return dg.Definitions(assets=[aggregate_asset(aggregate)])


def aggregate_asset(aggregate: AggregateDefinition) -> dg.AssetsDefinition:
    """The asset of an aggregate."""
    contract, table = aggregate.contract, AggregateTable(aggregate)

    @dg.asset(
        key=[AGGREGATE, contract.aggregate],
        deps=[asset_key(REDSHIFT, read.source) for read in contract.reads],
        group_name=GROUP,
        description=f"{contract.description}.\n\n```sql\n{aggregate.query.strip()}\n```",
        owners=[contract.owner],
        kinds={"redshift", "sql"},
        automation_condition=follows(),
        metadata={
            "dagster/column_schema": column_schema(contract.columns),
            "dagster/table_name": str(table.table),
            "grain": contract.grain,
        },
    )
    def refresh(
        context: dg.AssetExecutionContext, glue_jobs: GlueJobs
    ) -> dg.MaterializeResult[None]:
        names = Names(glue_jobs.namespace)

        def new_connection() -> RedshiftWarehouse:
            return connect(read_secret(names.service_secret))

        with events.errors_told(context.op_execution_context, AGGREGATE, contract.aggregate):
            done = Refresher(table, context.run.run_id, new_connection).refresh()
        return dg.MaterializeResult(
            metadata=done.facts, data_version=dg.DataVersion(str(done.number))
        )

    return refresh
