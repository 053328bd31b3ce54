"""With --check-roles the role of COPY and UNLOAD may do what IAM says, and nothing else.

https://docs.aws.amazon.com/redshift/latest/mgmt/authorizing-redshift-service-database-users.html
"""

import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pyarrow as pa
import pytest
import redshift_connector

from etl_platform_tests.infra.local.redshift.endpoint import ADMIN, Endpoint, run
from etl_platform_tests.infra.local.redshift.lake import Lake
from infra.local.redshift.roles import PolicyGrants, trusts

INTS = pa.table({"a": pa.array([1, 2], pa.int32())})
REDSHIFT = {"Service": "redshift.amazonaws.com"}
OWNED = {"StringEquals": {"aws:ResourceAccount": ["1"]}}
MakeRole = Callable[..., str]
Connection = redshift_connector.Connection


def allow(actions: Any, resources: Any, **others: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resources, **others}


def reading(bucket: str) -> list[dict[str, Any]]:
    """What the copy role of the CDK stack allows."""
    return [
        allow(["s3:ListBucket", "s3:GetBucketLocation"], f"arn:aws:s3:::{bucket}"),
        allow(["s3:GetObject", "s3:GetObjectVersion"], f"arn:aws:s3:::{bucket}/*"),
    ]


@pytest.fixture(scope="module")
def strict(aws: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """A server that checks roles."""
    state = tmp_path_factory.mktemp("strict") / "state"
    server = Endpoint(state, aws, options=("--check-roles",)).start()
    yield server
    server.stop()


@pytest.fixture
def strict_connection(strict: Endpoint) -> Iterator[Connection]:
    """The admin's connection to it, with an empty table t."""
    with strict.connect() as opened:
        opened.autocommit = True
        run(opened, "DROP TABLE IF EXISTS t")
        run(opened, "CREATE TABLE t (a int)")
        yield opened


@pytest.fixture
def make_role(aws: dict[str, str]) -> MakeRole:
    """Makes a role in IAM; its ARN."""
    iam = boto3.client(
        "iam",
        endpoint_url=aws["AWS_ENDPOINT_URL"],
        aws_access_key_id="test",
        aws_secret_access_key="test",
        region_name="us-east-1",
    )

    def make(statements: list[dict[str, Any]], condition: dict[str, Any] | None = None) -> str:
        name = f"role-{uuid.uuid4().hex[:8]}"
        trust: dict[str, Any] = {
            "Effect": "Allow",
            "Principal": REDSHIFT,
            "Action": "sts:AssumeRole",
        }
        if condition:
            trust["Condition"] = condition
        made = iam.create_role(
            RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": [trust]})
        )
        iam.put_role_policy(
            RoleName=name, PolicyName="s3", PolicyDocument=json.dumps({"Statement": statements})
        )
        return str(made["Role"]["Arn"])

    return make


def copy(url: str, role: str, options: str = "MANIFEST") -> str:
    return f"COPY t FROM '{url}' IAM_ROLE '{role}' FORMAT AS PARQUET {options}"


def refused(connection: Connection, statement: str) -> str:
    with pytest.raises(redshift_connector.ProgrammingError) as error:
        run(connection, statement)
    fields = error.value.args[0]
    return f"{fields['M']} {fields.get('D', '')}"


def test_a_role_that_may_read_the_bucket_loads(
    strict_connection: Connection, lake: Lake, make_role: MakeRole
) -> None:
    role = make_role(
        reading(lake.bucket),
        {"StringLike": {"sts:ExternalId": f"arn:aws:redshift:us-east-1:*:dbuser:*/{ADMIN}"}},
    )
    lake_url = lake.manifest(lake.put("a.parquet", INTS))
    run(strict_connection, copy(lake_url, role))
    assert run(strict_connection, "SELECT count(*) FROM t") == [[2]]


def test_a_role_that_may_not_read_a_file_of_the_manifest_gets_access_denied(
    strict_connection: Connection, lake: Lake, make_role: MakeRole
) -> None:
    manifest = lake.manifest(lake.put("closed/a.parquet", INTS))
    role = make_role([allow("s3:GetObject", f"arn:aws:s3:::{lake.bucket}/load.manifest")])
    text = refused(strict_connection, copy(manifest, role))
    assert "S3ServiceException:Access Denied,Status 403,Error AccessDenied" in text
    assert f"S3 key being read : s3://{lake.bucket}/closed/a.parquet" in text
    errors = run(
        strict_connection,
        "SELECT error_code, file_name FROM sys_load_error_detail"
        " WHERE query_id = pg_last_query_id()",
    )
    assert errors == [[8001, f"s3://{lake.bucket}/closed/a.parquet"]]


def test_a_manifest_that_the_role_may_not_read_is_said_to_have_no_full_path(
    strict_connection: Connection, lake: Lake, make_role: MakeRole
) -> None:
    # The words of Redshift, as recorded in https://github.com/PostHog/posthog/pull/61603
    role = make_role([allow("s3:ListBucket", f"arn:aws:s3:::{lake.bucket}")])
    text = refused(strict_connection, copy(lake.manifest(lake.put("a.parquet", INTS)), role))
    assert "COPY with MANIFEST parameter requires full path of an S3 object" in text
    assert "8001" in text


def test_a_prefix_is_listed_only_with_the_right_to_list(
    strict_connection: Connection, lake: Lake, make_role: MakeRole
) -> None:
    lake.put("hour/a.parquet", INTS)
    role = make_role([allow("s3:GetObject", "*")])
    text = refused(strict_connection, copy(f"s3://{lake.bucket}/hour/", role, ""))
    assert "Error AccessDenied" in text
    assert f"Listing bucket={lake.bucket} prefix=hour/" in text


def test_a_missing_file_is_access_denied_without_the_right_to_list(
    strict_connection: Connection, lake: Lake, make_role: MakeRole
) -> None:
    missing = lake.put("a.parquet", INTS) | {"url": f"s3://{lake.bucket}/missing.parquet"}
    role = make_role([allow("s3:GetObject", f"arn:aws:s3:::{lake.bucket}/*")])
    assert "Error AccessDenied" in refused(strict_connection, copy(lake.manifest(missing), role))


@pytest.mark.parametrize("user", ["another", f"{ADMIN}2"])
def test_a_role_that_trusts_another_database_user_is_not_assumed(
    strict_connection: Connection, lake: Lake, make_role: MakeRole, user: str
) -> None:
    # The words are those of https://github.com/fullstorydev/hauser/issues/10
    like = {"StringLike": {"sts:ExternalId": f"arn:aws:redshift:*:*:dbuser:*/{user}"}}
    role = make_role(reading(lake.bucket), like)
    url = lake.manifest(lake.put("a.parquet", INTS))
    text = refused(strict_connection, copy(url, role))
    assert f"dbuser:laptop/{ADMIN} is not authorized to assume IAM Role {role}" in text


def test_a_role_that_is_not_there_is_not_assumed(strict_connection: Connection) -> None:
    role = "arn:aws:iam::000000000000:role/nobody"
    text = refused(strict_connection, copy("s3://bucket/m", role))
    assert f"is not authorized to assume IAM Role {role}" in text


def test_unload_needs_the_right_to_put(
    strict_connection: Connection, lake: Lake, make_role: MakeRole
) -> None:
    def unload(role: str) -> str:
        target = f"s3://{lake.bucket}/out/"
        return f"UNLOAD ('select 1 as a') TO '{target}' IAM_ROLE '{role}' FORMAT PARQUET"

    text = refused(strict_connection, unload(make_role(reading(lake.bucket))))
    assert "Error AccessDenied" in text
    writing = [*reading(lake.bucket), allow("s3:PutObject", f"arn:aws:s3:::{lake.bucket}/out/*")]
    run(strict_connection, unload(make_role(writing)))
    assert lake.keys("out/") == ["out/0000_part_00.parquet"]


@pytest.mark.parametrize(
    ("statements", "permitted"),
    [
        pytest.param([], False, id="nothing"),
        pytest.param([allow("s3:*", "*")], True, id="all"),
        pytest.param([allow("S3:getobject", "arn:aws:s3:::b/*")], True, id="case of the action"),
        pytest.param([allow("s3:Get*", "arn:aws:s3:::b/k?y")], True, id="question mark"),
        pytest.param([allow("s3:GetObject", "arn:aws:s3:::B/*")], False, id="case of the bucket"),
        pytest.param([allow("s3:GetObject", "arn:aws:s3:::b")], False, id="bucket only"),
        pytest.param([allow("s3:PutObject", "*")], False, id="another action"),
        pytest.param(
            [{"Effect": "Allow", "NotAction": "s3:Put*", "Resource": "*"}], True, id="not action"
        ),
        pytest.param(
            [allow("s3:*", "*"), {"Effect": "Deny", "Action": "s3:GetObject", "Resource": "*"}],
            False,
            id="denied",
        ),
        pytest.param(
            [allow("s3:*", "*", Condition={"Bool": {"aws:SecureTransport": "true"}})],
            False,
            id="a condition that is not understood",
        ),
        pytest.param([allow("s3:*", "*", Condition=OWNED)], True, id="a bucket of the account"),
        pytest.param(
            [allow("s3:*", "*", Condition={"StringEquals": {"aws:ResourceAccount": "2"}})],
            False,
            id="a bucket of another account",
        ),
        pytest.param(
            [allow("s3:*", "*", Condition={**OWNED, "Bool": {"aws:SecureTransport": "true"}})],
            False,
            id="one condition of two that is not understood",
        ),
        pytest.param(
            [allow("s3:*", "*", Condition={"StringNotEquals": {"aws:ResourceAccount": "1"}})],
            False,
            id="the account by another operator",
        ),
        pytest.param(
            [allow("s3:*", "*"), {**allow("s3:*", "*"), "Effect": "Deny", "Condition": OWNED}],
            False,
            id="denied by a condition",
        ),
    ],
)
def test_an_object_is_read_by_iams_rules(statements: list[dict[str, Any]], permitted: bool) -> None:
    grants = PolicyGrants(statements, account="1")
    assert grants.permits("s3:GetObject", "arn:aws:s3:::b/key") is permitted


@pytest.mark.parametrize(
    ("change", "trusted"),
    [
        ({}, True),
        ({"Principal": {"Service": ["ec2.amazonaws.com", "redshift.amazonaws.com"]}}, True),
        ({"Principal": {"Service": "glue.amazonaws.com"}}, False),
        ({"Principal": "*"}, False),
        ({"Effect": "Deny"}, False),
        ({"Condition": {"StringEquals": {"sts:ExternalId": "arn:user"}}}, True),
        ({"Condition": {"StringEquals": {"sts:ExternalId": "arn:*"}}}, False),
        ({"Condition": {"StringLike": {"sts:ExternalId": ["x", "arn:*"]}}}, True),
        ({"Condition": {"StringEquals": {"aws:SourceArn": "arn:user"}}}, False),
    ],
)
def test_a_trust_policy_is_held_to(change: dict[str, Any], trusted: bool) -> None:
    statement = {"Effect": "Allow", "Principal": REDSHIFT, "Action": "sts:AssumeRole", **change}
    assert trusts({"Statement": statement}, "arn:user") is trusted
