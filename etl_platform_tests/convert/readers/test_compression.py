"""Compressed files: seen by their contents, checked to their end, and bounded."""

import bz2
import gzip
import itertools
import os
import re
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl_platform.contract.errors import FileUnreadable
from etl_platform.convert.readers import compression
from etl_platform.convert.readers.compression import plain_contents
from etl_platform_tests.convert.samples import contract, converted

TEXT = b"id,name\n" + b"".join(b"%d,name of %d\n" % (n, n * n) for n in range(60))


def zstd(body: bytes) -> bytes:
    """A frame of zstd, with the checksum that its command writes."""
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(body)
    return bytes(sink.getvalue())


Pack = Callable[[bytes], bytes]
PACKS: dict[str, Pack] = {"gz": gzip.compress, "bz2": bz2.compress, "zst": zstd}
each_codec = pytest.mark.parametrize(("suffix", "pack"), PACKS.items(), ids=PACKS)


def contents(folder: Path, body: bytes, name: str = "feed.csv") -> bytes:
    """What a reader would be given; the folder holds nothing else afterwards."""
    file = folder / "raw-0"
    file.write_bytes(body)
    try:
        with plain_contents(file, f"s3://raw/{name}") as plain:
            return plain.read_bytes()
    finally:
        assert list(folder.iterdir()) == [file]
        assert file.read_bytes() == body


def test_a_plain_file_is_handed_on_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "raw-0"
    file.write_bytes(TEXT)
    with plain_contents(file, "s3://raw/feed.csv") as plain:
        assert plain == file


@each_codec
@pytest.mark.parametrize("name", ["feed.csv.{}", "FEED.CSV.{}", "feed.csv", "feed"])
def test_a_compressed_file_is_read_with_and_without_its_extension(
    tmp_path: Path, suffix: str, pack: Pack, name: str
) -> None:
    name = name.format(suffix.upper() if name.isupper() else suffix)
    assert contents(tmp_path, pack(TEXT), name) == TEXT


@each_codec
def test_members_are_read_one_after_the_other(tmp_path: Path, suffix: str, pack: Pack) -> None:
    body = pack(TEXT) + pack(b"") + pack(b"61,x\n")
    assert contents(tmp_path, body, f"feed.{suffix}") == TEXT + b"61,x\n"


def test_a_frame_of_zstd_that_holds_no_contents_is_passed_over(tmp_path: Path) -> None:
    skipped = b"\x51\x2a\x4d\x18" + (3).to_bytes(4, "little") + b"abc"
    assert contents(tmp_path, skipped + zstd(TEXT), "feed.zst") == TEXT


@each_codec
def test_a_compressed_file_of_no_bytes_is_empty(tmp_path: Path, suffix: str, pack: Pack) -> None:
    assert contents(tmp_path, pack(b""), f"feed.{suffix}") == b""


@each_codec
def test_every_cut_of_a_compressed_file_is_refused(tmp_path: Path, suffix: str, pack: Pack) -> None:
    whole = pack(TEXT)
    for end in range(len(whole)):
        with pytest.raises(FileUnreadable):
            contents(tmp_path, whole[:end], f"feed.{suffix}")
        if end:
            with pytest.raises(FileUnreadable, match="cut off or damaged"):
                contents(tmp_path, whole + whole[:end], f"feed.{suffix}")


@pytest.mark.parametrize(("suffix", "pack"), [("gz", gzip.compress), ("bz2", bz2.compress)])
def test_a_flipped_bit_is_refused_or_changes_nothing(
    tmp_path: Path, suffix: str, pack: Pack
) -> None:
    whole = pack(TEXT)
    refused = 0
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 0x10
        try:
            # Bits of a header, as the time in that of gzip, belong to no contents.
            assert contents(tmp_path, bytes(damaged), f"feed.{suffix}") == TEXT
        except FileUnreadable:
            refused += 1
    assert refused > len(whole) * 0.9


@each_codec
@pytest.mark.parametrize("tail", [b"x", b"id,name\n", b"\x00" * 16])
def test_what_follows_the_last_member_is_not_dropped(
    tmp_path: Path, suffix: str, pack: Pack, tail: bytes
) -> None:
    with pytest.raises(FileUnreadable, match="cut off or damaged after"):
        contents(tmp_path, pack(TEXT) + tail, f"feed.{suffix}")


@pytest.mark.parametrize(
    ("name", "body", "says"),
    [
        ("feed.gz", TEXT, "ends with .gz, for gzip, and its contents are not compressed"),
        ("feed.gz", b"", "ends with .gz, for gzip, and its contents are not compressed"),
        (
            "feed.GZ",
            zstd(TEXT),
            "ends with .gz, for gzip, and its contents are compressed with zstd",
        ),
        ("feed.zst", bz2.compress(TEXT), "for zstd, and its contents are compressed with bz2"),
        ("feed.bz2", gzip.compress(TEXT), "for bz2, and its contents are compressed with gzip"),
    ],
)
def test_a_name_that_does_not_fit_the_contents_is_refused_with_both(
    tmp_path: Path, name: str, body: bytes, says: str
) -> None:
    with pytest.raises(FileUnreadable, match=re.escape(says)):
        contents(tmp_path, body, name)


def test_a_file_that_is_compressed_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileUnreadable, match="its gzip contents are bz2 again"):
        contents(tmp_path, gzip.compress(bz2.compress(TEXT)), "feed.gz")


@pytest.mark.parametrize(("sign", "archive"), [(b"PK\x03\x04", "zip"), (b"\xfd7zXZ\x00", "xz")])
def test_an_archive_of_another_kind_is_refused_by_its_name(
    tmp_path: Path, sign: bytes, archive: str
) -> None:
    with pytest.raises(FileUnreadable, match=f"it is a {archive} archive"):
        contents(tmp_path, sign + bytes(100))


def test_a_text_that_begins_like_bz2_is_a_text(tmp_path: Path) -> None:
    assert contents(tmp_path, b"BZh9,id\n1,2\n") == b"BZh9,id\n1,2\n"


@each_codec
def test_a_bomb_is_refused_by_its_ratio_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, pack: Pack
) -> None:
    monkeypatch.setattr(compression, "FREE_BYTES", 100_000)
    monkeypatch.setattr(compression, "_CHUNK_BYTES", 10_000)
    with pytest.raises(FileUnreadable, match="hold more than") as caught:
        contents(tmp_path, pack(bytes(20_000_000)), f"feed.{suffix}")
    assert "not more than 200 times" in str(caught.value)


@each_codec
def test_a_bomb_is_refused_by_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, pack: Pack
) -> None:
    monkeypatch.setattr(compression, "MOST_BYTES", len(TEXT) - 1)
    with pytest.raises(FileUnreadable, match=f"hold more than {len(TEXT) - 1} bytes"):
        contents(tmp_path, pack(TEXT), f"feed.{suffix}")
    monkeypatch.setattr(compression, "MOST_BYTES", len(TEXT))
    assert contents(tmp_path, pack(TEXT), f"feed.{suffix}") == TEXT


def test_small_contents_may_be_as_repetitive_as_they_like(tmp_path: Path) -> None:
    assert contents(tmp_path, gzip.compress(bytes(10_000_000))) == bytes(10_000_000)


@each_codec
def test_members_longer_than_any_buffer_are_read_whole(
    tmp_path: Path, suffix: str, pack: Pack
) -> None:
    members = [os.urandom(70_000 * n) for n in range(1, 6)]
    assert contents(tmp_path, b"".join(map(pack, members))) == b"".join(members)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(members=st.lists(st.binary(max_size=300), min_size=1, max_size=4))
def test_gzip_and_bz2_are_read_as_the_standard_library_reads_them(
    tmp_path: Path, members: list[bytes]
) -> None:
    plain = b"".join(members)
    signs = (*compression._FOREIGN, *itertools.chain(*compression._MAGIC.values()))
    if plain.startswith(signs):
        return
    for pack, unpack in ((gzip.compress, gzip.decompress), (bz2.compress, bz2.decompress)):
        body = b"".join(pack(member) for member in members)
        assert contents(tmp_path, body) == unpack(body)


@each_codec
@pytest.mark.parametrize(
    ("form", "body"),
    [
        ({"type": "csv"}, b"id,name\n1,a\n2,b\n"),
        ({"type": "csv"}, b'id,name\n1,"a"\n2,b\n'),
        ({"type": "json"}, b'{"id":1,"name":"a"}\n{"id":2,"name":"b"}\n'),
        (
            {"type": "xml", "row": "row"},
            b"<f><row><id>1</id><name>a</name></row><row><id>2</id><name>b</name></row></f>",
        ),
    ],
    ids=["csv", "quoted csv", "json", "xml"],
)
def test_every_format_may_be_compressed(
    suffix: str, pack: Pack, form: dict[str, str], body: bytes
) -> None:
    of = contract({"id": "integer", "name": "varchar(5)"}, form)
    assert converted(of, pack(body)).rows == [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]
