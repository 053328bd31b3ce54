"""Hand-written hostile files through both engines, against the oracle and what people expect."""

import tempfile
from pathlib import Path

import pytest

from etl_platform.contract import sizing
from etl_platform.convert.engine import Engine
from etl_platform.convert.single_node import SingleNode
from etl_platform.convert.spark import Spark
from etl_platform_tests.convert.differential.engines import differences, make
from etl_platform_tests.convert.differential.torture import Feed
from etl_platform_tests.convert.differential.torture_csv import CSV
from etl_platform_tests.convert.differential.torture_json import JSON
from etl_platform_tests.convert.differential.torture_xml import XML
from etl_platform_tests.convert.spark.in_process import InProcess

FEEDS = (*CSV, *JSON, *XML)


def check(feed: Feed, engine: Engine) -> None:
    with tempfile.TemporaryDirectory() as folder:
        hours = [[body] for _, body, *_ in feed.files]
        made = make(feed.attributes, hours, engine, Path(folder))
    for (name, body, rows, reasons), one in zip(feed.files, made, strict=True):
        assert differences(feed.attributes, [body], one, None) == [], name
        said = [reason["reason"] for row in one.rejects for reason in row["reasons"]]
        assert (one.counts.written, sorted(said)) == (rows, sorted(reasons.split())), name


@pytest.mark.parametrize("feed", FEEDS, ids=lambda feed: feed.name)
def test_a_hostile_file_becomes_what_docs_and_people_say(feed: Feed) -> None:
    check(feed, SingleNode())


@pytest.mark.parametrize("feed", FEEDS, ids=lambda feed: feed.name)
def test_a_hostile_file_becomes_the_same_in_many_small_tasks(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sizing, "TASK_BYTES", 40)
    check(feed, Spark(InProcess()))
