"""Small CDK assemblies made by hand, in the form that `cdk synth` writes."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ASSETS_BUCKET = "test-assets-${AWS::AccountId}"


def write_assembly(
    directory: Path,
    stacks: Mapping[str, Mapping[str, Any]],
    *,
    needs: Mapping[str, Sequence[str]] | None = None,
    folders: Mapping[str, Path] | None = None,
) -> Path:
    """Stacks by name; every stack has every folder as a zipped asset of that key."""
    directory.mkdir(parents=True, exist_ok=True)
    artifacts: dict[str, Any] = {}
    files = {
        key: {
            "source": {"path": str(folder), "packaging": "zip"},
            "destinations": {"current": {"bucketName": ASSETS_BUCKET, "objectKey": key}},
        }
        for key, folder in (folders or {}).items()
    }
    for name, template in stacks.items():
        (directory / f"{name}.template.json").write_text(json.dumps(template))
        (directory / f"{name}.assets.json").write_text(json.dumps({"files": files}))
        artifacts[f"{name}.assets"] = {
            "type": "cdk:asset-manifest",
            "properties": {"file": f"{name}.assets.json"},
        }
        artifacts[name] = {
            "type": "aws:cloudformation:stack",
            "properties": {"templateFile": f"{name}.template.json", "stackName": name},
            "dependencies": [*(needs or {}).get(name, ()), f"{name}.assets"],
        }
    (directory / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
    return directory


def bucket(name: str) -> dict[str, Any]:
    return {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": name}}
