"""The queue's message: what is written is read again, and nothing else is."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl_platform.contract.errors import MessageInvalid
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import SOURCE_NAME
from etl_platform.ingest.message import BatchRequest

moments = st.datetimes(timezones=st.just(UTC))


@st.composite
def requests(draw: st.DrawFn) -> BatchRequest:
    hour = Hour.containing(draw(moments))
    return BatchRequest(
        source=draw(st.from_regex(SOURCE_NAME, fullmatch=True)),
        hour=hour,
        bucket=draw(st.text()),
        folder=hour.folder,
        manifest_version=draw(st.text()),
        sequencer=draw(st.text()),
        event_at=draw(moments),
    )


REQUEST = BatchRequest(
    source="flights",
    hour=Hour.parse("2013-01-01-05"),
    bucket="etl-platform-raw-flights",
    folder="2013/01/01/05/",
    manifest_version="v1",
    sequencer="0A",
    event_at=datetime(2013, 1, 1, 6, tzinfo=UTC),
)


@given(requests())
def test_a_request_is_read_as_it_was_written(request_: BatchRequest) -> None:
    assert BatchRequest.from_json(request_.to_json()) == request_


@given(requests(), requests())
def test_two_requests_have_one_group_exactly_if_source_and_hour_are_the_same(
    one: BatchRequest, other: BatchRequest
) -> None:
    same = (one.source, one.hour) == (other.source, other.hour)
    assert (one.message_group_id == other.message_group_id) == same


def test_a_later_delivery_of_the_same_version_is_a_double() -> None:
    again = BatchRequest(
        **{**vars(REQUEST), "sequencer": "0B", "event_at": datetime(2013, 1, 2, tzinfo=UTC)}
    )
    assert again.deduplication_id == REQUEST.deduplication_id


def test_another_version_of_the_manifest_is_no_double() -> None:
    other = BatchRequest(**{**vars(REQUEST), "manifest_version": "v2"})
    assert other.deduplication_id != REQUEST.deduplication_id
    assert other.message_group_id == REQUEST.message_group_id


@given(requests())
def test_the_ids_are_within_the_limits_of_sqs(request_: BatchRequest) -> None:
    assert 1 <= len(request_.deduplication_id) <= 128
    assert request_.deduplication_id.isalnum()
    assert request_.message_group_id.isascii()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        pytest.param({"form": 2}, "is not of form 1", id="form-of-another-time"),
        pytest.param({"source": 3}, "has no text in 'source'", id="source-is-a-number"),
        pytest.param({"source": "a;b"}, "names a source that cannot exist", id="hostile-source"),
        pytest.param({"hour": "2013-01-01"}, "has no hour in 'hour'", id="day-for-an-hour"),
        pytest.param({"hour": "2013-02-30-00"}, "has no hour in 'hour'", id="no-such-day"),
        pytest.param({"folder": "2013/01/01/06/"}, "names a folder of another", id="other-folder"),
        pytest.param({"event_at": "soon"}, "has no time in 'event_at'", id="time-is-a-word"),
        pytest.param({"event_at": "2013-01-01T06:00:00"}, "without a zone", id="naive-time"),
        pytest.param({"manifest_version": None}, "has no text in 'manifest_", id="no-version"),
    ],
)
def test_a_body_that_breaks_the_form_is_refused_by_name(
    change: dict[str, Any], problem: str
) -> None:
    body = json.dumps({**json.loads(REQUEST.to_json()), **change})
    with pytest.raises(MessageInvalid) as caught:
        BatchRequest.from_json(body)
    assert problem in str(caught.value)


@pytest.mark.parametrize("body", ["", "poison", "[]", "null", "{}", "[" * 100_000, '"\ud800"'])
def test_a_body_that_is_no_request_is_refused(body: str) -> None:
    with pytest.raises(MessageInvalid):
        BatchRequest.from_json(body)


def test_the_error_shows_only_the_beginning_of_a_long_body() -> None:
    with pytest.raises(MessageInvalid) as caught:
        BatchRequest.from_json("x" * 100_000)
    assert len(str(caught.value)) < 1000
