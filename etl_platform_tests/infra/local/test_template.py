"""What of a template the laptop takes, without any server."""

from pathlib import Path

import pytest

from etl_platform_tests.infra.local.assembly import bucket, write_assembly
from infra.local.errors import AssemblyInvalid
from infra.local.template import NOT_ON_THE_LAPTOP, for_the_laptop, read_assembly

CLUSTER = {"Type": "AWS::Redshift::Cluster", "DependsOn": ["Kept"], "Properties": {}}


def test_what_is_not_on_the_laptop_is_left_out_with_every_mention_of_it() -> None:
    template = {
        "Resources": {
            "Cluster": CLUSTER,
            "Kept": {
                "Type": "AWS::SSM::Parameter",
                "DependsOn": ["Cluster", "Other"],
                "Properties": {
                    "Ref": {"Ref": "Cluster"},
                    "Att": {"Fn::GetAtt": ["Cluster", "Endpoint.Address"]},
                    "Sub": [{"Fn::Sub": "jdbc:${Cluster.Endpoint.Address}/x"}],
                    "Fine": {"Fn::Sub": "${AWS::Region}-${Other}"},
                },
            },
            "Other": bucket("other"),
            "Alone": {"Type": "AWS::S3::Bucket", "DependsOn": "Cluster"},
        },
        "Outputs": {
            "Host": {"Value": {"Fn::Join": ["", ["x", {"Fn::GetAtt": "Cluster.Endpoint"}]]}},
            "Bucket": {"Value": {"Ref": "Other"}},
        },
    }
    adapted = for_the_laptop(template)
    assert set(adapted["Resources"]) == {"Kept", "Other", "Alone"}
    assert adapted["Resources"]["Kept"]["DependsOn"] == ["Other"]
    assert "DependsOn" not in adapted["Resources"]["Alone"]
    assert adapted["Resources"]["Kept"]["Properties"] == {
        "Ref": "not-on-the-laptop-Cluster",
        "Att": "not-on-the-laptop-Cluster",
        "Sub": ["not-on-the-laptop-Cluster"],
        "Fine": {"Fn::Sub": "${AWS::Region}-${Other}"},
    }
    assert set(adapted["Outputs"]) == {"Bucket"}


def test_every_type_that_is_left_out_has_a_reason() -> None:
    assert all(NOT_ON_THE_LAPTOP.values())


def test_the_bucket_of_an_asset_is_that_of_the_account(tmp_path: Path) -> None:
    assembly = write_assembly(tmp_path, {"s": {"Resources": {}}}, folders={"code.zip": tmp_path})
    (stack,) = read_assembly(assembly, account="123456789012", region="us-east-1")
    assert [(one.bucket, one.key, one.is_folder) for one in stack.assets] == [
        ("test-assets-123456789012", "code.zip", True)
    ]


def test_a_directory_without_an_assembly_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AssemblyInvalid, match=r"manifest\.json: is missing"):
        read_assembly(tmp_path, account="1", region="r")
