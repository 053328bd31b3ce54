"""Parquet files and manifests in a bucket of MiniStack."""

import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

ROLE = "arn:aws:iam::123456789012:role/etl-platform-copy"


class Lake:
    """Puts Parquet files and manifests into the test's bucket."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3 = s3
        self.bucket = bucket

    def put(self, key: str, table: pa.Table, **options: Any) -> dict[str, Any]:
        """Write a file; its manifest entry."""
        sink = io.BytesIO()
        pq.write_table(table, sink, **options)
        self._s3.put_object(Bucket=self.bucket, Key=key, Body=sink.getvalue())
        return {
            "url": f"s3://{self.bucket}/{key}",
            "mandatory": True,
            "meta": {"content_length": len(sink.getvalue())},
        }

    def manifest(self, *entries: dict[str, Any], key: str = "load.manifest") -> str:
        """Write a manifest; its URL."""
        body = json.dumps({"entries": entries}).encode()
        self._s3.put_object(Bucket=self.bucket, Key=key, Body=body)
        return f"s3://{self.bucket}/{key}"


def copy(table: str, url: str, options: str = "MANIFEST") -> str:
    """A COPY statement."""
    return f"COPY {table} FROM '{url}' IAM_ROLE '{ROLE}' FORMAT AS PARQUET {options}"
