"""VARBYTE to clients: https://docs.aws.amazon.com/redshift/latest/dg/r_VARBYTE_type.html"""

import struct
import subprocess
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from etl_platform_tests.infra.local.redshift.endpoint import ADMIN, DATABASE, PASSWORD, Endpoint
from infra.local.redshift import wire
from infra.local.redshift.postgres import binaries

Sql = Callable[..., list[list[Any]]]


def test_the_driver_reads_a_varbyte(sql: Sql) -> None:
    """It takes hexadecimal digits, and gives the text that they are the bytes of."""
    sql("CREATE TABLE t (a varbyte(9), b int, c varbyte)")
    sql("INSERT INTO t VALUES (from_hex('616263'), 7, NULL), (from_hex(''), 8, from_hex('5c78'))")
    assert sql("SELECT a, b, c FROM t ORDER BY b") == [["abc", 7, None], ["", 8, "\\x"]]
    assert sql("SELECT b, a FROM t WHERE b = %s", 7) == [[7, "abc"]]


def test_a_simple_query_gives_digits_too(endpoint: Endpoint) -> None:
    address = f"postgresql://{ADMIN}@127.0.0.1:{endpoint.port}/{DATABASE}"
    done = subprocess.run(
        [str(binaries() / "psql"), address, "-Atc", "SELECT from_hex('00ff'), 'x'; SELECT 1"],
        env={"PGPASSWORD": PASSWORD},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "00ff|x\n1\n"


@given(st.lists(st.none() | st.binary(max_size=20), max_size=6), st.data())
def test_only_the_marks_of_those_columns_are_taken_off(
    values: list[bytes | None], data: st.DataObject
) -> None:
    places = data.draw(st.sets(st.integers(0, max(len(values) - 1, 0))))
    told = [
        rb"\x" + value.hex().encode() if value is not None and place in places else value
        for place, value in enumerate(values)
    ]
    expected = [
        value.hex().encode() if value is not None and place in places else value
        for place, value in enumerate(values)
    ]
    assert wire.hex_digits(data_row(told), places) == data_row(expected)


def data_row(values: list[bytes | None]) -> bytes:
    parts = [struct.pack("!H", len(values))]
    for value in values:
        parts.append(struct.pack("!i", -1 if value is None else len(value)) + (value or b""))
    return wire.frame(b"D", b"".join(parts))
