"""The two Glue jobs, the role that they run under, and the role that Redshift reads with."""

from dataclasses import dataclass
from pathlib import Path

from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3_assets as assets
from constructs import Construct

from etl_platform.contract.layout import Names
from etl_platform.contract.sizing import FEWEST_WORKERS, WORKER_TYPE
from infra.stacks.base import (
    SERVICE_USER,
    ConcernStack,
    allow,
    assets_bucket,
    data_key_alias,
    secrets_key_alias,
)

_TIMEOUT_MINUTES = 120
_MOST_AT_ONCE = 10


@dataclass(frozen=True)
class JobCode:
    """What one job runs: its entry script, the package, and third-party pins for pip."""

    script: Path
    package: Path
    modules: str


class JobsStack(ConcernStack):
    """Dagster starts the jobs and tries again: they have no triggers and no retries."""

    def __init__(
        self,
        scope: Construct,
        names: Names,
        *,
        convert: JobCode,
        load: JobCode,
    ) -> None:
        super().__init__(scope, "jobs", names)
        self._role = self._make_glue_role()
        copy_role = self._make_copy_role()
        self._make_job("Convert", names.convert_job, convert, {})
        self._make_job("Load", names.load_job, load, {"--copy_role_arn": copy_role.role_arn})

    def _make_job(self, label: str, name: str, code: JobCode, more: dict[str, str]) -> None:
        script = assets.Asset(self, f"{label}Script", path=str(code.script))
        package = assets.Asset(self, f"{label}Package", path=str(code.package))
        glue.CfnJob(
            self,
            label,
            name=name,
            role=self._role.role_arn,
            glue_version="6.0",
            command=glue.CfnJob.JobCommandProperty(
                name="glueetl", python_version="3", script_location=script.s3_object_url
            ),
            # Dagster gives each run its own number; these are for one that is started by hand.
            worker_type=WORKER_TYPE,
            number_of_workers=FEWEST_WORKERS,
            timeout=_TIMEOUT_MINUTES,
            max_retries=0,
            execution_property=glue.CfnJob.ExecutionPropertyProperty(
                max_concurrent_runs=_MOST_AT_ONCE
            ),
            default_arguments={
                "--extra-py-files": package.s3_object_url,
                "--additional-python-modules": code.modules,
                "--TempDir": f"s3://{self.names.artifacts_bucket}/temporary/",
                "--enable-metrics": "true",
                "--enable-continuous-cloudwatch-log": "true",
                **more,
            },
        )

    def _make_glue_role(self) -> iam.Role:
        names, database = self.names, self.names.catalog_database
        role = iam.Role(
            self,
            "GlueRole",
            role_name=names.glue_role,
            description="The Glue jobs: raw files to Parquet files to the warehouse",
            assumed_by=iam.ServicePrincipal("glue.amazonaws.com"),
        )
        statements = [
            *self.reading(assets_bucket(names), names.artifacts_bucket),
            self.writing(f"{names.artifacts_bucket}/pipes", f"{names.artifacts_bucket}/temporary"),
            self.using_key(data_key_alias(names), "s3", ["kms:Decrypt", "kms:GenerateDataKey"]),
            self.using_key(secrets_key_alias(names), "secretsmanager", ["kms:Decrypt"]),
            # Secrets Manager adds six characters of its own to the name.
            allow(
                ["secretsmanager:GetSecretValue"],
                [self.arn("secretsmanager", f"secret:{names.service_secret}-??????")],
            ),
            # Glue keeps the logs of all jobs of an account in groups of names that it chooses.
            allow(
                ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
                [self.arn("logs", "log-group:/aws-glue/jobs/*")],
            ),
            allow(
                ["cloudwatch:PutMetricData"],
                ["*"],
                {"StringEquals": {"cloudwatch:namespace": "Glue"}},
            ),
        ]
        raw, processed = names.raw_bucket("*"), names.processed_bucket("*")
        statements += self.of_every_source([*self.reading(raw, processed), self.writing(processed)])
        # Setting partitions: Glue asks it of the table and of the database and catalog above.
        statements.append(
            allow(
                ["glue:GetTable", "glue:BatchCreatePartition", "glue:BatchUpdatePartition"],
                [
                    self.arn("glue", resource)
                    for resource in ("catalog", f"database/{database}", f"table/{database}/*")
                ],
            )
        )
        for statement in statements:
            role.add_to_policy(statement)
        return role

    def _make_copy_role(self) -> iam.Role:
        role = iam.Role(
            self,
            "CopyRole",
            role_name=self.names.copy_role,
            description="Redshift: read the Parquet files that COPY names",
            # Redshift gives the database user as the external id: no other user may take the role.
            assumed_by=iam.ServicePrincipal(
                "redshift.amazonaws.com",
                conditions={
                    "StringLike": {
                        "sts:ExternalId": self.arn("redshift", f"dbuser:*/{SERVICE_USER}")
                    }
                },
            ),
        )
        for statement in self.of_every_source(self.reading(self.names.processed_bucket("*"))):
            role.add_to_policy(statement)
        role.add_to_policy(self.using_key(data_key_alias(self.names), "s3", ["kms:Decrypt"]))
        return role
