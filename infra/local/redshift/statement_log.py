"""What all sessions ran, in a file that the system views read.

It is a file because a transaction sees no row that was committed after its snapshot, and takes its
own rows back when it fails; the history of queries is the same for all at any time.
"""

import errno
import json
import os
import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

FILE_NAME: Final = "redshift_statements.jsonl"
LABELS_FILE_NAME: Final = "redshift_labels.json"
"""In the data directory of PostgreSQL, where queries.sql reads them."""

_LARGEST_BYTES: Final = 8 * 1024 * 1024
_LONGEST_TEXT: Final = 65_536
_FIRST_WORDS: Final = re.compile(r"(?:\s|/\*.*?\*/|--[^\n]*(?:\n|$)|\()*(\w+)\s*(\w*)", re.DOTALL)
_SECRET: Final = re.compile(
    r"\b(PASSWORD|CREDENTIALS|ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN|MASTER_SYMMETRIC_KEY)"
    r"(\s+(?:AS\s+)?)'(?:[^'\\]|''|\\.)*'",
    re.IGNORECASE | re.DOTALL,
)
_KINDS: Final = {
    "WITH": "SELECT",
    "TRUNCATE": "DDL",
    "COMMENT": "DDL",
    "GRANT": "DDL",
    "REVOKE": "DDL",
    **{verb: verb for verb in ("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "COPY", "UNLOAD")},
    **dict.fromkeys(("CREATE", "ALTER", "DROP"), "DDL"),
}
_CREATES_AS = re.compile(
    r"\s*CREATE\s+(?:(?:LOCAL\s+)?TEMP(?:ORARY)?\s+)?TABLE\s+[^;]*?\bAS\s*\(?\s*(?:SELECT|WITH)\b",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True)
class Statement:
    """One statement that has ended."""

    query_id: int
    transaction_id: int
    session_id: int
    user_name: str
    database_name: str
    label: str
    text: str
    start_time: datetime
    end_time: datetime
    rows: int
    """Those sent to the client."""
    error: str | None = None
    cancelled: bool = False


def kind_of(sql: str) -> str:
    """The type of a statement: https://docs.aws.amazon.com/redshift/latest/dg/SYS_QUERY_HISTORY.html"""
    found = _FIRST_WORDS.match(sql)
    if found is None:
        return "OTHER"
    if _CREATES_AS.match(sql):
        return "CTAS"
    return _KINDS.get(found[1].upper(), "UTILITY")


def masked(sql: str) -> str:
    """The statement without the secrets in it."""
    return _SECRET.sub(r"\1\2'***'", sql)


class StatementLog:
    """The file, to which one process writes; the newest statements stay."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def append(self, statement: Statement) -> None:
        """Add a statement; the next one, of any session, finds it in the views."""
        text = statement.text[:_LONGEST_TEXT]
        told = asdict(statement) | {
            "kind": kind_of(text),
            "text": masked(text),
            "start_time": _utc(statement.start_time),
            "end_time": _utc(statement.end_time),
        }
        line = json.dumps(told).encode() + b"\n"
        # PostgreSQL, which may run as another user, reads it; nobody else enters the directory.
        handle = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            before_bytes = os.fstat(handle).st_size
            if not _is_written(handle, line):
                # On a full disk a statement must still be able to end: the history lacks it.
                os.ftruncate(handle, before_bytes)
            size_bytes = os.fstat(handle).st_size
        finally:
            os.close(handle)
        if size_bytes > _LARGEST_BYTES:
            self._forget_half()

    def _forget_half(self) -> None:
        lines = self._file.read_bytes().splitlines(keepends=True)
        draft = self._file.with_suffix(".new")
        draft.write_bytes(b"".join(lines[len(lines) // 2 :]))
        draft.rename(self._file)


class SessionLabels:
    """The labels of the sessions that have one, for their statements that run. In a file of its
    own, since no other session sees a setting."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._labels: dict[int, str] = {}
        # A server that was killed may have left labels of sessions that are gone.
        self._write()

    def put(self, session_id: int, label: str) -> None:
        """Remember what the next statements of a session are called."""
        if self._labels.get(session_id) != label:
            self._labels[session_id] = label
            self._write()

    def forget(self, session_id: int) -> None:
        """Let a session go, which has ended: the next one may get its number."""
        if self._labels.pop(session_id, None) is not None:
            self._write()

    def _write(self) -> None:
        draft = self._file.with_suffix(".new")
        try:
            draft.write_text(json.dumps(self._labels))
            draft.rename(self._file)
        except OSError as error:
            # On a full disk a statement must still be able to run: it is shown by its old label.
            if error.errno != errno.ENOSPC:
                raise


def _is_written(handle: int, line: bytes) -> bool:
    try:
        return os.write(handle, line) == len(line)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return False


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ")
