"""What happens to files on their way: operators that damage one, drawn by Hypothesis."""

from collections.abc import Callable

from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[int]], int]
"""Of a composite strategy."""

PIECES = (
    *(b'"', b"'", b",", b";", b"\\", b"\\N", b'""', b'\\"', b'"\n', b',"', b"#"),
    *(b"\n", b"\r", b"\r\n", b"\n\n", b" ", b"\t", b"\0", b"\xef\xbb\xbf"),
    *(b"\xff", b"\xc3", b"\x81", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", "é".encode()),
    *(b"{", b"}", b"[", b"]", b":", b"null", b"NaN", b"1e3", b"-0", b"01", b"\\ud800", b"\\u0000"),
    *(b"<", b">", b"</", b"/>", b"&", b"&amp;", b"<!--", b"-->", b"<![CDATA[", b"]]>", b"<?x?>"),
    *(b"<!DOCTYPE a>", b"&#0;", b"&#x41;"),
)
"""What means something to one of the formats."""


def damaged(draw: Draw, body: bytes) -> bytes:
    """The file after one accident."""
    return _OPERATORS[draw(st.integers(0, len(_OPERATORS) - 1))](draw, body)


def _place(draw: Draw, body: bytes) -> int:
    return draw(st.integers(0, len(body)))


def _insert(draw: Draw, body: bytes) -> bytes:
    at = _place(draw, body)
    piece = PIECES[draw(st.integers(0, len(PIECES) - 1))]
    return body[:at] + piece + body[at:]


def _replace(draw: Draw, body: bytes) -> bytes:
    at = _place(draw, body)
    piece = PIECES[draw(st.integers(0, len(PIECES) - 1))]
    return body[:at] + piece + body[at + 1 :]


def _delete(draw: Draw, body: bytes) -> bytes:
    at = _place(draw, body)
    return body[:at] + body[at + draw(st.integers(1, 3)) :]


def _cut(draw: Draw, body: bytes) -> bytes:
    return body[: _place(draw, body)]


def _double(draw: Draw, body: bytes) -> bytes:
    start, end = sorted((_place(draw, body), _place(draw, body)))
    return body[:end] + body[start:]


def _swap_lines(draw: Draw, body: bytes) -> bytes:
    lines = body.split(b"\n")
    one, other = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
    lines[one], lines[other] = lines[other], lines[one]
    return b"\n".join(lines)


def _other_byte(draw: Draw, body: bytes) -> bytes:
    at = _place(draw, body)
    return body[:at] + bytes([draw(st.integers(0, 255))]) + body[at + 1 :]


def _line_ends(_: Draw, body: bytes) -> bytes:
    return body.replace(b"\n", b"\r\n")


_OPERATORS: tuple[Callable[[Draw, bytes], bytes], ...] = (
    *(_insert, _insert, _replace, _delete, _cut, _double, _swap_lines, _other_byte, _line_ends),
)
