"""A new source is one YAML file and `etl-platform local up`, as a user does it in a checkout."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from etl_platform_tests.e2e.platform import until

CHECKOUT = Path(__file__).parents[2]
ORDERS = """\
type: etl_platform.components.S3ToRedshift
attributes:
  source: web_orders
  description: Orders of a made-up shop
  owner: team:shop
  starts: 2026-01-01-00
  format: {type: csv, delimiter: ";"}
  columns:
    - {name: order_no, type: bigint, required: true, path: "Order No"}
    - {name: amount, type: "decimal(10,2)"}
    - {name: changed_at, type: timestamp, required: true}
  key: [order_no]
  load: {strategy: upsert, version: changed_at, schema: shop}
"""
FIRST = "Order No;amount;changed_at\n1;10.50;2026-01-05 03:10:00\n2;7;2026-01-05 03:20:00\n"
SECOND = "changed_at;Order No;amount\n2026-01-05 04:00:00;2;8.25\n"
WITH_DAGSTER = """\
from pathlib import Path
from rich.console import Console
from infra.local.laptop import bring_up_with_dagster
bring_up_with_dagster(Path(".etl"), Console(stderr=True))
"""
LOADED_WITHIN_S = 120.0


class Checkout:
    """A copy of the checkout, used by its command."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for package in ("etl_platform", "infra"):
            shutil.copytree(CHECKOUT / package, folder / package)
        for file in ("pyproject.toml", "workspace.yaml"):
            shutil.copy(CHECKOUT / file, folder / file)

    def python(self, *arguments: str) -> str:
        clean = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AWS_", "ETL_", "DAGSTER_"))
        }
        ended = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env={**clean, "PYTHONPATH": str(self.folder), "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def command(self, *arguments: str) -> str:
        return self.python("-m", "etl_platform", *arguments)


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    copy = Checkout(tmp_path)
    yield copy
    copy.command("local", "down", "--reset")


@pytest.mark.timeout(600)
def test_a_source_is_added_by_one_file_and_local_up_while_dagster_runs(checkout: Checkout) -> None:
    checkout.python("-c", WITH_DAGSTER)
    added = checkout.folder / "etl_platform" / "defs" / "web_orders" / "defs.yaml"
    added.parent.mkdir()
    added.write_text(ORDERS)
    checkout.command("local", "up")

    for hour, text in (("2026-01-05-03", FIRST), ("2026-01-05-04", SECOND)):
        file = checkout.folder / f"{hour}.csv"
        file.write_text(text)
        checkout.command("land", "web_orders", hour, str(file))
    query = "select order_no, amount from shop.web_orders order by 1"

    def rows() -> object:
        return json.loads(checkout.command("sql", query, "--format", "json"))

    expected = [{"order_no": 1, "amount": "10.50"}, {"order_no": 2, "amount": "8.25"}]
    until(LOADED_WITHIN_S, lambda: rows() == expected)
    assert "web_orders" in checkout.command("status")
    assert "SOURCE_UNKNOWN" not in checkout.command("refused")
    asked_again = checkout.command("backfill", "web_orders", "2026-01-05-03", "2026-01-05-04")
    assert asked_again.strip() == "2 hours landed, 2 loaded, 0 blocked, 0 left; 0 runs"
