"""Errors as Redshift words them, and PostgreSQL's errors put into Redshift's words."""

import re
from collections.abc import Mapping

_BYTES_CHECK = re.compile(r"(varchar|varbyte)_bytes_\d+_(\d+)")
_CHECKED = {"varchar": "character varying", "varbyte": "binary varying"}
_OWN = "redshift_local."
_RULE = "-----------------------------------------------"


class RedshiftError(Exception):
    """An error that the client is to see, in the fields of the protocol."""

    def __init__(self, sqlstate: str, message: str, detail: str | None = None) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate
        self.message = message
        self.detail = detail

    @property
    def fields(self) -> dict[str, str]:
        """The fields of the ErrorResponse."""
        fields = {"S": "ERROR", "C": self.sqlstate, "M": self.message}
        if self.detail is not None:
            fields["D"] = self.detail
        return fields


class PostgresError(RedshiftError):
    """An error that PostgreSQL gave to a statement of the server's own."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        translated = in_redshift_words(fields)
        super().__init__(translated["C"], translated["M"], translated.get("D"))


def syntax_error(message: str) -> RedshiftError:
    """A statement that Redshift's grammar does not have."""
    return RedshiftError("42601", message)


def not_supported(message: str) -> RedshiftError:
    """A statement that Redshift understands and refuses."""
    return RedshiftError("0A000", message)


def query_cancelled() -> RedshiftError:
    """A statement that its user stopped."""
    return RedshiftError("57014", "Query cancelled on user's request")


def engine_error(message: str, code: int, context: str, location: str) -> RedshiftError:
    """An error of Redshift's compute nodes, whose useful text is in the detail."""
    lines = [
        "",
        f"  {_RULE}",
        f"  error:  {message}",
        f"  code:      {code}",
        f"  context:   {context}",
        f"  location:  {location}",
        f"  {_RULE}",
        "",
    ]
    return RedshiftError("XX000", message, "\n".join(lines))


def scan_error(code: int, context: str) -> RedshiftError:
    """An error met while the files of a COPY are read."""
    return engine_error("Spectrum Scan Error", code, context, "dory_util.cpp")


def too_long(limit_bytes: int, kind: str = "character varying") -> RedshiftError:
    """A value with more bytes than its column holds."""
    context = f"Value too long for type {kind}({limit_bytes})"
    return engine_error("Value too long for character type", 8001, context, "string.cpp")


def disk_full() -> RedshiftError:
    """No room for what a statement writes."""
    return engine_error("Disk Full", 1016, "node: 0", "fdisk_api.cpp")


def in_redshift_words(fields: Mapping[str, str]) -> dict[str, str]:
    """PostgreSQL's error as Redshift would report it; most are the same."""
    message = fields.get("M", "")
    if fields.get("C") == "23514" and (check := _BYTES_CHECK.fullmatch(fields.get("n", ""))):
        return too_long(int(check.group(2)), _CHECKED[check.group(1)]).fields
    if fields.get("C") == "21000" and message.startswith("MERGE command cannot affect row"):
        return RedshiftError("XX000", "Found multiple matches to update the same tuple.").fields
    if fields.get("C") == "53100":
        return disk_full().fields
    if fields.get("C") == "40001":
        return _conflict(message).fields
    # Where in the server's own functions it was raised is nothing to the client.
    return {code: text for code, text in fields.items() if code != "W" or _OWN not in text}


def _conflict(message: str) -> RedshiftError:
    if "read/write dependencies" in message:
        return RedshiftError(
            "XX000", "1023", "Serializable isolation violation on table in the transaction"
        )
    return RedshiftError(
        "XX000", "could not complete because of conflict with concurrent transaction"
    )
