"""Nested values of Parquet as JSON, and columns that the contract does not know."""

import io
import json
import math
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from etl_platform.contract.errors import FileUnreadable
from etl_platform.convert.readers.parquet_json import json_texts
from etl_platform.convert.reasons import Reason
from etl_platform_tests.convert.samples import Converted, contract, converted

PARQUET = {"type": "parquet"}
MOMENT = datetime.fromisoformat("2013-01-01T05:00:00.123456")


def written(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def texts(array: "pa.Array[Any]") -> list[str | None]:
    of = contract({"v": "super"}, PARQUET, null_tokens=[])
    result = converted(of, written(pa.table({"v": array})))
    assert not result.rejects
    return [row["v"] for row in result.rows]


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (pa.array([{"a": 1, "b": None}, None]), ['{"a":1,"b":null}', None]),
        (pa.array([[1.5, None], [], None]), ["[1.5,null]", "[]", None]),
        (pa.array([[{"a": ["x"]}]]), ['[{"a":["x"]}]']),
        (pa.array([[Decimal("12345678901234567890.10")]]), ["[12345678901234567890.10]"]),
        (pa.array([[2**63 - 1]]), ["[9223372036854775807]"]),
        (pa.array([[0.1, 1e300]], pa.list_(pa.float64())), ["[0.1,1e+300]"]),
        (pa.array([[0.1]], pa.list_(pa.float32())), ["[0.1]"]),
        (pa.array([[math.nan, -math.inf]]), ['["nan","-inf"]']),
        (pa.array([[MOMENT]]), ['["2013-01-01T05:00:00.123456"]']),
        (
            pa.array([[MOMENT]], pa.list_(pa.timestamp("ms", "America/New_York"))),
            ['["2013-01-01T05:00:00.123Z"]'],
        ),
        (pa.array([[date(2013, 2, 28)]]), ['["2013-02-28"]']),
        (pa.array([[time(1, 2, 3)]]), ['["01:02:03.000000"]']),
        (pa.array([[b"\x00\xff"]]), ['["00ff"]']),
        (pa.array([['"\\\n é']]), ['["\\"\\\\\\n é"]']),
        (pa.array([[True, False]]), ["[true,false]"]),
        (
            pa.array([[("k", 1), ('"', None)], None], pa.map_(pa.string(), pa.int32())),
            ['{"k":1,"\\"":null}', None],
        ),
        (pa.array([[(1, "x")]], pa.map_(pa.int32(), pa.string())), ['{"1":"x"}']),
        (pa.array(['{"a" : 1.50}', None]), ['{"a" : 1.50}', None]),
        (pa.array([Decimal("1.50")]), ["1.50"]),
        (pa.array([date(2013, 2, 28)]), ['"2013-02-28"']),
        (pa.array([[1, 2], None], pa.list_(pa.int8(), 2)), ["[1,2]", None]),
        (pa.nulls(2), [None, None]),
    ],
    ids=str,
)
def test_nested_values_are_exact(array: "pa.Array[Any]", expected: list[str | None]) -> None:
    assert [None if t is None else compact(t) for t in texts(array)] == [
        None if t is None else compact(t) for t in expected
    ]


def compact(text: str) -> Any:
    return json.loads(text, parse_float=lambda n: ("number", n), object_pairs_hook=list)


def test_a_text_that_is_no_json_is_a_reject() -> None:
    of = contract({"v": "super"}, PARQUET)
    result = converted(of, written(pa.table({"v": ["{", "1"]})))
    assert [reason for _, _, reason, _ in result.reasons] == [Reason.NOT_JSON]


def test_bytes_for_a_column_of_bytes_are_their_digits() -> None:
    of = contract({"v": "varbyte(2)"}, PARQUET)
    assert converted(of, written(pa.table({"v": [b"\x00\xff", None]}))).rows == [
        {"v": "00ff"},
        {"v": None},
    ]


KINDS: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from([pa.int64(), pa.string(), pa.bool_(), pa.decimal128(10, 2)]),
    lambda inner: st.one_of(
        inner.map(pa.list_),
        st.lists(inner, min_size=1, max_size=3).map(
            lambda kinds: pa.struct([(f'n"{n}', kind) for n, kind in enumerate(kinds)])
        ),
    ),
    max_leaves=4,
)


def of_kind(kind: Any) -> st.SearchStrategy[Any]:
    if pa.types.is_struct(kind):
        return st.none() | st.fixed_dictionaries({f.name: of_kind(f.type) for f in kind})
    if pa.types.is_list(kind):
        return st.none() | st.lists(of_kind(kind.value_type), max_size=3)
    if pa.types.is_string(kind):
        return st.none() | st.text(max_size=4)
    if pa.types.is_boolean(kind):
        return st.none() | st.booleans()
    if pa.types.is_decimal(kind):
        return st.none() | st.decimals(-1000, 1000, places=2)
    return st.none() | st.integers(-(2**63), 2**63 - 1)


@st.composite
def arrays(draw: st.DrawFn) -> "pa.Array[Any]":
    kind = draw(KINDS)
    whole: pa.Array[Any] = pa.array(draw(st.lists(of_kind(kind), max_size=6)), kind)
    return whole.slice(draw(st.integers(0, len(whole))))


@settings(max_examples=100, deadline=None)
@given(array=arrays())
@example(array=pa.array([[], None, [1]], pa.list_(pa.int8()))[1:])
def test_the_json_of_any_value_says_what_pyarrow_says(array: "pa.Array[Any]") -> None:
    found = json_texts(array).to_pylist()
    for text, value in zip(found, array.to_pylist(), strict=True):
        assert (None if text is None else json.loads(text, parse_float=Decimal)) == value


def test_nulls_within_are_null_and_not_absent() -> None:
    assert texts(pa.array([{"a": None}])) == ['{"a":null}']


TABLE = pa.table(
    {
        "id": [1, 2],
        "air": [{"temp": 1, "wet": Decimal("1.50")}, {"temp": 2, "wet": None}],
        "new": [[1, 2], None],
        "b": [b"\xff", None],
    }
)
KNOWN = [
    {"name": "id", "type": "integer"},
    {"name": "temp", "type": "integer", "path": "air.temp"},
]


def with_policy(policy: str, table: pa.Table = TABLE) -> Converted:
    return converted(contract(KNOWN, PARQUET, unknown=policy), written(table))


def test_unknown_columns_are_passed_over_and_named() -> None:
    result = with_policy("ignore")
    assert [row["temp"] for row in result.rows] == [1, 2]
    assert result.unknown_fields == ("air.wet", "b", "new")


def test_unknown_columns_block_and_the_error_names_them() -> None:
    with pytest.raises(
        FileUnreadable, match=r"its schema has what the contract has not: 'air.wet'"
    ):
        with_policy("block")


def test_unknown_columns_reject_every_record() -> None:
    assert with_policy("reject").reasons == [
        (number, "", Reason.UNKNOWN_FIELD, "air.wet, new, b") for number in (1, 2)
    ]


@pytest.mark.parametrize("policy", ["block", "reject", "capture"])
def test_a_file_of_known_columns_passes_every_policy(policy: str) -> None:
    table = pa.table({"id": [1], "air": [{"temp": 1}]})
    assert [row["id"] for row in with_policy(policy, table).rows] == [1]


def test_unknown_columns_are_captured_but_for_nulls() -> None:
    rows = sorted(with_policy("capture").rows, key=lambda row: row["id"])
    assert [row["_extra"] for row in rows] == ['{"air":{"wet":1.50},"new":[1,2],"b":"ff"}', None]


def test_a_captured_text_that_is_none_is_a_reject() -> None:
    table = TABLE.append_column("c", pa.array([b"x", b"\xff"]).view(pa.string()))
    result = with_policy("capture", table)
    assert [row["_extra"][-9:] for row in result.rows] == [',"c":"x"}']
    assert result.reasons == [(2, "_extra", Reason.UNDECODABLE, None)]


def test_moments_with_a_zone_are_in_utc() -> None:
    moment = pa.array([[MOMENT.replace(tzinfo=UTC)]], pa.list_(pa.timestamp("us", "Asia/Tokyo")))
    assert texts(moment) == ['["2013-01-01T05:00:00.123456Z"]']
