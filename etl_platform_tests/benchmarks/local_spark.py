"""A Spark session on two cores, for the rival and for the Spark engine alike."""

import os
import sys
from typing import Any


def started_session() -> Any:
    """A session that has carried out a first job, so that its start is over."""
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.driver.memory", "4g")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.ui.enabled", "false")
        .config("spark.log.level", "ERROR")
        .getOrCreate()
    )
    spark.range(1).collect()
    return spark
