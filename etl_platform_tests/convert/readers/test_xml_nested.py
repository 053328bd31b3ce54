"""Elements of XML as values, and what the contract does not know of a record."""

import json
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl_platform.contract.errors import FileUnreadable
from etl_platform.convert.readers.xml_json import mapped
from etl_platform.convert.reasons import Reason
from etl_platform_tests.convert.samples import Converted, contract, converted

XML = {"type": "xml", "row": "row"}
XSI = "xmlns:i='http://www.w3.org/2001/XMLSchema-instance'"


def value(inside: str, path: str = "a") -> Any:
    columns = [{"name": "v", "type": "super", "path": path}]
    result = converted(contract(columns, XML), f"<f {XSI}><row>{inside}</row></f>".encode())
    text = result.rows[0]["v"]
    return None if text is None else json.loads(text)


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ("", None),
        ("<a/>", [""]),
        ("<a>x</a>", ["x"]),
        ("<a>1.50</a><b/><a> y </a>", ["1.50", " y "]),
        ("<a k='1'>x</a>", [{"@k": "1", "#text": "x"}]),
        ("<a k='1'/>", [{"@k": "1"}]),
        ("<a k='1'> </a>", [{"@k": "1", "#text": " "}]),
        ("<a>\n <b>1</b>\n <b>2</b>\n <c/>\n</a>", [{"b": ["1", "2"], "c": [""]}]),
        ("<a>one <b>two</b> three</a>", [{"b": ["two"], "#text": "one  three"}]),
        ("<a><b><c x='é'/></b></a>", [{"b": [{"c": [{"@x": "é"}]}]}]),
        ("<a><![CDATA[<b>]]></a>", ["<b>"]),
        ("<a i:nil='true'/>", [None]),
        (
            "<a i:nil='true' k='1'/>",
            [{"@{http://www.w3.org/2001/XMLSchema-instance}nil": "true", "@k": "1"}],
        ),
        ("<a xmlns:n='u' n:k='1' k='2'><n:b/><b/></a>", [{"@{u}k": "1", "@k": "2", "b": ["", ""]}]),
    ],
)
def test_elements_are_a_list_by_one_rule_however_many_there_are(inside: str, expected: Any) -> None:
    assert value(inside) == expected


def test_attributes_and_own_texts_are_lists_too() -> None:
    inside = "<a k='1'>x<b/></a><a k='2'/>"
    assert value(inside, "a.@k") == ["1", "2"]
    assert value(inside, "a.text()") == ["x", ""]


def test_a_column_of_one_value_and_one_of_all_can_stand_at_one_place() -> None:
    columns = [
        {"name": "v", "type": "super", "path": "a"},
        {"name": "k", "type": "integer", "path": "a.@k"},
        {"name": "b", "type": "varchar(9)", "path": "a.b"},
    ]
    body = b"<row><a k='1' l='2'><b>x</b><c/></a></row>"
    result = converted(contract(columns, XML, unknown="reject"), body)
    assert result.rows == [{"v": '[{"@k":"1","@l":"2","b":["x"],"c":[""]}]', "k": 1, "b": "x"}]


KNOWN = [
    {"name": "id", "type": "integer", "path": "@id"},
    {"name": "name", "type": "varchar(9)"},
    {"name": "city", "type": "varchar(9)", "path": "place.city"},
    {"name": "rest", "type": "super"},
]
CLEAN = "<row id='1'> <name>x</name><place><city>y</city></place><rest z='1'><n/></rest></row>"
STRANGE = (
    "<row id='2' x='3'> <name lang='de'>x</name> text"
    "<place zone='a'><city>y</city><fax>1</fax><fax k='2'/></place><new/></row>"
)


def with_policy(policy: str, *records: str) -> Converted:
    body = f"<f {XSI}>{''.join(records)}</f>"
    return converted(contract(KNOWN, XML, unknown=policy), body.encode())


def test_unknown_fields_are_passed_over_and_named() -> None:
    result = with_policy("ignore", CLEAN, STRANGE)
    assert [row["id"] for row in result.rows] == [1, 2]
    assert result.unknown_fields == (
        *("@x", "name.@lang", "new", "place.@zone", "place.fax", "text()"),
    )
    assert with_policy("ignore", CLEAN).unknown_fields == ()


def test_unknown_fields_block_and_the_error_names_them_and_the_record() -> None:
    assert with_policy("block", CLEAN).rows
    with pytest.raises(FileUnreadable, match="record 2 has what the contract has not: '@x'"):
        with_policy("block", CLEAN, STRANGE)


def test_unknown_fields_reject_their_records_and_no_other() -> None:
    result = with_policy("reject", CLEAN, STRANGE, CLEAN, "<row id='4'><b/></row>")
    assert [row["id"] for row in result.rows] == [1, 1]
    assert result.reasons == [
        (2, "", Reason.UNKNOWN_FIELD, "@x, name.@lang, place.@zone, place.fax, new and 1 more"),
        (4, "", Reason.UNKNOWN_FIELD, "b"),
    ]


def test_unknown_fields_are_captured_under_the_names_that_lead_to_them() -> None:
    result = with_policy("capture", CLEAN, STRANGE)
    assert [row["_extra"] for row in result.rows if row["id"] == 1] == [None]
    (extra,) = [row["_extra"] for row in result.rows if row["id"] == 2]
    assert json.loads(extra) == {
        "@x": "3",
        "name": [{"@lang": "de"}],
        "place": [{"@zone": "a", "fax": ["1", {"@k": "2"}]}],
        "new": [""],
        "#text": "  text",
    }


def test_what_an_element_says_of_its_value_is_no_field() -> None:
    record = "<row id='1'><name i:nil='true'/><place i:type='x'/></row>"
    assert with_policy("reject", record).rows == [
        {"id": 1, "name": None, "city": None, "rest": None}
    ]


NAMES = st.sampled_from(["a", "b", "c"])
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zs"]), max_size=4)
ELEMENTS: st.SearchStrategy[Any] = st.recursive(
    st.builds(lambda name, keys, text: (name, keys, text, []), NAMES, st.sets(NAMES), TEXTS),
    lambda inner: st.builds(
        lambda name, keys, children: (name, keys, "", children),
        *(NAMES, st.sets(NAMES), st.lists(inner, max_size=4)),
    ),
    max_leaves=10,
)


def built(tree: Any) -> ElementTree.Element:
    name, keys, text, children = tree
    element = ElementTree.Element(name, dict.fromkeys(sorted(keys), "k"))
    element.text = text
    element.extend(map(built, children))
    return element


def leaves(value: Any, path: str = "") -> list[str]:
    if isinstance(value, list):
        return [leaf for one in value for leaf in leaves(one, path)]
    if isinstance(value, dict):
        return [leaf for name, one in value.items() for leaf in leaves(one, f"{path}/{name}")]
    return [f"{path}={value}"]


@given(tree=ELEMENTS)
def test_nothing_of_an_element_is_lost_in_its_json(tree: Any) -> None:
    element = built(tree)
    found = json.dumps(leaves(mapped(element)))

    def walk(one: ElementTree.Element, path: str) -> list[str]:
        own = [f"{path}/@{name}={text}" for name, text in one.attrib.items()]
        if one.text and (one.attrib or len(one)):
            own.append(f"{path}/#text={one.text}")
        elif not one.attrib and not len(one):
            own.append(f"{path}={one.text or ''}")
        return own + [leaf for child in one for leaf in walk(child, f"{path}/{child.tag}")]

    assert sorted(json.loads(found)) == sorted(walk(element, ""))
