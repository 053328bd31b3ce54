"""What a contract decides: of unreadable files, of too many rejects, of superseded rows."""

import gzip
import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from etl_platform.contract.commit import Counts, Example, ReasonCount
from etl_platform.contract.errors import CountsDisagree, RejectLimitExceeded
from etl_platform.contract.source import Rejects, SourceContract
from etl_platform.convert.reject_limit import check_limit
from etl_platform_tests.convert.samples import HOUR, World, contract
from etl_platform_tests.fakes.storage import DirectoryStorage

CSV = {"type": "csv"}
COLUMNS = {"id": "integer!", "at": "date", "value": "varchar(5)"}
GOOD = b"id,at,value\n1,2026-01-01,a\nx,,\n"
TORN = gzip.compress(GOOD)[:-9]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(DirectoryStorage(tmp_path))


def tolerant(**changes: object) -> SourceContract:
    rejects = {"at_most": "100%", "unreadable_files": "reject"}
    return contract(COLUMNS, CSV, rejects=rejects, **changes)


def test_an_unreadable_file_is_one_reject_that_says_what_is_wrong(world: World) -> None:
    of = tolerant()
    batch = world.land(of, HOUR, GOOD, TORN, b"id\n1\n")
    (report,) = world.convert(of, batch)
    assert report.outcome == "done"
    commit = world.commit(batch)
    assert commit.counts == Counts(read=4, written=1, rejected=3)
    whole = [row for row in world.rows(commit.reject_files) if row["record"] == 0]
    assert [row["file"] for row in whole] == [batch.files[1].url, batch.files[2].url]
    assert "[FILE_UNREADABLE]" in whole[0]["raw"]
    assert "cut off or damaged" in whole[0]["raw"]
    assert "cannot be read: its header" in whole[1]["raw"]
    assert {tuple(said.values()) for row in whole for said in row["reasons"]} == {
        ("", "unreadable_file", None)
    }
    assert report.facts["unreadable_files"] == [row["raw"] for row in whole]
    assert list(commit.unreadable_files) == [row["raw"] for row in whole]


def test_an_unreadable_file_blocks_where_the_contract_says_nothing(world: World) -> None:
    of = contract(COLUMNS, CSV)
    (report,) = world.convert(of, world.land(of, HOUR, GOOD, TORN))
    assert (report.outcome, report.error_code) == ("blocked", "FILE_UNREADABLE")


def test_no_record_stays_of_a_file_that_is_damaged_behind_its_beginning(world: World) -> None:
    of = contract(
        {"id": "bigint"},
        {"type": "parquet"},
        rejects={"at_most": 1, "unreadable_files": "reject"},
    )
    sink = io.BytesIO()
    table = pa.table({"id": list(range(200_000))})
    pq.write_table(table, sink, row_group_size=100_000, write_page_checksum=True)
    damaged = bytearray(sink.getvalue())
    second = pq.read_metadata(sink).row_group(1).column(0).data_page_offset
    damaged[second + 200 : second + 210] = bytes(10)
    batch = world.land(of, HOUR, bytes(damaged))
    (report,) = world.convert(of, batch)
    assert report.outcome == "done", report.error
    assert world.commit(batch).counts == Counts(read=1, rejected=1)
    assert "damaged behind row" in report.facts["unreadable_files"][0]


def test_unreadable_files_count_against_the_limit(world: World) -> None:
    of = tolerant().model_copy(update={"rejects": Rejects(at_most=(1,), unreadable_files="reject")})
    batch = world.land(of, HOUR, TORN, TORN)
    (report,) = world.convert(of, batch)
    assert (report.outcome, report.error_code) == ("blocked", "REJECT_LIMIT")
    first, second = (file.key.rpartition("/")[2] for file in batch.files)
    said = f"the file: unreadable_file, 2 files, first in {first}, {second}"
    assert said in (report.error or "")
    assert len(report.facts["unreadable_files"]) == 2


def test_superseded_rows_are_kept_with_their_place_if_the_contract_says_so(world: World) -> None:
    older = b"id,at,value\n1,2026-01-01,a\n2,,b\n1,2026-01-02,c\n"
    newer = b"id,at,value\n2,2026-01-03,d\n"
    for keeps in (True, False):
        of = contract(COLUMNS, CSV, key=["id"], keep_superseded=keeps)
        batch = world.land(of, HOUR, older, newer)
        (report,) = world.convert(of, batch)
        commit = world.commit(batch)
        assert commit.counts.superseded == 2
        assert report.facts["superseded"] == [file.url for file in commit.superseded_files]
        if not keeps:
            assert commit.superseded_files == ()
            assert world.catalog.superseded == {}
            continue
        (file,) = commit.superseded_files
        assert "/_superseded/" in file.key
        assert world.table(file).schema.remove_metadata() == of.superseded_schema
        found = [(r["id"], r["value"], r["_file"], r["_record"]) for r in world.rows([file])]
        url = batch.files[0].url
        assert found == [(1, "a", url, 1), (2, "b", url, 2)]
        assert str(world.catalog.superseded[HOUR]) + "part-00000-000.parquet" == file.url
        world.catalog.superseded.clear()


def test_a_batch_without_superseded_rows_hides_those_of_an_older_one(world: World) -> None:
    of = contract(COLUMNS, CSV, key=["id"], keep_superseded=True)
    world.convert(of, world.land(of, HOUR, b"id,at,value\n1,,a\n1,,b\n"))
    clean = world.land(of, HOUR, b"id,at,value\n1,,a\n")
    world.convert(of, clean)
    assert clean.batch_id in str(world.catalog.superseded[HOUR])
    assert list(world.storage.list(world.catalog.superseded[HOUR])) == []


def test_a_commit_with_other_superseded_rows_than_it_counts_is_refused(world: World) -> None:
    of = contract(COLUMNS, CSV, key=["id"], keep_superseded=True)
    batch = world.land(of, HOUR, b"id,at,value\n1,,a\n1,,b\n")
    world.convert(of, batch)
    commit = world.commit(batch)
    short = commit.superseded_files[0].model_copy(update={"rows": 2})
    with pytest.raises(CountsDisagree, match="superseded"):
        commit.model_copy(update={"superseded_files": (short,)}).check()


def test_the_message_of_too_many_rejects_shows_where_to_look_and_no_value() -> None:
    reasons = [
        ReasonCount(
            column=f"c{number}",
            reason="not_a_date",
            records=number + 1,
            examples=(
                Example(file_no=0, record=4),
                Example(file_no=0, record=9),
                Example(file_no=1, record=1),
            ),
        )
        for number in range(7)
    ]
    with pytest.raises(RejectLimitExceeded) as caught:
        check_limit(
            Rejects(at_most=("1%", 10)),
            "the batch",
            Counts(read=30, written=0, rejected=30),
            reasons,
            ["s3://raw/2026/a.csv", "s3://raw/2026/b.csv"],
            "`the command`",
        )
    message = str(caught.value)
    assert "c6: not_a_date, 7 records, first in a.csv records 4, 9, b.csv record 1; c5" in message
    assert "c2" in message
    assert "c1" not in message
    assert "2 more reasons" in message
    assert "at most 1% of the records and 10 records" in message
    assert "Look at their values (`the command`)" in message


def test_the_same_reason_in_two_parts_of_a_batch_keeps_the_first_examples() -> None:
    def part(records: int, *places: tuple[int, int]) -> ReasonCount:
        examples = tuple(Example(file_no=file, record=record) for file, record in places)
        return ReasonCount(column="c", reason="r", records=records, examples=examples)

    left, right = part(5, (0, 7), (1, 1), (1, 2)), part(2, (0, 9), (2, 1))
    assert left + right == right + left == part(7, (0, 7), (0, 9), (1, 1))
