"""The platform's own side of a load: an order into the warehouse, as the Glue job does it."""

import json
import sys
from pathlib import Path
from typing import Any

from etl_platform.contract.order import Order
from etl_platform.load.job import load_order
from etl_platform.load.quoting import RoleArn
from etl_platform_tests.benchmarks.clock import timed
from etl_platform_tests.benchmarks.local_warehouse import ROLE


def main(job: dict[str, Any]) -> None:
    order = Order.model_validate_json(Path(job["order"]).read_text())
    timed(lambda: work(order), after=dict, servers=job["servers"])


def work(order: Order) -> None:
    outcomes = [report.outcome for report in load_order(order, RoleArn(ROLE), "by-hand")]
    assert set(outcomes) == {"done"}, outcomes[:3]


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
