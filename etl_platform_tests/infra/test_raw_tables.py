"""The catalog's view of landed files, by format."""

from typing import Any

import pytest

from etl_platform.contract.source import SourceContract
from infra.stacks.raw_tables import raw_table


def contract(format_: dict[str, Any], *paths: str) -> SourceContract:
    return SourceContract.model_validate(
        {
            "source": "things",
            "description": "Things",
            "owner": "team:things",
            "starts": "2013-01-01-00",
            "format": format_,
            "columns": [
                {"name": f"c{number}", "type": "integer", "path": path}
                for number, path in enumerate(paths)
            ],
            "load": {"strategy": "append"},
        }
    )


def test_csv_is_read_with_its_own_delimiter_and_quote_behind_the_header() -> None:
    table = raw_table(contract({"type": "csv", "delimiter": ";", "quote": "'"}, "a", "b"))
    assert table.serde_parameters == {"separatorChar": ";", "quoteChar": "'"}
    assert table.parameters["skip.header.line.count"] == "1"
    assert table.columns == [("c0", "string"), ("c1", "string")]


@pytest.mark.parametrize(
    ("paths", "columns"),
    [
        pytest.param(["a"], [("a", "string")], id="flat"),
        pytest.param(
            ["air.temp", "air.dewp", "b"],
            [("air", "struct<temp:string,dewp:string>"), ("b", "string")],
            id="one-below",
        ),
        pytest.param(["a.b.c", "a.d"], [("a", "struct<b:struct<c:string>,d:string>")], id="deep"),
        pytest.param(["a", "a.b"], [("a", "string")], id="both-whole-and-part"),
        pytest.param(["a.b-c"], [("a", "string")], id="no-name-of-a-field"),
        pytest.param(["A.b", "a.c"], [("a", "struct<b:string,c:string>")], id="capitals"),
    ],
)
def test_json_has_the_shape_that_the_contract_reads(
    paths: list[str], columns: list[tuple[str, str]]
) -> None:
    assert raw_table(contract({"type": "json"}, *paths)).columns == columns


def test_xml_names_each_value_by_its_place_in_the_record() -> None:
    table = raw_table(contract({"type": "xml", "row": "thing"}, "@id", "name", "of.size", "of.@at"))
    assert table.serde_parameters == {
        "column.xpath.c0": "/thing/@id",
        "column.xpath.c1": "/thing/name/text()",
        "column.xpath.c2": "/thing/of/size/text()",
        "column.xpath.c3": "/thing/of/@at",
    }
    assert table.parameters["rowTag"] == "thing"


@pytest.mark.parametrize(("path", "start"), [("@id", "<thing "), ("id", "<thing>")])
def test_the_start_of_an_xml_record_is_not_the_start_of_a_longer_name(
    path: str, start: str
) -> None:
    table = raw_table(contract({"type": "xml", "row": "thing"}, path))
    assert table.parameters["xmlinput.start"] == start
    assert table.parameters["xmlinput.end"] == "</thing>"
