import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl_platform.contract import manifest as module
from etl_platform.contract.errors import LocationRefused, ManifestInvalid
from etl_platform.contract.layout import Location
from etl_platform.contract.manifest import Manifest

PLACE = Location("raw", "2026/11/23/03/manifest.json")
FOLDER = "s3://raw/2026/11/23/03/"


def parse(*urls: str) -> Manifest:
    return Manifest.parse(json.dumps({"entries": [{"url": u} for u in urls]}).encode(), PLACE)


def test_the_form_of_unload_verbose_is_read() -> None:
    body = {
        "entries": [
            {"url": FOLDER + "a.csv", "meta": {"content_length": 12, "record_count": 3}},
        ],
        "schema": {"elements": []},
        "meta": {"content_length": 12, "record_count": 3},
        "author": {"name": "Amazon Redshift"},
    }
    manifest = Manifest.parse(json.dumps(body).encode(), PLACE)
    assert manifest.entries[0].meta.content_length == 12


def test_an_empty_list_is_an_hour_without_records() -> None:
    assert parse().entries == ()


def test_a_byte_order_mark_does_not_matter() -> None:
    assert Manifest.parse(b'\xef\xbb\xbf{"entries": []}', PLACE).entries == ()


@pytest.mark.parametrize(
    "url",
    ["s3://other/2026/11/23/03/a", "s3://raw/2026/11/23/04/a", FOLDER, FOLDER + "manifest.json",
     FOLDER + "deep/a", FOLDER + "../04/a", "s3a://raw/2026/11/23/03/a", "/etc/passwd", "",
     "s3://raw/2026/11/23/03%2fa", "http://169.254.169.254/latest"],
)  # fmt: skip
def test_a_file_outside_the_folder_of_the_hour_is_refused(url: str) -> None:
    with pytest.raises(LocationRefused):
        parse(url)


@pytest.mark.parametrize("name", ["*", "a?", "[a]", "{a,b}", "a b+c", "ä.csv", "%2e", "'; drop"])
def test_a_name_is_taken_to_the_letter(name: str) -> None:
    assert parse(FOLDER + name).entries[0].url == FOLDER + name


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"{}", b'{"entries": null}', b'{"entries": [{}]}', b'{"entries": [1]}',
     b'{"entries": [{"url": "x", "meta": {"content_length": -1}}]}', b"\xff\xfe", b"NaN",
     b"[" * 100_000],
)  # fmt: skip
def test_what_is_no_manifest_is_refused_with_a_reason(body: bytes) -> None:
    with pytest.raises(ManifestInvalid, match=r"s3://raw/2026/11/23/03/manifest\.json"):
        Manifest.parse(body, PLACE)


def test_a_file_listed_twice_is_refused() -> None:
    with pytest.raises(ManifestInvalid, match="listed twice"):
        parse(FOLDER + "a", FOLDER + "b", FOLDER + "a")


def test_a_manifest_beyond_the_size_limit_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 10)
    with pytest.raises(ManifestInvalid, match="10 at most"):
        Manifest.parse(b'{"entries": []}', PLACE)


@given(st.binary(max_size=200))
def test_no_content_gives_anything_but_a_manifest_or_a_clear_error(body: bytes) -> None:
    with contextlib.suppress(ManifestInvalid, LocationRefused):
        Manifest.parse(body, PLACE)
