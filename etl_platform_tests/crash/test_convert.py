"""A conversion dies at each checkpoint in each way; the next leaves one commit and its files."""

from pathlib import Path

import pytest

from etl_platform_tests.convert.samples import World
from etl_platform_tests.crash.conversions import FILES, Conversion
from etl_platform_tests.crash.places import CONVERT, WAYS


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("place", CONVERT)
def test_a_conversion_that_dies_is_ended_by_the_next_one_and_has_one_commit(
    world: World, place: str, way: str
) -> None:
    """P1, P2, P3, P4."""
    hour = Conversion.of(world, *FILES)
    with hour.start(f"{place}={way}") as job:
        WAYS[way](job)
    is_committed = place == "convert.after_commit"
    assert len(hour.commits) == is_committed
    assert hour.points == []
    written = hour.files
    assert written
    with hour.start() as job:
        (report,) = job.finish()
    assert report.outcome == ("already" if is_committed else "done")
    hour.check(orphaned=set() if is_committed else written)


def test_a_conversion_whose_disk_is_full_leaves_none_of_its_files_there(
    world: World, tmp_path: Path
) -> None:
    """P2, P4, P6."""
    lines = b"".join(b"%d,abcde\n" % number for number in range(3000))
    hour = Conversion.of(world, b"id,value\n" + lines)
    with hour.start(temporary=tmp_path, largest_file_bytes=len(lines) // 2) as job:
        said = job.fail()
    assert "File too large" in said
    assert list(tmp_path.iterdir()) == []
    assert hour.commits == []
    with hour.start(temporary=tmp_path) as job:
        (report,) = job.finish()
    assert report.facts["rows_written"] == 3000
    assert list(tmp_path.iterdir()) == []
