"""No test uses the stack that somebody has running: it gets its environment from its fixtures."""

import os

os.environ["ETL_ENV_FILE"] = ""
for name in [name for name in os.environ if name.startswith(("AWS_", "ETL_NAMESPACE"))]:
    del os.environ[name]
os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
