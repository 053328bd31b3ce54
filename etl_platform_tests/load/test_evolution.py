"""A table follows its contract, keeps its rows, and is left alone where it would lose any."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from etl_platform.aws.warehouse import RedshiftWarehouse, connect
from etl_platform.cli import cli
from etl_platform.commands import schema
from etl_platform.contract.errors import SchemaChangeRefused, TargetDiffers, WarehouseRefused
from etl_platform.contract.reading import find_contract
from etl_platform.contract.source import SourceContract
from etl_platform.load import ddl, evolution
from etl_platform.load.ledger import Run
from etl_platform.load.quoting import Identifier, QualifiedName
from etl_platform.load.target import SCHEMA_CHANGES, Target
from etl_platform.load.transaction import Loader
from etl_platform.load.widths import holds
from etl_platform_tests.fakes.storage import DirectoryStorage
from etl_platform_tests.load.endpoint import Endpoint
from etl_platform_tests.load.samples import NAMES, batch, commit, contract
from etl_platform_tests.load.tables import ROLE

ID = {"name": "id", "type": "integer", "required": True}
TEXT = {"name": "value", "type": "varchar(5)"}
COUNT = {"name": "count", "type": "decimal(6,2)"}
LONGER = {"name": "value", "type": "varchar(50)"}
WIDER = {"name": "count", "type": "decimal(12,3)"}
NEW = {"name": "more", "type": "date"}
JOURNAL = {"strategy": "upsert", "null_means": "keep"}
UPSERT = {"strategy": "upsert"}


def _made(endpoint: Endpoint, load: dict[str, Any] = UPSERT, *columns: Any) -> SourceContract:
    of = contract("upsert", columns=list(columns or (ID, TEXT, COUNT)), load=load)
    endpoint.bootstrap(of)
    return of


def _changed(of: SourceContract, *columns: Any, load: dict[str, Any] = UPSERT) -> Target:
    return Target(contract("upsert", columns=list(columns), load=load, source=of.source))


def _run(endpoint: Endpoint, statement: str) -> list[tuple[Any, ...]]:
    with endpoint.connect() as warehouse:
        answer = warehouse.ask(statement)
    return answer.rows


def _insert(endpoint: Endpoint, table: QualifiedName, key: int) -> None:
    late = ', "_loaded_at"' if table.table.name.startswith("feed") else ', "_manifest_at"'
    _run(
        endpoint,
        f'INSERT INTO {table.sql} ("id", "value", "count", "_hour", "_batch_id"{late})'
        f" VALUES ({key}, 'abc', 1.25, '2026-11-23', 'b', '2026-11-23')",
    )


def _plan(endpoint: Endpoint, target: Target) -> list[evolution.Change]:
    with endpoint.connect() as warehouse:
        return evolution.plan(warehouse, target)


def test_a_table_as_its_contract_says_has_no_plan(endpoint: Endpoint) -> None:
    assert _plan(endpoint, Target(_made(endpoint, JOURNAL))) == []


def test_a_new_column_and_a_longer_text_are_changes_in_place(endpoint: Endpoint) -> None:
    of = _made(endpoint)
    _insert(endpoint, Target(of).table, 1)
    target = _changed(of, ID, NEW, LONGER, COUNT)
    done = evolution.apply(endpoint.connect, target)
    table = target.table.sql
    assert [(change.statement, change.alone) for change in done] == [
        (f'ALTER TABLE {table} ALTER COLUMN "value" TYPE varchar(50)', True),
        (f'ALTER TABLE {table} ADD COLUMN "more" date ENCODE az64', False),
    ]
    rows = _run(endpoint, f'SELECT "id", "value", "more" FROM {table}')
    assert [tuple(row) for row in rows] == [(1, "abc", None)]
    _run(endpoint, f"UPDATE {table} SET \"value\" = repeat('x', 50)")
    assert evolution.apply(endpoint.connect, target) == []


def test_a_new_column_may_be_of_every_type(endpoint: Endpoint) -> None:
    kinds = ("bigint", "real", "boolean", "timestamptz", "char(3)", "time", "super", "varbyte(7)")
    more = [{"name": f"c{number}", "type": kind} for number, kind in enumerate(kinds)]
    target = _changed(_made(endpoint), ID, TEXT, COUNT, *more)
    assert len(evolution.apply(endpoint.connect, target)) == len(kinds)
    assert _plan(endpoint, target) == []


def test_a_journal_follows_with_its_table(endpoint: Endpoint) -> None:
    of = _made(endpoint, JOURNAL)
    journal = Target(of).journal_name
    _insert(endpoint, journal, 1)
    target = _changed(of, ID, LONGER, WIDER, NEW, load=JOURNAL)
    evolution.apply(endpoint.connect, target)
    assert _plan(endpoint, target) == []
    rows = _run(endpoint, f'SELECT "id", "value", "count", "more" FROM {journal.sql}')
    assert [str(value) for value in rows[0]] == ["1", "abc", "1.250", "None"]


def test_a_wider_decimal_is_a_copy_that_keeps_rows_grants_and_comments(
    endpoint: Endpoint,
) -> None:
    of = _made(endpoint)
    target = _changed(of, ID, TEXT, WIDER, NEW)
    table = target.table.sql
    _insert(endpoint, target.table, 1)
    with connect(endpoint.admin) as warehouse:
        warehouse.execute("CREATE ROLE evolution_readers", name="a role")
        warehouse.commit()
    _run(endpoint, f"GRANT SELECT ON TABLE {table} TO ROLE evolution_readers")
    _run(endpoint, f'GRANT UPDATE ("count") ON TABLE {table} TO PUBLIC')
    _run(endpoint, f"COMMENT ON TABLE {table} IS 'what it''s for'")
    _run(endpoint, f"COMMENT ON COLUMN {table}.\"count\" IS 'of things'")
    evolution.apply(endpoint.connect, target)
    assert [str(v) for v in _run(endpoint, f'SELECT "count" FROM {table}')[0]] == ["1.250"]
    with endpoint.connect() as warehouse:
        grants = warehouse.fetch(ddl.grants_on(target.table), name="the grants")
        of_columns = warehouse.fetch(ddl.column_grants_on(target.table), name="those on columns")
        comments = warehouse.fetch(ddl.comments_on(target.table), name="the comments")
    assert grants == [("SELECT", "evolution_readers", "role", False)]
    assert of_columns == [("count", "UPDATE", "public", "public")]
    assert comments == [(None, "what it's for"), ("count", "of things")]
    assert _plan(endpoint, target) == []


def test_a_copy_under_a_view_that_is_bound_to_the_table_changes_nothing(
    endpoint: Endpoint,
) -> None:
    of = _made(endpoint)
    table = Target(of).table
    _insert(endpoint, table, 1)
    _run(endpoint, f"CREATE VIEW analytics.bound_{table.table.name} AS SELECT id FROM {table.sql}")
    with pytest.raises(WarehouseRefused, match="2BP01"):
        evolution.apply(endpoint.connect, _changed(of, ID, TEXT, WIDER))
    assert _plan(endpoint, Target(of)) == []
    assert len(_run(endpoint, f"SELECT 1 FROM {table.sql}")) == 1


def test_a_copy_under_a_late_binding_view_is_made_and_the_view_shows_it(
    endpoint: Endpoint,
) -> None:
    of = _made(endpoint)
    table = Target(of).table
    _insert(endpoint, table, 1)
    view = f"analytics.late_{table.table.name}"
    _run(endpoint, f"CREATE VIEW {view} AS SELECT * FROM {table.sql} WITH NO SCHEMA BINDING")
    evolution.apply(endpoint.connect, _changed(of, ID, TEXT, WIDER))
    assert [str(v) for v in _run(endpoint, f'SELECT "count" FROM {view}')[0]] == ["1.250"]


def test_a_statement_alone_is_in_no_transaction_and_the_next_one_is(endpoint: Endpoint) -> None:
    table = Target(_made(endpoint)).table
    with endpoint.connect() as warehouse:
        warehouse.execute_alone(f"VACUUM {table.sql}", name="the vacuum")
        warehouse.execute(f"DROP TABLE {table.sql}", name="a drop without a commit")
    with endpoint.connect() as warehouse, pytest.raises(WarehouseRefused, match="25001"):
        warehouse.execute(f"VACUUM {table.sql}", name="the vacuum")


def test_a_comment_that_cannot_be_written_again_is_not_lost_in_a_copy(endpoint: Endpoint) -> None:
    of = _made(endpoint)
    table = Target(of).table.sql
    _run(endpoint, f"COMMENT ON TABLE {table} IS 'two\nlines'")
    with pytest.raises(SchemaChangeRefused, match="the comment on the table") as refused:
        evolution.apply(endpoint.connect, _changed(of, ID, TEXT, WIDER))
    assert refused.value.ddl == (f"COMMENT ON TABLE {table} IS NULL",)


@pytest.mark.parametrize(
    ("columns", "reason", "by_hand"),
    [
        pytest.param(
            [ID, TEXT], "column count is not in the contract", 'DROP COLUMN "count"', id="dropped"
        ),
        pytest.param(
            [ID, {"name": "value", "type": "varchar(4)"}, COUNT],
            "column value is character varying(5), which character varying(4) does not hold",
            'CAST("value" AS varchar(4))',
            id="narrower",
        ),
        pytest.param(
            [ID, TEXT, COUNT | {"required": True}],
            "column count is required now, and older rows may have no value",
            '"count" numeric(6,2) ENCODE az64 NOT NULL',
            id="required",
        ),
        pytest.param(
            [ID, TEXT, COUNT, NEW | {"required": True}],
            "column more is new and required, and older rows have no value",
            "DROP TABLE",
            id="new and required",
        ),
    ],
)
def test_what_would_lose_values_is_refused_with_the_ddl_for_a_person(
    endpoint: Endpoint, columns: list[Any], reason: str, by_hand: str
) -> None:
    of = _made(endpoint)
    with pytest.raises(SchemaChangeRefused) as refused:
        evolution.apply(endpoint.connect, _changed(of, *columns))
    assert refused.value.reasons == (reason,)
    assert by_hand in str(refused.value)
    assert _plan(endpoint, Target(of)) == []


def test_the_ddl_for_a_person_does_what_was_refused(endpoint: Endpoint) -> None:
    of = _made(endpoint)
    _insert(endpoint, Target(of).table, 1)
    target = _changed(of, ID, {"name": "value", "type": "varchar(3)"})
    with pytest.raises(SchemaChangeRefused) as refused:
        _plan(endpoint, target)
    with endpoint.connect() as warehouse:
        for statement in refused.value.ddl:
            warehouse.execute(statement, name="the statement of a person")
        warehouse.commit()
    assert _plan(endpoint, target) == []
    assert len(_run(endpoint, f"SELECT 1 FROM {target.table.sql}")) == 1


def test_a_table_behind_its_contract_is_loaded_after_apply_and_not_before(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    of = _made(endpoint)
    target = _changed(of, ID, TEXT, COUNT, NEW)
    commits = [commit(target.contract, batch(target.contract, hour), []) for hour in range(2)]
    storage = DirectoryStorage(tmp_path)
    loader = Loader(target, NAMES, ROLE, Run("o", "r"), endpoint.connect, storage)
    blocked = list(loader.load(commits))
    assert [report.outcome for report in blocked] == ["blocked", "blocked"]
    assert all(f"warehouse apply {of.source}" in report.model_dump_json() for report in blocked)
    assert all("TARGET_OUTDATED" in report.model_dump_json() for report in blocked)
    evolution.apply(endpoint.connect, target)
    assert [report.outcome for report in loader.load(commits)] == ["done", "done"]


def test_a_journal_that_is_not_asked_for_any_more_cannot_have_a_gap_later(
    endpoint: Endpoint,
) -> None:
    of = _made(endpoint, JOURNAL)
    without = _changed(of, ID, TEXT, COUNT)
    with pytest.raises(SchemaChangeRefused, match="a journal of its older rows") as refused:
        _plan(endpoint, without)
    _run(endpoint, refused.value.ddl[0])
    assert _plan(endpoint, without) == []
    with pytest.raises(TargetDiffers, match="its rows are in no journal"):
        endpoint.bootstrap(of)


def test_every_statement_is_recorded_once_however_many_apply_at_a_time(endpoint: Endpoint) -> None:
    of = _made(endpoint)
    target = _changed(of, ID, LONGER, WIDER, NEW)
    done: list[int] = []

    def apply() -> None:
        done.append(len(evolution.apply(endpoint.connect, target)))

    threads = [threading.Thread(target=apply) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    records = _run(
        endpoint,
        f"SELECT changed_by, contract_digest FROM {SCHEMA_CHANGES.sql}"
        f" WHERE source = '{of.source}'",
    )
    assert sorted(done) == [0, len(records)]
    assert {tuple(r) for r in records} == {(endpoint.service.username, target.contract.digest)}


def test_the_commands_print_the_statements_and_end_with_1_where_one_is_refused(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "_new_connection", endpoint.connect)
    of = find_contract("weather")
    endpoint.bootstrap(of)
    table = Target(of).table.sql
    as_it_is = CliRunner().invoke(cli, ["warehouse", "plan", "weather"])
    assert (as_it_is.exit_code, as_it_is.stdout) == (0, "-- weather: no change\n")
    column = next(c.name for c in of.columns if not c.required)
    _run(endpoint, f"ALTER TABLE {table} DROP COLUMN {column}")
    applied = CliRunner().invoke(cli, ["warehouse", "apply", "weather"])
    assert applied.exit_code == 0
    first, why, statement = applied.stdout.splitlines()
    assert (first, why) == ("-- weather: 1 statements", f"-- column {column} is new")
    assert statement.startswith(f'ALTER TABLE {table} ADD COLUMN "{column}"')
    _run(endpoint, f"ALTER TABLE {table} ADD COLUMN odd integer")
    refused = CliRunner().invoke(cli, ["warehouse", "plan", "weather"])
    # Other tests have this table as well.
    _run(endpoint, f"ALTER TABLE {table} DROP COLUMN odd")
    assert refused.exit_code == 1
    assert f'{table} DROP COLUMN "odd"' in refused.stderr


DECIMALS = st.tuples(st.integers(1, 38), st.integers(0, 37)).filter(lambda d: d[1] <= d[0])


@given(DECIMALS, DECIMALS)
def test_a_decimal_holds_another_if_it_holds_its_greatest_and_its_finest_value(
    one: tuple[int, int], other: tuple[int, int]
) -> None:
    integers, decimals = one[0] - one[1], one[1]
    fits = other[0] - other[1] <= integers and other[1] <= decimals
    assert holds(f"numeric({one[0]},{one[1]})", f"numeric({other[0]},{other[1]})") == fits


HOSTILE = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=31)


@pytest.fixture(scope="module")
def warehouse(endpoint: Endpoint) -> Iterator[RedshiftWarehouse]:
    with endpoint.connect() as connection:
        yield connection


@given(HOSTILE | st.sampled_from(['a"b', "'", "select", "a;--", "%s", "{x}", "é" * 31]))
def test_a_hostile_name_stays_one_name(warehouse: RedshiftWarehouse, name: str) -> None:
    column = Identifier(name.lower())
    answer = warehouse.ask(f"SELECT 1 AS {column.sql}")
    assert answer.columns == (column.name,)
