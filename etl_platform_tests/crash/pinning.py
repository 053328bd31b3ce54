"""Pin one hour in a process of its own, as the step of Dagster does."""

import sys

from etl_platform.aws.s3 import S3
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import Names
from etl_platform.ingest.pin import pin

if __name__ == "__main__":
    namespace, source, hour = sys.argv[1:]
    pin(S3(), Names(namespace), source, Hour.parse(hour))
