"""Whatever becomes part of a statement comes back from a real warehouse as it was."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl_platform.contract.errors import SettingInvalid
from etl_platform.load.quoting import (
    Identifier,
    Literal,
    QualifiedName,
    RoleArn,
    Sql,
    compose,
    joined,
)
from etl_platform_tests.load.endpoint import Endpoint

_HOSTILE = [
    '"; DROP TABLE t; --',
    "'||'",
    "/*",
    "%s",
    "{}",
    "${x}",
    "select",
    "\u2019\u2019",
    "ü",
    "a.b",
]
_printable = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=30)
_texts = st.sampled_from(_HOSTILE) | _printable

_slow = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@_slow
@given(value=_texts.filter(lambda text: "\\" not in text))
def test_a_literal_comes_back_as_it_was(endpoint: Endpoint, value: str) -> None:
    with endpoint.connect() as warehouse:
        found = warehouse.fetch(
            compose("SELECT {value} AS found", value=Literal(value)), name="the round trip"
        )
    assert found == [(value,)]


@_slow
@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_comes_back_to_the_last_bit(endpoint: Endpoint, value: float) -> None:
    with endpoint.connect() as warehouse:
        found = warehouse.fetch(
            compose("SELECT CAST({value} AS double precision) AS found", value=Literal(value)),
            name="the round trip",
        )
    assert found == [(value,)]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_no_literal(value: float) -> None:
    with pytest.raises(ValueError, match="is no number"):
        _ = Literal(value).sql


@_slow
@given(name=_texts.filter(lambda text: len(text.encode()) <= 63))
def test_a_name_stays_one_name(endpoint: Endpoint, name: str) -> None:
    statement = compose(
        "SELECT {name} FROM (SELECT 7 AS {name}) AS inner_query", name=Identifier(name)
    )
    with endpoint.connect() as warehouse:
        assert warehouse.fetch(statement, name="the round trip") == [(7,)]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a\\'b", id="a backslash, which only Redshift takes as an escape"),
        pytest.param("a\nb", id="a line break"),
        pytest.param("a\x00b", id="a null character"),
    ],
)
def test_a_literal_that_two_dialects_read_differently_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no backslash") as refused:
        _ = Literal(text).sql
    assert text not in str(refused.value)


@pytest.mark.parametrize("name", ["", "a\nb", "a\x00", "n" * 128])
def test_a_text_that_no_warehouse_takes_as_a_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no name"):
        Identifier(name)


def test_the_repr_of_a_literal_hides_its_value() -> None:
    assert "hunter2" not in repr(Literal("hunter2"))


def test_plain_text_does_not_become_sql() -> None:
    with pytest.raises(TypeError, match="is not SQL"):
        compose("SELECT {value}", value="1; DROP TABLE t")  # type: ignore[arg-type]


def test_braces_in_a_value_are_left_alone() -> None:
    filled = compose("{a} {b}", a=Literal("{b}"), b=Sql("1"))
    assert filled == "'{b}' 1"


def test_a_table_is_quoted_part_by_part() -> None:
    names = joined([QualifiedName.of('s"s', "t.t"), Identifier("c")])
    assert names == '"s""s"."t.t", "c"'


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:iam::123456789012:role/etl-copy",
        "arn:aws-us-gov:iam::123456789012:role/path/etl-copy",
    ],
)
def test_an_arn_of_a_role_is_taken(arn: str) -> None:
    assert RoleArn(arn).sql == f"'{arn}'"


@pytest.mark.parametrize(
    "arn",
    [
        pytest.param("arn:aws:iam::123456789012:role/x' REGION 'eu", id="a quote"),
        pytest.param("arn:aws:iam::123456789012:role/x\n", id="a line break"),
        pytest.param("arn:aws:iam::123456789012:user/x", id="a user"),
        pytest.param("arn:aws:iam::1234:role/x", id="a short account"),
        pytest.param("default", id="a keyword"),
    ],
)
def test_what_is_no_arn_of_a_role_is_refused(arn: str) -> None:
    with pytest.raises(SettingInvalid, match="copy_role_arn"):
        RoleArn(arn)
