"""An order to reports: which hours still need work, and what makes an attempt the batch's own.

The commit is written once, by whoever comes first; every other attempt at the batch finds it and
reports that one. Nothing else makes the files of an attempt visible.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal

from etl_platform.contract.batch import Batch
from etl_platform.contract.catalog import Catalog
from etl_platform.contract.checkpoints import checkpoint
from etl_platform.contract.commit import Commit
from etl_platform.contract.errors import ObjectMissing, RejectLimitExceeded, Terminal
from etl_platform.contract.layout import (
    REJECTS_FOLDER,
    SUPERSEDED_FOLDER,
    Location,
    Names,
    rejects_table,
    superseded_table,
)
from etl_platform.contract.order import Order, Report
from etl_platform.contract.sizing import sized
from etl_platform.contract.source import SourceContract
from etl_platform.contract.storage import Storage
from etl_platform.convert.engine import Attempt, Blocked, Engine, Result
from etl_platform.convert.reject_limit import check_limit
from etl_platform.convert.single_node import SingleNode

Outcome = Literal["done", "already"]


def engine_for(order: Order) -> Engine:
    """The engine that the contract names, or the one that fits the bytes of the order."""
    if sized(order).engine == "single_node":
        return SingleNode()
    # Imported here only, so that a single node needs neither PySpark nor Java.
    from etl_platform.convert.spark import Spark

    return Spark()


def convert(order: Order, engine: Engine, storage: Storage, catalog: Catalog) -> Iterator[Report]:
    """Carry out an order, one report an hour, as they end.

    A Transient error ends the whole order: whatever was committed is found by the next try.
    """
    conversion = _Conversion(order.contract, Names(order.namespace), storage, catalog)
    waiting: list[Attempt] = []
    for batch in order.batches:
        commit = conversion.committed(batch)
        if commit is None:
            waiting.append(Attempt.at(batch, conversion.names))
        else:
            yield _report(batch, partial(conversion.already, commit))
    for attempt, result in engine.run(order.contract, waiting, storage):
        yield _report(attempt.batch, partial(conversion.conclude, attempt, result, engine.name))


def _report(batch: Batch, say: Callable[[], Report]) -> Report:
    try:
        return say()
    except Terminal as error:
        return _blocked(batch, Blocked.by(error))


class _Conversion:
    """The steps of one order that engines have no part in."""

    def __init__(
        self, contract: SourceContract, names: Names, storage: Storage, catalog: Catalog
    ) -> None:
        self.names = names
        self._contract = contract
        self._storage = storage
        self._catalog = catalog

    def committed(self, batch: Batch) -> Commit | None:
        try:
            found = self._storage.read(self._place(batch))
        except ObjectMissing:
            return None
        return Commit.model_validate_json(found)

    def already(self, commit: Commit) -> Report:
        """Report an earlier attempt, which may have died between its commit and the catalog."""
        self._point(commit)
        return self._told(commit, "already")

    def conclude(self, attempt: Attempt, result: Result | Blocked, engine: str) -> Report:
        """Commit what an engine has written, if the contract allows it."""
        if isinstance(result, Blocked):
            return _blocked(attempt.batch, result)
        try:
            self._check_limit(attempt.batch, result)
        except RejectLimitExceeded as error:
            return _blocked(attempt.batch, Blocked.by(error), result)
        commit = Commit(
            batch=attempt.batch,
            attempt=attempt.attempt_id,
            contract_digest=self._contract.digest,
            kept_by=self._contract.kept_by,
            engine=engine,
            converted_at=datetime.now(UTC),
            **dict(result),
        )
        commit.check()
        place = self._place(attempt.batch)
        checkpoint("convert.before_commit")
        if not self._storage.write_once(place, commit.model_dump_json().encode()):
            winner = Commit.model_validate_json(self._storage.read(place))
            # A retry after a lost answer finds the attempt's own commit there.
            if winner.attempt != commit.attempt:
                return self.already(winner)
        checkpoint("convert.after_commit")
        self._point(commit)
        return self._told(commit, "done")

    def _point(self, commit: Commit) -> None:
        """Show the batch to readers, unless the hour stands for a newer manifest by now."""
        batch = commit.batch
        try:
            pinned = Batch.model_validate_json(
                self._storage.read(self.names.pin(batch.source, batch.hour))
            )
        except ObjectMissing:
            pinned = batch
        if pinned.batch_id == batch.batch_id or pinned.manifest_at <= batch.manifest_at:
            prefix = self.names.attempt(batch.source, batch.hour, batch.batch_id, commit.attempt)
            self._catalog.point_partition(batch.source, batch.hour, prefix)
            # Without rejects as well: the hour must not show those of an older batch.
            kept = prefix / REJECTS_FOLDER
            self._catalog.point_partition(rejects_table(batch.source), batch.hour, kept)
            if self._contract.keep_superseded:
                beside = prefix / SUPERSEDED_FOLDER
                self._catalog.point_partition(superseded_table(batch.source), batch.hour, beside)

    def _place(self, batch: Batch) -> Location:
        return self.names.commit(batch.source, batch.hour, batch.batch_id)

    def _check_limit(self, batch: Batch, result: Result) -> None:
        check_limit(
            self._contract.rejects,
            str(batch),
            result.counts,
            result.reasons,
            [file.url for file in batch.files],
            f"`etl-platform rejects {batch.source} {batch.hour}`",
        )

    def _told(self, commit: Commit, outcome: Outcome) -> Report:
        facts = {
            **_facts(commit.batch, Result.model_validate(commit, from_attributes=True)),
            "bytes_in": commit.batch.size_bytes,
            "seconds": commit.seconds,
            "engine": commit.engine,
            "attempt": commit.attempt,
            "contract_digest": commit.contract_digest,
            "commit": str(self._place(commit.batch)),
        }
        batch = commit.batch
        return Report(hour=batch.hour, batch_id=batch.batch_id, outcome=outcome, facts=facts)


def _blocked(batch: Batch, blocked: Blocked, result: Result | None = None) -> Report:
    return Report(
        hour=batch.hour,
        batch_id=batch.batch_id,
        outcome="blocked",
        facts=_facts(batch, result) if result else {},
        error_code=blocked.code,
        error=blocked.message,
    )


def _facts(batch: Batch, result: Result) -> dict[str, Any]:
    return {
        **result.counts.facts,
        "reasons": [
            {
                **reason.model_dump(exclude={"examples"}),
                "examples": [
                    {"file": batch.files[example.file_no].url, "record": example.record}
                    for example in reason.examples
                ],
            }
            for reason in result.reasons
        ],
        "unreadable_files": list(result.unreadable_files),
        "unknown_fields": list(result.unknown_fields),
        "values_truncated": result.values_truncated,
        "bytes_out": sum(file.size_bytes for file in result.files),
        "files": len(result.files),
        "rejects": [file.url for file in result.reject_files],
        "superseded": [file.url for file in result.superseded_files],
    }
