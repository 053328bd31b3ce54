"""The options of COPY and UNLOAD: a word each, most with a value behind it, in any order."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from infra.local.redshift.errors import RedshiftError, not_supported, syntax_error
from infra.local.redshift.loads import BZIP2, GZIP, ZSTD
from infra.local.redshift.statements import Words

_ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+")
_ROLE_CREDENTIALS = "aws_iam_role="

Reader = Callable[[Words], Any]
"""Reads what stands behind the word of an option."""


@dataclass(frozen=True)
class Options:
    """The options that one of the two statements has."""

    statement: str
    formats: Mapping[str, Reader]
    """By their names, which may stand without the word FORMAT."""
    readers: Mapping[str, Reader]
    elsewhere: frozenset[str]
    """Known to Redshift, and not served here."""

    def read(self, words: Words) -> dict[str, Any]:
        """The options up to the end of the statement, each given once; a role is among them."""
        given: dict[str, Any] = {}
        while words.left:
            name, value = self._option(words)
            if name in given:
                raise syntax_error("conflicting or redundant options")
            given[name] = value
        _check_role(given.get("IAM_ROLE"))
        return given

    def _option(self, words: Words) -> tuple[str, Any]:
        # The tokenizer makes one word of PARTITION BY, with the white space between.
        option = " ".join(words.word().split())
        if option == "FORMAT":
            words.take("AS")
            option = words.word()
            if option not in self.formats:
                raise self._not_served(f"FORMAT {option}")
        if option in self.formats:
            return "FORMAT", self.formats[option](words)
        if option in (GZIP, BZIP2, ZSTD):
            return "COMPRESSION", option
        if option == "CREDENTIALS":
            return "IAM_ROLE", _credentials(words)
        if option == "IAM_ROLE":
            return option, _role(words)
        if option in self.elsewhere:
            raise self._not_served(f"{option} argument")
        try:
            return option, self.readers[option](words)
        except KeyError:
            raise syntax_error(f'syntax error at or near "{option.lower()}"') from None

    def _not_served(self, what: str) -> RedshiftError:
        return not_supported(f"{what} of {self.statement} is not served on the laptop")


def read_location(words: Words) -> str:
    """The place in S3 that must come next."""
    location = words.string()
    if not re.match(r"s3://[^/]+/.", location):
        raise RedshiftError(
            "XX000", f"The S3 location {location} is invalid: s3://bucket/key is expected"
        )
    return location


def flag(_: Words) -> bool:
    """An option without a value."""
    return True


def switch(words: Words) -> bool:
    """ON or OFF."""
    return words.switch()


def text(words: Words) -> str:
    """A string."""
    words.take("AS")
    return words.string()


def character(words: Words) -> str:
    """A delimiter, a quote or a string for NULL: \\t and octal numbers stand for a character."""
    words.take("AS")
    return unescaped(words.string_as_written())


def unescaped(written: str) -> str:
    """A text with \\t, \\001 and \\\\ as the characters they stand for; \\N stays as it is."""
    return re.sub(r"\\(\\|t|[0-7]{1,3})", _character, written)


def _character(found: re.Match[str]) -> str:
    named = {"\\": "\\", "t": "\t"}
    return named.get(found.group(1)) or chr(int(found.group(1), 8))


def _role(words: Words) -> str:
    if words.take("DEFAULT"):
        raise not_supported("IAM_ROLE default is not served on the laptop: give the ARN of a role")
    return words.string()


def _credentials(words: Words) -> str:
    """The role behind CREDENTIALS, the older form."""
    credentials = text(words)
    if not credentials.startswith(_ROLE_CREDENTIALS):
        raise not_supported("CREDENTIALS without aws_iam_role are not served on the laptop")
    return credentials.removeprefix(_ROLE_CREDENTIALS)


def _check_role(role: str | None) -> None:
    if role is None:
        raise syntax_error("CREDENTIALS argument is required but not provided: give IAM_ROLE")
    if not _ROLE_ARN.fullmatch(role):
        raise RedshiftError("XX000", f"Invalid IAM role: {role!r} is not the ARN of a role")
