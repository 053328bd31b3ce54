"""Bootstrap makes what loads need, may be repeated, and refuses what it would have to change."""

from dataclasses import replace
from typing import Any

import pytest

from etl_platform.aws.warehouse import connect
from etl_platform.contract.errors import (
    SchemaChangeRefused,
    SettingInvalid,
    TargetDiffers,
    TargetMissing,
    TargetOutdated,
    Terminal,
    ViewsDepend,
    WarehouseRefused,
)
from etl_platform.contract.source import SourceContract
from etl_platform.load import ddl, ledger
from etl_platform.load.target import HOURS_VIEW, LEDGER_VIEW, Target
from etl_platform_tests.load.endpoint import SERVICE, Endpoint
from etl_platform_tests.load.samples import batch, commit, contract

ALL_TYPES = [
    {"name": "c1", "type": "smallint"},
    {"name": "c2", "type": "integer"},
    {"name": "c3", "type": "bigint", "required": True},
    {"name": "c4", "type": "decimal(30,4)"},
    {"name": "c5", "type": "real"},
    {"name": "c6", "type": "double"},
    {"name": "c7", "type": "boolean"},
    {"name": "c8", "type": "date"},
    {"name": "c9", "type": "timestamp"},
    {"name": "c10", "type": "timestamptz"},
    {"name": "c11", "type": "varchar(7)"},
    {"name": "c12", "type": "char(3)"},
    {"name": "c13", "type": "time"},
    {"name": "c14", "type": "super", "required": True},
    {"name": "c15", "type": "varbyte(7)"},
    {"name": "select", "type": "varchar(7)"},
]


def _fetch(endpoint: Endpoint, query: str) -> list[tuple[Any, ...]]:
    with connect(endpoint.admin) as warehouse:
        return warehouse.fetch(query, name="the query of the test")


def _created(endpoint: Endpoint, *contracts: SourceContract) -> list[str]:
    return [str(name) for name in endpoint.bootstrap(*contracts)]


def test_a_repeated_bootstrap_finds_every_table_as_the_contract_says(endpoint: Endpoint) -> None:
    of = contract(
        "append",
        columns=ALL_TYPES,
        key=[],
        load={"strategy": "append", "distkey": "c3", "sortkey": ["c9", "select"]},
    )
    assert _created(endpoint, of) == [str(Target(of).table)]
    assert _created(endpoint, of) == []


@pytest.mark.parametrize(
    ("columns", "error", "difference"),
    [
        pytest.param(
            [{"name": "id", "type": "bigint", "required": True}],
            TargetOutdated,
            "column id changes from integer to bigint",
            id="another type",
        ),
        pytest.param(
            [{"name": "number", "type": "integer"}],
            SchemaChangeRefused,
            "column id is not in the contract",
            id="another name",
        ),
        pytest.param(
            [{"name": "id", "type": "integer"}],
            TargetOutdated,
            "column id is not required any more",
            id="another constraint",
        ),
        pytest.param(
            [
                {"name": "id", "type": "integer", "required": True},
                {"name": "more", "type": "date"},
            ],
            TargetOutdated,
            "column more is new",
            id="a column more",
        ),
    ],
)
def test_a_table_with_other_columns_is_left_to_apply(
    endpoint: Endpoint, columns: list[dict[str, Any]], error: type[Terminal], difference: str
) -> None:
    first = [{"name": "id", "type": "integer", "required": True}]
    of = contract("append", columns=first, key=[])
    _created(endpoint, of)
    changed = contract("append", columns=columns, key=[], source=of.source)
    with pytest.raises(error, match=difference):
        _created(endpoint, changed)


def test_bytes_of_another_length_are_another_type(endpoint: Endpoint) -> None:
    of = contract("append", columns=[{"name": "sign", "type": "varbyte(8)"}], key=[])
    _created(endpoint, of)
    longer = [{"name": "sign", "type": "varbyte(9)"}]
    with pytest.raises(TargetOutdated) as refused:
        _created(endpoint, contract("append", columns=longer, key=[], source=of.source))
    assert refused.value.changes == (
        "column sign changes from binary varying(8) to binary varying(9)",
    )


def test_a_table_that_has_rows_takes_no_journal_late(endpoint: Endpoint) -> None:
    of = contract("upsert")
    _created(endpoint, of)
    late = {"strategy": "upsert", "null_means": "keep"}
    with pytest.raises(TargetDiffers) as refused:
        _created(endpoint, contract("upsert", load=late, source=of.source))
    assert refused.value.difference == "its rows are in no journal"


def test_a_table_with_a_journal_is_made_once(endpoint: Endpoint) -> None:
    of = contract("upsert", load={"strategy": "upsert", "corrected": "retract"})
    assert _created(endpoint, of)
    assert not _created(endpoint, of)


def test_the_service_user_is_no_administrator(endpoint: Endpoint) -> None:
    assert _fetch(
        endpoint, f"SELECT usesuper, usecreatedb FROM pg_user WHERE usename = '{SERVICE}'"
    ) == [(False, False)]
    with endpoint.connect() as warehouse, pytest.raises(WarehouseRefused, match="42501"):
        warehouse.execute("CREATE TABLE public.intruder (a integer)", name="the intrusion")


def test_bootstrap_gives_the_service_user_the_password_of_the_secret(endpoint: Endpoint) -> None:
    with connect(endpoint.admin) as warehouse:
        warehouse.execute(f"ALTER USER {SERVICE} PASSWORD 'Another-1-Secret'", name="a rotation")
        warehouse.commit()
    with pytest.raises(WarehouseRefused, match="the login"):
        endpoint.connect()
    endpoint.bootstrap()
    with endpoint.connect() as warehouse:
        assert warehouse.fetch("SELECT current_user", name="the user") == [(SERVICE,)]


def test_a_table_that_was_dropped_begins_again_with_an_empty_ledger(endpoint: Endpoint) -> None:
    of = contract("append")
    target = Target(of)
    _created(endpoint, of)
    with endpoint.connect() as warehouse:
        entry = _entry(target)
        ledger.write(warehouse, target, [entry])
        warehouse.execute(f"DROP TABLE {target.table.sql}", name="the drop")
        warehouse.commit()
    assert _created(endpoint, of) == [str(target.table)]
    with endpoint.connect() as warehouse:
        assert ledger.loaded(warehouse, target, [entry.batch_id]) == {}


def _entry(target: Target) -> ledger.Entry:
    made = commit(target.contract, batch(target.contract, 0), [])
    return ledger.Entry.new(target, made, ledger.Outcome.LOADED, 0, ledger.Run("o", "r"))


LATER = ("dagster_run_id", "copy_query_id", "load_seconds")
EARLIER = ", ".join(n.name for n in ledger.COLUMN_NAMES if n.name not in LATER)


def _as_of_an_older_release(endpoint: Endpoint, target: Target) -> None:
    """A ledger without the columns that came later, with a row in it; the view over it."""
    with endpoint.connect() as warehouse:
        for view in (HOURS_VIEW, LEDGER_VIEW):
            warehouse.execute(f"DROP VIEW {view.sql}", name="the drop of a view")
        for column in LATER:
            statement = f"ALTER TABLE {target.ledger.sql} DROP COLUMN {column}"
            warehouse.execute(statement, name="the drop of a column")
        warehouse.execute(
            f"INSERT INTO {target.ledger.sql} ({EARLIER}) VALUES ('t', 's', '2026-11-23', 'old',"
            " '1', '2026-11-23', 'loaded', 1, 1, 0, 0, 1, 0, 1, 9, 'd', 'o', 'r', GETDATE())",
            name="a row",
        )
        earlier = f"CREATE VIEW {LEDGER_VIEW.sql} AS SELECT {EARLIER} FROM {target.ledger.sql}"
        warehouse.execute(earlier, name="the view over the ledger")
        warehouse.commit()


def test_a_ledger_of_an_older_release_gets_its_columns_and_keeps_its_rows(
    endpoint: Endpoint,
) -> None:
    of, gone = contract("append"), contract("append")
    _created(endpoint, of, gone)
    for target in (Target(of), Target(gone)):
        _as_of_an_older_release(endpoint, target)
        _created(endpoint, of)
        with endpoint.connect() as warehouse:
            (old,) = ledger.loaded(warehouse, target, ["old"]).values()
            ledger.write(warehouse, target, [replace(_entry(target), load_seconds=0.5)])
            warehouse.commit()
            columns = warehouse.fetch(ddl.columns_of(LEDGER_VIEW), name="the columns of the view")
            ((seen,),) = warehouse.fetch(
                f"SELECT load_seconds FROM {LEDGER_VIEW.sql} WHERE target = %s",
                [str(target.table)],
                name="the entry in the view",
            )
        assert (old.rows_read, old.run_id, old.load_seconds, old.dagster_run_id) == (
            *(1, "r", None, None),
        )
        assert [row[0] for row in columns] == [name.name for name in ledger.COLUMN_NAMES]
        assert seen == 0.5


def test_views_that_are_made_anew_keep_the_grants_on_them(endpoint: Endpoint) -> None:
    of = contract("append")
    _created(endpoint, of)
    _as_of_an_older_release(endpoint, Target(of))
    with connect(endpoint.admin) as warehouse:
        warehouse.execute("CREATE ROLE auditors", name="the role")
        warehouse.commit()
    with endpoint.connect() as warehouse:
        warehouse.execute(f"GRANT SELECT ON {LEDGER_VIEW.sql} TO ROLE auditors", name="the grant")
        of_column = f"GRANT SELECT (source) ON {LEDGER_VIEW.sql} TO PUBLIC"
        warehouse.execute(of_column, name="the grant on a column")
        warehouse.commit()
    _created(endpoint, of)
    granted = "SELECT privilege_type FROM svv_relation_privileges WHERE relation_name = 'ledger'"
    assert _fetch(endpoint, f"{granted} AND identity_name = 'auditors'") == [("SELECT",)]
    granted = "SELECT column_name FROM svv_column_privileges WHERE relation_name = 'ledger'"
    assert _fetch(endpoint, f"{granted} AND identity_type = 'public'") == [("source",)]


def test_a_view_that_stands_in_the_way_is_named_and_nothing_is_changed(endpoint: Endpoint) -> None:
    of = contract("append")
    _created(endpoint, of)
    target = Target(of)
    _as_of_an_older_release(endpoint, target)
    view = "etl_platform.audit"
    with endpoint.connect() as warehouse:
        warehouse.execute(f"CREATE VIEW {view} AS SELECT * FROM {LEDGER_VIEW.sql}", name="a view")
        warehouse.commit()
    with pytest.raises(ViewsDepend, match=view):
        _created(endpoint, of)
    with endpoint.connect() as warehouse:
        with pytest.raises(TargetMissing, match="lacks columns"):
            ledger.newest(warehouse, target)
        warehouse.rollback()
        warehouse.execute(f"DROP VIEW {view}", name="the drop of the view")
        warehouse.commit()
    _created(endpoint, of)
    with endpoint.connect() as warehouse:
        assert ledger.newest(warehouse, target) is not None


def test_two_sources_do_not_share_a_table(endpoint: Endpoint) -> None:
    shared = {"strategy": "append", "table": "shared"}
    with pytest.raises(SettingInvalid, match="which is the table of"):
        _created(endpoint, contract("append", load=shared), contract("append", load=shared))
