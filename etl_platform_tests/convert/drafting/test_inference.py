"""A first contract reads the files that it was made from, and says what they show."""

import bz2
import csv
import gzip
import io
import json
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl_platform.contract.errors import FileUnreadable
from etl_platform.contract.hour import Hour
from etl_platform.contract.reading import find_contract, read_contract
from etl_platform.contract.source import SourceContract
from etl_platform.convert.drafting.inference import Inferred, infer
from etl_platform.convert.drafting.naming import column_names, source_name
from etl_platform.convert.drafting.rendering import draft
from etl_platform.convert.trial import try_out
from infra.local.demo.feeder import deliveries

STARTS = Hour.parse("2026-01-01-00")


def read(text: str, folder: Path) -> SourceContract:
    file = folder / "defs.yaml"
    file.write_text(text)
    contract = read_contract(file)
    assert contract is not None
    return contract


def sampled(folder: Path, body: bytes | str, name: str = "feed.csv") -> tuple[Inferred, Path]:
    file = folder / name
    file.write_bytes(body.encode() if isinstance(body, str) else body)
    return infer([file]), file


def types(inferred: Inferred) -> dict[str, str]:
    return {guess.name: str(guess.type) for guess in inferred.columns}


def column(folder: Path, *values: str) -> Inferred:
    """What is made of one column; the other keeps an empty value from being a blank line."""
    return sampled(folder, "a,b\n" + "".join(f"{value},z\n" for value in values))[0]


@pytest.mark.parametrize("source", ["weather", "flights", "airlines"])
def test_the_draft_of_a_demo_source_reads_its_files_without_a_reject(
    source: str, tmp_path: Path
) -> None:
    files = []
    for delivery in deliveries(source, Hour.parse("2013-01-01-06"), Hour.parse("2013-01-02-06")):
        for name, body in delivery.files.items():
            files.append(tmp_path / f"{delivery.hour}-{name}")
            files[-1].write_bytes(body)
    inferred = infer(files)
    contract = read(draft(inferred, source, STARTS), tmp_path)
    trial = try_out(contract, files, samples=1)
    assert (trial.blocked, trial.counts.rejected) == ((), 0)
    assert trial.counts.read == inferred.records > 0
    shipped = find_contract(source)
    assert {c.steps for c in shipped.columns} <= {c.steps for c in contract.columns}
    assert contract.format == shipped.format
    assert contract.key
    families = {c.steps: c.type.family for c in contract.columns}
    for shipped_column in shipped.columns:
        guessed = families[shipped_column.steps]
        narrower = {"integer": {"smallint"}, "double": {"smallint", "decimal"}}
        family = shipped_column.type.family
        assert guessed in {family} | narrower.get(family, set()), shipped_column.name


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "-32768"], "smallint"),
        (["1", "32768"], "integer"),
        (["1", "2147483648"], "bigint"),
        (["9223372036854775808"], "decimal(38,0)"),
        (["1.5", "12"], "decimal(18,1)"),
        (["1.0", "2.0"], "decimal(18,1)"),
        (["1e3", "2"], "double"),
        (["0.30000000000000004", "2"], "double"),
        (["true", "FALSE"], "boolean"),
        (["t", "f"], "varchar(1)"),
        (["2026-02-28"], "date"),
        (["2026-02-30"], "varchar(16)"),
        (["2026-02-28T10:00:00Z", "2026-02-28 10:00"], "timestamp"),
        (["007", "12"], "varchar(4)"),
        (["é€"], "varchar(8)"),
        (["x" * 40_000], "varchar(65535)"),
        ([""], "varchar(256)"),
    ],
)
def test_a_type_is_the_narrowest_that_rejects_no_value(
    values: list[str], kind: str, tmp_path: Path
) -> None:
    assert types(column(tmp_path, *values))["a"] == kind


def test_a_token_among_numbers_means_null_everywhere(tmp_path: Path) -> None:
    inferred, _ = sampled(tmp_path, "number,text\n1,NA\nNA,x\n-,y\n")
    assert inferred.null_tokens == ("", "NA", "-")
    assert [(guess.nulls, str(guess.type)) for guess in inferred.columns] == [
        (2, "smallint"),
        (1, "varchar(1)"),
    ]


def test_a_token_among_texts_alone_may_be_a_text(tmp_path: Path) -> None:
    inferred = column(tmp_path, "DE", "NA", "null", "\\N")
    assert inferred.null_tokens == ("", "null", "\\N")
    assert inferred.columns[0].nulls == 2


@pytest.mark.parametrize(
    ("body", "key"),
    [
        pytest.param("a,b\n1,1\n2,1\n", ("a",), id="the first of one column"),
        pytest.param("a,b\n1,1\n1,2\n2,1\n2,2\n", ("a", "b"), id="two columns"),
        pytest.param("a,b\n1,1\n1,1\n2,1\n", ("a",), id="with a doubled record"),
        pytest.param("a,b\n1,1\n1,1.5\n", (), id="a measure is no key"),
        pytest.param("a,b\n,1\n2,1\n", (), id="nor is what may be null"),
        pytest.param("a,b\n", (), id="without records"),
    ],
)
def test_a_key_is_the_smallest_set_that_tells_records_apart(
    body: str, key: tuple[str, ...], tmp_path: Path
) -> None:
    inferred, _ = sampled(tmp_path, body)
    assert inferred.key == key
    contract = read(draft(inferred, "feed", STARTS), tmp_path)
    assert contract.load.strategy == ("upsert" if key else "append")


@pytest.mark.parametrize(
    ("name", "body", "form"),
    [
        ("feed.csv", "a;b\n1,5;2\n", {"type": "csv", "delimiter": ";"}),
        ("feed.tsv", "a\tb\n1\t2\n", {"type": "csv", "delimiter": "\t"}),
        ("feed", '{"a": 1, "b": 2}\n', {"type": "json"}),
        ("feed.json", '[{"a": 1},\n {"a": 2}]', {"type": "json", "shape": "array"}),
        ("feed.json", '{\n"a": 1}\n{"a": 2}', {"type": "json", "shape": "documents"}),
        ("feed.json", '{\n"a": 1\n}', {"type": "json", "shape": "document"}),
        ("feed", "\n <r><x a='1'/><x a='2'/></r>", {"type": "xml", "row": "x"}),
        ("feed", "a|b\n1|2\n", {"type": "csv", "delimiter": "|"}),
        ("feed.xml", "<r><i><x a='1'/><x a='2'/></i></r>", {"type": "xml", "row": "x"}),
        ("feed.xml", "<r><x a='1'/></r>", {"type": "xml", "row": "x"}),
    ],
)
def test_the_format_is_guessed_from_name_and_contents(
    name: str, body: str, form: Mapping[str, str], tmp_path: Path
) -> None:
    inferred, file = sampled(tmp_path, body, name)
    found = read(draft(inferred, "feed", STARTS), tmp_path).format.model_dump()
    assert {option: found[option] for option in form} == form
    assert infer([file]).records > 0


@pytest.mark.parametrize(("suffix", "pack"), [("gz", gzip.compress), ("bz2", bz2.compress)])
def test_a_compressed_file_is_as_its_contents(suffix: str, pack: object, tmp_path: Path) -> None:
    assert callable(pack)
    inferred, _ = sampled(tmp_path, pack(b"a,b\n1,x\n"), f"feed.csv.{suffix}")
    assert types(inferred) == {"a": "smallint", "b": "varchar(1)"}
    assert sorted(file.name for file in tmp_path.iterdir()) == [f"feed.csv.{suffix}"]


def test_what_no_column_can_hold_is_left_out_and_said(tmp_path: Path) -> None:
    record = {"id": 1, "a": {"b": 2}, "x.y": 3, "mixed": 1}
    other = {"id": 2, "mixed": {"c": 1}}
    lines = "".join(json.dumps(r) + "\n" for r in (record, other))
    inferred, _ = sampled(tmp_path, lines, "feed.json")
    assert [guess.path for guess in inferred.columns] == ["id", "a.b", "mixed.c"]
    text = draft(inferred, "feed", STARTS)
    for path in ("x.y", "mixed"):
        assert f'# left out: "{path}"' in text


def test_a_list_is_proposed_as_json(tmp_path: Path) -> None:
    records = [
        {"id": 1, "tags": [1, {"x": 0.10}], "a": {"t": ["secret"]}, "late": None},
        {"id": 2, "tags": "none", "late": [[]]},
    ]
    lines = "".join(json.dumps(record) + "\n" for record in records)
    inferred, file = sampled(tmp_path, lines, "feed.json")
    assert types(inferred) == {"id": "smallint", "tags": "super", "t": "super", "late": "super"}
    text = draft(inferred, "feed", STARTS)
    assert "secret" not in text
    tried = try_out(read(text, tmp_path), [file], samples=2)
    assert tried.rows == (
        (1, '[1,{"x":0.1}]', '["secret"]', None),
        (2, '"none"', None, "[[]]"),
    )


def test_a_time_of_day_is_found(tmp_path: Path) -> None:
    inferred, _ = sampled(tmp_path, "a,b\n06:30,06:30\n23:59:59,24:00\n", "feed.csv")
    assert types(inferred) == {"a": "time", "b": "varchar(8)"}


def test_repeated_elements_are_left_out(tmp_path: Path) -> None:
    body = "<r><x i='1'><t>a</t><t>b</t><n><m>1</m></n></x><x i='2'/></r>"
    inferred, _ = sampled(tmp_path, body, "feed.xml")
    assert [guess.path for guess in inferred.columns] == ["@i", "n.m"]
    assert set(inferred.discovery.fields.left_out) == {"t", "n"}


def test_names_in_a_namespace_are_found_without_it(tmp_path: Path) -> None:
    body = "<s:r xmlns:s='urn:shop'><s:x s:i='1'><s:t>a</s:t></s:x><s:x s:i='2'/></s:r>"
    inferred, file = sampled(tmp_path, body, "feed.xml")
    assert types(inferred) == {"i": "smallint", "t": "varchar(1)"}
    contract = read(draft(inferred, "feed", STARTS), tmp_path)
    assert try_out(contract, [file], samples=2).rows == ((1, "a"), (2, None))


def test_a_long_array_is_read_piece_by_piece(tmp_path: Path) -> None:
    records = [{"id": number, "text": "x" * 1000} for number in range(3000)]
    inferred, _ = sampled(tmp_path, json.dumps(records), "feed.json")
    assert (inferred.records, inferred.key) == (3000, ("id",))


def test_a_column_that_one_file_lacks_is_left_out(tmp_path: Path) -> None:
    files = [tmp_path / "1.csv", tmp_path / "2.csv"]
    files[0].write_text("a,b\n1,2\n")
    files[1].write_text("c,a\n3,x\n")
    inferred = infer(files)
    assert types(inferred) == {"a": "varchar(1)"}
    assert list(inferred.discovery.fields.left_out) == ["b", "c"]


@pytest.mark.parametrize(
    ("name", "body"),
    [
        pytest.param("feed.csv", "", id="nothing"),
        pytest.param("feed.json", "", id="no record"),
        pytest.param("feed.json", "a,b\n", id="not JSON"),
        pytest.param("feed.xml", "<r><x></r>", id="broken XML"),
        pytest.param("feed.xml", "<!DOCTYPE r [<!ENTITY e 'x'>]><r>&e;</r>", id="document type"),
        pytest.param("feed.xml", "<r>text</r>", id="XML without fields"),
        pytest.param("feed.csv.gz", "a,b\n", id="not compressed"),
        pytest.param("feed", "PAR1...PAR1", id="broken Parquet"),
        pytest.param("feed.parquet", "a,b\n1,2\n", id="not Parquet"),
    ],
)
def test_a_file_without_records_to_read_is_refused(name: str, body: str, tmp_path: Path) -> None:
    with pytest.raises(FileUnreadable):
        sampled(tmp_path, body, name)


def parquet(folder: Path, columns: Mapping[str, object], name: str = "feed.parquet") -> Path:
    file = folder / name
    pq.write_table(pa.table(dict(columns)), file)
    return file


DAY = datetime(2026, 1, 2, 3, 4, 5, 678901)  # noqa: DTZ001 - Arrow adds the zone


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pa.array([1, None], pa.int8()), "smallint"),
        (pa.array([1, 2], pa.uint16()), "integer"),
        (pa.array([1, 2], pa.int64()), "bigint"),
        (pa.array([2**64 - 1], pa.uint64()), "decimal(20,0)"),
        (pa.array([Decimal("1.20")], pa.decimal128(12, 2)), "decimal(12,2)"),
        (pa.array([1.5], pa.float32()), "real"),
        (pa.array([1.5, float("nan"), 1e300]), "double"),
        (pa.array([True, None]), "boolean"),
        (pa.array([DAY.date()]), "date"),
        (pa.array([DAY], pa.timestamp("us")), "timestamp"),
        (pa.array([DAY], pa.timestamp("ms", "UTC")), "timestamptz"),
        (pa.array([1], pa.timestamp("ns")), "varchar(32)"),
        (pa.array([DAY.time()], pa.time64("us")), "time"),
        (pa.array(["12", "2026-01-01"]), "varchar(16)"),
        (pa.array(["é", "e"]).dictionary_encode(), "varchar(2)"),
        (pa.nulls(2), "varchar(256)"),
        (pa.nulls(2, pa.int32()), "integer"),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else value,
)
def test_a_parquet_file_names_the_types_itself(
    values: "pa.Array[Any]", kind: str, tmp_path: Path
) -> None:
    file = parquet(tmp_path, {"a": values, "z": [{"b": n} for n in range(len(values))]})
    inferred = infer([file])
    assert types(inferred) == {"a": kind, "b": "bigint"}
    contract = read(draft(inferred, "feed", STARTS), tmp_path)
    assert contract.format.type == "parquet"
    trial = try_out(contract, [file], samples=1)
    assert (trial.blocked, trial.counts.written) == ((), len(values))


def test_a_draft_of_parquet_has_the_columns_that_every_file_has_as_single_values(
    tmp_path: Path,
) -> None:
    both = {"id": [1, 2], "x.y": [1.5, 2.5], "mixed": [1, 2]}
    first = parquet(tmp_path, {**both, "tags": [["a"], []], "first": [1, 2]}, "first")
    second = parquet(tmp_path, {**both, "mixed": ["a", "b"], "tags": [["a"], []]}, "second")
    inferred = infer([first, second])
    assert types(inferred) == {"id": "bigint", "y": "double", "mixed": "varchar(1)"}
    assert inferred.discovery.fields.left_out["first"] == "is not in every file"
    contract = read(draft(inferred, "feed", STARTS), tmp_path)
    trial = try_out(contract, [first, second], samples=1)
    assert (trial.blocked, trial.counts.rejected) == ((), 0)


def test_sample_files_are_of_one_format(tmp_path: Path) -> None:
    _, text = sampled(tmp_path, "a,b\n1,2\n")
    with pytest.raises(FileUnreadable, match=r"feed\.parquet cannot be read: it is Parquet"):
        infer([text, parquet(tmp_path, {"a": [1]})])


def test_names_are_made_valid_and_stay_apart() -> None:
    paths = ("Order No", "order-no", "air.temp", "sea.temp", "@id", "year", "2nd", "Größe", "€")
    assert column_names((*paths, "OID")) == (
        *("order_no", "order_no_2", "temp", "sea_temp", "id"),
        *("year_field", "field_2nd", "grosse", "field", "oid_field"),
    )
    assert source_name(Path("Web-Orders 2026.01.csv")) == "web_orders_2026"


def test_the_bytes_of_each_file_are_heard_of(tmp_path: Path) -> None:
    _, file = sampled(tmp_path, "a,b\n1,2\n")
    heard: list[int] = []
    infer([file, file], heard.append)
    assert heard == [8, 8]


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)
CELLS = st.one_of(
    st.sampled_from(["", "NA", "-", "null", "007", "true", "2026-01-31", "1.50", "1e400", "no"]),
    st.integers(-(10**20), 10**20).map(str),
    st.floats().map(str),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=6),
)


@st.composite
def tables(draw: st.DrawFn) -> tuple[Sequence[str], list[list[str]]]:
    header = draw(st.lists(NAMES, min_size=2, max_size=4, unique=True))
    row = st.lists(CELLS, min_size=len(header), max_size=len(header))
    return header, draw(st.lists(row, min_size=1, max_size=6))


@settings(deadline=None, max_examples=30)
@given(tables())
def test_a_draft_rejects_nothing_of_its_own_samples(
    table: tuple[Sequence[str], list[list[str]]],
) -> None:
    header, rows = table
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([header, *rows])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            inferred, file = sampled(folder, text.getvalue())
        except FileUnreadable:
            assert not any(title.strip() for title in header)
            return
        contract = read(draft(inferred, "feed", STARTS), folder)
        trial = try_out(contract, [file], samples=1)
    assert trial.counts.read == len(rows)
    assert trial.counts.rejected == 0
    distinct = {tuple(row) for row in rows}
    assert trial.counts.written >= (len(distinct) if len(contract.columns) == len(header) else 1)


RECORDS = st.dictionaries(
    st.text(max_size=4),
    st.one_of(st.none(), st.integers(), st.booleans(), st.sampled_from(["x", "NA", "1.5"])),
    max_size=4,
)


@settings(deadline=None, max_examples=30)
@given(st.lists(RECORDS, min_size=1, max_size=4))
def test_a_draft_of_json_reads_whatever_its_names_are(records: list[dict[str, object]]) -> None:
    body = "".join(json.dumps(record) + "\n" for record in records)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            inferred, file = sampled(folder, body, "feed.jsonl")
        except FileUnreadable:
            assert not any(key.isalnum() for record in records for key in record)
            return
        contract = read(draft(inferred, "feed", STARTS), folder)
        trial = try_out(contract, [file], samples=1)
    assert (trial.counts.read, trial.counts.rejected) == (len(records), inferred.rejected)
