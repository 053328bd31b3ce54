"""Reads a COPY statement, and refuses what does not go together.

Which parameters go with which format:
https://docs.aws.amazon.com/redshift/latest/dg/r_COPY-alphabetical-parm-list.html
https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-columnar.html
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from infra.local.redshift.errors import RedshiftError, not_supported, syntax_error
from infra.local.redshift.loads import (
    BZIP2,
    GZIP,
    ZSTD,
    Conversion,
    Copy,
    CsvFormat,
    DelimitedFormat,
    JsonFormat,
    LoadFormat,
    ParquetFormat,
)
from infra.local.redshift.statements import Words

MOST_ERRORS = 100_000
_ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+")
_ROLE_CREDENTIALS = "aws_iam_role="
_FORMATS = frozenset({"PARQUET", "CSV", "JSON"})
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
"""Known to Redshift, and not served here."""

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
    given: dict[str, Any] = {}
    while words.left:
        name, value = _read_option(words)
        if name in given:
            raise syntax_error("conflicting or redundant options")
        given[name] = value
    role = checked_role(given)
    form = _format(given)
    return Copy(
        table=table,
        columns=columns,
        location=location,
        role=role,
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


def read_location(words: Words) -> str:
    """The place in S3 that must come next."""
    location = words.string()
    if not re.match(r"s3://[^/]+/.", location):
        raise RedshiftError(
            "XX000", f"The S3 location {location} is invalid: s3://bucket/key is expected"
        )
    return location


def read_role(words: Words) -> str:
    """The role behind IAM_ROLE."""
    if words.take("DEFAULT"):
        raise not_supported("IAM_ROLE default is not served on the laptop: give the ARN of a role")
    return words.string()


def read_credentials(words: Words) -> str:
    """The role behind CREDENTIALS, the older form."""
    words.take("AS")
    credentials = words.string()
    if not credentials.startswith(_ROLE_CREDENTIALS):
        raise not_supported("CREDENTIALS without aws_iam_role are not served on the laptop")
    return credentials.removeprefix(_ROLE_CREDENTIALS)


def read_character(words: Words) -> str:
    """A delimiter, a quote or a string for NULL: \\t and octal numbers stand for a character."""
    words.take("AS")
    return unescaped(words.string_as_written())


def unescaped(text: str) -> str:
    """A text with \\t, \\001 and \\\\ as the characters they stand for; \\N stays as it is."""
    return re.sub(r"\\(\\|t|[0-7]{1,3})", _character, text)


def _character(found: re.Match[str]) -> str:
    named = {"\\": "\\", "t": "\t"}
    return named.get(found.group(1)) or chr(int(found.group(1), 8))


def checked_role(given: Mapping[str, Any]) -> str:
    """The role of the statement, which must have one."""
    role = given.get("IAM_ROLE")
    if role is None:
        raise syntax_error("CREDENTIALS argument is required but not provided: give IAM_ROLE")
    if not _ROLE_ARN.fullmatch(role):
        raise RedshiftError("XX000", f"Invalid IAM role: {role!r} is not the ARN of a role")
    return str(role)


def _read_option(words: Words) -> tuple[str, Any]:
    option = words.word()
    if option == "FORMAT":
        words.take("AS")
        option = words.word()
        if option not in _FORMATS:
            raise not_supported(f"FORMAT {option} is not served on the laptop")
    if option == "JSON":
        words.take("AS")
        return "FORMAT", ("JSON", words.string() if words.at_string else "auto")
    if option in _FORMATS:
        return "FORMAT", (option, None)
    if option in (GZIP, BZIP2, ZSTD):
        return "COMPRESSION", option
    if option == "CREDENTIALS":
        return "IAM_ROLE", read_credentials(words)
    if option in _ELSEWHERE:
        raise not_supported(f"{option} argument of COPY is not served on the laptop")
    try:
        return option, _READERS[option](words)
    except KeyError:
        raise syntax_error(f'syntax error at or near "{option.lower()}"') from None


def _flag(words: Words) -> bool:
    return True


def _count(words: Words) -> int:
    words.take("AS")
    return words.number()


def _errors(words: Words) -> int:
    count = _count(words)
    if count > MOST_ERRORS:
        raise RedshiftError("22023", f"MAXERROR must be between 0 and {MOST_ERRORS}")
    return count


def _text(words: Words) -> str:
    words.take("AS")
    return words.string()


def _replacement(words: Words) -> str:
    words.take("AS")
    character = words.string() if words.at_string else "?"
    if len(character) != 1 or not character.isascii() or character == "\0":
        raise RedshiftError("22023", "ACCEPTINVCHARS replacement must be one ASCII character")
    return character


def _compression_update(words: Words) -> bool:
    return words.take("PRESET") or words.switch()


_READERS: dict[str, Callable[[Words], Any]] = {
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
        _flag,
    ),
    **dict.fromkeys(("IGNOREHEADER", "COMPROWS"), _count),
    **dict.fromkeys(("DATEFORMAT", "TIMEFORMAT", "REGION"), _text),
    **dict.fromkeys(("DELIMITER", "QUOTE", "NULL"), read_character),
    "IAM_ROLE": read_role,
    "MAXERROR": _errors,
    "ACCEPTINVCHARS": _replacement,
    "STATUPDATE": lambda words: words.switch(),
    "COMPUPDATE": _compression_update,
}


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
