"""A statement written again from its tokens, with names folded and strings in PostgreSQL's form."""

from collections.abc import Mapping, Sequence

from sqlglot.tokenizer_core import Token, TokenType

from infra.local.redshift.quoting import identifier, literal

_EMPTY: Mapping[int, str] = {}


def render(
    sql: str,
    tokens: Sequence[Token],
    replacements: Mapping[int, str] = _EMPTY,
    *,
    case_sensitive: bool,
) -> str:
    """The text of `sql` with the tokens at some places replaced."""
    parts: list[str] = []
    end = 0
    for place, token in enumerate(tokens):
        parts.append(sql[end : token.start])
        parts.append(replacements.get(place, _written(sql, token, case_sensitive)))
        end = token.end + 1
    return "".join(parts)


def _written(sql: str, token: Token, case_sensitive: bool) -> str:
    if token.token_type == TokenType.STRING:
        return literal(token.text)
    if token.token_type == TokenType.IDENTIFIER:
        return identifier(token.text if case_sensitive else token.text.lower())
    return sql[token.start : token.end + 1]
