"""Tables of names that a warehouse may take for something else are made, loaded and changed."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl_platform.load import evolution
from etl_platform.load.quoting import NAME_BYTES
from etl_platform.load.replacement import name_beside
from etl_platform.load.target import Target
from etl_platform_tests.fakes.storage import DirectoryStorage
from etl_platform_tests.load.endpoint import Endpoint
from etl_platform_tests.load.samples import contract
from etl_platform_tests.load.tables import Table
from etl_platform_tests.load.test_commutation import Sample

ROW, OTHER = Sample(0, 0, ((1, (0, False)),)), Sample(1, 0, ((2, (0, False)),))


@pytest.mark.parametrize(
    ("names", "table"),
    [
        pytest.param(("select", "from", "order"), "group", id="reserved in SQL"),
        pytest.param(("tag", "delta", "backup"), "raw", id="reserved in Redshift only"),
        pytest.param(("copy", "manifest", "distkey"), "sortkey", id="words of its clauses"),
        pytest.param(("w", "v", "s"), "t", id="aliases of the load"),
        pytest.param(
            ("a" * 63, "a" * 62 + "b", "a" * 62), "a" * 63, id="the longest of the laptop"
        ),
    ],
)
@pytest.mark.parametrize("method", ["delete_insert", "merge", "journal"])
def test_a_table_of_hostile_names_is_made_loaded_changed_and_loaded(
    endpoint: Endpoint, tmp_path: Path, names: tuple[str, str, str], table: str, method: str
) -> None:
    key, version, value = names
    kinds = {key: ("integer", True), version: ("bigint", True), value: ("varchar(20)", False)}
    columns = [
        {"name": name, "type": kind, "required": required}
        for name, (kind, required) in kinds.items()
    ]
    way = {"null_means": "keep"} if method == "journal" else {"method": method}
    load = {"strategy": "upsert", "version": version, "table": table, "schema": f"names_{method}"}
    placed = {**load, **way, "distkey": key, "sortkey": [version, key]}
    of = contract("", columns=columns, key=[key], load=placed)
    endpoint.bootstrap(of)
    loaded = Table(endpoint, of, DirectoryStorage(tmp_path))
    loaded.load([ROW])
    columns[2]["type"] = "varchar(30)"
    changed = {**load, **way, "distkey": version, "sortkey": [value]}
    loaded.contract = contract("", columns=columns, key=[key], load=changed, source=of.source)
    evolution.apply(endpoint.connect, Target(loaded.contract))
    loaded.load([OTHER])
    assert set(loaded.rows) == ROW.rows | OTHER.rows


identifiers = st.from_regex(r"[a-z][a-z0-9_]{0,126}", fullmatch=True) | st.integers(1, 127).map(
    lambda length: "n" * length
)


@given(identifiers, identifiers)
def test_no_name_beside_a_table_is_longer_than_a_warehouse_holds(schema: str, table: str) -> None:
    load = {"strategy": "scd2", "schema": schema, "table": table}
    target = Target(contract("", load=load))
    beside = (
        target.ledger,
        target.guard,
        target.journal_name,
        target.tombstones_name,
        name_beside(target.table),
        name_beside(target.journal_name),
    )
    assert all(len(name.table.name.encode()) <= 63 < NAME_BYTES for name in beside)
    assert len(set(beside)) == len(beside)


@given(st.sets(st.tuples(identifiers, identifiers), min_size=2, max_size=4))
def test_two_tables_share_nothing_beside_them(names: set[tuple[str, str]]) -> None:
    loads = [{"strategy": "append", "schema": s, "table": t} for s, t in names]
    guards = {Target(contract("", load=load)).guard for load in loads}
    assert len(guards) == len(names)
