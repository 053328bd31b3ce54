"""A dry run says what a conversion of the same files would do."""

import tempfile
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl_platform.contract.errors import ContractInvalid
from etl_platform.contract.source import Rejects
from etl_platform.convert.trial import Doubled, FileRead, try_out
from etl_platform_tests.convert.samples import HOUR, World, contract
from etl_platform_tests.fakes.storage import DirectoryStorage

FEED = contract({"id": "integer!", "born": "date"}, {"type": "csv"}, key=["id"])
HEADER = b"id,born\n"


def files_of(folder: Path, *bodies: bytes) -> list[Path]:
    files = [folder / f"{number}.csv" for number in range(len(bodies))]
    for file, body in zip(files, bodies, strict=True):
        file.write_bytes(body)
    return files


def test_rows_are_typed_rejects_have_reasons_and_doubled_keys_are_named(tmp_path: Path) -> None:
    files = files_of(tmp_path, HEADER + b"1,2026-01-01\n1,2026-01-02\nx,2026-02-30\n")
    trial = try_out(FEED, files, samples=3)
    assert trial.counts.model_dump() == {"read": 3, "written": 1, "rejected": 1, "superseded": 1}
    assert trial.rows == ((1, date(2026, 1, 2)),)
    assert trial.doubled == (Doubled((1,), 1),)
    said = [
        (r.column, r.reason, s.record, s.value, s.raw) for r in trial.reasons for s in r.samples
    ]
    assert said == [
        ("born", "not_a_date", 3, "2026-02-30", "x,2026-02-30"),
        ("id", "not_an_integer", 3, "x", "x,2026-02-30"),
    ]
    assert {s.file for r in trial.reasons for s in r.samples} == {str(files[0])}
    assert trial.blocked == ()


def test_a_column_may_have_any_name_that_the_queries_use_themselves(tmp_path: Path) -> None:
    used = (
        *("no", "url", "file", "file_no", "record", "raw", "reason", "reasons", "rows", "records"),
        *("files", "superseded", "rejects", "text", "value", "one", "place", "said", "r", "column"),
    )
    of = contract(
        [
            {
                "name": name,
                "type": "varchar(3)",
                "required": True,
                "too_long": cut,
                "pattern": "\\w*",
            }
            for name, cut in zip(used, ["reject"] * 5 + ["truncate"] * (len(used) - 5), strict=True)
        ],
        {"type": "csv"},
        key=["no", "record"],
        keep_superseded=True,
    )
    lines = [",".join(used), *(",".join([each] * len(used)) for each in ("a", "a", "b", "!", ""))]
    files = files_of(tmp_path, "\n".join(lines).encode() + b"\n" + b"long," * 19 + b"x\n")
    trial = try_out(of, files, samples=3)
    assert trial.counts.model_dump() == {"read": 6, "written": 2, "rejected": 3, "superseded": 1}
    assert trial.doubled == (Doubled(("a", "a"), 1),)
    (tmp_path / "s3").mkdir()
    world = World(DirectoryStorage(tmp_path / "s3"))
    batch = world.land(of, HOUR, files[0].read_bytes())
    world.convert(of, batch)
    assert world.commit(batch).counts == trial.counts
    assert sum(file.rows for file in world.commit(batch).superseded_files) == 1


def test_the_limit_of_the_contract_blocks(tmp_path: Path) -> None:
    strict = FEED.model_copy(update={"rejects": Rejects(at_most=(0,))})
    (blocked,) = try_out(strict, files_of(tmp_path, HEADER + b"x,\n"), samples=0).blocked
    assert "[REJECT_LIMIT]" in blocked
    assert "(id: not_an_integer, 1 record)" in blocked
    assert "(shown above)" in blocked


def test_a_file_that_the_contract_rejects_as_a_whole_is_one_reject(tmp_path: Path) -> None:
    of = FEED.model_copy(update={"rejects": Rejects(at_most=("50%",), unreadable_files="reject")})
    trial = try_out(of, files_of(tmp_path, b"other\n1\n", HEADER + b"1,\n"), samples=1)
    assert trial.counts.model_dump() == {"read": 2, "written": 1, "rejected": 1, "superseded": 0}
    (reason,) = trial.reasons
    assert (reason.reason, reason.samples[0].record) == ("unreadable_file", 0)
    assert trial.blocked == ()


def test_a_file_that_cannot_be_read_blocks_and_the_others_are_looked_at(tmp_path: Path) -> None:
    files = files_of(tmp_path, b"other\n1\n", HEADER + b"1,\n2,\n")
    trial = try_out(FEED, [*files, tmp_path / "gone.csv"], samples=1)
    bad, good, gone = trial.files
    assert good == FileRead(str(files[1]), len(HEADER) + 6, 2)
    for file in (bad, gone):
        assert file.records == 0
        assert "[FILE_UNREADABLE]" in str(file.error)
    assert trial.blocked == (bad.error, gone.error)
    assert trial.counts.written == 2


def test_no_more_samples_and_rows_are_given_than_asked_for(tmp_path: Path) -> None:
    files = files_of(tmp_path, HEADER + b"x,\n" * 9 + b"1,\n2,\n3,\n")
    few, none = try_out(FEED, files, samples=2), try_out(FEED, files, samples=0)
    assert (len(few.reasons[0].samples), len(few.rows)) == (2, 2)
    assert (few.reasons[0].records, none.reasons[0].records) == (9, 9)
    assert (none.reasons[0].samples, none.rows) == ((), ())


def test_values_that_were_cut_are_counted(tmp_path: Path) -> None:
    columns = [{"name": "id", "type": "varchar(2)", "too_long": "truncate"}]
    cutting = contract(columns, {"type": "csv"})
    trial = try_out(cutting, files_of(tmp_path, b"id\nabc\nab\nabcd\n"), samples=1)
    assert (trial.values_truncated, trial.rows) == ({"id": 2}, (("ab",),))


def test_a_contract_that_cannot_be_carried_out_is_no_fault_of_a_file(tmp_path: Path) -> None:
    wrong = contract([{"name": "id", "type": "varchar(2)", "pattern": "["}], {"type": "csv"})
    with pytest.raises(ContractInvalid):
        try_out(wrong, files_of(tmp_path, b"id\na\n"), samples=1)


def test_a_long_record_is_shortened(tmp_path: Path) -> None:
    ((reason,),) = (try_out(FEED, files_of(tmp_path, HEADER + b"x" * 9999 + b",\n"), 1).reasons,)
    assert len(reason.samples[0].raw) == 2000


def test_the_bytes_of_each_file_are_heard_of(tmp_path: Path) -> None:
    heard: list[int] = []
    files = files_of(tmp_path, HEADER, HEADER + b"1,\n")
    try_out(FEED, files, 1, heard.append)
    assert heard == [file.stat().st_size for file in files]


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.lists(st.sampled_from(["1,", "2,", "x,", "3,2026-01-01", "3", ",y"])), max_size=3)
)
def test_a_dry_run_counts_as_a_conversion_does(bodies: list[list[str]]) -> None:
    texts = [HEADER + "".join(line + "\n" for line in lines).encode() for lines in bodies]
    with tempfile.TemporaryDirectory() as name:
        world = World(DirectoryStorage(Path(name)))
        batch = world.land(FEED, HOUR, *texts)
        world.convert(FEED, batch)
        commit = world.commit(batch)
        trial = try_out(FEED, files_of(Path(name), *texts), samples=1)
    assert trial.counts == commit.counts
    reasons = Counter({(r.column, r.reason): r.records for r in trial.reasons})
    assert reasons == Counter({(r.column, r.reason): r.records for r in commit.reasons})


@pytest.mark.parametrize("value", ["\x1b[31m", "a\nb", "é" * 3000])
def test_hostile_values_stay_what_they_are(tmp_path: Path, value: str) -> None:
    body = HEADER + f'"{value}",\n'.encode()
    (reason,) = try_out(FEED, files_of(tmp_path, body), 1).reasons
    assert reason.samples[0].value == value[:2000]


def test_fields_that_the_contract_does_not_know_are_named(tmp_path: Path) -> None:
    first, second = files_of(tmp_path, b"id,born,extra\n1,,x\n", HEADER + b"2,\n")
    trial = try_out(FEED, [first, second], samples=1)
    assert [file.unknown_fields for file in trial.files] == [("extra",), ()]
