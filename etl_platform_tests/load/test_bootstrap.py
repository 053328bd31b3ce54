"""Bootstrap makes what loads need, may be repeated, and refuses what it would have to change."""

from typing import Any

import pytest

from etl_platform.aws.warehouse import connect
from etl_platform.contract.errors import (
    SchemaChangeRefused,
    SettingInvalid,
    TargetDiffers,
    TargetOutdated,
    Terminal,
    WarehouseRefused,
)
from etl_platform.contract.source import SourceContract
from etl_platform.load import ledger
from etl_platform.load.target import Target
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


def test_two_sources_do_not_share_a_table(endpoint: Endpoint) -> None:
    shared = {"strategy": "append", "table": "shared"}
    with pytest.raises(SettingInvalid, match="which is the table of"):
        _created(endpoint, contract("append", load=shared), contract("append", load=shared))
