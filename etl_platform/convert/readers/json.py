"""JSON: objects that are taken apart by DuckDB, after each was found to be JSON to the letter."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from etl_platform.contract.formats import JsonFormat
from etl_platform.contract.source import SourceContract
from etl_platform.convert.readers import lines
from etl_platform.convert.readers.json_elements import array_elements, documents, whole_document
from etl_platform.convert.readers.json_query import json_query
from etl_platform.convert.readers.json_shapes import SCHEMA, Shapes
from etl_platform.convert.readers.json_typed import json_typed
from etl_platform.convert.readers.records import BrokenOff, Records
from etl_platform.convert.readers.unknown import Unknown, known_fields
from etl_platform.convert.reasons import Reason

_TEXTS: Final[dict[str, Callable[[Path, str], Iterator[bytes]]]] = {
    "array": array_elements,
    "documents": documents,
    "document": whole_document,
}

_BLANK: Final = b" \t\r\v\f"

_BATCH_TEXTS: Final = 16_384
_BATCH_BYTES: Final = 8 * 1024 * 1024


def open_records(
    file: Path, url: str, contract: SourceContract, form: JsonFormat, records_before: int = 0
) -> Records:
    """The records of a file in any shape; blank lines are none."""
    unknown = Unknown(contract, url)
    known = known_fields(column.steps for column in contract.declared_columns)
    typed = json_typed(contract)
    shapes = Shapes(known, unknown, typed, records_before)
    return Records(
        SCHEMA,
        map(shapes.checked, _raw_batches(file, url, form)),
        json_query(contract.declared_columns, typed, unknown.policy == "capture"),
        unknown,
        judges_columns=True,
        explains_problems=True,
        typed=frozenset(typed.types if typed else ()),
    )


def _raw_batches(file: Path, url: str, form: JsonFormat) -> Iterator[pa.RecordBatch]:
    if form.shape != "lines":
        return _batches(_TEXTS[form.shape](file, url))
    return _without_blank_lines(lines.read_lines(file, url, lines.start_of_text(file)))


def count_records(file: Path, url: str) -> int:
    """How many records `open_records` finds in a file of lines."""
    return lines.count_lines(file, url, lines.start_of_text(file), _BLANK)


def _without_blank_lines(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Lines of spaces are no records and have no number, as empty ones, which are gone already."""
    first, passed_over = 1, 0
    for batch in batches:
        kept = batch.filter(pc.invert(pc.ascii_is_space(batch["_raw"])))
        passed_over += batch.num_rows - kept.num_rows
        if passed_over:
            numbers = pa.array(range(first, first + kept.num_rows), pa.int64())
            kept = kept.set_column(0, kept.schema.field(0), numbers)
        first += kept.num_rows
        yield kept


def _batches(texts: Iterator[bytes]) -> Iterator[pa.RecordBatch]:
    first, size_bytes = 1, 0
    some: list[bytes] = []
    broken: BrokenOff | None = None
    try:
        for text in texts:
            some.append(text)
            size_bytes += len(text)
            if len(some) == _BATCH_TEXTS or size_bytes > _BATCH_BYTES:
                yield _batch(first, some)
                first, size_bytes, some = first + len(some), 0, []
    except BrokenOff as error:
        broken = error
    if some:
        yield _batch(first, some)
    if broken is not None:
        yield pa.RecordBatch.from_pydict(
            {
                "_record": [first + len(some)],
                "_raw": [broken.raw],
                "_problem": [str(Reason.BROKEN_OFF)],
            },
            schema=lines.SCHEMA,
        )


def _batch(first: int, texts: list[bytes]) -> pa.RecordBatch:
    raw, problems = lines.decoded(pa.array(texts, pa.binary()))
    numbers = pa.array(range(first, first + len(texts)), pa.int64())
    return pa.RecordBatch.from_arrays([numbers, raw, problems], schema=lines.SCHEMA)
