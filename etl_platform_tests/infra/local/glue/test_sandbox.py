"""What a job can import, and what it cannot."""

import shutil
from importlib.metadata import version

import pytest

from etl_platform_tests.infra.local.glue.conftest import Runner

PIPES = f"dagster-pipes=={version('dagster-pipes')}"
PROBE = """
import importlib.util, sys
for name in sys.argv[sys.argv.index("--probe") + 1].split(","):
    print(name, importlib.util.find_spec(name) is not None)
"""


def _importable(runner: Runner, names: str, modules: str = "") -> dict[str, bool]:
    job = runner.job(PROBE, DefaultArguments={"--additional-python-modules": modules})
    run_id = runner.start(job, Arguments={"--probe": names})
    run = runner.wait(job, run_id)
    assert run["JobRunState"] == "SUCCEEDED", run
    found = (line.split() for line in runner.output(run_id))
    return {name: answer == "True" for name, answer in found}


def test_a_job_has_the_modules_of_glue_and_no_others(runner: Runner) -> None:
    names = "boto3,pyarrow,pyspark,py4j,dagster,dagster_pipes,duckdb,redshift_connector,infra"
    found = _importable(runner, names)
    assert {name for name, present in found.items() if present} == {
        "boto3",
        "pyarrow",
        "pyspark",
        "py4j",
    }


def test_a_job_gets_what_it_asks_for_with_all_that_it_needs(runner: Runner) -> None:
    asked = f"{PIPES}, redshift_connector=={version('redshift_connector')}"
    found = _importable(runner, "dagster_pipes,redshift_connector,scramp,dagster,duckdb", asked)
    assert found == {
        "dagster_pipes": True,
        "redshift_connector": True,
        "scramp": True,
        "dagster": False,
        "duckdb": False,
    }


def test_native_modules_and_metadata_work_through_the_links(runner: Runner) -> None:
    job = runner.job(
        "import duckdb, importlib.metadata, numpy, pyarrow.parquet\n"
        "print(duckdb.sql('select 42').fetchall(), importlib.metadata.version('duckdb'))",
        DefaultArguments={"--additional-python-modules": "duckdb"},
    )
    run_id = runner.start(job)
    assert runner.wait(job, run_id)["JobRunState"] == "SUCCEEDED"
    assert runner.output(run_id) == [f"[(42,)] {version('duckdb')}"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        pytest.param("dagster-pipes==0.0.1", f"{version('dagster-pipes')} is installed", id="pin"),
        pytest.param("no-such-module-at-all", "is not installed", id="unknown"),
        pytest.param("s3://bucket/a.whl", "is not name==version", id="wheel"),
    ],
)
def test_a_module_that_cannot_be_had_fails_the_run(runner: Runner, asked: str, said: str) -> None:
    job = runner.job("", DefaultArguments={"--additional-python-modules": asked})
    run = runner.wait(job, runner.start(job))
    assert run["JobRunState"] == "FAILED"
    assert said in run["ErrorMessage"]


def test_zips_of_extra_py_files_are_importable(runner: Runner) -> None:
    first = runner.zip({"shipped/__init__.py": "", "shipped/one.py": "ANSWER = 41"})
    second = runner.zip({"other.py": "from shipped.one import ANSWER\nNEXT = ANSWER + 1"})
    job = runner.job(
        "import other; print(other.NEXT)",
        DefaultArguments={"--extra-py-files": f"{first},{second}"},
    )
    run_id = runner.start(job)
    assert runner.wait(job, run_id)["JobRunState"] == "SUCCEEDED"
    assert runner.output(run_id) == ["42"]


def test_a_job_sees_nothing_of_the_runners_environment(runner: Runner) -> None:
    job = runner.job(
        "import os, tempfile, boto3\n"
        "print(sorted(os.environ)); print(tempfile.gettempdir()); print(os.getcwd())\n"
        "open(os.path.join(tempfile.gettempdir(), 'left'), 'w').write('x')\n"
        "print(boto3.client('glue').meta.endpoint_url == os.environ['AWS_ENDPOINT_URL_GLUE'])\n"
        "print(boto3.client('s3').list_buckets()['Buckets'][0]['Name'] != '')",
        Command={"Name": "pythonshell", "ScriptLocation": ""},
    )
    runner.glue.update_job(
        JobName=job,
        JobUpdate={
            "Command": {"Name": "pythonshell", "ScriptLocation": f"s3://glue-tests/{job}.py"}
        },
    )
    run_id = runner.start(job)
    run = runner.wait(job, run_id)
    assert run["JobRunState"] == "SUCCEEDED", run
    names, temporary, cwd, *truths = runner.output(run_id)
    assert truths == ["True", "True"]
    assert set(eval(names)) <= {  # noqa: S307 - the test's own output
        *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "AWS_REGION"),
        *("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_GLUE", "GLUE_VERSION", "HOME", "JAVA_HOME"),
        *("LC_ALL", "PATH", "PYTHONPATH", "PYTHONUNBUFFERED", "TMPDIR"),
    }
    work = runner.state_dir / "work"
    assert temporary == f"{work}/{run_id}/tmp"
    assert cwd == f"{work}/{run_id}"
    assert not (work / run_id).exists()


@pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java")
def test_spark_and_its_workers_have_the_modules_of_the_job(runner: Runner) -> None:
    shipped = runner.zip({"shipped.py": "def doubled(x): return 2 * x"})
    job = runner.job(
        "from pyspark.sql import SparkSession\n"
        "import shipped\n"
        "spark = SparkSession.builder.getOrCreate()\n"
        "def work(x):\n"
        "    import dagster_pipes, importlib.util, pyarrow\n"
        "    return shipped.doubled(x), importlib.util.find_spec('dagster') is None\n"
        "print(spark.sparkContext.master, spark.sparkContext.parallelize([1, 2], 2)"
        ".map(work).collect())\n"
        "print(spark.conf.get('spark.sql.shuffle.partitions'))\n",
        DefaultArguments={
            "--extra-py-files": shipped,
            "--additional-python-modules": PIPES,
            "--conf": "spark.sql.shuffle.partitions=3 --conf spark.app.name=x",
        },
    )
    run_id = runner.start(job)
    run = runner.wait(job, run_id)
    assert run["JobRunState"] == "SUCCEEDED", runner.output(run_id, "error")
    assert runner.output(run_id) == ["local[2] [(2, True), (4, True)]", "3"]
