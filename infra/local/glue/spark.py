"""The Spark of a job: on Glue the service configures it, here these settings do."""

from collections.abc import Iterator
from pathlib import Path

DRIVER_MEMORY = "1g"
CORES = 2


def spark_environment(directory: Path, python: Path, conf_argument: str) -> dict[str, str]:
    """Write spark-defaults.conf and name it, so that a job only calls `getOrCreate()`."""
    temporary = directory / "tmp"
    settings = {
        "spark.master": f"local[{CORES}]",
        "spark.driver.memory": DRIVER_MEMORY,
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.warehouse.dir": f"{directory.as_uri()}/warehouse",
        # The JVM goes by neither TMPDIR nor HOME.
        "spark.driver.extraJavaOptions": (
            f'-XX:+PerfDisableSharedMem "-Djava.io.tmpdir={temporary}" '
            f'"-Dderby.system.home={directory}"'
        ),
        **dict(conf_settings(conf_argument)),
    }
    conf = directory / "conf"
    conf.mkdir()
    lines = (f"{name} {value}\n" for name, value in settings.items())
    (conf / "spark-defaults.conf").write_text("".join(lines))
    return {
        "SPARK_CONF_DIR": str(conf),
        "SPARK_LOCAL_DIRS": str(temporary),
        "SPARK_LOCAL_IP": "127.0.0.1",
        # The workers of Spark are children of its JVM: they must find the same modules.
        "PYSPARK_PYTHON": str(python),
        "PYSPARK_DRIVER_PYTHON": str(python),
    }


def conf_settings(conf_argument: str) -> Iterator[tuple[str, str]]:
    """Glue's one `--conf` value that may hold many: `a=1 --conf b=2`."""
    for part in conf_argument.split("--conf"):
        name, separator, value = part.strip().partition("=")
        if separator:
            yield name, value
