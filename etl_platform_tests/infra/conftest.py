"""One installation, synthesised once: the sources of this checkout and a made-up one."""

import os

import pytest

from etl_platform.contract.arriving import Arrives
from etl_platform.contract.reading import read_contracts
from etl_platform.contract.source import SourceContract
from etl_platform_tests.infra.templates import Assembly
from infra.synth import synthesise

NAMESPACE = "etl-platform"
EXTRA = "made_up_source"


@pytest.fixture(scope="session")
def contracts() -> dict[str, SourceContract]:
    """The contracts of this checkout, and a made-up one after the first of them."""
    known = read_contracts()
    first = next(iter(known.values()))
    arrives = Arrives(schedule="15 * * * *")
    extra = first.model_copy(update={"source": EXTRA, "keep_superseded": True, "arrives": arrives})
    return {**known, EXTRA: extra}


@pytest.fixture(scope="session")
def installation(
    contracts: dict[str, SourceContract], tmp_path_factory: pytest.TempPathFactory
) -> Assembly:
    directory = tmp_path_factory.mktemp("assembly")
    # No program of PATH is needed, Node.js least of all.
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "PATH", "")
        synthesise(NAMESPACE, directory, contracts)
    return Assembly(directory)
