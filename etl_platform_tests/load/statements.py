"""Every statement of a load in each strategy, as sent; docs/load-statements.md holds the list.

python -m etl_platform_tests.load.statements
"""

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

from etl_platform.aws.s3 import S3
from etl_platform.contract.warehouse import Warehouse
from etl_platform.load.ledger import Run
from etl_platform.load.quoting import RoleArn
from etl_platform.load.target import Target
from etl_platform.load.transaction import Loader
from etl_platform_tests.load.endpoint import Endpoint, bucket, running_endpoint
from etl_platform_tests.load.samples import NAMES, batch, contract, converted

PAPER: Final = Path(__file__).parents[2] / "docs" / "load-statements.md"
BEGIN: Final = "<!-- written by python -m etl_platform_tests.load.statements -->"
ROLE: Final = RoleArn("arn:aws:iam::000000000000:role/load-tests-copy")

_HEADER: Final = (
    "| statement | begins | what it is for | what it costs in Redshift |\n|---|---|---|---|"
)
_DEAD: Final = {"column": "value", "values": ["dead"]}
LOADS: Final[dict[str, dict[str, Any]]] = {
    "`append`": {"strategy": "append"},
    "`refresh`": {"strategy": "refresh"},
    "`upsert`": {"strategy": "upsert"},
    "`upsert` with `version`": {"strategy": "upsert", "version": "revision"},
    "`upsert` with `deleted: {method: hard}`": {
        "strategy": "upsert",
        "deleted": _DEAD | {"method": "hard"},
    },
    "`upsert` with `null_means: keep`": {"strategy": "upsert", "null_means": "keep"},
    "`scd2` with `corrected: retract`": {"strategy": "scd2", "corrected": "retract"},
}

_COLUMNS: Final = "the columns of a table"
_RULE: Final = "the rule of the rows"
_WITHOUT_TABLE: Final = re.compile(r"(the columns|the rule of the rows) of .*")
_OF_CHANGE: Final = "grows with the rows of the change"
_OF_BATCHES: Final = "some rows, one for each batch: round trip and planning"
_OF_KEYS: Final = (
    "reads the key columns of the table and the change; with `distkey` in the key no row moves,"
    " with the key as `sortkey` blocks outside of the change are passed over"
)
PURPOSES: Final[dict[str, tuple[str, str]]] = {
    "the label": ("names the load in the history of queries", "no query"),
    "the limit of the wait": ("has the wait for the lock end, to look who has it", "no query"),
    "the lock": ("keeps other loads of the table out", "waits for them; reads nothing"),
    "the time limit": ("has each statement end that takes longer than an hour", "no query"),
    _COLUMNS: (
        "sees that the table, its journal and its tombstones are as the contract says",
        "reads the catalog, on the leader",
    ),
    _RULE: (
        "sees that the rows went by the strategy, the key and the version of the contract",
        "reads the catalog, on the leader",
    ),
    "the look at the ledger": (
        "finds the batches that are loaded, and the newest hour",
        "reads the ledger of the table, one row a batch",
    ),
    "the staging table": ("a temporary table with the columns of the files", "no rows"),
    "COPY": (
        "the files of all batches by one manifest",
        "grows with bytes and files; slices share the files",
    ),
    "the count of COPY": (
        "what COPY says it has loaded, and the number of its query",
        "answered by the leader",
    ),
    "the count of staged rows": ("holds every batch against its commit", _OF_CHANGE),
    "the table of versions": ("room for the order of manifests", "no rows"),
    "the numbers of versions": ("which manifest of an hour is the later one", _OF_BATCHES),
    "the newest staged rows": (
        "one row for each key, or its periods, as the table will have them",
        _OF_CHANGE + "; with a journal also reads the journal's rows of the keys",
    ),
    "the check for newer rows": (
        "takes out what the table has newer",
        _OF_KEYS + "; without `version` only sent where a later hour is loaded",
    ),
    "the check for later manifests": (
        "the same for an hour of which a later manifest is loaded",
        _OF_KEYS + "; only sent for such an hour",
    ),
    "the keys of the change": (
        "the keys that are made again",
        "grows with the change; with `retract` also reads the journal's rows of the hour",
    ),
    "the table of manifests": ("room for the moments of manifests", "no rows"),
    "the moments of manifests": ("orders rows of one version and hour", _OF_BATCHES),
    "the delete of corrected hours": (
        "an older manifest leaves the journal",
        "reads the hours of the journal; marks its rows of the hour",
    ),
    "the insert into the journal": ("every row, as it was staged", _OF_CHANGE),
    "the count of new rows": ("how many rows each batch adds", _OF_CHANGE),
    "the delete of the hours": (
        "an older manifest leaves the table",
        "reads the hours of the table; few blocks with `_hour` as `sortkey`",
    ),
    "the delete of the table": (
        "the older hour goes",
        "marks every row; VACUUM gets the room back",
    ),
    "the delete of replaced rows": ("older rows of the keys go", _OF_KEYS),
    "the insert": ("the rows of the change", _OF_CHANGE),
    "the insert of tombstones": ("remembers keys that were removed", _OF_CHANGE),
    "the ledger entry": ("remembers the batches, in the same transaction", _OF_BATCHES),
    "the count of the table": (
        "the size of the table, for Dagster",
        "reads one column of the table",
    ),
    "COMMIT": ("all of it, or nothing", "commits of a cluster go one after the other"),
}


@dataclass
class Recording:
    """A real warehouse that remembers the names of the statements, and how each begins."""

    inner: Warehouse
    sent: list[str]
    verbs: dict[str, str]

    def execute(self, statement: str, parameters: Sequence[object] = (), *, name: str) -> int:
        self._record(name, statement)
        return self.inner.execute(statement, parameters, name=name)

    def fetch(
        self, statement: str, parameters: Sequence[object] = (), *, name: str
    ) -> list[tuple[Any, ...]]:
        self._record(name, statement)
        return self.inner.fetch(statement, parameters, name=name)

    def commit(self) -> None:
        self._record("COMMIT", "COMMIT")
        self.inner.commit()

    def rollback(self) -> None:
        self.inner.rollback()

    def _record(self, name: str, statement: str) -> None:
        if found := _WITHOUT_TABLE.fullmatch(name):
            name = _RULE if found[1] == _RULE else _COLUMNS
        self.sent.append(name)
        found = re.match(r"[A-Z]+(?: (?:TEMP )?TABLE| INTO| FROM)?(?=\W|$)", statement)
        assert found is not None, statement
        self.verbs[name] = found[0]


@dataclass(frozen=True)
class Sent:
    """The statements of a new hour, and what is added where an older hour, or an older manifest,
    arrives late."""

    hour: list[str]
    late: list[str]
    verbs: dict[str, str] = field(default_factory=dict)


def sent(endpoint: Endpoint, load: Mapping[str, Any]) -> Sent:
    """Load a table that has rows already, and see what is sent."""
    of = contract(load["strategy"], load=load)
    endpoint.bootstrap(of)
    bucket(NAMES.processed_bucket(of.source))
    found = Sent([], [])

    def load_hour(hour: int, manifest: int, names: list[str]) -> None:
        @contextmanager
        def connect() -> Iterator[Warehouse]:
            with endpoint.connect() as warehouse:
                yield Recording(warehouse, names, found.verbs)

        commit = converted(S3(), of, batch(of, hour, manifest), [(hour, manifest, "a")])
        loader = Loader(Target(of), NAMES, ROLE, Run("order", "run"), connect, S3())
        assert all(report.error is None for report in loader.load([commit]))

    load_hour(0, 0, [])
    load_hour(2, 1, found.hour)
    load_hour(2, 0, found.late)
    load_hour(1, 0, found.late)
    return found


def page(endpoint: Endpoint) -> str:
    """What the document holds below its mark."""
    by_load = {name: sent(endpoint, load) for name, load in LOADS.items()}
    verbs = {name: verb for one in by_load.values() for name, verb in one.verbs.items()}
    unexplained = verbs.keys() - PURPOSES.keys()
    assert not unexplained, unexplained
    table = "\n".join(
        f"| {name} | `{verbs[name]}` | {purpose} | {cost} |"
        for name, (purpose, cost) in PURPOSES.items()
        if name in verbs
    )
    hours = [one.hour for one in by_load.values()]
    head, tail = _shared(hours), _shared([hour[::-1] for hour in hours])[::-1]
    lists = [f"### All begin with\n\n{_numbered(head)}"]
    for load, one in by_load.items():
        own = _numbered(one.hour[len(head) : -len(tail)], len(head) + 1)
        more = [name for name in dict.fromkeys(one.late) if name not in one.hour]
        late = (
            f"\n\nAn older hour or manifest that arrives late: {', '.join(more)}." if more else ""
        )
        lists.append(f"### {load}\n\n{own}{late}")
    lists.append(f"### All end with\n\n{_numbered(tail)}")
    parts = ["## What each is for", f"{_HEADER}\n{table}", "## In which order", *lists]
    return "\n\n".join(parts) + "\n"


def _shared(lists: Sequence[Sequence[str]]) -> list[str]:
    """What all lists begin with."""
    same = takewhile(lambda names: len(set(names)) == 1, zip(*lists, strict=False))
    return [names[0] for names in same]


def _numbered(names: Sequence[str], first: int = 1) -> str:
    return "\n".join(f"{number}. {name}" for number, name in enumerate(names, first))


def main() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="statements-") as name,
        running_endpoint(Path(name)) as endpoint,
    ):
        endpoint.bootstrap()
        told, mark, _ = PAPER.read_text().partition(BEGIN)
        assert mark, f"{PAPER} has no line {BEGIN}"
        PAPER.write_text(f"{told}{BEGIN}\n\n{page(endpoint)}")


if __name__ == "__main__":
    main()
