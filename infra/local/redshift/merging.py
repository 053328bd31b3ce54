"""MERGE .. REMOVE DUPLICATES, which PostgreSQL does not have.

Target rows that match leave, and every different source row arrives once:
https://docs.aws.amazon.com/redshift/latest/dg/r_MERGE.html
"""

from collections.abc import Sequence

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

STAND_IN_CLAUSES = " WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT DEFAULT VALUES"
"""What the parser reads in the place of REMOVE DUPLICATES; no statement is run with it."""


def removes_duplicates(tokens: Sequence[Token]) -> bool:
    """Whether the statement is a MERGE without clauses of its own."""
    if tokens[0].text.upper() != "MERGE":
        return False
    tail = tokens[-2:]
    return [token.text.upper() for token in tail] == ["REMOVE", "DUPLICATES"] and not any(
        token.token_type in (TokenType.STRING, TokenType.IDENTIFIER) for token in tail
    )


def as_delete_and_insert(merge: exp.Merge) -> exp.Insert:
    """The one statement that does both on one snapshot."""
    target, source = merge.this, merge.args["using"]
    matched = exp.Delete(
        this=target.copy(), using=[source.copy()], where=exp.Where(this=merge.args["on"])
    )
    rows = exp.select("*").distinct().from_(source.copy())
    insert = exp.Insert(this=target.copy(), expression=rows)
    return insert.with_("matched_of_target", as_=matched, copy=False)
