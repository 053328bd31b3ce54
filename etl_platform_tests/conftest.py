"""No test uses the stack that somebody has running: it gets its environment from its fixtures."""

import os

from hypothesis import HealthCheck, settings

os.environ["ETL_ENV_FILE"] = ""
for name in [name for name in os.environ if name.startswith(("AWS_", "ETL_NAMESPACE"))]:
    del os.environ[name]
os.environ["AWS_DEFAULT_REGION"] = "us-east-1"

# How fast an example is depends on what else the machine does, and says nothing of the code.
settings.register_profile(
    "suite", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("suite")
