"""The runner of Glue jobs, for the tests of what starts them."""

from etl_platform_tests.infra.local.conftest import aws_port
from etl_platform_tests.infra.local.glue.conftest import runner

__all__ = ["aws_port", "runner"]
