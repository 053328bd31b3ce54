"""What tasks say: rows of Spark that hold a number, a kind and a message of bytes."""

import pickle
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import pyarrow as pa

from etl_platform.contract.errors import PlatformError, Terminal
from etl_platform.convert.engine import Blocked

SCHEMA: Final = "task int, bucket int, kind string, message binary"
_COLUMNS: Final[dict[str, pa.DataType]] = {
    "task": pa.int32(),
    "bucket": pa.int32(),
    "kind": pa.string(),
    "message": pa.binary(),
}

SURVEYED: Final = "surveyed"  # what a part of a file holds
RESULT: Final = "result"  # what a task has made
KEYS: Final = "keys"  # the keys of its rows that belong to one bucket
REPLACED: Final = "replaced"  # in one bucket, other tasks have newer rows of its keys
BLOCKED: Final = "blocked"  # a Terminal error: the attempt is over
FAILED: Final = "failed"  # another error of the platform: the order is over


class Said(NamedTuple):
    """One message of the task `task`; `bucket` says where it is to go, if anywhere."""

    task: int
    bucket: int
    kind: str
    message: bytes = b""

    def to_batch(self) -> pa.RecordBatch:
        return pa.RecordBatch.from_pylist([self._asdict()], pa.schema(_COLUMNS))


def heard(batch: pa.RecordBatch) -> Iterator[Said]:
    """The messages that a batch holds."""
    return (Said(**row) for row in batch.to_pylist())


def told(task: int, work: Callable[[], Iterator[Said]]) -> Iterator[pa.RecordBatch]:
    """The messages of a piece of work, the last of which may be the error that ended it."""
    try:
        for said in work():
            yield said.to_batch()
    except Terminal as error:
        yield Said(task, 0, BLOCKED, Blocked.by(error).model_dump_json().encode()).to_batch()
    except PlatformError as error:
        # Raised here, it would reach the driver as text within an exception of Spark.
        yield Said(task, 0, FAILED, pickle.dumps(error)).to_batch()


def raise_failure(said: Said) -> None:
    """Raise the error that a task ended with, if it is one of the whole order."""
    if said.kind == FAILED:
        error: PlatformError = pickle.loads(said.message)  # noqa: S301 - the engine's own task wrote it
        raise error
