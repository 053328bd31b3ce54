"""Loads into a real warehouse by real COPY, with what can go wrong between lock and commit."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from etl_platform.aws.s3 import S3
from etl_platform.contract.commit import Commit
from etl_platform.contract.errors import (
    CommitUnknown,
    ServiceUnavailable,
    WarehouseConflict,
    WarehouseUnavailable,
)
from etl_platform.contract.layout import Location
from etl_platform.contract.order import Report
from etl_platform.contract.source import SourceContract
from etl_platform.contract.warehouse import Warehouse
from etl_platform.load import ledger
from etl_platform.load.ledger import Outcome, Run
from etl_platform.load.quoting import RoleArn
from etl_platform.load.target import Target
from etl_platform.load.transaction import Loader, RetryPolicy
from etl_platform_tests.load.doubles import Fault, Faults, FaultyConnections
from etl_platform_tests.load.endpoint import Endpoint, bucket
from etl_platform_tests.load.samples import NAMES, Row, batch, contract, converted

ROLE = RoleArn("arn:aws:iam::000000000000:role/load-tests-copy")
LOST = CommitUnknown("the transaction", "connection reset")
CONFLICT = WarehouseConflict("the insert", "1023")
GONE = WarehouseUnavailable("here", "connection refused")


@dataclass
class Table:
    """A table of its own for a test, with loads into it."""

    endpoint: Endpoint
    contract: SourceContract
    storage: S3 = field(default_factory=S3)
    waits: list[float] = field(default_factory=list)

    @property
    def target(self) -> Target:
        return Target(self.contract)

    def batch(self, hour: int, rows: Sequence[Row], manifest: int = 0, parts: int = 1) -> Commit:
        made = batch(self.contract, hour, manifest)
        return converted(self.storage, self.contract, made, rows, parts)

    def load(
        self,
        *commits: Commit,
        run: str = "run",
        faults: Faults | None = None,
    ) -> list[Report]:
        loader = Loader(
            self.target,
            NAMES,
            ROLE,
            Run("order", run),
            FaultyConnections(self.endpoint.connect, faults or {}),
            self.storage,
            RetryPolicy(attempts=3),
            self.waits.append,
        )
        return list(loader.load(commits))

    @property
    def rows(self) -> list[Row]:
        with self.endpoint.connect() as warehouse:
            return sorted(
                warehouse.fetch(
                    f"SELECT id, revision, value FROM {self.target.table.sql}", name="the rows"
                )
            )

    def entries(self, *commits: Commit) -> dict[str, ledger.Entry]:
        with self.endpoint.connect() as warehouse:
            return ledger.loaded(warehouse, self.target, [c.batch.batch_id for c in commits])


def _table(endpoint: Endpoint, of: SourceContract) -> Table:
    bucket(NAMES.processed_bucket(of.source))
    endpoint.bootstrap(of)
    return Table(endpoint, of)


@pytest.fixture
def upsert(endpoint: Endpoint) -> Table:
    return _table(endpoint, contract("upsert", "revision"))


@pytest.fixture
def append(endpoint: Endpoint) -> Table:
    return _table(endpoint, contract("append"))


@pytest.fixture
def refresh(endpoint: Endpoint) -> Table:
    return _table(endpoint, contract("refresh"))


def _outcomes(reports: Sequence[Report]) -> list[str]:
    return [report.outcome for report in reports]


def test_one_copy_takes_many_hours_and_many_files(upsert: Table) -> None:
    commits = [
        upsert.batch(hour, [(hour, 1, "a"), (hour + 10, 1, None)], parts=2) for hour in (0, 1)
    ]
    reports = upsert.load(*commits)
    assert _outcomes(reports) == ["done", "done"]
    assert upsert.rows == [(0, 1, "a"), (1, 1, "a"), (10, 1, None), (11, 1, None)]
    assert len({report.facts["copy_manifest"] for report in reports}) == 1
    assert [report.facts["rows_applied"] for report in reports] == [2, 2]
    assert reports[0].facts["rows_in_table"] == 4


def test_the_ledger_says_which_copy_and_how_long_and_the_history_of_queries_knows_it(
    append: Table,
) -> None:
    loaded, empty = append.batch(1, [(1, 1, "a"), (2, 1, "a")], manifest=1), append.batch(2, [])
    append.load(loaded, empty)
    late = append.batch(1, [(3, 1, "late")])
    append.load(late)
    entries = append.entries(loaded, empty, late)
    entry, without, outdated = (entries[c.batch.batch_id] for c in (loaded, empty, late))
    assert entry.load_seconds == without.load_seconds
    assert entry.load_seconds is not None
    assert entry.load_seconds > 0
    assert (without.copy_query_id, outdated.copy_query_id) == (None, None)
    with append.endpoint.connect() as warehouse:
        ((text, label, status, rows),) = warehouse.fetch(
            "SELECT trim(q.querytxt), trim(q.label), trim(h.status), h.loaded_rows"
            " FROM stl_query AS q JOIN sys_load_history AS h ON h.query_id = q.query"
            " WHERE q.query = %s",
            [entry.copy_query_id],
            name="the history of queries",
        )
    assert text.startswith("COPY")
    assert append.contract.source in label
    assert (status, rows) == ("completed", 2)


def test_hours_in_reverse_end_in_the_same_rows(upsert: Table) -> None:
    commits = [
        upsert.batch(hour, [(1, hour, f"hour {hour}"), (hour + 10, 1, "x")]) for hour in (2, 1, 0)
    ]
    reports = [upsert.load(commit)[0] for commit in commits]
    assert upsert.rows == [(1, 2, "hour 2"), (10, 1, "x"), (11, 1, "x"), (12, 1, "x")]
    assert [report.facts["rows_applied"] for report in reports] == [2, 1, 1]
    assert [report.facts["rows_outdated"] for report in reports] == [0, 1, 1]


def test_a_repeated_load_changes_nothing_and_says_so(upsert: Table) -> None:
    commit = upsert.batch(0, [(1, 1, "a")])
    upsert.load(commit, run="first")
    (again,) = upsert.load(commit, run="second")
    assert again.outcome == "already"
    assert again.facts["loaded_by"] == "first"
    assert upsert.rows == [(1, 1, "a")]


def test_a_late_older_manifest_adds_only_the_keys_that_the_newer_one_lacks(upsert: Table) -> None:
    newer = upsert.batch(0, [(1, 1, "newer")], manifest=1)
    older = upsert.batch(0, [(1, 1, "older"), (2, 1, "older")], manifest=0)
    upsert.load(newer)
    (report,) = upsert.load(older)
    assert upsert.rows == [(1, 1, "newer"), (2, 1, "older")]
    assert (report.facts["rows_applied"], report.facts["rows_outdated"]) == (1, 1)


def test_a_corrected_hour_replaces_the_rows_of_an_append(append: Table) -> None:
    append.load(append.batch(0, [(1, 1, "a"), (2, 1, "a")]), append.batch(1, [(3, 1, "b")]))
    append.load(append.batch(0, [(1, 1, "corrected")], manifest=1))
    assert append.rows == [(1, 1, "corrected"), (3, 1, "b")]


def test_an_outdated_batch_is_recorded_and_changes_nothing(append: Table) -> None:
    append.load(append.batch(0, [(1, 1, "corrected")], manifest=1))
    old = append.batch(0, [(1, 1, "a"), (2, 1, "a")])
    for _ in range(2):
        (report,) = append.load(old)
        assert report.outcome == "outdated"
    assert append.rows == [(1, 1, "corrected")]
    (entry,) = append.entries(old).values()
    assert (entry.outcome, entry.rows_applied, entry.rows_outdated) == (Outcome.OUTDATED, 0, 2)


def test_an_empty_correction_takes_the_rows_of_its_hour_away(append: Table) -> None:
    append.load(append.batch(0, [(1, 1, "a")]))
    (report,) = append.load(append.batch(0, [], manifest=1))
    assert report.outcome == "done"
    assert report.facts["copy_manifest"] is None
    assert append.rows == []


def test_a_refresh_loads_only_the_newest_hour_of_a_range(refresh: Table) -> None:
    commits = [refresh.batch(hour, [(hour, 1, "a")]) for hour in (0, 2, 1)]
    assert _outcomes(refresh.load(*commits)) == ["outdated", "done", "outdated"]
    assert refresh.rows == [(2, 1, "a")]
    assert _outcomes(refresh.load(refresh.batch(1, [(9, 1, "late")], manifest=1))) == ["outdated"]
    assert refresh.rows == [(2, 1, "a")]


def test_a_count_that_differs_from_the_commit_rolls_everything_back(upsert: Table) -> None:
    upsert.load(upsert.batch(0, [(1, 1, "kept")]))
    commit = upsert.batch(1, [(1, 2, "a"), (2, 1, "b")])
    counts = commit.counts.model_copy(update={"read": 3, "written": 3})
    wrong = commit.model_copy(update={"counts": counts})
    (report,) = upsert.load(wrong)
    assert report.outcome == "blocked"
    assert report.error_code == "COUNTS_DISAGREE"
    assert upsert.rows == [(1, 1, "kept")]
    assert upsert.entries(wrong) == {}


def test_rows_of_another_batch_in_a_file_are_noticed(upsert: Table) -> None:
    one, two = upsert.batch(0, [(1, 1, "a")]), upsert.batch(1, [(2, 1, "b")])
    (report,) = upsert.load(one.model_copy(update={"files": two.files}))
    assert report.error_code == "COUNTS_DISAGREE"
    assert upsert.rows == []


def test_one_bad_hour_of_a_range_stops_no_other(upsert: Table) -> None:
    commits = [upsert.batch(hour, [(hour, 1, "a")]) for hour in range(5)]
    bad = commits[3].files[0]
    upsert.storage.write(Location(bad.bucket, bad.key), b"PAR1" + b"x" * (bad.size_bytes - 4))
    reports = upsert.load(*commits)
    assert _outcomes(reports) == ["done", "done", "done", "blocked", "done"]
    assert reports[3].error_code == "WAREHOUSE_REFUSED"
    assert upsert.rows == [(number, 1, "a") for number in (0, 1, 2, 4)]


def test_a_file_that_is_gone_is_an_error_and_no_empty_load(upsert: Table) -> None:
    commit = upsert.batch(0, [(1, 1, "a")])
    (file,) = commit.files
    missing = file.model_copy(update={"key": file.key + ".gone"})
    (report,) = upsert.load(commit.model_copy(update={"files": (missing,)}))
    assert report.error_code == "WAREHOUSE_REFUSED"
    assert upsert.entries(commit) == {}


def test_a_refused_file_names_the_column_and_not_the_value(upsert: Table) -> None:
    value = "canary" * 5
    (report,) = upsert.load(upsert.batch(0, [(1, 1, value)]))
    assert report.error_code == "WAREHOUSE_REFUSED"
    assert "column value: error " in str(report.error)
    assert value not in str(report.error)


def test_an_hour_before_bootstrap_is_blocked_with_the_way_out(endpoint: Endpoint) -> None:
    of = contract("upsert")
    bucket(NAMES.processed_bucket(of.source))
    table = Table(endpoint, of)
    (report,) = table.load(table.batch(0, [(1, 1, "a")]))
    assert report.error_code == "TARGET_MISSING"
    assert "bootstrap" in str(report.error)


def test_two_loaders_at_once_leave_what_one_after_the_other_would(upsert: Table) -> None:
    commits = [
        upsert.batch(hour, [(1, hour, f"h{hour}"), (hour + 10, 1, "x")]) for hour in range(6)
    ]
    with ThreadPoolExecutor(3) as pool:
        loads = [(0, 1, 2), (2, 3, 4), (5, 0, 4)]
        work = [
            pool.submit(upsert.load, *(commits[h] for h in hours), run=f"run {number}")
            for number, hours in enumerate(loads)
        ]
        outcomes = sorted(outcome for load in work for outcome in _outcomes(load.result()))
    assert outcomes == ["already"] * 3 + ["done"] * 6
    assert upsert.rows == [(1, 5, "h5"), *((hour + 10, 1, "x") for hour in range(6))]


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        pytest.param("login", Fault(GONE), id="no connection"),
        pytest.param("the lock", Fault(CONFLICT), id="deadlock at the lock"),
        pytest.param("COPY", Fault(GONE), id="connection lost in COPY"),
        pytest.param("the insert", Fault(CONFLICT, after=True), id="conflict after the insert"),
        pytest.param("COMMIT", Fault(CONFLICT), id="conflict at COMMIT"),
        pytest.param("COMMIT", Fault(LOST), id="COMMIT lost on its way"),
    ],
)
def test_after_a_transient_fault_the_whole_transaction_is_tried_again(
    upsert: Table, call: str, fault: Fault
) -> None:
    commit = upsert.batch(0, [(1, 1, "a")])
    (report,) = upsert.load(commit, faults={call: [fault]})
    assert report.outcome == "done"
    assert report.facts["rows_in_table"] == 1
    assert upsert.rows == [(1, 1, "a")]
    assert upsert.waits == [1.0]


def test_a_commit_whose_answer_was_lost_is_found_in_the_ledger(upsert: Table) -> None:
    commit = upsert.batch(0, [(1, 1, "a")])
    (report,) = upsert.load(commit, faults={"COMMIT": [Fault(LOST, after=True)]})
    assert report.outcome == "done"
    assert report.facts["rows_applied"] == 1
    assert upsert.rows == [(1, 1, "a")]
    assert len(upsert.entries(commit)) == 1


def test_a_commit_that_stays_unknown_is_neither_claimed_nor_denied(upsert: Table) -> None:
    commit = upsert.batch(0, [(1, 1, "a")])
    faults: Faults = {
        "COMMIT": [Fault(LOST, after=True)],
        "login": [None, Fault(GONE), Fault(GONE)],
    }
    with pytest.raises(CommitUnknown):
        upsert.load(commit, faults=faults)
    (seen,) = upsert.load(commit, run="the next run")
    assert seen.outcome == "already"


def test_faults_that_outlast_the_retries_end_the_run(upsert: Table) -> None:
    commit = upsert.batch(0, [(1, 1, "a")])
    with pytest.raises(WarehouseConflict):
        upsert.load(commit, faults={"COPY": [Fault(CONFLICT), Fault(CONFLICT), Fault(CONFLICT)]})
    assert upsert.waits == [1.0, 2.0]
    assert upsert.rows == []


def test_a_statement_that_has_had_its_time_is_not_tried_again(upsert: Table) -> None:
    commit = upsert.batch(0, [(1, 1, "a")])
    ended = WarehouseConflict("the insert", "canceled on user's request", timed_out=True)
    with pytest.raises(WarehouseConflict):
        upsert.load(commit, faults={"the insert": [Fault(ended)]})
    assert upsert.waits == []
    assert upsert.rows == []


def test_a_manifest_that_cannot_be_written_is_tried_again(
    upsert: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = upsert.batch(0, [(1, 1, "a")])
    write, calls = S3.write, []

    def failing(storage: S3, location: Location, body: bytes) -> None:
        calls.append(location)
        if len(calls) == 1:
            raise ServiceUnavailable("s3", "PutObject", "SlowDown")
        write(storage, location, body)

    monkeypatch.setattr(S3, "write", failing)
    assert _outcomes(upsert.load(commit)) == ["done"]


def test_waits_double_up_to_a_limit() -> None:
    policy = RetryPolicy(first_wait_s=1, longest_wait_s=5)
    assert [policy.wait_s(attempt) for attempt in (1, 2, 3, 4, 99)] == [1, 2, 4, 5, 5]


def test_the_history_of_queries_can_name_the_load_of_each_statement(upsert: Table) -> None:
    shown: list[str] = []

    @contextmanager
    def connect() -> Iterator[Warehouse]:
        with upsert.endpoint.connect() as warehouse:
            yield warehouse
            ((label,),) = warehouse.fetch("SHOW query_group", name="the label")
            shown.append(label)

    run = Run("order7", "run")
    loader = Loader(upsert.target, NAMES, ROLE, run, connect, upsert.storage)
    first, second = upsert.batch(0, [(1, 1, "a")]), upsert.batch(1, [(2, 1, "b")])
    list(loader.load([first]))
    list(loader.load([first, second]))
    source, hours = upsert.contract.source, (first.batch.hour, second.batch.hour)
    assert shown == [
        f"etl-platform load {source} {hours[0]} to {hours[0]}, batch {first.batch.batch_id},"
        " order order7",
        f"etl-platform load {source} {hours[0]} to {hours[1]}, 2 hours, order order7",
    ]
