"""The roles that contracts name may read, and lose that again; nothing else changes."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest

from etl_platform.aws.warehouse import connect
from etl_platform.contract.aggregate import AggregateContract
from etl_platform.contract.errors import WarehouseRefused
from etl_platform.publish.readers import Reader, apply_as_admin, readers_of
from etl_platform_tests.load.endpoint import Endpoint
from etl_platform_tests.load.samples import contract
from etl_platform_tests.publish.samples import aggregate, source

PASSWORD = "Reads-1-Table"
_numbers = count()


class Analyst:
    """A user who has one role, and two tables in a schema that nobody else reads."""

    def __init__(self, endpoint: Endpoint) -> None:
        number = next(_numbers)
        self.endpoint, self.user = endpoint, f"analyst{number}"
        self.role, self.schema = f"readers of {number}", f"shelf{number}"
        self.one, self.two = (Reader(self.schema, table, self.role) for table in ("one", "two"))
        self.admin(f"CREATE SCHEMA {self.schema}")
        self.make_tables()
        self.admin(f"CREATE USER {self.user} PASSWORD '{PASSWORD}'")
        self.apply(self.one)
        self.admin(f'GRANT ROLE "{self.role}" TO {self.user}')

    def make_tables(self) -> None:
        for table in ("one", "two"):
            self.admin(f"CREATE TABLE {self.schema}.{table} (a integer)")

    def admin(self, statement: str) -> None:
        with connect(self.endpoint.admin) as warehouse:
            warehouse.execute(statement, name="a statement of the test")
            warehouse.commit()

    def apply(self, *readers: Reader) -> None:
        with connect(self.endpoint.admin) as warehouse:
            apply_as_admin(warehouse, set(readers))

    @contextmanager
    def _logged_in(self) -> Iterator[Any]:
        changed = {"username": self.user, "password": type(self.endpoint.admin.password)(PASSWORD)}
        with connect(self.endpoint.admin.model_copy(update=changed)) as warehouse:
            yield warehouse

    def reads(self, table: str) -> bool:
        with self._logged_in() as warehouse:
            try:
                warehouse.fetch(f"SELECT a FROM {self.schema}.{table}", name="the reading")
            except WarehouseRefused as error:
                if error.sqlstate != "42501":
                    raise
                return False
            return True

    def has_usage(self) -> bool:
        with connect(self.endpoint.admin) as warehouse:
            query = f"SELECT has_schema_privilege('{self.user}', '{self.schema}', 'USAGE')"
            return bool(warehouse.fetch(query, name="the privilege")[0][0])


@pytest.fixture
def analyst(endpoint: Endpoint) -> Iterator[Analyst]:
    made = Analyst(endpoint)
    yield made
    made.apply()


def test_a_role_reads_the_tables_of_its_contracts_and_no_others(analyst: Analyst) -> None:
    assert (analyst.reads("one"), analyst.reads("two")) == (True, False)


def test_what_is_applied_again_stays_as_it_is(analyst: Analyst) -> None:
    analyst.apply(analyst.one)
    assert (analyst.reads("one"), analyst.reads("two")) == (True, False)


def test_a_reader_that_is_taken_out_loses_the_table_and_then_the_schema(analyst: Analyst) -> None:
    analyst.apply(analyst.one, analyst.two)
    assert analyst.reads("two")
    analyst.apply(analyst.two)
    assert (analyst.reads("one"), analyst.reads("two"), analyst.has_usage()) == (False, True, True)
    analyst.apply()
    assert (analyst.reads("two"), analyst.has_usage()) == (False, False)


def test_a_table_that_was_made_again_is_read_again(analyst: Analyst) -> None:
    for table in ("one", "two"):
        analyst.admin(f"DROP TABLE {analyst.schema}.{table}")
    analyst.make_tables()
    assert not analyst.reads("one")
    analyst.apply(analyst.one)
    assert analyst.reads("one")


def test_a_table_that_is_gone_needs_no_revoke(analyst: Analyst) -> None:
    for table in ("one", "two"):
        analyst.admin(f"DROP TABLE {analyst.schema}.{table}")
    analyst.apply()
    assert not analyst.has_usage()


def test_grants_by_hand_are_left_alone(analyst: Analyst) -> None:
    analyst.admin(f"GRANT SELECT ON {analyst.schema}.two TO {analyst.user}")
    analyst.apply(analyst.one)
    assert analyst.reads("two")


def test_contracts_of_both_kinds_name_readers() -> None:
    visits = contract("append", readers=["analysts"])
    events = source("upsert")
    sums = aggregate({"e": (events, "at")}, "SELECT 1 FROM {e} AS e", readers=["bi", "analysts"])
    of_sums: AggregateContract = sums.contract
    assert readers_of([visits, events], [of_sums]) == {
        Reader("analytics", visits.table, "analysts"),
        Reader("analytics", of_sums.table, "analysts"),
        Reader("analytics", of_sums.table, "bi"),
    }


def test_another_reader_makes_no_row_of_an_aggregate_anew() -> None:
    events = source("upsert")
    reads, query = {"e": (events, "at")}, "SELECT 1 FROM {e} AS e"
    sums = aggregate(reads, query, aggregate="sums")
    assert sums.digest == aggregate(reads, query, aggregate="sums", readers=["bi"]).digest
