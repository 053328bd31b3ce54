"""Frames cut from any stream of bytes, and messages that go there and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.redshift import wire

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)


@given(st.lists(st.tuples(st.sampled_from(b"PBDESQ"), st.binary(max_size=50))), st.data())
def test_frames_do_not_depend_on_how_the_bytes_arrive(
    messages: list[tuple[int, bytes]], data: st.DataObject
) -> None:
    stream = b"".join(wire.frame(bytes([kind]), body) for kind, body in messages)
    buffer, found = wire.FrameBuffer(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        buffer.feed(stream[:size])
        stream = stream[size:]
        while (frame := buffer.next()) is not None:
            found.append((frame.kind[0], frame.body))
    assert found == messages


@pytest.mark.parametrize("length", [0, 3, 2**31])
def test_a_length_that_cannot_be_is_refused(length: int) -> None:
    buffer = wire.FrameBuffer()
    buffer.feed(b"Q" + length.to_bytes(4, "big"))
    with pytest.raises(wire.ProtocolError):
        buffer.next()


@given(NAMES, NAMES, st.binary(max_size=10))
def test_a_parse_message_goes_there_and_back(name: str, sql: str, types: bytes) -> None:
    message = wire.Parse(name, sql, types)
    assert wire.read_parse(wire.parse(message)[5:]) == message


@given(st.dictionaries(NAMES.filter(bool), NAMES))
def test_start_up_settings_go_there_and_back(settings: dict[str, str]) -> None:
    assert wire.read_startup(wire.startup(settings)[8:]) == settings


@pytest.mark.parametrize("body", [b"", b"name", b"name\0sql", b"\xff\0sql\0"])
def test_a_broken_parse_message_is_refused(body: bytes) -> None:
    with pytest.raises(wire.ProtocolError):
        wire.read_parse(body)
