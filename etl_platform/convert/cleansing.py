"""What is done to a text before it is cast, in this order and no other: trim, null tokens, case,
replace, default, mapping."""

from typing import Final

from etl_platform.contract.columns import Column
from etl_platform.contract.source import SourceContract
from etl_platform.convert.sql import Identifier, Literal, Sql, compose, joined

SPACES: Final = (
    "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680"
    "\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
"""What trim takes off. DuckDB's own trim leaves tabs and line ends."""

_JSON_SPACES: Final = " \t\n\r"


def cleansed(contract: SourceContract, column: Column) -> Sql:
    """The text of a column as its cast sees it."""
    text = Identifier(column.name).sql
    if column.trim:
        text = compose("trim({text}, {spaces})", text=text, spaces=Literal(SPACES))
    text = _without_tokens(text, contract.nulls_of(column))
    if column.type.family == "super":
        # A warehouse would tell the null of JSON from its own.
        null = compose("trim({text}, {spaces}) = 'null'", text=text, spaces=Literal(_JSON_SPACES))
        text = compose("CASE WHEN NOT {null} THEN {text} END", null=null, text=text)
    if column.case == "lower":
        text = compose("lower({text})", text=text)
    if column.case == "upper":
        text = compose("upper({text})", text=text)
    for each in column.replace:
        text = replaced(text, each.pattern, each.replacement)
    if column.default is not None:
        text = compose(
            "coalesce({text}, {default})", text=text, default=Literal(str(column.default))
        )
    return _mapped(text, column.mapping)


def replaced(text: Sql, pattern: str, replacement: str) -> Sql:
    """Every match of a pattern as its replacement."""
    return compose(
        "regexp_replace({text}, {pattern}, {replacement}, 'g')",
        text=text,
        pattern=Literal(pattern),
        replacement=Literal(replacement),
    )


def _without_tokens(text: Sql, tokens: tuple[str, ...]) -> Sql:
    if not tokens:
        return text
    listed = joined(Literal(token) for token in tokens)
    return compose(
        "CASE WHEN {text} IN ({tokens}) THEN NULL ELSE {text} END", text=text, tokens=listed
    )


def _mapped(text: Sql, mapping: dict[str, str]) -> Sql:
    if not mapping:
        return text
    whens = joined(
        (
            compose("WHEN {old} THEN {new}", old=Literal(old), new=Literal(new))
            for old, new in mapping.items()
        ),
        " ",
    )
    return compose("CASE {text} {whens} ELSE {text} END", text=text, whens=whens)
