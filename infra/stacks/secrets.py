"""The two users of the warehouse; where it is, is put into their secrets when it is there."""

import json
import string

from aws_cdk import RemovalPolicy
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from etl_platform.contract.layout import Names
from infra.stacks.base import (
    ADMIN_USER,
    SERVICE_USER,
    ConcernStack,
    secrets_key_alias,
)

_PASSWORD_LENGTH = 32


class SecretsStack(ConcernStack):
    """Secrets Manager makes the passwords, so none is in a template.

    Nothing but the user belongs into the template strings: a change of one makes a new password.
    """

    def __init__(self, scope: Construct, names: Names) -> None:
        super().__init__(scope, "secrets", names)
        self._key = kms.Key(
            self,
            "SecretsKey",
            alias=secrets_key_alias(names),
            description=f"Secrets of {names.namespace}",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.RETAIN,
        )
        self._make("Admin", names.admin_secret, ADMIN_USER, "makes schemas and users")
        self._make(
            "Service", names.service_secret, SERVICE_USER, "loads; owns its tables and no more"
        )

    def _make(self, label: str, name: str, username: str, purpose: str) -> None:
        secretsmanager.Secret(
            self,
            label,
            secret_name=name,
            description=f"User {username} of the warehouse: {purpose}",
            encryption_key=self._key,
            generate_secret_string=secretsmanager.SecretStringGenerator(
                secret_string_template=json.dumps({"username": username}),
                generate_string_key="password",
                password_length=_PASSWORD_LENGTH,
                # Redshift refuses some marks, URLs and shells read others as their own. Said twice,
                # as another wording would give the secrets of an installation new values.
                exclude_punctuation=True,
                exclude_characters=string.punctuation,
                require_each_included_type=True,
            ),
            removal_policy=RemovalPolicy.RETAIN,
        )
