"""A first contract from sample files: the narrowest one under which they convert without rejects.

The files are read by the real parser, all columns as text, and a type is taken when its real cast
rejects no value. What only people can know is a guess, and the draft says so.
"""

import contextlib
import itertools
import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb

from etl_platform.contract.hour import Hour
from etl_platform.contract.source import SourceContract
from etl_platform.contract.types import ColumnType
from etl_platform.convert.casts import cast
from etl_platform.convert.drafting.discovery import discover
from etl_platform.convert.drafting.naming import column_names
from etl_platform.convert.drafting.sample_files import Discovery, SampleFile
from etl_platform.convert.parse import create_records, parse
from etl_platform.convert.readers.compression import plain_contents
from etl_platform.convert.scratch import scratch
from etl_platform.convert.session import connect
from etl_platform.convert.sql import Identifier, Literal, Sql, compose, joined, names
from etl_platform.convert.tally import tally

NULL_TOKENS: Final = ("NA", "N/A", "null", "NULL", "\\N", "-", "NaN", "nan")
"""Texts that often mean null."""

_SURELY_NULL: Final = ("null", "NULL", "\\N")
"""Those that mean it among texts, too. The others may be names, as NA is that of a country."""

_LONGEST_TEXT: Final = ColumnType("varchar", (65535,))
_NO_VALUES: Final = ColumnType("varchar", (256,))
_PRECISIONS: Final = (18, 38)
"""Redshift stores any precision up to 18 in the same 8 bytes."""
_MOST_DECIMALS: Final = 9
"""More of them are the digits of a binary double."""

_KEY_FAMILIES: Final = {
    *("smallint", "integer", "bigint", "date", "timestamp", "timestamptz", "varchar"),
}
_MOST_KEY_COLUMNS: Final = 3
_KEY_COLUMNS_TRIED: Final = 20
_KEY_RECORDS_TRIED: Final = 100_000
_SHARE_OF_MEMORY: Final = 0.5
_TEXT: Final = Identifier("text").sql


@dataclass(frozen=True)
class Guess:
    """One column; `lowest` and `highest` are those of a number or a moment."""

    name: str
    path: str
    type: ColumnType
    nulls: int
    distinct: int
    lowest: str | None = None
    highest: str | None = None

    @property
    def has_values(self) -> bool:
        return self.distinct > 0


@dataclass(frozen=True)
class Inferred:
    """What sample files say about their source."""

    discovery: Discovery
    files: int
    records: int
    rejected: int
    columns: tuple[Guess, ...]
    null_tokens: tuple[str, ...]
    key: tuple[str, ...]


def infer(files: Sequence[Path], on_read: Callable[[int], None] = lambda _: None) -> Inferred:
    """Read every file twice; `on_read` hears the bytes of each. Raises FileUnreadable."""
    with (
        scratch() as folder,
        connect(folder, _SHARE_OF_MEMORY, os.cpu_count() or 1) as connection,
    ):
        # Readers write beside the file that they are given.
        links = [folder / f"raw-{number}" for number in range(len(files))]
        for file, link in zip(files, links, strict=True):
            link.symlink_to(file.resolve())
        discovery = _discovered(files, links)
        paths = discovery.fields.kept
        columns = column_names(paths)
        contract = _all_text(discovery, columns)
        create_records(connection, contract)
        records = 0
        for number, (file, link) in enumerate(zip(files, links, strict=True)):
            records += parse(connection, contract, link, str(file), number).records
            on_read(file.stat().st_size)
        sample = _Sample(connection)
        tokens = sample.null_tokens(columns)
        guesses = tuple(
            sample.guess(column, path, tokens, discovery.types.get(path))
            for column, path in zip(columns, paths, strict=True)
        )
        rejected, _ = tally(connection)
        return Inferred(
            discovery, len(files), records, rejected, guesses, tokens, sample.key(guesses)
        )


def _discovered(files: Sequence[Path], links: Sequence[Path]) -> Discovery:
    with contextlib.ExitStack() as stack:
        return discover(
            [
                SampleFile(stack.enter_context(plain_contents(link, str(file))), str(file))
                for file, link in zip(files, links, strict=True)
            ]
        )


def _all_text(discovery: Discovery, columns: Sequence[str]) -> SourceContract:
    return SourceContract.model_validate(
        {
            "source": "sample",
            "description": "Sample files",
            "owner": "team:sample",
            "starts": Hour.parse("1970-01-01-00"),
            "format": discovery.form,
            "columns": [
                {"name": name, "path": path, "type": _read_as(discovery.types.get(path))}
                for name, path in zip(columns, discovery.fields.kept, strict=True)
            ],
            "null_tokens": (),
            "load": {"strategy": "append"},
        }
    )


def _read_as(named: ColumnType | None) -> ColumnType:
    """A nested value is no text to a reader, unless it is read as JSON."""
    return named if named is not None and named.family == "super" else _LONGEST_TEXT


class _Sample:
    """Questions to the table `rows`, whose columns are the texts of the files."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def null_tokens(self, columns: Sequence[str]) -> tuple[str, ...]:
        """The empty text, and the tokens that stand in a column of anything but text."""
        found = {token for column in columns for token in self._tokens_of(column)}
        return ("", *(token for token in NULL_TOKENS if token in found))

    def guess(
        self, column: str, path: str, tokens: Sequence[str], named: ColumnType | None
    ) -> Guess:
        """`named` is the type that the files name themselves."""
        values = self._values(column, tokens)
        nulls, distinct = self._one(
            compose(
                "SELECT (SELECT count(*) FROM rows) - count(*), count(DISTINCT {text})"
                " FROM ({values})",
                text=_TEXT,
                values=values,
            )
        )
        found = self._type(values, named)
        lowest, highest = None, None
        if distinct and found.family not in ("varchar", "boolean", "super"):
            lowest, highest = self._one(
                compose(
                    "SELECT min({value})::VARCHAR, max({value})::VARCHAR FROM ({values})",
                    value=cast(found, _TEXT).value,
                    values=values,
                )
            )
        return Guess(column, path, found, nulls, distinct, lowest, highest)

    def key(self, guesses: Sequence[Guess]) -> tuple[str, ...]:
        """The smallest set of columns that no two records share, unless they are the same."""
        usable = [
            guess
            for guess in guesses
            if guess.has_values and not guess.nulls and guess.type.family in _KEY_FAMILIES
        ][:_KEY_COLUMNS_TRIED]
        every = names(guess.name for guess in guesses)
        if not usable:
            return ()
        self._connection.execute(
            compose(
                "CREATE TEMP TABLE tried AS SELECT DISTINCT {every} FROM"
                " (SELECT {every} FROM rows LIMIT {most})",
                every=every,
                most=Literal(_KEY_RECORDS_TRIED),
            )
        )
        everything = compose("(SELECT DISTINCT {every} FROM rows)", every=every)
        for size in range(1, _MOST_KEY_COLUMNS + 1):
            for chosen in itertools.combinations(usable, size):
                columns = [guess.name for guess in chosen]
                most = math.prod(guess.distinct for guess in chosen)
                if self._is_unique(columns, Sql("tried"), most) and self._is_unique(
                    columns, everything
                ):
                    return tuple(columns)
        return ()

    def _is_unique(self, columns: Sequence[str], table: Sql, most: int | None = None) -> bool:
        """`most` is how many different values the columns can have together."""
        (records,) = self._one(compose("SELECT count(*) FROM {table}", table=table))
        if most is not None and most < records:
            return False
        (distinct,) = self._one(
            compose(
                "SELECT count(*) FROM (SELECT DISTINCT {columns} FROM {table})",
                columns=names(columns),
                table=table,
            )
        )
        return bool(distinct == records)

    def _tokens_of(self, column: str) -> list[str]:
        text = compose("SELECT {name} AS text FROM rows", name=Identifier(column))
        seen = self._connection.execute(
            compose(
                "SELECT DISTINCT {text} FROM ({all}) WHERE {text} IN ({tokens})",
                text=_TEXT,
                all=text,
                tokens=joined(Literal(token) for token in NULL_TOKENS),
            )
        ).fetchall()
        tokens = [token for (token,) in seen]
        if not tokens:
            return []
        values = self._values(column, ["", *tokens])
        (count,) = self._one(compose("SELECT count(*) FROM ({values})", values=values))
        if count and self._type(values).family != "varchar":
            return tokens
        return [token for token in tokens if token in _SURELY_NULL]

    def _values(self, column: str, tokens: Sequence[str]) -> Sql:
        return compose(
            "SELECT {name} AS text FROM rows WHERE {name} IS NOT NULL AND {name} NOT IN ({tokens})",
            name=Identifier(column),
            tokens=joined(Literal(token) for token in tokens),
        )

    def _type(self, values: Sql, named: ColumnType | None = None) -> ColumnType:
        if named is not None and named.family == "super":
            return named
        longest, whole, decimals, is_code, is_word, has_point = self._one(
            compose(
                "SELECT max(strlen({text})),"
                " max(length(regexp_extract({text}, '^[+-]?0*([0-9]*)', 1))),"
                " max(length(regexp_extract({text}, '\\.([0-9]*)', 1))),"
                # A number does not begin with a zero; what does is a code, and has all its digits.
                " bool_or(regexp_matches({text}, '^[+-]?0[0-9]')),"
                " bool_and(lower({text}) IN ('true', 'false')),"
                " bool_or(contains({text}, '.')) FROM ({values})",
                text=_TEXT,
                values=values,
            )
        )
        if longest is None:
            return named if named and named.family != "varchar" else _NO_VALUES
        text = ColumnType("varchar", (min(1 << (longest - 1).bit_length(), 65535),))
        candidates = [
            *([] if is_code else _numbers(whole, decimals, has_point)),
            *([ColumnType("boolean")] if is_word else []),
            ColumnType("date"),
            ColumnType("timestamp"),
            ColumnType("time"),
        ]
        if named is not None:
            candidates = [named] if named.family != "varchar" else []
        return self._first_without_rejects(values, candidates) or text

    def _first_without_rejects(
        self, values: Sql, candidates: Sequence[ColumnType]
    ) -> ColumnType | None:
        if not candidates:
            return None
        broken = joined(
            compose("bool_or({reason} IS NOT NULL)", reason=cast(kind, _TEXT).reason)
            for kind in candidates
        )
        found = self._one(compose("SELECT {broken} FROM ({values})", broken=broken, values=values))
        fitting = (kind for kind, is_broken in zip(candidates, found, strict=True) if not is_broken)
        return next(fitting, None)

    def _one(self, query: Sql) -> tuple[Any, ...]:
        ((*found,),) = self._connection.execute(query).fetchall()
        return tuple(found)


def _numbers(whole: int, decimals: int, has_point: bool) -> Iterator[ColumnType]:
    """From the narrowest on. `1.0` would pass as an integer, and its neighbour is likely 1.5."""
    if not has_point:
        yield from (ColumnType(family) for family in ("smallint", "integer", "bigint"))
    if decimals <= _MOST_DECIMALS:
        for precision in _PRECISIONS:
            if whole + decimals <= precision:
                yield ColumnType("decimal", (precision, decimals))
    yield ColumnType("double")
