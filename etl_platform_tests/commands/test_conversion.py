"""The commands around conversion, as their users type them."""

import gzip
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from etl_platform.cli import cli
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import Names
from etl_platform.contract.reading import find_contract
from etl_platform.ingest.landing import Landing
from etl_platform.ingest.pin import pin
from etl_platform_tests.convert.samples import World
from etl_platform_tests.fakes.storage import DirectoryStorage

NAMES = Names("convert-tests")
HOUR = Hour.parse("2013-01-01-12")
GOOD = b'{"origin": "JFK", "time_hour": "2013-01-01T12:00:00Z", "air": {"temp": 39.02}}\n'
BAD = b'{"origin": "JFK", "time_hour": "noon"}\n'


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing answers here: what needs no stack must not look for one."""
    monkeypatch.setenv("ETL_ENV_FILE", "")
    monkeypatch.setenv("ETL_NAMESPACE", NAMES.namespace)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    """A bucket in a folder, in the place of S3."""
    storage = DirectoryStorage(tmp_path / "s3")
    monkeypatch.setattr("etl_platform.aws.s3.S3", lambda: storage)
    return World(storage)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def landed(world: World, hour: Hour, body: bytes, folder: Path) -> None:
    """An hour of weather that was landed and, unless that was refused, converted."""
    weather = find_contract("weather")
    file = folder / "weather.jsonl"
    file.write_bytes(body)
    Landing(world.storage, NAMES, weather).land(hour, [file])
    world.convert(weather, pin(world.storage, NAMES, "weather", hour))


def test_check_shows_rows_and_ends_with_0(tmp_path: Path) -> None:
    file = tmp_path / "weather.jsonl"
    file.write_bytes(GOOD + BAD)
    result = run("check", "weather", str(file))
    assert result.exit_code == 0
    assert "39.02" in result.stdout
    assert "not_a_timestamp" in result.stdout


def test_check_ends_with_1_beyond_the_limit_and_still_reports(tmp_path: Path) -> None:
    file = tmp_path / "weather.jsonl"
    file.write_bytes(BAD * 3)
    result = run("check", "weather", str(file), "--format", "json")
    assert result.exit_code == 1
    assert "[REJECT_LIMIT]" in result.stderr
    report = json.loads(result.stdout)
    assert report["counts"] == {"read": 3, "written": 0, "rejected": 3, "superseded": 0}
    assert [len(reason["samples"]) for reason in report["reasons"]] == [3]
    assert len(report["blocked"]) == 1


@pytest.mark.parametrize("file", ["gone.jsonl", "."])
def test_check_ends_with_1_for_a_file_that_is_none(tmp_path: Path, file: str) -> None:
    result = run("check", "weather", str(tmp_path / file))
    assert result.exit_code == 1
    assert "[FILE_UNREADABLE]" in result.stderr
    assert "Traceback" not in result.output


def test_check_takes_the_path_of_a_contract_that_is_not_installed_yet(tmp_path: Path) -> None:
    draft, file = tmp_path / "draft.yaml", tmp_path / "f.csv"
    draft.write_text(
        "type: etl_platform.components.S3ToRedshift\n"
        "attributes: {source: shop, description: d, owner: 'team:t', starts: 2026-01-01-00,"
        " format: {type: csv}, columns: [{name: a, type: integer}], load: {strategy: append}}\n"
    )
    file.write_text("a\n7\n")
    result = run("check", str(draft), str(file), "--format", "json")
    assert (result.exit_code, json.loads(result.stdout)["rows"]) == (0, [{"a": 7}])


def test_check_names_the_line_of_an_expression_that_is_none(tmp_path: Path) -> None:
    draft, file = tmp_path / "draft.yaml", tmp_path / "f.csv"
    draft.write_text(
        "type: etl_platform.components.S3ToRedshift\n"
        "attributes: {source: shop, description: d, owner: 'team:t', starts: 2026-01-01-00,\n"
        " format: {type: csv}, load: {strategy: append},\n"
        " columns: [{name: a, type: integer},\n"
        "           {name: b, type: varchar(9), pattern: 'a('}]}\n"
    )
    file.write_text("a,b\n7,a\n")
    result = run("check", str(draft), str(file))
    assert result.exit_code == 1
    assert f"{draft}:5: columns[1].pattern: b: " in result.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("type: another\n", "CONTRACT_INVALID", id="another component"),
        pytest.param("a: [", "CONTRACT_INVALID", id="no YAML"),
        pytest.param(None, "No such file", id="no file"),
    ],
)
def test_a_contract_that_is_none_is_one_message(
    tmp_path: Path, text: str | None, said: str
) -> None:
    draft = tmp_path / "draft.yaml"
    if text is not None:
        draft.write_text(text)
    result = run("check", str(draft), "file")
    assert result.exit_code == 1
    assert said in result.stderr
    assert "Traceback" not in result.output


def test_rejects_of_an_hour_have_reasons_and_samples(world: World, tmp_path: Path) -> None:
    landed(world, HOUR, GOOD + BAD, tmp_path)
    result = run("rejects", "weather", str(HOUR))
    assert result.exit_code == 0
    for shown in ("not_a_timestamp", "noon", str(HOUR), "yes"):
        assert shown in result.stdout


def test_rejects_without_an_hour_are_those_of_the_newest_hours(
    world: World, tmp_path: Path
) -> None:
    for number in range(3):
        landed(world, HOUR.plus(number), BAD, tmp_path)
    result = run("rejects", "weather", "--last", "2", "--format", "json", "--samples", "1")
    report = json.loads(result.stdout)
    assert [hour["hour"] for hour in report["hours"]] == ["2013-01-01-13", "2013-01-01-14"]
    (reason,) = report["reasons"]
    assert (reason["records"], len(reason["samples"])) == (2, 1)


def test_rejects_of_a_blocked_hour_are_shown_as_not_committed(world: World, tmp_path: Path) -> None:
    landed(world, HOUR, BAD * 3, tmp_path)
    (hour,) = json.loads(run("rejects", "weather", str(HOUR), "--format", "json").stdout)["hours"]
    assert (hour["is_committed"], len(hour["files"])) == (False, 1)


def test_no_rejects_are_said_to_be_none(world: World, tmp_path: Path) -> None:
    landed(world, HOUR, GOOD, tmp_path)
    result = run("rejects", "weather")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "no rejects in 1 hours" in result.stderr


@pytest.mark.parametrize("command", ["rejects", "replay"])
def test_an_hour_that_was_never_landed_is_said_to_be_missing(world: World, command: str) -> None:
    result = run(command, "weather", str(HOUR))
    assert result.exit_code == 1
    assert "[MANIFEST_MISSING]" in result.stderr


def test_replay_makes_a_batch_that_is_converted_under_the_contract_of_today(
    world: World, tmp_path: Path
) -> None:
    landed(world, HOUR, GOOD, tmp_path)
    before = pin(world.storage, NAMES, "weather", HOUR)
    result = run("replay", "weather", str(HOUR))
    assert result.exit_code == 0
    again = pin(world.storage, NAMES, "weather", HOUR)
    assert again.batch_id[:8] in result.stdout
    assert again.batch_id != before.batch_id
    (report,) = world.convert(find_contract("weather"), again)
    assert report.outcome == "done"


@pytest.mark.parametrize("command", ["rejects", "replay"])
def test_a_source_is_known_by_its_name(command: str) -> None:
    result = run(command, "unknown", str(HOUR))
    assert (result.exit_code, "[SOURCE_UNKNOWN]" in result.stderr) == (1, True)


def test_infer_prints_a_contract_that_check_takes(tmp_path: Path) -> None:
    file, draft = tmp_path / "Web Orders.csv", tmp_path / "draft.yaml"
    file.write_text("Order No,amount\n1,2.50\n2,NA\n")
    inferred = run("infer", str(file))
    assert inferred.exit_code == 0
    draft.write_text(inferred.stdout)
    checked = run("check", str(draft), str(file), "--format", "json")
    assert checked.exit_code == 0
    assert json.loads(checked.stdout)["rows"] == [
        {"order_no": 1, "amount": "2.50"},
        {"order_no": 2, "amount": None},
    ]


def test_check_and_infer_leave_a_folder_that_may_not_be_written_as_it_is(tmp_path: Path) -> None:
    folder, draft = tmp_path / "samples", tmp_path / "draft.yaml"
    folder.mkdir()
    file = folder / "orders.csv.gz"
    file.write_bytes(gzip.compress(b"no,amount\n1,2.50\n"))
    # Root may write there all the same, and then the folder would tell of it.
    before = folder.stat().st_mtime_ns
    folder.chmod(0o555)
    try:
        inferred = run("infer", str(file))
        draft.write_text(inferred.stdout)
        checked = run("check", str(draft), str(file), "--format", "json")
        assert folder.stat().st_mtime_ns == before
    finally:
        folder.chmod(0o755)
    assert (inferred.exit_code, checked.exit_code) == (0, 0)
    assert json.loads(checked.stdout)["counts"]["written"] == 1


@pytest.mark.parametrize("name", ["gone.csv", "."])
def test_infer_says_which_file_it_cannot_read(tmp_path: Path, name: str) -> None:
    result = run("infer", str(tmp_path / name))
    assert result.exit_code == 1
    assert "[FILE_UNREADABLE]" in result.stderr
    assert "Traceback" not in result.output


def test_infer_refuses_a_name_that_no_source_can_have(tmp_path: Path) -> None:
    result = run("infer", "--source", "Web-Orders", str(tmp_path))
    assert result.exit_code == 2
    assert "joined by one underscore" in result.stderr
