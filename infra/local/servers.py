"""The three servers of the laptop: how each is started, and the real call that shows it works."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
import redshift_connector
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from redshift_connector.error import Error

import infra
from infra.local.processes import LOOPBACK, Server

REGION = "us-east-1"
# The emulator checks no signature; boto3 only wants that there are keys.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
DATABASE = "dev"

_PATIENCE = Config(connect_timeout=5, read_timeout=60, s3={"addressing_style": "path"})
_IMPATIENCE = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1})


def url_of(port: int) -> str:
    return f"http://{LOOPBACK}:{port}"


def client(service: str, port: int, config: Config = _PATIENCE) -> Any:
    """A boto3 client of the laptop, whatever the environment of the caller says."""
    return boto3.client(
        service,
        endpoint_url=url_of(port),
        region_name=REGION,
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        config=config,
    )


def ministack(directory: Path) -> Server:
    """The AWS endpoint, with all its state below the directory."""

    def environment(port: int) -> Mapping[str, str]:
        return {
            **_base_environment(directory),
            **CREDENTIALS,
            "BIND_HOST": LOOPBACK,
            "MINISTACK_HOST": LOOPBACK,
            "MINISTACK_REGION": REGION,
            "GATEWAY_PORT": str(port),
            "PERSIST_STATE": "1",
            "STATE_DIR": str(directory / "state"),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(directory / "s3"),
            # Listeners on well-known ports that nothing here uses.
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
        }

    def is_healthy(port: int) -> bool:
        return _succeeds(port, "s3", "list_buckets")

    return Server(
        "aws",
        lambda port: (sys.executable, "-m", "infra.local.aws_endpoint"),
        environment,
        is_healthy,
    )


def glue_runner(directory: Path, aws_port: int) -> Server:
    """The Glue endpoint, in front of the AWS endpoint."""

    def command(port: int) -> tuple[str, ...]:
        return (
            *(sys.executable, "-m", "infra.local.glue"),
            *("--port", str(port)),
            *("--upstream", url_of(aws_port)),
            *("--state-dir", str(directory)),
        )

    def environment(port: int) -> Mapping[str, str]:
        base = _base_environment(directory)
        return {**base, **CREDENTIALS, "AWS_DEFAULT_REGION": REGION}

    def is_healthy(port: int) -> bool:
        return _succeeds(port, "glue", "get_jobs")

    return Server("glue", command, environment, is_healthy)


def redshift(
    directory: Path, aws_port: int, user: str, password_file: Path, *, check_roles: bool = False
) -> Server:
    """The warehouse, with the admin of the admin secret.

    With `check_roles` COPY and UNLOAD may do what the role's policies at the AWS endpoint say.
    """

    def command(port: int) -> tuple[str, ...]:
        return (
            *(sys.executable, "-m", "infra.local.redshift"),
            *("--port", str(port)),
            *("--state-dir", str(directory)),
            *("--admin-user", user),
            *("--admin-password-file", str(password_file)),
            *("--database", DATABASE),
            *(("--check-roles",) if check_roles else ()),
        )

    def environment(port: int) -> Mapping[str, str]:
        # COPY and UNLOAD read and write S3 at the AWS endpoint.
        return {
            **_base_environment(directory),
            **CREDENTIALS,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": url_of(aws_port),
        }

    def is_healthy(port: int) -> bool:
        try:
            with redshift_connector.connect(
                host=LOOPBACK,
                port=port,
                user=user,
                password=password_file.read_text(),
                database=DATABASE,
                ssl=False,
                timeout=5,
            ) as connection:
                connection.cursor().execute("select 1")
        except (Error, OSError):
            return False
        return True

    return Server("redshift", command, environment, is_healthy)


def _base_environment(directory: Path) -> dict[str, str]:
    """Nothing else of the user's: an AWS_PROFILE, say, would reach the Lambdas and the jobs."""
    temporary = directory / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    kept = {name: os.environ[name] for name in ("PATH", "JAVA_HOME") if name in os.environ}
    # The servers are modules of this very checkout.
    modules = str(Path(infra.__path__[0]).parent)
    return {
        **kept,
        "HOME": str(directory),
        "TMPDIR": str(temporary),
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": modules,
    }


def _succeeds(port: int, service: str, operation: str) -> bool:
    try:
        getattr(client(service, port, _IMPATIENCE), operation)()
    except (BotoCoreError, ClientError):
        return False
    return True
