"""Nulls, required columns, and that a broken record is kept once with all its reasons."""

import gzip
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from etl_platform.contract.errors import FileUnreadable
from etl_platform.contract.source import SourceContract
from etl_platform.convert import parse as parse_module
from etl_platform.convert.insertion import insertion
from etl_platform.convert.parse import Parsed, RawFile, create_records, parse, parse_together
from etl_platform.convert.reasons import REJECT_SCHEMA, Reason
from etl_platform.convert.session import connect
from etl_platform.convert.tally import tally
from etl_platform_tests.convert.samples import STAMP, contract, converted

CSV = {"type": "csv"}
FEED = contract({"id": "integer!", "price": "decimal(6,2)", "sold": "date"}, CSV)


def test_a_record_is_rejected_once_with_all_its_reasons() -> None:
    result = converted(FEED, b"id,price,sold\n1,2.5,2013-01-01\nx,1.234,2013-02-30\n")
    assert [row["id"] for row in result.rows] == [1]
    assert result.rejects == [
        {
            "file": "s3://raw/0",
            "record": 2,
            "raw": "x,1.234,2013-02-30",
            "reasons": [
                {"column": "id", "reason": Reason.NOT_AN_INTEGER, "value": "x"},
                {"column": "price", "reason": Reason.TOO_MANY_DECIMALS, "value": "1.234"},
                {"column": "sold", "reason": Reason.NOT_A_DATE, "value": "2013-02-30"},
            ],
            "_hour": STAMP.hour_utc,
            "_batch_id": STAMP.batch_id,
        }
    ]


def test_a_null_token_is_null_and_in_a_required_column_missing() -> None:
    of = contract({"id": "integer!", "price": "decimal(6,2)"}, CSV, null_tokens=["", "NA", "it's"])
    result = converted(of, b"id,price\n1,NA\n2,it's\nNA,\n")
    assert result.rows == [{"id": 1, "price": None}, {"id": 2, "price": None}]
    assert result.reasons == [(3, "id", Reason.MISSING, None)]


def test_a_column_can_have_null_tokens_of_its_own() -> None:
    of = contract(
        [
            {"name": "id", "type": "varchar(2)", "null_tokens": []},
            {"name": "note", "type": "varchar(2)"},
        ],
        CSV,
        null_tokens=["-"],
    )
    assert converted(of, b"id,note\n-,-\n").rows == [{"id": "-", "note": None}]


def test_a_record_that_is_broken_as_a_whole_has_that_reason_only() -> None:
    result = converted(FEED, b"id,price,sold\nx\n")
    assert result.reasons == [(1, "", Reason.WRONG_NUMBER_OF_FIELDS, None)]


def test_rejects_name_their_file_and_come_in_its_order() -> None:
    result = converted(
        FEED, b"id,price,sold\nx,,\n1,,\ny,,\n", b"id,price,sold\nz,,\n", order=[1, 0]
    )
    assert [(r["file"], r["record"]) for r in result.rejects] == [
        ("s3://raw/0", 1),
        ("s3://raw/0", 3),
        ("s3://raw/1", 1),
    ]


def test_reasons_are_counted_by_column(tmp_path: Path) -> None:
    file = tmp_path / "raw.csv"
    file.write_bytes(b"id,price,sold\nx,y,\nx,,\n1,2,\n")
    with connect(tmp_path, 0.1, 1) as connection:
        create_records(connection, FEED)
        assert parse(connection, FEED, file, "s3://raw/0", 0).records == 3
        rejected, reasons = tally(connection)
    assert rejected == 2
    assert [(r.column, r.reason, r.records) for r in reasons] == [
        ("id", Reason.NOT_AN_INTEGER, 2),
        ("price", Reason.NOT_A_DECIMAL, 1),
    ]


def test_an_error_of_a_reader_comes_back_as_itself() -> None:
    of = contract({"id": "integer"}, {"type": "xml", "row": "row"})
    with pytest.raises(FileUnreadable, match="s3://raw/0 cannot be read"):
        converted(of, b"no XML")


def test_a_connection_reads_nothing_but_what_it_is_given(tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("a\n1\n")
    with connect(tmp_path, 0.1, 1) as connection, pytest.raises(Exception, match="disabled"):
        connection.execute(f"SELECT * FROM read_csv('{tmp_path}/secret.csv')")


def test_a_reject_file_has_the_published_form() -> None:
    assert REJECT_SCHEMA.names == ["file", "record", "raw", "reasons", "_hour", "_batch_id"]


NAMES = ("record", "raw", "problem", "column_problems", "cells", "json", "reasons", "file", "value")


@pytest.mark.parametrize(
    ("form", "body"),
    [
        (CSV, ",".join(NAMES) + "\n" + ",".join(f"{n}!" for n in NAMES) + "\n"),
        (CSV, ",".join(NAMES) + "\n" + ",".join(f'"{n}!"' for n in NAMES) + "\n"),
        ({"type": "json"}, json.dumps({n: f"{n}!" for n in NAMES}) + "\n"),
        (
            {"type": "xml", "row": "r"},
            "<x><r>" + "".join(f"<{n}>{n}!</{n}>" for n in NAMES) + "</r></x>",
        ),
    ],
    ids=["csv", "quoted csv", "json", "xml"],
)
def test_a_column_may_have_a_name_that_the_conversion_uses_itself(
    form: dict[str, str], body: str
) -> None:
    of = contract(dict.fromkeys(NAMES, "varchar(20)!"), form)
    result = converted(of, body.encode())
    assert result.reasons == []
    assert result.rows == [{name: f"{name}!" for name in NAMES}]


def parsed(
    of: SourceContract, files: list[bytes], *, together: bool
) -> tuple[list[Parsed], list[Any]]:
    """What is said of files and kept of them, of all at once or of one after the other."""
    with TemporaryDirectory() as name, connect(Path(name), 0.1, 2) as connection:
        raw = [RawFile(Path(name) / f"{n}", f"s3://raw/{n}", n) for n in range(len(files))]
        for file, body in zip(raw, files, strict=True):
            file.path.write_bytes(body)
        create_records(connection, of)
        groups = [raw] if together else [[file] for file in raw]
        said = [one for group in groups for one in parse_together(connection, of, group)]
        kept = connection.execute("SELECT * FROM records ORDER BY _file_no, _record").fetchall()
        return said, kept


HEADER = b"id,price,sold\n"
SMALL = [HEADER + f"{n},1.5,\n{n},x,\n{n}\n".encode() for n in range(1, 4)]
HOSTILE = {
    "alike": [],
    "without records": [HEADER],
    "another order": [b"sold,id,price\n,7,2.5\n"],
    "an unknown field": [b"id,price,sold,more\n7,2.5,,x\n"],
    "compressed": [gzip.compress(HEADER + b"7,2.5,\n")],
    "cut off": [gzip.compress(HEADER + b"7,2.5,\n")[:-4]],
    "a field too few": [b"id,price\n7,2.5\n"],
    "an open quote": [HEADER + b'7,"2.5,\n'],
}


@pytest.mark.parametrize("others", HOSTILE.values(), ids=HOSTILE)
def test_files_parsed_together_are_kept_as_if_each_were_alone(others: list[bytes]) -> None:
    policy = {"at_most": "100%", "unreadable_files": "reject"}
    of = contract({"id": "integer!", "price": "decimal(6,2)", "sold": "date"}, CSV, rejects=policy)
    files = [*SMALL[:2], *others, *SMALL[2:]]
    assert parsed(of, files, together=True) == parsed(of, files, together=False)


def test_json_files_with_names_of_their_own_tell_them_all() -> None:
    of = contract({"a": "integer"}, {"type": "json"}, unknown="capture")
    files = [b'{"a": 1, "x": 1}\n{"a": 2}', b'{"a": 3}\n', b"", b'{"y": [1]}\n']
    said, kept = parsed(of, files, together=True)
    assert said == [Parsed(2, ("x",)), Parsed(1), Parsed(0), Parsed(1, ("y",))]
    assert (said, kept) == parsed(of, files, together=False)


def test_alike_files_are_one_statement(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def counted(*arguments: Any) -> Any:
        made.append(1)
        return insertion(*arguments)

    monkeypatch.setattr(parse_module, "insertion", counted)
    parsed(FEED, SMALL, together=True)
    assert len(made) == 1


def test_contents_that_grow_too_much_are_parsed_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parse_module, "_MOST_TOGETHER_BYTES", 60)
    assert parsed(FEED, SMALL, together=True) == parsed(FEED, SMALL, together=False)


def test_a_blocking_file_among_others_is_named() -> None:
    with pytest.raises(FileUnreadable, match="s3://raw/1"):
        parsed(FEED, [SMALL[0], b"\xff\xfe\x00", SMALL[1]], together=True)
