"""No test uses the stack that somebody has running: it gets its environment from its fixtures."""

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

os.environ["ETL_ENV_FILE"] = ""
for name in [name for name in os.environ if name.startswith(("AWS_", "ETL_NAMESPACE"))]:
    del os.environ[name]
os.environ["AWS_DEFAULT_REGION"] = "us-east-1"

# A shell has commands in the background ignore SIGINT, and Dagster gives SIGTERM the same handler:
# what a test starts would inherit that, and never end.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGTERM, signal.SIG_DFL)

# How fast an example is depends on what else the machine does, and says nothing of the code. The
# suite has the same examples each time: it fails for who broke something, and not for who is next.
# New ones are looked for with `--hypothesis-profile explore`.
EXPLORE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.register_profile("explore", EXPLORE)
settings.register_profile("suite", EXPLORE, derandomize=True)
settings.load_profile("suite")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the longest files begin: the suite ends with whichever core ends last."""
    items.sort(key=lambda item: {"e2e", "ui"}.isdisjoint(item.path.parts))
