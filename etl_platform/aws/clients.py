"""boto3 clients with one configuration, and the one translation of botocore's errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from etl_platform.contract.errors import ServiceRefused, ServiceUnavailable, SettingInvalid

_MOST_ATTEMPTS: Final = 8

_PASSING: Final = frozenset(
    {
        *("RequestTimeout", "RequestTimeoutException", "PriorRequestNotComplete"),
        *("Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled"),
        *("RequestThrottledException", "TooManyRequestsException", "RequestLimitExceeded"),
        *("LimitExceededException", "BandwidthLimitExceeded", "SlowDown", "OperationAborted"),
        *("OperationTimeoutException", "ConcurrentModificationException"),
        *("ExpiredToken", "ExpiredTokenException", "RequestExpired", "RequestTimeTooSkewed"),
    }
)
"""Codes of refusals that end by themselves: throttling, timeouts, credentials that are renewed."""


@cache
def client(service: str, most_attempts: int = _MOST_ATTEMPTS) -> Any:
    """One client for each service and process. The endpoint and Region are the environment's.

    Raises SettingInvalid if there is no Region, and so neither an account nor a local stack.
    """
    config = Config(
        retries={"mode": "adaptive", "total_max_attempts": most_attempts},
        connect_timeout=10,
        read_timeout=60,
        max_pool_connections=32,
        user_agent_appid="etl-platform",
    )
    session = boto3.DEFAULT_SESSION or boto3.Session()
    # S3, alone of all services, would go to us-east-1 without being told.
    if session.region_name is None:
        raise SettingInvalid(
            "AWS_DEFAULT_REGION",
            "is not set",
            "the Region of your AWS account, or `etl-platform local up` on a laptop",
        )
    return boto3.client(service, config=config)


def error_code(error: ClientError) -> str:
    """The code of an AWS error, `NoSuchKey` or the bare HTTP status for a HEAD."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def translated(service: str, call: str) -> Iterator[None]:
    """Turn what botocore raises into a ServiceUnavailable, or into a ServiceRefused where trying
    again gives the same answer; handle expected codes inside."""
    try:
        yield
    except ClientError as error:
        message = error.response.get("Error", {}).get("Message", "")
        kind = ServiceUnavailable if _is_passing(error) else ServiceRefused
        raise kind(service, call, f"{error_code(error)} {message}") from error
    except BotoCoreError as error:
        raise ServiceUnavailable(service, call, str(error)) from error


def _is_passing(error: ClientError) -> bool:
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    return status >= 500 or status == 429 or error_code(error) in _PASSING
