"""An hour without a usable commit is blocked, and the others go on."""

from pathlib import Path
from typing import Any

import pytest

from etl_platform.contract.batch import Batch
from etl_platform.contract.commit import Commit
from etl_platform.contract.order import Order
from etl_platform.contract.source import SourceContract
from etl_platform.load.converted import read_commits
from etl_platform_tests.fakes.storage import DirectoryStorage
from etl_platform_tests.load.samples import NAMES, batch, contract, converted

CONTRACT = contract("append")
ROWS = [(1, 1, "a")]


@pytest.fixture
def storage(tmp_path: Path) -> DirectoryStorage:
    return DirectoryStorage(tmp_path)


def _order(*batches: Batch, of: SourceContract = CONTRACT) -> Order:
    return Order(stage="load", namespace=NAMES.namespace, contract=of, batches=batches)


def _rewrite(storage: DirectoryStorage, commit: Commit, **changes: Any) -> None:
    where = NAMES.commit(commit.batch.source, commit.batch.hour, commit.batch.batch_id)
    changed = commit.model_copy(update=changes)
    storage.write(where, changed.model_dump_json().encode())


def test_hours_without_a_commit_are_blocked_and_the_others_are_read(
    storage: DirectoryStorage,
) -> None:
    batches = [batch(CONTRACT, hour) for hour in range(3)]
    made = converted(storage, CONTRACT, batches[1], ROWS)
    commits, reports = read_commits(_order(*batches), storage)
    assert commits == [made]
    assert [str(report.hour) for report in reports] == ["2026-11-23-00", "2026-11-23-02"]
    assert {(report.outcome, report.error_code) for report in reports} == {
        ("blocked", "NOT_CONVERTED")
    }


def test_a_batch_that_is_named_twice_is_read_once(storage: DirectoryStorage) -> None:
    one = batch(CONTRACT, 0)
    made = converted(storage, CONTRACT, one, ROWS)
    assert read_commits(_order(one, one), storage) == ([made], [])


def test_a_contract_that_changed_only_in_words_goes_on(storage: DirectoryStorage) -> None:
    one = batch(CONTRACT, 0)
    made = converted(storage, CONTRACT, one, ROWS)
    reworded = contract("append", source=CONTRACT.source, description="Other words")
    assert reworded.digest != CONTRACT.digest
    assert read_commits(_order(one, of=reworded), storage) == ([made], [])


def test_a_contract_with_other_columns_asks_for_another_conversion(
    storage: DirectoryStorage,
) -> None:
    one = batch(CONTRACT, 0)
    converted(storage, CONTRACT, one, ROWS)
    columns = [column.model_dump() for column in CONTRACT.columns]
    columns[2]["type"] = "date"
    changed = contract("append", source=CONTRACT.source, columns=columns)
    _, (report,) = read_commits(_order(one, of=changed), storage)
    assert report.error_code == "CONTRACT_CHANGED"
    assert "value string" in str(report.error)
    assert "value date32" in str(report.error)


@pytest.mark.parametrize(
    ("changes", "kept_by"),
    [
        ({"key": ["id", "revision"]}, "id, revision"),
        ({"key": ["revision"]}, "revision"),
        ({"key": []}, "no key"),
        ({"load": {"strategy": "append", "version": "revision"}}, "id, newest by revision"),
    ],
)
def test_an_hour_whose_rows_gave_way_by_another_key_asks_for_another_conversion(
    storage: DirectoryStorage, changes: dict[str, Any], kept_by: str
) -> None:
    one = batch(CONTRACT, 0)
    made = converted(storage, CONTRACT, one, ROWS)
    changed = contract("append", source=CONTRACT.source, **changes)
    _, (report,) = read_commits(_order(one, of=changed), storage)
    assert report.error_code == "CONTRACT_CHANGED"
    assert "its rows were kept by id." in str(report.error)
    assert f"rows kept by {kept_by}" in str(report.error)
    _rewrite(storage, made, kept_by=None)
    assert read_commits(_order(one, of=changed), storage)[1] == []


def test_a_file_outside_the_folder_of_its_batch_is_refused(storage: DirectoryStorage) -> None:
    made = converted(storage, CONTRACT, batch(CONTRACT, 0), ROWS)
    (file,) = made.files
    for foreign in (
        file.model_copy(update={"bucket": "other"}),
        file.model_copy(update={"key": f"{made.batch.hour.partition}other/part.parquet"}),
    ):
        _rewrite(storage, made, files=(foreign,))
        _, (report,) = read_commits(_order(made.batch), storage)
        assert report.error_code == "LOCATION_REFUSED"


def test_the_commit_of_another_batch_is_refused(storage: DirectoryStorage) -> None:
    made = converted(storage, CONTRACT, batch(CONTRACT, 0), ROWS)
    where = NAMES.commit(CONTRACT.source, made.batch.hour, made.batch.batch_id)
    other = made.model_copy(update={"batch": batch(CONTRACT, 0, manifest=1)})
    storage.write(where, other.model_dump_json().encode())
    _, (report,) = read_commits(_order(made.batch), storage)
    assert report.error_code == "LOCATION_REFUSED"


def test_a_commit_whose_counts_do_not_add_up_is_refused(storage: DirectoryStorage) -> None:
    made = converted(storage, CONTRACT, batch(CONTRACT, 0), ROWS)
    _rewrite(storage, made, counts=made.counts.model_copy(update={"read": 2}))
    _, (report,) = read_commits(_order(made.batch), storage)
    assert report.error_code == "COUNTS_DISAGREE"


def test_what_is_no_commit_blocks_its_own_hour_only(storage: DirectoryStorage) -> None:
    one, two = batch(CONTRACT, 0), batch(CONTRACT, 1)
    made = converted(storage, CONTRACT, two, ROWS)
    storage.write(NAMES.commit(CONTRACT.source, one.hour, one.batch_id), b"{}")
    commits, (report,) = read_commits(_order(one, two), storage)
    assert commits == [made]
    assert report.error_code == "FILE_UNREADABLE"
