"""What a job can import: a virtual environment with what Glue brings and what the job asks for.

It is made of symbolic links into the installation of the runner, so it costs no download and no
copy, and a module that a job forgot to ask for is missing here as it would be in AWS.
"""

import hashlib
import json
import os
import shutil
import sys
import venv
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path, PurePosixPath
from uuid import uuid4

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from infra.local.glue.errors import LaunchError

# The modules of Glue's Spark runtime that are of use to a job, out of the list "Python modules
# already provided in AWS Glue" (docs.aws.amazon.com/glue/latest/dg, page
# aws-glue-programming-python-libraries). redshift-connector and duckdb are not in that list.
GLUE_MODULES = (
    "boto3",
    "botocore",
    "certifi",
    "charset-normalizer",
    "fsspec",
    "idna",
    "jmespath",
    "numpy",
    "packaging",
    "pandas",
    "py4j",
    "pyarrow",
    "pyspark",
    "python-dateutil",
    "pytz",
    "PyYAML",
    "requests",
    "s3transfer",
    "six",
    "typing-extensions",
    "tzdata",
    "urllib3",
)


class Sandboxes:
    """Makes sandboxes and keeps them by what is in them."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def python_for(self, additional_modules: str) -> Path:
        """The interpreter of a sandbox with `--additional-python-modules` of this value."""
        installed = _installed()
        chosen = _closure(GLUE_MODULES, installed, required=False)
        chosen |= _closure(_asked_for(additional_modules, installed), installed, required=True)
        root = self._directory / _digest(chosen.values())
        if not root.exists():
            self._build(root, chosen.values(), installed.values())
        return root / "bin" / "python"

    def _build(
        self, root: Path, chosen: Iterable[Distribution], installed: Iterable[Distribution]
    ) -> None:
        # Built aside and renamed, so that two runs at once never see half a sandbox.
        draft = self._directory / f"draft-{uuid4().hex}"
        venv.EnvBuilder(symlinks=True, with_pip=False).create(draft)
        site_packages = next((draft / "lib").glob("python*/site-packages"))
        shared = _shared_names(installed)
        for distribution in chosen:
            _link(distribution, site_packages, shared)
        try:
            draft.rename(root)
        except OSError:
            shutil.rmtree(draft)
            if not root.exists():
                raise


def _installed() -> dict[str, Distribution]:
    """Every distribution that the runner itself can import, by canonical name."""
    found: dict[str, Distribution] = {}
    for distribution in distributions():
        found.setdefault(canonicalize_name(distribution.name), distribution)
    return found


def _asked_for(additional_modules: str, installed: dict[str, Distribution]) -> list[str]:
    """The requirements of the argument, each checked against what is installed."""
    requirements = [part.strip() for part in additional_modules.split(",") if part.strip()]
    for text in requirements:
        try:
            requirement = Requirement(text)
        except InvalidRequirement as error:
            raise LaunchError(
                f"--additional-python-modules: {text!r} is not name==version, the one form that "
                f"the laptop can resolve"
            ) from error
        distribution = installed.get(canonicalize_name(requirement.name))
        if distribution is None:
            raise LaunchError(
                f"--additional-python-modules: {requirement.name} is not installed here; "
                f"install {text!r} beside the platform"
            )
        if not requirement.specifier.contains(distribution.version, prereleases=True):
            raise LaunchError(
                f"--additional-python-modules: {text!r} asked for, {distribution.version} is "
                f"installed here; make the two agree"
            )
    return requirements


def _closure(
    requirements: Iterable[str], installed: dict[str, Distribution], *, required: bool
) -> dict[str, Distribution]:
    """The distributions behind requirements, with all that they need in turn."""
    waiting = [Requirement(text) for text in requirements]
    seen: set[tuple[str, frozenset[str]]] = set()
    closure: dict[str, Distribution] = {}
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if (name, frozenset(requirement.extras)) in seen:
            continue
        seen.add((name, frozenset(requirement.extras)))
        distribution = installed.get(name)
        if distribution is None:
            if required:
                raise LaunchError(f"--additional-python-modules: {name} is needed, not installed")
            continue
        closure[name] = distribution
        waiting.extend(_needs(distribution, requirement.extras))
    return closure


def _needs(distribution: Distribution, extras: Iterable[str]) -> Iterator[Requirement]:
    for text in distribution.requires or ():
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield requirement


def _files(distribution: Distribution) -> list[PurePosixPath]:
    """The files below site-packages; scripts and byte code are left out."""
    return [
        file
        for file in distribution.files or ()
        if file.parts[0] not in ("..", "__pycache__") and not file.is_absolute()
    ]


def _shared_names(installed: Iterable[Distribution]) -> frozenset[PurePosixPath]:
    """Folders that hold files of more than one distribution, such as the `google` namespace."""
    owners = Counter(
        folder
        for distribution in installed
        for folder in {parent for file in _files(distribution) for parent in file.parents}
    )
    return frozenset(folder for folder, count in owners.items() if count > 1)


def _link(
    distribution: Distribution, site_packages: Path, shared: frozenset[PurePosixPath]
) -> None:
    """Link a distribution at the highest folders that belong to it alone."""
    tops = {
        next(path for path in (*reversed(file.parents), file) if path not in shared)
        for file in map(PurePosixPath, _files(distribution))
    }
    for top in tops:
        link = site_packages / top
        link.parent.mkdir(parents=True, exist_ok=True)
        target = Path(str(distribution.locate_file(str(top))))
        if target.exists() and not link.is_symlink():
            os.symlink(target, link)


def _digest(chosen: Iterable[Distribution]) -> str:
    identity = sorted(
        (canonicalize_name(one.name), one.version, str(one.locate_file(""))) for one in chosen
    )
    text = json.dumps([sys.version, sys.base_prefix, identity])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
