"""The laptop's warehouse with rows to load, and the way around it to the PostgreSQL below.

The servers are those of the laptop. Rivals that know no Redshift connect to the PostgreSQL at its
socket, so that all sides of a race fill the same server.
"""

import json
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from etl_platform.aws.clients import client
from etl_platform.aws.s3 import S3
from etl_platform.contract.commit import Commit
from etl_platform.contract.layout import Location
from etl_platform.contract.order import LOAD, Order
from etl_platform.contract.source import SourceContract
from etl_platform.convert.conversion import convert
from etl_platform.convert.single_node import SingleNode
from etl_platform.load.target import Target
from etl_platform_tests.benchmarks.converting import (
    FIRST_HOUR,
    NAMES,
    LinkedStorage,
    NoCatalog,
    order_of,
)
from etl_platform_tests.benchmarks.data import COLUMNS
from etl_platform_tests.load.endpoint import Endpoint, bucket, running_endpoint
from infra.local.processes import Processes
from infra.local.redshift.postgres import SUPERUSER, binaries
from infra.local.servers import DATABASE

ROLE: Final = "arn:aws:iam::000000000000:role/benchmarks-copy"


@dataclass(frozen=True)
class LocalWarehouse:
    """The running servers, and the folder that is gone with them."""

    endpoint: Endpoint
    folder: Path
    servers: Sequence[int]
    """Process numbers; PostgreSQL is below one of them."""

    @property
    def socket_dir(self) -> Path:
        return self.folder / "redshift" / "data"

    @property
    def psql(self) -> list[str]:
        """The command of a client of the PostgreSQL below, which takes a script by `-c`."""
        return [
            str(binaries() / "psql"),
            *("--host", str(self.socket_dir), "--port", "5432"),
            *("--username", SUPERUSER, "--dbname", DATABASE),
            *("--no-psqlrc", "--quiet", "--tuples-only", "--no-align"),
            *("--set", "ON_ERROR_STOP=1"),
        ]

    def below(self, script: str) -> str:
        """What PostgreSQL answers to the owner of all."""
        done = subprocess.run(
            [*self.psql, "-c", script], check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def rows(self, table: str) -> tuple[int, str]:
        """The number of lineitems in a table, and a digest of their bag that knows no order."""
        values = ", ".join(f"{name}::{kind}" for name, kind in COLUMNS.items())
        count, _, digest = self.below(
            f"SELECT count(*), sum(hashtextextended(ROW({values})::text, 0)) FROM {table}"
        ).partition("|")
        return int(count), digest

    def landed(self, of: SourceContract, hours: Sequence[Sequence[Path]]) -> Order:
        """Convert the files of some hours into S3; the order to load them."""
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            storage = LinkedStorage(Path(name))
            order = order_of(of, hours, storage)
            reports = list(convert(order, SingleNode(), storage, NoCatalog()))
            assert {report.outcome for report in reports} == {"done"}, reports[:3]
            for batch in order.batches:
                place = NAMES.commit(batch.source, batch.hour, batch.batch_id)
                body = storage.read(place)
                for file in Commit.model_validate_json(body).files:
                    location = Location(file.bucket, file.key)
                    S3().write(location, storage.read(location))
                S3().write(place, body)
        return order.model_copy(update={"stage": LOAD})

    def parquet(self, order: Order) -> list[Path]:
        """The files of an order, fetched for those that read no S3."""
        found: list[Path] = []
        for batch in order.batches:
            body = S3().read(NAMES.commit(batch.source, batch.hour, batch.batch_id))
            for file in Commit.model_validate_json(body).files:
                found.append(self.folder / f"{order.contract.source}-{len(found)}.parquet")
                S3().fetch(Location(file.bucket, file.key), None, found[-1])
        return found

    def table(self, of: SourceContract) -> str:
        """Make the empty table of a contract, and the buckets of its source; its name."""
        self.endpoint.bootstrap(of)
        bucket(NAMES.processed_bucket(of.source))
        return Target(of).table.sql

    def empty(self, of: SourceContract) -> None:
        """Forget every row, every batch, and the room that they took."""
        self.below(f"TRUNCATE {Target(of).table.sql}, {Target(of).ledger.sql}")


@contextmanager
def local_warehouse() -> Iterator[LocalWarehouse]:
    """The servers with a secret of the service user, as a load asks for them."""
    # The path of a socket has about 100 bytes, so the folder is not one of the checkout.
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as name,
        running_endpoint(Path(name)) as endpoint,
    ):
        servers = [record.pid for record in Processes(Path(name)).records().values()]
        service = endpoint.service.model_dump() | {
            "password": endpoint.service.password.get_secret_value()
        }
        client("secretsmanager").create_secret(
            Name=NAMES.service_secret, SecretString=json.dumps(service)
        )
        yield LocalWarehouse(endpoint, Path(name), servers)


def as_csv(file: Path, to: Path, columns: Sequence[str]) -> None:
    """Lineitems with the columns of the platform, as a dump of the table would have them."""
    own = {
        "_hour": f"TIMESTAMP '{FIRST_HOUR.start:%Y-%m-%d %H:%M:%S}'",
        "_batch_id": "'by-hand'",
        "_loaded_at": "now()::TIMESTAMP",
    }
    values = ", ".join(own.get(name, name) for name in columns)
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT {values} FROM read_csv('{file}', header = true, columns = {COLUMNS}))"
            f" TO '{to}' (FORMAT csv, HEADER false)"
        )
