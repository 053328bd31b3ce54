"""An order to reports: which hours still need work, and what makes an attempt the batch's own.

The commit is written once, by whoever comes first; every other attempt at the batch finds it and
reports that one. Nothing else makes the files of an attempt visible.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, Literal

from etl_platform.contract.batch import Batch
from etl_platform.contract.catalog import Catalog
from etl_platform.contract.checkpoints import checkpoint
from etl_platform.contract.commit import Commit
from etl_platform.contract.errors import ObjectMissing, RejectLimitExceeded, Terminal
from etl_platform.contract.hour import Hour
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
from etl_platform.convert.ahead import made_ahead, made_together
from etl_platform.convert.engine import Attempt, Blocked, Engine, Result
from etl_platform.convert.reject_limit import check_limit
from etl_platform.convert.single_node import SingleNode

Outcome = Literal["done", "already"]

_CALLS_AT_ONCE: Final = 8


def engine_for(order: Order) -> Engine:
    """The engine that the contract names, or the one that fits the bytes of the order."""
    if sized(order).engine == "single_node":
        return SingleNode()
    # Imported here only, so that a single node needs neither PySpark nor Java.
    from etl_platform.convert.spark import Spark

    return Spark()


def convert(order: Order, engine: Engine, storage: Storage, catalog: Catalog) -> Iterator[Report]:
    """Carry out an order, one report an hour, as they end.

    While hours are converted, those before them are committed and shown to readers. A Transient
    error ends the whole order: whatever was committed is found by the next try.
    """
    conversion = _Conversion(order.contract, Names(order.namespace), storage, catalog)
    waiting: list[Attempt] = []
    earlier: list[_Ended | Report] = []
    found = made_ahead(conversion.found, order.batches, _CALLS_AT_ONCE)
    for batch, ended in zip(order.batches, found, strict=True):
        if ended is None:
            waiting.append(Attempt.at(batch, conversion.names))
        else:
            earlier.append(ended)
    yield from conversion.shown(earlier)
    results = engine.run(order.contract, waiting, storage)
    yield from made_together(partial(conversion.conclude, engine.name), results)


@dataclass(frozen=True)
class _Ended:
    """A batch that has its commit, and whether no newer one of its hour is pinned."""

    commit: Commit
    outcome: Outcome
    is_newest: bool


class _Conversion:
    """The steps of one order that engines have no part in."""

    def __init__(
        self, contract: SourceContract, names: Names, storage: Storage, catalog: Catalog
    ) -> None:
        self.names = names
        self._contract = contract
        self._storage = storage
        self._catalog = catalog

    def found(self, batch: Batch) -> _Ended | Report | None:
        """What an earlier attempt at a batch has committed, if there was one."""
        try:
            written = self._storage.read(self._place(batch))
        except ObjectMissing:
            return None
        try:
            return self._ended(Commit.model_validate_json(written), "already")
        except Terminal as error:
            return _blocked(batch, Blocked.by(error))

    def conclude(
        self, engine: str, several: Sequence[tuple[Attempt, Result | Blocked]]
    ) -> list[Report]:
        """Commit what an engine has written, if the contract allows it, and show it to readers."""

        def end(pair: tuple[Attempt, Result | Blocked]) -> _Ended | Report:
            return self._end(*pair, engine)

        return self.shown(list(made_ahead(end, several, _CALLS_AT_ONCE)))

    def _end(self, attempt: Attempt, result: Result | Blocked, engine: str) -> _Ended | Report:
        if isinstance(result, Blocked):
            return _blocked(attempt.batch, result)
        try:
            self._check_limit(attempt.batch, result)
            return self._commit(attempt, result, engine)
        except RejectLimitExceeded as error:
            return _blocked(attempt.batch, Blocked.by(error), result)
        except Terminal as error:
            return _blocked(attempt.batch, Blocked.by(error))

    def _commit(self, attempt: Attempt, result: Result, engine: str) -> _Ended:
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
                return self._ended(winner, "already")
        checkpoint("convert.after_commit")
        return self._ended(commit, "done")

    def _ended(self, commit: Commit, outcome: Outcome) -> _Ended:
        batch = commit.batch
        try:
            pinned = Batch.model_validate_json(
                self._storage.read(self.names.pin(batch.source, batch.hour))
            )
        except ObjectMissing:
            pinned = batch
        is_newest = pinned.batch_id == batch.batch_id or pinned.manifest_at <= batch.manifest_at
        return _Ended(commit, outcome, is_newest)

    def shown(self, several: Sequence[_Ended | Report]) -> list[Report]:
        """Reports on batches, of which those with a commit are shown to readers.

        An earlier attempt may have died between its commit and the catalog.
        """
        blocked = self._point([one for one in several if isinstance(one, _Ended)])
        return [
            one
            if isinstance(one, Report)
            else blocked.get(one.commit.batch.hour) or self._told(one.commit, one.outcome)
            for one in several
        ]

    def _point(self, several: Sequence[_Ended]) -> dict[Hour, Report]:
        """Have the catalog show the batches that their hours stand for, and no older ones.

        The batches that cannot be shown come back as reports.
        """
        places: dict[str, dict[Hour, Location]] = defaultdict(dict)
        for ended in several:
            if ended.is_newest:
                for table, place in self._places(ended.commit):
                    places[table][ended.commit.batch.hour] = place
        blocked: dict[Hour, Report] = {}
        for table, hours in places.items():
            try:
                self._catalog.point_partitions(table, hours)
            except Terminal as error:
                batches = [e.commit.batch for e in several if e.commit.batch.hour in hours]
                blocked |= {batch.hour: _blocked(batch, Blocked.by(error)) for batch in batches}
        return blocked

    def _places(self, commit: Commit) -> Iterator[tuple[str, Location]]:
        """Where the partitions of each table are to lie for a batch."""
        batch = commit.batch
        prefix = self.names.attempt(batch.source, batch.hour, batch.batch_id, commit.attempt)
        yield batch.source, prefix
        # Without rejects as well: the hour must not show those of an older batch.
        yield rejects_table(batch.source), prefix / REJECTS_FOLDER
        if self._contract.keep_superseded:
            yield superseded_table(batch.source), prefix / SUPERSEDED_FOLDER

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
