"""What people read of the assets of a source before anything has run."""

from collections.abc import Iterable, Mapping
from typing import Any

import dagster as dg

from etl_platform.components.stages import PARQUET, RAW, REDSHIFT, SYSTEM, asset_key
from etl_platform.contract.aggregate import AggregateColumn
from etl_platform.contract.columns import Column
from etl_platform.contract.hour import Hour
from etl_platform.contract.source import SourceContract

ABOUT = {
    SYSTEM: "The system that lands files and then a manifest, hour by hour",
    RAW: "Files and manifest of the hour, checked and pinned at their versions",
    PARQUET: "The hour as typed, deduplicated Parquet; rejected records are kept beside it",
    REDSHIFT: "The hour in the warehouse, loaded once by a Glue job in one transaction",
}

_STORED_AS = {RAW: "s3", PARQUET: "parquet", REDSHIFT: "redshift"}


def described(spec: dg.AssetSpec, contract: SourceContract) -> dg.AssetSpec:
    """An asset of a source with all that the UI shows of it."""
    stage = spec.key.path[0]
    return spec.replace_attributes(description=description(stage, contract)).merge_attributes(
        owners=[contract.owner],
        kinds=_kinds(stage, contract),
        tags={"source": contract.source, "strategy": contract.load.strategy},
        metadata=_metadata(stage, contract),
    )


def system_of(contract: SourceContract) -> dg.AssetSpec:
    """The source system, which the platform does not run: the left end of the lineage."""
    return dg.AssetSpec(
        asset_key(SYSTEM, contract.source),
        description=f"{contract.description}.\n\n{ABOUT[SYSTEM]}.",
        group_name=contract.source,
        owners=[contract.owner],
        kinds={contract.format.type},
        tags={"source": contract.source},
    )


def description(stage: str, contract: SourceContract) -> str:
    """Markdown: the stage, the contract in short, and what to do to have an hour again."""
    facts = "\n".join(f"| {name} | {value} |" for name, value in _contract_in_short(contract))
    source = contract.source
    return (
        f"{contract.description}.\n\n{ABOUT[stage]}.\n\n"
        f"| contract | |\n|---|---|\n{facts}\n\n"
        f"**When.** {_when(contract)} A manifest that is written"
        " again is a corrected hour. What no event announced is found by the sweep.\n\n"
        "**Again.** Materialize the hour here: what is loaded already changes nothing."
        f" After a mended contract: `etl-platform replay {source} HOUR`."
        f" Why records were kept out: `etl-platform rejects {source} [HOUR]`."
    )


def _when(contract: SourceContract) -> str:
    arrives = contract.arrives
    if arrives is None:
        return "An hour is loaded as soon as its manifest is there."
    return (
        f"By the schedule `{arrives.schedule}` (UTC) the manifests of hours are written whose files"
        f" are all older than {arrives.settle_minutes} minutes. With it, an hour is loaded."
    )


def _contract_in_short(contract: SourceContract) -> list[tuple[str, str]]:
    load = contract.load
    newest = f", newest by `{load.version}`" if load.version else ""
    key = ", ".join(f"`{name}`" for name in contract.key)
    return [
        ("format", contract.format.type),
        ("hours", _hours(contract.starts, contract.ends)),
        ("key", key or "none"),
        ("load", f"{load.strategy} into `{load.schema_name}.{contract.table}`{newest}"),
        ("rejects", f"at most {contract.rejects.limit} an hour"),
        ("columns", str(len(contract.table_columns))),
    ]


def _hours(starts: Hour, ends: Hour | None) -> str:
    return f"from {starts}" + (f" to before {ends}" if ends else "")


def _kinds(stage: str, contract: SourceContract) -> set[str]:
    kinds = {_STORED_AS[stage], *({"glue"} if stage != RAW else set())}
    return kinds if stage == REDSHIFT else {*kinds, contract.format.type}


def _metadata(stage: str, contract: SourceContract) -> Mapping[str, Any]:
    if stage == RAW:
        return {}
    told: dict[str, Any] = {"dagster/column_schema": column_schema(contract.table_columns)}
    if stage == REDSHIFT:
        told["dagster/table_name"] = f"{contract.load.schema_name}.{contract.table}"
        told["load_strategy"] = contract.load.strategy
    return told


def column_schema(columns: Iterable[Column | AggregateColumn]) -> dg.TableSchema:
    return dg.TableSchema(
        [
            dg.TableColumn(
                c.name,
                str(c.type),
                description=c.description,
                constraints=dg.TableColumnConstraints(nullable=not c.required),
            )
            for c in columns
        ]
    )
