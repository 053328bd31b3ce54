"""Deploys a CDK assembly to the emulator, so that each stack is as its template says.

What is deployed carries the digest of its template as an output, so that a second deploy of the
same costs nothing and an emulator that lost its state is not taken for one that has it.
"""

import io
import json
import re
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from infra.local.errors import StackFailed, TypesUnknown
from infra.local.template import FileAsset, StackTemplate, digest_of, for_the_laptop, read_assembly

DIGEST_OUTPUT = "TemplateDigest"
# Templates go by way of S3: CloudFormation takes no more than 51,200 bytes in the call itself.
TEMPLATES_BUCKET = "laptop-templates"
LOOK_EVERY_S = 0.1
_GOOD = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE"})
# After a rolled back update a stack is what it was before, with the digest that it had before.
_STEADY = _GOOD | {"UPDATE_ROLLBACK_COMPLETE"}
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_UNKNOWN_TYPES = re.compile(r"Unrecognized resource types: \[(?P<types>[^\]]*)\]")


@dataclass(frozen=True)
class Deployed:
    """The outputs by stack, and whether anything had to be changed."""

    outputs: Mapping[str, Mapping[str, str]]
    changed: bool


class Deployer:
    """Clients of one emulator. Glue calls go to the runner, which keeps what the emulator drops."""

    def __init__(self, *, cloudformation: Any, s3: Any, sts: Any, glue: Any, region: str) -> None:
        self._cloudformation = cloudformation
        self._s3 = s3
        self._sts = sts
        self._glue = glue
        self._region = region

    def deploy(self, directory: Path, progress: Callable[[str], None]) -> Deployed:
        """Deploy every stack of an assembly, in the order of their dependencies."""
        account = self._sts.get_caller_identity()["Account"]
        outputs: dict[str, dict[str, str]] = {}
        changed = False
        for stack in read_assembly(directory, account=account, region=self._region):
            template = for_the_laptop(stack.template)
            digest = digest_of(template)
            if self._outputs(stack.name).get(DIGEST_OUTPUT) != digest:
                progress(f"deploying {stack.name}")
                template["Outputs"][DIGEST_OUTPUT] = {"Value": digest}
                for asset in stack.assets:
                    self._upload(asset)
                self._change(stack, template)
                changed = True
            keep_what_the_emulator_drops_of_jobs(self._glue, template)
            outputs[stack.name] = self._outputs(stack.name)
            outputs[stack.name].pop(DIGEST_OUTPUT)
        return Deployed(outputs, changed)

    def _outputs(self, stack: str) -> dict[str, str]:
        """The outputs of a stack that is whole; none of any other."""
        found = self._described(stack)
        if found is None or found["StackStatus"] not in _STEADY:
            return {}
        return {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])}

    def _described(self, stack: str) -> dict[str, Any] | None:
        try:
            stacks = self._cloudformation.describe_stacks(StackName=stack)["Stacks"]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        found: dict[str, Any] = stacks[0]
        return None if found["StackStatus"] == "DELETE_COMPLETE" else found

    def _change(self, stack: StackTemplate, template: Mapping[str, Any]) -> None:
        before = self._described(stack.name)
        if before is not None and before["StackStatus"] in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED"):
            # The remains of a creation that failed can only be deleted.
            self._cloudformation.delete_stack(StackName=stack.name)
            self._settled(stack.name)
            before = None
        cloudformation = self._cloudformation
        change = cloudformation.create_stack if before is None else cloudformation.update_stack
        try:
            change(
                StackName=stack.name,
                TemplateURL=self._published(stack.name, template),
                Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
            )
        except ClientError as error:
            raise _refusal(stack.name, template, error) from error
        status = self._settled(stack.name)
        if status not in _GOOD:
            raise StackFailed(stack.name, status, self._failures(stack.name))

    def _settled(self, stack: str) -> str:
        """The status of a stack once it no longer changes."""
        while True:
            found = self._described(stack)
            status = "DELETE_COMPLETE" if found is None else str(found["StackStatus"])
            if not status.endswith("_IN_PROGRESS"):
                return status
            time.sleep(LOOK_EVERY_S)

    def _failures(self, stack: str) -> Sequence[tuple[str, str, str]]:
        """Each failed resource with its reason; what validation found has events of its own."""
        events = self._cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
        found = [
            (
                event["LogicalResourceId"],
                event["ResourceType"],
                event.get("ResourceStatusReason", ""),
            )
            for event in events
            if event["ResourceStatus"].endswith("_FAILED") and event["LogicalResourceId"] != stack
        ]
        operations = self._cloudformation.describe_events(StackName=stack)["OperationEvents"]
        found += [
            (
                event.get("LogicalResourceId", stack),
                event.get("ResourceType", ""),
                event["ValidationStatusReason"],
            )
            for event in operations
            if event.get("ValidationStatusReason")
        ]
        return found

    def _published(self, stack: str, template: Mapping[str, Any]) -> str:
        self._ensure_bucket(TEMPLATES_BUCKET)
        key = f"{stack}.json"
        self._s3.put_object(Bucket=TEMPLATES_BUCKET, Key=key, Body=json.dumps(template).encode())
        return f"{self._s3.meta.endpoint_url}/{TEMPLATES_BUCKET}/{key}"

    def _upload(self, asset: FileAsset) -> None:
        self._ensure_bucket(asset.bucket)
        body = zipped(asset.source) if asset.is_folder else asset.source.read_bytes()
        self._s3.put_object(Bucket=asset.bucket, Key=asset.key, Body=body)

    def _ensure_bucket(self, bucket: str) -> None:
        # In us-east-1 the creation of an own bucket a second time is no error.
        self._s3.create_bucket(Bucket=bucket)


def zipped(folder: Path) -> bytes:
    """A folder as a zip; the same files give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(file.relative_to(folder).as_posix(), _ZIP_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (file.stat().st_mode & 0o777) << 16
            archive.writestr(entry, file.read_bytes())
    return buffer.getvalue()


def keep_what_the_emulator_drops_of_jobs(glue: Any, template: Mapping[str, Any]) -> None:
    """Tell the runner the limits of each job: CloudFormation's Job drops them in the emulator."""
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Glue::Job" and isinstance(properties.get("Name"), str):
            kept = {
                name: properties[name]
                for name in ("ExecutionProperty", "ExecutionClass", "JobRunQueuingEnabled")
                if name in properties
            }
            glue.update_job(JobName=properties["Name"], JobUpdate=kept)


def _refusal(stack: str, template: Mapping[str, Any], error: ClientError) -> Exception:
    """What a refused template is called here."""
    message = error.response["Error"]["Message"]
    found = _UNKNOWN_TYPES.search(message)
    if found is None:
        return StackFailed(stack, "REFUSED", [("the template", "", message)])
    types = {one.strip() for one in found["types"].split(",")}
    return TypesUnknown(
        [
            (stack, name, resource["Type"])
            for name, resource in template["Resources"].items()
            if resource["Type"] in types
        ]
    )
