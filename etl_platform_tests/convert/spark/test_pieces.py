"""Any cut of a file gives exactly the records of the whole file, with their numbers."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from etl_platform.contract import sizing
from etl_platform.contract.batch import SourceFile
from etl_platform.contract.layout import Location
from etl_platform.contract.source import SourceContract
from etl_platform.convert.parse import create_records, parse
from etl_platform.convert.session import connect
from etl_platform.convert.spark.pieces import Piece, Span, fetch, pieces_of, spans, survey
from etl_platform_tests.convert.samples import contract
from etl_platform_tests.fakes.storage import DirectoryStorage

COLUMNS = {"id": "integer", "value": "varchar(4)"}
CSV = contract(COLUMNS, {"type": "csv"})
JSON = contract(COLUMNS, {"type": "json"})
PLACE = Location("raw", "file")

csv_lines = st.lists(
    st.sampled_from(
        [
            "1,a",
            "12,bcd",
            '3,"q,q"',
            '4,"two\nlines"',
            '5,"a""b"',
            "torn",
            '6,"not closed',
            '7,stray"quote',
            "",
            "\r",
            "\ufeff8,mark",
            "9,é",
        ]
    ),
    max_size=8,
)
json_lines = st.lists(
    st.sampled_from(
        [
            '{"id": 1, "value": "a"}',
            "{torn",
            "",
            "  ",
            "\r",
            '\ufeff{"id": 2}',
            '{"id": "é"}',
            "[1]",
        ]
    ),
    max_size=8,
)
cut_places = st.lists(st.integers(1, 150), max_size=4)
ends = st.sampled_from(["\n", "\r\n"])


@pytest.fixture(scope="module")
def connections() -> Iterator[dict[str, duckdb.DuckDBPyConnection]]:
    with TemporaryDirectory() as name:
        made: dict[str, duckdb.DuckDBPyConnection] = {}
        for of in (CSV, JSON):
            made[of.format.type] = connect(Path(name), 0.05, 1)
            create_records(made[of.format.type], of)
        yield made
        for connection in made.values():
            connection.close()


def landed(folder: Path, body: bytes) -> tuple[DirectoryStorage, SourceFile]:
    storage = DirectoryStorage(folder)
    storage.write(PLACE, body)
    return storage, SourceFile(
        bucket=PLACE.bucket, key=PLACE.key, version_id="1", size_bytes=len(body)
    )


def surveyed(
    of: SourceContract, storage: DirectoryStorage, file: SourceFile, cuts: list[int]
) -> list[Piece]:
    places = sorted({0, file.size_bytes, *(cut for cut in cuts if cut < file.size_bytes)})
    local = storage.root / "local-part"
    return pieces_of(
        0,
        file,
        [
            survey(of, file, Span(0, 0, start, end), storage, local)
            for start, end in pairwise(places)
        ],
    )


def records(
    connection: duckdb.DuckDBPyConnection,
    of: SourceContract,
    storage: DirectoryStorage,
    file: SourceFile,
    pieces: list[Piece],
) -> list[tuple[Any, ...]]:
    connection.execute("DELETE FROM records")
    local = storage.root / "local-raw"
    for piece in pieces:
        fetch(file, piece, storage, local)
        parse(connection, of, local, file.url, 0, piece.records_before)
    return connection.execute("FROM records ORDER BY _record").fetchall()


@settings(max_examples=40)
@given(
    lines=csv_lines,
    end=ends,
    last=st.booleans(),
    mark=st.booleans(),
    cuts=cut_places,
)
@example(lines=["1,a", "2,b", "3,c"], end="\n", last=True, mark=True, cuts=[1, 9, 13, 17, 18])
@example(lines=['1,"a\nb"', "2,c"], end="\n", last=False, mark=False, cuts=[13])
def test_a_csv_file_in_pieces_has_the_records_of_the_whole(
    connections: dict[str, duckdb.DuckDBPyConnection],
    lines: list[str],
    end: str,
    last: bool,
    mark: bool,
    cuts: list[int],
) -> None:
    text = end.join(["\ufeff" * mark + "id,value", *lines]) + end * last
    check(connections["csv"], CSV, text, cuts)


@settings(max_examples=40)
@given(lines=json_lines, end=ends, last=st.booleans(), cuts=cut_places)
@example(lines=['{"id": 1}', '\ufeff{"id": 2}'], end="\n", last=True, cuts=[3])
def test_a_json_file_in_pieces_has_the_records_of_the_whole(
    connections: dict[str, duckdb.DuckDBPyConnection],
    lines: list[str],
    end: str,
    last: bool,
    cuts: list[int],
) -> None:
    check(connections["json"], JSON, end.join(lines) + end * last, cuts)


def check(
    connection: duckdb.DuckDBPyConnection, of: SourceContract, text: str, cuts: list[int]
) -> None:
    with TemporaryDirectory() as name:
        storage, file = landed(Path(name), text.encode())
        pieces = surveyed(of, storage, file, [cut % (file.size_bytes + 1) for cut in cuts])
        whole = records(connection, of, storage, file, [Piece(0, file.size_bytes)])
        assert records(connection, of, storage, file, pieces) == whole


@pytest.mark.parametrize(
    ("of", "body"),
    [
        pytest.param(CSV, b"id,value\n" + b"1,plain\n" * 20, id="plain"),
        pytest.param(CSV, b'"id","value"\n' + b'1,"quo,ted"\n' * 20, id="quoted"),
        pytest.param(CSV, b"id,value\n" + b"torn\n1,a\n" * 20, id="torn"),
        pytest.param(JSON, b'{"id": 1}\n' * 20, id="json"),
    ],
)
def test_a_file_of_lines_is_cut_near_where_it_was_asked_for(
    tmp_path: Path, of: SourceContract, body: bytes
) -> None:
    storage, file = landed(tmp_path, body)
    pieces = surveyed(of, storage, file, [50, 100])
    assert len(pieces) == 3
    assert [piece.end for piece in pieces[:-1]] == [piece.start for piece in pieces[1:]]
    assert all(50 * n <= piece.start < 50 * n + 20 for n, piece in enumerate(pieces))


def test_a_cut_within_a_record_leaves_the_file_whole(tmp_path: Path) -> None:
    body = b'id,value\n1,a\n2,"' + b"many\n" * 20 + b'"\n3,b\n'
    storage, file = landed(tmp_path, body)
    assert surveyed(CSV, storage, file, [60]) == [Piece(0, len(body))]


def test_contents_that_are_compressed_under_a_plain_name_are_not_cut(tmp_path: Path) -> None:
    storage, file = landed(tmp_path, b"\x1f\x8b\x08" + b"\n" * 100)
    assert surveyed(JSON, storage, file, [60]) == [Piece(0, 103)]


def test_only_large_files_of_lines_are_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizing, "TASK_BYTES", 100)

    def parts(of: SourceContract, key: str, size_bytes: int) -> list[tuple[int, int]]:
        file = SourceFile(bucket="raw", key=key, version_id=None, size_bytes=size_bytes)
        return [(span.start, span.end) for span in spans(of, 0, 0, file)]

    assert parts(CSV, "f.csv", 100) == []
    assert parts(CSV, "f.csv", 250) == [(0, 83), (83, 166), (166, 250)]
    assert parts(JSON, "f", 101) == [(0, 50), (50, 101)]
    assert parts(CSV, "f.csv.gz", 250) == []
    assert parts(contract(COLUMNS, {"type": "csv", "encoding": "latin-1"}), "f", 250) == []
    assert parts(contract(COLUMNS, {"type": "json", "shape": "array"}), "f", 250) == []
    assert parts(contract(COLUMNS, {"type": "json"}, unknown="block"), "f", 250) == []
    assert parts(contract(COLUMNS, {"type": "xml", "row": "r"}), "f", 250) == []
