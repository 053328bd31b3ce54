"""The warehouse dies under a load, or has no room: the load ends by itself, or leaves nothing."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from etl_platform.aws.s3 import S3
from etl_platform.aws.warehouse import RedshiftWarehouse, connect
from etl_platform.contract.commit import Commit
from etl_platform.contract.errors import WarehouseFull
from etl_platform.load import locking_sql
from etl_platform.load.ledger import Run
from etl_platform.load.quoting import RoleArn
from etl_platform.load.target import Target
from etl_platform.load.transaction import Loader, RetryPolicy
from etl_platform_tests.crash.feeds import ROLE, Loads, serving_jobs
from etl_platform_tests.crash.pairs import FREE
from etl_platform_tests.crash.places import LOAD
from etl_platform_tests.crash.processes import Gate, until
from etl_platform_tests.load.endpoint import Endpoint
from etl_platform_tests.load.samples import NAMES
from infra.local.processes import Server

DISK_MB = 160
MOUNTED = f'mount -t tmpfs -o size={DISK_MB}m none "$1" && shift && exec "$@"'


@pytest.mark.parametrize("place", ["load.after_lock", "load.after_copy", "load.before_commit"])
def test_a_load_ends_by_itself_when_the_warehouse_comes_back(
    loads: Loads, gate: Gate, place: str
) -> None:
    """P1, P4."""
    hour = loads.batch(1, [(2, 2, "new"), (3, 1, "new")])
    with loads.start(hour, armed=f"{place}={gate.action}") as job:
        until(gate.reached)
        loads.endpoint.crash()
        loads.endpoint.recover()
        assert loads.holds_exactly()
        gate.open()
        (report,) = job.finish()
    assert report.outcome == "done"
    assert loads.holds_exactly(hour)
    assert loads.is_free()


@pytest.mark.parametrize("place", [place for place in LOAD if place not in FREE])
def test_a_load_whose_session_is_ended_begins_anew_on_another_one(
    loads: Loads, gate: Gate, place: str
) -> None:
    """P1, P4."""
    hour = loads.batch(1, [(2, 2, "new"), (3, 1, "new")])
    guard = Target(loads.contract).guard
    with loads.start(hour, armed=f"{place}={gate.action}") as job:
        until(gate.reached)
        with connect(loads.endpoint.admin) as admin:
            ((session, user, _),) = admin.fetch(locking_sql.holders(guard), name="the holder")
            admin.fetch(locking_sql.end_session(int(session)), name="the end")
        assert user == loads.endpoint.service.username
        assert loads.is_free()
        assert loads.holds_exactly()
        gate.open()
        (report,) = job.finish()
    assert report.outcome == "done"
    assert loads.holds_exactly(hour)


def _succeeds(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Endpoint]:
    """A warehouse on a small disk of its own."""
    disk = tmp_path / "redshift"
    disk.mkdir()
    mounting = ["unshare", "--mount", "sh", "-c", MOUNTED, "sh", str(disk)]
    if not (shutil.which("unshare") and _succeeds([*mounting, "true"])):
        pytest.skip("a disk of its own can be made as root of Linux only")

    def hosted(server: Server) -> Server:
        return replace(server, command=lambda port: (*mounting, *server.command(port)))

    with serving_jobs(tmp_path, hosted) as running:
        yield running


def _fill_the_disk(hog: RedshiftWarehouse) -> None:
    """Put rows into a temporary table until there is no room; they lie there for as long as the
    session lasts."""
    hog.execute("CREATE TEMP TABLE hog (value varchar(1900))", name="the table")
    hog.execute(f"INSERT INTO hog VALUES ('{'x' * 1900}')", name="a row")
    hog.commit()
    while True:
        hog.execute("INSERT INTO hog SELECT value FROM hog", name="as many rows again")


def test_a_full_disk_of_the_warehouse_leaves_nothing_and_is_no_fault_of_the_data(
    small: Endpoint,
) -> None:
    """P1, P4."""
    loads = Loads.new(small)
    hour = loads.batch(1, [(number, 1, "x" * 20) for number in range(10, 200_000)])
    place = NAMES.commit(hour.source, hour.hour, hour.batch_id)
    commit = Commit.model_validate_json(loads.storage.read(place))
    once = RetryPolicy(attempts=2, first_wait_s=0)
    target, role = Target(loads.contract), RoleArn(ROLE)
    loader = Loader(target, NAMES, role, Run("order", "run"), small.connect, S3(), once)
    with connect(small.admin) as hog:
        with pytest.raises(WarehouseFull):
            _fill_the_disk(hog)
        hog.rollback()
        with pytest.raises(WarehouseFull):
            list(loader.load([commit]))
        assert loads.holds_exactly()
        assert loads.is_free()
    (report,) = loader.load([commit])
    assert report.outcome == "done"
    assert loads.holds_exactly(hour)
