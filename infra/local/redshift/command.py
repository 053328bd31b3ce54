"""`etl-platform local redshift`: the laptop's Redshift alone, for other people's tests as well."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import click

from infra.local.redshift.service import Service

_S3_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@dataclass(frozen=True)
class Connecting:
    """How clients reach the server, in the words of each client."""

    port: int
    database: str
    user: str
    password: str

    def lines(self) -> list[str]:
        """The ready line, then psql, redshift_connector and SQLAlchemy."""
        at = f"127.0.0.1:{self.port}"
        secret = quote(self.password, safe="")
        url = f"{quote(self.user, safe='')}:{secret}@{at}/{quote(self.database, safe='')}"
        return [
            f"redshift ready on {at}",
            f"  psql                postgresql://{url}",
            f"  redshift_connector  connect(host='127.0.0.1', port={self.port},"
            f" database={self.database!r}, user={self.user!r}, password={self.password!r},"
            " ssl=False)",
            f"  SQLAlchemy          create_engine('redshift+redshift_connector://{url}',"
            " connect_args={'ssl': False})",
        ]


def use_s3(endpoint_url: str) -> None:
    """Let COPY and UNLOAD go there; keys of the environment are used if there are any."""
    os.environ["AWS_ENDPOINT_URL_S3"] = endpoint_url
    for name, value in _S3_CREDENTIALS.items():
        os.environ.setdefault(name, value)


@contextmanager
def state_of(folder: Path | None) -> Iterator[Path]:
    """The folder, or a temporary one that is gone afterwards."""
    if folder is not None:
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="redshift-") as temporary:
        yield Path(temporary)


def serve(service: Service) -> None:
    """Serve in the foreground and say how to connect."""

    def say(port: int) -> None:
        told = Connecting(port, service.database, service.admin_user, service.admin_password)
        click.echo("\n".join(told.lines()))

    service.run(say)
