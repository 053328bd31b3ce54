"""What PostgreSQL would run and Redshift refuses, and names that PostgreSQL cannot hold."""

from collections.abc import Iterable
from typing import Final

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from infra.local.redshift import leader
from infra.local.redshift.errors import RedshiftError, not_supported, syntax_error

_MISSING_FUNCTIONS = frozenset(
    {
        "array_agg",
        "array_append",
        "array_cat",
        "array_dims",
        "array_fill",
        "array_length",
        "array_lower",
        "array_ndims",
        "array_prepend",
        "array_remove",
        "array_replace",
        "array_to_json",
        "array_to_string",
        "array_upper",
        "cardinality",
        "clock_timestamp",
        "concat_ws",
        "date_bin",
        "encode",
        "format",
        "gcd",
        "gen_random_uuid",
        "hashtext",
        "json_array_elements",
        "json_agg",
        "json_build_array",
        "json_build_object",
        "json_each",
        "json_object_agg",
        "json_object_keys",
        "json_populate_record",
        "json_to_record",
        "lcm",
        "mode",
        "num_nonnulls",
        "num_nulls",
        "parse_ident",
        "row_to_json",
        "scale",
        "sha224",
        "sha256",
        "sha384",
        "sha512",
        "starts_with",
        "statement_timestamp",
        "string_agg",
        "string_to_array",
        "string_to_table",
        "to_json",
        "to_jsonb",
        "to_tsquery",
        "to_tsvector",
        "transaction_timestamp",
        "trim_array",
        "trim_scale",
        "unistr",
    }
)
_MISSING_FAMILIES = (
    "jsonb_",
    "make_",
    "range_",
    "regexp_match",
    "regexp_split_",
    "ts_",
    "uuid",
    "xml",
)
_LEADER_FUNCTIONS = frozenset(
    {"age", "generate_series", "get_bit", "get_byte", "isfinite", "now", "set_bit", "set_byte"}
)
_REFUSED_NODES: tuple[tuple[type[exp.Expr], str], ...] = (
    (exp.OnConflict, "ON CONFLICT"),
    (exp.Returning, "RETURNING"),
    (exp.Lock, "SELECT FOR UPDATE or FOR SHARE"),
    (exp.Filter, "FILTER on an aggregate"),
    (exp.Lateral, "LATERAL"),
    (exp.TableSample, "TABLESAMPLE"),
    (exp.JSONExtract, "the operator ->"),
    (exp.JSONExtractScalar, "the operator ->>"),
    (exp.JSONBExtract, "the operator #>"),
    (exp.JSONBExtractScalar, "the operator #>>"),
    (exp.JSONBContainsTopKey, "the operator ?"),
    (exp.JSONBContainsAnyTopKeys, "the operator ?|"),
    (exp.ArrayContainsAll, "the operator @>"),
    (exp.ArrayContainedBy, "the operator <@"),
    (exp.ArrayOverlaps, "the operator &&"),
    (exp.MatchAgainst, "the operator @@"),
    (exp.StartsWith, "the operator ^@"),
    (exp.Distance, "the operator <->"),
    (exp.ComputedColumnConstraint, "a generated column"),
    (exp.CheckColumnConstraint, "CHECK"),
    (exp.ExcludeColumnConstraint, "EXCLUDE"),
    (exp.PartitionedByProperty, "PARTITION BY"),
    (exp.Array, "ARRAY"),
)
_REFUSED_CLAUSES: tuple[tuple[type[exp.Expr], str, str], ...] = (
    (exp.Select, "windows", "WINDOW"),
    (exp.Table, "only", "ONLY"),
    (exp.CTE, "materialized", "MATERIALIZED on a WITH query"),
    (exp.WindowSpec, "exclude", "EXCLUDE of a window frame"),
)


_LONGEST_NAME_BYTES: Final = 63
_NAMES: Final = (TokenType.VAR, TokenType.IDENTIFIER)


def refuse_long_names(tokens: Iterable[Token]) -> None:
    """Raise for a name that PostgreSQL would cut: two of them may be cut to one.

    Redshift holds 127 bytes: https://docs.aws.amazon.com/redshift/latest/dg/r_names.html
    """
    for token in tokens:
        if token.token_type in _NAMES and len(token.text.encode()) > _LONGEST_NAME_BYTES:
            raise RedshiftError(
                "42622",
                f'identifier "{token.text}" is too long: the laptop holds {_LONGEST_NAME_BYTES}'
                " bytes of a name, Redshift 127",
            )


def refuse_syntax(tree: exp.Expr) -> None:
    """Raise for a construct that Redshift does not have."""
    is_of_catalog = leader.is_of_catalog(tree)
    for node in tree.walk():
        for kind, name in _REFUSED_NODES:
            if isinstance(node, kind) and not (is_of_catalog and kind is exp.Array):
                raise not_supported(f"{name} is not supported")
        for kind, clause, name in _REFUSED_CLAUSES:
            if isinstance(node, kind) and node.args.get(clause) not in (None, []):
                raise not_supported(f"{name} is not supported")
        if isinstance(node, exp.Anonymous) and not is_of_catalog:
            _refuse_function(node.name.lower(), len(node.expressions))
        if isinstance(node, exp.WindowSpec):
            _refuse_frame(node)
        if isinstance(node, exp.Distinct) and node.args.get("on"):
            raise not_supported("SELECT DISTINCT ON is not supported")
        if isinstance(node, exp.CTE) and isinstance(node.this, exp.DML):
            raise syntax_error(f'syntax error at or near "{node.this.key}"')
        if isinstance(node, exp.Values) and not isinstance(node.parent, exp.Insert):
            raise syntax_error('syntax error at or near "VALUES"')
    if isinstance(tree, exp.Merge):
        _refuse_merge(tree)
    _refuse_leader_functions(tree)


def _refuse_function(name: str, arguments: int) -> None:
    if name in _MISSING_FUNCTIONS or name.startswith(_MISSING_FAMILIES):
        raise RedshiftError("42883", f"function {name} does not exist")
    if name == "concat" and arguments != 2:
        raise RedshiftError("42883", f"function concat with {arguments} arguments does not exist")


def _refuse_frame(frame: exp.WindowSpec) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/r_Window_function_synopsis.html"""
    kind = str(frame.args.get("kind") or "ROWS").upper()
    borders = (frame.args.get("start"), frame.args.get("end"))
    if kind == "GROUPS" or (kind == "RANGE" and any(isinstance(b, exp.Expr) for b in borders)):
        raise not_supported(f"{kind} frames with an offset are not supported")


def _refuse_leader_functions(tree: exp.Expr) -> None:
    """Some functions run on the leader node, where the rows of users' tables are not.

    https://docs.aws.amazon.com/redshift/latest/dg/c_sql-functions-leader-node-only.html
    """
    called = {call.name.lower() for call in tree.find_all(exp.Anonymous)}
    if called.isdisjoint(_LEADER_FUNCTIONS):
        return
    own = {cte.alias for cte in tree.find_all(exp.CTE)}
    tables = [table for table in tree.find_all(exp.Table) if isinstance(table.this, exp.Identifier)]
    if any(table.name not in own and not leader.is_catalog(table) for table in tables):
        raise not_supported(
            "Specified types or functions (one per INFO message) not supported on Redshift tables."
        )


def _refuse_merge(merge: exp.Merge) -> None:
    if merge.args.get("with_") or merge.args.get("with"):
        raise syntax_error("MERGE does not support WITH")
    if merge.this.alias:
        raise syntax_error("MERGE does not support an alias on the target table")
    if not isinstance(merge.args["using"], exp.Table):
        raise syntax_error("MERGE source must be a table, not a view or subquery")
    matched = [when for when in merge.args["whens"].expressions if when.args["matched"]]
    missing = [when for when in merge.args["whens"].expressions if not when.args["matched"]]
    if len(matched) != 1 or len(missing) != 1:
        raise syntax_error("MERGE needs one WHEN MATCHED and one WHEN NOT MATCHED clause")
    for when in (*matched, *missing):
        if when.args.get("condition") or when.args.get("source"):
            raise syntax_error("MERGE does not support a condition on a WHEN clause")
    if not isinstance(missing[0].args["then"], exp.Insert):
        raise syntax_error("WHEN NOT MATCHED of MERGE must INSERT")
    action = matched[0].args["then"]
    if not isinstance(action, exp.Update) and action.name.upper() != "DELETE":
        raise syntax_error("WHEN MATCHED of MERGE must UPDATE or DELETE")
