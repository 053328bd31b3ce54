"""Generated contracts and files: what the single node makes of them is what the oracle says.

ETL_DIFFERENTIAL_EXAMPLES is the number of examples, 300 where it is not set. A long run, which
takes a tenth of a second for each:

    ETL_DIFFERENTIAL_EXAMPLES=20000 .venv/bin/python -m pytest --timeout 0 \\
        etl_platform_tests/convert/differential/test_generated.py
"""

import os
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from etl_platform.convert.single_node import SingleNode
from etl_platform_tests.convert.differential.engines import differences, make
from etl_platform_tests.convert.differential.generators import feeds, hours

EXAMPLES = int(os.environ.get("ETL_DIFFERENTIAL_EXAMPLES", "300"))


@settings(
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_a_single_node_makes_of_generated_files_what_the_oracle_does(data: st.DataObject) -> None:
    feed = data.draw(feeds())
    files = data.draw(hours(feed))
    with tempfile.TemporaryDirectory() as folder:
        (made,) = make(feed.attributes, [files], SingleNode(), Path(folder))
    assert differences(feed.attributes, files, made, feed.expressions) == []
    event(f"{feed.attributes['format']['type']}, blocked: {made.error is not None}")
    event(f"rows: {made.counts.written > 0}, rejects: {made.counts.rejected > 0}")
