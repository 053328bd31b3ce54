"""The newest row of a key, whatever the order; and the exact form of the Parquet files."""

from decimal import Decimal
from itertools import groupby

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from etl_platform_tests.convert.samples import STAMP, contract, converted

CSV = {"type": "csv"}
COLUMNS = {"id": "integer!", "revision": "integer!", "value": "varchar(20)"}
UPSERT = {"strategy": "upsert", "version": "revision", "sortkey": ["value"]}
VERSIONED = contract(COLUMNS, CSV, key=["id"], load=UPSERT)
UNVERSIONED = contract(COLUMNS, CSV, key=["id"])
KEYLESS = contract(COLUMNS, CSV)

Triple = tuple[int, int, str]
triples = st.tuples(st.integers(0, 4), st.integers(0, 2), st.sampled_from("abc"))
files_of_triples = st.lists(st.lists(triples, max_size=6), min_size=1, max_size=4)


def csv_of(rows: list[Triple]) -> bytes:
    return "\n".join(["id,revision,value", *(",".join(map(str, row)) for row in rows)]).encode()


def triples_of(rows: list[dict[str, object]]) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in rows]


def newest(files: list[list[Triple]], versioned: bool) -> set[Triple]:
    """The same rule, slowly: the last row of each key in the order of newness."""
    placed = [
        (row[0], row[1] if versioned else 0, file, record, row)
        for file, rows in enumerate(files)
        for record, row in enumerate(rows)
    ]
    return {list(same)[-1][4] for _, same in groupby(sorted(placed), key=lambda one: one[0])}


@settings(max_examples=30, deadline=None)
@given(files=files_of_triples, data=st.data())
def test_the_newest_row_of_a_key_stays_in_whatever_order_files_are_parsed(
    files: list[list[Triple]], data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(files))))
    for of, versioned in ((VERSIONED, True), (UNVERSIONED, False)):
        result = converted(of, *map(csv_of, files), order=order)
        expected = newest(files, versioned)
        assert set(triples_of(result.rows)) == expected
        assert len(result.rows) == len(expected)
        assert result.superseded == sum(map(len, files)) - len(expected)
        assert result.rows == converted(of, *map(csv_of, files)).rows


def test_rows_are_sorted_by_the_sort_key_and_then_the_key() -> None:
    rows: list[Triple] = [(3, 0, "a"), (1, 0, "b"), (2, 0, "a"), (4, 0, "")]
    result = converted(VERSIONED, csv_of(rows))
    assert [row["id"] for row in result.rows] == [2, 3, 1, 4]


def test_without_a_key_every_row_stays() -> None:
    result = converted(KEYLESS, csv_of([(1, 0, "a"), (1, 0, "a")]), csv_of([(1, 0, "a")]))
    assert triples_of(result.rows) == [(1, 0, "a")] * 3
    assert result.superseded == 0


def test_a_file_has_the_schema_of_the_contract_to_the_letter() -> None:
    of = contract(
        {
            "a": "smallint!",
            "b": "integer",
            "c": "bigint",
            "d": "decimal(6,2)!",
            "e": "decimal(38,10)",
            "f": "real",
            "g": "double",
            "h": "boolean",
            "i": "date",
            "j": "timestamp",
            "k": "timestamptz!",
            "l": "varchar(10)!",
            "m": "char(3)",
        },
        CSV,
    )
    values = (
        "1,2,3,1.5,2.5,0.5,0.25,t,2013-01-01,2013-01-01T00:00:00Z,2013-01-01T01:00:00+01:00,x,y"
    )
    result = converted(of, f"a,b,c,d,e,f,g,h,i,j,k,l,m\n{values}\n".encode())
    assert result.table.schema.remove_metadata() == of.arrow_schema
    assert result.rows[0]["d"] == Decimal("1.50")
    assert result.rows[0]["k"].isoformat() == "2013-01-01T00:00:00+00:00"


def test_every_row_carries_the_hour_and_the_batch() -> None:
    table = converted(KEYLESS, csv_of([(1, 0, "a"), (2, 0, "b")])).table
    assert table.column_names[-2:] == ["_hour", "_batch_id"]
    assert table["_hour"].to_pylist() == [STAMP.hour_utc] * 2
    assert table["_batch_id"].to_pylist() == [STAMP.batch_id] * 2
    assert table.schema.field("_hour").type == pa.timestamp("us")


def test_no_rows_make_no_file() -> None:
    result = converted(KEYLESS, csv_of([]))
    assert result.rows == []
    assert result.rejects == []
