"""The controls of every bucket, queue, job and key, by loop: a new one cannot forget them."""

import json
import re
from pathlib import Path

import pytest

from etl_platform.contract.hour import PARTITION_COLUMNS, Hour
from etl_platform.contract.layout import Names, rejects_table, superseded_table
from etl_platform.contract.source import SourceContract
from etl_platform.convert.reasons import REJECT_SCHEMA
from etl_platform_tests.infra.conftest import EXTRA, NAMESPACE
from etl_platform_tests.infra.templates import Assembly, Resource, statements
from infra.bundles import convert_modules, load_modules
from infra.local.template import NOT_ON_THE_LAPTOP
from infra.synth import synthesise

NAMES = Names(NAMESPACE)


def test_every_bucket_is_private_encrypted_and_versioned(installation: Assembly) -> None:
    (parameter,) = installation.of_type("AWS::SSM::Parameter")
    name, key = parameter.properties["Name"], parameter.properties["Value"]
    assert key.startswith("<DataKey")
    data_keys = {key, f"{{{{resolve:ssm:{name}}}}}"}
    for bucket in installation.of_type("AWS::S3::Bucket"):
        found = bucket.properties
        assert set(found["PublicAccessBlockConfiguration"].values()) == {True}
        assert len(found["PublicAccessBlockConfiguration"]) == 4
        (ownership,) = found["OwnershipControls"]["Rules"]
        assert ownership["ObjectOwnership"] == "BucketOwnerEnforced"
        assert found["VersioningConfiguration"]["Status"] == "Enabled"
        (rule,) = found["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        encryption = rule["ServerSideEncryptionByDefault"]
        if found["BucketName"] == f"{NAMESPACE}-access-logs":
            assert encryption == {"SSEAlgorithm": "AES256"}
        else:
            assert encryption["SSEAlgorithm"] == "aws:kms"
            assert encryption["KMSMasterKeyID"] in data_keys
            assert rule["BucketKeyEnabled"] is True


def test_every_bucket_refuses_what_does_not_come_by_tls_1_2(installation: Assembly) -> None:
    for bucket in installation.of_type("AWS::S3::Bucket"):
        denials = [
            statement
            for statement in installation.policy_of("AWS::S3::BucketPolicy", "Bucket", bucket)
            if statement.effect == "Deny"
        ]
        both = {f"<{bucket.name}>", f"<{bucket.name}>/*"}
        for condition in (
            {"Bool": {"aws:SecureTransport": "false"}},
            {"NumericLessThan": {"s3:TlsVersion": 1.2}},
        ):
            (denial,) = [found for found in denials if found.conditions == condition]
            assert denial.actions == ("s3:*",)
            assert set(denial.resources) == both
            assert denial.principal == {"AWS": "*"}


def test_every_bucket_tidies_up_and_says_where_its_access_is_logged(
    installation: Assembly,
) -> None:
    for bucket in installation.of_type("AWS::S3::Bucket"):
        rules = bucket.properties["LifecycleConfiguration"]["Rules"]
        assert any("AbortIncompleteMultipartUpload" in rule for rule in rules)
        assert any("NoncurrentVersionExpiration" in rule for rule in rules)
        if bucket.properties["BucketName"] != f"{NAMESPACE}-access-logs":
            assert bucket.properties["LoggingConfiguration"] == {
                "DestinationBucketName": f"{NAMESPACE}-access-logs",
                "LogFilePrefix": f"{bucket.properties['BucketName']}/",
            }


def test_the_access_logs_take_logs_of_this_installation_only(installation: Assembly) -> None:
    (logs,) = [
        bucket
        for bucket in installation.of_type("AWS::S3::Bucket")
        if bucket.properties["BucketName"] == f"{NAMESPACE}-access-logs"
    ]
    (delivery,) = [
        statement
        for statement in installation.policy_of("AWS::S3::BucketPolicy", "Bucket", logs)
        if statement.effect == "Allow"
    ]
    assert delivery.principal == {"Service": "logging.s3.amazonaws.com"}
    assert delivery.actions == ("s3:PutObject",)
    assert delivery.conditions == {
        "ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{NAMESPACE}-*"},
        "StringEquals": {"aws:SourceAccount": "123456789012"},
    }


def test_raw_files_are_never_expired(installation: Assembly) -> None:
    for bucket in installation.of_type("AWS::S3::Bucket"):
        if "-raw-" in bucket.properties["BucketName"]:
            rules = bucket.properties["LifecycleConfiguration"]["Rules"]
            assert not any("ExpirationInDays" in rule for rule in rules)


@pytest.mark.parametrize(
    "type_", ["AWS::S3::Bucket", "AWS::KMS::Key", "AWS::SecretsManager::Secret"]
)
def test_what_holds_something_stays_when_its_stack_goes(type_: str, installation: Assembly) -> None:
    assert all(resource.retained for resource in installation.of_type(type_))


def test_every_key_is_rotated_and_only_this_account_may_give_its_use_away(
    installation: Assembly,
) -> None:
    for key in installation.of_type("AWS::KMS::Key"):
        assert key.properties["EnableKeyRotation"] is True
        for statement in statements(key.name, key.properties["KeyPolicy"]):
            assert "123456789012" in json.dumps([statement.principal, statement.conditions])


def test_every_queue_is_encrypted_keeps_14_days_and_refuses_plain_http(
    installation: Assembly,
) -> None:
    for queue in installation.of_type("AWS::SQS::Queue"):
        assert queue.properties["SqsManagedSseEnabled"] is True
        assert queue.properties["MessageRetentionPeriod"] == 14 * 24 * 3600
        (denial,) = installation.policy_of("AWS::SQS::QueuePolicy", "Queues", queue)
        assert (denial.effect, denial.actions) == ("Deny", ("sqs:*",))
        assert denial.conditions == {"Bool": {"aws:SecureTransport": "false"}}


def test_a_message_that_nobody_can_read_becomes_a_dead_letter(installation: Assembly) -> None:
    queues = {q.properties["QueueName"]: q for q in installation.of_type("AWS::SQS::Queue")}
    batches, dead = queues[NAMES.queue], queues[NAMES.dead_letter_queue]
    assert batches.properties["FifoQueue"] is dead.properties["FifoQueue"] is True
    assert batches.properties["RedrivePolicy"] == {
        "deadLetterTargetArn": f"<{dead.name}>",
        "maxReceiveCount": 5,
    }


def test_the_function_runs_with_its_own_log_and_keeps_what_it_could_not_do(
    installation: Assembly,
) -> None:
    (function,) = installation.of_type("AWS::Lambda::Function")
    assert function.properties["FunctionName"] == NAMES.ingest_function
    assert function.properties["Runtime"] == "python3.13"
    assert function.properties["Environment"] == {"Variables": {"ETL_NAMESPACE": NAMESPACE}}
    (log_group,) = installation.of_type("AWS::Logs::LogGroup")
    assert function.properties["LoggingConfig"] == {"LogGroup": f"<{log_group.name}>"}
    assert log_group.properties["RetentionInDays"] == 90
    (invocation,) = installation.of_type("AWS::Lambda::EventInvokeConfig")
    assert invocation.properties["DestinationConfig"]["OnFailure"]["Destination"].startswith(
        "<Failures"
    )


def test_only_raw_buckets_of_this_account_may_call_the_function(installation: Assembly) -> None:
    (permission,) = installation.of_type("AWS::Lambda::Permission")
    assert permission.properties["Action"] == "lambda:InvokeFunction"
    assert permission.properties["Principal"] == "s3.amazonaws.com"
    assert permission.properties["SourceAccount"] == "123456789012"
    assert permission.properties["SourceArn"] == f"arn:aws:s3:::{NAMESPACE}-raw-*"


def test_every_raw_bucket_and_no_other_tells_the_function_of_its_manifests(
    installation: Assembly,
) -> None:
    for bucket in installation.of_type("AWS::S3::Bucket"):
        configured = bucket.properties.get("NotificationConfiguration")
        if "-raw-" not in bucket.properties["BucketName"]:
            assert configured is None
            continue
        assert configured is not None
        (told,) = configured["LambdaConfigurations"]
        assert told["Function"].endswith(f":function:{NAMES.ingest_function}")
        assert told["Event"] == "s3:ObjectCreated:*"
        ((rule,),) = [told["Filter"]["S3Key"]["Rules"]]
        assert rule["Name"] == "suffix"
        assert NAMES.manifest("flights", Hour.parse("2013-01-01-05")).key.endswith(rule["Value"])


def test_every_job_is_bounded_and_leaves_trying_again_to_dagster(installation: Assembly) -> None:
    jobs = {
        job.properties["Name"]: job.properties for job in installation.of_type("AWS::Glue::Job")
    }
    assert set(jobs) == {NAMES.convert_job, NAMES.load_job}
    for job in jobs.values():
        assert job["GlueVersion"] == "6.0"
        assert job["Command"]["Name"] == "glueetl"
        assert (job["WorkerType"], job["NumberOfWorkers"]) == ("G.1X", 2)
        assert "MaxCapacity" not in job, "Glue refuses it together with workers"
        assert job["MaxRetries"] == 0
        assert job["Timeout"] == 120
        assert job["ExecutionProperty"] == {"MaxConcurrentRuns": 10}
        arguments = job["DefaultArguments"]
        assert {"--enable-metrics", "--enable-continuous-cloudwatch-log", "--TempDir"} <= set(
            arguments
        )
    assert jobs[NAMES.convert_job]["DefaultArguments"]["--additional-python-modules"] == (
        convert_modules()
    )
    load = jobs[NAMES.load_job]["DefaultArguments"]
    assert load["--additional-python-modules"] == load_modules()
    assert load["--copy_role_arn"].startswith("<CopyRole")


def test_everything_that_a_job_runs_is_among_the_assets(installation: Assembly) -> None:
    listed = json.loads((installation.directory / "Jobs.assets.json").read_text())["files"]
    assets = {
        f"s3://{place['bucketName']}/{place['objectKey']}": asset["source"]["path"]
        for asset in listed.values()
        for place in asset["destinations"].values()
    }
    for job in installation.of_type("AWS::Glue::Job"):
        for url in (
            job.properties["Command"]["ScriptLocation"],
            job.properties["DefaultArguments"]["--extra-py-files"],
        ):
            assert (installation.directory / assets[url]).is_file()


def test_the_secrets_have_a_user_each_and_no_password_is_in_a_template(
    installation: Assembly,
) -> None:
    templates = {}
    for secret in installation.of_type("AWS::SecretsManager::Secret"):
        generated = secret.properties["GenerateSecretString"]
        assert "SecretString" not in secret.properties
        assert secret.properties["KmsKeyId"].startswith("<SecretsKey")
        assert generated["PasswordLength"] == 32
        assert generated["ExcludePunctuation"] is True
        templates[secret.properties["Name"]] = json.loads(generated["SecretStringTemplate"])
    assert templates == {
        NAMES.admin_secret: {"username": "etl_admin"},
        NAMES.service_secret: {"username": "etl_service"},
    }


def _tables(installation: Assembly) -> dict[str, Resource]:
    tables = installation.of_type("AWS::Glue::Table")
    return {table.properties["TableInput"]["Name"]: table for table in tables}


def test_the_table_of_a_source_has_the_columns_of_its_parquet_files(
    installation: Assembly, contracts: dict[str, SourceContract]
) -> None:
    tables = _tables(installation)
    for source, contract in contracts.items():
        table = tables[source].properties["TableInput"]
        storage = table["StorageDescriptor"]
        columns = [column["Name"] for column in storage["Columns"]]
        assert columns == contract.arrow_schema.names
        assert [key["Name"] for key in table["PartitionKeys"]] == list(PARTITION_COLUMNS)
        assert {key["Type"] for key in table["PartitionKeys"]} == {"string"}
        assert storage["Location"] == f"s3://{NAMES.processed_bucket(source)}/"


def test_the_table_of_rejects_has_the_columns_of_reject_files(
    installation: Assembly, contracts: dict[str, SourceContract]
) -> None:
    for source in contracts:
        table = _tables(installation)[rejects_table(source)].properties["TableInput"]
        storage = table["StorageDescriptor"]
        assert {column["Name"]: column["Type"] for column in storage["Columns"]} == {
            "file": "string",
            "record": "bigint",
            "raw": "string",
            "reasons": "array<struct<column:string,reason:string,value:string>>",
            "_hour": "timestamp",
            "_batch_id": "string",
        }
        assert [column["Name"] for column in storage["Columns"]] == REJECT_SCHEMA.names
        assert [key["Name"] for key in table["PartitionKeys"]] == list(PARTITION_COLUMNS)
        assert storage["Location"] == f"s3://{NAMES.processed_bucket(source)}/"


def test_a_source_that_keeps_superseded_rows_has_a_table_of_them(
    installation: Assembly, contracts: dict[str, SourceContract]
) -> None:
    tables = _tables(installation)
    assert {name for name in tables if name.endswith("__superseded")} == {superseded_table(EXTRA)}
    table = tables[superseded_table(EXTRA)].properties["TableInput"]
    columns = [column["Name"] for column in table["StorageDescriptor"]["Columns"]]
    assert columns == contracts[EXTRA].superseded_schema.names
    assert [key["Name"] for key in table["PartitionKeys"]] == list(PARTITION_COLUMNS)


def test_the_jobs_may_point_the_tables_of_the_catalog_and_no_others(installation: Assembly) -> None:
    (pointing,) = [
        statement
        for statement in installation.statements()
        if "glue:BatchCreatePartition" in statement.actions
    ]
    catalog = "arn:aws:glue:us-east-1:123456789012:"
    database = NAMES.catalog_database
    assert set(pointing.resources) == {
        f"{catalog}catalog",
        f"{catalog}database/{database}",
        f"{catalog}table/{database}/*",
    }


def test_the_projected_folder_of_an_hour_is_the_folder_that_a_source_lands_it_in(
    installation: Assembly, contracts: dict[str, SourceContract]
) -> None:
    hour = Hour.parse("2013-01-02-03")
    for source in contracts:
        parameters = _tables(installation)[f"{source}__raw"].properties["TableInput"]["Parameters"]
        place = parameters["storage.location.template"]
        for column, value in zip(PARTITION_COLUMNS, hour.partition_values, strict=True):
            assert parameters[f"projection.{column}.type"] == "injected"
            place = place.replace(f"${{{column}}}", value)
        assert place == str(NAMES.raw_folder(source, hour))


def test_a_source_more_is_a_stack_more_and_changes_no_other(
    installation: Assembly, contracts: dict[str, SourceContract], tmp_path: Path
) -> None:
    more = contracts["weather"].model_copy(update={"source": "one_more"})
    synthesise(NAMESPACE, tmp_path, {**contracts, "one_more": more})
    before, after = (
        {file.name: file.read_bytes() for file in directory.glob("*.template.json")}
        for directory in (installation.directory, tmp_path)
    )
    assert set(after) - set(before) == {"Source-One-More.template.json"}
    assert {name: after[name] for name in before} == before


def test_no_stack_imports_from_another(installation: Assembly) -> None:
    for file in installation.directory.glob("*.template.json"):
        template = json.loads(file.read_text())
        assert set(template) == {"Resources"}, "no parameters, rules, outputs or exports"
        assert "Fn::ImportValue" not in file.read_text()


def test_the_function_is_there_before_the_buckets_that_call_it(installation: Assembly) -> None:
    artifacts = json.loads((installation.directory / "manifest.json").read_text())["artifacts"]
    sources = [name for name in artifacts if re.fullmatch(r"Source-[A-Za-z-]+", name)]
    assert sources
    for source in sources:
        assert {"Ingest", "Catalog"} <= set(artifacts[source]["dependencies"])


def test_every_resource_is_on_the_laptop_too(installation: Assembly) -> None:
    assert not {resource.type for resource in installation.resources} & set(NOT_ON_THE_LAPTOP)


def test_a_second_synthesis_gives_the_same_templates_and_assets(
    installation: Assembly, contracts: dict[str, SourceContract], tmp_path: Path
) -> None:
    synthesise(NAMESPACE, tmp_path, contracts)
    for file in installation.directory.iterdir():
        assert (tmp_path / file.name).read_bytes() == file.read_bytes(), file.name


def test_two_installations_share_no_name(
    installation: Assembly, contracts: dict[str, SourceContract], tmp_path: Path
) -> None:
    synthesise("another", tmp_path, contracts)
    for resource in Assembly(tmp_path).resources:
        assert NAMESPACE not in json.dumps(resource.properties), resource.name
