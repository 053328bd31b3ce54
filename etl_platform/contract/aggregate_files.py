"""Read aggregates: a defs.yaml with the contract, and the file of its query beside it."""

from collections.abc import Mapping
from pathlib import Path

from etl_platform.contract.aggregate import (
    AggregateContract,
    AggregateDefinition,
    check_inputs,
    check_query,
)
from etl_platform.contract.errors import AggregateUnknown, ContractInvalid
from etl_platform.contract.fields import RuleBroken
from etl_platform.contract.reading import (
    DEFS,
    FILE_NAME,
    MOST_BYTES,
    located,
    read_component,
    read_contract,
    read_contract_files,
    read_contracts,
    shared_table,
    spell,
)
from etl_platform.contract.source import SourceContract

AGGREGATE_COMPONENT = "etl_platform.components.Aggregate"
QUERY_FILE_NAME = "query.sql"


def read_aggregates(folder: Path = DEFS) -> dict[str, AggregateDefinition]:
    """Every aggregate below a folder, by name."""
    found: dict[str, tuple[AggregateContract, Path]] = {}
    for file in sorted(folder.rglob(FILE_NAME)):
        contract = read_component(file, AGGREGATE_COMPONENT, AggregateContract)
        if contract is None:
            continue
        if contract.aggregate in found:
            problem = f"{contract.aggregate!r} is also in {found[contract.aggregate][1]}"
            raise ContractInvalid(
                str(file), 1, "attributes.aggregate", problem, "one file for each aggregate"
            )
        found[contract.aggregate] = (contract, file)
    _refuse_shared_names(found, read_contract_files(folder))
    return {
        name: complete(contract, file.parent, folder) for name, (contract, file) in found.items()
    }


def _refuse_shared_names(
    aggregates: Mapping[str, tuple[AggregateContract, Path]],
    sources: Mapping[str, tuple[SourceContract, Path]],
) -> None:
    """Commands take a name for either, and each writes its table as if nobody else did."""
    tables = {contract.full_table: (name, place) for name, (contract, place) in sources.items()}
    for name, (contract, file) in aggregates.items():
        if name in sources:
            problem = f"{name!r} is also the name of the source in {sources[name][1]}"
            expected = "a name that no source has"
            raise located(ContractInvalid(str(file), None, "aggregate", problem, expected), file)
        if contract.full_table in tables:
            other, place = tables[contract.full_table]
            raise shared_table(file, "table", contract.full_table, other, place)
        tables[contract.full_table] = (name, file)


def find_aggregate(name: str, folder: Path = DEFS) -> AggregateDefinition:
    """One aggregate by its name."""
    found = read_aggregates(folder)
    if name not in found:
        raise AggregateUnknown(name, sorted(found))
    return found[name]


def complete(contract: AggregateContract, folder: Path, defs: Path) -> AggregateDefinition:
    """The contract with its query and the contracts of its sources, held against each other."""
    file, query_file = folder / FILE_NAME, folder / QUERY_FILE_NAME
    try:
        sources = {
            read.source: _source(read.source, number, defs)
            for number, read in enumerate(contract.reads)
        }
        check_inputs(contract, sources)
    except RuleBroken as error:
        problem = ContractInvalid(
            str(file), None, spell(error.field), error.problem, error.expected
        )
        raise located(problem, file) from None
    except ContractInvalid as error:
        raise (located(error, file) if error.line is None else error) from None
    return AggregateDefinition(contract, _read_query(contract, query_file), sources)


def _source(name: str, number: int, defs: Path) -> SourceContract:
    # A source lies in the folder of its name. Reading every contract to find one would make the
    # time that definitions take to load the product of sources and aggregates.
    usual = defs / name / FILE_NAME
    contract = read_contract(usual) if usual.is_file() else None
    if contract is not None and contract.source == name:
        return contract
    known = read_contracts(defs)
    if name not in known:
        raise ContractInvalid(
            name,
            None,
            f"reads[{number}].source",
            f"no source is called {name!r}",
            f"one of {', '.join(sorted(known)) or '(none is defined)'}",
        )
    return known[name]


def _read_query(contract: AggregateContract, file: Path) -> str:
    if not file.is_file():
        raise ContractInvalid(
            str(file), 1, "", "the file is not there", "the query of the aggregate"
        )
    body = file.read_bytes()
    if len(body) > MOST_BYTES:
        raise ContractInvalid(str(file), 1, "", f"{len(body)} bytes", f"{MOST_BYTES} at most")
    query = body.decode(errors="replace")
    try:
        check_query(contract, query)
    except ValueError as error:
        problem, _, expected = str(error).partition("; expected ")
        raise ContractInvalid(str(file), 1, "the query", problem, expected) from None
    return query
