"""TPC-H lineitem as CSV, JSON Lines and XML, made once and kept below `.etl`.

Every file is a pure function of its name: tpchgen gives the same rows for the same scale, and the
other two are the CSV spelled anew. A scale of 1 is 762 MB of CSV.
"""

import subprocess
import sys
from pathlib import Path
from shutil import rmtree
from typing import Final, Literal

import duckdb

from etl_platform.contract.source import SourceContract

CHECKOUT: Final = Path(__file__).parents[2]
CACHE: Final = CHECKOUT / ".etl" / "bench"
BYTES_OF_SCALE_ONE: Final = 762_000_000

Kind = Literal["csv", "json", "xml"]

COLUMNS: Final = {
    "l_orderkey": "bigint",
    "l_partkey": "bigint",
    "l_suppkey": "bigint",
    "l_linenumber": "integer",
    "l_quantity": "decimal(15,2)",
    "l_extendedprice": "decimal(15,2)",
    "l_discount": "decimal(15,2)",
    "l_tax": "decimal(15,2)",
    "l_returnflag": "char(1)",
    "l_linestatus": "char(1)",
    "l_shipdate": "date",
    "l_commitdate": "date",
    "l_receiptdate": "date",
    "l_shipinstruct": "varchar(25)",
    "l_shipmode": "varchar(10)",
    "l_comment": "varchar(44)",
}
KEY: Final = ("l_orderkey", "l_linenumber")

_FORMATS: Final[dict[Kind, dict[str, str]]] = {
    "csv": {"type": "csv"},
    "json": {"type": "json", "shape": "lines"},
    "xml": {"type": "xml", "row": "lineitem"},
}
_SUFFIXES: Final[dict[Kind, str]] = {"csv": "csv", "json": "jsonl", "xml": "xml"}


def contract(kind: Kind, source: str = "lineitem", strategy: str = "upsert") -> SourceContract:
    """Lineitem with its key, so that every row is cast strictly, deduplicated and sorted."""
    return SourceContract.model_validate(
        {
            "source": source,
            "description": "Lines of the orders of TPC-H",
            "owner": "team:benchmarks",
            "starts": "2026-01-01-00",
            "format": _FORMATS[kind],
            "columns": [
                {"name": name, "type": type_, "required": name in KEY}
                for name, type_ in COLUMNS.items()
            ],
            "key": KEY,
            "load": {"strategy": strategy},
            "rejects": {"at_most": "100%"},
        }
    )


def lineitem(kind: Kind, scale: float) -> Path:
    """The file of all rows, made if it is not there yet."""
    file = CACHE / f"lineitem-{scale:g}.{_SUFFIXES[kind]}"
    if not file.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        draft = file.with_suffix(".part")
        if kind == "csv":
            _generate(draft, scale)
        else:
            spell(lineitem("csv", scale), draft, kind)
        draft.rename(file)
    return file


def pieces(scale: float, count: int) -> list[Path]:
    """The same rows as CSV files of about one size, each with a header."""
    folder = CACHE / f"lineitem-{scale:g}-in-{count}"
    if not folder.exists():
        draft = folder.with_suffix(".part")
        rmtree(draft, ignore_errors=True)
        _tpchgen(draft, scale, "--parts", str(count))
        draft.rename(folder)
    return sorted((folder / "lineitem").iterdir())


def _generate(file: Path, scale: float) -> None:
    folder = file.with_suffix(".folder")
    _tpchgen(folder, scale)
    (folder / "lineitem.csv").rename(file)
    folder.rmdir()


def _tpchgen(folder: Path, scale: float, *options: str) -> None:
    generator = Path(sys.executable).with_name("tpchgen-cli")
    command = [str(generator), "csv", "--tables", "lineitem", "--scale-factor", f"{scale:g}"]
    subprocess.run(
        [*command, *options, "--output-dir", str(folder)], check=True, stdout=subprocess.DEVNULL
    )


def spell(source: Path, file: Path, kind: Kind) -> None:
    """Write the rows of a CSV file as JSON Lines or XML, in the same order."""
    types = {name: type_ if kind == "json" else "varchar" for name, type_ in COLUMNS.items()}
    rows = f"read_csv('{source}', header = true, columns = {types})"
    with duckdb.connect() as connection:
        if kind == "json":
            connection.execute(f"COPY (FROM {rows}) TO '{file}' (FORMAT json)")
            return
        # Nothing to escape: the texts of TPC-H have neither markup nor control characters.
        fields = "".join(f"<{name}>{{}}</{name}>" for name in COLUMNS)
        row = f"format('<lineitem>{fields}</lineitem>', {', '.join(COLUMNS)})"
        connection.execute(
            f"COPY (SELECT '<lineitems>' UNION ALL SELECT {row} FROM {rows}"
            f" UNION ALL SELECT '</lineitems>') TO '{file}'"
            " (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x01')"
        )
