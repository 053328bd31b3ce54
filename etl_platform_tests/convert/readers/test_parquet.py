"""Parquet as a source: its schema against the contract, exact values, and damaged files."""

import io
import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl_platform.contract.errors import FileUnreadable
from etl_platform.convert.readers import parquet
from etl_platform.convert.reasons import Reason
from etl_platform_tests.convert.samples import Converted, contract, converted

PARQUET = {"type": "parquet"}


def written(table: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def one(array: "pa.Array[Any]", kind: str, **options: Any) -> Converted:
    """A file of one column, read into a column of a type."""
    of = contract({"v": kind}, PARQUET, null_tokens=[])
    return converted(of, written(pa.table({"v": array}), **options))


def values(array: "pa.Array[Any]", kind: str, **options: Any) -> list[Any]:
    result = one(array, kind, **options)
    assert result.rejects == []
    return [row["v"] for row in result.rows]


MOMENT = datetime.fromisoformat("2013-01-01T05:00:00.123")


@pytest.mark.parametrize(
    ("array", "kind", "expected"),
    [
        (pa.array([1, None, -(2**63)], pa.int64()), "bigint", [1, None, -(2**63)]),
        (pa.array([255, 0], pa.uint8()), "smallint", [255, 0]),
        (pa.array([5.0, None]), "integer", [5, None]),
        (pa.array([Decimal("5.00")]), "integer", [5]),
        (pa.array([Decimal("0.0000001")], pa.decimal128(38, 7)), "decimal(8,7)", [Decimal("1e-7")]),
        (pa.array([12.34]), "decimal(6,2)", [Decimal("12.34")]),
        (pa.array([0.1], pa.float32()), "real", [pa.scalar(0.1, pa.float32()).as_py()]),
        (pa.array([0.1], pa.float32()), "double", [pa.scalar(0.1, pa.float32()).as_py()]),
        (pa.array([1.5], pa.float16()), "double", [1.5]),
        (pa.array([0.1, 1e300, -0.0]), "double", [0.1, 1e300, -0.0]),
        (pa.array([True, None]), "boolean", [True, None]),
        (pa.array([1, 0]), "boolean", [True, False]),
        (pa.array([date(2013, 2, 28)]), "date", [date(2013, 2, 28)]),
        (pa.array([date(9999, 12, 31)], pa.date64()), "date", [date(9999, 12, 31)]),
        (pa.array([MOMENT], pa.timestamp("ms")), "timestamp", [MOMENT]),
        (pa.array([MOMENT], pa.timestamp("us")), "timestamp", [MOMENT]),
        (pa.array([MOMENT], pa.timestamp("ns")), "timestamp", [MOMENT]),
        (
            pa.array([MOMENT], pa.timestamp("us", "America/New_York")),
            "timestamptz",
            [MOMENT.replace(tzinfo=UTC)],
        ),
        (pa.array(["ü", None], pa.string()), "varchar(2)", ["ü", None]),
        (pa.array(["ü"], pa.large_string()), "varchar(2)", ["ü"]),
        (pa.array(["ü"], pa.string_view()), "varchar(2)", ["ü"]),
        (pa.array(["a", "b", "a"]).dictionary_encode(), "varchar(2)", ["a", "b", "a"]),
        (pa.array([b"\xc3\xbc"]), "varchar(2)", ["ü"]),
        (pa.array(["1.50"]), "decimal(6,2)", [Decimal("1.50")]),
        (pa.array([12], pa.int32()), "varchar(2)", ["12"]),
        (pa.array([time(1, 2, 3)], pa.time64("us")), "varchar(9)", ["01:02:03"]),
        (pa.nulls(2), "integer", [None, None]),
        (pa.array([], pa.int32()), "integer", []),
    ],
    ids=str,
)
def test_values_come_exactly(array: "pa.Array[Any]", kind: str, expected: list[Any]) -> None:
    assert values(array, kind) == expected


@pytest.mark.parametrize(
    ("array", "kind", "reason"),
    [
        (pa.array([40_000]), "smallint", Reason.OUT_OF_RANGE),
        (pa.array([1.5]), "integer", Reason.NOT_AN_INTEGER),
        (pa.array([float("nan")]), "integer", Reason.NOT_AN_INTEGER),
        (pa.array([float("nan")]), "double", Reason.NOT_A_NUMBER),
        (pa.array([float("inf")]), "double", Reason.NOT_A_NUMBER),
        (pa.array([Decimal("12.345")]), "decimal(6,2)", Reason.TOO_MANY_DECIMALS),
        (pa.array([0.1 + 0.2]), "decimal(6,2)", Reason.TOO_MANY_DECIMALS),
        (pa.array([2]), "boolean", Reason.NOT_A_BOOLEAN),
        (pa.array([1], pa.timestamp("ns")), "timestamp", Reason.NOT_A_TIMESTAMP),
        (pa.array(["üü"]), "varchar(3)", Reason.TOO_LONG),
        (pa.array(["a\0"]), "varchar(3)", Reason.NUL_CHARACTER),
        (pa.array([b"\xff"]), "varchar(9)", Reason.UNDECODABLE),
        (pa.array([b"\xff"]).view(pa.string()), "varchar(9)", Reason.UNDECODABLE),
    ],
    ids=str,
)
def test_what_a_type_does_not_hold_is_a_reject(
    array: "pa.Array[Any]", kind: str, reason: str
) -> None:
    result = one(array, kind)
    assert [(record, column, why) for record, column, why, _ in result.reasons] == [
        (1, "v", reason)
    ]
    json.loads(result.rejects[0]["raw"])


def test_bytes_that_are_no_text_cost_no_neighbour() -> None:
    result = one(pa.array([b"x", b"\xff", b"y"]), "varchar(9)")
    assert [row["v"] for row in result.rows] == ["x", "y"]
    assert result.reasons == [(2, "v", Reason.UNDECODABLE, None)]


@pytest.mark.parametrize(
    ("array", "kind"),
    [
        (pa.array([0.1]), "real"),
        (pa.array([2**24 + 1], pa.int32()), "real"),
        (pa.array([2**53 + 1]), "double"),
        (pa.array([Decimal("1234567890123456.7")]), "double"),
        (pa.array([1.0]), "boolean"),
        (pa.array([MOMENT]), "date"),
        (pa.array([date(2013, 1, 1)]), "timestamp"),
        (pa.array([1357016400]), "timestamp"),
        (pa.array([Decimal("1.5")], pa.decimal256(40, 2)), "decimal(6,2)"),
        (pa.array([{"a": 1}]), "varchar(9)"),
        (pa.array([[1]]), "integer"),
    ],
    ids=str,
)
def test_a_type_that_could_lose_something_unseen_refuses_the_file(
    array: "pa.Array[Any]", kind: str
) -> None:
    with pytest.raises(FileUnreadable, match="its column 'v' is"):
        one(array, kind)


def test_timestamps_of_96_bits_keep_their_year_and_are_never_rounded() -> None:
    exact = [datetime.fromisoformat(t) for t in ("0001-01-01", "2013-01-01", "9999-12-31T23:59:59")]
    array = pa.array(exact, pa.timestamp("us"))
    assert values(array, "timestamp", use_deprecated_int96_timestamps=True) == exact
    finer = pa.array([1357016400_000000_001, None], pa.timestamp("ns"))
    result = one(finer, "timestamp", use_deprecated_int96_timestamps=True)
    assert result.reasons == [(1, "v", Reason.NOT_A_TIMESTAMP, "2013-01-01 05:00:00.000000001")]
    assert result.rows == [{"v": None}]


def test_columns_are_found_by_name_within_structs_and_by_names_with_dots() -> None:
    of = contract(
        [
            {"name": "temp", "type": "decimal(4,1)", "path": "air.temp"},
            {"name": "wind", "type": "integer", "path": "air.wind.speed"},
            {"name": "id", "type": "integer"},
        ],
        PARQUET,
    )
    air = pa.array([{"temp": Decimal("1.5"), "wind": {"speed": 3}}, None])
    table = pa.table({"extra": [1, 2], "id": [7, 8], "air": air})
    rows = [{"temp": Decimal("1.5"), "wind": 3, "id": 7}, {"temp": None, "wind": None, "id": 8}]
    assert converted(of, written(table)).rows == rows
    dotted = pa.table(
        {"air.temp": [Decimal("1.5")], "air.wind.speed": [3], "id": pa.array([7], pa.int8())}
    )
    assert converted(of, written(dotted)).rows == rows[:1]


def test_a_missing_column_refuses_the_file_and_the_others_are_named() -> None:
    of = contract({"id": "integer", "name": "varchar(3)"}, PARQUET)
    with pytest.raises(FileUnreadable, match=r"no column 'name'.*it has 'id', 'Name'"):
        converted(of, written(pa.table({"id": [1], "Name": ["a"]})))


def test_a_doubled_column_refuses_the_file() -> None:
    table = pa.table([pa.array([1]), pa.array([2])], ["v", "v"])
    with pytest.raises(FileUnreadable, match="more than once"):
        converted(contract({"v": "integer"}, PARQUET), written(table))


def test_a_reject_is_kept_as_the_json_of_its_row_with_its_position() -> None:
    table = pa.table(
        {
            "id": ["1", "x"],
            'ODD "name"': pa.array([None, Decimal("1.10")], pa.decimal128(20, 2)),
            "at": pa.array([MOMENT, MOMENT], pa.timestamp("us")),
            "list": [[1], [2, None]],
            "ID": [float("nan"), float("-inf")],
            "bytes": [b"", b"\xff\x00"],
            "huge": pa.array([Decimal(1), Decimal(2)], pa.decimal256(60, 0)),
        }
    )
    result = converted(contract({"id": "integer"}, PARQUET), written(table))
    assert result.reasons == [(2, "id", Reason.NOT_AN_INTEGER, "x")]
    assert json.loads(result.rejects[0]["raw"], parse_float=Decimal) == {
        "id": "x",
        'ODD "name"': Decimal("1.10"),
        "at": "2013-01-01 05:00:00.123",
        "list": [2, None],
        "ID": "-inf",
        "bytes": "\\xFF\\x00",
        "huge": "2",
    }


def test_records_are_numbered_over_row_groups_and_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "_BATCH_ROWS", 7)
    table = pa.table({"v": [str(n) if n % 10 else "x" for n in range(1, 101)]})
    result = converted(contract({"v": "integer"}, PARQUET), written(table, row_group_size=30))
    assert [reject["record"] for reject in result.rejects] == list(range(10, 101, 10))
    assert len(result.rows) == 90


def test_a_file_without_rows_is_empty() -> None:
    assert values(pa.array([], pa.string()), "integer") == []


def test_every_cut_of_a_file_and_other_contents_are_refused() -> None:
    whole = written(pa.table({"v": list(range(50))}))
    of = contract({"v": "integer"}, PARQUET)
    for end in range(0, len(whole), 7):
        with pytest.raises(FileUnreadable, match="not Parquet, or cut off"):
            converted(of, whole[:end])
    with pytest.raises(FileUnreadable, match="not Parquet, or cut off"):
        converted(of, b"id,name\n1,a\n")


def test_a_damaged_page_is_refused_by_its_checksum() -> None:
    whole = written(
        pa.table({"v": list(range(1000))}), write_page_checksum=True, use_dictionary=False
    )
    damaged = bytearray(whole)
    damaged[len(whole) // 3] ^= 0xFF
    with pytest.raises(FileUnreadable, match="is damaged behind row 0"):
        converted(contract({"v": "integer"}, PARQUET), bytes(damaged))


def test_rows_beyond_the_limit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "MOST_BYTES", 1000)
    with pytest.raises(FileUnreadable, match="its rows do not end"):
        one(pa.array([1] * 1000), "integer")


CELLS = {
    "bigint": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "decimal(20,5)": (pa.decimal128(20, 5), st.decimals(-(10**14), 10**14, places=5)),
    "double": (pa.float64(), st.floats(allow_nan=False, allow_infinity=False)),
    "real": (pa.float32(), st.floats(width=32, allow_nan=False, allow_infinity=False)),
    "boolean": (pa.bool_(), st.booleans()),
    "date": (pa.date32(), st.dates()),
    "timestamp": (pa.timestamp("us"), st.datetimes()),
    "varchar(400)": (
        pa.string(),
        st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=20),
    ),
}


@settings(max_examples=40, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("kind", CELLS)
def test_every_value_of_a_type_comes_back_as_arrow_has_it(kind: str, data: st.DataObject) -> None:
    arrow: Any
    cells: st.SearchStrategy[Any]
    arrow, cells = CELLS[kind]
    expected: list[Any] = data.draw(st.lists(st.none() | cells, max_size=5))
    assert values(pa.array(expected, arrow), kind) == pa.array(expected, arrow).to_pylist()
