"""Assemblies deployed to a real MiniStack: made, changed, refused, and left alone."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from etl_platform_tests.infra.local.assembly import bucket, write_assembly
from infra.local.deploy import DIGEST_OUTPUT, Deployer, zipped
from infra.local.errors import StackFailed, TypesUnknown
from infra.local.processes import Processes
from infra.local.servers import REGION, client, glue_runner

INGEST = """
import os, boto3

def handler(event, context):
    for record in event["Records"]:
        key = record["s3"]["object"]["key"]
        boto3.client("sqs").send_message(
            QueueUrl=os.environ["QUEUE_URL"], MessageBody=key, MessageGroupId="g",
            MessageDeduplicationId=record["s3"]["object"]["sequencer"],
        )
"""


def quiet(step: str) -> None:
    """Take no notice of a step."""


@pytest.fixture(scope="session")
def glue_port(aws_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    state_dir = tmp_path_factory.mktemp("deploy")
    processes = Processes(state_dir)
    server = glue_runner(state_dir / "glue", aws_port)
    yield processes.ensure(server)
    processes.end(server.name, server.stop_within_s)


@pytest.fixture
def deployer(aws_port: int, glue_port: int) -> Deployer:
    cloudformation, s3, sts = (client(name, aws_port) for name in ("cloudformation", "s3", "sts"))
    glue = client("glue", glue_port)
    return Deployer(cloudformation=cloudformation, s3=s3, sts=sts, glue=glue, region=REGION)


def _buckets(aws_port: int) -> set[str]:
    return {one["Name"] for one in client("s3", aws_port).list_buckets()["Buckets"]}


def test_a_stack_is_made_and_its_outputs_are_returned(
    deployer: Deployer, aws_port: int, tmp_path: Path
) -> None:
    template = {"Resources": {"B": bucket("made")}, "Outputs": {"Name": {"Value": {"Ref": "B"}}}}
    deployed = deployer.deploy(write_assembly(tmp_path, {"made": template}), quiet)
    assert deployed.outputs == {"made": {"Name": "made"}}
    assert deployed.changed
    assert "made" in _buckets(aws_port)


def test_the_same_assembly_again_changes_nothing(deployer: Deployer, tmp_path: Path) -> None:
    assembly = write_assembly(tmp_path, {"same": {"Resources": {"B": bucket("same")}}})
    first = deployer.deploy(assembly, quiet)
    steps: list[str] = []
    second = deployer.deploy(assembly, steps.append)
    assert (first.changed, second.changed, steps) == (True, False, [])
    assert first.outputs == second.outputs == {"same": {}}


def test_a_new_source_adds_its_buckets_to_a_stack_that_exists(
    deployer: Deployer, aws_port: int, tmp_path: Path
) -> None:
    resources = {"A": bucket("grown-a")}
    deployer.deploy(write_assembly(tmp_path, {"grown": {"Resources": resources}}), quiet)
    client("s3", aws_port).put_object(Bucket="grown-a", Key="kept", Body=b"")
    resources = {**resources, "B": bucket("grown-b")}
    deployer.deploy(write_assembly(tmp_path, {"grown": {"Resources": resources}}), quiet)
    assert {"grown-a", "grown-b"} <= _buckets(aws_port)
    assert client("s3", aws_port).list_objects_v2(Bucket="grown-a")["KeyCount"] == 1


def test_stacks_are_made_after_those_they_depend_on(deployer: Deployer, tmp_path: Path) -> None:
    stacks = {name: {"Resources": {"B": bucket(f"order-{name}")}} for name in ("a", "b", "c")}
    assembly = write_assembly(tmp_path, stacks, needs={"a": ["b"], "b": ["c"]})
    steps: list[str] = []
    deployer.deploy(assembly, steps.append)
    assert steps == ["deploying c", "deploying b", "deploying a"]


def test_a_template_longer_than_a_call_may_be_is_deployed(
    deployer: Deployer, tmp_path: Path
) -> None:
    template = {"Metadata": {"long": "x" * 60_000}, "Resources": {"B": bucket("long")}}
    assert deployer.deploy(write_assembly(tmp_path, {"long": template}), quiet).changed


def test_an_unknown_type_is_named_with_its_stack_and_logical_id(
    deployer: Deployer, aws_port: int, tmp_path: Path
) -> None:
    resources = {"B": bucket("unknown"), "Odd": {"Type": "AWS::Odd::Thing"}}
    assembly = write_assembly(tmp_path, {"unknown": {"Resources": resources}})
    with pytest.raises(TypesUnknown) as refused:
        deployer.deploy(assembly, quiet)
    assert refused.value.resources == (("unknown", "Odd", "AWS::Odd::Thing"),)
    assert "NOT_ON_THE_LAPTOP" in str(refused.value)
    assert "unknown" not in _buckets(aws_port)


def test_a_failure_names_the_resource_and_the_reason_and_can_be_put_right(
    deployer: Deployer, aws_port: int, tmp_path: Path
) -> None:
    client("s3", aws_port).create_bucket(Bucket="taken")
    assembly = write_assembly(tmp_path, {"failed": {"Resources": {"Mine": bucket("taken")}}})
    with pytest.raises(StackFailed) as failed:
        deployer.deploy(assembly, quiet)
    assert any(
        name == "Mine" and "already exists" in reason for name, _, reason in failed.value.failures
    )
    client("s3", aws_port).delete_bucket(Bucket="taken")
    assert deployer.deploy(assembly, quiet).changed


def test_a_stack_whose_update_failed_is_not_taken_for_deployed(
    deployer: Deployer, aws_port: int, tmp_path: Path
) -> None:
    good = {"Resources": {"B": bucket("update-good")}}
    client("s3", aws_port).create_bucket(Bucket="update-taken")
    bad = {"Resources": {**good["Resources"], "C": bucket("update-taken")}}
    deployer.deploy(write_assembly(tmp_path, {"update": good}), quiet)
    for _ in range(2):
        with pytest.raises(StackFailed, match=r"'update-taken' already exists"):
            deployer.deploy(write_assembly(tmp_path, {"update": bad}), quiet)
    assert not deployer.deploy(write_assembly(tmp_path, {"update": good}), quiet).changed


def test_the_limits_of_a_glue_job_outlive_cloudformation(
    deployer: Deployer, glue_port: int, tmp_path: Path
) -> None:
    job = {
        "Type": "AWS::Glue::Job",
        "Properties": {
            "Name": "limited",
            "Role": "role",
            "Command": {"Name": "glueetl", "ScriptLocation": "s3://made/script.py"},
            "ExecutionProperty": {"MaxConcurrentRuns": 7},
            "JobRunQueuingEnabled": True,
        },
    }
    deployer.deploy(write_assembly(tmp_path, {"limited": {"Resources": {"J": job}}}), quiet)
    described = client("glue", glue_port).get_job(JobName="limited")["Job"]
    assert described["ExecutionProperty"] == {"MaxConcurrentRuns": 7}
    assert described["JobRunQueuingEnabled"] is True
    assert described["Command"]["ScriptLocation"] == "s3://made/script.py"


def test_an_event_of_a_bucket_goes_through_zipped_lambda_code_to_a_fifo_queue(
    deployer: Deployer, aws_port: int, tmp_path: Path
) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "index.py").write_text(INGEST)
    assembly = write_assembly(
        tmp_path / "out", {"chain": _chain_template()}, folders={"ingest.zip": code}
    )
    queue_url = deployer.deploy(assembly, quiet).outputs["chain"]["QueueUrl"]
    s3, sqs = client("s3", aws_port), client("sqs", aws_port)
    s3.put_object(Bucket="chain-raw", Key="2026/data.csv", Body=b"")
    s3.put_object(Bucket="chain-raw", Key="2026/manifest.json", Body=b"{}")
    (message,) = sqs.receive_message(QueueUrl=queue_url, WaitTimeSeconds=20)["Messages"]
    assert message["Body"] == "2026/manifest.json"


def _chain_template() -> dict[str, Any]:
    notification = {
        "Event": "s3:ObjectCreated:*",
        "Function": {"Fn::GetAtt": ["Ingest", "Arn"]},
        "Filter": {"S3Key": {"Rules": [{"Name": "suffix", "Value": "manifest.json"}]}},
    }
    raw = bucket("chain-raw")
    raw["Properties"]["NotificationConfiguration"] = {"LambdaConfigurations": [notification]}
    raw["DependsOn"] = "Permission"
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": "lambda.amazonaws.com"},
    }
    role = {
        "RoleName": "chain",
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
    }
    function = {
        "FunctionName": "chain-ingest",
        "Runtime": "python3.13",
        "Handler": "index.handler",
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        "Code": {"S3Bucket": {"Fn::Sub": "test-assets-${AWS::AccountId}"}, "S3Key": "ingest.zip"},
        "Environment": {"Variables": {"QUEUE_URL": {"Ref": "Queue"}}},
    }
    permission = {
        "Action": "lambda:InvokeFunction",
        "FunctionName": {"Ref": "Ingest"},
        "Principal": "s3.amazonaws.com",
    }
    queue = {"QueueName": "chain.fifo", "FifoQueue": True}
    return {
        "Resources": {
            "Queue": {"Type": "AWS::SQS::Queue", "Properties": queue},
            "Role": {"Type": "AWS::IAM::Role", "Properties": role},
            "Ingest": {"Type": "AWS::Lambda::Function", "Properties": function},
            "Permission": {"Type": "AWS::Lambda::Permission", "Properties": permission},
            "Raw": raw,
        },
        "Outputs": {"QueueUrl": {"Value": {"Ref": "Queue"}}},
    }


def test_a_folder_zips_to_the_same_bytes(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name / "package").mkdir(parents=True)
        for file in ("b.py", "a.py")[:: 1 if name == "first" else -1]:
            (tmp_path / name / "package" / file).write_text(file)
    assert zipped(tmp_path / "first") == zipped(tmp_path / "second")


def test_the_digest_is_no_output_of_the_user(
    deployer: Deployer, aws_port: int, tmp_path: Path
) -> None:
    deployer.deploy(
        write_assembly(tmp_path, {"digest": {"Resources": {"B": bucket("digest")}}}), quiet
    )
    (stack,) = client("cloudformation", aws_port).describe_stacks(StackName="digest")["Stacks"]
    assert DIGEST_OUTPUT in json.dumps(stack["Outputs"])
