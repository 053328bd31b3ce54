"""The manifest for COPY is exact, and no count is taken on trust."""

import json

import pytest

from etl_platform.contract.commit import Commit, ParquetFile
from etl_platform.contract.errors import CountsDisagree
from etl_platform.load.staging import check_counts, copy_manifest
from etl_platform_tests.load.samples import START, batch, commit, contract

CONTRACT = contract("append")


def _commit(hour: int, *rows: int) -> Commit:
    files = [
        ParquetFile(bucket="b", key=f"{hour}/part-{n}.parquet", size_bytes=100 + n, rows=count)
        for n, count in enumerate(rows)
    ]
    return commit(CONTRACT, batch(CONTRACT, hour), files)


def test_every_file_is_mandatory_and_has_its_exact_length() -> None:
    manifest = json.loads(copy_manifest([_commit(0, 3, 4), _commit(1), _commit(2, 5)]))
    assert manifest == {
        "entries": [
            {
                "url": "s3://b/0/part-0.parquet",
                "mandatory": True,
                "meta": {"content_length": 100},
            },
            {
                "url": "s3://b/0/part-1.parquet",
                "mandatory": True,
                "meta": {"content_length": 101},
            },
            {
                "url": "s3://b/2/part-0.parquet",
                "mandatory": True,
                "meta": {"content_length": 100},
            },
        ]
    }


def test_counts_that_agree_pass() -> None:
    one, empty = _commit(0, 3, 4), _commit(1)
    check_counts([one, empty], 7, [(one.batch.batch_id, START, 7)])


@pytest.mark.parametrize(
    ("copied", "staged"),
    [
        pytest.param(6, [(0, 0, 7)], id="COPY loaded fewer"),
        pytest.param(7, [(0, 0, 6)], id="fewer rows of the batch"),
        pytest.param(7, [], id="no row of the batch"),
        pytest.param(7, [(0, 0, 7), (1, 1, 1)], id="rows of a batch without any"),
        pytest.param(7, [(0, 1, 7)], id="rows under another hour"),
    ],
)
def test_counts_that_differ_are_refused(copied: int, staged: list[tuple[int, int, int]]) -> None:
    commits = [_commit(0, 3, 4), _commit(1)]
    rows = [
        (commits[which].batch.batch_id, START.plus(hour), count) for which, hour, count in staged
    ]
    with pytest.raises(CountsDisagree):
        check_counts(commits, copied, rows)
