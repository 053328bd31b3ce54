"""One dialect of CSV, told to the csv module, to Arrow, and to a pattern for what both agree on.

The csv module decides what a record is. Arrow is far faster and forgives what it should not, so it
is only given lines that match the pattern: those are one record each and leave nothing to forgive.
"""

import codecs
import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv

from etl_platform.contract.formats import CsvFormat
from etl_platform.convert.readers.csv_backslash import BackslashReader
from etl_platform.convert.readers.records import MOST_RECORD_BYTES

_MOST_FIELDS_IN_PATTERN: Final = 500
"""Beyond it the automaton of the pattern outgrows its cache, and the csv module is faster."""


def csv_reader(source: Iterable[str], form: CsvFormat) -> Iterator[list[str]]:
    """The fields of records, from lines of text, strict."""
    # The limit of the module belongs to the process and is 128 KiB unless set.
    csv.field_size_limit(MOST_RECORD_BYTES)
    if form.escape == "doubled":
        return csv.reader(source, delimiter=form.delimiter, quotechar=form.quote, strict=True)
    return BackslashReader(iter(source), form)


def plain_pattern(form: CsvFormat, width: int) -> str | None:
    """What matches a line that is one well-formed record of `width` fields, if a pattern can."""
    return line_pattern(form, width, {})


def line_pattern(form: CsvFormat, width: int, fields: Mapping[int, str]) -> str | None:
    """The same with patterns of its own for some fields, by number; they match no quote."""
    if not (form.delimiter + form.quote).isascii() or width > _MOST_FIELDS_IN_PATTERN:
        return None
    delimiter, quote = _escaped(form.delimiter), _escaped(form.quote)
    if form.escape == "doubled":
        bare = rf"[^{quote}{delimiter}\r]*"
        quoted = rf"{quote}(?:[^{quote}\r]|{quote}{quote})*{quote}"
    else:
        escaped = rf"\\[{quote}{delimiter}\\]"
        bare = rf"(?:[^{quote}{delimiter}\r\\]|{escaped})*"
        quoted = rf"{quote}(?:[^{quote}\r\\]|{escaped})*{quote}"
    any_ = f"(?:{bare}|{quoted})"
    each = [
        f"(?:{fields[n]}|{quote}(?:{fields[n]}){quote})" if n in fields else any_
        for n in range(width)
    ]
    if not fields:
        return rf"^{any_}(?:{delimiter}{any_}){{{width - 1}}}\r?$"
    return rf"^{delimiter.join(each)}\r?$"


def joined_lines(texts: pa.StringArray) -> bytes:
    """The text of some lines."""
    whole = pa.ListArray.from_arrays(pa.array([0, len(texts)], pa.int32()), texts)
    joined: Any = pc.binary_join(whole, "\n")
    text: bytes = joined[0].as_buffer().to_pybytes()
    return text


def cells_of_plain_lines(
    text: bytes,
    form: CsvFormat,
    width: int,
    positions: Mapping[str, int],
    types: Mapping[str, pa.DataType],
    nulls: Sequence[str],
) -> "dict[str, pa.Array[Any]]":
    """The columns in lines that all match the pattern: texts, or values of `types`."""
    if not text:
        return {name: pa.array([], types.get(name, pa.string())) for name in positions}
    if text.startswith(codecs.BOM_UTF8):
        # Arrow drops one byte order mark at the beginning, and here it would be a character.
        text = codecs.BOM_UTF8 + text
    fields = [str(number) for number in range(width)]
    source: Any = pa.BufferReader(text)
    table = arrow_csv.read_csv(
        source,
        # All of it is one block of Arrow: pieces of columns would have to be put together again.
        arrow_csv.ReadOptions(block_size=len(text) + 1, column_names=fields),
        arrow_csv.ParseOptions(
            delimiter=form.delimiter,
            quote_char=form.quote,
            double_quote=form.escape == "doubled",
            escape_char="\\" if form.escape == "backslash" else False,
            newlines_in_values=False,
            ignore_empty_lines=False,
        ),
        arrow_csv.ConvertOptions(
            column_types={
                str(position): types.get(name, pa.string()) for name, position in positions.items()
            },
            null_values=list(nulls),
            include_columns=sorted({str(position) for position in positions.values()}),
            strings_can_be_null=False,
            check_utf8=False,
        ),
    )
    return {name: table[str(position)].combine_chunks() for name, position in positions.items()}


def _escaped(character: str) -> str:
    return rf"\x{{{ord(character):x}}}"
