"""Refreshes that replace a table in one statement or in two transactions, and what breaks them."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl_platform.aws.warehouse import connect
from etl_platform.contract.errors import TableEmptied, ViewsDepend, WarehouseUnavailable
from etl_platform.contract.layout import part
from etl_platform.contract.source import SourceContract
from etl_platform.load import ddl, ledger, ledger_sql
from etl_platform.load.ledger import Entry, Outcome
from etl_platform.load.quoting import Identifier, QualifiedName
from etl_platform.load.target import Target
from etl_platform.publish import shares
from etl_platform.publish.shares import PublishedTable
from etl_platform_tests.fakes.storage import DirectoryStorage
from etl_platform_tests.load.doubles import Fault, Faults
from etl_platform_tests.load.endpoint import Endpoint
from etl_platform_tests.load.samples import NAMES, batch, contract
from etl_platform_tests.load.tables import Table
from etl_platform_tests.load.test_commutation import History, Sample, expected, histories

GONE = WarehouseUnavailable("here", "connection reset")
CRASHES = {
    "delete": "the delete of the table",
    "truncate": "the truncate",
    "swap": "the new name",
}
OLD, NEW, NEWEST = (Sample(hour, 0, ((hour, (0, False)),)) for hour in range(3))


def _of(method: str) -> SourceContract:
    return contract("refresh", load={"strategy": "refresh", "method": method})


@pytest.fixture(scope="module")
def tables(endpoint: Endpoint, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Table]:
    contracts = {method: _of(method) for method in CRASHES}
    endpoint.bootstrap(*contracts.values())
    root: Path = tmp_path_factory.mktemp("storage")
    return {m: Table(endpoint, c, DirectoryStorage(root)) for m, c in contracts.items()}


@pytest.fixture
def truncated(tables: dict[str, Table]) -> Table:
    tables["truncate"].clear()
    return tables["truncate"]


@pytest.fixture
def swapped(tables: dict[str, Table]) -> Table:
    tables["swap"].clear()
    return tables["swap"]


def _break(table: Table, *samples: Sample) -> None:
    method = str(table.contract.load.method)
    table.load(samples, faults={CRASHES[method]: [Fault(GONE, after=True)]})


def _entries(table: Table) -> list[Entry]:
    with table.endpoint.connect() as warehouse:
        return ledger.latest(warehouse, Target(table.contract), 20)


def _outcomes(table: Table) -> dict[int, Outcome]:
    return {entry.hour.start.hour: entry.outcome for entry in _entries(table)}


@pytest.mark.parametrize("method", CRASHES)
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(history=histories(), data=st.data())
def test_a_refresh_that_broke_off_is_ended_by_whatever_load_comes_next(
    tables: dict[str, Table], method: str, history: History, data: st.DataObject
) -> None:
    table = tables[method]
    table.clear()
    known: set[Sample] = set()
    again: list[tuple[Sample, ...]] = []
    for samples in history.loads:
        before = table.rows
        try:
            if data.draw(st.booleans()):
                _break(table, *samples)
            else:
                table.load(samples)
        except WarehouseUnavailable:
            again.append(samples)
            if method == "truncate":
                known.add(max(samples, key=lambda sample: (sample.hour, sample.manifest)))
            assert table.rows == ([] if method == "truncate" else before)
        else:
            known |= set(samples)
            assert sorted(table.rows) == sorted(expected("refresh", list(known)))
    for samples in data.draw(st.permutations(again)):
        table.load(samples)
    assert sorted(table.rows) == sorted(expected("refresh", history.samples))
    assert Outcome.BEGUN not in {entry.outcome for entry in _entries(table)}


def test_what_was_begun_is_loaded_for_nobody(truncated: Table) -> None:
    truncated.load([OLD])
    with pytest.raises(WarehouseUnavailable):
        _break(truncated, NEW)
    target = Target(truncated.contract)
    (shown, _) = sorted(_entries(truncated), key=lambda entry: entry.outcome)
    with truncated.endpoint.connect() as warehouse:
        assert ledger.loaded(warehouse, target, [shown.batch_id]) == {}
        newest = ledger.newest(warehouse, target)
        assert newest is not None
        assert newest.hour < shown.hour
        assert [e.batch_id for e in ledger.begun(warehouse, target)] == [shown.batch_id]
        (summed,) = [s for s in ledger.summary(warehouse) if s.source == truncated.contract.source]
    assert (summed.batches, summed.newest_hour) == (1, newest.hour)
    assert (shown.load_seconds, newest.load_seconds is None) == (None, False)
    assert _outcomes(truncated) == {0: Outcome.LOADED, 1: Outcome.BEGUN}


def test_an_older_hour_ends_the_load_of_a_newer_one(truncated: Table) -> None:
    with pytest.raises(WarehouseUnavailable):
        _break(truncated, NEW)
    truncated.load([OLD])
    assert set(truncated.rows) == NEW.rows
    assert _outcomes(truncated) == {0: Outcome.OUTDATED, 1: Outcome.LOADED}
    (ended,) = [entry for entry in _entries(truncated) if entry.outcome is Outcome.LOADED]
    (passed_over,) = [entry for entry in _entries(truncated) if entry.outcome is Outcome.OUTDATED]
    assert ended.copy_query_id is not None
    assert passed_over.copy_query_id is None
    assert ended.load_seconds == passed_over.load_seconds


def test_a_newer_hour_takes_the_place_of_what_was_begun(truncated: Table) -> None:
    with pytest.raises(WarehouseUnavailable):
        _break(truncated, NEW)
    truncated.load([NEWEST])
    assert set(truncated.rows) == NEWEST.rows
    assert _outcomes(truncated) == {1: Outcome.OUTDATED, 2: Outcome.LOADED}


class _Between(dict[str, list[Fault | None]]):
    """No fault, but something else that happens once, before a statement is sent."""

    def __init__(self, before: Callable[[], None], name: str, turn: int) -> None:
        self.before, self.name, self.turn = before, name, turn

    def get(self, name: str, default: object = None) -> None:  # type: ignore[override]
        if name == self.name:
            self.turn -= 1
            if self.turn == 0:
                self.before()


@pytest.mark.parametrize("other", [OLD, NEW, NEWEST], ids=["older", "the same", "newer"])
@pytest.mark.parametrize("breaks", [False, True], ids=["ends", "breaks off"])
def test_a_load_that_comes_between_the_two_transactions_is_seen(
    truncated: Table, other: Sample, breaks: bool
) -> None:
    def come_between() -> None:
        with suppress(WarehouseUnavailable):
            (_break(truncated, other) if breaks else truncated.load([other]))

    # The second lock is the one of the second transaction.
    between: Faults = _Between(come_between, "the lock", 2)
    target = Target(truncated.contract)
    truncated.load([NEW], between, attempts=3)
    newest = max(NEW, other, key=lambda sample: sample.hour)
    assert set(truncated.rows) == newest.rows
    with truncated.endpoint.connect() as warehouse:
        assert ledger.begun(warehouse, target) == []
        count = len(
            warehouse.fetch(
                f"SELECT 1 FROM {target.ledger.sql} WHERE {ledger_sql.SETTLED}", name="the entries"
            )
        )
    assert count == len(_outcomes(truncated))


def _lose(table: Table, sample: Sample, *, commit: bool) -> str:
    """Take the commit of a batch away, or the file that it names; how a report calls the batch."""
    of = batch(table.contract, sample.hour, sample.manifest)
    attempt = NAMES.attempt(of.source, of.hour, of.batch_id, "a1")
    file = NAMES.commit(of.source, of.hour, of.batch_id) if commit else part(attempt, 0, 0)
    table.storage.delete(file)
    return f"batch {of.batch_id[:8]} of {of.hour}"


@pytest.mark.parametrize("commit", [True, False], ids=["commit", "file"])
def test_a_table_that_was_emptied_for_files_that_are_gone_gets_back_what_it_had(
    truncated: Table, commit: bool
) -> None:
    truncated.load([NEW])
    with pytest.raises(WarehouseUnavailable):
        _break(truncated, NEWEST)
    lost = _lose(truncated, NEWEST, commit=commit)
    (report,) = truncated.reports([OLD])
    assert (report.outcome, report.facts["batches_given_up"]) == ("outdated", [lost])
    assert set(truncated.rows) == NEW.rows
    assert _outcomes(truncated) == {0: Outcome.OUTDATED, 1: Outcome.LOADED}
    assert len(_entries(truncated)) == 2
    truncated.load([NEWEST])
    assert set(truncated.rows) == NEWEST.rows


def test_what_it_had_comes_back_however_often_that_breaks_off(truncated: Table) -> None:
    truncated.load([NEW])
    with pytest.raises(WarehouseUnavailable):
        _break(truncated, NEWEST)
    _lose(truncated, NEWEST, commit=True)
    for _ in range(2):
        with pytest.raises(WarehouseUnavailable):
            _break(truncated, OLD)
        assert truncated.rows == []
    truncated.load([NEW])
    assert set(truncated.rows) == NEW.rows
    assert _outcomes(truncated) == {1: Outcome.LOADED}
    assert len(_entries(truncated)) == 1


def test_a_newer_hour_than_the_table_had_is_loaded_in_place_of_one_that_is_gone(
    truncated: Table,
) -> None:
    truncated.load([OLD])
    with pytest.raises(WarehouseUnavailable):
        _break(truncated, NEWEST)
    lost = _lose(truncated, NEWEST, commit=True)
    (report,) = truncated.reports([NEW])
    assert (report.outcome, report.facts["batches_given_up"]) == ("done", [lost])
    assert set(truncated.rows) == NEW.rows
    assert _outcomes(truncated) == {0: Outcome.LOADED, 1: Outcome.LOADED}


def test_an_older_hour_is_no_substitute_for_what_the_table_had(truncated: Table) -> None:
    truncated.load([NEW])
    with pytest.raises(WarehouseUnavailable):
        _break(truncated, NEWEST)
    lost = _lose(truncated, NEWEST, commit=False)
    _lose(truncated, NEW, commit=True)
    (report,) = truncated.reports([OLD])
    assert (report.outcome, report.error_code) == ("blocked", TableEmptied.code)
    assert lost in str(report.error)
    assert f"replay {truncated.contract.source} HOUR" in str(report.error)
    assert truncated.rows == []
    truncated.load([Sample(1, 1, ((5, (0, False)),))])
    assert truncated.rows == [(5, 0, "1.1")]
    assert Outcome.BEGUN not in _outcomes(truncated).values()


def test_a_swapped_table_keeps_grants_comments_owner_and_keys(
    swapped: Table, endpoint: Endpoint
) -> None:
    target = Target(swapped.contract)
    table = target.table.sql
    with connect(endpoint.admin) as warehouse:
        warehouse.execute("CREATE ROLE swap_readers", name="the role")
        warehouse.commit()
    with endpoint.connect() as warehouse:
        for statement in (
            f"GRANT SELECT ON TABLE {table} TO ROLE swap_readers",
            f'GRANT UPDATE ("value"), SELECT ("id") ON TABLE {table} TO ROLE swap_readers',
            f"COMMENT ON TABLE {table} IS 'what it is for'",
            f"COMMENT ON COLUMN {table}.\"value\" IS 'of things'",
        ):
            warehouse.execute(statement, name="what people put on it")
        columns = warehouse.fetch(ddl.columns_of(target.table), name="the columns")
        warehouse.commit()
    swapped.load([OLD])
    with endpoint.connect() as warehouse:
        assert warehouse.fetch(ddl.grants_on(target.table), name="the grants") == [
            ("SELECT", "swap_readers", "role", False)
        ]
        assert warehouse.fetch(ddl.column_grants_on(target.table), name="those on columns") == [
            ("id", "SELECT", "swap_readers", "role"),
            ("value", "UPDATE", "swap_readers", "role"),
        ]
        assert warehouse.fetch(ddl.comments_on(target.table), name="the comments") == [
            (None, "what it is for"),
            ("value", "of things"),
        ]
        assert warehouse.fetch(ddl.other_owner_of(target.table), name="the owner") == []
        assert warehouse.fetch(ddl.columns_of(target.table), name="the columns") == columns
    assert set(swapped.rows) == OLD.rows


def test_a_table_that_an_administrator_swaps_stays_with_its_owner(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    of = _of("swap")
    endpoint.bootstrap(of)
    as_admin = replace(endpoint, service=endpoint.admin)
    Table(as_admin, of, DirectoryStorage(tmp_path)).load([OLD])
    with as_admin.connect() as warehouse:
        owners = warehouse.fetch(ddl.other_owner_of(Target(of).table), name="the owner")
    assert owners == [(endpoint.service.username,)]


def test_a_swap_is_refused_while_a_view_stands_on_the_table(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    of = _of("swap")
    endpoint.bootstrap(of)
    table = Table(endpoint, of, DirectoryStorage(tmp_path))
    table.load([OLD])
    target = Target(of)
    view = f'analytics."{of.source}_seen"'
    with endpoint.connect() as warehouse:
        warehouse.execute(f"CREATE VIEW {view} AS SELECT id FROM {target.table.sql}", name="a view")
        warehouse.commit()
    (report,) = table.reports([NEW])
    assert report.error_code == ViewsDepend.code
    assert f"analytics.{of.source}_seen" in str(report.error)
    assert set(table.rows) == OLD.rows
    with endpoint.connect() as warehouse:
        warehouse.execute(f"DROP VIEW {view}", name="the view")
        warehouse.commit()
    table.load([NEW])
    assert set(table.rows) == NEW.rows


def test_a_late_binding_view_shows_the_rows_of_each_swap(swapped: Table) -> None:
    target = Target(swapped.contract)
    shelf = f"shelf_{swapped.contract.source}"
    seen = f"SELECT id FROM {QualifiedName.of(shelf, target.table.table.name).sql}"
    published = PublishedTable(target.table, (Identifier("id"),))
    with connect(swapped.endpoint.admin) as warehouse:
        for statement in shares.views(shelf, [published], []):
            warehouse.execute(statement, name="the view")
        warehouse.commit()
    for sample in (OLD, NEW):
        swapped.load([sample])
        with connect(swapped.endpoint.admin) as warehouse:
            rows = {row[0] for row in warehouse.fetch(seen, name="the rows of the view")}
        assert rows == {row[0] for row in sample.rows}


def test_readers_of_a_swapped_table_see_the_old_rows_until_it_is_committed(swapped: Table) -> None:
    swapped.load([OLD])
    seen: list[object] = []
    between: Faults = _Between(lambda: seen.append(set(swapped.rows)), "the insert", 1)
    swapped.load([NEW], between, attempts=3)
    assert seen == [OLD.rows]
    assert set(swapped.rows) == NEW.rows
