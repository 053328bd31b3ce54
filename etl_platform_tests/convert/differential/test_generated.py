"""Generated contracts and files: what the engines make of them is what the oracle says.

ETL_DIFFERENTIAL_EXAMPLES is the number of examples, 150 where it is not set. A long run over new
ones, which takes a tenth of a second for each:

    ETL_DIFFERENTIAL_EXAMPLES=20000 .venv/bin/python -m pytest --timeout 0 \\
        --hypothesis-profile explore etl_platform_tests/convert/differential/test_generated.py
"""

import os
import tempfile
from pathlib import Path
from unittest.mock import patch

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from etl_platform.contract import sizing
from etl_platform.convert.engine import Engine
from etl_platform.convert.single_node import SingleNode
from etl_platform.convert.spark import Spark
from etl_platform_tests.convert.differential.engines import differences, make
from etl_platform_tests.convert.differential.generators import feeds, hours
from etl_platform_tests.convert.spark.in_process import InProcess

EXAMPLES = int(os.environ.get("ETL_DIFFERENTIAL_EXAMPLES", "150"))
FEW = max(EXAMPLES // 5, 1)
"""Many tasks take several times as long as one."""

quiet = [HealthCheck.too_slow, HealthCheck.data_too_large]


def check(data: st.DataObject, engine: Engine) -> None:
    feed = data.draw(feeds())
    files = data.draw(hours(feed))
    with tempfile.TemporaryDirectory() as folder:
        (made,) = make(feed.attributes, [files], engine, Path(folder))
    assert differences(feed.attributes, files, made, feed.expressions) == []
    event(f"{feed.attributes['format']['type']}, blocked: {made.error is not None}")
    event(f"rows: {made.counts.written > 0}, rejects: {made.counts.rejected > 0}")


@settings(max_examples=EXAMPLES, suppress_health_check=quiet)
@given(data=st.data())
def test_a_single_node_makes_of_generated_files_what_the_oracle_does(data: st.DataObject) -> None:
    check(data, SingleNode())


@settings(max_examples=FEW, suppress_health_check=quiet)
@given(data=st.data(), task_bytes=st.sampled_from([30, 100, 1000]))
def test_many_small_tasks_make_of_generated_files_what_the_oracle_does(
    data: st.DataObject, task_bytes: int
) -> None:
    with patch.object(sizing, "TASK_BYTES", task_bytes):
        check(data, Spark(InProcess()))
