"""Every statement is Redshift's; the few that matter to the letter are pinned."""

import pytest
import sqlglot
from sqlglot import exp

from etl_platform.contract.types import ColumnType, spellings
from etl_platform.load import ddl, ledger, ledger_sql, locking_sql, row_rule, sql
from etl_platform.load.key_range import around
from etl_platform.load.quoting import Identifier, Literal, QualifiedName, RoleArn, Sql
from etl_platform.load.strategies import strategy_of
from etl_platform.load.target import HOURS_VIEW, LEDGER_VIEW, Target
from etl_platform.load.versions import Version
from etl_platform_tests.load.samples import START, batch, contract

ROLE = RoleArn("arn:aws:iam::123456789012:role/etl-copy")
USER, SCHEMA = Identifier("etl_service"), Identifier("analytics")
PLACED = Target(
    contract(
        "upsert",
        load={
            "strategy": "upsert",
            "version": "revision",
            "distkey": "id",
            "sortkey": ["revision", "id"],
        },
        source="placed",
    )
)
PLAIN = Target(contract("upsert", source="plain"))
LEDGER = PLAIN.ledger
_DELETED = {"column": "value", "values": ["D", "it's"]}
VARIANTS = [
    Target(contract("", load=load, source=source))
    for source, load in {
        "appended": {"strategy": "append"},
        "refreshed": {"strategy": "refresh"},
        "truncated": {"strategy": "refresh", "method": "truncate"},
        "swapped": {"strategy": "refresh", "method": "swap"},
        "by_merge": {"strategy": "upsert", "deleted": _DELETED, "method": "merge"},
        "marked": {"strategy": "upsert", "deleted": _DELETED},
        "removed": {"strategy": "upsert", "deleted": {**_DELETED, "method": "hard"}},
        "merged": {"strategy": "upsert", "deleted": _DELETED, "null_means": "keep"},
        "retracted": {"strategy": "upsert", "corrected": "retract"},
        "history": {"strategy": "scd2", "deleted": _DELETED, "corrected": "retract"},
    }.items()
]

# sqlglot has no grammar for these and keeps their text; the endpoint of the tests reads them.
_KEPT_AS_TEXT = (exp.Command,)


def _of_strategy(target: Target) -> list[Sql]:
    earlier, later = (Version.of(batch(target.contract, 0, manifest)) for manifest in (0, 1))
    ranges = around(target.ranged_key, [[1, 2]])
    change = strategy_of(target.contract.load).change(target, [earlier], [later], ranges)
    others = filter(None, (change.truncate, change.count))
    steps = (*change.prepare, *change.deletes, *change.inserts, *change.ends, *others)
    return [step.statement for step in steps]


STATEMENTS: dict[str, Sql] = {
    "staging": sql.create_staging(PLACED),
    "copy": sql.copy(PLACED, "s3://bucket/key.manifest", ROLE),
    "last copy": sql.LAST_COPY,
    "load errors": sql.LAST_LOAD_ERRORS,
    "staged rows": sql.rows_by_batch(sql.STAGING, PLACED.ranged_key),
    "table count": sql.count_rows(PLACED.table),
    "ledger by batch": ledger_sql.of_batches(LEDGER, ledger.COLUMN_NAMES, ["a", "b"]),
    "ledger by hour": ledger_sql.between(
        LEDGER, ledger.COLUMN_NAMES, START.start, START.plus(3).start
    ),
    "ledger newest": ledger_sql.of_newest_hour(LEDGER, ledger.COLUMN_NAMES),
    "rows of an hour": sql.rows_of_hour(PLAIN.table, START.start),
    "ledger begun": ledger_sql.begun(LEDGER, ledger.COLUMN_NAMES),
    "ledger without begun": ledger_sql.delete_begun(LEDGER),
    "ledger latest": ledger_sql.latest(LEDGER, ledger.COLUMN_NAMES, 5),
    "ledger summary": ledger_sql.summary(LEDGER_VIEW, Literal("outdated")),
    "ledger row": sql.insert_rows(LEDGER, [USER], [[Literal(1)], [Literal(None)]]),
    "schema": ddl.create_schema(SCHEMA),
    "user exists": ddl.USER_EXISTS,
    "target": ddl.create_target(PLACED),
    "plain target": ddl.create_target(PLAIN),
    "guard": ddl.create_guard(PLAIN.guard),
    "ledger": ddl.create_ledger(LEDGER, ledger.COLUMNS),
    "ledger view": ddl.create_view_over(LEDGER_VIEW, [LEDGER, LEDGER], ledger.COLUMN_NAMES),
    "ledgers": ddl.columns_in(SCHEMA, "ledger_"),
    "refreshes": ddl.tables_in(SCHEMA, "refreshes_"),
    "hours view": ledger_sql.create_hours(HOURS_VIEW, LEDGER_VIEW),
    "dropped view": ddl.drop_view(LEDGER_VIEW),
    "new ledger column": ddl.add_column_to(LEDGER, USER, "bigint"),
    "columns": ddl.columns_of(PLAIN.table),
    "forget": ddl.forget(LEDGER),
    "new column": ddl.add_column(PLAIN.table, PLAIN.columns[-1], staged=False),
    "new staged column": ddl.add_column(PLAIN.table, PLAIN.columns[-1], staged=True),
    "longer text": ddl.widen(PLAIN.table, USER, "varchar(9)"),
    "column by hand": ddl.drop_column(PLAIN.table, USER),
    "copied rows": ddl.copy_rows(PLAIN.table, LEDGER, [(USER, "varchar(9)")]),
    "dropped table": ddl.drop_table(LEDGER),
    "new name": ddl.rename_table(LEDGER, USER),
    "grants": ddl.grants_on(LEDGER),
    "grant": ddl.grant(LEDGER, "SELECT", "readers", "role", may_give=False),
    "comments": ddl.comments_on(LEDGER),
    "comment": ddl.comment(LEDGER, None, Literal("what it is")),
    "comment on a column": ddl.comment(LEDGER, USER, Literal("what it is")),
    "owner": ddl.other_owner_of(LEDGER),
    "views on a table": ddl.views_on(LEDGER),
    "note of the rule": row_rule.statement(PLACED),
    "schema changes": ddl.create_schema_changes(LEDGER),
    "schema change": ddl.record_schema_change(LEDGER),
    "holders": locking_sql.holders(PLAIN.guard),
    "activity": locking_sql.activity(7, START.start),
    "end of a session": locking_sql.end_session(7),
    **{
        f"{target.contract.source} {number}": statement
        for target in (PLACED, PLAIN, *VARIANTS)
        for number, statement in enumerate(_of_strategy(target))
    },
}
AS_TEXT: dict[str, Sql] = {
    "new owner": ddl.give_to(LEDGER, USER),
    "lock": locking_sql.lock(PLAIN.guard),
    "label": locking_sql.label("etl-platform load feed"),
    "limit": locking_sql.limit_statements(30),
    "create user": ddl.create_user(USER, Literal("Secret-1")),
    "alter user": ddl.alter_user(USER, Literal("Secret-1")),
    "close public": ddl.CLOSE_PUBLIC,
    "grant schema": ddl.grant_schema(SCHEMA, USER),
    "grant temporary": ddl.grant_temporary(Identifier("dev"), USER),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_redshift_reads_the_statement(name: str) -> None:
    (parsed,) = sqlglot.parse(STATEMENTS[name].replace("%s", "''"), read="redshift")
    assert parsed is not None
    assert not isinstance(parsed, _KEPT_AS_TEXT)


@pytest.mark.parametrize("name", AS_TEXT)
def test_redshift_takes_the_statement_as_one(name: str) -> None:
    (parsed,) = sqlglot.parse(AS_TEXT[name], read="redshift")
    assert parsed is not None


def test_copy_names_its_columns_in_the_order_of_the_files() -> None:
    assert sql.copy(PLACED, "s3://bucket/key.manifest", ROLE) == (
        'COPY "_etl_staging" ("id", "revision", "value", "_hour", "_batch_id")'
        " FROM 's3://bucket/key.manifest'"
        " IAM_ROLE 'arn:aws:iam::123456789012:role/etl-copy' FORMAT AS PARQUET MANIFEST"
    )


def test_the_target_has_the_keys_and_encodings_of_the_contract() -> None:
    assert ddl.create_target(PLACED) == (
        'CREATE TABLE "analytics"."placed" ("id" integer ENCODE az64 NOT NULL,'
        ' "revision" bigint ENCODE raw NOT NULL, "value" varchar(20) ENCODE zstd,'
        ' "_hour" timestamp ENCODE az64 NOT NULL, "_batch_id" varchar(32) ENCODE zstd NOT NULL,'
        ' "_loaded_at" timestamp ENCODE az64 NOT NULL)'
        ' DISTSTYLE KEY DISTKEY ("id") COMPOUND SORTKEY ("revision", "id")'
    )


def test_a_silent_contract_leaves_distribution_and_order_to_redshift() -> None:
    statement = ddl.create_target(PLAIN)
    assert "DIST" not in statement
    assert "SORTKEY" not in statement


def test_every_type_of_a_contract_has_an_encoding_and_a_spelling_in_the_catalog() -> None:
    arguments = {"(n)": "(7)", "(p,s)": "(7,2)"}
    types = []
    for spelling in spellings().split(", "):
        family, bracket, _ = spelling.partition("(")
        types.append(family + arguments.get(bracket + _, ""))
    columns = [{"name": f"c{n}", "type": kind} for n, kind in enumerate(types)]
    target = Target(contract("append", columns=columns, key=[], source="all_types"))
    for column, kind in zip(target.columns, types, strict=False):
        assert column.type == ColumnType.parse(kind)
        assert column.encoding in {"az64", "zstd", "raw", None}
        assert column.catalog_type


def test_names_of_companions_are_whole_in_every_relative_of_postgresql() -> None:
    long = Target(contract("append", load={"strategy": "append", "table": "t" * 120}))
    other = Target(contract("append", load={"strategy": "append", "table": "t" * 119 + "u"}))
    assert len(long.guard.table.name) <= 63
    assert long.guard != other.guard
    assert long.ledger != other.ledger


def test_two_tables_whose_joined_names_are_equal_have_two_ledgers() -> None:
    one = Target(contract("append", load={"strategy": "append", "schema": "a", "table": "b_c"}))
    two = Target(contract("append", load={"strategy": "append", "schema": "a_b", "table": "c"}))
    assert one.ledger != two.ledger
    assert QualifiedName.of("etl_platform", "ledger_a$b_c") == one.ledger
