"""boto3 clients with one configuration, and the one translation of botocore's errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from etl_platform.contract.errors import ServiceUnavailable

_CONFIG = Config(
    retries={"mode": "adaptive", "max_attempts": 8},
    connect_timeout=10,
    read_timeout=60,
    max_pool_connections=32,
    user_agent_appid="etl-platform",
)


@cache
def client(service: str) -> Any:
    """One client for each service and process. The endpoint and Region are the environment's."""
    return boto3.client(service, config=_CONFIG)


def error_code(error: ClientError) -> str:
    """The code of an AWS error, `NoSuchKey` or the bare HTTP status for a HEAD."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def translated(service: str, call: str) -> Iterator[None]:
    """Turn what botocore raises into a ServiceUnavailable; handle expected codes inside."""
    try:
        yield
    except ClientError as error:
        message = error.response.get("Error", {}).get("Message", "")
        raise ServiceUnavailable(service, call, f"{error_code(error)} {message}") from error
    except BotoCoreError as error:
        raise ServiceUnavailable(service, call, str(error)) from error
