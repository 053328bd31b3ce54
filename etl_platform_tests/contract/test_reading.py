from pathlib import Path

import pytest

from etl_platform.contract.errors import ContractInvalid, SourceUnknown
from etl_platform.contract.reading import find_contract, located, read_contract, read_contracts
from etl_platform.contract.source import SourceContract

GOOD = """\
type: etl_platform.components.S3ToRedshift
attributes:
  source: orders
  description: Orders of the shop
  owner: team:shop
  starts: 2026-01-01-00
  format: {type: csv, delimiter: ";"}
  columns:
    - {name: id, type: bigint, required: true}
    - {name: price, type: "decimal(10,2)"}
    - {name: changed, type: timestamp, required: true}
  key: [id]
  load: {strategy: upsert, version: changed, schema: shop}
  rejects: {at_most: 1%}
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "defs.yaml"
    file.write_text(text)
    return file


def refused(folder: Path, text: str) -> ContractInvalid:
    with pytest.raises(ContractInvalid) as caught:
        read_contract(write(folder, text))
    return caught.value


def test_a_contract_reads_as_it_is_written(tmp_path: Path) -> None:
    contract = read_contract(write(tmp_path, GOOD))
    assert contract is not None
    assert (contract.source, contract.table, contract.load.version) == (
        "orders",
        "orders",
        "changed",
    )
    assert contract.arrow_schema.names == ["id", "price", "changed", "_hour", "_batch_id"]


def test_a_contract_survives_json(tmp_path: Path) -> None:
    contract = read_contract(write(tmp_path, GOOD))
    assert contract is not None
    copy = SourceContract.model_validate_json(contract.model_dump_json(by_alias=True))
    assert copy == contract
    assert copy.digest == contract.digest


def test_the_shipped_contracts_are_valid() -> None:
    assert sorted(read_contracts()) == ["airlines", "flights", "weather"]


def test_an_unknown_source_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    with pytest.raises(SourceUnknown, match="orders"):
        find_contract("order", tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "expected"),
    [
        ("type: bigint", "type: int64", 9, "columns[0].type", "smallint"),
        ('"decimal(10,2)"', "decimal(10,2)", 10, "columns[1].type", "quotes in YAML"),
        ("owner: team:shop", "owned: team:shop", 5, "owned", "only fields of the contract"),
        ("type: csv", "type: cvs", 7, "format", "'csv', 'json', 'xml'"),
        ('delimiter: ";"', 'delimiter: ";;"', 7, "format.delimiter", "at most 1 character"),
        ('delimiter: ";"', "delimiter: '\"'", 7, "format", "different characters"),
        (
            "starts: 2026-01-01-00",
            "starts: 2026-01-01-00\n  ends: 2025-01-01-00",
            7,
            "ends",
            "a later hour",
        ),
        ("starts: 2026-01-01-00", "starts: 2026-01-01", 6, "starts", "YYYY-MM-DD-HH"),
        ("key: [id]", "key: [ID]", 12, "key[0]", "small letters"),
        ("key: [id]", "key: [idd]", 12, "key", "one of id, price, changed"),
        ("key: [id]", "key: [price]", 10, "columns[1]", "`required: true`"),
        ("  key: [id]", "", 13, "load.strategy", "`key: [column, ...]`"),
        ("version: changed", "version: change", 13, "load.version", "one of id"),
        ("strategy: upsert", "strategy: merge", 13, "load.strategy", "'upsert', 'append'"),
        ("at_most: 1%", "at_most: 101%", 14, "rejects.at_most", "a share as 1%"),
        ("at_most: 1%", "at_most: [1%, 2%]", 14, "rejects.at_most", "both as [1%, 100]"),
        ("key: [id]", "key: [id]\n  keep_superseded: 7", 13, "keep_superseded", "boolean"),
        ("at_most: 1%", "most: 1%", 14, "rejects.most", "only fields of the contract"),
        ("name: price", "name: hour", 10, "columns[1].name", "`path` naming the field"),
        ("name: price", "name: id", 10, "columns[1].name", "distinct names"),
        ("source: orders", "source: o__s", 3, "source", "joined by one underscore"),
        ("  key: [id]", "  key: [id]\n  key: [id]", 13, "key", "one value"),
        ("  key: [id]", "  key: &a [id]\n  tags: *a", 1, "the document", "plain values"),
        ("  key: [id]", "  key: [id", 13, "the document", "well-formed YAML"),
        ("  key: [id]", "  key: {[id]: 1}", 12, "the document", "names as keys"),
        ("  key: [id]", "  key: !!python/name:os.system", 12, "the document", "well-formed YAML"),
        ("  key: [id]", "  key: " + "[" * 100_000, 12, "the document", "100 levels at most"),
        ("  key: [id]", "  key: [\x07]", 1, "the document", "well-formed YAML"),
        (GOOD, "", 1, "the document", "a type and attributes"),
        (GOOD, "--- {}\n--- {}\n", 2, "the document", "well-formed YAML"),
    ],
)
def test_a_mistake_names_file_line_field_and_what_was_expected(
    tmp_path: Path, old: str, new: str, line: int, field: str, expected: str
) -> None:
    error = refused(tmp_path, GOOD.replace(old, new))
    assert error.line == line
    assert (error.field or "the document") == field
    assert expected in str(error)
    assert str(tmp_path / "defs.yaml") in str(error)


def test_two_files_with_one_source_are_refused(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write(tmp_path / name, GOOD)
    with pytest.raises(ContractInvalid, match=r"one/defs\.yaml"):
        read_contracts(tmp_path)


@pytest.mark.parametrize("load", ["schema: shop, table: orders", "table: orders, schema: shop"])
def test_two_sources_with_one_table_are_refused(tmp_path: Path, load: str) -> None:
    for name, text in (("one", GOOD), ("two", GOOD.replace("source: orders", "source: returns"))):
        (tmp_path / name).mkdir()
        write(tmp_path / name, text.replace("schema: shop", load))
    with pytest.raises(ContractInvalid) as caught:
        read_contracts(tmp_path)
    assert (caught.value.line, caught.value.field) == (13, "load.table")
    assert caught.value.problem == (
        f"shop.orders is also the table of 'orders' in {tmp_path}/one/defs.yaml"
    )


def test_sources_may_have_tables_of_one_name_in_two_schemas(tmp_path: Path) -> None:
    returns = GOOD.replace("source: orders", "source: returns").replace(
        "schema: shop", "schema: back, table: orders"
    )
    for name, text in (("one", GOOD), ("two", returns)):
        (tmp_path / name).mkdir()
        write(tmp_path / name, text)
    assert {c.full_table for c in read_contracts(tmp_path).values()} == {
        "shop.orders",
        "back.orders",
    }


@pytest.mark.parametrize("schema", ["etl_platform", "pg_catalog", "information_schema"])
def test_a_schema_of_the_platform_or_of_redshift_is_refused(tmp_path: Path, schema: str) -> None:
    error = refused(tmp_path, GOOD.replace("schema: shop", f"schema: {schema}"))
    assert (error.line, error.field) == (13, "load.schema")
    assert "one of your own" in error.expected


def test_a_source_is_not_called_as_the_steps_of_aggregates(tmp_path: Path) -> None:
    error = refused(tmp_path, GOOD.replace("source: orders", "source: aggregate"))
    assert (error.line, error.field) == (3, "source")


def test_a_file_of_another_component_is_passed_over(tmp_path: Path) -> None:
    assert read_contract(write(tmp_path, "type: dagster.DefsFolderComponent\n")) is None


@pytest.mark.parametrize(
    ("field", "line"), [("columns[1].type", 10), ("columns[2].pattern", 11), ("load.schema", 13)]
)
def test_an_error_found_without_the_file_is_told_with_its_line(
    tmp_path: Path, field: str, line: int
) -> None:
    write(tmp_path, GOOD)
    found = ContractInvalid("the contract of orders", None, field, "it is wrong", "a right one")
    assert str(found).startswith(f"[CONTRACT_INVALID] the contract of orders: {field}: it is wrong")
    error = located(found, tmp_path / "defs.yaml")
    assert str(error).startswith(
        f"[CONTRACT_INVALID] {tmp_path}/defs.yaml:{line}: {field}: it is wrong. Expected: a right"
    )
