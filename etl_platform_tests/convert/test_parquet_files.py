"""How a stream is divided into files and row groups, and what readers find in them."""

from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl_platform.convert import parquet_files
from etl_platform.convert.finish import finish
from etl_platform.convert.parquet_files import Rows, write_files
from etl_platform.convert.parse import create_records
from etl_platform.convert.scratch import scratch
from etl_platform.convert.session import connect
from etl_platform_tests.convert.samples import STAMP, contract

FIELDS: dict[str, pa.DataType] = {
    "id": pa.int32(),
    "name": pa.string(),
    "_hour": pa.timestamp("us"),
    "_batch_id": pa.string(),
}
SCHEMA = pa.schema(FIELDS)


def rows_of(count: int, batch_rows: int, looked_up: tuple[str, ...] = (), width: int = 0) -> Rows:
    """Rows 0 to `count`, whose names are of `width` characters that do not repeat."""
    table = pa.table(
        {
            "id": pa.array(range(count), pa.int32()),
            "name": pa.array([f"{n * 7919 % 1_000_003:0{width}d}" for n in range(count)]),
        }
    )
    reader = pa.RecordBatchReader.from_batches(table.schema, table.to_batches(batch_rows))
    return Rows(reader, count, SCHEMA, looked_up)


def taken(rows: Rows, folder: Path) -> list[Path]:
    """The files, each taken away before the next is made, as a caller must."""
    files = []
    for number, (file, count) in enumerate(write_files(rows, STAMP, folder)):
        assert [path for path in folder.iterdir() if path.name == "part.parquet"] == [file]
        assert pq.read_metadata(file).num_rows == count
        files.append(file.rename(folder / f"{number}.parquet"))
    return files


def ids(files: list[Path]) -> list[Any]:
    return [id_ for file in files for id_ in pq.read_table(file)["id"].to_pylist()]


def test_a_small_hour_is_one_file_of_one_row_group(tmp_path: Path) -> None:
    (file,) = taken(rows_of(5_000, 2_048), tmp_path)
    assert pq.read_metadata(file).num_row_groups == 1


def test_no_rows_are_no_file(tmp_path: Path) -> None:
    assert taken(rows_of(0, 2_048), tmp_path) == []


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_files, "FILE_BYTES", 20_000)
    monkeypatch.setattr(parquet_files, "ROW_GROUP_ROWS", 1_000)


@pytest.mark.usefixtures("small")
def test_a_large_hour_is_files_of_about_one_size_in_order(tmp_path: Path) -> None:
    files = taken(rows_of(20_000, 500), tmp_path)
    sizes = [file.stat().st_size for file in files]
    assert len(files) > 2
    assert max(sizes) < 1.5 * min(sizes)
    assert 10_000 < min(sizes) < max(sizes) < 40_000
    assert ids(files) == list(range(20_000))


@pytest.mark.usefixtures("small")
def test_a_row_group_ends_with_its_rows(tmp_path: Path) -> None:
    for file in taken(rows_of(5_500, 500), tmp_path):
        found = pq.read_metadata(file)
        groups = [found.row_group(n).num_rows for n in range(found.num_row_groups)]
        assert groups[:-1] == [1_000] * (len(groups) - 1)
        assert groups[-1] <= 1_000


def test_a_row_group_of_wide_rows_ends_with_its_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_files, "ROW_GROUP_BYTES", 100_000)
    (file,) = taken(rows_of(100, 1, width=5_000), tmp_path)
    found = pq.read_metadata(file)
    groups = [found.row_group(n).num_rows for n in range(found.num_row_groups)]
    assert groups == [20] * 5


@given(count=st.integers(0, 400), batch_rows=st.integers(1, 90), file_bytes=st.integers(1, 9_000))
def test_rows_are_in_the_files_once_and_in_their_order(
    tmp_path_factory: pytest.TempPathFactory, count: int, batch_rows: int, file_bytes: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet_files, "FILE_BYTES", file_bytes)
        patch.setattr(parquet_files, "ROW_GROUP_ROWS", 50)
        files = taken(rows_of(count, batch_rows), tmp_path_factory.mktemp("files"))
    assert ids(files) == list(range(count))


@pytest.mark.usefixtures("small")
def test_row_groups_without_a_name_that_is_looked_up_are_passed_over(tmp_path: Path) -> None:
    for file in taken(rows_of(4_000, 500, looked_up=("name",), width=20), tmp_path):
        name = pq.read_table(file)["name"][0].as_py()
        found = "SELECT bloom_filter_excludes FROM parquet_bloom_probe(?, 'name', ?) ORDER BY ALL"
        with duckdb.connect() as connection:
            there = connection.execute(found, [str(file), name]).fetchall()
            nowhere = connection.execute(found, [str(file), "nowhere"]).fetchall()
        assert there[0] == (False,)
        assert (True,) in nowhere


def test_one_row_group_has_no_filter(tmp_path: Path) -> None:
    (file,) = taken(rows_of(500, 500, looked_up=("name",)), tmp_path)
    with duckdb.connect() as connection:
        found = connection.execute(
            "SELECT count(bloom_filter_offset) FROM parquet_metadata(?)", [str(file)]
        ).fetchall()
    assert found == [(0,)]


@pytest.mark.parametrize(
    ("sortkey", "expected"), [([], ("name",)), (["sold"], ("code", "name")), (["name"], ("code",))]
)
def test_filters_are_for_texts_of_the_key_behind_the_first_column_of_the_order(
    sortkey: list[str], expected: tuple[str, ...]
) -> None:
    of = contract(
        {"sold": "date!", "code": "char(2)!", "name": "varchar(9)!", "number": "integer!"},
        {"type": "csv"},
        key=["code", "name", "number"],
        load={"strategy": "append", "sortkey": sortkey},
    )
    with scratch() as folder, connect(folder, 0.1, 1) as connection:
        create_records(connection, of)
        rows, _ = finish(connection, of)
    assert rows.looked_up == expected
