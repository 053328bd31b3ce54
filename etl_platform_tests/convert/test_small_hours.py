"""Small hours that are converted many at a time are what each is when it is converted alone."""

import gzip
import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl_platform.contract.batch import Batch
from etl_platform.contract.commit import ParquetFile
from etl_platform.contract.order import Report
from etl_platform.contract.source import SourceContract
from etl_platform.convert import single_node
from etl_platform.convert.parse import Parsed, parse_together
from etl_platform_tests.convert.samples import HOUR, NAMES, World, contract
from etl_platform_tests.fakes.storage import DirectoryStorage

HEADER: Final = b"id,name,price\n"
CSV: Final = {
    "clean": HEADER + b"1,a,1.5\n2,b,2\n",
    "the same keys": HEADER + b"2,newer,3\n3,c,\n",
    "rejects": HEADER + b"x,d,1\n4,e,much\n5,f,9\n",
    "cut": HEADER + b"6,far too long,1\n",
    "another order": b"price,id,name\n7,7,g\n",
    "an unknown field": b"id,name,price,more\n8,h,8,what\n",
    "quoted": HEADER + b'9,"i,\nj",9\n',
    "no record": HEADER,
    "nothing": b"",
    "no file of ours": b"another,header\n1,2\n",
    "compressed": gzip.compress(HEADER + b"10,k,1\n"),
    "cut off": gzip.compress(HEADER + b"11,l,1\n")[:-6],
}
JSON: Final = {
    "clean": b'{"id": 1, "name": "a", "price": 1.5}\n{"id": 2, "name": "b"}\n',
    "the same keys": b'{"id": 2, "name": "newer"}\n{"id": 3}\n',
    "rejects": b'{"id": "x"}\n{"id": 4, "price": "much"}\n{"id": 5}\n',
    "cut": b'{"id": 6, "name": "far too long"}\n',
    "an unknown field": b'{"id": 8, "more": [1, 2]}\n',
    "nested": b'{"id": 9, "name": {"first": "i"}}\n',
    "nothing": b"",
    "no file of ours": b"<no JSON/>\n",
    "broken off": b'{"id": 12}\n{"id": 1',
    "compressed": gzip.compress(b'{"id": 10}\n'),
}
XML: Final = {
    "clean": b"<x><r><id>1</id><name>a</name></r><r><id>2</id></r></x>",
    "the same keys": b"<x><r><id>2</id><name>newer</name></r></x>",
    "rejects": b"<x><r><id>x</id></r><r><id>4</id><price>much</price></r></x>",
    "an unknown field": b"<x><r><id>8</id><more>what</more></r></x>",
    "nothing": b"",
    "broken off": b"<x><r><id>12</id></r><r><id>1",
}
FEEDS: Final[dict[str, tuple[dict[str, str], dict[str, bytes]]]] = {
    "csv": ({"type": "csv"}, CSV),
    "json": ({"type": "json"}, JSON),
    "xml": ({"type": "xml", "row": "r"}, XML),
}
POLICIES: Final[dict[str, dict[str, Any]]] = {
    "reject": {"rejects": {"at_most": "100%", "unreadable_files": "reject"}},
    "block": {"rejects": {"at_most": 2, "unreadable_files": "block"}},
    "capture": {"unknown": "capture", "keep_superseded": True},
}


def orders(policy: str, form: str = "csv") -> SourceContract:
    columns: list[dict[str, Any]] = [
        {"name": "id", "type": "integer", "required": True},
        {"name": "name", "type": "varchar(6)", "too_long": "truncate"},
        {"name": "price", "type": "decimal(6,2)"},
    ]
    return contract(columns, FEEDS[form][0], key=["id"], **POLICIES[policy])


def told(world: World, batch: Batch, report: Report) -> dict[str, Any]:
    """All that a conversion leaves of an hour, but for what differs between any two attempts."""
    told = report.model_dump(exclude={"facts"})
    told |= {n: v for n, v in report.facts.items() if n.startswith(("rows_", "unknown", "values"))}
    told |= {name: report.facts.get(name) for name in ("reasons", "unreadable_files", "bytes_out")}
    if report.outcome != "blocked":
        commit = world.commit(batch)
        kinds: dict[str, Sequence[ParquetFile]] = {
            "files": commit.files,
            "rejects": commit.reject_files,
            "superseded": commit.superseded_files,
        }
        told |= {kind: world.rows(files) for kind, files in kinds.items()}
        told["examples"] = [reason.examples for reason in commit.reasons]
        told["pointed"] = batch.hour in world.catalog.points
    return told


@pytest.mark.parametrize("form", FEEDS)
@given(data=st.data())
@settings(max_examples=10)
def test_hours_converted_together_are_as_if_each_were_alone(form: str, data: st.DataObject) -> None:
    bodies = FEEDS[form][1]
    of = orders(data.draw(st.sampled_from(sorted(POLICIES))), form)
    names = st.lists(st.sampled_from(sorted(bodies)), max_size=3)
    hours = data.draw(st.lists(names, min_size=2, max_size=12))
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        together = World(DirectoryStorage(Path(one)))
        batches = [
            together.land(of, HOUR.plus(n), *(bodies[name] for name in files))
            for n, files in enumerate(hours)
        ]
        shutil.copytree(one, other, dirs_exist_ok=True)
        alone = World(DirectoryStorage(Path(other)))
        reports = together.convert(of, *batches)
        singles = [report for batch in batches for report in alone.convert(of, batch)]
        for batch, of_many, of_one in zip(batches, reports, singles, strict=True):
            assert told(together, batch, of_many) == told(alone, batch, of_one)


def test_tiny_hours_share_statements_and_larger_ones_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of, world = orders("reject"), World(DirectoryStorage(tmp_path))
    large = HEADER + b"1,a,1\n" * 200_000
    bodies = [[CSV["clean"]] * 2] * 40 + [[large]] + [[CSV["clean"]] * 70] + [[]] * 3
    batches = [world.land(of, HOUR.plus(n), *files) for n, files in enumerate(bodies)]
    statements: list[int] = []

    def counted(connection: Any, of: SourceContract, files: Sequence[Any]) -> list[Parsed]:
        statements.append(len(files))
        return parse_together(connection, of, files)

    monkeypatch.setattr(single_node, "parse_together", counted)
    assert {report.outcome for report in world.convert(of, *batches)} == {"done"}
    assert sum(statements) == 40 * 2 + 1 + 70
    assert max(statements) == 64
    assert 1 in statements
    assert len(statements) < 8


def test_an_hour_that_blocks_is_found_among_those_converted_together(tmp_path: Path) -> None:
    of, world = orders("block"), World(DirectoryStorage(tmp_path))
    names = ["clean", "no file of ours", "rejects", "clean", "cut off"]
    batches = [world.land(of, HOUR.plus(n), CSV[name]) for n, name in enumerate(names)]
    gone = world.land(of, HOUR.plus(len(names)), CSV["clean"])
    lost = gone.files[0].model_copy(update={"key": gone.files[0].key + "-gone"})
    batches.append(gone.model_copy(update={"files": (lost,)}))
    reports = world.convert(of, *batches)
    assert [report.error_code for report in reports] == [
        None,
        "FILE_UNREADABLE",
        None,
        None,
        "FILE_UNREADABLE",
        "OBJECT_MISSING",
    ]
    for batch, report in zip(batches, reports, strict=True):
        assert (batch.hour in world.catalog.points) == (report.outcome == "done")
        assert (report.hour, report.batch_id) == (batch.hour, batch.batch_id)
    assert NAMES.commit("feed", HOUR, batches[0].batch_id) in {
        found.location for found in world.storage.list(NAMES.hour_folder("feed", HOUR))
    }
