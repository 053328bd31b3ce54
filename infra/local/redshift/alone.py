"""The commands that Redshift runs outside of transaction blocks only.

VACUUM, CREATE DATABASE and DROP DATABASE are not here: PostgreSQL refuses them in the same words.
"""

from infra.local.redshift.quoting import compose, identifier, literal
from infra.local.redshift.statements import Alone, Words

_APPEND = "SELECT redshift_local.append_table({target}, {source}, {extra})"


def read_alone(words: Words) -> Alone | str | None:
    """The command ready to run, its name if a syntax tree is to translate it, or None.

    - Types: https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE.html
    - APPEND: https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE_APPEND.html
    - External tables: https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_EXTERNAL_TABLE.html
    """
    if words.take("CREATE", "EXTERNAL", "TABLE"):
        return Alone("CREATE EXTERNAL TABLE", None)
    if not words.take("ALTER", "TABLE"):
        return None
    target = words.dotted_name()
    if words.take("ALTER", "COLUMN"):
        words.name()
        return "ALTER TABLE ALTER COLUMN" if words.take("TYPE") else None
    if words.take("APPEND"):
        return _append(target, words)
    return None


def _append(target: tuple[str, ...], words: Words) -> Alone:
    words.expect("FROM")
    source = words.dotted_name()
    extra = next((word for word in ("IGNOREEXTRA", "FILLTARGET") if words.take(word)), None)
    words.end()
    sql = compose(
        _APPEND,
        target=literal(identifier(*target)),
        source=literal(identifier(*source)),
        extra=literal(extra),
    )
    return Alone("ALTER TABLE APPEND", sql)
