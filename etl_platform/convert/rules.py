"""What a contract asks of the values of a column beside their type; every broken rule is a reason.

A null breaks none of them: that is for `required` to say.
"""

from collections.abc import Iterator
from typing import Final

import duckdb

from etl_platform.contract.columns import Column
from etl_platform.contract.errors import ContractInvalid
from etl_platform.contract.source import SourceContract
from etl_platform.convert.casts import cast
from etl_platform.convert.cleansing import replaced
from etl_platform.convert.derived import Refused, check_derived
from etl_platform.convert.reasons import Reason
from etl_platform.convert.scratch import scratch
from etl_platform.convert.session import connect
from etl_platform.convert.sql import Literal, Sql, compose, joined

_SHARE_OF_MEMORY: Final = 0.05


def broken_rules(column: Column, text: Sql, value: Sql, reason: Sql) -> list[Sql]:
    """For each rule the Reason if it is broken, else null.

    `value` means something only where `reason`, that of the cast, is null.
    """
    typed = compose("{reason} IS NULL AND {value}", reason=reason, value=value)
    broken: list[Sql] = []
    if column.pattern is not None:
        broken.append(_said(_not_matching(text, column.pattern), Reason.PATTERN_MISMATCH))
    if column.allowed is not None:
        allowed = joined(_literal(column, each) for each in column.allowed)
        broken.append(
            _said(compose("{v} NOT IN ({all})", v=typed, all=allowed), Reason.NOT_ALLOWED)
        )
    if column.range is not None and column.range.min is not None:
        least = _literal(column, column.range.min)
        broken.append(_said(compose("{v} < {least}", v=typed, least=least), Reason.BELOW_MINIMUM))
    if column.range is not None and column.range.max is not None:
        most = _literal(column, column.range.max)
        broken.append(_said(compose("{v} > {most}", v=typed, most=most), Reason.ABOVE_MAXIMUM))
    return broken


def check_contract(contract: SourceContract) -> None:
    """Raise ContractInvalid as a conversion would before it reads a record."""
    if not any(_expressions(column) or column.expression for column in contract.columns):
        return
    with (
        scratch() as folder,
        connect(folder, _SHARE_OF_MEMORY, 1) as connection,
    ):
        check_expressions(connection, contract)


def check_expressions(connection: duckdb.DuckDBPyConnection, contract: SourceContract) -> None:
    """Raise ContractInvalid for what only DuckDB can tell: no RE2 pattern, no known time zone, no
    expression over the values of a record.

    The error has no line: a contract does not know where it was read from. `located` finds it.
    """
    for number, column in enumerate(contract.columns):
        for option, problem, expected in _problems(connection, contract, column):
            raise ContractInvalid(
                f"the contract of {contract.source}",
                None,
                f"columns[{number}].{option}",
                f"{column.name}: {problem}",
                expected,
            )


def _problems(
    connection: duckdb.DuckDBPyConnection, contract: SourceContract, column: Column
) -> Iterator[tuple[str, str, str]]:
    """Options that DuckDB refuses, with what it says and what was expected."""
    for option, expression in _expressions(column):
        try:
            connection.execute(compose("SELECT {expression}", expression=expression)).fetchall()
        except duckdb.Error as error:
            expected = "a name of a time zone" if option == "zone" else "the syntax of RE2"
            yield option, str(error).splitlines()[0], expected
    try:
        check_derived(contract, column)
    except Refused as refused:
        yield "expression", str(refused), "an expression of DuckDB over columns that are read"


def _expressions(column: Column) -> list[tuple[str, Sql]]:
    nothing = Literal("").sql
    found = [("replace", replaced(nothing, r.pattern, r.replacement)) for r in column.replace]
    if column.pattern is not None:
        found.append(("pattern", _not_matching(nothing, column.pattern)))
    if column.zone is not None:
        zone = Literal(column.zone)
        found.append(("zone", compose("timezone({zone}, TIMESTAMP '2000-01-01')", zone=zone)))
    return found


def _literal(column: Column, value: int | str) -> Sql:
    return cast(column.type, Literal(str(value)).sql).value


def _not_matching(text: Sql, pattern: str) -> Sql:
    return compose("NOT regexp_full_match({text}, {p})", text=text, p=Literal(pattern))


def _said(condition: Sql, reason: Reason) -> Sql:
    return compose(
        "CASE WHEN {condition} THEN {r} END", condition=condition, r=Literal(str(reason))
    )
