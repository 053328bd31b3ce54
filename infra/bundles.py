"""The code that is uploaded: a zip for the Lambda, a zip and two entry scripts for the Glue jobs.

The same content gives the same bytes, so that a deployment without changes changes nothing.
"""

import zipfile
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

import etl_platform

PACKAGE = Path(etl_platform.__file__).parent

INGEST_FILES = (
    "__init__.py",
    "contract/__init__.py",
    "contract/checkpoints.py",
    "contract/errors/__init__.py",
    "contract/errors/batches.py",
    "contract/errors/given.py",
    "contract/errors/roots.py",
    "contract/errors/services.py",
    "contract/hour.py",
    "contract/layout.py",
    "contract/messaging.py",
    "ingest/__init__.py",
    "ingest/message.py",
    "ingest/handler.py",
    "aws/__init__.py",
    "aws/clients.py",
    "aws/queue.py",
)
"""What the Lambda needs: nothing here imports more than the standard library and boto3."""

JOB_FOLDERS = ("contract", "convert", "load", "aws")
"""What runs inside Glue: no Dagster, no command line."""

_JOB_MODULES = ("dagster-pipes", "duckdb", "pyarrow", "pydantic", "pyyaml")
_LOAD_MODULES = ("redshift-connector",)

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can hold


def convert_modules() -> str:
    """The third-party needs of the convert job for `--additional-python-modules`."""
    return _pins(_JOB_MODULES)


def load_modules() -> str:
    return _pins((*_JOB_MODULES, *_LOAD_MODULES))


def write_ingest_bundle(folder: Path) -> Path:
    return _zip(folder / "ingest.zip", INGEST_FILES)


def write_job_bundle(folder: Path) -> Path:
    files = [
        str(file.relative_to(PACKAGE))
        for name in JOB_FOLDERS
        for file in (PACKAGE / name).rglob("*.py")
    ]
    return _zip(folder / "etl_platform.zip", ["__init__.py", *files])


def write_entry_script(folder: Path, stage: str) -> Path:
    """The script of a Glue job. Glue wants a file; the job itself is in the package."""
    script = folder / f"{stage}.py"
    script.write_text(
        f"import sys\n\nfrom etl_platform.{stage}.job import main\n\nmain(sys.argv[1:])\n"
    )
    return script


def _pins(distributions: Iterable[str]) -> str:
    return ",".join(f"{name}=={version(name)}" for name in distributions)


def _zip(archive: Path, files: Iterable[str]) -> Path:
    """Stored, not deflated: the bytes of a deflated entry depend on the build of zlib."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as bundle:
        for name in sorted(files):
            entry = zipfile.ZipInfo(f"{PACKAGE.name}/{name}", _EPOCH)
            entry.external_attr = 0o644 << 16
            entry.create_system = 3
            bundle.writestr(entry, (PACKAGE / name).read_bytes())
    return archive
