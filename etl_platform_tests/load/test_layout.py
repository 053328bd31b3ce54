"""A table is spread and sorted as its contract says, whatever it was before, with every row."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl_platform.aws.warehouse import connect
from etl_platform.contract.errors import SchemaChangeRefused
from etl_platform.contract.source import SourceContract
from etl_platform.load import evolution
from etl_platform.load.layout import Found, Layout, differences, found
from etl_platform.load.quoting import Identifier, QualifiedName
from etl_platform.load.target import SCHEMA_CHANGES, Target
from etl_platform_tests.load.endpoint import Endpoint
from etl_platform_tests.load.samples import contract

EVEN, KEY, ALL, AUTO = 0, 1, 8, 9
ID = {"name": "id", "type": "integer", "required": True}
AT = {"name": "at", "type": "timestamp"}
NEW = {"name": "more", "type": "integer"}
COLUMNS = ("id", "at")
JOURNAL = {"strategy": "upsert", "null_means": "keep"}

Placed = dict[str, Any]


def _of(placed: Placed, *columns: Any, source: str | None = None) -> SourceContract:
    load = {"strategy": "upsert", **placed}
    more = {"source": source} if source else {}
    return contract("upsert", columns=list(columns or (ID, AT)), load=load, **more)


def _made(endpoint: Endpoint, placed: Placed) -> SourceContract:
    of = _of(placed)
    endpoint.bootstrap(of)
    return of


def _layout(endpoint: Endpoint, table: QualifiedName) -> tuple[int, str | None, tuple[str, ...]]:
    with endpoint.connect() as warehouse:
        has = found(warehouse, table)
    return has.style, has.distkey, has.sortkey


def _plan(endpoint: Endpoint, target: Target) -> list[evolution.Change]:
    with endpoint.connect() as warehouse:
        return evolution.plan(warehouse, target)


def _run(endpoint: Endpoint, *statements: str) -> None:
    with connect(endpoint.admin) as warehouse:
        for statement in statements:
            warehouse.execute(statement, name="what a person does")
        warehouse.commit()


placings = st.fixed_dictionaries(
    {},
    optional={
        "distkey": st.sampled_from(COLUMNS),
        "sortkey": st.permutations(COLUMNS).flatmap(
            lambda names: st.integers(1, 2).map(lambda length: names[:length])
        ),
    },
)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(walk=st.lists(placings, min_size=2, max_size=5), load=st.sampled_from([{}, JOURNAL]))
def test_a_table_follows_every_layout_with_its_journal(
    endpoint: Endpoint, walk: list[Placed], load: Placed
) -> None:
    of = _made(endpoint, walk[0] | load)
    sorted_by: tuple[str, ...] = ()
    for placed in walk:
        target = Target(_of(placed | load, source=of.source))
        evolution.apply(endpoint.connect, target)
        distkey = placed.get("distkey")
        sorted_by = tuple(placed.get("sortkey", sorted_by))
        expected = (KEY if distkey else AUTO, distkey)
        assert _layout(endpoint, target.table) == (*expected, sorted_by)
        if load:
            assert _layout(endpoint, target.journal_name) == (*expected, ("id",))
        assert _plan(endpoint, target) == []


def test_one_statement_moves_the_rows_once_and_is_recorded(endpoint: Endpoint) -> None:
    of = _made(endpoint, {"distkey": "id", "sortkey": ["id"]})
    target = Target(_of({"distkey": "at", "sortkey": ["at", "id"]}, source=of.source))
    _run(endpoint, f"INSERT INTO {target.table.sql} VALUES (1, NULL, '2026-11-23', 'b', getdate())")
    (change,) = evolution.apply(endpoint.connect, target)
    assert change.statement == (
        f'ALTER TABLE {target.table.sql} ALTER SORTKEY ("at", "id"), ALTER DISTKEY "at"'
    )
    assert change.why == (
        "its sort key (id) becomes (at, id); its distribution KEY (id) becomes KEY (at)"
    )
    with endpoint.connect() as warehouse:
        rows = warehouse.fetch(f"SELECT id FROM {target.table.sql}", name="the rows")
        recorded = warehouse.fetch(
            f"SELECT statement FROM {SCHEMA_CHANGES.sql} WHERE source = %s",
            [of.source],
            name="the record",
        )
    assert (rows, recorded) == ([(1,)], [(change.statement,)])


def test_a_new_column_is_there_before_it_becomes_a_key(endpoint: Endpoint) -> None:
    of = _made(endpoint, {})
    placed = {"distkey": "more", "sortkey": ["more"]}
    target = Target(_of(placed, ID, AT, NEW, source=of.source))
    done = evolution.apply(endpoint.connect, target)
    assert [change.alone for change in done] == [False, True]
    assert _layout(endpoint, target.table) == (KEY, "more", ("more",))


def test_another_layout_holds_up_no_load(endpoint: Endpoint) -> None:
    of = _made(endpoint, {"distkey": "id"})
    target = Target(_of({"distkey": "at", "sortkey": ["at"]}, source=of.source))
    with endpoint.connect() as warehouse:
        evolution.check(warehouse, target)
        assert evolution.plan(warehouse, target)
    assert endpoint.bootstrap(target.contract) == ()


def test_what_redshift_chooses_by_itself_is_no_difference(endpoint: Endpoint) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/t_Creating_tables.html"""
    target = Target(_made(endpoint, {}))
    _run(
        endpoint,
        "UPDATE redshift_local.table_attributes SET diststyle = 'AUTO(KEY)', distkey = 'at',"
        f" sortkeys = '{{at}}' WHERE relation = '{target.table.sql}'::regclass::oid",
    )
    assert _layout(endpoint, target.table) == (AUTO, "at", ("at",))
    assert _plan(endpoint, target) == []
    pinned = Target(_of({"distkey": "at"}, source=target.contract.source))
    assert [change.why for change in _plan(endpoint, pinned)] == [
        "its distribution AUTO becomes KEY (at)"
    ]


@pytest.mark.parametrize(
    ("style", "told"), [("EVEN", "EVEN"), ("ALL", "ALL"), ("KEY DISTKEY at", "KEY (at)")]
)
def test_a_distribution_by_hand_is_one_that_the_contract_does_not_say(
    endpoint: Endpoint, style: str, told: str
) -> None:
    target = Target(_made(endpoint, {}))
    _run(endpoint, f"ALTER TABLE {target.table.sql} ALTER DISTSTYLE {style}")
    (change,) = evolution.apply(endpoint.connect, target)
    assert change.why == f"its distribution {told} becomes AUTO"
    assert _plan(endpoint, target) == []


def _interleaved(endpoint: Endpoint, source: str) -> Target:
    target = Target(_of({}, source=source))
    with endpoint.connect() as warehouse:
        for statement in (
            f"DROP TABLE {target.table.sql}",
            f"CREATE TABLE {target.table.sql} (id integer NOT NULL, at timestamp,"
            ' "_hour" timestamp NOT NULL, "_batch_id" varchar(32) NOT NULL,'
            ' "_loaded_at" timestamp NOT NULL) INTERLEAVED SORTKEY (id, at)',
            f"INSERT INTO {target.table.sql} VALUES (1, NULL, getdate(), 'b', getdate())",
        ):
            warehouse.execute(statement, name="what a person does")
        warehouse.commit()
    return target


def test_an_interleaved_sort_key_becomes_compound_before_the_rows_are_spread(
    endpoint: Endpoint,
) -> None:
    of = _made(endpoint, {})
    assert _plan(endpoint, _interleaved(endpoint, of.source)) == []
    target = Target(_of({"distkey": "id", "sortkey": ["id", "at"]}, source=of.source))
    assert [change.why for change in evolution.apply(endpoint.connect, target)] == [
        "its interleaved sort key (id, at) becomes (id, at)",
        "its distribution AUTO becomes KEY (id)",
    ]
    assert _layout(endpoint, target.table) == (KEY, "id", ("id", "at"))


def test_a_distribution_that_cannot_be_altered_goes_by_the_copy(endpoint: Endpoint) -> None:
    of = _made(endpoint, {})
    _interleaved(endpoint, of.source)
    target = Target(_of({"distkey": "id"}, source=of.source))
    assert {change.why for change in evolution.apply(endpoint.connect, target)} == {
        "its distribution AUTO becomes KEY (id)"
    }
    assert _layout(endpoint, target.table) == (KEY, "id", ())
    with endpoint.connect() as warehouse:
        assert warehouse.fetch(f"SELECT id FROM {target.table.sql}", name="the rows") == [(1,)]
    assert _plan(endpoint, target) == []


def test_a_column_is_dropped_by_hand_from_the_keys_first(endpoint: Endpoint) -> None:
    of = _made(endpoint, {"distkey": "at", "sortkey": ["at", "id"]})
    target = Target(_of({}, ID, source=of.source))
    with pytest.raises(SchemaChangeRefused) as refused:
        _plan(endpoint, target)
    table = target.table.sql
    assert refused.value.ddl == (
        f"ALTER TABLE {table} ALTER SORTKEY NONE",
        f"ALTER TABLE {table} ALTER DISTSTYLE EVEN",
        f'ALTER TABLE {table} DROP COLUMN "at"',
    )
    _run(endpoint, *refused.value.ddl)
    evolution.apply(endpoint.connect, target)
    assert _layout(endpoint, target.table) == (AUTO, None, ())


def test_tombstones_without_the_distribution_key_are_left_to_redshift(endpoint: Endpoint) -> None:
    deleted = {"column": "value", "values": ["D"], "method": "hard"}
    value = {"name": "value", "type": "varchar(1)"}
    of = _of({"distkey": "value", "deleted": deleted}, ID, value)
    target = Target(of)
    endpoint.bootstrap(of)
    assert _layout(endpoint, target.table) == (KEY, "value", ())
    assert _layout(endpoint, target.tombstones_name) == (AUTO, None, ("id",))
    assert _plan(endpoint, target) == []


TABLE = QualifiedName.of("s", "t")
keys = st.sampled_from([None, *COLUMNS])
sort_keys = st.sampled_from([(), ("id",), ("at",), ("id", "at"), ("at", "id")])
founds = st.builds(
    lambda style, distkey, sortkey, interleaved: Found(
        style, distkey if style == KEY else None, sortkey, interleaved and bool(sortkey)
    ),
    st.sampled_from([EVEN, KEY, ALL, AUTO]),
    st.sampled_from(COLUMNS),
    sort_keys,
    st.booleans(),
)


@given(founds, keys, sort_keys)
def test_no_distribution_is_altered_while_the_sort_key_is_interleaved(
    has: Found, distkey: str | None, sortkey: tuple[str, ...]
) -> None:
    wanted = Layout(
        Identifier(distkey) if distkey else None, tuple(Identifier(name) for name in sortkey)
    )
    needed = differences(TABLE, wanted, has)
    statements = [one.statement or "" for one in needed]
    if has.is_interleaved:
        spreading = [number for number, text in enumerate(statements) if "DIST" in text]
        assert all("ALTER SORTKEY (" in statements[number - 1] for number in spreading if number)
        assert not any("DIST" in text for text in statements[:1])
    else:
        assert all(statements)
    is_spread = (has.style, has.distkey) == (KEY, distkey) if distkey else has.style == AUTO
    is_sorted = not sortkey or (has.sortkey == sortkey and not has.is_interleaved)
    assert bool(needed) == (not is_spread or not is_sorted)


def _encodings(endpoint: Endpoint, target: Target) -> dict[str, str]:
    with endpoint.connect() as warehouse:
        return dict(found(warehouse, target.table).encodings)


def test_a_column_gets_the_encoding_that_its_contract_names(endpoint: Endpoint) -> None:
    of = _of({"sortkey": ["at"]}, {**ID, "encode": "delta"}, {**AT, "encode": "zstd"})
    endpoint.bootstrap(of)
    assert _encodings(endpoint, Target(of)).items() >= {("id", "delta"), ("at", "zstd")}
    assert _plan(endpoint, Target(of)) == []


def test_encodings_are_changed_where_the_contract_names_them(endpoint: Endpoint) -> None:
    of = _made(endpoint, {"sortkey": ["at"]})
    columns = {**ID, "encode": "bytedict"}, {**AT, "encode": "az64"}, {**NEW, "encode": "mostly8"}
    target = Target(_of({"sortkey": ["at"]}, *columns, source=of.source))
    done = evolution.apply(endpoint.connect, target)
    assert [change.why for change in done] == [
        "column more is new",
        "column id is encoded bytedict and not az64; column at is encoded az64 and not raw",
    ]
    assert done[1].statement == (
        f'ALTER TABLE {target.table.sql} ALTER COLUMN "id" ENCODE bytedict,'
        ' ALTER COLUMN "at" ENCODE az64'
    )
    wanted = {("id", "bytedict"), ("at", "az64"), ("more", "mostly8")}
    assert _encodings(endpoint, target).items() >= wanted
    assert _plan(endpoint, target) == []


def test_encodings_that_the_contract_does_not_name_are_no_difference(endpoint: Endpoint) -> None:
    target = Target(_made(endpoint, {}))
    _run(endpoint, f"ALTER TABLE {target.table.sql} ALTER COLUMN id ENCODE zstd")
    assert _plan(endpoint, target) == []


def test_a_new_sort_key_that_is_to_be_compressed_is_compressed_again(endpoint: Endpoint) -> None:
    columns = {**ID, "encode": "delta"}, {**AT, "encode": "zstd"}
    of = _of({"sortkey": ["at"]}, *columns)
    endpoint.bootstrap(of)
    target = Target(_of({"sortkey": ["id", "at"]}, *columns, source=of.source))
    done = evolution.apply(endpoint.connect, target)
    assert [change.why for change in done] == [
        "its sort key (at) becomes (id, at)",
        "column id is encoded delta and not raw",
    ]
    assert _encodings(endpoint, target).items() >= {("id", "delta"), ("at", "zstd")}
    assert _plan(endpoint, target) == []


def test_an_encoding_under_an_interleaved_sort_key_goes_by_a_copy(endpoint: Endpoint) -> None:
    of = _made(endpoint, {})
    target = Target(_of({}, {**ID, "encode": "zstd"}, AT, source=of.source))
    _run(
        endpoint,
        "UPDATE redshift_local.table_attributes SET sortstyle = 'interleaved',"
        f" sortkeys = '{{id,at}}' WHERE relation = '{target.table.sql}'::regclass::oid",
    )
    done = evolution.apply(endpoint.connect, target)
    assert {change.alone for change in done} == {False}
    assert _encodings(endpoint, target)["id"] == "zstd"
    assert _plan(endpoint, target) == []
