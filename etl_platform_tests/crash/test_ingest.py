"""The pin of an hour dies before and behind its only effect; the next one pins the same batch."""

import itertools
import json

import pytest

from etl_platform.aws.s3 import S3
from etl_platform.contract.batch import Batch
from etl_platform.contract.errors import ObjectMissing
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import Names
from etl_platform.ingest.pin import pin
from etl_platform_tests.crash.places import INGEST, WAYS
from etl_platform_tests.crash.processes import started
from etl_platform_tests.load.endpoint import Endpoint, bucket

NAMES = Names("crash-ingest")
SOURCE = "pinned"
HOURS = map(Hour.parse("2026-11-23-03").plus, itertools.count())


@pytest.fixture(scope="module")
def raw(endpoint: Endpoint) -> None:
    for name in (NAMES.raw_bucket(SOURCE), NAMES.processed_bucket(SOURCE)):
        bucket(name)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("place", INGEST)
def test_a_pin_that_dies_is_made_by_the_next_one(raw: None, place: str, way: str) -> None:
    """P4."""
    hour, storage = next(HOURS), S3()
    file = NAMES.raw_folder(SOURCE, hour) / "a.csv"
    storage.write(file, b"id\n1\n")
    body = json.dumps({"entries": [{"url": str(file)}]}).encode()
    storage.write(NAMES.manifest(SOURCE, hour), body)

    module = "etl_platform_tests.crash.pinning"
    with started(module, [NAMES.namespace, SOURCE, str(hour)], f"{place}={way}") as job:
        WAYS[way](job)
    if place == "ingest.before_pin":
        with pytest.raises(ObjectMissing):
            storage.read(NAMES.pin(SOURCE, hour))
    made = pin(storage, NAMES, SOURCE, hour)
    assert Batch.model_validate_json(storage.read(NAMES.pin(SOURCE, hour))) == made
    assert [found.url for found in made.files] == [str(file)]
