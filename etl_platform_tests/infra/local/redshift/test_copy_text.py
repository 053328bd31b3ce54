"""COPY of delimited text and CSV, option by option.

https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-conversion.html
https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-format.html
"""

import bz2
import gzip
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
import redshift_connector

from etl_platform_tests.infra.local.redshift.lake import Lake, copy_text

Sql = Callable[..., list[list[Any]]]
Connection = redshift_connector.Connection


def zstd(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return bytes(sink.getvalue())


@pytest.fixture
def load(sql: Sql, lake: Lake) -> Callable[..., list[list[Any]]]:
    """Load a text into a table of these columns; its rows in the order of the first column."""

    def loaded(columns: str, content: str | bytes, options: str = "") -> list[list[Any]]:
        sql("DROP TABLE IF EXISTS t")
        sql(f"CREATE TABLE t ({columns})")
        sql(copy_text("t", lake.text("in/a.txt", content), options))
        return sql("SELECT * FROM t ORDER BY 1")

    return loaded


Load = Callable[..., list[list[Any]]]


def refused(sql: Sql, statement: str) -> str:
    with pytest.raises(redshift_connector.ProgrammingError) as error:
        sql(statement)
    fields = error.value.args[0]
    return f"{fields['C']} {fields['M']} {fields.get('D', '')}"


def test_every_type_is_read_from_its_text(load: Load) -> None:
    columns = (
        "a smallint, b int, c bigint, d decimal(8,2), e real, f double precision, g boolean,"
        " h date, i timestamp, j varchar(10), k char(3)"
    )
    line = "1|-2|9223372036854775807|3.14|1.5|2.5e3|yes|2026-01-02|2026-01-02 03:04:05.678|äö|ab\n"
    moment = datetime.fromisoformat("2026-01-02T03:04:05.678")
    (row,) = load(columns, line)
    assert row[:9] == [
        1,
        -2,
        2**63 - 1,
        Decimal("3.14"),
        1.5,
        2500.0,
        True,
        date(2026, 1, 2),
        moment,
    ]
    assert [row[9], row[10].rstrip()] == ["äö", "ab"]


def test_a_super_a_varbyte_a_time_and_a_timestamptz_are_read(sql: Sql, lake: Lake) -> None:
    sql("CREATE TABLE t (a super, b varbyte(4), c time, d timestamptz)")
    line = '{"x": [1]}|c3a4|03:04:05|2026-01-02 03:04:05+02\n'
    sql(copy_text("t", lake.text("a.txt", line)))
    found = sql("SELECT json_serialize(a), to_hex(b), c::varchar, d::varchar FROM t")
    assert found == [['{"x": [1]}', "c3a4", "03:04:05", "2026-01-02 01:04:05+00"]]


def test_the_default_delimiter_is_a_bar_and_of_csv_a_comma(load: Load) -> None:
    assert load("a int, b varchar(5)", "1|x,y\n") == [[1, "x,y"]]
    assert load("a int, b varchar(5)", "1,x|y\n", "CSV") == [[1, "x|y"]]


@pytest.mark.parametrize(
    ("content", "options"),
    [
        ("1;x\n", "DELIMITER ';'"),
        ("1\tx\n", r"DELIMITER AS '\t'"),
        ("1\x01x\n", r"DELIMITER '\001'"),
        ("1|~|x\n", "DELIMITER '|~|'"),
        ("1;x\n", "FORMAT AS CSV DELIMITER ';'"),
        ("1|x|\n", ""),
        ("1|x", ""),
        ("1|x\r\n", ""),
        ("a|b\nc|d\n1|x\n", "IGNOREHEADER 2"),
        ("\n1|x\n\n", "IGNOREBLANKLINES"),
        ("1|'x'\n", "REMOVEQUOTES"),
        ("1,%x%\n", "CSV QUOTE AS '%'"),
    ],
)
def test_one_row_in_many_dresses(load: Load, content: str, options: str) -> None:
    assert load("a int, b varchar(5)", content, options) == [[1, "x"]]


def test_csv_in_quotes_holds_delimiters_line_ends_and_quotes(load: Load) -> None:
    content = 'b,"1,5 ""m"""\n"a","two\r\nlines"\n'
    assert load("a varchar(5), b varchar(20)", content, "CSV") == [
        ["a", "two\r\nlines"],
        ["b", '1,5 "m"'],
    ]


def test_escape_lets_a_backslash_stand_before_delimiters_and_line_ends(load: Load) -> None:
    content = "a\\|b|c\\\\\nd|e\\\nf\n\\N|x\n"
    assert load("a varchar(5), b varchar(5)", content, "ESCAPE") == [
        ["a|b", "c\\"],
        ["d", "e\nf"],
        [None, "x"],
    ]


def test_removequotes_keeps_a_delimiter_inside_quotes(load: Load) -> None:
    assert load("a varchar(9), b int", '"x|y"|1\n\'it"s\'|2\n', "REMOVEQUOTES") == [
        ['it"s', 2],
        ["x|y", 1],
    ]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", ["", "  ", None]),
        ("EMPTYASNULL", [None, "  ", None]),
        ("BLANKSASNULL", ["", None, None]),
        ("EMPTYASNULL BLANKSASNULL", [None, None, None]),
        ("TRIMBLANKS", ["", "", None]),
    ],
)
def test_empty_and_blank_fields(load: Load, options: str, expected: list[str | None]) -> None:
    columns = "n int, a varchar(5), b varchar(5), c int"
    assert load(columns, "1||  | \n", options) == [[1, *expected]]


@pytest.mark.parametrize(
    ("options", "content"),
    [
        ("", "1|\\N\n"),
        (r"NULL AS '\N'", "1|\\N\n"),
        (r"NULL AS '\\N'", "1|\\N\n"),
        ("NULL 'NA'", "1|NA\n"),
        ("CSV NULL AS 'NA'", "1,NA\n"),
        (r"NULL AS '\0'", "1|\0\n"),
        (r"NULL AS '\000'", "1|\0\n"),
        ("NULL AS ''", "1|\n"),
    ],
)
def test_null_as_names_the_text_that_is_null(load: Load, options: str, content: str) -> None:
    assert load("a int, b varchar(5)", content, options) == [[1, None]]


def test_fillrecord_fills_texts_with_nothing_and_others_with_null(load: Load) -> None:
    columns = "a int, b varchar(5), c int"
    assert load(columns, "1\n", "FILLRECORD") == [[1, "", None]]
    assert load(columns, "1\n", "FILLRECORD EMPTYASNULL") == [[1, None, None]]


def test_truncatecolumns_cuts_between_characters(load: Load) -> None:
    content = "äää|abcdef\n"
    assert load("a varchar(5), b varchar(3)", content, "TRUNCATECOLUMNS") == [["ää", "abc"]]


def test_decimals_are_cut_by_default_and_rounded_by_roundec(load: Load) -> None:
    assert load("a decimal(6,2)", "1.239\n-1.239\n") == [[Decimal("-1.23")], [Decimal("1.23")]]
    assert load("a decimal(6,2)", "1e-999\n12e1\n") == [[Decimal("0.00")], [Decimal("120.00")]]
    assert load("a decimal(6,2)", "1.235\n", "ROUNDEC") == [[Decimal("1.24")]]


def test_acceptinvchars_puts_a_character_for_each_bad_byte(load: Load) -> None:
    content = b"a\xff\xfeb|x\n"
    assert load("a varchar(9), b char(1)", content, "ACCEPTINVCHARS")[0][0] == "a??b"
    assert load("a varchar(9), b char(1)", content, "ACCEPTINVCHARS AS '^'")[0][0] == "a^^b"


@pytest.mark.parametrize(
    ("options", "text", "expected"),
    [
        ("DATEFORMAT 'MM/DD/YYYY'", "02/01/2026", "2026-02-01"),
        ("DATEFORMAT AS 'DD-MON-YY'", "01-Feb-26", "2026-02-01"),
        ("DATEFORMAT 'auto'", "20260201", "2026-02-01"),
        ("DATEFORMAT 'auto'", "Feb 1, 2026", "2026-02-01"),
        ("DATEFORMAT 'auto'", "2026/02/01", "2026-02-01"),
        ("ACCEPTANYDATE DATEFORMAT 'auto'", "00/00/00", None),
    ],
)
def test_dates_by_dateformat(sql: Sql, load: Load, options: str, text: str, expected: str) -> None:
    load("a date", f"{text}\n", options)
    assert sql("SELECT a::varchar FROM t") == [[expected]]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ("", "2026-02-01 03:04:05"),
        ("TIMEFORMAT 'auto'", "2026-02-01T03:04:05Z"),
        ("TIMEFORMAT 'auto'", "20260201T030405"),
        ("TIMEFORMAT 'auto'", "02/01/2026 3:04:05 AM"),
        ("TIMEFORMAT 'epochsecs'", "1769915045"),
        ("TIMEFORMAT 'epochmillisecs'", "1769915045000"),
        ("TIMEFORMAT 'MM.DD.YYYY HH:MI:SS'", "02.01.2026 03:04:05"),
        ("TIMEFORMAT 'YYYY-MM-DDTHH:MI:SS'", "2026-02-01T03:04:05"),
    ],
)
def test_timestamps_by_timeformat(sql: Sql, load: Load, options: str, text: str) -> None:
    load("a timestamp", f"{text}\n", options)
    assert sql("SELECT a::varchar FROM t") == [["2026-02-01 03:04:05"]]


@pytest.mark.parametrize(
    ("option", "pack"), [("GZIP", gzip.compress), ("BZIP2", bz2.compress), ("ZSTD", zstd)]
)
def test_packed_files_are_read(load: Load, option: str, pack: Callable[[bytes], bytes]) -> None:
    content = "".join(f"{n}|row {n}\n" for n in range(3000)).encode()
    assert len(load("a int, b varchar(9)", pack(content), option)) == 3000


def test_a_file_that_is_not_packed_as_said_is_refused(sql: Sql, lake: Lake) -> None:
    sql("CREATE TABLE t (a int)")
    for option in ("GZIP", "BZIP2", "ZSTD"):
        sql("COMMIT")
        text = refused(sql, copy_text("t", lake.text("a.txt", "1\n2\n3\n4\n"), option))
        assert f"A file of the load is not packed as {option}" in text
        sql("ROLLBACK")


def test_a_folder_without_rows_loads_none_and_no_folder_is_refused(sql: Sql, lake: Lake) -> None:
    sql("CREATE TABLE t (a int)")
    url = lake.text("in/", "")
    sql(copy_text("t", url))
    assert sql("SELECT count(*), pg_last_copy_count() FROM t") == [[0, 0]]
    text = refused(sql, copy_text("t", f"s3://{lake.bucket}/out/"))
    assert "The specified S3 prefix 'out/' does not exist" in text


def test_a_manifest_of_text_files_needs_no_meta(sql: Sql, lake: Lake) -> None:
    sql("CREATE TABLE t (a int)")
    entries = [{"url": lake.text(f"{n}.txt", f"{n}\n"), "mandatory": True} for n in range(3)]
    sql(copy_text("t", lake.manifest(*entries), "MANIFEST"))
    assert sql("SELECT sum(a), count(*), pg_last_copy_count() FROM t") == [[3, 3, 3]]


def test_a_column_list_lets_the_other_columns_take_their_defaults(sql: Sql, lake: Lake) -> None:
    sql("CREATE TABLE t (a int, b int DEFAULT 7, c int, id bigint IDENTITY(1, 1))")
    sql(copy_text("t (c, a)", lake.text("a.txt", "1|2\n")))
    assert sql("SELECT a, b, c, id FROM t") == [[2, 7, 1, 1]]


def test_an_identity_column_is_given_only_with_explicit_ids(sql: Sql, lake: Lake) -> None:
    sql("CREATE TABLE t (a int, id bigint GENERATED BY DEFAULT AS IDENTITY(1, 1))")
    sql("COMMIT")
    url = lake.text("a.txt", "1|20\n")
    assert "cannot set an identity column to a value" in refused(sql, copy_text("t (a, id)", url))
    sql("ROLLBACK")
    sql(copy_text("t (a, id)", url, "EXPLICIT_IDS"))
    assert sql("SELECT a, id FROM t") == [[1, 20]]


def test_noload_reads_the_files_and_loads_nothing(sql: Sql, lake: Lake) -> None:
    sql("CREATE TABLE t (a int)")
    sql(copy_text("t", lake.text("a.txt", "1\n"), "NOLOAD"))
    assert sql("SELECT count(*), pg_last_copy_count() FROM t") == [[0, 0]]
    assert "stl_load_errors" in refused(sql, copy_text("t", lake.text("b.txt", "x\n"), "NOLOAD"))


def test_options_about_compression_and_statistics_are_taken(load: Load) -> None:
    for options in (
        "COMPUPDATE OFF STATUPDATE ON",
        "COMPUPDATE PRESET COMPROWS 1000",
        "COMPUPDATE STATUPDATE FALSE REGION AS 'us-east-1'",
    ):
        assert load("a int", "1\n", options) == [[1]]


@pytest.mark.parametrize(
    "options",
    [
        "CSV ESCAPE",
        "CSV REMOVEQUOTES",
        "CSV DELIMITER ',,'",
        "QUOTE '%'",
        "JSON 'auto' DELIMITER ','",
        "JSON 'auto' NULL AS 'x'",
        "JSON 'auto' FILLRECORD",
        "CSV SERIALIZETOJSON",
        "CSV CSV",
        "GZIP BZIP2",
        "MAXERROR 100001",
        "MAXERROR -1",
        "ACCEPTINVCHARS AS 'xy'",
        "DATEFORMAT 'no date'",
        "FORMAT AS ORC",
        "FIXEDWIDTH 'a:3'",
        "LZOP",
        "NOSUCHOPTION",
    ],
)
def test_options_that_do_not_go_together_are_refused(sql: Sql, lake: Lake, options: str) -> None:
    sql("CREATE TABLE t (a date)")
    refused(sql, copy_text("t", lake.text("a.txt", "2026-01-02\n"), options))
