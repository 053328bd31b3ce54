from fnmatch import fnmatchcase

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from etl_platform.contract.errors import LocationRefused, SettingInvalid
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import SOURCE_NAME, Location, Names, hour_of_manifest

NAMES = Names("etl-test")
HOUR = Hour.parse("2026-11-23-03")
sources = st.from_regex(SOURCE_NAME, fullmatch=True).filter(lambda name: len(name) <= 31)


@given(sources)
def test_a_raw_bucket_tells_its_source(source: str) -> None:
    assert NAMES.source_of(NAMES.raw_bucket(source)) == source


@given(sources, sources)
def test_no_two_sources_share_a_bucket(one: str, other: str) -> None:
    if one != other:
        assert NAMES.raw_bucket(one) != NAMES.raw_bucket(other)
        assert NAMES.processed_bucket(one) != NAMES.processed_bucket(other)


def is_refused(namespace: str) -> bool:
    try:
        Names(namespace)
    except SettingInvalid:
        return True
    return False


words = st.sampled_from(["etl", "raw", "processed", "source", "artifacts", "a"])
telling = st.lists(words, min_size=1, max_size=3).map("-".join)


@given(telling, telling, sources)
def test_the_pattern_of_an_installation_fits_no_bucket_of_another(
    one: str, other: str, source: str
) -> None:
    assume(one != other and not is_refused(one) and not is_refused(other))
    ours, theirs = Names(one), Names(other)
    for pattern in (ours.raw_bucket("*"), ours.processed_bucket("*")):
        assert fnmatchcase(ours.raw_bucket(source), pattern) is (pattern == ours.raw_bucket("*"))
        for bucket in (
            theirs.raw_bucket(source),
            theirs.processed_bucket(source),
            theirs.artifacts_bucket,
        ):
            assert not fnmatchcase(bucket, pattern)


namespaces = st.from_regex(r"[a-z][a-z0-9-]{1,18}[a-z0-9]", fullmatch=True)


@given(namespaces.filter(lambda namespace: not is_refused(namespace)), sources)
def test_every_bucket_name_is_one_that_s3_takes(namespace: str, source: str) -> None:
    names = Names(namespace)
    for bucket in (names.raw_bucket(source), names.processed_bucket(source)):
        assert 3 <= len(bucket) <= 63
        assert set(bucket) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


@pytest.mark.parametrize(
    "namespace",
    [
        *("", "a", "Etl", "etl_x", "etl-", "-etl", "e" * 21, "etl\n"),
        *("etl-raw", "etl-processed-a", "etl-source"),
    ],
)
def test_a_namespace_that_no_name_can_carry_is_refused(namespace: str) -> None:
    with pytest.raises(SettingInvalid):
        Names(namespace)


@pytest.mark.parametrize(
    "bucket", ["other", "etl-test-processed-a", "etl-test-raw-", "etl-test2-raw-a"]
)
def test_a_foreign_bucket_has_no_source(bucket: str) -> None:
    assert NAMES.source_of(bucket) is None


@pytest.mark.parametrize(
    "key",
    ["manifest.json", "2026/11/23/manifest.json", "2026/11/23/03/x/manifest.json",
     "2026/11/23/24/manifest.json", "2026/11/23/03/manifest.json.gz", "2026/11/23/03/manifest",
     "x/2026/11/23/03/manifest.json", "2026/11/23/03//manifest.json"],
)  # fmt: skip
def test_other_keys_are_no_manifest_of_an_hour(key: str) -> None:
    assert hour_of_manifest(key) is None


def test_the_key_of_a_manifest_tells_its_hour() -> None:
    assert hour_of_manifest(NAMES.manifest("a", HOUR).key) == HOUR


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_a_location_reads_back_to_the_letter(key: str) -> None:
    location = Location("bucket", key)
    assert Location.parse(str(location)) == location


@pytest.mark.parametrize(
    "url", ["", "s3://", "s3://b", "s3a://b/k", "file:///b/k", "S3://b/k", "s3:///k"]
)
def test_what_is_no_s3_address_is_refused(url: str) -> None:
    with pytest.raises(LocationRefused):
        Location.parse(url)
