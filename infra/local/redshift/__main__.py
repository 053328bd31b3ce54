"""Runs the laptop's Redshift until SIGTERM: python -m infra.local.redshift --state-dir DIR .."""

import argparse
import asyncio
import logging
import shutil
import signal
import sys
from pathlib import Path

from infra.local.redshift.bootstrap import bootstrap
from infra.local.redshift.postgres import ISOLATION_LEVELS, EmbeddedPostgres
from infra.local.redshift.server import RedshiftServer


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(prog="python -m infra.local.redshift", description=__doc__)
    parser.add_argument("--state-dir", type=Path, required=True, help="where the data lie")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    parser.add_argument("--admin-user", required=True)
    parser.add_argument("--admin-password-file", type=Path, required=True)
    parser.add_argument("--database", required=True)
    parser.add_argument("--isolation", choices=sorted(ISOLATION_LEVELS), default="SNAPSHOT")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    # The dialect decides what is an error; the parser's own warnings would show statements.
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    asyncio.run(_serve(arguments))


async def _serve(arguments: argparse.Namespace) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    state_dir: Path = arguments.state_dir.resolve()
    scratch = state_dir / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    postgres = EmbeddedPostgres(state_dir, arguments.isolation)
    await asyncio.to_thread(postgres.start)
    try:
        scratch.mkdir()
        await bootstrap(
            postgres.socket,
            database=arguments.database,
            admin_user=arguments.admin_user,
            admin_password=arguments.admin_password_file.read_text().strip(),
        )
        server = RedshiftServer(postgres.socket, scratch)
        port = await server.start(arguments.port)
        (state_dir / "port").write_text(f"{port}\n")
        sys.stdout.write(f"redshift ready on 127.0.0.1:{port}\n")
        sys.stdout.flush()
        await stopped.wait()
        (state_dir / "port").unlink(missing_ok=True)
        await server.stop()
    finally:
        await asyncio.to_thread(postgres.stop)


if __name__ == "__main__":
    main()
