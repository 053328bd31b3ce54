"""A real warehouse of the laptop, and real object storage for its COPY."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from pydantic import SecretStr

from etl_platform.aws.clients import client
from etl_platform.aws.secrets import WarehouseSecret
from etl_platform.aws.warehouse import RedshiftWarehouse, connect
from etl_platform.contract.source import SourceContract
from etl_platform.load.bootstrap import prepare_as_admin, prepare_as_service
from etl_platform.load.quoting import QualifiedName
from infra.local.processes import LOOPBACK, Processes, Server
from infra.local.servers import CREDENTIALS, DATABASE, REGION, ministack, redshift, url_of

ADMIN = "admin"
SERVICE = "etl_service"


@dataclass(frozen=True)
class Endpoint:
    """A warehouse by the secrets of its two users."""

    admin: WarehouseSecret
    service: WarehouseSecret
    crash: Callable[[], None]
    """End the server as a crash would."""
    recover: Callable[[], None]
    """Start it again, with what was committed."""

    def connect(self) -> RedshiftWarehouse:
        """What a load is given: a new connection of the service user."""
        return connect(self.service)

    def bootstrap(self, *contracts: SourceContract) -> tuple[QualifiedName, ...]:
        """Both parts of bootstrap, as an operator runs them; the tables that were new."""
        with connect(self.admin) as warehouse:
            prepare_as_admin(
                warehouse,
                contracts,
                user=self.service.username,
                password=self.service.password.get_secret_value(),
                database=self.service.dbname,
            )
        with self.connect() as warehouse:
            return prepare_as_service(warehouse, contracts)


def itself(server: Server) -> Server:
    """The server as it is."""
    return server


@contextmanager
def running_endpoint(
    state_dir: Path, hosted: Callable[[Server], Server] = itself
) -> Iterator[Endpoint]:
    """Both servers, with the environment of this process set to use them; the warehouse as it is
    `hosted`."""
    processes = Processes(state_dir)
    aws = ministack(state_dir / "aws")
    try:
        aws_port = processes.ensure(aws)
        password_file = state_dir / "password"
        password_file.write_text(uuid4().hex)
        warehouse = hosted(redshift(state_dir / "redshift", aws_port, ADMIN, password_file))
        port = processes.ensure(warehouse)

        def crash() -> None:
            os.kill(processes.records()[warehouse.name].pid, signal.SIGKILL)

        def recover() -> None:
            assert processes.ensure(warehouse) == port

        admin = _secret(ADMIN, password_file.read_text(), port)
        with pytest.MonkeyPatch.context() as environment:
            for name, value in CREDENTIALS.items():
                environment.setenv(name, value)
            environment.setenv("AWS_DEFAULT_REGION", REGION)
            environment.setenv("AWS_ENDPOINT_URL", url_of(aws_port))
            client.cache_clear()
            yield Endpoint(admin, _secret(SERVICE, "Its-1-Secret", port), crash, recover)
    finally:
        client.cache_clear()
        for name in ("redshift", aws.name):
            processes.end(name, aws.stop_within_s)


def _secret(user: str, password: str, port: int) -> WarehouseSecret:
    return WarehouseSecret(
        username=user,
        password=SecretStr(password),
        host=LOOPBACK,
        port=port,
        dbname=DATABASE,
        sslmode="disable",
    )


def bucket(name: str) -> None:
    """Make a bucket."""
    client("s3").create_bucket(Bucket=name)
