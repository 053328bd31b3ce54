"""Rules of a whole contract: what may be kept out, and what is kept beside a batch."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from etl_platform.contract.source import Rejects, SourceContract
from etl_platform_tests.convert.samples import contract

FEED = contract({"id": "integer!", "value": "varchar(5)"}, {"type": "csv"}, key=["id"])


@pytest.mark.parametrize(
    ("written", "limits", "spelled"),
    [
        (5, (5,), "5 records"),
        (0, (0,), "0 records"),
        ("1%", ("1%",), "1% of the records"),
        (["0.25%", 1000], ("0.25%", 1000), "0.25% of the records and 1000 records"),
    ],
)
def test_a_limit_is_a_count_a_share_or_both(
    written: object, limits: tuple[int | str, ...], spelled: str
) -> None:
    rejects = Rejects.model_validate({"at_most": written})
    assert rejects.at_most == limits
    assert rejects.limit == spelled
    assert Rejects.model_validate_json(rejects.model_dump_json()) == rejects


@pytest.mark.parametrize(
    "written",
    [-1, "1", "101%", "-1%", "1.%", "٣%", 0.5, True, None, [], [1, 2], ["1%", "2%"], [[1]], {}],
    ids=repr,
)
def test_what_is_no_limit_is_refused(written: object) -> None:
    with pytest.raises(ValidationError, match=r"expected a count as 100, a share as 1%"):
        Rejects.model_validate({"at_most": written})


@given(st.integers(0, 10**6), st.integers(0, 10**4), st.integers(0, 1000), st.integers(0, 10**6))
def test_of_a_count_and_a_share_both_hold_exactly(
    read: int, thousandths: int, count: int, rejected: int
) -> None:
    share = f"{thousandths // 100}.{thousandths % 100:02}%"
    by_share, by_count = (Rejects.model_validate({"at_most": limit}) for limit in (share, count))
    both = Rejects.model_validate({"at_most": [share, count]})
    assert by_count.allow(rejected, read) == (rejected <= count)
    assert by_share.allow(rejected, read) == (
        Fraction(rejected) <= Fraction(thousandths, 10**4) * read
    )
    assert both.allow(rejected, read) == (
        by_share.allow(rejected, read) and by_count.allow(rejected, read)
    )


def test_an_hour_without_records_is_within_every_limit() -> None:
    assert Rejects.model_validate({"at_most": [0, "0%"]}).allow(0, 0)


@pytest.mark.parametrize("kind", ["super", "varbyte(2)"])
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"key": ["a"]}, "key"),
        ({"key": ["b"], "load": {"strategy": "upsert", "version": "a"}}, "load.version"),
        ({"load": {"strategy": "append", "distkey": "a"}}, "load.distkey"),
        ({"load": {"strategy": "append", "sortkey": ["b", "a"]}}, "load.sortkey"),
    ],
)
def test_json_and_bytes_are_no_key(kind: str, changes: dict[str, object], field: str) -> None:
    with pytest.raises(ValidationError, match=r"a is a .*, which is no key") as refused:
        contract({"a": f"{kind}!", "b": "integer!"}, {"type": "json"}, **changes)
    (error,) = refused.value.errors()
    assert ".".join(error["ctx"]["error"].field) == field


def test_a_time_and_a_derived_column_may_be_keys() -> None:
    columns = [
        {"name": "at", "type": "time", "required": True},
        {"name": "hour_of_day", "type": "integer", "required": True, "expression": "hour(at)"},
    ]
    load = {"strategy": "upsert", "version": "hour_of_day", "sortkey": ["at"]}
    of = contract(columns, {"type": "csv"}, key=["at"], load=load)
    assert [column.name for column in of.read_columns] == ["at"]


def test_a_contract_reads_something() -> None:
    columns = [{"name": "a", "type": "integer", "expression": "1"}]
    with pytest.raises(ValidationError, match="every column has an expression"):
        contract(columns, {"type": "csv"})


def test_superseded_rows_are_kept_only_where_there_is_a_key() -> None:
    with pytest.raises(ValidationError, match="no row replaces another where there is no key"):
        contract({"id": "integer"}, {"type": "csv"}, keep_superseded=True)


def test_a_superseded_row_has_the_columns_of_a_row_and_its_place() -> None:
    kept = SourceContract.model_validate(
        {**FEED.model_dump(mode="json", by_alias=True), "keep_superseded": True}
    )
    assert kept.superseded_schema.names == [
        *("id", "value", "_file", "_record", "_hour", "_batch_id")
    ]
    assert kept.arrow_schema == FEED.arrow_schema


LONGEST = "n" * 127


def _named(column: str = "id", **changes: object) -> SourceContract:
    attributes = {
        "source": "feed",
        "description": "A feed of the tests",
        "owner": "team:tests",
        "starts": "2026-01-01-00",
        "format": {"type": "json"},
        "columns": [{"name": column, "type": "integer"}],
        "load": {"strategy": "append"},
    }
    return SourceContract.model_validate(attributes | changes)


def test_a_name_has_127_bytes_as_in_redshift_and_no_more() -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/r_names.html"""
    load = {"strategy": "append", "schema": LONGEST, "table": LONGEST}
    of = _named(LONGEST, load=load, readers=[LONGEST])
    assert (of.columns[0].name, of.load.schema_name, of.table) == (LONGEST, LONGEST, LONGEST)
    for changes in (
        {"load": {"strategy": "append", "schema": LONGEST + "n"}},
        {"load": {"strategy": "append", "table": LONGEST + "n"}},
        {"readers": [LONGEST + "n"]},
    ):
        with pytest.raises(ValidationError, match="127 at most"):
            _named(**changes)
    with pytest.raises(ValidationError, match="127 at most"):
        _named(LONGEST + "n")


@pytest.mark.parametrize("name", ["é", "Id", "a b", 'a"b', "a$b", "1a", "_hour", "a.b", ""])
def test_a_name_that_another_part_would_spell_otherwise_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="is not a name"):
        _named(name)


@pytest.mark.parametrize("name", ["oid", "xmin", "ctid", "tableoid"])
def test_a_system_column_of_the_warehouse_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="is a system column of Redshift"):
        _named(name)
