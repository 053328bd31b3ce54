"""Lines across the borders of blocks."""

from pathlib import Path

import pytest

from etl_platform.contract.errors import FileUnreadable
from etl_platform.convert.readers import lines


def read(folder: Path, body: bytes) -> list[tuple[int, str]]:
    file = folder / "raw"
    file.write_bytes(body)
    batches = lines.read_lines(file, "s3://raw/feed", lines.start_of_text(file))
    return [(row["_record"], row["_raw"]) for batch in batches for row in batch.to_pylist()]


@pytest.mark.parametrize("block_bytes", [1, 2, 3, 7, 1024])
@pytest.mark.parametrize("batch_lines", [1, 2, 1024])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_lines_do_not_depend_on_the_blocks_that_they_are_read_in(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    block_bytes: int,
    batch_lines: int,
    line_end: str,
) -> None:
    monkeypatch.setattr(lines, "_BLOCK_BYTES", block_bytes)
    monkeypatch.setattr(lines, "_BATCH_LINES", batch_lines)
    texts = ["one", "zwölf", "", "x" * 20, "", "", "end"]
    whole = list(enumerate([text for text in texts if text], 1))
    assert read(tmp_path, line_end.join(texts).encode()) == whole
    assert read(tmp_path, (line_end.join(texts) + line_end).encode()) == whole


def test_a_line_without_an_end_is_refused_before_it_fills_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "_BLOCK_BYTES", 8)
    monkeypatch.setattr(lines, "MOST_RECORD_BYTES", 32)
    with pytest.raises(FileUnreadable, match="does not end"):
        read(tmp_path, b"x" * 100)


def test_an_empty_file_has_no_lines(tmp_path: Path) -> None:
    assert read(tmp_path, b"") == []
    assert read(tmp_path, b"\xef\xbb\xbf") == []
