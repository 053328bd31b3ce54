"""Runs the laptop's Redshift until SIGTERM: python -m infra.local.redshift --state-dir DIR .."""

import argparse
import sys
from pathlib import Path

from infra.local.redshift.postgres import ISOLATION_LEVELS
from infra.local.redshift.service import Service


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(prog="python -m infra.local.redshift", description=__doc__)
    parser.add_argument("--state-dir", type=Path, required=True, help="where the data lie")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    parser.add_argument("--admin-user", required=True)
    parser.add_argument("--admin-password-file", type=Path, required=True)
    parser.add_argument("--database", required=True)
    parser.add_argument(
        "--check-roles",
        action="store_true",
        help="let the IAM_ROLE of COPY and UNLOAD do only what the IAM at AWS_ENDPOINT_URL says",
    )
    parser.add_argument("--isolation", choices=sorted(ISOLATION_LEVELS), default="SNAPSHOT")
    arguments = parser.parse_args()
    Service(
        state_dir=arguments.state_dir,
        port=arguments.port,
        database=arguments.database,
        admin_user=arguments.admin_user,
        admin_password=arguments.admin_password_file.read_text().strip(),
        isolation=arguments.isolation,
        checks_roles=arguments.check_roles,
    ).run(_say_ready)


def _say_ready(port: int) -> None:
    sys.stdout.write(f"redshift ready on 127.0.0.1:{port}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
