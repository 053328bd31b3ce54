"""From a manifest in a raw bucket to the queue: the Lambda, the queue and where failures go."""

from pathlib import Path

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_destinations as destinations
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from etl_platform.contract.layout import Names
from infra.stacks.base import ConcernStack, allow

_KEPT = Duration.days(14)
"""The most that SQS can keep a message: time to look at a dead letter."""


class IngestStack(ConcernStack):
    """The fast way of a batch. Nothing here holds data: the sweep finds what is lost on it."""

    def __init__(self, scope: Construct, names: Names, *, bundle: Path) -> None:
        super().__init__(scope, "ingest", names)
        queue = self._make_queue()
        function = self._make_function(queue, bundle)
        function.add_permission(
            "RawBuckets",
            principal=iam.ServicePrincipal("s3.amazonaws.com"),
            # Lambda compares by pattern. Each bucket by name would outgrow the 20 KB of a policy.
            source_arn=self.bucket_arn(names.raw_bucket("*")),
            # A bucket's name does not say whose it is.
            source_account=self.account,
        )

    def _make_queue(self) -> sqs.Queue:
        dead_letters = sqs.Queue(
            self,
            "DeadLetters",
            queue_name=self.names.dead_letter_queue,
            fifo=True,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=_KEPT,
        )
        return sqs.Queue(
            self,
            "Batches",
            queue_name=self.names.queue,
            fifo=True,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=_KEPT,
            # Long enough for the sensor to see that the run it asked for exists.
            visibility_timeout=Duration.minutes(5),
            dead_letter_queue=sqs.DeadLetterQueue(max_receive_count=5, queue=dead_letters),
        )

    def _make_function(self, queue: sqs.Queue, bundle: Path) -> lambda_.Function:
        name = self.names.ingest_function
        failures = sqs.Queue(
            self,
            "Failures",
            queue_name=f"{name}-failures",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=_KEPT,
        )
        log_group = logs.LogGroup(
            self,
            "Log",
            log_group_name=f"/aws/lambda/{name}",
            retention=logs.RetentionDays.THREE_MONTHS,
            removal_policy=RemovalPolicy.DESTROY,
        )
        return lambda_.Function(
            self,
            "Function",
            function_name=name,
            description="S3 event to batch request",
            runtime=lambda_.Runtime.PYTHON_3_13,
            handler="etl_platform.ingest.handler.handler",
            code=lambda_.Code.from_asset(str(bundle)),
            environment={"ETL_NAMESPACE": self.names.namespace},
            role=self._make_role(queue, log_group),
            log_group=log_group,
            memory_size=256,
            timeout=Duration.seconds(30),
            retry_attempts=2,
            max_event_age=Duration.hours(6),
            on_failure=destinations.SqsDestination(failures),
        )

    def _make_role(self, queue: sqs.Queue, log_group: logs.LogGroup) -> iam.Role:
        role = iam.Role(
            self,
            "Role",
            role_name=self.names.ingest_function,
            description="The ingest function: send to its queue, write its log",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        )
        role.add_to_policy(allow(["sqs:SendMessage", "sqs:GetQueueUrl"], [queue.queue_arn]))
        role.add_to_policy(
            allow(["logs:CreateLogStream", "logs:PutLogEvents"], [log_group.log_group_arn])
        )
        return role
