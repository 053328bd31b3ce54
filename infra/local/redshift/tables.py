"""CREATE TABLE and ALTER TABLE: Redshift's attributes are taken off and kept beside the table.

Keys and uniqueness are accepted and not enforced, as in Redshift.
"""

import json
from dataclasses import dataclass, field
from typing import ClassVar

from sqlglot import exp

from infra.local.redshift.errors import RedshiftError, not_supported
from infra.local.redshift.keys import declared_keys
from infra.local.redshift.quoting import identifier
from infra.local.redshift.types import varbyte_length


class ColumnDistKey(exp.Expression, exp.ColumnConstraintKind):
    """DISTKEY behind a column."""

    arg_types: ClassVar[dict[str, bool]] = {}


class ColumnSortKey(exp.Expression, exp.ColumnConstraintKind):
    """SORTKEY behind a column."""

    arg_types: ClassVar[dict[str, bool]] = {}


class InterleavedSortKey(exp.Property):
    """INTERLEAVED SORTKEY behind a table."""

    arg_types: ClassVar[dict[str, bool]] = {"this": True}


class AutoSortKey(exp.Property):
    """SORTKEY AUTO behind a table."""

    arg_types: ClassVar[dict[str, bool]] = {}


_MOST_INTERLEAVED = 8
# https://docs.aws.amazon.com/redshift/latest/dg/r_names.html
_SYSTEM_COLUMNS = frozenset({"oid", "tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})
_NOT_ENFORCED = (exp.UniqueColumnConstraint, exp.Reference)
_TABLE_KEYS = (exp.PrimaryKey, exp.UniqueColumnConstraint, exp.ForeignKey, exp.Constraint)


@dataclass
class _Attributes:
    style: str | None = None
    distkey: str | None = None
    sortkeys: list[str] = field(default_factory=list)
    is_interleaved: bool = False
    encodings: dict[str, str] = field(default_factory=dict)
    varbytes: dict[str, int] = field(default_factory=dict)
    """The bytes of each VARBYTE, which PostgreSQL's type does not count."""
    keys: list[dict[str, object]] = field(default_factory=list)

    @property
    def diststyle(self) -> str:
        if self.distkey is not None:
            return "KEY"
        return self.style if self.style in ("EVEN", "ALL") else "AUTO(ALL)"

    @property
    def sortstyle(self) -> str:
        if not self.sortkeys:
            return "auto"
        return "interleaved" if self.is_interleaved else "compound"


def translate_create(create: exp.Create) -> str:
    """Change a CREATE in place; the comment that carries the attributes to the catalog."""
    kind = (create.kind or "").upper()
    if kind == "VIEW":
        return ""
    if kind != "TABLE":
        raise not_supported(f'SQL command "CREATE {kind}" not supported.')
    attributes = _Attributes()
    _take_properties(create, attributes)
    schema = create.this
    if not isinstance(schema, exp.Schema):
        return _comment(attributes)
    likes = [part for part in schema.expressions if isinstance(part, exp.LikeProperty)]
    if likes:
        return _comment_like(likes[0].this)
    attributes.keys = declared_keys(schema)
    _take_keys(schema)
    for column in schema.expressions:
        if isinstance(column, exp.ColumnDef):
            _take_column(column, attributes)
    _check_keys(schema, attributes)
    return _comment(attributes)


def _check_keys(schema: exp.Schema, attributes: _Attributes) -> None:
    columns = {part.name: part for part in schema.expressions if isinstance(part, exp.ColumnDef)}
    for key in [attributes.distkey, *attributes.sortkeys]:
        if not columns or key is None:
            continue
        if key not in columns:
            raise RedshiftError("42703", f'column "{key}" named in key does not exist')
        if columns[key].args["kind"].this is exp.DType.SUPER:
            raise not_supported(f'column "{key}" of type super cannot be a DISTKEY or a SORTKEY')


def translate_alter(alter: exp.Alter) -> str:
    """Change an ALTER TABLE in place; the comment that carries what is new of its columns."""
    attributes = _Attributes()
    for column in alter.find_all(exp.ColumnDef):
        _take_column(column, attributes)
    return as_comment({"encodings": attributes.encodings, "varbytes": attributes.varbytes})


def _take_properties(create: exp.Create, attributes: _Attributes) -> None:
    kept: list[exp.Expr] = []
    properties = create.args.get("properties")
    for found in properties.expressions if properties else []:
        if isinstance(found, exp.TemporaryProperty):
            kept.append(found)
        elif isinstance(found, exp.DistKeyProperty):
            attributes.distkey = found.name
        elif isinstance(found, exp.DistStyleProperty):
            attributes.style = found.name.upper()
        elif isinstance(found, exp.SortKeyProperty):
            attributes.sortkeys = _sortkeys(found)
        elif isinstance(found, InterleavedSortKey):
            attributes.sortkeys, attributes.is_interleaved = _sortkeys(found), True
            if len(attributes.sortkeys) > _MOST_INTERLEAVED:
                most = f"at most {_MOST_INTERLEAVED} columns"
                raise RedshiftError("54011", f"an interleaved sort key has {most}")
        elif not isinstance(found, AutoSortKey | exp.BackupProperty):
            raise not_supported(f"{found.key} is not supported in CREATE TABLE")
    create.set("properties", exp.Properties(expressions=kept) if kept else None)


def _sortkeys(found: exp.SortKeyProperty | InterleavedSortKey) -> list[str]:
    columns = found.this
    if isinstance(columns, exp.Expr):
        columns = columns.expressions
    return [column.name for column in columns]


def _take_keys(schema: exp.Schema) -> None:
    primary = {
        column.name
        for key in schema.expressions
        for found in key.find_all(exp.PrimaryKey)
        for column in found.expressions
    }
    kept = [part for part in schema.expressions if not isinstance(part, _TABLE_KEYS)]
    schema.set("expressions", kept)
    for column in kept:
        if isinstance(column, exp.ColumnDef) and column.name in primary:
            _require(column)


def _require(column: exp.ColumnDef) -> None:
    if column.find(exp.NotNullColumnConstraint) is None:
        column.append("constraints", exp.ColumnConstraint(kind=exp.NotNullColumnConstraint()))


def _take_column(column: exp.ColumnDef, attributes: _Attributes) -> None:
    if column.name in _SYSTEM_COLUMNS:
        raise RedshiftError(
            "42701", f'column name "{column.name}" conflicts with a system column name'
        )
    _take_constraints(column, attributes)
    length = varbyte_length(column.args["kind"])
    if length is not None:
        attributes.varbytes[column.name] = length


def _take_constraints(column: exp.ColumnDef, attributes: _Attributes) -> None:
    kept: list[exp.Expr] = []
    primary = False
    for constraint in column.args.get("constraints") or []:
        kind = constraint.args.get("kind") or constraint
        if isinstance(kind, exp.EncodeColumnConstraint):
            attributes.encodings[column.name] = kind.name.lower()
        elif isinstance(kind, ColumnDistKey):
            attributes.distkey = column.name
        elif isinstance(kind, ColumnSortKey):
            attributes.sortkeys = [column.name]
        elif isinstance(kind, exp.PrimaryKeyColumnConstraint):
            primary = True
        elif isinstance(kind, exp.GeneratedAsIdentityColumnConstraint):
            # Only GENERATED BY DEFAULT lets a client give the value.
            kind.set("this", "on_null" not in kind.args)
            kept.append(constraint)
        elif not isinstance(kind, _NOT_ENFORCED):
            kept.append(constraint)
    column.set("constraints", kept)
    if primary:
        _require(column)


def _comment(attributes: _Attributes) -> str:
    return as_comment(
        {
            "diststyle": attributes.diststyle,
            "distkey": attributes.distkey,
            "sortstyle": attributes.sortstyle,
            "sortkeys": attributes.sortkeys,
            "encodings": attributes.encodings,
            "varbytes": attributes.varbytes,
            "keys": attributes.keys,
        }
    )


def _comment_like(source: exp.Expr) -> str:
    names = [part.name for part in source.find_all(exp.Identifier, bfs=False)]
    return as_comment({"like": identifier(*reversed(names))})


def as_comment(values: dict[str, object]) -> str:
    """Values for the catalog, in a comment that stands before a statement."""
    # A name must not be able to end the comment: JSON reads \/ as /.
    return "/*redshift:" + json.dumps(values).replace("/", "\\/") + "*/ "
