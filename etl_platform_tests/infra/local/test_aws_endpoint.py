"""Answers of the local AWS that its emulator alone would give otherwise."""

import json
import string
from typing import Any

import pytest

from infra.local.servers import client

_ENOUGH = 50
"""Secrets of a stack. Of four characters without a rule, more than half hold no digit."""


def _generated(aws_port: int, stack: str, generator: dict[str, Any]) -> list[str]:
    """The values of many secrets that one stack generates."""
    cloudformation, secrets = (
        client(one, aws_port) for one in ("cloudformation", "secretsmanager")
    )
    names = [f"{stack}-{number}" for number in range(_ENOUGH)]
    resources = {
        f"Secret{number}": {
            "Type": "AWS::SecretsManager::Secret",
            "Properties": {"Name": name, "GenerateSecretString": generator},
        }
        for number, name in enumerate(names)
    }
    body = json.dumps({"Resources": resources})
    cloudformation.create_stack(StackName=stack, TemplateBody=body)
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName=stack, WaiterConfig={"Delay": 0.1, "MaxAttempts": 100}
    )
    return [secrets.get_secret_value(SecretId=name)["SecretString"] for name in names]


@pytest.mark.parametrize("required", [{}, {"RequireEachIncludedType": True}])
def test_a_generated_password_holds_a_character_of_each_type(
    aws_port: int, required: dict[str, Any]
) -> None:
    generator = {"PasswordLength": 4, "ExcludePunctuation": True, **required}
    passwords = _generated(aws_port, f"each-type-{len(required)}", generator)
    for kind in (string.ascii_lowercase, string.ascii_uppercase, string.digits):
        assert all(set(kind).intersection(password) for password in passwords), passwords
    assert all(len(password) == 4 and password.isalnum() for password in passwords)
    assert len(set(passwords)) > 1


def test_a_type_that_is_not_included_is_not_required(aws_port: int) -> None:
    generator = {"PasswordLength": 6, "ExcludePunctuation": True, "ExcludeNumbers": True}
    assert all(one.isalpha() for one in _generated(aws_port, "letters", generator))


def test_a_generated_password_completes_the_template_of_its_secret(aws_port: int) -> None:
    generator = {
        "PasswordLength": 32,
        "SecretStringTemplate": json.dumps({"username": "loader"}),
        "GenerateStringKey": "password",
    }
    for secret in map(json.loads, _generated(aws_port, "completed", generator)):
        assert secret["username"] == "loader"
        assert len(secret["password"]) == 32
