"""The texts of the records of a JSON file, in each of its four shapes.

The rules are those of docs/formats/json.md. Nothing here is fast, and nothing is of the product.
"""

from collections.abc import Iterator

from etl_platform_tests.convert.differential.oracle_records import Behind, Record, Unreadable

SPACES = " \t\r\n"
_MOST_REST = 64 * 1024


def behind_string(text: str, at: int) -> int | None:
    """Where the string that begins here has ended; None if the text ends within it."""
    at += 1
    while at < len(text):
        if text[at] == '"':
            return at + 1
        at += 2 if text[at] == "\\" else 1
    return None


def _lines(text: str, _: int) -> Iterator[str]:
    for line in text.split("\n"):
        line = line.rstrip("\r")
        if line.strip(" \t\r\n\v\f"):
            yield line


def _document(text: str, _: int) -> Iterator[str]:
    if not text.strip(SPACES):
        raise Unreadable("there is no document")
    yield text.strip(SPACES)


def _spaces(text: str, at: int) -> int:
    while at < len(text) and text[at] in SPACES:
        at += 1
    return at


def _behind_value(text: str, at: int) -> int | None:
    """Where the brackets that open here are closed; None if they are not.

    A bracket closes the innermost open one of its kind with all in it, or nothing.
    """
    opened: list[str] = []
    while at < len(text):
        character = text[at]
        if character == '"':
            end = behind_string(text, at)
            if end is None:
                return None
            at = end
            continue
        if character in "[{":
            opened.append(character)
        elif character in "]}":
            kind = "[" if character == "]" else "{"
            while kind in opened and opened.pop() != kind:
                pass
        at += 1
        if not opened:
            return at
    return None


def _array(text: str, mark: int) -> Iterator[str | Record]:
    at = _spaces(text, 0)
    if text[at : at + 1] != "[":
        raise Unreadable("it is no array")
    at = _spaces(text, at + 1)
    if text[at : at + 1] == "]":
        at += 1
    else:
        while True:
            at = _spaces(text, at)
            end = _end_of_element(text, at)
            if end is None:
                yield _broken_off(text, at, mark)
                return
            yield text[at:end].rstrip(SPACES)
            at = end + 1
            if text[end] == "]":
                break
    at = _spaces(text, at)
    if at < len(text):
        yield _broken_off(text, at, mark)


def _end_of_element(text: str, at: int) -> int | None:
    """Where the comma or the bracket behind an element stands."""
    while at < len(text) and text[at] not in ",]":
        if text[at] == '"':
            end = behind_string(text, at)
        elif text[at] in "[{":
            end = _behind_value(text, at)
        else:
            end = at + 1
        if end is None:
            return None
        at = end
    return at if at < len(text) else None


def _documents(text: str, mark: int) -> Iterator[str | Record]:
    at = 0
    while (at := _spaces(text, at)) < len(text):
        end: int | None = at
        if text[at] in "[{":
            end = _behind_value(text, at)
        else:
            while end is not None and end < len(text) and text[end] not in "[{" + SPACES:
                end = behind_string(text, end) if text[end] == '"' else end + 1
        if end is None:
            yield _broken_off(text, at, mark)
            return
        yield text[at:end]
        at = end


def _broken_off(text: str, at: int, mark: int) -> Record:
    before = len(text[:at].encode("utf-8", "surrogateescape"))
    rest = text[at:].encode("utf-8", "surrogateescape")[:_MOST_REST]
    return Record(
        Behind(f"byte {mark + before}", rest.decode("utf-8", "backslashreplace")),
        problem=frozenset({"broken_off"}),
    )


PIECES = {"lines": _lines, "document": _document, "array": _array, "documents": _documents}
