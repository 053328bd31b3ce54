"""The settings of an installation, read once at each entry (the command and `definitions.py`).

Endpoints, Region and credentials are the AWS SDK's own variables and are not repeated here.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict

from etl_platform.contract.errors import SettingInvalid
from etl_platform.contract.layout import Names

NAMESPACE = "ETL_NAMESPACE"
DAGSTER_URL = "ETL_DAGSTER_URL"
ENVIRONMENT_FILE = "ETL_ENV_FILE"
DEFAULT_ENVIRONMENT_FILE = Path(".etl/env")

_CHECKOUT = Path(__file__).parent.parent
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.ASCII)


class Settings(BaseModel):
    """What names an installation. Everything else follows from the contracts."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    names: Names
    given_dagster_url: str | None = None

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Raises SettingInvalid for a value that no name can be made of."""
        names = Names(environment.get(NAMESPACE) or "etl-platform")
        return cls(names=names, given_dagster_url=environment.get(DAGSTER_URL) or None)

    @property
    def dagster_url(self) -> str:
        """Where the webserver of Dagster is, for commands that ask it for runs.

        Raises SettingInvalid if nobody has said so.
        """
        if self.given_dagster_url is None:
            raise SettingInvalid(
                DAGSTER_URL, "is not set", "the address of Dagster's webserver, http://HOST:PORT"
            )
        return self.given_dagster_url.rstrip("/")

    @property
    def namespace(self) -> str:
        return self.names.namespace


def apply_environment_file() -> Path | None:
    """Give os.environ the variables of the environment file that it lacks; the file, if any.

    The file is the one that ETL_ENV_FILE names (empty: none), or else `.etl/env` here or in the
    checkout, where the local stack leaves its endpoints.
    """
    file = _environment_file()
    if file is not None:
        for name, value in read_environment_file(file).items():
            os.environ.setdefault(name, value)
    return file


def read_environment_file(file: Path) -> dict[str, str]:
    """The KEY=VALUE lines of a file, to the letter; blank lines and `#` comments are left out."""
    variables = {}
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _ASSIGNMENT.fullmatch(line)
        if match is None:
            raise SettingInvalid(
                ENVIRONMENT_FILE, f"names {file}, whose line {number} is no setting", "KEY=VALUE"
            )
        variables[match[1]] = match[2]
    return variables


def _environment_file() -> Path | None:
    named = os.environ.get(ENVIRONMENT_FILE)
    if named == "":
        return None
    if named is not None:
        if not Path(named).is_file():
            raise SettingInvalid(
                ENVIRONMENT_FILE, f"names {named}, which is not there", "a file, or nothing"
            )
        return Path(named)
    places = (DEFAULT_ENVIRONMENT_FILE, _CHECKOUT / DEFAULT_ENVIRONMENT_FILE)
    return next((place for place in places if place.is_file()), None)
