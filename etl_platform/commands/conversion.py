"""The commands around conversion: before it `infer` and `check`, after it `rejects` and `replay`.

Their modules are imported inside the commands, as in cli.py.
"""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
)

from etl_platform.commands.rendering import RowFormat, show
from etl_platform.contract.errors import ContractInvalid, FileUnreadable, ManifestMissing
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import SOURCE_NAME, SOURCE_NAME_LENGTH
from etl_platform.settings import Settings

if TYPE_CHECKING:
    from etl_platform.contract.source import SourceContract
    from etl_platform.convert.rejected import KeptFiles

_FORMATS: Final = [RowFormat.TABLE.value, RowFormat.JSON.value]
_BLOCKED: Final = 1

_format_option = click.option(
    "--format",
    "report_format",
    type=click.Choice(_FORMATS),
    default=RowFormat.TABLE.value,
    show_default=True,
    help="How to write the report.",
)
_samples_option = click.option(
    "--samples",
    type=click.IntRange(0, 1000),
    default=3,
    show_default=True,
    help="How many records to show of each reason.",
)


def _source_name(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is not None and (not SOURCE_NAME.fullmatch(value) or len(value) > SOURCE_NAME_LENGTH):
        raise click.BadParameter(
            "expected small letters and digits in words joined by one underscore,"
            f" {SOURCE_NAME_LENGTH} characters at most"
        )
    return value


@click.command()
@click.argument("source")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@_samples_option
@_format_option
def check(source: str, files: tuple[Path, ...], samples: int, report_format: str) -> None:
    """Try the contract of SOURCE on local FILES, as if they were one hour.

    SOURCE is the name of a source or the path of a contract. Nothing has to be running and nothing
    is uploaded. Ends with 1 if the hour would be blocked.
    """
    from etl_platform.commands.reports import trial_json, trial_tables
    from etl_platform.contract.reading import located
    from etl_platform.convert.trial import try_out

    contract, contract_file = _contract(source)
    sizes_bytes = [file.stat().st_size for file in files if file.is_file()]
    with _bytes_bar("reading", sum(sizes_bytes)) as (progress, task):
        try:
            trial = try_out(
                contract, files, samples, lambda size_bytes: progress.advance(task, size_bytes)
            )
        except ContractInvalid as found:
            raise located(found, contract_file) from None
    if report_format == RowFormat.JSON:
        click.echo(trial_json(trial, contract.key), nl=False)
    else:
        for drawn in trial_tables(trial):
            show(drawn)
    for error in trial.blocked:
        click.echo(f"blocked: {error}", err=True)
    sys.exit(_BLOCKED if trial.blocked else 0)


@click.command()
@click.argument("source")
@click.argument("hour", required=False)
@click.option(
    "--last",
    type=click.IntRange(1, 1000),
    default=48,
    show_default=True,
    help="Without HOUR: how many hours to look at, the newest landed ones.",
)
@_samples_option
@_format_option
def rejects(source: str, hour: str | None, last: int, samples: int, report_format: str) -> None:
    """Show why records of SOURCE were kept out, in one HOUR (UTC) or in the newest ones.

    An hour beyond its reject limit is not committed; its rejects are shown as well.
    """
    from etl_platform.commands.reports import kept_json, kept_table, reasons_shown
    from etl_platform.convert.rejected import by_reason

    contract, _ = _contract(source)
    hours = _kept(contract, Hour.parse(hour) if hour else None, last)
    with tempfile.TemporaryDirectory(prefix="rejects-") as folder:
        reasons = by_reason(_fetched(hours, Path(folder)), samples)
    if report_format == RowFormat.JSON:
        click.echo(kept_json(hours, reasons), nl=False)
        return
    found = [kept for kept in hours if kept.files]
    if not found:
        click.echo(f"no rejects in {len(hours)} hours", err=True)
        return
    show(kept_table(source, found))
    for drawn in reasons_shown(reasons):
        show(drawn)


@click.command()
@click.argument("source")
@click.argument("hour")
def replay(source: str, hour: str) -> None:
    """Convert and load the HOUR (UTC) of SOURCE again, after its contract was mended.

    A committed batch is never converted again, and a batch is one version of a manifest. So this
    writes the manifest of the hour once more, unchanged; the sensor then loads the new batch, which
    replaces the old one. Reload the definitions in Dagster first: the contract of its code location
    is the one that counts.
    """
    from etl_platform.aws.s3 import S3
    from etl_platform.contract.reading import find_contract
    from etl_platform.ingest import replay as replaying

    known = find_contract(source).source
    replayed = replaying.replay(S3(), Settings.read().names, known, Hour.parse(hour))
    click.echo(
        f"{replayed.manifest} is written again as batch {replayed.batch_id[:8]}"
        f" with {replayed.files} files; `etl-platform status {source}` shows how far it is"
    )


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--source",
    callback=_source_name,
    help="The name of the source; by default that of the first file.",
)
def infer(files: tuple[Path, ...], source: str | None) -> None:
    """Write a first contract for sample FILES: CSV, JSON, XML or Parquet.

    Types, keys and null tokens are what these files show; the comments say what was guessed. Save
    it as etl_platform/defs/<source>/defs.yaml, read it through, and try it with `check`.
    """
    from etl_platform.convert.drafting.inference import infer as look_at
    from etl_platform.convert.drafting.naming import source_name
    from etl_platform.convert.drafting.rendering import draft

    for file in files:
        if not file.is_file():
            raise FileUnreadable(str(file), "there is no such file", "a sample file")
    with _bytes_bar("reading", sum(file.stat().st_size for file in files)) as (progress, task):
        inferred = look_at(files, lambda size_bytes: progress.advance(task, size_bytes))
    starts = Hour.containing(datetime.now(UTC))
    click.echo(draft(inferred, source or source_name(files[0]), starts), nl=False)


COMMANDS: Final = (check, infer, rejects, replay)


def _contract(source: str) -> tuple["SourceContract", Path]:
    """By name, or by path: a name has no dot and no slash."""
    from etl_platform.contract.reading import COMPONENT, find_contract_file, read_contract

    if not {".", "/"} & set(source):
        return find_contract_file(source)
    contract = read_contract(Path(source))
    if contract is None:
        raise ContractInvalid(source, 1, "type", "it is of another type", COMPONENT)
    return contract, Path(source)


def _kept(contract: "SourceContract", hour: Hour | None, last: int) -> list["KeptFiles"]:
    from etl_platform.aws.s3 import S3
    from etl_platform.convert.rejected import kept_files
    from etl_platform.status import StatusReader

    names, storage = Settings.read().names, S3()
    reader = StatusReader(storage, names, contract)
    landed = reader.landed([hour] if hour else reader.landed_hours()[-last:])
    if hour and not landed:
        raise ManifestMissing(str(names.manifest(contract.source, hour)))
    commits = reader.commits(landed)
    return [
        kept_files(
            storage, names, contract.source, item.hour, item.batch_id, commits.get(item.batch_id)
        )
        for item in landed
    ]


def _fetched(hours: Sequence["KeptFiles"], folder: Path) -> list[Path]:
    from etl_platform.aws.s3 import S3

    storage = S3()
    files = [file for kept in hours for file in kept.files]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    fetched = []
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        for number, file in enumerate(progress.track(files, description="fetching")):
            fetched.append(folder / f"{number}.parquet")
            storage.fetch(file, None, fetched[-1])
    return fetched


@contextmanager
def _bytes_bar(what: str, total: int) -> Iterator[tuple[Progress, TaskID]]:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield progress, progress.add_task(what, total=total)
