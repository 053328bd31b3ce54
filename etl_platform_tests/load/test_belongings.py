"""A table with what a new one in its place would lack is not replaced, by no swap and no copy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from etl_platform.aws.warehouse import connect
from etl_platform.contract.errors import ReplacementRefused
from etl_platform.contract.warehouse import Warehouse
from etl_platform.load import evolution
from etl_platform.load.belongings import refuse_losses
from etl_platform.load.quoting import QualifiedName
from etl_platform.load.target import Target
from etl_platform_tests.fakes.storage import DirectoryStorage
from etl_platform_tests.load.endpoint import Endpoint
from etl_platform_tests.load.samples import contract
from etl_platform_tests.load.tables import Table
from etl_platform_tests.load.test_commutation import Sample

OLD, NEW = (Sample(hour, 0, ((hour, (0, False)),)) for hour in range(2))
SWAP = {"strategy": "refresh", "method": "swap"}


@dataclass(frozen=True)
class Answering:
    """A real warehouse that answers some queries, by a part of their text, as Redshift may."""

    inner: Warehouse
    answers: Mapping[str, list[tuple[Any, ...]]]

    def execute(self, statement: str, parameters: Sequence[object] = (), *, name: str) -> int:
        return self.inner.execute(statement, parameters, name=name)

    def fetch(
        self, statement: str, parameters: Sequence[object] = (), *, name: str
    ) -> list[tuple[Any, ...]]:
        found = self.inner.fetch(statement, parameters, name=name)
        return next((rows for view, rows in self.answers.items() if view in statement), found)

    def commit(self) -> None:
        self.inner.commit()

    def rollback(self) -> None:
        self.inner.rollback()


def _run(endpoint: Endpoint, *statements: str) -> None:
    with connect(endpoint.admin) as warehouse:
        for statement in statements:
            warehouse.execute(statement, name="what a person does")
        warehouse.commit()


def _made(endpoint: Endpoint) -> QualifiedName:
    of = contract("append")
    endpoint.bootstrap(of)
    return Target(of).table


SECURED, UNSECURED = (f"ALTER TABLE {{}} ROW LEVEL SECURITY {state}" for state in ("ON", "OFF"))


def test_a_swap_is_refused_before_a_file_is_read_until_the_loss_is_taken_off(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    of = contract("refresh", load=SWAP)
    endpoint.bootstrap(of)
    table, name = Table(endpoint, of, DirectoryStorage(tmp_path)), Target(of).table.sql
    table.load([OLD])
    _run(endpoint, SECURED.format(name))
    table.files.clear()
    (report,) = table.reports([NEW])
    assert report.error_code == ReplacementRefused.code
    assert "its row-level security" in str(report.error)
    assert set(table.rows) == OLD.rows
    _run(endpoint, UNSECURED.format(name))
    table.load([NEW])
    assert set(table.rows) == NEW.rows


def test_a_copy_is_refused_and_a_change_in_place_keeps_what_is_there(endpoint: Endpoint) -> None:
    first = {"name": "id", "type": "integer", "required": True}
    of = contract("append", columns=[first], key=[])
    endpoint.bootstrap(of)
    table = Target(of).table.sql
    _run(endpoint, SECURED.format(table))
    wider = contract("append", columns=[first | {"type": "bigint"}], key=[], source=of.source)
    with pytest.raises(ReplacementRefused, match="its row-level security"):
        evolution.apply(endpoint.connect, Target(wider))
    more = [first, {"name": "more", "type": "date"}]
    longer = contract("append", columns=more, key=[], source=of.source)
    assert len(evolution.apply(endpoint.connect, Target(longer))) == 1
    with endpoint.connect() as warehouse, pytest.raises(ReplacementRefused):
        refuse_losses(warehouse, Target(of).table)


def test_grants_comments_and_another_owner_are_no_losses(endpoint: Endpoint) -> None:
    table = _made(endpoint)
    _run(
        endpoint,
        'CREATE ROLE "a ""reader"" | of=all"',
        "CREATE USER belongings_user PASSWORD 'A-User-1-of-it'",
        "CREATE GROUP belongings_group",
        f'GRANT SELECT ON TABLE {table.sql} TO ROLE "a ""reader"" | of=all"',
        'CREATE ROLE "a ""reader"" | of=none"',
        f'GRANT SELECT ON TABLE {table.sql} TO ROLE "a ""reader"" | of=none"',
        f"GRANT SELECT, DELETE ON TABLE {table.sql} TO belongings_user WITH GRANT OPTION",
        f"GRANT SELECT ON TABLE {table.sql} TO GROUP belongings_group",
        f"GRANT SELECT ON TABLE {table.sql} TO PUBLIC",
        f'GRANT SELECT ("id"), UPDATE ("value") ON TABLE {table.sql} TO belongings_user',
        f'GRANT SELECT ("value") ON TABLE {table.sql} TO ROLE "a ""reader"" | of=none"',
        f"COMMENT ON TABLE {table.sql} IS 'what it is for'",
    )
    with endpoint.connect() as warehouse:
        refuse_losses(warehouse, table)
    with connect(endpoint.admin) as warehouse:
        refuse_losses(warehouse, table)


@pytest.mark.parametrize(
    ("view", "rows", "loss"),
    [
        pytest.param(
            "svv_attached_masking_policy",
            [("mask_names",)],
            "its masking policy mask_names",
            id="a masking policy, shown to sys:secadmin",
        ),
        pytest.param(
            "svv_datashare_objects",
            [("shop_share",)],
            "its place in the datashare shop_share",
            id="a datashare, shown to its owner",
        ),
        # https://github.com/dbt-labs/dbt-adapters/issues/1808
        pytest.param(
            "svv_relation_privileges",
            [("user", "etl_service"), ("role", "ds:shop_share")],
            "its place in the datashare shop_share",
            id="a datashare, shown as a role",
        ),
    ],
)
def test_what_the_laptop_has_not_is_refused_as_redshift_shows_it(
    endpoint: Endpoint, view: str, rows: list[tuple[Any, ...]], loss: str
) -> None:
    table = _made(endpoint)
    with endpoint.connect() as warehouse, pytest.raises(ReplacementRefused) as refused:
        refuse_losses(Answering(warehouse, {view: rows}), table)
    assert refused.value.losses == (loss,)


def test_a_grant_that_is_not_shown_to_the_owner_is_not_lost(endpoint: Endpoint) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_RELATION_PRIVILEGES.html"""
    table = _made(endpoint)
    _run(
        endpoint,
        "CREATE GROUP belongings_hidden",
        f"GRANT SELECT ON TABLE {table.sql} TO GROUP belongings_hidden",
        f"GRANT SELECT ON TABLE {table.sql} TO PUBLIC",
    )
    restricted: dict[str, list[tuple[Any, ...]]] = {
        "svv_relation_privileges": [("user", "etl_service"), ("public", "public")]
    }
    with endpoint.connect() as warehouse:
        refuse_losses(warehouse, table)
        with pytest.raises(ReplacementRefused) as refused:
            refuse_losses(Answering(warehouse, restricted), table)
    assert refused.value.losses == ("the grants to 1 others, who are not shown to this user",)


def test_a_grant_on_a_column_that_is_not_shown_to_the_owner_is_not_lost(endpoint: Endpoint) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_COLUMN_PRIVILEGES.html"""
    table = _made(endpoint)
    _run(
        endpoint,
        "CREATE GROUP belongings_columns",
        f'GRANT SELECT ("id", "value") ON TABLE {table.sql} TO GROUP belongings_columns',
        f'GRANT UPDATE ("id") ON TABLE {table.sql} TO PUBLIC',
    )
    restricted: dict[str, list[tuple[Any, ...]]] = {
        "svv_column_privileges": [("id", "public", "public")]
    }
    with endpoint.connect() as warehouse:
        refuse_losses(warehouse, table)
        with pytest.raises(ReplacementRefused) as refused:
            refuse_losses(Answering(warehouse, restricted), table)
    hidden = "to 1 others, who are not shown to this user"
    assert refused.value.losses == (
        f"the grants on its column id {hidden}",
        f"the grants on its column value {hidden}",
    )
