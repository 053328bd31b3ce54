"""How much text a file holds, and from that which engine an order gets and how many workers.

The rule and what it costs are told in docs/engines.md.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from etl_platform.contract.batch import SourceFile
from etl_platform.contract.formats import CsvFormat, JsonFormat
from etl_platform.contract.order import CONVERT, Order
from etl_platform.contract.source import SourceContract

TASK_BYTES: Final = 256 * 1024**2
"""Plain bytes for one Spark task. Its rows are about a third of that as Parquet: the 64 to 128 MB
that COPY and Athena like, and what a task can sort in its share of a worker's memory."""

PLAIN_PER_COMPRESSED: Final = {"csv": 4, "json": 10, "xml": 11, "parquet": 4}
"""Bytes of text for one byte of a compressed file, by format, whatever the codec. Files of Parquet
always are. docs/engines.md has the figures."""

SINGLE_NODE_MOST_BYTES: Final = 4 * 1024**3
"""Up to here one worker of four cores is done in a minute or two. Above it more workers pay."""

WORKER_TYPE: Final = "G.1X"
WORKER_BYTES: Final = 4 * 1024**3
"""Plain bytes for one executor: four rounds of a task for each of its four cores."""

FEWEST_WORKERS: Final = 2
"""Glue starts no Spark job with fewer: the driver, which does all the work of a single node, and
one executor."""

MOST_WORKERS: Final = 21
"""The driver and twenty executors, which is within the quotas of a new AWS account."""

EngineName = Literal["single_node", "spark"]

_COMPRESSED: Final = (".gz", ".zst", ".bz2")


@dataclass(frozen=True)
class Sizing:
    """What a run gets. `workers` counts the driver."""

    engine: EngineName
    workers: int


def plain_bytes(contract: SourceContract, file: SourceFile) -> int:
    """About how many bytes of text a file holds, by its size, its format and its name."""
    form = contract.format.type
    is_plain = form != "parquet" and not _is_compressed(file)
    return file.size_bytes * (1 if is_plain else PLAIN_PER_COMPRESSED[form])


def _is_compressed(file: SourceFile) -> bool:
    return file.key.lower().endswith(_COMPRESSED)


def may_be_cut(contract: SourceContract, file: SourceFile) -> bool:
    """Whether tasks could share a file, whose records mostly end with a line."""
    form = contract.format
    if _is_compressed(file):
        return False
    if isinstance(form, CsvFormat):
        return form.encoding == "utf-8"
    # Such a contract blocks at a record, which a message names by its number in the file.
    return isinstance(form, JsonFormat) and form.shape == "lines" and contract.unknown != "block"


def sized(order: Order) -> Sizing:
    """The engine and the workers for an order, by its bytes."""
    if order.stage != CONVERT:
        return Sizing("single_node", FEWEST_WORKERS)
    files = [file for batch in order.batches for file in batch.files]
    engine = _engine(order.contract, files)
    if engine == "single_node":
        return Sizing(engine, FEWEST_WORKERS)
    executors = _quotient(_total_bytes(order.contract, files), WORKER_BYTES)
    return Sizing(engine, min(max(1 + executors, FEWEST_WORKERS), MOST_WORKERS))


def _engine(contract: SourceContract, files: Sequence[SourceFile]) -> EngineName:
    if contract.engine != "auto":
        return contract.engine
    is_large = _total_bytes(contract, files) > SINGLE_NODE_MOST_BYTES
    # A file that cannot be cut is one task and one core on Spark; a single node has all its cores
    # work on the records of one file.
    is_wide = _most_tasks(contract, files) > SINGLE_NODE_MOST_BYTES // TASK_BYTES // 2
    return "spark" if is_large and is_wide else "single_node"


def _total_bytes(contract: SourceContract, files: Iterable[SourceFile]) -> int:
    return sum(plain_bytes(contract, file) for file in files)


def _most_tasks(contract: SourceContract, files: Iterable[SourceFile]) -> int:
    """How many tasks would have something to do at the same time."""
    together_bytes, tasks = 0, 0
    for file in files:
        size_bytes = plain_bytes(contract, file)
        if may_be_cut(contract, file) or size_bytes < TASK_BYTES:
            together_bytes += size_bytes
        else:
            tasks += 1
    return tasks + _quotient(together_bytes, TASK_BYTES)


def _quotient(size_bytes: int, each_bytes: int) -> int:
    return -(-size_bytes // each_bytes)
