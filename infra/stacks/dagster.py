"""What the principal that runs Dagster may do; where Dagster runs is the owner's choice."""

from aws_cdk import aws_iam as iam
from constructs import Construct

from etl_platform.contract.layout import BLOCKED, MANIFEST, PIN, Names
from infra.stacks.base import ConcernStack, allow, data_key_alias, secrets_key_alias


class DagsterStack(ConcernStack):
    """One managed policy, to be attached to the task role, instance or user of Dagster."""

    def __init__(self, scope: Construct, names: Names, *, writes_manifests: bool) -> None:
        super().__init__(scope, "dagster", names)
        self._writes_manifests = writes_manifests
        iam.ManagedPolicy(
            self,
            "Policy",
            managed_policy_name=f"{names.namespace}-dagster",
            description="Dagster: check manifests, give orders to the Glue jobs, read the queue",
            statements=[*self._objects(), *self._jobs_and_queue(), *self._questions()],
        )

    def _objects(self) -> list[iam.PolicyStatement]:
        names = self.names
        raw, processed = names.raw_bucket("*"), names.processed_bucket("*")
        statements = [
            *self.reading(raw, processed, names.artifacts_bucket),
            # The sweep learns the versions of manifests by listing them.
            allow(["s3:ListBucketVersions"], [self.bucket_arn(raw)]),
            allow(
                ["s3:PutObject"],
                [
                    self.bucket_arn(f"{processed}/*/{PIN}"),
                    self.bucket_arn(f"{processed}/*/{BLOCKED}"),
                    self.bucket_arn(f"{names.artifacts_bucket}/orders/*"),
                    self.bucket_arn(f"{names.artifacts_bucket}/pipes/*"),
                    self.bucket_arn(f"{names.artifacts_bucket}/athena/*"),
                    *self._manifests(),
                ],
            ),
        ]
        return [
            *self.of_every_source(statements),
            self.using_key(data_key_alias(names), "s3", ["kms:Decrypt", "kms:GenerateDataKey"]),
        ]

    def _manifests(self) -> list[str]:
        """Where Dagster writes manifests, if there are sources that land none.

        The pattern fits the manifests of the others too. One written there by mistake could only
        list files of its own folder, and the bucket keeps the one before.
        """
        if not self._writes_manifests:
            return []
        return [self.bucket_arn(f"{self.names.raw_bucket('*')}/*/{MANIFEST}")]

    def _jobs_and_queue(self) -> list[iam.PolicyStatement]:
        names = self.names
        return [
            allow(
                ["glue:StartJobRun", "glue:GetJobRun", "glue:GetJobRuns", "glue:BatchStopJobRun"],
                [
                    self.arn("glue", f"job/{names.convert_job}"),
                    self.arn("glue", f"job/{names.load_job}"),
                ],
            ),
            # What a job prints is shown beside the step that waits for it.
            allow(["logs:GetLogEvents"], [self.arn("logs", "log-group:/aws-glue/jobs/*")]),
            allow(
                ["sqs:GetQueueUrl", "sqs:ReceiveMessage", "sqs:DeleteMessage"],
                [self.arn("sqs", names.queue)],
            ),
            allow(
                ["sqs:GetQueueUrl", "sqs:SendMessage"],
                [self.arn("sqs", names.dead_letter_queue)],
            ),
        ]

    def _questions(self) -> list[iam.PolicyStatement]:
        """What checks and aggregates ask: the warehouse, as its service user, and Athena."""
        names, database = self.names, self.names.catalog_database
        return [
            self.using_key(secrets_key_alias(names), "secretsmanager", ["kms:Decrypt"]),
            # Secrets Manager adds six characters of its own to the name.
            allow(
                ["secretsmanager:GetSecretValue"],
                [self.arn("secretsmanager", f"secret:{names.service_secret}-??????")],
            ),
            allow(
                [
                    "athena:StartQueryExecution",
                    "athena:GetQueryExecution",
                    "athena:GetQueryResults",
                    "athena:StopQueryExecution",
                ],
                [self.arn("athena", f"workgroup/{names.namespace}")],
            ),
            allow(
                ["glue:GetDatabase", "glue:GetTable", "glue:GetPartitions"],
                [
                    self.arn("glue", "catalog"),
                    self.arn("glue", f"database/{database}"),
                    self.arn("glue", f"table/{database}/*"),
                ],
            ),
            allow(
                ["s3:GetBucketLocation"],
                [self.bucket_arn(names.artifacts_bucket)],
            ),
        ]
