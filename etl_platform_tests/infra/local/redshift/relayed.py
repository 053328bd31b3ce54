"""What the endpoint makes of a statement."""

from infra.local.redshift.dialect import translate
from infra.local.redshift.statements import Relay


def relayed(sql: str, *, case_sensitive: bool = False) -> str:
    """The SQL that PostgreSQL gets."""
    action = translate(sql, case_sensitive=case_sensitive)
    assert isinstance(action, Relay)
    return action.sql
