"""CSV by every way of reading it."""

import csv
import io
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from etl_platform.contract.errors import FileUnreadable
from etl_platform.contract.formats import CsvFormat
from etl_platform.contract.source import SourceContract
from etl_platform.convert.readers.csv import quoted
from etl_platform.convert.readers.csv_dialect import plain_pattern
from etl_platform.convert.readers.csv_header import CsvFile, open_csv
from etl_platform.convert.readers.csv_unquoted import unquoted
from etl_platform.convert.readers.records import STREAM, Records
from etl_platform.convert.reasons import Reason
from etl_platform_tests.convert.samples import contract, converted

FORM = CsvFormat(type="csv")
FEED = contract({"a": "varchar(100)", "b": "varchar(100)"}, {"type": "csv"}, null_tokens=[])

Record = tuple[int, str, str | None, str | None, str | None]


def records(opened: Records) -> list[Record]:
    with duckdb.connect() as connection:
        connection.register(STREAM, opened.reader())
        return sorted(connection.execute(opened.query).fetchall())


def file_of(folder: Path, body: bytes, of: SourceContract = FEED) -> CsvFile:
    path = folder / "raw.csv"
    path.write_bytes(body)
    return open_csv(path, "s3://raw/feed.csv", of, FORM)


def quoted_records(folder: Path, body: bytes) -> list[Record]:
    """The records of a file by the csv module alone, to which the way with Arrow is held."""
    file = file_of(folder, body)
    found = records(quoted(file, None))
    assert records(quoted(file, plain_pattern(FORM, file.width))) == found
    return found


def all_ways(folder: Path, body: bytes) -> list[Record]:
    """The records of a file without quotes, which DuckDB can take apart as well."""
    found = quoted_records(folder, body)
    assert records(unquoted(file_of(folder, body))) == found
    return found


def test_columns_are_found_by_name_in_any_order_and_among_others() -> None:
    rows = converted(FEED, b"x,b,y,a\n1,2,3,4\n").rows
    assert rows == [{"a": "4", "b": "2"}]


def test_a_path_names_a_header_that_is_no_column_name() -> None:
    of = contract([{"name": "a", "type": "integer", "path": "Unit No."}], {"type": "csv"})
    assert converted(of, b"Unit No.\n7\n").rows == [{"a": 7}]


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (b"a\n", "does not name 'b'"),
        (b"a,b,a\n", "names 'a' more than once"),
        (b"", "no header"),
        (b"\n1,2\n", "no header"),
        (b"a,\xff,b\n", "byte 2, in its header, is not utf-8"),
        (b'a,"b\n', "header"),
        (b"a,b\r1,2\r", "header"),
    ],
)
def test_a_file_whose_header_cannot_be_used_is_refused(
    tmp_path: Path, header: bytes, said: str
) -> None:
    with pytest.raises(FileUnreadable, match=said):
        file_of(tmp_path, header)


def test_a_byte_order_mark_and_both_line_ends_are_no_part_of_the_records(tmp_path: Path) -> None:
    found = all_ways(tmp_path, b"\xef\xbb\xbfa,b\r\n1,2\r\n3,4\n\r\n\n5,6")
    assert found == [
        (1, "1,2", None, "1", "2"),
        (2, "3,4", None, "3", "4"),
        (3, "5,6", None, "5", "6"),
    ]


def test_a_record_with_too_few_or_too_many_fields_is_kept_as_it_was(tmp_path: Path) -> None:
    found = all_ways(tmp_path, b"a,b\n1\n1,2,3\n1,2\n")
    assert [(raw, problem) for _, raw, problem, *_ in found] == [
        ("1", Reason.WRONG_NUMBER_OF_FIELDS),
        ("1,2,3", Reason.WRONG_NUMBER_OF_FIELDS),
        ("1,2", None),
    ]


def test_undecodable_bytes_reject_their_record_only_and_stay_readable(tmp_path: Path) -> None:
    found = all_ways(tmp_path, "a,b\nZoë,1\n".encode() + b"Zo\xeb,2\nx,3\n")
    assert [(raw, problem) for _, raw, problem, *_ in found] == [
        ("Zoë,1", None),
        ("Zo\\xeb,2", Reason.UNDECODABLE),
        ("x,3", None),
    ]


def test_a_bare_carriage_return_makes_a_record_malformed(tmp_path: Path) -> None:
    found = all_ways(tmp_path, b"a,b\n1,2\r3,4\n5,6\n")
    assert [problem for _, _, problem, *_ in found] == [Reason.MALFORMED_RECORD, None]


def test_quoted_delimiters_quotes_and_line_ends_are_data(tmp_path: Path) -> None:
    body = b'a,b\r\n"1,5","say ""x"""\r\n"two\r\nlines",2\r\n'
    assert quoted_records(tmp_path, body) == [
        (1, '"1,5","say ""x"""', None, "1,5", 'say "x"'),
        (2, '"two\r\nlines",2', None, "two\r\nlines", "2"),
    ]


def test_a_quote_that_is_not_closed_is_one_rejected_record(tmp_path: Path) -> None:
    found = quoted_records(tmp_path, b'a,b\n1,2\n"3,4\n5,6\n')
    assert found == [
        (1, "1,2", None, "1", "2"),
        (2, '"3,4\n5,6', Reason.MALFORMED_RECORD, None, None),
    ]


def test_text_behind_a_closing_quote_rejects_its_record_only(tmp_path: Path) -> None:
    found = quoted_records(tmp_path, b'a,b\n"1"x,2\n3,4\n')
    assert [problem for _, _, problem, *_ in found] == [Reason.MALFORMED_RECORD, None]


def test_another_delimiter_and_another_quote_are_obeyed() -> None:
    of = contract(
        {"a": "varchar(9)", "b": "varchar(9)"}, {"type": "csv", "delimiter": "§", "quote": "'"}
    )
    assert converted(of, "a§b\n'x§y'§2\n".encode()).rows == [{"a": "x§y", "b": "2"}]
    assert converted(of, 'a§b\nx§"2"\n'.encode()).rows == [{"a": "x", "b": '"2"'}]


def test_a_field_beyond_the_limit_of_the_csv_module_is_read() -> None:
    of = contract({"a": "varchar(65535)", "b": "varchar(9)"}, {"type": "csv"})
    long = "x" * 200_000
    result = converted(of, f'a,b\n"{long}",2\n'.encode())
    assert result.reasons == [(1, "a", Reason.TOO_LONG, long)]


lines = st.text(st.sampled_from("ab1,;.é \t\r\x0b\x0c\x1c\x85\u2028\0"), max_size=8)


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    body=st.lists(lines, max_size=8).map(lambda several: "\n".join(several).encode()),
    torn=st.integers(0, 3),
)
@example(body=b"1,2\r\r\n\r3,4\n\r", torn=0)
def test_a_file_without_quotes_is_the_same_by_all_ways(
    tmp_path: Path, body: bytes, torn: int
) -> None:
    # Cutting bytes off also cuts characters in two.
    all_ways(tmp_path, b"a,b\n" + body[: len(body) - torn])


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    cells=st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), max_size=8),
    line_end=st.sampled_from(["\n", "\r\n"]),
)
def test_what_the_csv_module_writes_is_read_back(
    tmp_path: Path, cells: list[tuple[str, str]], line_end: str
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=line_end, quoting=csv.QUOTE_ALL)
    writer.writerows([("a", "b"), *cells])
    found = quoted_records(tmp_path, text.getvalue().encode())
    assert [(a, b) for _, _, _, a, b in found] == cells
