"""The nouns of COPY and UNLOAD: what a statement of each asks for."""

from dataclasses import dataclass, field

GZIP, BZIP2, ZSTD = "GZIP", "BZIP2", "ZSTD"


@dataclass(frozen=True)
class ParquetFormat:
    """Columns, read by their position."""

    serialize_to_json: bool = False
    name: str = "parquet"


@dataclass(frozen=True)
class DelimitedFormat:
    """Lines of fields, without a rule for quotes of its own."""

    delimiter: str = "|"
    escape: bool = False
    remove_quotes: bool = False
    name: str = "txt"


@dataclass(frozen=True)
class CsvFormat:
    """Lines of fields that quotes may enclose."""

    delimiter: str = ","
    quote: str = '"'
    name: str = "csv"


@dataclass(frozen=True)
class JsonFormat:
    """A sequence of JSON values."""

    mapping: str = "auto"
    """'auto', 'auto ignorecase', 'noshred' or the URL of a jsonpaths file."""
    name: str = "json"


LoadFormat = ParquetFormat | DelimitedFormat | CsvFormat | JsonFormat


@dataclass(frozen=True)
class Conversion:
    """How the text of a field becomes a value of its column."""

    null_as: str = "\\N"
    invalid_as: str | None = None
    """What stands for each byte that is no UTF-8; None refuses it."""
    accept_any_date: bool = False
    blanks_as_null: bool = False
    empty_as_null: bool = False
    trim_blanks: bool = False
    truncate_columns: bool = False
    round_decimals: bool = False
    date_format: str = "YYYY-MM-DD"
    time_format: str | None = None


@dataclass(frozen=True)
class Copy:
    """COPY of files in S3 into a table."""

    table: tuple[str, ...]
    columns: tuple[str, ...]
    location: str
    role: str
    format: LoadFormat
    manifest: bool = False
    fill_record: bool = False
    explicit_ids: bool = False
    conversion: Conversion = field(default_factory=Conversion)
    compression: str | None = None
    header_lines: int = 0
    ignore_blank_lines: bool = False
    most_errors: int = 0
    no_load: bool = False


@dataclass(frozen=True)
class TextUnload:
    """How UNLOAD writes rows as text: delimited, or CSV where there is a quote for need only."""

    delimiter: str
    csv: bool
    add_quotes: bool = False
    escape: bool = False
    null_as: str = ""
    header: bool = False
    compression: str | None = None


@dataclass(frozen=True)
class Unload:
    """UNLOAD of a query's rows into files in S3."""

    query: str
    location: str
    role: str
    text: TextUnload | None
    """None writes Parquet."""
    manifest: bool = False
    verbose: bool = False
    allow_overwrite: bool = False
    clean_path: bool = False
    parallel: bool = True
    partition_by: tuple[str, ...] = ()
    include_partitions: bool = False
    extension: str | None = None

    @property
    def format_name(self) -> str:
        """The format as the system views name it."""
        if self.text is None:
            return "parquet"
        return "csv" if self.text.csv else "txt"
