import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl_platform.contract.types import ColumnType

SPELLINGS = st.one_of(
    st.sampled_from(
        ["smallint", "integer", "bigint", "real", "double", "boolean", "date", "timestamp",
         "timestamptz", "time", "super"]
    ),
    st.integers(1, 65535).map(lambda n: f"varchar({n})"),
    st.integers(1, 4096).map(lambda n: f"char({n})"),
    st.integers(1, 32767).map(lambda n: f"varbyte({n})"),
    st.integers(1, 38).flatmap(
        lambda p: st.integers(0, min(p, 37)).map(lambda s: f"decimal({p},{s})")
    ),
)  # fmt: skip


@given(SPELLINGS)
def test_a_spelling_reads_back_as_itself(text: str) -> None:
    assert str(ColumnType.parse(text)) == text
    assert ColumnType.parse(text.upper().replace(",", " , ")) == ColumnType.parse(text)


@given(SPELLINGS)
def test_every_type_has_a_form_in_every_system(text: str) -> None:
    column = ColumnType.parse(text)
    assert isinstance(column.arrow, pa.DataType)
    forms = (column.duckdb, column.redshift, column.glue, column.staged)
    assert all(form and "{" not in form for form in forms)


@given(SPELLINGS)
def test_what_copy_cannot_take_is_staged_as_a_text_that_is_long_enough(text: str) -> None:
    column = ColumnType.parse(text)
    if column.staged == column.redshift:
        assert column.restored == "{staged}"
    else:
        assert column.arrow == pa.string()
        assert 1 <= int(column.staged.removeprefix("varchar(").removesuffix(")")) <= 65535
        assert column.restored != "{staged}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("varchar", "arguments"),
        ("varchar(0)", "at least 1"),
        ("varchar(65536)", "limits"),
        ("varbyte", "arguments"),
        ("varbyte(32768)", "limits"),
        ("super(5)", "arguments"),
        ("decimal(6", "quotes in YAML"),
        ("decimal(39,2)", "limits"),
        ("decimal(4,5)", "scale"),
        ("text", "expected smallint"),
        ("integer; drop table x", "expected"),
    ],
)
def test_a_wrong_spelling_says_what_was_expected(text: str, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        ColumnType.parse(text)


def test_timestamps_are_in_microseconds() -> None:
    assert ColumnType.parse("timestamp").arrow == pa.timestamp("us")
    assert ColumnType.parse("timestamptz").arrow == pa.timestamp("us", "UTC")
