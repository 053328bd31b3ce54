"""Read contracts from YAML; a mistake names the file, the line, the field and what was expected."""

import re
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from etl_platform.contract.errors import ContractInvalid, SourceUnknown
from etl_platform.contract.fields import RuleBroken
from etl_platform.contract.source import SourceContract

COMPONENT = "etl_platform.components.S3ToRedshift"
DEFS = Path(__file__).parent.parent / "defs"
FILE_NAME = "defs.yaml"
MOST_BYTES = 1024 * 1024
MOST_DEPTH = 100

_Path = tuple[str | int, ...]
M = TypeVar("M", bound=BaseModel)


def read_contracts(folder: Path = DEFS) -> dict[str, SourceContract]:
    """Every contract below a folder, by source name."""
    return {source: contract for source, (contract, _) in read_contract_files(folder).items()}


def read_contract_files(folder: Path) -> dict[str, tuple[SourceContract, Path]]:
    """Every contract below a folder, and where it was read from, by source name."""
    found: dict[str, tuple[SourceContract, Path]] = {}
    for file in sorted(folder.rglob(FILE_NAME)):
        contract = read_contract(file)
        if contract is None:
            continue
        if contract.source in found:
            raise ContractInvalid(
                str(file),
                1,
                "attributes.source",
                f"{contract.source!r} is also in {found[contract.source][1]}",
                "one file for each source",
            )
        for other, place in found.values():
            if other.full_table == contract.full_table:
                raise shared_table(file, "load.table", contract.full_table, other.source, place)
        found[contract.source] = (contract, file)
    return found


def shared_table(file: Path, field: str, table: str, other: str, place: Path) -> ContractInvalid:
    """The error of a file whose table another source or aggregate has: the rows of the one would
    be in the way of the other's, and its ledger would tell of both."""
    problem = f"{table} is also the table of {other!r} in {place}"
    return located(ContractInvalid(str(file), None, field, problem, "a table of its own"), file)


def find_contract(source: str, folder: Path = DEFS) -> SourceContract:
    """The contract of one source."""
    return find_contract_file(source, folder)[0]


def find_contract_file(source: str, folder: Path = DEFS) -> tuple[SourceContract, Path]:
    """The contract of one source, and where it was read from."""
    found = read_contract_files(folder)
    if source not in found:
        raise SourceUnknown(source, sorted(found))
    return found[source]


def read_contract(file: Path) -> SourceContract | None:
    """The contract in a file, or None if the file describes another kind of component."""
    return read_component(file, COMPONENT, SourceContract)


def read_component(file: Path, component: str, model: type[M]) -> M | None:
    """The attributes in a file, or None if the file describes another kind of component."""
    text = file.read_bytes()
    if len(text) > MOST_BYTES:
        raise ContractInvalid(str(file), 1, "", f"{len(text)} bytes", f"{MOST_BYTES} at most")
    node, document = _parse(text, file)
    if not isinstance(document, dict) or document.get("type") != component:
        return None
    return _validate(model, document.get("attributes"), node, file)


def located(error: ContractInvalid, file: Path) -> ContractInvalid:
    """The same error with the line of its field, for one that was found without the file."""
    node, _ = _parse(file.read_bytes(), file)
    steps = (step.strip("[]") for step in re.findall(r"[^.\[\]]+|\[\d+\]", error.field))
    path = ("attributes", *(int(step) if step.isdecimal() else step for step in steps))
    return ContractInvalid(
        str(file), _line_of(node, path), error.field, error.problem, error.expected
    )


def _validate(model: type[M], attributes: Any, node: yaml.Node, file: Path) -> M:
    try:
        return model.model_validate(attributes)
    except ValidationError as error:
        # A misspelt field is also a missing one: the misspelling is what has to be corrected.
        first = min(error.errors(include_url=False), key=lambda found: found["type"] == "missing")
        rule = first.get("ctx", {}).get("error")
        place = rule.field if isinstance(rule, RuleBroken) else first["loc"]
        path: _Path = ("attributes", *_without_tags(place, attributes, first["type"]))
        problem, _, expected = first["msg"].removeprefix("Value error, ").partition("; expected ")
        raise ContractInvalid(
            str(file),
            _line_of(node, path),
            spell(path[1:]),
            _problem(problem, first["type"]),
            expected or _expectation(first),
        ) from None


def _problem(message: str, kind: str) -> str:
    return {"missing": "the field is missing", "extra_forbidden": "there is no such field"}.get(
        kind, message
    )


def _expectation(error: Any) -> str:
    if error["type"] == "missing":
        return "a value"
    if error["type"] == "extra_forbidden":
        return "only fields of the contract"
    return str(error["msg"])


def _without_tags(loc: _Path, attributes: Any, kind: str) -> _Path:
    """Drop what pydantic puts into a path for unions: names that the document does not have."""
    kept: list[str | int] = []
    here = attributes
    for number, step in enumerate(loc):
        found = _child(here, step)
        if found is not None:
            here = found
        elif number < len(loc) - 1 or kind not in ("missing", "extra_forbidden"):
            continue
        kept.append(step)
    return tuple(kept)


def _child(value: Any, step: str | int) -> Any:
    if isinstance(value, dict):
        return value.get(step)
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        return value[step]
    return None


def spell(path: _Path) -> str:
    """A field as errors write it: `columns[2].type`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.lstrip(".")


def _line_of(node: yaml.Node, path: _Path) -> int:
    """The line of the deepest node on the path that exists, from 1."""
    for step in path:
        found = None
        if isinstance(node, yaml.MappingNode):
            found = next((value for key, value in node.value if key.value == step), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            found = node.value[step] if step < len(node.value) else None
        if found is None:
            break
        node = found
    return node.start_mark.line + 1


def _parse(text: bytes, file: Path) -> tuple[yaml.Node, Any]:
    """The node tree and the document, with what YAML allows and a contract must not have refused.

    By libyaml: PyYAML's own parser would take most of the time in which Dagster loads a workspace.
    """
    try:
        _refuse_aliases_and_depth(text, file)
        loader = yaml.CSafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            raise ContractInvalid(str(file), 1, "", "it is empty", "a type and attributes")
        _refuse_doubled_keys(node, file)
        return node, loader.construct_document(node)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        problem = getattr(error, "problem", None) or str(error)
        raise ContractInvalid(str(file), line, "", problem, "well-formed YAML") from None


def _refuse_aliases_and_depth(text: bytes, file: Path) -> None:
    depth = 0
    for event in yaml.parse(text, yaml.CSafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise ContractInvalid(str(file), 1, "", "it uses YAML aliases", "plain values")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        # libyaml composes by recursion, and the end of the stack would be that of the process.
        if depth > MOST_DEPTH:
            raise ContractInvalid(
                str(file),
                event.start_mark.line + 1 if event.start_mark else 1,
                "",
                f"nested {depth} deep",
                f"{MOST_DEPTH} levels at most",
            )


def _refuse_doubled_keys(node: yaml.Node, file: Path) -> None:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                line = key.start_mark.line + 1
                raise ContractInvalid(str(file), line, "", "a key that is no text", "names as keys")
            if key.value in seen:
                line = key.start_mark.line + 1
                raise ContractInvalid(str(file), line, key.value, "given twice", "one value")
            seen.add(key.value)
            _refuse_doubled_keys(value, file)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_doubled_keys(item, file)
