"""Work that has no job of its own, in a process of its own: `python -m ... STEP DOCUMENT`."""

import json
import sys
from collections.abc import Callable
from typing import Any

from etl_platform.aws.s3 import S3
from etl_platform.aws.secrets import read_secret
from etl_platform.aws.warehouse import RedshiftWarehouse, connect
from etl_platform.contract.aggregate import AggregateContract, AggregateDefinition
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import Names
from etl_platform.contract.source import SourceContract
from etl_platform.ingest.handler import handler
from etl_platform.ingest.pin import pin
from etl_platform.load import evolution
from etl_platform.load.target import Target
from etl_platform.publish.refresh import Refresher
from etl_platform.publish.tables import AggregateTable
from etl_platform_tests.load.samples import NAMES


def _connect() -> RedshiftWarehouse:
    return connect(read_secret(NAMES.service_secret))


def _send(event: dict[str, Any]) -> None:
    handler(event, None)


def _pin(what: dict[str, Any]) -> None:
    pin(S3(), Names(what["namespace"]), what["source"], Hour.parse(what["hour"]))


def _apply(contract: dict[str, Any]) -> None:
    evolution.apply(_connect, Target(SourceContract.model_validate(contract)))


def _refresh(what: dict[str, Any]) -> None:
    sources = [SourceContract.model_validate(source) for source in what["sources"]]
    definition = AggregateDefinition(
        AggregateContract.model_validate(what["aggregate"]),
        what["query"],
        {source.source: source for source in sources},
    )
    Refresher(AggregateTable(definition), "run", _connect).refresh()


_STEPS: dict[str, Callable[[dict[str, Any]], None]] = {
    "send": _send,
    "pin": _pin,
    "apply": _apply,
    "refresh": _refresh,
}

if __name__ == "__main__":
    step, document = sys.argv[1:]
    _STEPS[step](json.loads(document))
