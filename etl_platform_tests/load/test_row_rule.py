"""A table keeps to the key and the version that its rows went by, or is made anew."""

from pathlib import Path
from typing import Any

import pytest

from etl_platform.contract.errors import SchemaChangeRefused, TargetOutdated
from etl_platform.contract.source import SourceContract
from etl_platform.load import evolution, layout
from etl_platform.load.row_rule import noted
from etl_platform.load.target import Target
from etl_platform_tests.fakes.storage import DirectoryStorage
from etl_platform_tests.load.endpoint import Endpoint
from etl_platform_tests.load.samples import contract
from etl_platform_tests.load.tables import Table
from etl_platform_tests.load.test_commutation import Sample

JOURNAL = {"strategy": "upsert", "null_means": "keep"}
ROW = Sample(0, 0, ((1, (0, False)),))


def _made(endpoint: Endpoint, of: SourceContract) -> SourceContract:
    endpoint.bootstrap(of)
    return of


def _loaded(endpoint: Endpoint, of: SourceContract, folder: Path) -> Table:
    table = Table(endpoint, _made(endpoint, of), DirectoryStorage(folder))
    table.load([ROW])
    return table


def _noted(endpoint: Endpoint, target: Target) -> str | None:
    with endpoint.connect() as warehouse:
        return noted(warehouse, target)


@pytest.mark.parametrize(
    ("strategy", "version", "changes", "rule"),
    [
        ("append", None, {}, "append"),
        ("refresh", "revision", {}, "refresh"),
        ("upsert", None, {}, "upsert by id"),
        ("upsert", "revision", {"key": ["revision", "id"]}, "upsert by id, revision, newest by"),
        ("scd2", None, {}, "scd2 by id"),
    ],
)
def test_bootstrap_notes_the_rule_of_the_rows(
    endpoint: Endpoint, strategy: str, version: str | None, changes: Any, rule: str
) -> None:
    target = Target(_made(endpoint, contract(strategy, version, **changes)))
    assert str(_noted(endpoint, target)).startswith(rule)


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        pytest.param({"key": ["id", "revision"]}, "upsert by id, revision", id="more columns"),
        pytest.param({"key": ["revision"]}, "upsert by revision", id="another column"),
        pytest.param(
            {"load": {"strategy": "upsert", "version": "revision"}},
            "upsert by id, newest by revision",
            id="a version",
        ),
        pytest.param({"load": {"strategy": "append"}}, "append", id="another strategy"),
    ],
)
def test_rows_that_another_rule_would_have_kept_are_not_made_up(
    endpoint: Endpoint, tmp_path: Path, changed: dict[str, Any], rule: str
) -> None:
    table = _loaded(endpoint, contract("upsert"), tmp_path)
    source = table.contract.source
    target = Target(contract("upsert", source=source, **changed))
    with pytest.raises(SchemaChangeRefused) as refused:
        evolution.apply(endpoint.connect, target)
    assert refused.value.reasons == (
        f"its rows are upsert by id, and {rule} would have kept others",
    )
    assert refused.value.ddl == (f"DROP TABLE {target.table.sql}",)
    table.contract = target.contract
    (report,) = table.reports([Sample(1, 0, ((2, (0, False)),))])
    assert report.error_code == SchemaChangeRefused.code
    assert _noted(endpoint, target) == "upsert by id"


def test_the_way_out_is_a_new_table_that_the_hours_are_loaded_into_again(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    table = _loaded(endpoint, contract("upsert"), tmp_path)
    target = Target(contract("upsert", source=table.contract.source, key=["id", "revision"]))
    with pytest.raises(SchemaChangeRefused) as refused:
        evolution.apply(endpoint.connect, target)
    with endpoint.connect() as warehouse:
        warehouse.execute(refused.value.ddl[0], name="what a person does")
        warehouse.commit()
    endpoint.bootstrap(target.contract)
    table.contract = target.contract
    table.load([ROW])
    assert set(table.rows) == ROW.rows
    assert _noted(endpoint, target) == "upsert by id, revision"


def test_a_table_without_any_batch_takes_another_key_on(endpoint: Endpoint) -> None:
    of = _made(endpoint, contract("upsert", load=JOURNAL))
    target = Target(contract("upsert", source=of.source, load=JOURNAL, key=["revision", "id"]))
    with endpoint.connect() as warehouse, pytest.raises(TargetOutdated) as outdated:
        evolution.check(warehouse, target)
    assert outdated.value.changes == (
        "its rows are to be upsert by id, revision and no more upsert by id",
    )
    assert len(evolution.apply(endpoint.connect, target)) == 2
    with endpoint.connect() as warehouse:
        assert evolution.plan(warehouse, target) == []
        evolution.check(warehouse, target)
        assert layout.found(warehouse, target.journal_name).sortkey == ("revision", "id")


def test_the_order_of_the_columns_of_a_key_is_no_rule(endpoint: Endpoint, tmp_path: Path) -> None:
    table = _loaded(endpoint, contract("upsert", key=["id", "revision"]), tmp_path)
    table.contract = contract("upsert", key=["revision", "id"], source=table.contract.source)
    table.load([Sample(1, 0, ((2, (0, False)),))])
    assert len(table.rows) == 2


def test_a_table_from_before_the_note_is_loaded_and_noted_by_the_next_bootstrap(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    table = _loaded(endpoint, contract("upsert"), tmp_path)
    target = Target(table.contract)
    with endpoint.connect() as warehouse:
        warehouse.execute(f"COMMENT ON TABLE {target.ledger.sql} IS NULL", name="the past")
        warehouse.commit()
    table.load([Sample(1, 0, ((2, (0, False)),))])
    assert _noted(endpoint, target) is None
    endpoint.bootstrap(table.contract)
    assert _noted(endpoint, target) == "upsert by id"
