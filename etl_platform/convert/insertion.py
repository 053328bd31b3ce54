"""The statement that puts the records of one file into `records`, typed and judged."""

from collections.abc import Sequence
from dataclasses import dataclass

from etl_platform.contract.columns import Column
from etl_platform.contract.source import SourceContract
from etl_platform.convert.cleansing import cleansed
from etl_platform.convert.columns import cast_column, is_too_long, truncating
from etl_platform.convert.derived import evaluated, used_columns
from etl_platform.convert.readers.records import IS_TYPED, Records, typed_name
from etl_platform.convert.reasons import Reason
from etl_platform.convert.rules import broken_rules
from etl_platform.convert.sql import Identifier, Literal, Sql, compose, joined, names


def insertion(contract: SourceContract, records: Records, file_no: Sql, record: Sql) -> Sql:
    """Of each record the file and the number in it are given as expressions over `_record`.

    Steps inside each other: cleansing, the casts, what they refuse, the rules, the reasons as a
    list. A step has what the one before it found under a name, so that nothing is found twice."""
    columns = contract.table_columns
    rules = _rules(columns)
    said = [_reason_name(n) for n, _ in enumerate(columns)]
    return compose(
        "INSERT INTO records SELECT {columns}, {file_no}, {record},"
        " CASE WHEN _broken THEN _raw END, CASE WHEN _broken THEN {reasons} END {truncated}"
        " FROM (SELECT *, {broken} AS _broken FROM ({judged}))",
        columns=names(c.name for c in columns),
        file_no=file_no,
        record=record,
        broken=joined(
            (
                compose("{reason} IS NOT NULL", reason=Identifier(name))
                for name in ("_problem", "_column_problems", *said, *(rule.name for rule in rules))
            ),
            " OR ",
        ),
        reasons=_reasons(columns, rules),
        truncated=_truncated(columns),
        judged=_with_derived(columns, rules, _typed(contract, records)),
    )


def _typed(contract: SourceContract, records: Records) -> Sql:
    read = [(n, c) for n, c in enumerate(contract.table_columns) if c.expression is None]
    return compose(
        "SELECT *, {reasons} FROM (SELECT *, {values}"
        " FROM (SELECT _record, _raw, _problem, {problem_value}, {column_problems}, {given} {texts}"
        " FROM ({records})))",
        reasons=joined(_reason(n, column, records.typed) for n, column in read),
        values=joined(_value(n, column, records.typed) for n, column in read),
        given=_given(records.typed),
        texts=joined(_text(contract, n, column) for n, column in read),
        column_problems=Sql(
            "_column_problems" if records.judges_columns else "NULL::VARCHAR[] AS _column_problems"
        ),
        problem_value=Sql(
            "_problem_value" if records.explains_problems else "NULL::VARCHAR AS _problem_value"
        ),
        records=records.query,
    )


def _with_derived(columns: Sequence[Column], rules: "Sequence[_Rule]", typed: Sql) -> Sql:
    """The columns that have an expression, beside the ones that they are made of, and all rules."""
    derived = [(n, column) for n, column in enumerate(columns) if column.expression is not None]
    numbers = {n for n, _ in derived}
    judged = _with_rules([rule for rule in rules if rule.number not in numbers], typed)
    if not derived:
        return judged
    return _with_rules(
        [rule for rule in rules if rule.number in numbers],
        _evaluated(columns, derived, rules, judged),
    )


def _with_rules(rules: "Sequence[_Rule]", typed: Sql) -> Sql:
    if not rules:
        return typed
    return compose(
        "SELECT *, {rules} FROM ({typed})", rules=joined(r.aliased for r in rules), typed=typed
    )


def _evaluated(
    columns: Sequence[Column],
    derived: Sequence[tuple[int, Column]],
    rules: "Sequence[_Rule]",
    judged: Sql,
) -> Sql:
    return compose(
        "SELECT *, {reasons} FROM (SELECT *, {values} FROM (SELECT *, {texts}"
        " FROM (SELECT *, {evaluated} FROM ({judged}))))",
        reasons=joined(_reason(n, column, frozenset()) for n, column in derived),
        values=joined(_value(n, column, frozenset()) for n, column in derived),
        texts=joined(
            compose(
                "{value}[1] AS {name}",
                value=Identifier(_value_name(n)),
                name=Identifier(_text_name(n)),
            )
            for n, _ in derived
        ),
        evaluated=joined(
            compose(
                "{value} AS {name}",
                value=evaluated(column.expression or "", _are_whole(columns, rules, column)),
                name=Identifier(_value_name(n)),
            )
            for n, column in derived
        ),
        judged=judged,
    )


def _are_whole(columns: Sequence[Column], rules: "Sequence[_Rule]", derived: Column) -> Sql:
    """Whether no column that an expression uses is broken."""
    names_used = used_columns(derived.expression or "")
    used = [n for n, column in enumerate(columns) if column.name in names_used]
    reasons = [
        *map(_reason_name, used),
        *(rule.name for rule in rules if rule.number in used),
    ]
    whole = [
        *(compose("{reason} IS NULL", reason=Identifier(name)) for name in reasons),
        *(
            compose("_column_problems[{place}] IS NULL", place=_place_in_record(columns, n))
            for n in used
        ),
    ]
    return joined([Sql("_problem IS NULL"), *whole], " AND ")


def _text(contract: SourceContract, number: int, column: Column) -> Sql:
    return compose(
        "{value} AS {name}", value=cleansed(contract, column), name=Identifier(_text_name(number))
    )


def _given(typed: frozenset[str]) -> Sql:
    """The values that a reader gives, if it gives any."""
    given = [IS_TYPED, *map(typed_name, sorted(typed))]
    return compose("{names},", names=names(given)) if typed else Sql("")


def _value(number: int, column: Column, typed: frozenset[str]) -> Sql:
    name = Identifier(column.name)
    value = cast_column(column, Identifier(_text_name(number)).sql, name.sql).value
    if column.name in typed:
        value = compose(
            "CASE WHEN {is_typed} THEN {given} ELSE {cast} END",
            is_typed=Identifier(IS_TYPED),
            given=Identifier(typed_name(column.name)),
            cast=value,
        )
    return compose("{value} AS {name}", value=value, name=name)


def _reason(number: int, column: Column, typed: frozenset[str]) -> Sql:
    text = Identifier(_text_name(number)).sql
    is_typed = compose("WHEN {is_typed} THEN NULL", is_typed=Identifier(IS_TYPED))
    return compose(
        "CASE {typed} {unevaluated} WHEN {text} IS NULL THEN {missing} ELSE {reason} END AS {name}",
        typed=is_typed if column.name in typed else Sql(""),
        unevaluated=_unevaluated(number) if column.expression is not None else Sql(""),
        text=text,
        missing=Literal(str(Reason.MISSING)) if column.required else Sql("NULL"),
        reason=cast_column(column, text, Identifier(column.name).sql).reason,
        name=Identifier(_reason_name(number)),
    )


def _unevaluated(number: int) -> Sql:
    """The cases of an expression that has no value to be judged."""
    return compose(
        "WHEN {value} IS NULL THEN NULL WHEN len({value}) = 0 THEN {failed}",
        value=Identifier(_value_name(number)),
        failed=Literal(str(Reason.EXPRESSION_FAILED)),
    )


@dataclass(frozen=True)
class _Rule:
    """One rule of the column `number`: the name under which its Reason, or null, is selected."""

    number: int
    name: str
    reason: Sql

    @property
    def aliased(self) -> Sql:
        return compose("{reason} AS {name}", reason=self.reason, name=Identifier(self.name))


def _rules(columns: Sequence[Column]) -> list[_Rule]:
    return [
        _Rule(n, f"_rule_{n}_{number}", reason)
        for n, column in enumerate(columns)
        for number, reason in enumerate(
            broken_rules(
                column,
                Identifier(_text_name(n)).sql,
                Identifier(column.name).sql,
                Identifier(_reason_name(n)).sql,
            )
        )
    ]


def _truncated(columns: Sequence[Column]) -> Sql:
    each = joined(
        compose(
            "CASE WHEN {too_long} THEN {column} END",
            too_long=is_too_long(column, Identifier(_text_name(n)).sql),
            column=Literal(column.name),
        )
        for n, column in truncating(columns)
    )
    if not each:
        return Sql("")
    return compose(", list_filter([{each}], lambda one: one IS NOT NULL)", each=each)


def _reasons(columns: Sequence[Column], rules: Sequence[_Rule]) -> Sql:
    each = joined(
        one
        for n, column in enumerate(columns)
        for one in (
            *([_judged(columns, n)] if column.expression is None else []),
            *(
                _said(columns, n, name)
                for name in (_reason_name(n), *(rule.name for rule in rules if rule.number == n))
            ),
        )
    )
    return compose(
        "CASE WHEN _problem IS NOT NULL"
        ' THEN [{{"column": \'\', reason: _problem, "value": _problem_value}}]'
        " ELSE list_filter([{each}], lambda one: one IS NOT NULL) END",
        each=each,
    )


def _judged(columns: Sequence[Column], number: int) -> Sql:
    """What the reader says of a column. What it found there has no spelling of its own."""
    return compose(
        "CASE WHEN _column_problems[{place}] IS NOT NULL"
        ' THEN {{"column": {column}, reason: _column_problems[{place}], "value": NULL::VARCHAR}}'
        " END",
        place=_place_in_record(columns, number),
        column=Literal(columns[number].name),
    )


def _said(columns: Sequence[Column], number: int, reason: str) -> Sql:
    """What a cast or a rule says of a column that holds a value at all."""
    unjudged = compose(
        "_column_problems[{place}] IS NULL AND", place=_place_in_record(columns, number)
    )
    return compose(
        "CASE WHEN {unjudged} {reason} IS NOT NULL"
        ' THEN {{"column": {column}, reason: {reason}, "value": {text}}} END',
        unjudged=unjudged if columns[number].expression is None else Sql(""),
        reason=Identifier(reason),
        column=Literal(columns[number].name),
        text=Identifier(_text_name(number)),
    )


def _place_in_record(columns: Sequence[Column], number: int) -> Literal:
    """Where a reader has the column of a number, from 1: it gives those without an expression."""
    return Literal(1 + sum(column.expression is None for column in columns[:number]))


def _text_name(number: int) -> str:
    return f"_text_{number}"


def _value_name(number: int) -> str:
    return f"_value_{number}"


def _reason_name(number: int) -> str:
    return f"_reason_{number}"
