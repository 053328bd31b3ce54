"""Synthesised templates for tests: resources by type, and policies as plain values."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Properties = dict[str, Any]

_PSEUDO = {
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::AccountId": "123456789012",
    "AWS::URLSuffix": "amazonaws.com",
}


@dataclass(frozen=True)
class Resource:
    """One resource, with its pseudo parameters filled in and its references written out."""

    stack: str
    name: str
    type: str
    properties: Properties
    retained: bool


@dataclass(frozen=True)
class Statement:
    """One statement of a policy, with lists where a policy may have a single value."""

    holder: str
    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: Properties
    principal: Any


class Assembly:
    """Everything that was synthesised into a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.resources = [
            resource
            for file in sorted(directory.glob("*.template.json"))
            for resource in _resources(file)
        ]

    def of_type(self, type_: str) -> list[Resource]:
        found = [resource for resource in self.resources if resource.type == type_]
        assert found, f"there is no {type_}"
        return found

    def statements(self) -> Iterator[Statement]:
        """Every statement of every policy that says what something may do."""
        for type_ in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
            for resource in self.of_type(type_):
                yield from statements(resource.name, resource.properties["PolicyDocument"])

    def policy_of(self, type_: str, field: str, of: Resource) -> list[Statement]:
        """The resource policy of a bucket or a queue, which stands in its stack."""
        return [
            statement
            for resource in self.of_type(type_)
            if resource.stack == of.stack and f"<{of.name}>" in resource.properties[field]
            for statement in statements(resource.name, resource.properties["PolicyDocument"])
        ]


def statements(holder: str, document: Properties) -> Iterator[Statement]:
    for statement in document["Statement"]:
        yield Statement(
            holder,
            statement["Effect"],
            _several(statement["Action"]),
            _several(statement.get("Resource", ())),
            statement.get("Condition", {}),
            statement.get("Principal"),
        )


def _several(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _resources(file: Path) -> Iterator[Resource]:
    resources = json.loads(file.read_text())["Resources"]
    for name, resource in resources.items():
        yield Resource(
            file.name.partition(".")[0],
            name,
            resource["Type"],
            _plain(resource.get("Properties", {})),
            resource.get("DeletionPolicy") == resource.get("UpdateReplacePolicy") == "Retain",
        )


def _plain(value: Any) -> Any:
    """The value as CloudFormation would see it; a resource is written as `<its name>`."""
    match value:
        case {"Ref": name}:
            return _PSEUDO.get(name, f"<{name}>")
        case {"Fn::GetAtt": [name, _]}:
            return f"<{name}>"
        case {"Fn::Join": [separator, parts]}:
            return separator.join(_plain(part) for part in parts)
        case dict():
            assert not any(key.startswith("Fn::") for key in value), value
            return {key: _plain(one) for key, one in value.items()}
        case list():
            return [_plain(one) for one in value]
    return value
