"""An hour is counted again in every place, and what differs is explained or named a fault."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from etl_platform.aws import s3, secrets
from etl_platform.aws.clients import client
from etl_platform.aws.s3 import S3
from etl_platform.cli import cli
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import Location
from etl_platform.contract.reading import find_contract
from etl_platform.contract.source import SourceContract
from etl_platform.ingest.pin import pin
from etl_platform.load import ledger
from etl_platform.load.ledger import Entry, Outcome, Run
from etl_platform.load.target import Target
from etl_platform.load.transaction import Loader
from etl_platform.reconcile import COLUMNS, Finding, Recount, findings, recount, row
from etl_platform.status import StatusReader
from etl_platform_tests.fakes.storage import DirectoryStorage
from etl_platform_tests.load.endpoint import Endpoint, bucket
from etl_platform_tests.load.samples import NAMES, START, batch, contract, converted
from etl_platform_tests.load.tables import ROLE


class Hours:
    """Hours of one source that are landed, converted and in the ledger; the rows of the table are
    the test's to write."""

    def __init__(self, endpoint: Endpoint, of: SourceContract, folder: Path) -> None:
        self.endpoint, self.of, self.target = endpoint, of, Target(of)
        self.storage = DirectoryStorage(folder)
        endpoint.bootstrap(of)

    def land(self, hour: Hour, promised: int, rows: int, in_table: int) -> None:
        place = NAMES.manifest(self.of.source, hour)
        file = str(place).replace("manifest.json", "a.json")
        meta = {"content_length": 2, "record_count": promised}
        self.storage.write(Location.parse(file), b"{}")
        self.storage.write(place, json.dumps({"entries": [{"url": file, "meta": meta}]}).encode())
        batch = pin(self.storage, NAMES, self.of.source, hour)
        made = converted(self.storage, self.of, batch, [(n, 1, "a") for n in range(rows)])
        with self.endpoint.connect() as warehouse:
            entry = Entry.new(self.target, made, Outcome.LOADED, rows, Run("o", "r"))
            ledger.write(warehouse, self.target, [entry])
            warehouse.commit()
        self.insert(hour, batch.batch_id, in_table)

    def land_empty(self, hour: Hour) -> str:
        """An hour without records; the id of its batch."""
        self.storage.write(NAMES.manifest(self.of.source, hour), b'{"entries": []}')
        batch = pin(self.storage, NAMES, self.of.source, hour)
        made = converted(self.storage, self.of, batch, [])
        with self.endpoint.connect() as warehouse:
            entry = Entry.new(self.target, made, Outcome.LOADED, 0, Run("o", "r"))
            ledger.write(warehouse, self.target, [entry])
            warehouse.commit()
        return batch.batch_id

    def insert(self, hour: Hour, batch_id: str, rows: int) -> None:
        with self.endpoint.connect() as warehouse:
            for number in range(rows):
                warehouse.execute(
                    f"INSERT INTO {self.target.table.sql} (id, revision, _hour, _batch_id,"
                    " _loaded_at) VALUES (%s, 1, %s, %s, GETDATE())",
                    [number, hour.start.replace(tzinfo=None), batch_id],
                    name="a row",
                )
            warehouse.commit()

    def counted(self, *hours: Hour) -> list[Recount]:
        reader = StatusReader(self.storage, NAMES, self.of)
        with self.endpoint.connect() as warehouse:
            return list(recount(reader, warehouse, list(hours)))

    def found(self, *hours: Hour) -> list[Sequence[Finding]]:
        return [findings(self.of, one) for one in self.counted(*hours)]


def test_an_hour_that_is_everywhere_the_same_has_no_finding(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    hours = Hours(endpoint, contract("append"), tmp_path)
    hours.land(START, promised=3, rows=3, in_table=3)
    (one,) = hours.counted(START, START.plus(1))
    assert findings(hours.of, one) == []
    assert dict(zip(COLUMNS, row(one, []), strict=True)) == {
        "hour": "2026-11-23-00",
        "raw": 3,
        "read": 3,
        "written": 3,
        "in Parquet": 3,
        "applied": 3,
        "in the table": 3,
        "difference": "",
    }


@pytest.mark.parametrize(
    ("promised", "in_table", "text"),
    [
        (4, 3, "the manifest promises 4 records, and 3 were read"),
        (3, 2, "the table has 2 rows of it, and the ledger says 3"),
        (3, 4, "the table has 4 rows of it, and the ledger says 3"),
    ],
)
def test_a_lost_or_a_doubled_row_is_a_fault(
    endpoint: Endpoint, tmp_path: Path, promised: int, in_table: int, text: str
) -> None:
    hours = Hours(endpoint, contract("append"), tmp_path)
    hours.land(START, promised, 3, in_table)
    assert hours.found(START) == [[Finding(text, is_explained=False)]]


def test_rows_of_a_batch_that_no_load_brought_are_a_fault(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    hours = Hours(endpoint, contract("append"), tmp_path)
    hours.land(START, 3, 3, 3)
    hours.insert(START, "stranger", 2)
    text = "2 rows are of batch stranger, which the ledger has not"
    assert hours.found(START) == [[Finding(text, is_explained=False)]]


def test_rows_that_gave_way_to_newer_ones_are_explained_and_more_rows_are_not(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    hours = Hours(endpoint, contract("upsert"), tmp_path)
    hours.land(START, 3, 3, 1)
    hours.land(START.plus(1), 3, 3, 4)
    (given_way,), (doubled,) = hours.found(START, START.plus(1))
    assert given_way.is_explained
    assert given_way.text.startswith("2 of its rows are not the newest of their key")
    text = "the table has 4 rows of it, and 3 at most were loaded"
    assert doubled == Finding(text, is_explained=False)


def test_a_refreshed_table_has_the_rows_of_its_latest_hour_only(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    hours = Hours(endpoint, contract("refresh"), tmp_path)
    hours.land(START, 3, 3, 0)
    hours.land(START.plus(1), 2, 2, 2)
    later = Finding("a later batch stands for it in the table", is_explained=True)
    assert hours.found(START, START.plus(1)) == [[later], []]


def test_a_table_that_was_emptied_for_a_load_is_explained(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    of = contract("refresh", load={"strategy": "refresh", "method": "truncate"})
    hours = Hours(endpoint, of, tmp_path)
    hours.land(START, 3, 3, 0)
    made = converted(hours.storage, of, batch(of, 1), [(1, 1, "a")])
    with endpoint.connect() as warehouse:
        entry = Entry.new(hours.target, made, Outcome.BEGUN, 0, Run("o", "r"))
        ledger.write(warehouse, hours.target, [entry])
        warehouse.commit()
    text = f"the table is empty until the load of batch {made.batch.batch_id} is ended"
    assert hours.found(START) == [[Finding(text, is_explained=True)]]


def test_the_commands_talk_of_one_source(
    endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "read_secret", lambda _: endpoint.service)
    monkeypatch.setattr(s3, "S3", lambda: DirectoryStorage(tmp_path))
    monkeypatch.setenv("ETL_NAMESPACE", NAMES.namespace)
    hours = Hours(endpoint, find_contract("weather"), tmp_path)
    missing = CliRunner().invoke(cli, ["reconcile", "weather", "2013-01-01-07"])
    assert missing.exit_code == 1
    batch = hours.land_empty(Hour.parse("2013-01-01-07"))
    counted = CliRunner().invoke(cli, ["reconcile", "weather", "2013-01-01-06", "2013-01-01-08"])
    assert counted.exit_code == 0
    assert "2013-01-01-07" in counted.stdout
    entries = CliRunner().invoke(cli, ["ledger", "weather", "--last", "1", "--format", "json"])
    (shown,) = json.loads(entries.stdout)
    assert (shown["hour"], shown["batch_id"]) == ("2013-01-01-07", batch)
    narrow = CliRunner().invoke(cli, ["ledger", "weather"])
    assert "2013-01-01-07" in narrow.stdout
    assert batch not in narrow.stdout
    assert batch in CliRunner().invoke(cli, ["ledger", "weather", "--all"]).stdout
    asked = ["hours", "weather", "2013-01-01-06", "2013-01-01-08", "--format", "json"]
    states = json.loads(CliRunner().invoke(cli, asked).stdout)
    assert [(one["from"], one["to"], one["state"]) for one in states] == [
        ("2013-01-01-06", "2013-01-01-06", "missing"),
        ("2013-01-01-07", "2013-01-01-07", "loaded"),
        ("2013-01-01-08", "2013-01-01-08", "missing"),
    ]
    ended = CliRunner().invoke(cli, ["hours", "weather"])
    assert ended.exit_code == 2
    assert "none of weather is due now" in ended.stderr


def test_the_command_compares_rows_on_demand(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = find_contract("airlines")
    monkeypatch.setattr(secrets, "read_secret", lambda _: endpoint.service)
    monkeypatch.setenv("ETL_NAMESPACE", NAMES.namespace)
    endpoint.bootstrap(of)
    hour, target = of.starts, Target(of)
    for name in (NAMES.raw_bucket(of.source), NAMES.processed_bucket(of.source)):
        bucket(name)
    client("glue").create_job(
        Name=NAMES.load_job,
        Role="etl",
        Command={"Name": "glueetl"},
        DefaultArguments={"--copy_role_arn": ROLE.arn},
    )
    file = NAMES.raw_folder(of.source, hour) / "a.xml"
    S3().write(file, b"<airlines/>")
    manifest = json.dumps({"entries": [{"url": str(file)}]})
    S3().write(NAMES.manifest(of.source, hour), manifest.encode())
    landed = pin(S3(), NAMES, of.source, hour)
    commit = converted(S3(), of, landed, [("AA", "American"), ("UA", "United")])
    loader = Loader(target, NAMES, ROLE, Run("o", "r"), endpoint.connect, S3())
    assert [report.outcome for report in loader.load([commit])] == ["done"]
    command = ["reconcile", of.source, str(hour), "--rows"]
    untouched = CliRunner().invoke(cli, command)
    assert (untouched.exit_code, "every row compared" in untouched.stdout) == (0, True)
    with endpoint.connect() as warehouse:
        change = f"UPDATE {target.table.sql} SET name = 'x' WHERE carrier = 'AA'"
        warehouse.execute(change, name="the hand")
        warehouse.commit()
    assert CliRunner().invoke(cli, command[:-1]).exit_code == 0
    changed = CliRunner().invoke(cli, command)
    assert changed.exit_code == 1
    assert f"UNEXPLAINED: {target.table} has other rows of 1 key(s): carrier=AA (name)" in (
        " ".join(changed.stdout.split())
    )
    with endpoint.connect() as warehouse:
        stray = (
            f"INSERT INTO {target.table.sql} (carrier, name, _hour, _batch_id, _loaded_at)"
            " VALUES ('ZZ', 'z', '2031-01-01 00:30', 'by-hand', GETDATE())"
        )
        warehouse.execute(
            f"UPDATE {target.table.sql} SET name = 'American' WHERE name = 'x'", name="back"
        )
        warehouse.execute(stray, name="the hand")
        warehouse.commit()
    added = CliRunner().invoke(cli, command)
    assert added.exit_code == 1
    assert f"{target.table} has 1 row(s) too many: carrier=ZZ" in added.stdout
    assert "1 rows are of batch by-hand, which the ledger has not" in added.stdout
    S3().write(Location(commit.files[0].bucket, commit.files[0].key), b"PAR1")
    broken = CliRunner().invoke(cli, command)
    assert broken.exit_code == 1
    assert "a file that the commit names is gone or broken" in broken.stdout
    assert "its rows are not compared: [WAREHOUSE_REFUSED]" in broken.stdout
