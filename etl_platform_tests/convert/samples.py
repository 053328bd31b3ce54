"""Contracts, files and orders, small enough to be read in a test."""

import io
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from etl_platform.contract.batch import Batch, SourceFile
from etl_platform.contract.commit import Commit, ParquetFile
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import Location, Names
from etl_platform.contract.order import Order, Report
from etl_platform.contract.source import SourceContract
from etl_platform.contract.storage import Storage
from etl_platform.convert.conversion import convert
from etl_platform.convert.engine import Engine
from etl_platform.convert.finish import finish
from etl_platform.convert.parquet_files import Rows, Stamp, write_files
from etl_platform.convert.parse import Parsed, create_records, parse
from etl_platform.convert.session import connect
from etl_platform.convert.single_node import SingleNode
from etl_platform.convert.tally import name_files, rejects, tally

NAMES = Names("convert-tests")
HOUR = Hour.parse("2026-11-23-00")
STAMP = Stamp(datetime.fromisoformat("2026-11-23"), "0" * 32)

Row = dict[str, Any]

_manifests = itertools.count(1)


def contract(
    columns: Mapping[str, str] | list[Row], form: Mapping[str, Any], **changes: Any
) -> SourceContract:
    """A contract by its columns, or by their types; `!` behind a type makes a column required."""
    attributes: dict[str, Any] = {
        "source": "feed",
        "description": "A feed of the tests",
        "owner": "team:tests",
        "starts": "2026-01-01-00",
        "format": dict(form),
        "columns": columns if isinstance(columns, list) else _columns(columns),
        "load": {"strategy": "append"},
        "rejects": {"at_most": "100%"},
    }
    return SourceContract.model_validate(attributes | changes)


def _columns(types: Mapping[str, str]) -> list[Row]:
    return [
        {"name": name, "type": kind.removesuffix("!"), "required": kind.endswith("!")}
        for name, kind in types.items()
    ]


@dataclass(frozen=True)
class Converted:
    """What one conversion in this process has made of some files."""

    rows: list[Row]
    rejects: list[Row]
    superseded: int
    table: pa.Table
    unknown_fields: tuple[str, ...]

    @property
    def reasons(self) -> list[tuple[int, str, str, str | None]]:
        """Record, column, reason and value of every reason."""
        return [
            (reject["record"], said["column"], said["reason"], said["value"])
            for reject in self.rejects
            for said in reject["reasons"]
        ]


def converted(of: SourceContract, *files: bytes, order: Sequence[int] | None = None) -> Converted:
    """Parse files (in another order than the manifest's, if wished) and finish them."""
    with TemporaryDirectory() as name, connect(Path(name), 0.1, 2) as connection:
        folder, parsed = Path(name), Parsed()
        create_records(connection, of)
        for number in order or range(len(files)):
            raw = folder / f"{number}.raw"
            raw.write_bytes(files[number])
            parsed += parse(connection, of, raw, f"s3://raw/{number}", number)
        newest, superseded = finish(connection, of)
        table = _table(newest, folder)
        rejected, _ = tally(connection)
        urls = [f"s3://raw/{n}" for n in range(len(files))]
        name_files(connection, urls)
        kept = _table(rejects(connection, rejected), folder)
    rows = table.drop_columns(["_hour", "_batch_id"]).to_pylist()
    return Converted(rows, kept.to_pylist(), superseded, table, parsed.unknown_fields)


def _table(rows: Rows, folder: Path) -> pa.Table:
    tables = [pq.read_table(file) for file, _ in write_files(rows, STAMP, folder)]
    return pa.concat_tables(tables) if tables else rows.schema.empty_table()


@dataclass
class RecordingCatalog:
    """Remembers where each hour points, and where its rejects and superseded rows are."""

    points: dict[Hour, Location] = field(default_factory=dict)
    rejects: dict[Hour, Location] = field(default_factory=dict)
    superseded: dict[Hour, Location] = field(default_factory=dict)

    def point_partitions(self, table: str, places: Mapping[Hour, Location]) -> None:
        kinds = {"rejects": self.rejects, "superseded": self.superseded}
        kinds.get(table.rpartition("__")[2], self.points).update(places)


@dataclass
class World:
    """A storage with raw files, and orders carried out on it."""

    storage: Storage
    catalog: RecordingCatalog = field(default_factory=RecordingCatalog)

    def land(self, of: SourceContract, hour: Hour, *files: bytes) -> Batch:
        """Put the files of one more version of an hour there, pinned."""
        version = next(_manifests)
        batch = Batch(
            source=of.source,
            hour=hour,
            manifest_url=str(NAMES.manifest(of.source, hour)),
            manifest_version=str(version),
            manifest_at=datetime.fromtimestamp(version, UTC),
            files=tuple(
                self._put(NAMES.raw_folder(of.source, hour) / f"{version}-{number}", body)
                for number, body in enumerate(files)
            ),
        )
        self.storage.write(NAMES.pin(of.source, hour), batch.model_dump_json().encode())
        return batch

    def convert(
        self, of: SourceContract, *batches: Batch, engine: Engine | None = None
    ) -> list[Report]:
        order = Order(stage="convert", namespace=NAMES.namespace, contract=of, batches=batches)
        return list(convert(order, engine or SingleNode(), self.storage, self.catalog))

    def commit(self, batch: Batch) -> Commit:
        place = NAMES.commit(batch.source, batch.hour, batch.batch_id)
        return Commit.model_validate_json(self.storage.read(place))

    def rows(self, files: Sequence[ParquetFile]) -> list[Row]:
        """The rows of files, as a bag in one order."""
        rows = [row for file in files for row in self.table(file).to_pylist()]
        return sorted(rows, key=repr)

    def table(self, file: ParquetFile) -> pa.Table:
        body = self.storage.read(Location(file.bucket, file.key))
        assert len(body) == file.size_bytes
        table = pq.read_table(io.BytesIO(body))
        assert table.num_rows == file.rows
        return table

    def _put(self, location: Location, body: bytes) -> SourceFile:
        self.storage.write(location, body)
        stored = self.storage.find(location)
        assert stored is not None
        return SourceFile(
            bucket=location.bucket,
            key=location.key,
            version_id=stored.version_id,
            size_bytes=stored.size_bytes,
        )
