"""Delimited text: Arrow takes apart the lines that are plainly one record, the csv module the rest.

The csv module alone knows where a record ends that holds quotes of any kind, so it is asked for
each line that is not plain, and takes as many more as it needs. Plain lines in between are records,
because a record always begins where the one before it ended. A test holds this to the csv module.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from etl_platform.contract.formats import CsvFormat
from etl_platform.contract.source import SourceContract
from etl_platform.convert.ahead import made_ahead
from etl_platform.convert.readers import lines
from etl_platform.convert.readers.csv_dialect import (
    cells_of_plain_lines,
    joined_lines,
    plain_pattern,
)
from etl_platform.convert.readers.csv_header import CsvFile, columns_of, open_csv
from etl_platform.convert.readers.csv_records import Tape, odd_records
from etl_platform.convert.readers.csv_typed import Typed, typed_columns
from etl_platform.convert.readers.csv_unquoted import is_unquoted, unquoted
from etl_platform.convert.readers.encodings import open_text
from etl_platform.convert.readers.records import (
    IS_TYPED,
    MOST_RECORD_BYTES,
    RECORD_COLUMNS,
    STREAM,
    RawRecord,
    Records,
    typed_name,
)
from etl_platform.convert.sql import Identifier, Literal, Sql, compose, names

_ODD: Final = 0
_PLAIN: Final = 1
_NO_RECORD: Final = 2
_TAKEN_APART: Final = 3
_TYPED: Final = 4

_BATCH_RECORDS: Final = 16_384
_BLOCKS_AT_ONCE: Final = 2


def open_records(file: Path, url: str, contract: SourceContract, form: CsvFormat) -> Records:
    """The records behind the header, whose names may stand in any order and among others."""
    csv_file = open_csv(file, url, contract, form)
    if is_unquoted(csv_file):
        return unquoted(csv_file)
    plain = plain_pattern(form, csv_file.width)
    return quoted(csv_file, plain, typed_columns(contract, csv_file))


def count_records(file: CsvFile) -> tuple[int, bool]:
    """How many records `open_records` finds, and whether the last one is whole."""
    if is_unquoted(file):
        offset = lines.start_of_text(file.path) + file.offset
        return lines.count_lines(file.path, file.url, offset), True
    plain = plain_pattern(file.form, file.width)
    count, is_whole = 0, True
    for block in _blocks(file, plain, None):
        count += block.count
        is_whole = not block.ran_out
    return count, is_whole


def quoted(file: CsvFile, plain: str | None, typed: Typed | None = None) -> Records:
    """The records of a file. Without a pattern for plain lines, the csv module reads them all."""
    types = typed.types if typed else {}
    values = [IS_TYPED, *map(typed_name, types)]
    query = compose(
        "SELECT _record, _raw, _problem, {values} {columns} {problem_value} FROM {stream}",
        values=compose("{all},", all=names(values)) if types else Sql(""),
        columns=columns_of(file, {name: Identifier(name) for name in file.positions}),
        problem_value=_problem_value(file),
        stream=names([STREAM]),
    )
    return Records(
        _schema(file, types),
        _batches(file, plain, typed),
        query,
        file.unknown,
        explains_problems=file.problem is not None,
        typed=frozenset(types),
    )


def _problem_value(file: CsvFile) -> Sql:
    if file.problem is None:
        return Sql("")
    return compose(
        ", CASE WHEN _problem = {problem} THEN {value} END AS _problem_value",
        problem=Literal(str(file.problem)),
        value=Literal(file.problem_value),
    )


def _schema(file: CsvFile, types: Mapping[str, pa.DataType]) -> pa.Schema:
    return pa.schema(
        RECORD_COLUMNS
        | {IS_TYPED: pa.bool_()}
        | {typed_name(name): kind for name, kind in types.items()}
        | dict.fromkeys(file.positions, pa.string())
    )


def _batches(file: CsvFile, plain: str | None, typed: Typed | None) -> Iterator[pa.RecordBatch]:
    def taken(numbered: tuple[_Block, int]) -> list[pa.RecordBatch]:
        block, first = numbered
        return list(block.batches(first))

    # To take records apart is about as much work as to find the next ones.
    for batches in made_ahead(taken, _numbered(file, plain, typed), _BLOCKS_AT_ONCE):
        yield from batches


def _numbered(
    file: CsvFile, plain: str | None, typed: Typed | None
) -> "Iterator[tuple[_Block, int]]":
    """Blocks with the numbers of their first records."""
    first = 1
    for block in _blocks(file, plain, typed):
        yield block, first
        first += block.count


def _blocks(file: CsvFile, plain: str | None, typed: Typed | None) -> "Iterator[_Block]":
    """Blocks of records; one that the next block goes on with is read again with that."""
    rest, enough_bytes = b"", 0
    with open_text(file.path, file.url, file.form.encoding, file.offset) as text:
        for more in lines.blocks(text, file.url):
            rest = rest + b"\n" + more if rest else more
            if len(rest) < enough_bytes:
                continue
            block = _Block.of(file, plain, typed, rest, is_last=False)
            yield block
            rest = block.rest
            if len(rest) > MOST_RECORD_BYTES:
                raise lines.line_too_long(file.url)
            # An open quote is tried again with twice the text: the time stays in proportion to it.
            enough_bytes = min(2 * len(rest), MOST_RECORD_BYTES + 1)
    if rest:
        yield _Block.of(file, plain, typed, rest, is_last=True)


@dataclass(frozen=True)
class _Block:
    """Lines of which the first begins a record. `kinds` says what each is, one byte a line."""

    file: CsvFile
    typed: Typed | None
    block: bytes
    texts: pa.StringArray
    kinds: pa.Int8Array
    odd: list[RawRecord]
    rest: bytes
    ran_out: bool

    @classmethod
    def of(
        cls, file: CsvFile, plain: str | None, typed: Typed | None, block: bytes, *, is_last: bool
    ) -> "_Block":
        split = lines.split(block)
        texts, problems = lines.decoded(split)
        bare = lines.without_cr(texts, block)
        patterns = {_TYPED: typed.pattern if typed else None, _PLAIN: plain}
        kinds = _kinds(file.form, patterns, texts, bare, problems)
        tape = Tape(block.split(b"\n") if _ODD in kinds else [], file.url)
        odd, rest = [], b""
        read_odd = odd_records(tape, file)
        # A loop over the odd lines only: Python touches no plain line one by one.
        while (line := kinds.find(_ODD, tape.at)) >= 0:
            tape.at = line
            record = next(read_odd)
            if tape.ran_out and not is_last:
                rest = block[_offset(split, line) :]
                kinds[line:] = bytes([_NO_RECORD]) * (len(kinds) - line)
                break
            odd.append(record)
            kinds[line : tape.at] = bytes([_NO_RECORD]) * (tape.at - line)
            kinds[line] = _TAKEN_APART
        codes: Any = pa.Array.from_buffers(pa.int8(), len(kinds), [None, pa.py_buffer(kinds)])
        return cls(file, typed, block, texts, codes, odd, rest, tape.ran_out)

    @property
    def count(self) -> int:
        return pc.sum(self._begins).as_py() or 0

    @property
    def _begins(self) -> "pa.Array[Any]":
        """One for each line that begins a record."""
        return pc.not_equal(self.kinds, _byte(_NO_RECORD)).cast(pa.int64())

    def batches(self, first: int) -> Iterator[pa.RecordBatch]:
        numbers = pc.cumulative_sum(self._begins, pa.scalar(first - 1, pa.int64()))
        batches = [
            *([self._plain(numbers, _TYPED)] if self.typed else []),
            self._plain(numbers, _PLAIN),
            *([self._taken_apart(numbers)] if self.odd else []),
        ]
        for batch in batches:
            for start in range(0, batch.num_rows, _BATCH_RECORDS):
                yield batch.slice(start, _BATCH_RECORDS)

    def _plain(self, numbers: "pa.Array[Any]", kind: int) -> pa.RecordBatch:
        """The records of lines that Arrow takes apart, as values where they are of that kind."""
        are_of_kind = pc.equal(self.kinds, _byte(kind))
        found, text = self.texts, self.block
        if not pc.all(are_of_kind).as_py():
            found = found.filter(are_of_kind)
            text = joined_lines(found)
            numbers = numbers.filter(are_of_kind)
        typed = self.typed if kind == _TYPED else None
        cells = cells_of_plain_lines(
            text,
            self.file.form,
            self.file.width,
            self.file.positions,
            typed.types if typed else {},
            typed.nulls if typed else (),
        )
        raws = lines.without_cr(found, self.block)
        problems = pa.nulls(len(found), pa.string())
        if self.file.problem is not None:
            problems = pa.repeat(pa.scalar(str(self.file.problem)), len(found))
            cells = {name: pa.nulls(len(found), pa.string()) for name in cells}
        return self._batch([numbers, raws, problems], cells, is_typed=typed is not None)

    def _taken_apart(self, numbers: "pa.Array[Any]") -> pa.RecordBatch:
        taken = numbers.filter(pc.equal(self.kinds, _byte(_TAKEN_APART)))
        columns = [[row[0], row[1], *row[2]] for row in self.odd]
        arrays = [pa.array(column, pa.string()) for column in zip(*columns, strict=True)]
        cells: dict[str, pa.Array[Any]] = dict(zip(self.file.positions, arrays[2:], strict=True))
        return self._batch([taken, *arrays[:2]], cells, is_typed=False)

    def _batch(
        self, first: "list[pa.Array[Any]]", cells: "dict[str, pa.Array[Any]]", *, is_typed: bool
    ) -> pa.RecordBatch:
        """Values stand in columns of values, texts in those of texts; the other one is null."""
        types = self.typed.types if self.typed else {}
        count = len(first[0])
        values = [cells[n] if is_typed else _nulls(count, kind) for n, kind in types.items()]
        texts = [
            pa.nulls(count, pa.string()) if is_typed and name in types else text
            for name, text in cells.items()
        ]
        flags = pa.repeat(pa.scalar(is_typed), count)
        return pa.RecordBatch.from_arrays(
            [*first, flags, *values, *texts], schema=_schema(self.file, types)
        )


def _nulls(count: int, kind: Any) -> "pa.Array[Any]":
    nulls: pa.Array[Any] = pa.nulls(count, kind)
    return nulls


def _kinds(
    form: CsvFormat,
    patterns: Mapping[int, str | None],
    texts: pa.StringArray,
    bare: pa.StringArray,
    problems: pa.StringArray,
) -> bytearray:
    """What each line is if a record begins with it: the first kind whose pattern it matches."""
    none = pc.equal(bare, pa.scalar(""))
    if form.comment is not None:
        none = pc.or_(none, pc.starts_with(texts, form.comment))
    kinds: Any = pc.if_else(none, _byte(_NO_RECORD), _byte(_ODD))
    for kind, pattern in patterns.items():
        is_open = pc.and_(pc.equal(kinds, _byte(_ODD)), pc.is_null(problems))
        if pattern is not None and pc.any(is_open).as_py():
            some = texts if pc.all(is_open).as_py() else texts.filter(is_open)
            matches = pc.match_substring_regex(some, pattern)
            found = pc.if_else(matches, _byte(kind), _byte(_ODD))
            kinds = pc.replace_with_mask(kinds, is_open, found)
    return bytearray(kinds.buffers()[1])[: len(texts)]


def _offset(split: pa.BinaryArray, line: int) -> int:
    """Where a line begins in its block."""
    before: Any = split.slice(0, line)
    return int(pc.sum(pc.binary_length(before)).as_py() or 0) + line


def _byte(kind: int) -> pa.Int8Scalar:
    return pa.scalar(kind, pa.int8())
