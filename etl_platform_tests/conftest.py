"""No test uses the stack that somebody has running: it gets its environment from its fixtures."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

os.environ["ETL_ENV_FILE"] = ""
for name in [name for name in os.environ if name.startswith(("AWS_", "ETL_NAMESPACE"))]:
    del os.environ[name]
os.environ["AWS_DEFAULT_REGION"] = "us-east-1"

# A worker of the suite ignores it, and what a test starts would inherit that and never end.
signal.signal(signal.SIGTERM, signal.SIG_DFL)

# How fast an example is depends on what else the machine does, and says nothing of the code.
settings.register_profile(
    "suite", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("suite")

_FOLDERS_OF_ONE_STACK = ("e2e", "infra/local/redshift", "infra/local/glue", "load", "infra")
"""Their tests share what a session starts for them, so one worker runs them all."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say which tests belong to one worker, and let the longest groups begin."""
    ranks = {}
    for item in items:
        place = item.path.relative_to(Path(__file__).parent)
        shared = [f for f in _FOLDERS_OF_ONE_STACK if place.is_relative_to(f)]
        group = shared[0] if shared else str(place)
        item.add_marker(pytest.mark.xdist_group(group))
        ranks[item] = _FOLDERS_OF_ONE_STACK.index(group) if shared else len(_FOLDERS_OF_ONE_STACK)
    items.sort(key=lambda item: ranks[item])
