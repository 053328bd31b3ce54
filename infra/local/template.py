"""A synthesised CDK assembly, and what of its templates the laptop can take."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from infra.local.errors import AssemblyInvalid

_REDSHIFT = "the laptop's warehouse is infra/local/redshift"

NOT_ON_THE_LAPTOP: dict[str, str] = {
    "AWS::CDK::Metadata": "counts the use of CDK constructs",
    "AWS::Glue::SecurityConfiguration": "job runs and their logs stay on the laptop's own disk",
    "AWS::Redshift::Cluster": _REDSHIFT,
    "AWS::Redshift::ClusterParameterGroup": _REDSHIFT,
    "AWS::Redshift::ClusterSubnetGroup": _REDSHIFT,
    "AWS::Redshift::ScheduledAction": _REDSHIFT,
    "AWS::RedshiftServerless::Namespace": _REDSHIFT,
    "AWS::RedshiftServerless::Workgroup": _REDSHIFT,
    "AWS::SecretsManager::ResourcePolicy": "the emulator checks no policies of secrets",
    "AWS::SecretsManager::RotationSchedule": "passwords of the laptop are not rotated",
    "AWS::SecretsManager::SecretTargetAttachment": "`up` completes the secrets itself",
}
"""Resource types that are left out here, each with its reason. Any other must be deployable."""


@dataclass(frozen=True)
class FileAsset:
    """One file or folder of code, and where the templates expect it."""

    source: Path
    is_folder: bool
    bucket: str
    key: str


@dataclass(frozen=True)
class StackTemplate:
    """One stack of an assembly."""

    name: str
    template: Mapping[str, Any]
    assets: tuple[FileAsset, ...]


def read_assembly(directory: Path, *, account: str, region: str) -> list[StackTemplate]:
    """The stacks of an assembly, each after those that it depends on."""
    artifacts = _read(directory / "manifest.json").get("artifacts", {})
    graph = {name: artifact.get("dependencies", []) for name, artifact in artifacts.items()}
    environment = {"AccountId": account, "Region": region, "Partition": "aws"}
    stacks = []
    for name in TopologicalSorter(graph).static_order():
        artifact = artifacts[name]
        if artifact["type"] == "cdk:cloud-assembly":
            raise AssemblyInvalid(directory, f"{name} is a nested assembly, which is not supported")
        if artifact["type"] != "aws:cloudformation:stack":
            continue
        properties = artifact["properties"]
        manifests = [
            directory / artifacts[dependency]["properties"]["file"]
            for dependency in artifact.get("dependencies", [])
            if artifacts[dependency]["type"] == "cdk:asset-manifest"
        ]
        stacks.append(
            StackTemplate(
                properties.get("stackName", name),
                _read(directory / properties["templateFile"]),
                tuple(asset for file in manifests for asset in _assets(file, environment)),
            )
        )
    return stacks


def for_the_laptop(template: Mapping[str, Any]) -> dict[str, Any]:
    """The template without the resources of `NOT_ON_THE_LAPTOP` and without what needs them."""
    resources = template.get("Resources", {})
    left_out = {name for name, one in resources.items() if one["Type"] in NOT_ON_THE_LAPTOP}
    adapted = {**template, "Resources": {}}
    for name, resource in resources.items():
        if name not in left_out:
            adapted["Resources"][name] = _placed(_independent(resource, left_out), left_out)
    adapted["Outputs"] = {
        name: output
        for name, output in template.get("Outputs", {}).items()
        if not left_out.intersection(_references(output))
    }
    return adapted


def digest_of(template: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:32]


def _independent(resource: Mapping[str, Any], left_out: set[str]) -> dict[str, Any]:
    """The resource without DependsOn of what is left out."""
    needs = resource.get("DependsOn", [])
    kept = [name for name in ([needs] if isinstance(needs, str) else needs) if name not in left_out]
    rest = {key: value for key, value in resource.items() if key != "DependsOn"}
    return {**rest, "DependsOn": kept} if kept else rest


def _placed(value: Any, left_out: set[str]) -> Any:
    """The value with a plain text for each reference to what is left out."""
    if isinstance(value, Mapping):
        missing = left_out.intersection(_direct_references(value))
        if missing:
            return f"not-on-the-laptop-{min(missing)}"
        return {key: _placed(one, left_out) for key, one in value.items()}
    if isinstance(value, list):
        return [_placed(one, left_out) for one in value]
    return value


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from _direct_references(value)
        for one in value.values():
            yield from _references(one)
    elif isinstance(value, list):
        for one in value:
            yield from _references(one)


def _direct_references(value: Mapping[str, Any]) -> Sequence[str]:
    """The logical ids that an intrinsic function itself names."""
    if len(value) != 1:
        return ()
    if isinstance(value.get("Ref"), str):
        return (value["Ref"],)
    attribute = value.get("Fn::GetAtt")
    if isinstance(attribute, list) and isinstance(attribute[0], str):
        return (attribute[0],)
    if isinstance(attribute, str):
        return (attribute.partition(".")[0],)
    text = value.get("Fn::Sub")
    text = text[0] if isinstance(text, list) else text
    if isinstance(text, str):
        parts = (part.partition("}")[0] for part in text.split("${")[1:])
        return tuple(part.partition(".")[0] for part in parts)
    return ()


def _assets(manifest: Path, environment: Mapping[str, str]) -> Iterator[FileAsset]:
    for asset in _read(manifest).get("files", {}).values():
        source = asset["source"]
        if "path" not in source:
            raise AssemblyInvalid(manifest, "an asset is made by a command, not by a file")
        for destination in asset["destinations"].values():
            yield FileAsset(
                manifest.parent / source["path"],
                source.get("packaging", "file") == "zip",
                _filled(destination["bucketName"], environment),
                _filled(destination["objectKey"], environment),
            )


def _filled(text: str, environment: Mapping[str, str]) -> str:
    for name, value in environment.items():
        text = text.replace(f"${{AWS::{name}}}", value)
    return text


def _read(file: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(file.read_bytes())
    except FileNotFoundError as error:
        raise AssemblyInvalid(file, "is missing") from error
    except ValueError as error:
        raise AssemblyInvalid(file, "is not JSON") from error
    return document
