"""Who may log in to the warehouse, and where it is: read from AWS Secrets Manager, never kept."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from etl_platform.aws.clients import client, translated
from etl_platform.contract.errors import SettingInvalid


class WarehouseSecret(BaseModel):
    """The content of a secret. SecretStr keeps the password out of repr, logs and errors."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)
    username: str = Field(min_length=1)
    password: SecretStr
    host: str = Field(min_length=1)
    port: int = Field(ge=1, le=65535)
    dbname: str = Field(min_length=1)
    sslmode: Literal["disable", "require", "verify-ca", "verify-full"] = "verify-full"


def read_secret(name: str) -> WarehouseSecret:
    """The current version of a secret."""
    with translated("secretsmanager", f"GetSecretValue {name}"):
        text = client("secretsmanager").get_secret_value(SecretId=name)["SecretString"]
    try:
        return WarehouseSecret.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        problem = f"{'.'.join(map(str, first['loc'])) or 'the document'}: {first['msg']}"
    # Raised here and not inside `except`: the ValidationError would bring the secret's text along.
    raise SettingInvalid(
        f"secret {name}",
        f"is not usable, {problem}",
        "JSON with username, password, host, port, dbname and sslmode",
    )
