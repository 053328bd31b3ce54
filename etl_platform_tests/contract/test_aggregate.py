"""Aggregates are read with their query and sources; a mistake names file, line and field."""

from pathlib import Path

import pytest

from etl_platform.contract.aggregate_files import find_aggregate, read_aggregates
from etl_platform.contract.errors import AggregateUnknown, ContractInvalid
from etl_platform.contract.reading import read_contracts

VISITS = """\
type: etl_platform.components.S3ToRedshift
attributes:
  source: visits
  description: Visits of the shop
  owner: team:shop
  starts: 2026-01-01-00
  format: {type: csv}
  columns:
    - {name: page, type: varchar(20), required: true}
    - {name: seen_at, type: timestamp, required: true}
  key: [page, seen_at]
  load: {strategy: upsert}
"""
SUMS = """\
type: etl_platform.components.Aggregate
attributes:
  aggregate: sums
  description: Visits by the hour
  owner: team:shop
  grain: hour
  hour: hour
  reads:
    - {source: visits, hour: seen_at}
  columns:
    - {name: hour, type: timestamp, required: true}
    - {name: visits, type: bigint}
"""
QUERY = (
    "SELECT date_trunc('hour', v.seen_at) AS hour, count(*) AS visits FROM {visits} AS v GROUP BY 1"
)


def write(folder: Path, sums: str = SUMS, visits: str = VISITS, query: str = QUERY) -> Path:
    for name, text in (("visits", visits), ("sums", sums)):
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "defs.yaml").write_text(text)
    (folder / "sums" / "query.sql").write_text(query)
    return folder


def refused(folder: Path) -> ContractInvalid:
    with pytest.raises(ContractInvalid) as caught:
        read_aggregates(folder)
    return caught.value


def test_an_aggregate_is_read_with_its_query_and_its_sources(tmp_path: Path) -> None:
    read = find_aggregate("sums", write(tmp_path))
    assert (read.contract.table, read.query) == ("sums", QUERY)
    assert read.sources == {"visits": read_contracts(tmp_path)["visits"]}


def test_the_shipped_aggregate_is_valid() -> None:
    assert sorted(read_aggregates()) == ["delays_by_weather"]


def test_the_example_of_the_papers_is_valid(tmp_path: Path) -> None:
    paper = (Path(__file__).parents[2] / "docs" / "publish.md").read_text()
    example = paper[paper.index("type: ") :].partition("```")[0]
    query = paper[paper.index("SELECT ") :].partition("```")[0]
    pages = VISITS.replace("source: visits", "source: pages")
    write(tmp_path, example, query=query)
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "defs.yaml").write_text(pages)
    assert list(read_aggregates(tmp_path)) == ["visits_by_page"]


def test_a_source_may_lie_in_a_folder_of_another_name(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "visits").rename(tmp_path / "web")
    assert "visits" in find_aggregate("sums", tmp_path).sources


def test_an_unknown_aggregate_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(AggregateUnknown, match="one of sums"):
        find_aggregate("sum", write(tmp_path))


def test_a_name_is_given_to_one_aggregate_only(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "sums").rename(tmp_path / "more")
    write(tmp_path)
    assert "is also in" in refused(tmp_path).problem


def test_an_aggregate_has_no_name_of_a_source(tmp_path: Path) -> None:
    error = refused(write(tmp_path, SUMS.replace("aggregate: sums", "aggregate: visits")))
    assert (error.line, error.field) == (3, "aggregate")
    assert (
        error.problem == f"'visits' is also the name of the source in {tmp_path}/visits/defs.yaml"
    )


def test_an_aggregate_has_a_table_of_its_own(tmp_path: Path) -> None:
    taken = SUMS.replace("grain: hour", "table: visits\n  grain: hour")
    error = refused(write(tmp_path, taken))
    assert (error.line, error.field) == (6, "table")
    assert "analytics.visits is also the table of 'visits'" in error.problem
    more = SUMS.replace("aggregate: sums", "aggregate: more\n  table: sums")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "defs.yaml").write_text(more)
    error = refused(write(tmp_path))
    assert (error.file, error.field) == (f"{tmp_path}/sums/defs.yaml", "table")
    assert "analytics.sums is also the table of 'more'" in error.problem


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "expected"),
    [
        ("grain: hour", "grain: day", 6, "grain", "'hour' or 'table'"),
        ("grain: hour", "grain: table", 6, "grain", "`grain: hour`"),
        ("\n  hour: hour", "", 6, "grain", "`hour:` with"),
        ("hour: hour", "hour: visits", 7, "hour", "`required: true`"),
        (", hour: seen_at", "", 9, "reads", "or `grain: table`"),
        ("source: visits", "source: visit", 9, "reads[0].source", "one of visits"),
        ("hour: seen_at", "hour: page", 9, "reads[0].hour", "a timestamp of the key"),
        ("hour: seen_at", "hour: _hour", 9, "reads[0].hour", "a timestamp of the key"),
        ("type: bigint", "type: int64", 12, "columns[1].type", "smallint"),
        ("name: visits, type", "name: hour, type", 12, "columns[1].name", "distinct names"),
        ("owner: team", "sortkey: [day]\n  owner: team", 5, "sortkey", "one of hour, visits"),
    ],
)
def test_a_mistake_names_line_field_and_expectation(
    tmp_path: Path, old: str, new: str, line: int, field: str, expected: str
) -> None:
    error = refused(write(tmp_path, SUMS.replace(old, new, 1)))
    assert (error.line, error.field) == (line, field)
    assert error.file.endswith("sums/defs.yaml")
    assert expected in error.expected


@pytest.mark.parametrize(
    ("load", "problem"),
    [
        ("{strategy: refresh}", "refresh changes rows"),
        ("{strategy: scd2}", "scd2 changes rows"),
        ("{strategy: upsert, corrected: retract}", "corrected: retract changes rows"),
        ("{strategy: append}", "replaces the rows of its own hour"),
    ],
)
def test_a_source_by_whose_loads_no_hour_can_be_told_has_none(
    tmp_path: Path, load: str, problem: str
) -> None:
    error = refused(write(tmp_path, visits=VISITS.replace("{strategy: upsert}", load)))
    assert (error.line, error.field) == (9, "reads[0].hour")
    assert problem in error.problem


def test_of_an_appended_source_the_hour_is_that_of_the_batch(tmp_path: Path) -> None:
    appended = VISITS.replace("{strategy: upsert}", "{strategy: append}")
    write(tmp_path, SUMS.replace("hour: seen_at", "hour: _hour"), appended)
    assert read_aggregates(tmp_path)["sums"].contract.reads[0].hour == "_hour"


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("DELETE FROM {visits} AS v", "it is not one query"),
        ("SELECT 1 FROM {visits} AS v; SELECT 2", "it is not one query"),
        ("SELECT 1 FROM {visits} AS v JOIN {orders} AS o ON TRUE", "which `reads` lacks"),
        ("SELECT 1 AS hour -- FROM {visits} AS v", "it does not read {visits}"),
        ("SELECT '{visits}' AS hour", "it does not read {visits}"),
        ("SELECT 1 FROM {visits} AS v JOIN shop.orders AS o ON TRUE", "it reads shop.orders"),
        ("SELECT 1 FROM {visits} v", "{visits} has no alias"),
        ("SELECT 1 FROM {visits} WHERE TRUE", "{visits} has no alias"),
    ],
)
def test_a_query_reads_the_sources_that_the_contract_names(
    tmp_path: Path, query: str, problem: str
) -> None:
    error = refused(write(tmp_path, query=query))
    assert error.file.endswith("sums/query.sql")
    assert problem in error.problem


@pytest.mark.parametrize(
    "query",
    [
        "WITH a AS (SELECT 1 FROM {visits} AS v), b AS (SELECT 1 FROM a) SELECT 1 FROM b, a;",
        "/* FROM x */ SELECT extract(hour FROM v.seen_at), ';' FROM {visits} AS v -- FROM y",
        "select 1 from (select page from {visits} as v) as q",
    ],
)
def test_a_query_may_be_written_as_people_write_them(tmp_path: Path, query: str) -> None:
    assert read_aggregates(write(tmp_path, query=query))["sums"].query == query


def test_a_missing_query_is_named(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "sums" / "query.sql").unlink()
    assert refused(tmp_path).problem == "the file is not there"


def test_a_change_of_the_query_or_of_a_source_changes_the_digest(tmp_path: Path) -> None:
    first = find_aggregate("sums", write(tmp_path)).digest
    assert find_aggregate("sums", write(tmp_path)).digest == first
    other = [
        find_aggregate("sums", write(tmp_path, query=QUERY + " ")).digest,
        find_aggregate("sums", write(tmp_path, SUMS.replace("bigint", "integer"))).digest,
        find_aggregate(
            "sums", write(tmp_path, visits=VISITS.replace("upsert}", "upsert, table: v}"))
        ).digest,
    ]
    assert len({first, *other}) == 4
