"""Reads a COPY statement, and refuses what does not go together.

Which parameters go with which format:
https://docs.aws.amazon.com/redshift/latest/dg/r_COPY-alphabetical-parm-list.html
https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-columnar.html
"""

from collections.abc import Mapping
from typing import Any

from infra.local.redshift.errors import RedshiftError, not_supported
from infra.local.redshift.loads import (
    Conversion,
    Copy,
    CsvFormat,
    DelimitedFormat,
    JsonFormat,
    LoadFormat,
    ParquetFormat,
)
from infra.local.redshift.options import (
    Options,
    Reader,
    character,
    flag,
    read_location,
    switch,
    text,
)
from infra.local.redshift.statements import Words

MOST_ERRORS = 100_000
_ELSEWHERE = frozenset(
    {
        *("ORC", "AVRO", "SHAPEFILE", "FIXEDWIDTH", "LZOP", "ENCODING", "ENCRYPTED", "SSH"),
        *(
            "READRATIO",
            "ACCESS_KEY_ID",
            "SECRET_ACCESS_KEY",
            "SESSION_TOKEN",
            "MASTER_SYMMETRIC_KEY",
        ),
    }
)
_FOR_PARQUET = frozenset(
    {
        *("IAM_ROLE", "MANIFEST", "ACCEPTINVCHARS", "FILLRECORD", "STATUPDATE", "EXPLICIT_IDS"),
        *("SERIALIZETOJSON", "MAXERROR"),
    }
)
_NOT_FOR_CSV = frozenset({"ESCAPE", "REMOVEQUOTES"})
_NOT_FOR_JSON = frozenset(
    {"DELIMITER", "QUOTE", "ESCAPE", "FILLRECORD", "IGNOREBLANKLINES", "NULL", "REMOVEQUOTES"}
)


def read_copy(words: Words) -> Copy:
    """A COPY statement, from behind its first word."""
    table = words.dotted_name()
    columns = words.names_in_brackets()
    words.expect("FROM")
    location = read_location(words)
    given = _OPTIONS.read(words)
    form = _format(given)
    return Copy(
        table=table,
        columns=columns,
        location=location,
        role=given["IAM_ROLE"],
        format=form,
        manifest="MANIFEST" in given,
        fill_record="FILLRECORD" in given,
        explicit_ids="EXPLICIT_IDS" in given,
        conversion=_conversion(given),
        compression=given.get("COMPRESSION"),
        header_lines=given.get("IGNOREHEADER", 0),
        ignore_blank_lines="IGNOREBLANKLINES" in given,
        most_errors=given.get("MAXERROR", 0),
        no_load="NOLOAD" in given,
    )


def _count(words: Words) -> int:
    words.take("AS")
    return words.number()


def _errors(words: Words) -> int:
    count = _count(words)
    if count > MOST_ERRORS:
        raise RedshiftError("22023", f"MAXERROR must be between 0 and {MOST_ERRORS}")
    return count


def _replacement(words: Words) -> str:
    words.take("AS")
    character = words.string() if words.at_string else "?"
    if len(character) != 1 or not character.isascii() or character == "\0":
        raise RedshiftError("22023", "ACCEPTINVCHARS replacement must be one ASCII character")
    return character


def _compression_update(words: Words) -> bool:
    return words.take("PRESET") or words.switch()


def _json(words: Words) -> tuple[str, str]:
    words.take("AS")
    return "JSON", words.string() if words.at_string else "auto"


_READERS: dict[str, Reader] = {
    **dict.fromkeys(
        (
            *(
                "MANIFEST",
                "FILLRECORD",
                "EXPLICIT_IDS",
                "SERIALIZETOJSON",
                "ESCAPE",
                "REMOVEQUOTES",
            ),
            *("IGNOREBLANKLINES", "BLANKSASNULL", "EMPTYASNULL", "TRIMBLANKS", "TRUNCATECOLUMNS"),
            *("ACCEPTANYDATE", "ROUNDEC", "NOLOAD"),
        ),
        flag,
    ),
    **dict.fromkeys(("IGNOREHEADER", "COMPROWS"), _count),
    **dict.fromkeys(("DATEFORMAT", "TIMEFORMAT", "REGION"), text),
    **dict.fromkeys(("DELIMITER", "QUOTE", "NULL"), character),
    "MAXERROR": _errors,
    "ACCEPTINVCHARS": _replacement,
    "STATUPDATE": switch,
    "COMPUPDATE": _compression_update,
}
_OPTIONS = Options(
    "COPY",
    formats={
        "PARQUET": lambda _: ("PARQUET", None),
        "CSV": lambda _: ("CSV", None),
        "JSON": _json,
    },
    readers=_READERS,
    elsewhere=_ELSEWHERE,
)


def _format(given: Mapping[str, Any]) -> LoadFormat:
    kind, mapping = given.get("FORMAT", ("", None))
    options = given.keys() - {"FORMAT"}
    if "SERIALIZETOJSON" in options and kind != "PARQUET":
        raise not_supported("SERIALIZETOJSON is only supported for columnar formats")
    if kind == "PARQUET":
        _refuse_for_parquet(given)
        return ParquetFormat(serialize_to_json="SERIALIZETOJSON" in given)
    if kind == "JSON":
        _refuse(options & _NOT_FOR_JSON, "JSON")
        return JsonFormat(mapping)
    if kind == "CSV":
        _refuse(options & _NOT_FOR_CSV, "CSV")
        return CsvFormat(
            _single(given.get("DELIMITER", ","), "DELIMITER"),
            _single(given.get("QUOTE", '"'), "QUOTE"),
        )
    _refuse(options & {"QUOTE"}, "COPY without CSV")
    delimiter = given.get("DELIMITER", "|")
    if not delimiter:
        raise RedshiftError("22023", "COPY delimiter must not be empty")
    return DelimitedFormat(delimiter, "ESCAPE" in given, "REMOVEQUOTES" in given)


def _refuse_for_parquet(given: Mapping[str, Any]) -> None:
    for option in given:
        if option not in _FOR_PARQUET and option != "FORMAT":
            named = given[option] if option == "COMPRESSION" else option
            raise not_supported(f"{named} argument is not supported for PARQUET based COPY")
    # dlt sends MAXERROR 0, which is the default, and Redshift takes it.
    if given.get("MAXERROR"):
        raise not_supported("MAXERROR argument is not supported for PARQUET based COPY")


def _refuse(options: frozenset[str] | set[str], context: str) -> None:
    if options:
        raise not_supported(f"{min(options)} argument is not supported for {context}")


def _single(character: str, option: str) -> str:
    if len(character) != 1:
        raise RedshiftError("22023", f"{option} of CSV must be a single character")
    return character


def _conversion(given: Mapping[str, Any]) -> Conversion:
    return Conversion(
        null_as=given.get("NULL", "\\N"),
        invalid_as=given.get("ACCEPTINVCHARS"),
        accept_any_date="ACCEPTANYDATE" in given,
        blanks_as_null="BLANKSASNULL" in given,
        empty_as_null="EMPTYASNULL" in given,
        trim_blanks="TRIMBLANKS" in given,
        truncate_columns="TRUNCATECOLUMNS" in given,
        round_decimals="ROUNDEC" in given,
        date_format=given.get("DATEFORMAT", "YYYY-MM-DD"),
        time_format=given.get("TIMEFORMAT"),
    )
