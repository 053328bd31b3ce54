"""What brings the tables of a source to what its contract asks for, planned before it is done.

The plan is a function of the contract and of the warehouse's catalog. A change that would lose
values has no plan: it raises SchemaChangeRefused with the DDL that a person would have to run.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from etl_platform.contract.checkpoints import checkpoint
from etl_platform.contract.errors import SchemaChangeRefused, TargetMissing, TargetOutdated
from etl_platform.contract.types import LONGEST_TEXT_BYTES
from etl_platform.contract.warehouse import SchemaConnect, Warehouse
from etl_platform.load import belongings, ddl, locking, replacement, row_rule
from etl_platform.load import layout as layouts
from etl_platform.load.layout import Layout
from etl_platform.load.quoting import Identifier, QualifiedName, Sql
from etl_platform.load.target import SCHEMA_CHANGES, TableColumn, Target
from etl_platform.load.widths import holds, is_longer_text


@dataclass(frozen=True)
class Change:
    """One statement, and why it is sent."""

    statement: Sql
    why: str
    alone: bool = False
    """Whether it is sent outside of transactions: Redshift takes a longer VARCHAR nowhere else, and
    of a layout, which may move every row, does not say."""


@dataclass(frozen=True)
class Found:
    """A column as the warehouse has it."""

    name: str
    kind: str
    required: bool


@dataclass(frozen=True)
class _Table:
    """A table that the contract asks for: the target, or one beside it with staged types."""

    target: Target
    name: QualifiedName
    columns: tuple[TableColumn, ...]
    staged: bool

    @property
    def layout(self) -> Layout:
        target = self.target
        names = {column.name for column in self.columns}
        return Layout(
            target.distkey if target.distkey in names else None,
            target.key if self.staged else target.sortkey,
            {} if self.staged else target.encodings,
        )

    def kind(self, column: TableColumn) -> str:
        return column.staged_catalog_type if self.staged else column.catalog_type

    def spelling(self, column: TableColumn) -> str:
        return column.type.staged if self.staged else column.type.redshift

    def create(self, name: QualifiedName) -> Sql:
        if self.staged:
            return ddl.create_beside(name, self.columns, self.target)
        return ddl.create_target(self.target, name)


def check(warehouse: Warehouse, target: Target) -> None:
    """Raise TargetOutdated or SchemaChangeRefused unless batches may be loaded into the tables as
    they are. Another layout holds up no load: the rows are the same."""
    _refuse_forgotten(warehouse, target)
    reasons: list[str] = []
    for table in _tables(target):
        reasons += [why.text for why in _whys(warehouse, table, _columns(warehouse, table.name))]
    if rule := row_rule.difference(warehouse, target):
        reasons.append(rule)
    if reasons:
        raise TargetOutdated(target.contract.source, str(target.table), reasons)


def plan(warehouse: Warehouse, target: Target) -> list[Change]:
    """The statements to send, in their order; none if the tables are what the contract says."""
    _refuse_forgotten(warehouse, target)
    first: list[Change] = []
    together: list[Change] = []
    last: list[Change] = []
    if rule := row_rule.difference(warehouse, target):
        together.append(Change(row_rule.statement(target), rule))
    for table in _tables(target):
        found = _columns(warehouse, table.name)
        columns, layout = _whys(warehouse, table, found), _layout_whys(warehouse, table)
        if all(why.statement for why in (*columns, *layout)):
            in_place = _in_place(columns)
            first += [change for change in in_place if change.alone]
            together += [change for change in in_place if not change.alone]
            # Behind the new columns, of which a layout may name one.
            last += _in_place(layout)
        else:
            belongings.refuse_losses(warehouse, table.name)
            statements = [*_copy(table, found), *replacement.restored(warehouse, table.name)]
            reason = "; ".join(why.text for why in (*columns, *layout))
            together += [Change(statement, reason) for statement in statements]
    return [*first, *together, *last]


def _tables(target: Target) -> Iterator[_Table]:
    yield _Table(target, target.table, target.columns, staged=False)
    if target.tombstones:
        yield _Table(target, target.tombstones, target.tombstone_columns, staged=True)
    if target.journal:
        yield _Table(target, target.journal, target.journal_columns, staged=True)


def apply(connect: SchemaConnect, target: Target) -> list[Change]:
    """Carry out the plan; what was done. Loads and a second apply wait for the guard meanwhile.

    The guard has a connection of its own, since the statements that are sent outside of
    transactions would let it go. After a crash the next plan has what is left.
    """
    with connect() as guarding, connect() as changing:
        label = f"{locking.APPLY} {target.contract.source}"
        locking.take(guarding, target.guard, label)
        changes = plan(guarding, target)
        for alone, some in groupby(changes, key=lambda change: change.alone):
            for change in some:
                if alone:
                    changing.execute_alone(change.statement, name=change.why)
                    _record(changing, target, change)
                    changing.commit()
                else:
                    changing.execute(change.statement, name=change.why)
                    _record(changing, target, change)
            changing.commit()
            checkpoint("apply.between")
    return changes


@dataclass(frozen=True)
class _Why:
    """A difference that can be mended: by a statement, or by a copy of the table."""

    text: str
    statement: Sql | None = None
    alone: bool = False


def _in_place(whys: Iterable[_Why]) -> list[Change]:
    return [Change(why.statement, why.text, why.alone) for why in whys if why.statement]


def _layout_whys(warehouse: Warehouse, table: _Table) -> list[_Why]:
    has = layouts.found(warehouse, table.name)
    differences = layouts.differences(table.name, table.layout, has)
    return [_Why(one.why, one.statement, alone=True) for one in differences]


def _whys(warehouse: Warehouse, table: _Table, found: Sequence[Found]) -> list[_Why]:
    has = {column.name: column for column in found}
    lost = [name for name in has if name not in {c.name.name for c in table.columns}]
    reasons = [f"column {name} is not in the contract" for name in lost]
    by_hand: list[Sql] = []
    if lost:
        by_hand += layouts.freeing(table.name, layouts.found(warehouse, table.name), lost)
        by_hand += [ddl.drop_column(table.name, Identifier(name)) for name in lost]
    whys: list[_Why] = []
    narrows = False
    for column in table.columns:
        name, kind, old = column.name.name, table.kind(column), has.get(column.name.name)
        if old is None and column.required:
            reasons.append(f"column {name} is new and required, and older rows have no value")
            by_hand = [ddl.drop_table(table.name)]
        elif old is None:
            statement = ddl.add_column(table.name, column, staged=table.staged)
            whys.append(_Why(f"column {name} is new", statement))
        elif not holds(kind, old.kind):
            reasons.append(f"column {name} is {old.kind}, which {kind} does not hold")
            narrows = True
        elif column.required and not old.required:
            reasons.append(f"column {name} is required now, and older rows may have no value")
            narrows = True
        elif old.required and not column.required:
            whys.append(_Why(f"column {name} is not required any more"))
        elif is_longer_text(kind, old.kind):
            statement = ddl.widen(table.name, column.name, table.spelling(column))
            whys.append(
                _Why(f"column {name} grows from {old.kind} to {kind}", statement, alone=True)
            )
        elif kind != old.kind:
            whys.append(_Why(f"column {name} changes from {old.kind} to {kind}"))
    if reasons:
        if narrows and ddl.drop_table(table.name) not in by_hand:
            by_hand = _copy(table, found)
        raise SchemaChangeRefused(str(table.name), reasons, by_hand)
    return whys


def _copy(table: _Table, found: Iterable[Found]) -> list[Sql]:
    """Make the table anew with its rows. The columns that the contract does not know are left."""
    copy = replacement.name_beside(table.name)
    names = {column.name for column in found}
    kept = [(c.name, table.spelling(c)) for c in table.columns if c.name.name in names]
    return [
        table.create(copy),
        ddl.copy_rows(table.name, copy, kept),
        ddl.drop_table(table.name),
        ddl.rename_table(copy, table.name.table),
    ]


def _refuse_forgotten(warehouse: Warehouse, target: Target) -> None:
    """Raise where a table beside the target would miss what is loaded from now on.

    If it stayed, a contract that asks for it again would trust it, in spite of the gap.
    """
    for name, is_used, what in (
        (target.journal_name, target.journal is not None, "a journal of its older rows"),
        (target.tombstones_name, target.tombstones is not None, "tombstones of its removed rows"),
    ):
        if not is_used and _columns_if_any(warehouse, name):
            reason = f"it has {what}, which the contract does not ask for any more"
            raise SchemaChangeRefused(str(target.table), [reason], [ddl.drop_table(name)])


def _columns(warehouse: Warehouse, table: QualifiedName) -> list[Found]:
    found = _columns_if_any(warehouse, table)
    if not found:
        raise TargetMissing(str(table))
    return found


def _columns_if_any(warehouse: Warehouse, table: QualifiedName) -> list[Found]:
    rows = warehouse.fetch(ddl.columns_of(table), name=f"the columns of {table}")
    return [Found(str(name), str(kind), bool(required)) for name, kind, required in rows]


def _record(warehouse: Warehouse, target: Target, change: Change) -> None:
    contract = target.contract
    create = ddl.create_schema_changes(SCHEMA_CHANGES)
    warehouse.execute(create, name="the table of schema changes")
    warehouse.execute(
        ddl.record_schema_change(SCHEMA_CHANGES),
        [contract.source, contract.digest, _cut(change.why), _cut(change.statement)],
        name="the record of a schema change",
    )


def _cut(text: str) -> str:
    """What fits into the record: the statement that makes a very wide table may not."""
    return text.encode()[:LONGEST_TEXT_BYTES].decode(errors="ignore")
