"""What the role of a COPY or UNLOAD may do in S3, by the policies that IAM holds for it.

Checked are the trust of the role (with `sts:ExternalId`, which Redshift sets to the database user)
and the identity policies for S3. Of conditions only `sts:ExternalId` in a trust and
`aws:ResourceAccount` in a policy are understood: an Allow with another condition grants nothing, a
Deny with one denies.
https://docs.aws.amazon.com/redshift/latest/mgmt/authorizing-redshift-service-database-users.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra.local.redshift.errors import RedshiftError

_SERVICES = frozenset({"redshift.amazonaws.com", "redshift-serverless.amazonaws.com"})
_CLUSTER = "laptop"

Statement = Mapping[str, Any]


class Grants(Protocol):
    """What a statement may do in S3."""

    def permits(self, action: str, resource: str) -> bool:
        """Whether an action is allowed on a bucket or an object, given by its ARN."""


class EveryGrant:
    """The grants of a server that checks no roles."""

    def permits(self, action: str, resource: str) -> bool:
        """True."""
        return True


@dataclass(frozen=True)
class PolicyGrants:
    """The grants of a role, by the statements of all its policies."""

    statements: Sequence[Statement]
    account: str
    """Whose the role is. The endpoint knows one account, so the buckets are of the same."""

    def permits(self, action: str, resource: str) -> bool:
        """Whether a statement allows it and none denies it."""
        allowed = False
        for statement in self.statements:
            if not (
                _covers(statement, "Action", action) and _covers(statement, "Resource", resource)
            ):
                continue
            if statement.get("Effect") == "Deny":
                return False
            allowed = allowed or _account_fits(statement.get("Condition", {}), self.account)
        return allowed


class UncheckedRoles:
    """Any role is taken, and may do all."""

    def assume(self, role: str, user: str) -> Grants:
        """Every grant."""
        return EveryGrant()


class IamRoles:
    """Roles as the IAM of the AWS endpoint has them."""

    def __init__(self) -> None:
        self._iam = boto3.client("iam")

    def assume(self, role: str, user: str) -> Grants:
        """The grants of a role for a database user; an error if the user may not take the role."""
        account, name = role.split(":")[4], role.rsplit("/", 1)[-1]
        database_user = f"arn:aws:redshift:{_region()}:{account}:dbuser:{_CLUSTER}/{user}"
        try:
            found = self._iam.get_role(RoleName=name)["Role"]
            if found["Arn"] == role and trusts(found["AssumeRolePolicyDocument"], database_user):
                return PolicyGrants(list(self._statements(name)), account)
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchEntity":
                raise RedshiftError("XX000", f"IAM did not answer for {role}: {error}") from error
        except BotoCoreError as error:
            raise RedshiftError("XX000", f"IAM did not answer for {role}: {error}") from error
        raise RedshiftError(
            "XX000", f"User {database_user} is not authorized to assume IAM Role {role}"
        )

    def _statements(self, role: str) -> Iterable[Statement]:
        for page in self._iam.get_paginator("list_role_policies").paginate(RoleName=role):
            for name in page["PolicyNames"]:
                policy = self._iam.get_role_policy(RoleName=role, PolicyName=name)
                yield from _statements_of(policy["PolicyDocument"])
        for page in self._iam.get_paginator("list_attached_role_policies").paginate(RoleName=role):
            for attached in page["AttachedPolicies"]:
                arn = attached["PolicyArn"]
                version = self._iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
                document = self._iam.get_policy_version(PolicyArn=arn, VersionId=version)
                yield from _statements_of(document["PolicyVersion"]["Document"])


def trusts(document: Mapping[str, Any], database_user: str) -> bool:
    """Whether a trust policy lets Redshift take the role for this database user."""
    for statement in _statements_of(document):
        principal = statement.get("Principal", {})
        services = _listed(principal.get("Service")) if isinstance(principal, Mapping) else []
        if (
            statement.get("Effect") == "Allow"
            and _covers(statement, "Action", "sts:AssumeRole")
            and _SERVICES & set(services)
            and _external_id_fits(statement.get("Condition", {}), database_user)
        ):
            return True
    return False


def _external_id_fits(conditions: Mapping[str, Mapping[str, Any]], database_user: str) -> bool:
    for operator, keys in conditions.items():
        for key, patterns in keys.items():
            if key.lower() != "sts:externalid":
                return False
            if operator == "StringEquals":
                fits = database_user in _listed(patterns)
            else:
                fits = operator == "StringLike" and any(
                    _like(pattern, database_user) for pattern in _listed(patterns)
                )
            if not fits:
                return False
    return True


def _account_fits(conditions: Mapping[str, Mapping[str, Any]], account: str) -> bool:
    return all(
        operator == "StringEquals"
        and key.lower() == "aws:resourceaccount"
        and account in _listed(accounts)
        for operator, keys in conditions.items()
        for key, accounts in keys.items()
    )


def _covers(statement: Statement, element: str, value: str) -> bool:
    fold = str.lower if element == "Action" else str
    if f"Not{element}" in statement:
        patterns = _listed(statement[f"Not{element}"])
        return not any(_like(fold(pattern), fold(value)) for pattern in patterns)
    return any(_like(fold(pattern), fold(value)) for pattern in _listed(statement.get(element)))


def _like(pattern: str, value: str) -> bool:
    """IAM's patterns: a star is any text, a question mark one character."""
    escaped = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(escaped, value, re.DOTALL) is not None


def _statements_of(document: Mapping[str, Any]) -> list[Statement]:
    statements = document.get("Statement", [])
    return [statements] if isinstance(statements, Mapping) else list(statements)


def _listed(value: Any) -> list[str]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)


def _region() -> str:
    return boto3.session.Session().region_name or "us-east-1"
