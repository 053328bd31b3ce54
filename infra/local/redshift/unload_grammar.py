"""Reads an UNLOAD statement, and refuses what does not go together.

https://docs.aws.amazon.com/redshift/latest/dg/r_UNLOAD.html
"""

from collections.abc import Callable, Mapping
from typing import Any

from infra.local.redshift.copy_grammar import (
    checked_role,
    read_character,
    read_credentials,
    read_location,
    read_role,
)
from infra.local.redshift.errors import RedshiftError, not_supported, syntax_error
from infra.local.redshift.loads import BZIP2, GZIP, ZSTD, TextUnload, Unload
from infra.local.redshift.statements import Words

_ELSEWHERE = frozenset(
    {
        *("FIXEDWIDTH", "ENCRYPTED", "KMS_KEY_ID", "MASTER_SYMMETRIC_KEY", "MAXFILESIZE"),
        *("ROWGROUPSIZE", "JSON", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"),
    }
)
_FOR_TEXT_ONLY = ("DELIMITER", "ADDQUOTES", "ESCAPE", "NULL", "HEADER", "COMPRESSION")
_NOT_FOR_CSV = ("ADDQUOTES", "ESCAPE")


def read_unload(words: Words) -> Unload:
    """An UNLOAD statement, from behind its first word."""
    words.expect("(")
    query = words.string()
    words.expect(")")
    words.expect("TO")
    location = read_location(words)
    given: dict[str, Any] = {}
    while words.left:
        name, value = _read_option(words)
        if name in given:
            raise syntax_error("conflicting or redundant options")
        given[name] = value
    role = checked_role(given)
    if {"ALLOWOVERWRITE", "CLEANPATH"} <= given.keys():
        raise syntax_error("CLEANPATH and ALLOWOVERWRITE can not be used together")
    partitions, include = given.get("PARTITION BY", ((), False))
    return Unload(
        query=query,
        location=location,
        role=role,
        text=_text_format(given),
        manifest="MANIFEST" in given,
        verbose=given.get("MANIFEST", False),
        allow_overwrite="ALLOWOVERWRITE" in given,
        clean_path="CLEANPATH" in given,
        parallel=given.get("PARALLEL", True),
        partition_by=partitions,
        include_partitions=include,
        extension=given.get("EXTENSION"),
    )


def _read_option(words: Words) -> tuple[str, Any]:
    # The tokenizer makes one word of PARTITION BY, with the white space between.
    option = " ".join(words.word().split())
    if option == "FORMAT":
        words.take("AS")
        option = words.word()
        if option not in ("PARQUET", "CSV"):
            raise not_supported(f"FORMAT {option} of UNLOAD is not served on the laptop")
    if option in ("PARQUET", "CSV"):
        return "FORMAT", option
    if option in (GZIP, BZIP2, ZSTD):
        return "COMPRESSION", option
    if option == "CREDENTIALS":
        return "IAM_ROLE", read_credentials(words)
    if option in _ELSEWHERE:
        raise not_supported(f"{option} argument of UNLOAD is not served on the laptop")
    try:
        return option, _READERS[option](words)
    except KeyError:
        raise syntax_error(f'syntax error at or near "{option.lower()}"') from None


def _flag(words: Words) -> bool:
    return True


def _partitions(words: Words) -> tuple[tuple[str, ...], bool]:
    names = words.names_in_brackets()
    if not names:
        raise syntax_error(f'syntax error at or near "{words.current}"')
    return names, words.take("INCLUDE")


def _region(words: Words) -> str:
    words.take("AS")
    return words.string()


_READERS: dict[str, Callable[[Words], Any]] = {
    **dict.fromkeys(("ALLOWOVERWRITE", "CLEANPATH", "ADDQUOTES", "ESCAPE", "HEADER"), _flag),
    **dict.fromkeys(("DELIMITER", "NULL"), read_character),
    "IAM_ROLE": read_role,
    "MANIFEST": lambda words: words.take("VERBOSE"),
    "PARALLEL": lambda words: words.switch(),
    "PARTITION BY": _partitions,
    "EXTENSION": lambda words: words.string(),
    "REGION": _region,
}


def _text_format(given: Mapping[str, Any]) -> TextUnload | None:
    kind = given.get("FORMAT", "")
    if kind == "PARQUET":
        _refuse(given, _FOR_TEXT_ONLY, kind)
        return None
    if kind == "CSV":
        _refuse(given, _NOT_FOR_CSV, kind)
    delimiter = given.get("DELIMITER", "," if kind == "CSV" else "|")
    if len(delimiter) != 1 or not delimiter.isascii():
        raise RedshiftError("22023", "DELIMITER of UNLOAD must be a single ASCII character")
    return TextUnload(
        delimiter=delimiter,
        csv=kind == "CSV",
        add_quotes="ADDQUOTES" in given,
        escape="ESCAPE" in given,
        null_as=given.get("NULL", ""),
        header="HEADER" in given,
        compression=given.get("COMPRESSION"),
    )


def _refuse(given: Mapping[str, Any], options: tuple[str, ...], kind: str) -> None:
    for option in options:
        if option in given:
            named = given[option] if option == "COMPRESSION" else option
            raise not_supported(f"{named} is not supported for UNLOAD to {kind}")
