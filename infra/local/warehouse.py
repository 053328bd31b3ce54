"""The secrets of the warehouse, completed as AWS completes them when a cluster is attached."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local.processes import LOOPBACK
from infra.local.servers import DATABASE


@dataclass(frozen=True)
class Admin:
    """The first user of the warehouse, as the template had Secrets Manager make it up."""

    user: str
    password_file: Path


def admin_of(secrets: Any, secret_id: str, password_file: Path) -> Admin:
    """Read the admin's secret; its password goes into a file that only its owner reads."""
    secret = _read(secrets, secret_id)
    password_file.touch(mode=0o600)
    password_file.write_text(secret["password"])
    return Admin(secret["username"], password_file)


def complete_secret(secrets: Any, secret_id: str, port: int) -> None:
    """Add where the warehouse is to a secret that holds who may enter."""
    before = _read(secrets, secret_id)
    after = {
        **before,
        "host": LOOPBACK,
        "port": port,
        "dbname": DATABASE,
        # There is no network between the parts of the laptop to protect.
        "sslmode": "disable",
    }
    if after != before:
        secrets.put_secret_value(SecretId=secret_id, SecretString=json.dumps(after))


def _read(secrets: Any, secret_id: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(
        secrets.get_secret_value(SecretId=secret_id)["SecretString"]
    )
    return document
