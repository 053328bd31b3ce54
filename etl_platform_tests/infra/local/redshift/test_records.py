"""Records of text files: what a writer wrote is what is read, whatever the values are."""

import csv
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.redshift.columns import TableColumn
from infra.local.redshift.json_records import json_records, layout
from infra.local.redshift.loads import CsvFormat, DelimitedFormat, TextUnload
from infra.local.redshift.records import Lines, csv_records, delimited_records
from infra.local.redshift.s3 import Location
from infra.local.redshift.unload_files import TextPart
from infra.local.redshift.wire import Column

TEXTS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8
) | st.text('ab",|\\\r\n', max_size=8)
ROWS = st.lists(st.tuples(TEXTS, TEXTS), max_size=6)


def lines_of(content: str) -> Lines:
    raw = content.encode(errors="surrogateescape")
    file = io.TextIOWrapper(io.BytesIO(raw), "utf-8", errors="surrogateescape", newline="\n")
    return Lines(file)


def super_column(name: str) -> TableColumn:
    return TableColumn(name, "jsonb", "super", None, None, None, not_null=False)


@given(ROWS)
def test_csv_is_read_as_it_was_written(rows: list[tuple[str, str]]) -> None:
    content = io.StringIO(newline="")
    csv.writer(content, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    records = list(csv_records(lines_of(content.getvalue()), CsvFormat()))
    assert [tuple(record.fields) for record in records] == rows
    assert [record.problem for record in records] == [None] * len(rows)


@given(ROWS)
def test_unloaded_text_with_escape_is_read_as_it_was(rows: list[tuple[str, str]]) -> None:
    columns = [Column(name, 1043, -1) for name in "ab"]
    form = TextUnload(delimiter="|", csv=False, escape=True)
    with tempfile.TemporaryDirectory() as folder:
        part = TextPart(Location("b", "k"), Path(folder, "part"), columns, (), form)
        arrays = [pa.array([row[place] for row in rows], pa.string()) for place in range(2)]
        part.write(pa.RecordBatch.from_arrays(arrays, names=list("ab")))
        part.close()
        content = part.path.read_bytes().decode()
    records = list(delimited_records(lines_of(content), DelimitedFormat(escape=True)))
    assert [tuple(record.fields) for record in records] == rows


JSON_VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@given(st.lists(JSON_VALUES, max_size=5), st.sampled_from([None, 1]), st.sampled_from("\n ,"))
def test_json_values_are_read_as_they_were_written(
    values: list[Any], indent: int | None, gap: str
) -> None:
    gap = gap.replace(",", "\n\n")
    content = gap.join(json.dumps(value, indent=indent) for value in values)
    lay_out = layout("noshred", [super_column("a")], None)
    records = list(json_records(lines_of(content), lay_out))
    assert [json.loads(record.fields[0] or "") for record in records] == values
    ends = [record.line_number for record in records]
    written = [json.dumps(value, indent=indent) for value in values]
    expected = [1 + gap.join(written[: place + 1]).count("\n") for place in range(len(values))]
    assert ends == expected


def test_a_large_value_of_many_lines_is_not_read_again_for_every_line() -> None:
    content = json.dumps(list(range(200_000)), indent=1)
    lay_out = layout("noshred", [super_column("a")], None)
    (record,) = json_records(lines_of(content), lay_out)
    assert json.loads(record.fields[0] or "") == list(range(200_000))


def test_quotes_that_nobody_closes_end_with_the_longest_record() -> None:
    content = '"' + "x\n" * 3_000_000
    first = next(csv_records(lines_of(content), CsvFormat()))
    assert first.problem is not None
    assert first.problem.reason == "Delimited value missing end quote"


@pytest.mark.parametrize(
    ("raw", "fields"),
    [("a||b", ["a", "", "b"]), ("", [""]), ("a|", ["a", ""]), ("\\|a|b", ["|a", "b"])],
)
def test_fields_of_escaped_text(raw: str, fields: list[str]) -> None:
    (record,) = delimited_records(lines_of(f"{raw}\n"), DelimitedFormat(escape=True))
    assert record.fields == fields
