"""What clients of Redshift write and neither the tokenizer nor PostgreSQL reads.

- Bodies in dollar quotes: https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_PROCEDURE.html
- Temporary tables by a # before the name: https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_NEW.html
- DELETE without FROM: https://docs.aws.amazon.com/redshift/latest/dg/r_DELETE.html
"""

import re

from sqlglot import exp

_PARTS = re.compile(
    r"""
      '(?:[^'\\]|\\.|'')*'                        # a string
    | "(?:[^"]|"")*"                              # a quoted name
    | --[^\n]* | /\*.*?\*/                        # a comment
    | (?<![\w$]) \$(?P<tag>(?:[^\W\d]\w*)?)\$ (?P<body>.*?) \$(?P=tag)\$
    | (?<![\w#"]) \#(?P<temporary>[^\W\d]\w*)
    """,
    re.VERBOSE | re.DOTALL,
)
_DELETE = re.compile(r"(\s*DELETE\s+)(?!FROM\b)(?=[\w\"#])", re.IGNORECASE)


def spelled_out(sql: str) -> str:
    """The text with its dollar quotes as strings, and with temporary names in quotes."""
    if "$" in sql or "#" in sql:
        sql = _PARTS.sub(_part, sql)
    return sql


def with_from(sql: str) -> str:
    """One statement, with the FROM that Redshift lets a DELETE do without."""
    return _DELETE.sub(r"\1FROM ", sql, count=1) if _DELETE.match(sql) else sql


def _part(found: "re.Match[str]") -> str:
    if (body := found["body"]) is not None:
        return "'" + body.replace("\\", "\\\\").replace("'", "''") + "'"
    if (name := found["temporary"]) is not None:
        return f'"#{name.lower()}"'
    return found[0]


def make_temporary(tree: exp.Expr) -> None:
    """Let a new table whose name begins with # be a temporary one, in place."""
    if isinstance(tree, exp.Create) and tree.kind == "TABLE":
        table = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
        if table.name.startswith("#") and tree.find(exp.TemporaryProperty) is None:
            properties = tree.args.get("properties") or exp.Properties(expressions=[])
            properties.append("expressions", exp.TemporaryProperty())
            tree.set("properties", properties)
    for into in tree.find_all(exp.Into):
        if into.this.name.startswith("#"):
            into.set("temporary", True)
