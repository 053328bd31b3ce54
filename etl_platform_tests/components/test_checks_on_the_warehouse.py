"""The checks as Dagster runs them, on a real warehouse, real object storage and real queries."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from etl_platform.aws.athena import Athena
from etl_platform.aws.catalog import GlueCatalog
from etl_platform.aws.clients import client
from etl_platform.aws.s3 import S3
from etl_platform.components.checks.definitions import INSPECT, WATCH, Edges, checks
from etl_platform.components.forgotten import forgotten, ledgers
from etl_platform.contract.commit import Commit
from etl_platform.contract.errors import QueryFailed
from etl_platform.contract.hour import PARTITION_COLUMNS, Hour
from etl_platform.contract.layout import Location
from etl_platform.contract.source import SourceContract
from etl_platform.contract.storage import Page
from etl_platform.ingest.arrivals import Arrival
from etl_platform.ingest.blocked import write_blocked
from etl_platform.ingest.pin import pin
from etl_platform.load import ledger
from etl_platform.load.ledger import Entry, Outcome, Run
from etl_platform.load.target import Target
from etl_platform_tests.load.endpoint import Endpoint, bucket, running_endpoint
from etl_platform_tests.load.samples import NAMES, contract, converted, parquet

NOW = datetime(2026, 11, 23, 12, 20, tzinfo=UTC)
LAST_DUE = Hour.parse("2026-11-23-09")
EXPECTED = {"hours": 4, "within": "2h", "stale_after": "6h"}


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    with running_endpoint(tmp_path_factory.mktemp("checks")) as running:
        running.bootstrap()
        client("glue").create_database(DatabaseInput={"Name": NAMES.catalog_database})
        bucket(NAMES.artifacts_bucket)
        output = {"OutputLocation": f"s3://{NAMES.artifacts_bucket}/athena/"}
        client("athena").create_work_group(
            Name=NAMES.namespace, Configuration={"ResultConfiguration": output}
        )
        yield running


class Feed:
    """A source with its buckets, its tables, and the checks of it alone."""

    def __init__(self, endpoint: Endpoint, strategy: str, storage: S3 | None = None) -> None:
        self.endpoint = endpoint
        self.of = contract(strategy, expected=EXPECTED)
        self.target, self.storage = Target(self.of), storage or S3()
        endpoint.bootstrap(self.of)
        bucket(NAMES.raw_bucket(self.of.source))
        bucket(NAMES.processed_bucket(self.of.source))
        self._describe(self.of)
        self.athena = Athena(NAMES.namespace, NAMES.catalog_database)
        edges = Edges(NAMES, self.storage, endpoint.connect, self.athena.count_rows, lambda: NOW)
        self.checks = checks({self.of.source: self.of}, edges)
        self.definitions = dg.Definitions.merge(
            self.checks,
            dg.Definitions(
                assets=[dg.AssetSpec([stage, self.of.source]) for stage in ("parquet", "redshift")]
            ),
        )

    def _describe(self, of: SourceContract) -> None:
        names = [(c.name, c.type.glue) for c in of.table_columns]
        columns = [*names, ("_hour", "timestamp"), ("_batch_id", "string")]
        client("glue").create_table(
            DatabaseName=NAMES.catalog_database,
            TableInput={
                "Name": of.source,
                "TableType": "EXTERNAL_TABLE",
                "PartitionKeys": [{"Name": c, "Type": "string"} for c in PARTITION_COLUMNS],
                "Parameters": {"classification": "parquet"},
                "StorageDescriptor": {
                    "Columns": [{"Name": name, "Type": kind} for name, kind in columns],
                    "Location": f"s3://{NAMES.processed_bucket(of.source)}/",
                    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
                },
            },
        )

    def land(self, hour: Hour, name: str = "a.json") -> None:
        place = NAMES.manifest(self.of.source, hour)
        file = NAMES.raw_folder(self.of.source, hour) / name
        self.storage.write(file, b"{}")
        entry = {"url": str(file), "meta": {"content_length": 2}}
        self.storage.write(place, json.dumps({"entries": [entry]}).encode())

    def load(self, hour: Hour, ids: Sequence[int], outcome: Outcome = Outcome.LOADED) -> Commit:
        """Land, convert and load an hour: what the jobs leave behind."""
        self.land(hour)
        batch = pin(self.storage, NAMES, self.of.source, hour)
        made = converted(self.storage, self.of, batch, [(n, 1, "a") for n in ids])
        attempt = NAMES.attempt(self.of.source, hour, batch.batch_id, "a1")
        GlueCatalog(NAMES.catalog_database).point_partitions(self.of.source, {hour: attempt})
        with self.endpoint.connect() as warehouse:
            entry = Entry.new(self.target, made, outcome, len(ids), Run("o", "r"))
            ledger.write(warehouse, self.target, [entry])
            for number in ids:
                warehouse.execute(
                    f"INSERT INTO {self.target.table.sql} (id, revision, _hour, _batch_id,"
                    " _loaded_at) VALUES (%s, 1, %s, %s, GETDATE())",
                    [number, hour.start.replace(tzinfo=None), batch.batch_id],
                    name="a row",
                )
            warehouse.commit()
        return made

    def sql(self, statement: str) -> None:
        with self.endpoint.connect() as warehouse:
            warehouse.execute(statement, name="the statement of the test")
            warehouse.commit()

    def run(self, job: str) -> Mapping[str, dg.AssetCheckEvaluation]:
        result = self.definitions.resolve_job_def(job).execute_in_process()
        return {found.check_name: found for found in result.get_asset_check_evaluations()}


@pytest.fixture
def feed(endpoint: Endpoint) -> Feed:
    return Feed(endpoint, "upsert")


def test_missing_hours_are_explained_by_what_lies_in_the_buckets(feed: Feed) -> None:
    feed.load(LAST_DUE.plus(-3), [1])
    blocked, waiting = LAST_DUE.plus(-2), LAST_DUE.plus(-1)
    feed.land(blocked)
    write_blocked(
        feed.storage, NAMES, feed.of.source, blocked, "raw", "MANIFEST_FILE_DIFFERS", "other size"
    )
    feed.land(waiting)
    found = feed.run(WATCH)["completeness"]
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.ERROR)
    for line in (
        f"no manifest has landed: {LAST_DUE}.",
        f"blocked by MANIFEST_FILE_DIFFERS: {blocked}.",
        f"landed and not loaded: {waiting}.",
    ):
        assert line in str(found.description)


class Aged(S3):
    """Object storage in which all was written an hour ago."""

    def page(self, bucket: str, after: str) -> Page:
        page, written_at = super().page(bucket, after), NOW - timedelta(hours=1)
        return replace(
            page, objects=tuple(replace(one, modified_at=written_at) for one in page.objects)
        )


def test_an_hour_whose_correction_waits_is_stale(endpoint: Endpoint) -> None:
    feed = Feed(endpoint, "upsert", Aged())
    for number in range(-3, 1):
        feed.load(LAST_DUE.plus(number), [number])
    feed.land(LAST_DUE, "corrected.json")
    found = feed.run(WATCH)["completeness"]
    assert not found.passed
    assert f"stale, a newer manifest waits: {LAST_DUE}." in str(found.description)
    assert found.metadata["hours_missing"].value == 0


def test_a_table_that_was_emptied_for_a_load_has_no_newest_hour(endpoint: Endpoint) -> None:
    feed = Feed(endpoint, "refresh")
    feed.load(LAST_DUE, [1], Outcome.BEGUN)
    found = feed.run(WATCH)
    assert f"landed and not loaded: {LAST_DUE}." in str(found["completeness"].description)
    assert "was ever loaded" in str(found["freshness"].description)


def test_a_source_that_cannot_be_looked_at_says_so_and_stops_no_other(endpoint: Endpoint) -> None:
    feed = Feed(endpoint, "upsert")
    client("s3").delete_bucket(Bucket=NAMES.raw_bucket(feed.of.source))
    found = feed.run(WATCH)
    assert "could not look" in str(found["completeness"].description)
    assert "was ever loaded" in str(found["freshness"].description)


def test_due_hours_that_are_loaded_pass_in_every_check_of_hours(feed: Feed) -> None:
    for number in range(-3, 1):
        feed.load(LAST_DUE.plus(number), [number])
    feed.load(Hour.parse("2026-02-01-05"), [100])
    found = feed.run(WATCH)
    assert set(found) == {"completeness", "freshness", "volume"}
    assert found["completeness"].passed
    newest = found["freshness"].metadata["newest_hour_utc"].value
    assert (newest, found["volume"].passed) == (str(LAST_DUE), True)


def test_the_rows_of_past_weeks_are_read_with_the_due_hours(feed: Feed) -> None:
    for week in range(1, 5):
        feed.load(LAST_DUE.plus(-168 * week), range(100 * week, 100 * week + 5))
    feed.load(LAST_DUE, [1])
    found = feed.run(WATCH)["volume"]
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert f"{LAST_DUE}: 1 rows, and 5 are usual" in str(found.description)


@pytest.mark.parametrize("strategy", ["upsert", "append"])
def test_a_sound_table_passes_in_every_check_of_tables(endpoint: Endpoint, strategy: str) -> None:
    feed = Feed(endpoint, strategy)
    feed.load(LAST_DUE.plus(-1), [1, 2])
    feed.load(LAST_DUE, [3])
    found = feed.run(INSPECT)
    assert {name: one.description for name, one in found.items() if not one.passed} == {}
    assert ("key_unique" in found) == (strategy == "upsert")
    assert "2 hours counted" in str(found["catalog_counts"].description)


def test_a_key_with_two_rows_is_found_with_the_hours_of_both(feed: Feed) -> None:
    feed.load(LAST_DUE.plus(-1), [1, 2])
    feed.load(LAST_DUE, [2, 3])
    found = feed.run(INSPECT)["key_unique"]
    assert not found.passed
    assert {name: found.metadata[name].value for name in ("rows", "keys")} == {"rows": 4, "keys": 3}
    assert f"rows of {LAST_DUE.plus(-1)} to {LAST_DUE} share" in str(found.description)


def test_only_current_rows_of_a_history_count_for_its_keys(endpoint: Endpoint) -> None:
    feed = Feed(endpoint, "scd2")
    for id_, current in ((1, "FALSE"), (1, "TRUE"), (2, "TRUE")):
        feed.sql(
            f"INSERT INTO {feed.target.table.sql} (id, revision, _hour, _batch_id, _loaded_at,"
            f" _valid_from, _current) VALUES ({id_}, 1, '2026-11-23', 'b', GETDATE(),"
            f" '2026-11-23', {current})"
        )
    assert feed.run(INSPECT)["key_unique"].passed
    feed.sql(f"UPDATE {feed.target.table.sql} SET _current = TRUE")
    assert not feed.run(INSPECT)["key_unique"].passed


def test_rows_that_vanished_from_the_table_are_found(endpoint: Endpoint) -> None:
    feed = Feed(endpoint, "append")
    feed.load(LAST_DUE, [1, 2])
    feed.sql(f"DELETE FROM {feed.target.table.sql} WHERE id = 1")
    found = feed.run(INSPECT)["counts_still_reconcile"]
    assert not found.passed
    assert f"{LAST_DUE}: the table has 1 rows of it" in str(found.description)


def test_a_column_that_somebody_added_is_drift(feed: Feed) -> None:
    feed.sql(f"ALTER TABLE {feed.target.table.sql} ADD COLUMN by_hand integer")
    found = feed.run(INSPECT)["schema_drift"]
    assert not found.passed
    assert "by_hand" in str(found.description)


def test_a_column_that_is_wanting_says_which_command_adds_it(feed: Feed) -> None:
    feed.sql(f"ALTER TABLE {feed.target.table.sql} DROP COLUMN value")
    found = feed.run(INSPECT)["schema_drift"]
    assert not found.passed
    assert f"etl-platform warehouse plan {feed.of.source}" in str(found.description)
    assert "column value is new" in str(found.description)


def test_athena_goes_by_the_partitions_and_not_by_what_lies_beside_them(feed: Feed) -> None:
    made = feed.load(LAST_DUE, [1, 2])
    orphan = NAMES.attempt(feed.of.source, LAST_DUE, made.batch.batch_id, "a0")
    body = parquet(feed.of, made.batch, [(9, 1, "z")])
    feed.storage.write(orphan / "part-00000-00000.parquet", body)
    assert feed.athena.count_rows(feed.of.source, [LAST_DUE]) == {LAST_DUE: 2}
    assert feed.run(INSPECT)["catalog_counts"].passed


def test_a_partition_that_points_elsewhere_is_found(feed: Feed) -> None:
    feed.load(LAST_DUE, [1, 2])
    empty = Location(NAMES.processed_bucket(feed.of.source), "elsewhere/")
    GlueCatalog(NAMES.catalog_database).point_partitions(feed.of.source, {LAST_DUE: empty})
    found = feed.run(INSPECT)["catalog_counts"]
    assert not found.passed
    assert f"{LAST_DUE}: Athena counts 0, the commit 2" in str(found.description)


def test_a_query_that_athena_refuses_is_an_error_with_its_reason(feed: Feed) -> None:
    with pytest.raises(QueryFailed, match="FAILED"):
        feed.athena.count_rows("no_such_table", [LAST_DUE])


def test_a_check_that_cannot_look_says_so_and_stops_no_other(endpoint: Endpoint) -> None:
    feed = Feed(endpoint, "upsert")
    feed.load(LAST_DUE, [1])
    client("glue").delete_table(DatabaseName=NAMES.catalog_database, Name=feed.of.source)
    found = feed.run(INSPECT)
    assert "could not look" in str(found["catalog_counts"].description)
    assert found["key_unique"].passed


def test_a_run_that_makes_assets_looks_at_no_whole_table(feed: Feed) -> None:
    feed.load(LAST_DUE, [1])

    @dg.asset(key=["redshift", feed.of.source])
    def redshift() -> None: ...

    definitions = dg.Definitions.merge(feed.checks, dg.Definitions(assets=[redshift]))
    job = definitions.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(asset_selection=[redshift.key])
    assert result.success
    assert result.get_asset_check_evaluations() == []


def test_what_the_ledgers_have_is_found_by_its_batch(feed: Feed) -> None:
    made = feed.load(LAST_DUE, [1, 2])
    with ledgers(feed.endpoint.connect)() as loaded:
        found = loaded(feed.of, [made.batch.batch_id, "0" * 32])
    assert [(entry.hour, entry.rows_applied) for entry in found.values()] == [(LAST_DUE, 2)]


def test_a_ledger_that_is_not_there_is_told_and_takes_nothing_for_loaded(
    endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    of = contract("upsert")
    wanted = [Arrival(of.source, LAST_DUE, "1")]
    log = logging.getLogger("sweep")
    assert forgotten({of.source: of}, ledgers(endpoint.connect), wanted, log) == {}
    assert "not every ledger was looked at" in caplog.text
