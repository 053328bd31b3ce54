"""Secrets that CloudFormation generates are passwords as GetRandomPassword makes them.

MiniStack's own go by `ExcludeCharacters` alone: now and then one holds no digit, and Redshift
refuses it as a password. AWS requires one of each included type unless the template says otherwise:
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-secretsmanager-secret-generatesecretstring.html
"""

import json
from typing import Any

from ministack.services import secretsmanager
from ministack.services.cloudformation import provisioners


def hold_each_type_of_character() -> None:
    """Have every generated secret hold a character of each type that its template includes."""
    provisioners._sm_secret_string = _secret_string


def _secret_string(properties: dict[str, Any]) -> str:
    """The value of an AWS::SecretsManager::Secret: as it is written, or generated."""
    generator = properties.get("GenerateSecretString")
    if generator is None:
        return str(properties.get("SecretString", ""))
    password = _password(generator)
    if "SecretStringTemplate" not in generator:
        return password
    secret = json.loads(generator["SecretStringTemplate"])
    return json.dumps({**secret, generator["GenerateStringKey"]: password})


def _password(generator: dict[str, Any]) -> str:
    status, _, body = secretsmanager._get_random_password(generator)
    answer = json.loads(body)
    if status != 200:
        raise ValueError(answer.get("message", answer))
    return str(answer["RandomPassword"])
