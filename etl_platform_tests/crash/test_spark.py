"""The processes of a conversion on Spark die one after the other: worker, Java, driver."""

from pathlib import Path

import psutil

from etl_platform_tests.convert.samples import World
from etl_platform_tests.crash.conversions import FILES, Conversion
from etl_platform_tests.crash.processes import Gate, Job, until


def _java_of(job: Job) -> psutil.Process:
    children = psutil.Process(job.process.pid).children(recursive=True)
    (java,) = [child for child in children if child.name() == "java"]
    return java


def test_whichever_process_dies_there_is_no_commit_until_a_run_comes_to_its_end(
    world: World, tmp_path: Path
) -> None:
    """P1, P2, P4. One hour: a start of Spark takes its time."""
    hour = Conversion.of(world, *FILES, engine="spark")
    in_worker, in_driver = Gate(tmp_path / "worker"), Gate(tmp_path / "driver")

    with hour.start("convert.after_file=kill") as job:
        job.fail()
    assert hour.commits == []

    with hour.start(f"convert.after_file={in_worker.action}") as job:
        until(in_worker.reached)
        _java_of(job).kill()
        job.fail()
    in_worker.open()
    assert hour.commits == []

    with hour.start(f"convert.before_commit={in_driver.action}") as job:
        until(in_driver.reached)
        java = _java_of(job)
        job.process.kill()
        java.wait(30)
    assert hour.commits == []
    assert hour.points == []
    orphaned = hour.files
    assert len(orphaned) >= 3

    with hour.start() as job:
        (report,) = job.finish()
    assert (report.outcome, report.facts["engine"]) == ("done", "spark")
    hour.check(orphaned)
