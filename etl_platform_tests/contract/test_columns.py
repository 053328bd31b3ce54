"""The options of a column: which are refused, with which words, and that JSON keeps them."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from etl_platform.contract.columns import Column
from etl_platform.contract.source import SourceContract


def column(kind: str, **options: Any) -> Column:
    return Column.model_validate({"name": "c", "type": kind, **options})


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("varchar(4)", {"formats": ["%Y-%m-%d"]}, "formats is not for varchar"),
        ("date", {"zone": "Europe/Berlin"}, "zone is not for date"),
        ("integer", {"too_long": "truncate"}, "too_long is not for integer"),
        (
            "varchar(4)",
            {"encode": "az64"},
            r"encode: az64 is not for varchar\(4\); expected raw, by",
        ),
        ("double", {"encode": "delta"}, "expected raw, bytedict, runlength, zstd"),
        ("time", {"encode": "zstd"}, "encode: zstd is not for time; expected raw"),
        ("varchar(4)", {"range": {"min": "a"}}, "range is not for varchar"),
        ("double", {"allowed": [1]}, "allowed is not for double"),
        ("integer", {"allowed": []}, "at least 1 item"),
        ("integer", {"allowed": ["1.5"]}, "allowed: '1.5' is no integer"),
        ("smallint", {"allowed": [32768]}, "allowed: 32768 is no smallint"),
        (
            "varchar(9)",
            {"allowed": [False]},
            "False is no text in YAML; expected the text in quotes",
        ),
        ("varchar(9)", {"allowed": [8]}, "allowed: 8 is no varchar"),
        ("varchar(2)", {"allowed": ["abc"]}, "allowed: 'abc' is no varchar"),
        ("char(2)", {"allowed": ["é"]}, "allowed: 'é' is no char"),
        ("decimal(4,2)", {"range": {"max": "1.005"}}, "range: '1.005' is no decimal"),
        ("decimal(4,2)", {"range": {"max": 100}}, "range: 100 is no decimal"),
        ("real", {"range": {"max": "1e39"}}, "range: '1e39' is no real"),
        ("date", {"range": {"min": "2013-02-30"}}, "'2013-02-30' is no date; expected a day"),
        ("timestamp", {"range": {"min": date(2013, 1, 1)}}, "expected a moment as"),
        ("integer", {"range": {}}, "the range has no end; expected `min`, `max` or both"),
        ("integer", {"range": {"min": 2, "max": 1}}, "2 is above 1; expected min <= max"),
        ("date", {"range": {"min": "2013-01-02", "max": "2013-01-01"}}, "expected min <= max"),
        ("integer", {"range": {"least": 1}}, "range.least"),
        ("integer", {"default": "x"}, "default: 'x' is no integer"),
        ("integer", {"default": "x", "mapping": {"x": "y"}}, "default: 'y' is no integer"),
        ("date", {"default": "2013-01-01", "formats": ["%d/%m/%Y"]}, "is in no format"),
        ("varchar(4)", {"default": "a\0"}, "without a NUL"),
        (
            "varchar(4)",
            {"mapping": {1: "one"}},
            "1 is no text in YAML; expected the text in quotes",
        ),
        (
            "varchar(4)",
            {"mapping": {"one": 1}},
            "1 is no text in YAML; expected the text in quotes",
        ),
        ("varchar(4)", {"pattern": ""}, "no regular expression"),
        ("varchar(4)", {"pattern": "a\0"}, "no regular expression"),
        ("varchar(4)", {"pattern": "(?=a)b"}, r"has \(\?=; expected the syntax of RE2"),
        ("varchar(4)", {"pattern": "(?<!a)b"}, r"has \(\?<!; expected the syntax of RE2"),
        ("varchar(4)", {"pattern": r"(a)\1"}, r"has \\1; expected the syntax of RE2"),
        ("varchar(4)", {"replace": [{"pattern": "(?>a)", "with": ""}]}, "syntax of RE2"),
        ("varchar(4)", {"replace": [{"pattern": "a"}]}, "Field required"),
        ("varchar(4)", {"case": "title"}, "'lower' or 'upper'"),
        ("timestamp", {"zone": "EST"}, "'EST' is no time zone; expected a name as America"),
        ("timestamp", {"zone": "+02:00"}, "is no time zone"),
        ("timestamp", {"zone": "Europe/Berlin'"}, "is no time zone"),
        ("time", {"zone": "UTC"}, "zone is not for time"),
        ("time", {"formats": ["%d %H:%M"]}, "is no time of day alone"),
        ("time", {"range": {"min": "24:00"}}, "'24:00' is no time; expected a time of day"),
        ("time", {"range": {"min": 21600}}, "21600 is no time; expected a time of day"),
        ("time", {"range": {"min": "06:00", "max": "05:59:59"}}, "expected min <= max"),
        ("super", {"case": "lower"}, "case is not for super"),
        ("super", {"replace": [{"pattern": "a", "with": ""}]}, "replace is not for super"),
        ("super", {"mapping": {"a": "b"}}, "mapping is not for super"),
        ("super", {"pattern": "a"}, "pattern is not for super"),
        ("super", {"allowed": ["1"]}, "allowed is not for super"),
        ("super", {"default": "NaN"}, "default: 'NaN' is no super; expected JSON in quotes"),
        ("varbyte(2)", {"default": "abc"}, "default: 'abc' is no varbyte"),
        ("varbyte(2)", {"default": 12}, "default: 12 is no varbyte"),
        ("varbyte(2)", {"allowed": ["00"]}, "allowed is not for varbyte"),
        ("integer", {"expression": " "}, "is no expression; expected SQL in quotes"),
        ("integer", {"expression": "a\0"}, "is no expression"),
        ("integer", {"expression": 1}, "is no expression"),
    ],
)
def test_an_option_that_means_nothing_is_refused(kind: str, options: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        column(kind, **options)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("varchar(4)", {"pattern": r"[(?=]+\\1\(\?=\d"}),
        ("varchar(4)", {"pattern": r"\pL+(?i:a)(?P<name>b)"}),
        ("varchar(4)", {"allowed": ["NO", "010"], "default": "NO", "case": "upper"}),
        ("integer", {"allowed": [1, "2"], "range": {"min": -1, "max": "+5"}}),
        ("decimal(4,2)", {"range": {"min": 0.1, "max": 99.99}}),
        ("decimal(4,2)", {"allowed": [0.5, "00.500"]}),
        ("real", {"range": {"min": -1.5e38}}),
        ("date", {"range": {"min": date(2013, 1, 1)}, "formats": ["%Y%m%d", "%d/%m/%y"]}),
        ("date", {"default": "31/01/2013", "formats": ["%d/%m/%Y"]}),
        ("timestamp", {"range": {"max": "2013-01-01T00:00:00+02:00"}, "zone": "UTC"}),
        ("timestamptz", {"zone": "America/Argentina/Buenos_Aires"}),
        ("boolean", {"default": "false", "mapping": {"yes": "true", "": "false"}}),
        ("varchar(4)", {"replace": [{"pattern": "a", "with": ""}], "too_long": "truncate"}),
        ("time", {"range": {"min": "06:00", "max": "22:00:00.5"}, "formats": ["%I:%M %p"]}),
        ("time", {"default": "06:00", "allowed": ["06:00"]}),
        ("super", {"default": "[]", "trim": True, "null_tokens": ["", "-"]}),
        ("varbyte(2)", {"default": "00FF", "replace": [{"pattern": "^0x", "with": ""}]}),
        ("integer", {"expression": "a * 2", "range": {"max": 5}, "required": True}),
    ],
)
def test_a_column_with_options_survives_json(kind: str, options: Any) -> None:
    made = column(kind, **options)
    assert Column.model_validate_json(made.model_dump_json(by_alias=True)) == made


@pytest.mark.parametrize(
    "option",
    [
        {"path": "a"},
        {"trim": True},
        {"null_tokens": []},
        {"case": "lower"},
        {"replace": [{"pattern": "a", "with": "b"}]},
        {"default": "a"},
        {"mapping": {"a": "b"}},
    ],
)
def test_a_column_with_an_expression_is_not_read(option: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=f"{next(iter(option))} is for a value of a record"):
        column("varchar(9)", expression="a", **option)


def test_a_number_of_yaml_keeps_its_digits() -> None:
    assert (
        column("double", range={"min": 1e-7}).range
        == column("double", range={"min": "0.0000001"}).range
    )


def test_a_key_is_never_cut() -> None:
    attributes = {
        "source": "feed",
        "description": "A feed",
        "owner": "team:tests",
        "starts": "2026-01-01-00",
        "format": {"type": "csv"},
        "columns": [{"name": "c", "type": "char(4)", "required": True, "too_long": "truncate"}],
        "key": ["c"],
        "load": {"strategy": "upsert"},
    }
    with pytest.raises(ValidationError, match="c is a key or version and may be cut"):
        SourceContract.model_validate(attributes)


def test_the_columns_in_the_paper_are_valid() -> None:
    paper = (Path(__file__).parents[2] / "docs" / "values.md").read_text()
    block = paper.partition("```yaml\n")[2].partition("```")[0]
    columns = [Column.model_validate(each) for each in yaml.safe_load(block)["columns"]]
    assert [each.name for each in columns] == ["status", "price", "sold_on", "sold_at", "note"]
