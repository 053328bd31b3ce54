"""Reads an UNLOAD statement, and refuses what does not go together.

https://docs.aws.amazon.com/redshift/latest/dg/r_UNLOAD.html
"""

from collections.abc import Mapping
from typing import Any

from infra.local.redshift.errors import RedshiftError, not_supported, syntax_error
from infra.local.redshift.loads import TextUnload, Unload
from infra.local.redshift.options import Options, character, flag, read_location, switch, text
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
    given = _OPTIONS.read(words)
    if {"ALLOWOVERWRITE", "CLEANPATH"} <= given.keys():
        raise syntax_error("CLEANPATH and ALLOWOVERWRITE can not be used together")
    partitions, include = given.get("PARTITION BY", ((), False))
    return Unload(
        query=query,
        location=location,
        role=given["IAM_ROLE"],
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


def _partitions(words: Words) -> tuple[tuple[str, ...], bool]:
    names = words.names_in_brackets()
    if not names:
        raise syntax_error(f'syntax error at or near "{words.current}"')
    return names, words.take("INCLUDE")


_OPTIONS = Options(
    "UNLOAD",
    formats={"PARQUET": lambda _: "PARQUET", "CSV": lambda _: "CSV"},
    readers={
        **dict.fromkeys(("ALLOWOVERWRITE", "CLEANPATH", "ADDQUOTES", "ESCAPE", "HEADER"), flag),
        **dict.fromkeys(("DELIMITER", "NULL"), character),
        "MANIFEST": lambda words: words.take("VERBOSE"),
        "PARALLEL": switch,
        "PARTITION BY": _partitions,
        "EXTENSION": lambda words: words.string(),
        "REGION": text,
    },
    elsewhere=_ELSEWHERE,
)


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
