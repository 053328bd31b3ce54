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

    def text(self, key: str, content: str | bytes) -> str:
        """Write a file as it is; its URL."""
        body = content.encode() if isinstance(content, str) else content
        self._s3.put_object(Bucket=self.bucket, Key=key, Body=body)
        return f"s3://{self.bucket}/{key}"

    def read(self, key: str) -> bytes:
        """The content of an object."""
        body: bytes = self._s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return body

    def keys(self, prefix: str) -> list[str]:
        """The keys that start so, in order."""
        found = self._s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        return sorted(entry["Key"] for entry in found.get("Contents", []))

    def manifest(self, *entries: dict[str, Any], key: str = "load.manifest") -> str:
        """Write a manifest; its URL."""
        body = json.dumps({"entries": entries}).encode()
        self._s3.put_object(Bucket=self.bucket, Key=key, Body=body)
        return f"s3://{self.bucket}/{key}"


def copy_text(table: str, url: str, options: str = "") -> str:
    """A COPY statement of text, CSV or JSON."""
    return f"COPY {table} FROM '{url}' IAM_ROLE '{ROLE}' {options}"


def copy(table: str, url: str, options: str = "MANIFEST") -> str:
    """A COPY statement."""
    return f"COPY {table} FROM '{url}' IAM_ROLE '{ROLE}' FORMAT AS PARQUET {options}"
