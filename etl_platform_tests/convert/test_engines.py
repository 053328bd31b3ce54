"""Both engines on the sources of this platform: the same rows, rejects, counts and outcomes."""

import json
import random
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest

from etl_platform.contract import sizing
from etl_platform.contract.batch import Batch
from etl_platform.contract.errors import JavaMissing, ServiceUnavailable
from etl_platform.contract.layout import Location
from etl_platform.contract.reading import read_contracts
from etl_platform.contract.source import Rejects, SourceContract
from etl_platform.convert.single_node import SingleNode
from etl_platform.convert.spark import Spark
from etl_platform_tests.convert.samples import HOUR, World, contract
from etl_platform_tests.fakes.storage import DirectoryStorage

pyspark = pytest.importorskip("pyspark.sql")

CONTRACTS = read_contracts()
CARRIERS = {"AA": "American Airlines Inc.", "B6": "JetBlue Airways", "UA": "United & Sons"}
AIRPORTS = ("EWR", "JFK", "LGA")


@pytest.fixture(scope="module", autouse=True)
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("spark")
    environment = pytest.MonkeyPatch()
    environment.setenv("PYSPARK_PYTHON", sys.executable)
    started = (
        pyspark.SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.local.dir", str(folder))
        .config("spark.task.maxFailures", "1")
        .getOrCreate()
    )
    yield
    started.stop()
    environment.undo()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(DirectoryStorage(tmp_path))


def flights(chance: random.Random) -> bytes:
    names = [column.name for column in CONTRACTS["flights"].columns]
    lines = [",".join([*names, "tzone"])]
    for _ in range(200):
        values = {name: str(chance.randrange(2400)) for name in names}
        values |= {
            "time_hour": moment(chance),
            "carrier": chance.choice(sorted(CARRIERS)),
            "flight": str(chance.randrange(40)),
            "origin": chance.choice(AIRPORTS),
            "dest": chance.choice([*AIRPORTS, "TOOFAR", "NA"]),
            "tailnum": chance.choice(['"N1,4"', "N14228", "NA", ""]),
            "air_time": chance.choice(["227", "NA", "1e2", "-4", "99999"]),
        }
        lines.append(",".join([*values.values(), "EST"]))
    return "\r\n".join([*lines, "torn,line", '"not closed']).encode()


def weather(chance: random.Random) -> bytes:
    lines = [
        json.dumps(
            {
                "origin": chance.choice(AIRPORTS),
                "time_hour": moment(chance),
                "air": {"temp": chance.choice([39.02, 40, None, 1.005]), "humid": 59.37},
                "wind_speed": chance.choice([10.357019999999999, "NaN", 7]),
                "wind_dir": chance.choice([270, 270.5, None]),
            }
        )
        for _ in range(200)
    ]
    return "\n".join([*lines, "{torn", "[1]", ""]).encode()


def airlines(chance: random.Random) -> bytes:
    rows = [
        f'<airline carrier="{c}"><name>{escape(n)}</name></airline>' for c, n in CARRIERS.items()
    ]
    return f"<airlines>{''.join(rows)}<airline carrier='LONG'/></airlines>".encode()


def moment(chance: random.Random) -> str:
    start = datetime(2013, 1, 1, tzinfo=UTC) + timedelta(hours=chance.randrange(5))
    return start.strftime(chance.choice(["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S"]))


def lenient(of: SourceContract) -> SourceContract:
    return of.model_copy(update={"rejects": Rejects(at_most=("100%",))})


@pytest.mark.parametrize("source", ["flights", "weather", "airlines"])
def test_both_engines_make_the_same_of_a_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    monkeypatch.setattr(sizing, "TASK_BYTES", 12_000)
    make: Callable[[random.Random], bytes] = globals()[source]
    chance = random.Random(source)  # noqa: S311 - sample data
    of = lenient(CONTRACTS[source])
    raw = [[make(chance) for _ in range(files)] for files in (3, 1, 0)]
    outcomes = []
    for engine in (SingleNode(), Spark()):
        (tmp_path / engine.name).mkdir()
        world = World(DirectoryStorage(tmp_path / engine.name))
        batches = [_landed(world, of, n, files) for n, files in enumerate(raw)]
        reports = world.convert(of, *batches, engine=engine)
        assert [report.outcome for report in reports] == ["done"] * 3
        assert {report.facts["engine"] for report in reports} == {engine.name}
        outcomes.append([_made(world, batch) for batch in batches])
    assert outcomes[0] == outcomes[1]
    counts = outcomes[0][0]["counts"]
    assert counts.read == counts.written + counts.rejected + counts.superseded
    assert min(counts.written, counts.rejected, counts.superseded) > 0


def _landed(world: World, of: SourceContract, number: int, files: list[bytes]) -> Batch:
    batch = world.land(of, HOUR.plus(number), *files)
    return batch.model_copy(update={"manifest_version": "same for both engines"})


def _made(world: World, batch: Batch) -> dict[str, Any]:
    commit = world.commit(batch)
    rejects = [
        {name: value for name, value in row.items() if name != "file"}
        for row in world.rows(commit.reject_files)
    ]
    return {
        "counts": commit.counts,
        "reasons": commit.reasons,
        "rows": world.rows(commit.files),
        "rejects": sorted(rejects, key=repr),
    }


SMALL = contract({"id": "integer!", "value": "varchar(5)"}, {"type": "csv"}, key=["id"])


def test_both_engines_keep_the_same_beside_a_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sizing, "TASK_BYTES", 500)
    rejects = {"at_most": "100%", "unreadable_files": "reject"}
    columns = {"id": "integer!", "value": "varchar(5)"}
    of = contract(columns, {"type": "csv"}, key=["id"], rejects=rejects, keep_superseded=True)
    body = b"id,value\n" + b"".join(f"{n % 20},v{n}\nx,long{n}\n".encode() for n in range(40))
    outcomes = []
    for engine in (SingleNode(), Spark()):
        (tmp_path / engine.name).mkdir()
        world = World(DirectoryStorage(tmp_path / engine.name))
        batch = _landed(world, of, 0, [b"other\n1\n", body, b"\x1f\x8b\x08torn", body])
        (report,) = world.convert(of, batch, engine=engine)
        assert report.outcome == "done", report.error
        commit = world.commit(batch)
        beside = world.rows(commit.superseded_files)
        told = [text.partition(": ")[2] for text in commit.unreadable_files]
        places = [(row["id"], row["value"], row["_record"]) for row in beside]
        outcomes.append((_made(world, batch)["counts"], commit.reasons, told, places))
    assert outcomes[0] == outcomes[1]
    counts, reasons, told, places = outcomes[0]
    assert (counts.read, counts.rejected, counts.superseded) == (162, 82, 60)
    assert (len(told), len(places)) == (2, 60)
    assert [len(reason.examples) for reason in reasons] == [2, 3, 3]


def test_both_engines_derive_the_same_keys_and_texts_of_other_types(
    tmp_path: Path,
) -> None:
    columns: list[dict[str, Any]] = [
        {"name": "id", "type": "integer", "required": True, "expression": "n // 3"},
        {"name": "n", "type": "integer"},
        {"name": "at", "type": "time", "required": True},
        {"name": "doc", "type": "super"},
        {"name": "sign", "type": "varbyte(2)"},
    ]
    load = {"strategy": "upsert", "version": "at"}
    of = contract(columns, {"type": "json"}, key=["id"], load=load)
    records = [
        record
        for n in range(40)
        for record in ({"n": n, "at": f"06:{n:02d}", "doc": {"x": [n]}, "sign": "0f"}, {"n": n})
    ]
    files = ["\n".join(map(json.dumps, records[n::4])).encode() for n in range(4)]
    outcomes = []
    for engine in (SingleNode(), Spark()):
        (tmp_path / engine.name).mkdir()
        world = World(DirectoryStorage(tmp_path / engine.name))
        batch = _landed(world, of, 0, files)
        (report,) = world.convert(of, batch, engine=engine)
        assert report.outcome == "done", report.error
        outcomes.append(_made(world, batch))
    assert outcomes[0] == outcomes[1]
    counts = outcomes[0]["counts"]
    assert (counts.written, counts.rejected, counts.superseded) == (14, 40, 26)


def test_rows_of_one_key_in_two_tasks_become_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sizing, "TASK_BYTES", 1_000)
    body = b"id,value\n" + b"".join(f"{n},v\n".encode() for n in range(500))
    batch = world.land(SMALL, HOUR, body, body)
    world.convert(SMALL, batch, engine=Spark())
    commit = world.commit(batch)
    assert (commit.counts.written, commit.counts.superseded) == (500, 500)
    assert len(commit.files) > 2
    assert sorted(row["id"] for row in world.rows(commit.files)) == list(range(500))


def test_a_blocked_hour_leaves_the_others_alone(world: World) -> None:
    batches = [
        world.land(SMALL, HOUR, b"id,value\n1,a\n"),
        world.land(SMALL, HOUR.plus(1), b"id,value\n1,a\n", b"wrong\n"),
    ]
    reports = world.convert(SMALL, *batches, engine=Spark())
    assert [report.outcome for report in reports] == ["done", "blocked"]
    assert reports[1].error_code == "FILE_UNREADABLE"
    assert batches[1].files[1].url in (reports[1].error or "")


class Faulty(DirectoryStorage):
    """A storage that does not answer."""

    def fetch(self, location: Location, version_id: str | None, to: Path) -> None:
        raise ServiceUnavailable("s3", f"GetObject {location}", "503 SlowDown")


def test_a_fault_of_a_service_ends_the_order(tmp_path: Path) -> None:
    world = World(Faulty(tmp_path))
    batch = world.land(SMALL, HOUR, b"id,value\n1,a\n")
    with pytest.raises(ServiceUnavailable) as raised:
        world.convert(SMALL, batch, engine=Spark())
    assert raised.value.message == "503 SlowDown"


def test_without_java_the_engine_says_so_before_it_starts_anything(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(JavaMissing):
        world.convert(SMALL, world.land(SMALL, HOUR, b"id,value\n1,a\n"), engine=Spark())
