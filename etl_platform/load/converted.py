"""The commits of an order: what there is to load, and the hours that cannot be."""

import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from etl_platform.contract.batch import Batch
from etl_platform.contract.commit import Commit, ParquetFile
from etl_platform.contract.errors import (
    ContractChanged,
    FileUnreadable,
    LocationRefused,
    NotConverted,
    ObjectMissing,
    Terminal,
)
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import Location, Names
from etl_platform.contract.order import Order, Report
from etl_platform.contract.source import SourceContract
from etl_platform.contract.storage import Storage

READERS = 16


def read_commits(order: Order, storage: Storage) -> tuple[list[Commit], list[Report]]:
    """The commits of the batches that can be loaded, and a blocked report for each other one."""

    names = Names(order.namespace)

    def read(batch: Batch) -> Commit | Report:
        try:
            if batch.source != order.contract.source:
                location = names.commit(batch.source, batch.hour, batch.batch_id)
                raise LocationRefused(str(location), f"is of {batch}", order.contract.source)
            return read_commit(names, order.contract, batch.hour, batch.batch_id, storage)
        except Terminal as error:
            return blocked(batch, error)

    # A batch named twice in an order is one batch.
    batches = {batch.batch_id: batch for batch in order.batches}
    with ThreadPoolExecutor(READERS) as pool:
        found = list(pool.map(read, batches.values()))
    return (
        [f for f in found if isinstance(f, Commit)],
        [f for f in found if isinstance(f, Report)],
    )


def blocked(batch: Batch, error: Terminal) -> Report:
    """The report of an hour that an error keeps out."""
    return Report(
        hour=batch.hour,
        batch_id=batch.batch_id,
        outcome="blocked",
        error_code=error.code,
        error=str(error),
    )


def read_commit(
    names: Names, contract: SourceContract, hour: Hour, batch_id: str, storage: Storage
) -> Commit:
    """The commit of a batch, checked. Raises a Terminal where it cannot be loaded."""
    source = contract.source
    batch = f"batch {batch_id[:8]} of {source} {hour}"
    location = names.commit(source, hour, batch_id)
    try:
        body = storage.read(location)
    except ObjectMissing:
        raise NotConverted(batch, str(location)) from None
    try:
        commit = Commit.model_validate_json(body)
    except ValidationError as error:
        problem = f"{error.error_count()} of its fields are not a commit's"
        raise FileUnreadable(str(location), problem, "a commit of this platform") from None
    if commit.batch.batch_id != batch_id or commit.batch.source != source:
        raise LocationRefused(str(location), f"is of {commit.batch}", f"the commit of {batch}")
    commit.check()
    _check_places(commit.files, names.attempt(source, hour, batch_id, ""))
    if commit.contract_digest != contract.digest:
        _check_columns(commit, contract.arrow_schema, storage)
        _check_key(commit, contract)
    return commit


def _check_places(files: Iterable[ParquetFile], folder: Location) -> None:
    """A commit hands COPY only files below the folder of its own batch."""
    prefix = folder.key.rstrip("/") + "/"
    for file in files:
        if file.bucket != folder.bucket or not file.key.startswith(prefix):
            raise LocationRefused(
                file.url, "is not a file of its batch", f"{folder.bucket}/{prefix}"
            )


def _check_key(commit: Commit, contract: SourceContract) -> None:
    """The hour has the newest row of each key only: by another key it would have others."""
    if commit.kept_by not in (None, contract.kept_by):
        raise ContractChanged(
            str(commit.batch),
            f"its rows were kept by {commit.kept_by or 'no key'}",
            f"rows kept by {contract.kept_by or 'no key'}",
        )


def _check_columns(commit: Commit, expected: pa.Schema, storage: Storage) -> None:
    """A contract may change in what the files do not show; columns go by position, so they must
    be the same. All files of a commit have one schema: the first one answers for it."""
    for file in commit.files[:1]:
        with tempfile.TemporaryDirectory() as folder:
            local = Path(folder) / "part.parquet"
            storage.fetch(Location(file.bucket, file.key), None, local)
            actual = pq.read_schema(local)
        found = [f"{field.name} {field.type}" for field in actual]
        wanted = [f"{field.name} {field.type}" for field in expected]
        if found != wanted:
            has = [column for column in found if column not in wanted]
            lacks = [column for column in wanted if column not in found]
            raise ContractChanged(
                str(commit.batch),
                f"its files have {', '.join(has) or 'the columns in another order'}",
                ", ".join(lacks or wanted),
            )
