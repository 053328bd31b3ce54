"""Texts that are too long: refused, or cut at a whole character and counted."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl_platform.contract import sizing
from etl_platform.convert.engine import Result
from etl_platform.convert.parse import create_records, parse
from etl_platform.convert.reasons import Reason
from etl_platform.convert.session import connect
from etl_platform.convert.spark import Spark
from etl_platform.convert.tally import count_truncated
from etl_platform_tests.convert.samples import HOUR, World, contract, converted
from etl_platform_tests.convert.spark.in_process import InProcess
from etl_platform_tests.fakes.storage import DirectoryStorage

CSV = {"type": "csv"}


def oracle(text: str, most: int) -> str:
    """The longest beginning of whole characters that fits."""
    return text.encode()[:most].decode(errors="ignore")


texts = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"], exclude_characters=',"'),
    min_size=1,
    max_size=10,
)


@settings(max_examples=60, deadline=None)
@given(most=st.integers(1, 9), several=st.lists(texts, min_size=1, max_size=20))
def test_a_text_is_cut_at_the_last_whole_character_that_fits(most: int, several: list[str]) -> None:
    column = {"name": "c", "type": f"varchar({most})", "too_long": "truncate", "null_tokens": []}
    of = contract([column], CSV)
    result = converted(of, "\n".join(["c", *several]).encode())
    assert [row["c"] for row in result.rows] == [oracle(text, most) for text in several]


@pytest.mark.parametrize(
    ("kind", "text", "kept"),
    [
        ("varchar(4)", "fünf", "fün"),
        ("varchar(2)", "a😀", "a"),
        ("varchar(1)", "é", ""),
        ("varchar(4)", "😀", "😀"),
        ("char(2)", "abc", "ab"),
    ],
)
def test_a_cut_never_splits_a_character(kind: str, text: str, kept: str) -> None:
    of = contract([{"name": "c", "type": kind, "too_long": "truncate"}], CSV)
    assert converted(of, f"c\n{text}\n".encode()).rows == [{"c": kept}]


def test_without_being_asked_nothing_is_cut() -> None:
    of = contract([{"name": "c", "type": "varchar(4)"}], CSV)
    assert converted(of, "c\nfünf\n".encode()).reasons == [(1, "c", Reason.TOO_LONG, "fünf")]


def test_cut_values_are_counted_by_column_and_only_in_kept_records(tmp_path: Path) -> None:
    of = contract(
        [
            {"name": "n", "type": "integer"},
            {"name": "a", "type": "varchar(2)", "too_long": "truncate"},
            {"name": "b", "type": "varchar(2)", "too_long": "truncate"},
            {"name": "c", "type": "varchar(2)", "too_long": "truncate"},
        ],
        CSV,
    )
    file = tmp_path / "raw.csv"
    file.write_bytes(b"n,a,b,c\n1,xxx,yyy,z\n2,xx,yyy,\nbroken,xxx,yyy,zzz\n")
    with connect(tmp_path, 0.1, 1) as connection:
        create_records(connection, of)
        parse(connection, of, file, "s3://raw/0", 0)
        assert count_truncated(connection, of) == {"a": 1, "b": 2}


def test_the_report_and_the_commit_say_how_many_values_were_cut(tmp_path: Path) -> None:
    world = World(DirectoryStorage(tmp_path))
    of = contract([{"name": "c", "type": "varchar(2)", "too_long": "truncate"}], CSV)
    batch = world.land(of, HOUR, b"c\nxxx\nxx\n", b"c\nyyy\n")
    (report,) = world.convert(of, batch)
    assert report.facts["values_truncated"] == world.commit(batch).values_truncated == {"c": 2}
    assert [row["c"] for row in world.rows(world.commit(batch).files)] == ["xx", "xx", "yy"]


def test_what_was_cut_is_counted_over_all_tasks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sizing, "TASK_BYTES", 5)
    world = World(DirectoryStorage(tmp_path))
    of = contract([{"name": "c", "type": "varchar(2)", "too_long": "truncate"}], CSV)
    batch = world.land(of, HOUR, b"c\nxxx\nxx\n", b"c\nyyy\n")
    world.convert(of, batch, engine=Spark(InProcess()))
    commit = world.commit(batch)
    assert commit.values_truncated == {"c": 2}
    assert commit.counts.written == 3


def test_cut_values_of_the_parts_of_an_attempt_add_up() -> None:
    parts = [Result(values_truncated={"b": 1, "a": 2}), Result(), Result(values_truncated={"b": 3})]
    assert Result.of(parts).values_truncated == {"a": 2, "b": 4}
