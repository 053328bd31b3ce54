"""Rows are compared with the files that they came from: what a hand has changed in a table is found
and named, and what loads have made of it, in whatever order, is no difference."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl_platform.aws.s3 import S3
from etl_platform.contract.errors import NotConverted
from etl_platform.contract.hour import Hour
from etl_platform.contract.types import LOADED_COLUMN
from etl_platform.load.comparison import Comparison, Difference, read_differences
from etl_platform.load.ledger import Run
from etl_platform.load.quoting import Identifier, Literal, QualifiedName, Sql, compose, joined
from etl_platform.load.target import Target
from etl_platform.load.transaction import Loader
from etl_platform_tests.fakes.storage import DirectoryStorage
from etl_platform_tests.load.endpoint import Endpoint, bucket
from etl_platform_tests.load.samples import NAMES, START, batch, contract, converted
from etl_platform_tests.load.tables import ROLE, Arrival, Table
from etl_platform_tests.load.test_commutation import CONTRACTS, Sample, histories
from etl_platform_tests.load.test_journal_commutation import CONTRACTS as JOURNALS
from etl_platform_tests.load.test_journal_commutation import journal_loads, journal_samples

HOURS = [START.plus(number) for number in range(3)]
NEW_KEY = 99
# By whichever method, a strategy ends in the same rows.
KINDS = [kind for kind, of in (CONTRACTS | JOURNALS).items() if of.load.method is None]
NAME = QualifiedName.of("shop", "visits")


@st.composite
def _loads(draw: st.DrawFn, kind: str) -> Sequence[Sequence[Arrival]]:
    if kind in JOURNALS:
        return draw(journal_loads(draw(journal_samples())))
    return draw(histories()).loads


def differences(table: Table, hours: Iterable[Hour] = HOURS) -> list[Difference]:
    """What the comparison of some hours finds, each in a transaction of its own."""
    found = []
    with table.connect() as warehouse:
        target = Target(table.contract)
        comparison = Comparison(warehouse, table.storage, NAMES, target, ROLE)
        for hour in hours:
            found += comparison.of(hour)
            warehouse.rollback()
    return found


@dataclass(frozen=True)
class Row:
    """One row that a test lays hands on."""

    table: Table = field(repr=False)
    name: QualifiedName
    values: dict[str, Any]

    def lay_hands_on(self, how: str) -> int:
        """Delete, double or copy it, or change a column; the key of what is wrong then."""
        known = {"delete": self.delete, "double": self.double, "copy": self.copy}
        return known[how]() if how in known else self.change(how)

    def delete(self) -> int:
        self._send(f"DELETE FROM {self.name.sql} WHERE {self._itself}")
        return int(self.values["id"])

    def double(self) -> int:
        self._insert(self.values)
        return int(self.values["id"])

    def copy(self) -> int:
        self._insert(self.values | {"id": NEW_KEY})
        return NEW_KEY

    def change(self, column: str) -> int:
        name, value = Identifier(column), Literal(_another(self.values[column], column))
        change = compose("{name} = {value}", name=name, value=value)
        self._send(f"UPDATE {self.name.sql} SET {change} WHERE {self._itself}")
        return int(self.values["id"])

    @property
    def _itself(self) -> str:
        return " AND ".join(
            compose("{name} IS NULL", name=Identifier(name))
            if value is None
            else compose("{name} = {value}", name=Identifier(name), value=_literal(value))
            for name, value in self.values.items()
        )

    def _insert(self, values: dict[str, Any]) -> None:
        names = joined(Identifier(name) for name in values)
        row = joined(_literal(value) for value in values.values())
        if self.name == Target(self.table.contract).table:
            names, row = Sql(f"{names}, _loaded_at"), Sql(f"{row}, GETDATE()")
        self._send(f"INSERT INTO {self.name.sql} ({names}) VALUES ({row})")

    def _send(self, statement: str) -> None:
        with self.table.endpoint.connect() as warehouse:
            assert warehouse.execute(statement, name="the hand") == 1
            warehouse.commit()


def _literal(value: Any) -> Literal:
    return Literal(value.replace(tzinfo=UTC) if isinstance(value, datetime) else value)


def _another(value: Any, column: str) -> Any:
    if isinstance(value, bool) or column == "is_new":
        return not value
    if isinstance(value, datetime) or column == "_valid_to":
        return HOURS[-1].plus(1000).start
    if isinstance(value, int) or column == "size":
        return NEW_KEY
    return "Z"


def _rows(table: Table) -> list[Row]:
    target, found = Target(table.contract), []
    columns = {
        target.table: target.columns,
        target.journal: target.journal_columns,
        target.tombstones: target.tombstone_columns,
    }
    with table.endpoint.connect() as warehouse:
        for name, of_table in columns.items():
            if name is not None:
                names = [c.name for c in of_table if c.name.name != LOADED_COLUMN]
                rows = warehouse.fetch(f"SELECT {joined(names)} FROM {name.sql}", name="rows")
                found += [
                    Row(table, name, {n.name: v for n, v in zip(names, row, strict=True)})
                    for row in rows
                ]
    return found


@pytest.fixture(scope="module")
def tables(endpoint: Endpoint, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Table]:
    contracts = {kind: of for kind, of in (CONTRACTS | JOURNALS).items() if kind in KINDS}
    endpoint.bootstrap(*contracts.values())
    root: Path = tmp_path_factory.mktemp("storage")
    return {kind: Table(endpoint, c, DirectoryStorage(root)) for kind, c in contracts.items()}


@pytest.mark.parametrize("kind", KINDS)
@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_what_loads_have_made_is_no_difference_and_what_a_hand_has_made_is_named(
    tables: dict[str, Table], kind: str, data: st.DataObject
) -> None:
    """P3."""
    table = tables[kind]
    table.clear()
    for samples in data.draw(_loads(kind)):
        table.load(samples)
    assert differences(table) == []
    rows = _rows(table)
    if not rows:
        return
    row = data.draw(st.sampled_from(rows))
    key = row.lay_hands_on(data.draw(st.sampled_from(["delete", "double", "copy", *row.values])))
    found = differences(table)
    assert any(f"id={key}" in sample for one in found for sample in one.samples), found
    assert row.name in {one.table for one in found}


def test_a_row_of_a_batch_that_no_load_brought_replaces_none(tables: dict[str, Table]) -> None:
    table = tables["upsert by hour"]
    table.clear()
    table.load([Sample(0, 0, ((1, (0, False)),))])
    (row,) = _rows(table)
    row.change("_hour")
    (row,) = _rows(table)
    row.change("_batch_id")
    assert [one.kind for one in differences(table)] == ["changed"]


def test_an_hour_of_which_the_files_are_gone_cannot_be_compared(tables: dict[str, Table]) -> None:
    table = tables["append"]
    table.clear()
    table.load([Sample(1, 1, ((1, (0, False)),))])
    gone = batch(table.contract, 1, 1)
    table.storage.delete(NAMES.commit(gone.source, gone.hour, gone.batch_id))
    with pytest.raises(NotConverted):
        differences(table)


def test_json_times_and_bytes_are_compared_by_their_values(endpoint: Endpoint) -> None:
    columns = [
        {"name": "id", "type": "integer", "required": True},
        {"name": "doc", "type": "super"},
        {"name": "opens", "type": "time"},
        {"name": "sign", "type": "varbyte(4)"},
    ]
    of = contract("append", key=[], columns=columns)
    bucket(NAMES.processed_bucket(of.source))
    endpoint.bootstrap(of)
    rows = [(1, '{"a": [1, null]}', "06:30:00", "00ff"), (2, None, None, None)]
    commit = converted(S3(), of, batch(of, 0), rows)
    target = Target(of)
    loader = Loader(target, NAMES, ROLE, Run("order", "run"), endpoint.connect, S3())
    assert [report.outcome for report in loader.load([commit])] == ["done"]
    changes = ["doc = JSON_PARSE('[]')", "opens = '06:31'", "sign = FROM_HEX('00')"]
    with endpoint.connect() as warehouse:
        comparison = Comparison(warehouse, S3(), NAMES, target, ROLE)
        assert comparison.of(START) == []
        warehouse.rollback()
        for change in changes:
            changed = f"UPDATE {target.table.sql} SET {change} WHERE id = 1"
            warehouse.execute(changed, name="the change")
            kinds = [(one.kind, one.rows) for one in comparison.of(START)]
            assert kinds == [("extra", 1), ("missing", 1)]
            warehouse.rollback()


def test_a_difference_names_some_keys_and_the_columns_that_differ() -> None:
    names, key = [Identifier("id"), Identifier("size")], [Identifier("id")]
    rows = [
        ("changed", 1, 2, 1, 1, 7, "L"),
        ("changed", 1, 2, 1, -1, 7, "S"),
        ("extra", 1, 3, 1, -3, 8, "L"),
        ("missing", 4, 4, 1, 1, 1, "L"),
        ("missing", 4, 4, 2, 1, 2, "L"),
        ("missing", 4, 4, 3, 1, 3, "L"),
    ]
    assert [one.text for one in read_differences(rows, NAME, names, key)] == [
        "shop.visits has other rows of 1 key(s): id=7 (size)",
        "shop.visits has 3 row(s) too many: id=8",
        "4 row(s) are missing from shop.visits: id=1, id=2, id=3 and others",
    ]


def test_a_long_row_is_cut() -> None:
    (one,) = read_differences(
        [("extra", 1, 1, 1, -1, "x" * 500)], NAME, [Identifier("a")], [Identifier("a")]
    )
    assert len(one.samples[0]) < 150
