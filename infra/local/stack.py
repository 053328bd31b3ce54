"""The laptop as a whole: brought up step by step, looked at, taken down."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from etl_platform.contract.layout import Names
from infra.local.deploy import Deployed, Deployer
from infra.local.errors import NotUp
from infra.local.processes import Processes, Server, locked
from infra.local.servers import (
    CREDENTIALS,
    REGION,
    client,
    glue_runner,
    ministack,
    redshift,
    url_of,
)
from infra.local.warehouse import Admin, admin_of, complete_secret

NAMESPACE = "etl-local"
STOP_WITHIN_S = 30.0

# From the outside in: what uses another server ends before it.
_NAMES = ("redshift", "glue", "aws")
_STATE = (*_NAMES, "logs", "assembly", "processes.json", "admin-password")

Progress = Callable[[str], None]


@dataclass(frozen=True)
class ServerStatus:
    """One server as it is now. Without a port it was never started."""

    name: str
    is_running: bool
    pid: int | None
    port: int | None
    log_file: Path


class LocalStack:
    """The servers, stacks and warehouse of one state directory."""

    def __init__(self, state_dir: Path) -> None:
        self._dir = state_dir.resolve()
        self._names = Names(NAMESPACE)
        self._processes = Processes(self._dir)

    @property
    def environment_file(self) -> Path:
        return self._dir / "env"

    def up(
        self,
        progress: Progress,
        *,
        synthesise: Callable[[Path], None],
        bootstrap: Callable[[], None],
    ) -> Deployed:
        """Have everything running and as the templates say; what is so already is left alone.

        Args:
            progress: Told each step that takes time.
            synthesise: Writes the CDK assembly of `NAMESPACE` into a directory.
            bootstrap: Makes schemas and tables; called with `environment()` in os.environ.
        """
        with self._locked():
            self._start_aws_and_glue(progress)
            deployed = self._deploy(progress, synthesise)
            if deployed.changed:
                self._checkpoint(progress)
            self._start_warehouse(progress)
            self.write_environment()
            progress("preparing the warehouse")
            with _in_place(self.environment()):
                bootstrap()
            return deployed

    def status(self) -> list[ServerStatus]:
        """Each server, whether it runs or not."""
        records = self._processes.records()
        statuses = []
        for name in reversed(_NAMES):
            running = self._processes.is_running(name)
            record = records.get(name)
            statuses.append(
                ServerStatus(
                    name,
                    running,
                    record.pid if record and running else None,
                    record.port if record else None,
                    self._dir / "logs" / f"{name}.log",
                )
            )
        return statuses

    def down(self, *, reset: bool = False) -> None:
        """End every server; with `reset`, forget all that the laptop ever held."""
        with self._locked():
            self.environment_file.unlink(missing_ok=True)
            for name in _NAMES:
                self._processes.end(name, STOP_WITHIN_S)
            if reset:
                for name in _STATE:
                    _remove(self._dir / name)

    def environment(self) -> dict[str, str]:
        """What a process needs to use the laptop as its AWS."""
        return {
            "AWS_ENDPOINT_URL": url_of(self._port("aws")),
            "AWS_ENDPOINT_URL_GLUE": url_of(self._port("glue")),
            **CREDENTIALS,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "ETL_NAMESPACE": NAMESPACE,
        }

    def _start_aws_and_glue(self, progress: Progress) -> None:
        aws_port = self._ensure(ministack(self._dir / "aws"), progress)
        self._ensure(glue_runner(self._dir / "glue", aws_port), progress)

    def _deploy(self, progress: Progress, synthesise: Callable[[Path], None]) -> Deployed:
        progress("synthesising the stacks")
        assembly = self._dir / "assembly"
        _remove(assembly)
        synthesise(assembly)
        port = self._port("aws")
        deployer = Deployer(
            cloudformation=client("cloudformation", port),
            s3=client("s3", port),
            sts=client("sts", port),
            glue=client("glue", self._port("glue")),
            region=REGION,
        )
        return deployer.deploy(assembly, progress)

    def _checkpoint(self, progress: Progress) -> None:
        """Have the emulator write its state, which it does only when it ends.

        Without it, a first session that ends in a power cut leaves buckets on disk that no stack
        knows, and CloudFormation refuses to make them again.
        """
        progress("saving the state of aws")
        self._processes.end("aws", STOP_WITHIN_S)
        self._start_aws_and_glue(progress)

    def _start_warehouse(self, progress: Progress) -> None:
        aws_port = self._port("aws")
        secrets = client("secretsmanager", aws_port)
        admin: Admin = admin_of(secrets, self._names.admin_secret, self._dir / "admin-password")
        server = redshift(
            self._dir / "redshift", aws_port, admin.user, admin.password_file, check_roles=True
        )
        port = self._ensure(server, progress)
        for secret_id in (self._names.admin_secret, self._names.service_secret):
            complete_secret(secrets, secret_id, port)

    def _ensure(self, server: Server, progress: Progress) -> int:
        if not self._processes.is_running(server.name):
            progress(f"starting {server.name}")
        return self._processes.ensure(server)

    def _port(self, name: str) -> int:
        record = self._processes.records().get(name)
        if record is None or not self._processes.is_running(name):
            raise NotUp(name)
        return record.port

    def write_environment(self, **more: str) -> None:
        """Leave `environment()` for the command and for Dagster, and what runs beside the stack."""
        self.environment_file.touch(mode=0o600)
        everything = {**self.environment(), **more}
        lines = (f"{name}={value}\n" for name, value in everything.items())
        self.environment_file.write_text("".join(lines))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with locked(self._dir / "lock"):
            yield


@contextmanager
def _in_place(environment: Mapping[str, str]) -> Iterator[None]:
    """os.environ with these variables, and as it was afterwards."""
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
