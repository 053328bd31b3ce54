"""Hours of a table, loaded by the job in processes of its own, and what the table has to be."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from etl_platform.aws.clients import client
from etl_platform.aws.s3 import S3
from etl_platform.aws.secrets import WarehouseSecret
from etl_platform.aws.warehouse import connect
from etl_platform.contract.batch import Batch
from etl_platform.contract.order import Order, Report
from etl_platform.contract.source import SourceContract
from etl_platform.load.job import load_order
from etl_platform.load.quoting import RoleArn
from etl_platform.load.target import Target
from etl_platform_tests.crash.processes import Job, started
from etl_platform_tests.load.endpoint import Endpoint, bucket, itself, running_endpoint
from etl_platform_tests.load.samples import NAMES, Row, batch, contract, converted
from infra.local.processes import Server

ROLE = "arn:aws:iam::000000000000:role/load-tests-copy"
LOCK_FREE_WITHIN_S = 5
STAGING = "SELECT count(*) FROM pg_class WHERE relname LIKE '!_etl!_%' ESCAPE '!'"


def secret_of(service: WarehouseSecret, **changes: Any) -> dict[str, Any]:
    """The content of the secret that the job reads."""
    password = service.password.get_secret_value()
    return service.model_dump() | {"password": password} | changes


@contextmanager
def serving_jobs(
    state_dir: Path, hosted: Callable[[Server], Server] = itself
) -> Iterator[Endpoint]:
    """A warehouse and an S3 with all that the job needs beside the table."""
    with running_endpoint(state_dir, hosted) as running:
        running.bootstrap()
        bucket(NAMES.artifacts_bucket)
        client("secretsmanager").create_secret(
            Name=NAMES.service_secret, SecretString=json.dumps(secret_of(running.service))
        )
        yield running


@dataclass
class Loads:
    """A table of one test, and the hours that are meant for it."""

    endpoint: Endpoint
    contract: SourceContract
    storage: S3 = field(default_factory=S3)
    rows_of: dict[str, Sequence[Row]] = field(default_factory=dict)

    @classmethod
    def new(cls, endpoint: Endpoint, **load: str) -> "Loads":
        """A new table, with one hour in it: of newest rows, or as `load` says."""
        of = contract("upsert", load=load or {"strategy": "upsert", "version": "revision"})
        bucket(NAMES.processed_bucket(of.source))
        endpoint.bootstrap(of)
        made = cls(endpoint, of)
        first = made.batch(0, [(1, 1, "old"), (2, 1, "old")])
        # In this process: to start another for what no test is about takes as long as the load.
        (said,) = load_order(made._order(first), RoleArn(ROLE), "first")
        assert said.outcome == "done", said
        return made

    def batch(self, hour: int, rows: Sequence[Row], manifest: int = 0) -> Batch:
        made = batch(self.contract, hour, manifest)
        converted(self.storage, self.contract, made, rows, parts=min(2, len(rows)))
        self.rows_of[made.batch_id] = rows
        return made

    def start(
        self,
        *batches: Batch,
        armed: str | None = None,
        run: str = "run",
        options: Sequence[str] = (),
    ) -> AbstractContextManager[Job]:
        """The job as Glue starts it, with an order of these batches."""
        order = self._order(*batches)
        place = NAMES.order(order.stage, order.order_id)
        self.storage.write(place, order.to_json())
        arguments = ["--order", str(place), "--copy_role_arn", ROLE, "--JOB_RUN_ID", run, *options]
        return started("etl_platform.load.job", arguments, armed)

    def _order(self, *batches: Batch) -> Order:
        return Order(
            stage="load", namespace=NAMES.namespace, contract=self.contract, batches=batches
        )

    def load(self, *batches: Batch, run: str = "run", options: Sequence[str] = ()) -> list[Report]:
        with self.start(*batches, run=run, options=options) as job:
            return job.finish()

    @property
    def rows(self) -> list[Row]:
        table = Target(self.contract).table.sql
        return sorted(self.ask(f"SELECT id, revision, value FROM {table}"))

    @property
    def ledger(self) -> list[str]:
        """The batches of the ledger, one for each of its rows."""
        ledger = Target(self.contract).ledger.sql
        return sorted(str(row[0]) for row in self.ask(f"SELECT batch_id FROM {ledger}"))

    def holds_exactly(self, *batches: Batch) -> bool:
        """Whether table and ledger are what these batches make, the first hour included."""
        return self.ledger == sorted([self.first, *(b.batch_id for b in batches)]) and (
            self.rows == newest(self.rows_of[b] for b in self.ledger)
        )

    @property
    def first(self) -> str:
        return next(iter(self.rows_of))

    def is_free(self) -> bool:
        """Whether nobody holds the guard within seconds, and no staging is left."""
        guard = Target(self.contract).guard.sql
        with connect(self.endpoint.service, statement_timeout_s=LOCK_FREE_WITHIN_S) as warehouse:
            warehouse.execute(f"LOCK TABLE {guard}", name="the lock")
        return self.ask(STAGING) == [(0,)]

    def ask(self, query: str) -> list[Row]:
        with self.endpoint.connect() as warehouse:
            return warehouse.fetch(query, name="the question of the test")


def newest(batches: Iterable[Sequence[Row]]) -> list[Row]:
    """The row of the highest revision of each id: what an upsert of these batches has to make."""
    found: dict[int, Row] = {}
    for rows in batches:
        for row in rows:
            other = found.setdefault(row[0], row)
            # Between equal revisions the hour decides, which rows do not tell.
            assert other is row or other[1] != row[1]
            found[row[0]] = max(row, other, key=lambda each: each[1])
    return sorted(found.values())
