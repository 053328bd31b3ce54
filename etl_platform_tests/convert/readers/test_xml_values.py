"""Where values stand in XML: paths of rows and columns, namespaces, mixed contents, nothing."""

import re
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl_platform.contract.formats import XmlFormat
from etl_platform.convert.readers.unknown import Unknown
from etl_platform.convert.readers.xml_values import XmlValues
from etl_platform.convert.reasons import Reason
from etl_platform_tests.convert.samples import Converted, contract, converted

NAMESPACES = b"""<c:catalog xmlns:c="urn:catalog" xmlns="urn:items" xmlns:x="http://x.org/a.b">
 <c:items><item c:id="1" x:id="9"><name>a</name><x:name>b</x:name></item></c:items>
</c:catalog>"""


def read(body: bytes, row: str, **paths: str) -> Converted:
    columns = [{"name": n, "type": "varchar(50)", "path": p} for n, p in paths.items()]
    return converted(contract(columns, {"type": "xml", "row": row}, null_tokens=[]), body)


def test_a_row_by_its_path_is_found_there_only() -> None:
    body = (
        b"<f><item>no</item><items><item>1</item><x><item>no</item></x><item>2</item></items></f>"
    )
    rows = read(body, "/f/items/item", v="text()").rows
    assert rows == [{"v": "1"}, {"v": "2"}]
    assert len(read(body, "item", v="text()").rows) == 4
    assert read(body, "/items/item", v="text()").rows == []


def test_the_root_itself_can_be_the_row() -> None:
    assert read(b"<f a='1'/>", "/f", a="@a").rows == [{"a": "1"}]


@pytest.mark.parametrize(
    "row", ["item", "{urn:items}item", "/catalog/items/item", "/{urn:catalog}catalog/items/item"]
)
def test_a_name_without_a_namespace_stands_for_all_of_them(row: str) -> None:
    result = read(NAMESPACES, row, name="{urn:items}name", other="{http://x.org/a.b}name")
    assert result.rows == [{"name": "a", "other": "b"}]


@pytest.mark.parametrize("row", ["{urn:other}item", "{}item", "/{urn:items}catalog/items/item"])
def test_a_name_with_another_namespace_is_another_name(row: str) -> None:
    assert read(NAMESPACES, row, name="{urn:items}name").rows == []


def test_attributes_have_namespaces_too() -> None:
    result = read(NAMESPACES, "item", id="@{urn:catalog}id", other="@{http://x.org/a.b}id")
    assert result.rows == [{"id": "1", "other": "9"}]
    assert read(b"<f xml:lang='en' lang='de'/>", "f", lang="@{}lang").rows == [{"lang": "de"}]


def test_names_that_differ_in_their_namespace_only_are_a_repeated_value() -> None:
    result = read(NAMESPACES, "item", name="name", id="@id")
    assert result.reasons == [
        (1, "name", Reason.REPEATED_VALUE, None),
        (1, "id", Reason.REPEATED_VALUE, None),
    ]


def test_own_text_is_what_mixed_contents_have_beside_their_elements() -> None:
    body = b"<f><p>one <b>two</b><!-- no --> three<?no no?><![CDATA[ <4> ]]></p></f>"
    assert read(body, "f", own="p.text()", bold="p.b").rows == [
        {"own": "one  three <4> ", "bold": "two"}
    ]


def test_a_value_that_says_that_it_is_none_is_null_and_an_empty_one_is_empty() -> None:
    body = (
        b"<f xmlns:i='http://www.w3.org/2001/XMLSchema-instance'>"
        b"<r><a i:nil='true'/><b/><c></c></r></f>"
    )
    assert read(body, "r", a="a", b="b", c="c", d="d").rows == [
        {"a": None, "b": "", "c": "", "d": None}
    ]


@pytest.mark.parametrize(
    "row",
    [
        '<row q="/>"/>',
        '<row q="/>"></row >',
        "<row\n q='>'\n/>",
        "<row>text/></row>",
        "<row><![CDATA[</row>]]></row>",
        "<row><!-- </row> /></row>--></row>",
        "<row><?x />?></row>",
        "<row><row/>é</row>",
        "<n:row xmlns:n='u'><a>&gt;</a></n:row>",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1"])
def test_the_raw_text_of_a_reject_is_what_stands_in_the_file(row: str, encoding: str) -> None:
    body = f"<?xml version='1.0' encoding='{encoding}'?><f>ü{row}\n<x/>{row}</f>".encode(encoding)
    columns = [{"name": "v", "type": "integer", "required": True, "path": "nothing"}]
    result = converted(contract(columns, {"type": "xml", "row": "row"}), body)
    assert [reject["raw"] for reject in result.rejects] == [row, row]


@pytest.mark.parametrize("row", ["", "/", "a/b", "/a//b", "1a", "/a/", "@a", "{u:a", "a b", "/a/*"])
def test_a_row_that_is_no_name_and_no_path_is_told_with_examples(row: str) -> None:
    with pytest.raises(ValueError, match=re.escape("expected `item`, `/catalog/items/item`")):
        XmlFormat.model_validate({"type": "xml", "row": row})


NAMES = st.sampled_from(["a", "b", "c"])
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=5)
ELEMENTS: st.SearchStrategy[Any] = st.recursive(
    st.builds(lambda name, text: (name, text, []), NAMES, TEXTS),
    lambda children: st.builds(
        lambda name, text, inner: (name, text, inner), NAMES, TEXTS, st.lists(children, max_size=4)
    ),
    max_leaves=8,
)


def built(tree: Any) -> ElementTree.Element:
    name, text, children = tree
    element = ElementTree.Element(name)
    element.text = text
    element.extend(map(built, children))
    return element


@given(tree=ELEMENTS, path=st.lists(NAMES, min_size=1, max_size=3))
def test_paths_find_what_those_of_element_tree_find(tree: Any, path: list[str]) -> None:
    element = built(("row", "", [tree]))
    columns = [{"name": "v", "type": "varchar(50)", "path": ".".join(path)}]
    of = contract(columns, {"type": "xml", "row": "r"})
    (text,), problems, _ = XmlValues(of.columns, Unknown(of, "s3://raw/0")).of(element)
    found = element.findall("/".join(path))
    if len(found) > 1:
        assert problems == (Reason.REPEATED_VALUE,)
    elif found and len(found[0]):
        assert problems == (Reason.NESTED_VALUE,)
    else:
        assert problems is None
        assert text == (found[0].text or "" if found else None)


@given(tree=ELEMENTS)
def test_rows_are_those_that_element_tree_finds(tree: Any) -> None:
    root = built(("f", "", [tree]))
    body = ElementTree.tostring(root, encoding="utf-8")
    rows = read(body, "/f/a", v="text()").rows
    expected = ["".join([e.text or "", *(c.tail or "" for c in e)]) for e in root.findall("a")]
    assert [row["v"] for row in rows] == expected
