"""Datashares and external schemas, of which only the catalog is kept: no row goes anywhere.

- https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_DATASHARE.html
- https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_DATASHARE.html
- https://docs.aws.amazon.com/redshift/latest/dg/r_GRANT.html
- https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_EXTERNAL_SCHEMA.html
"""

import json
import re
from collections.abc import Callable
from typing import Final, LiteralString, TypeVar

from infra.local.redshift.errors import RedshiftError, not_supported, syntax_error
from infra.local.redshift.quoting import Sql, compose, literal
from infra.local.redshift.statements import Alone, Catalogued, Words

_CONSUMERS: Final = {
    "NAMESPACE": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII),
    "ACCOUNT": re.compile(r"[0-9]{12}", re.ASCII),
}
_TRUE, _FALSE = Sql("true"), Sql("false")

T = TypeVar("T")


def read_share(words: Words) -> Catalogued | Alone | None:
    """A statement about a datashare or an external schema, or None for any other."""
    action: Catalogued | Alone
    if words.take("CREATE", "DATASHARE"):
        action = _create(words)
    elif words.take("ALTER", "DATASHARE"):
        action = _alter(words)
    elif words.take("DROP", "DATASHARE"):
        action = Catalogued("DROP DATASHARE", _calls(_call("drop_share", literal(words.name()))))
    elif words.take("GRANT", "USAGE", "ON", "DATASHARE"):
        action = _consumers(words, "GRANT", "TO")
    elif words.take("REVOKE", "USAGE", "ON", "DATASHARE"):
        action = _consumers(words, "REVOKE", "FROM")
    elif words.take("CREATE", "EXTERNAL", "SCHEMA"):
        action = _create_external_schema(words)
    else:
        return None
    if words.left:
        raise syntax_error(f'syntax error at or near "{words.current}"')
    return action


def _create(words: Words) -> Catalogued:
    name, public = words.name(), _FALSE
    if words.take("SET", "PUBLICACCESSIBLE") or words.take("PUBLICACCESSIBLE"):
        words.take("=")
        public = _TRUE if words.take("TRUE") else _FALSE
        if public == _FALSE:
            words.expect("FALSE")
    return Catalogued("CREATE DATASHARE", _calls(_call("create_share", literal(name), public)))


def _alter(words: Words) -> Catalogued | Alone:
    share = literal(words.name())
    if words.take("SET", "PUBLICACCESSIBLE"):
        # https://github.com/brainly/terraform-provider-redshift/issues/127
        while words.left:
            words.word()
        return Alone("ALTER DATASHARE SET PUBLICACCESSIBLE", None)
    if words.take("SET"):
        raise not_supported("properties of a datashare are not served on the laptop")
    is_added = _TRUE if words.take("ADD") else _FALSE
    if is_added == _FALSE:
        words.expect("REMOVE")
    return Catalogued("ALTER DATASHARE", _calls(*_objects(words, share, is_added)))


def _objects(words: Words, share: Sql, is_added: Sql) -> list[Sql]:
    if words.take("SCHEMA"):
        schemas = _listed(words, words.name)
        return [_call("change_schema", share, literal(name), is_added) for name in schemas]
    if words.take("ALL", "TABLES", "IN", "SCHEMA"):
        schemas = _listed(words, words.name)
        return [_call("change_all_tables", share, literal(name), is_added) for name in schemas]
    if words.take("TABLE"):
        tables = [_in_schema(name) for name in _listed(words, words.dotted_name)]
        return [
            _call("change_table", share, literal(schema), literal(table), is_added)
            for schema, table in tables
        ]
    raise not_supported("functions in a datashare are not served on the laptop")


def _in_schema(name: tuple[str, ...]) -> tuple[str, str]:
    if len(name) != 2:
        raise syntax_error(f'syntax error at or near "{name[-1]}"')
    return name[0], name[1]


def _consumers(words: Words, verb: str, preposition: str) -> Catalogued:
    share = literal(words.name())
    words.expect(preposition)
    kind = next((kind for kind in _CONSUMERS if words.take(kind)), None)
    if kind is None or not words.at_string:
        # https://github.com/awslabs/aws-well-architected-labs/pull/524
        raise RedshiftError("0A000", "USAGE cannot be granted to users and groups on a datashare.")
    ids = _listed(words, words.string)
    for found in ids:
        if not _CONSUMERS[kind].fullmatch(found):
            raise RedshiftError("22023", f"invalid {kind.lower()} {found}")
    is_granted = _TRUE if verb == "GRANT" else _FALSE
    calls = (
        _call("change_consumer", share, literal(kind), literal(found), is_granted) for found in ids
    )
    return Catalogued(verb, _calls(*calls))


def _create_external_schema(words: Words) -> Catalogued:
    may_exist = _TRUE if words.take("IF", "NOT", "EXISTS") else _FALSE
    name = words.name()
    words.expect("FROM")
    if not words.take("DATA", "CATALOG"):
        raise not_supported("external schemas are served from DATA CATALOG only on the laptop")
    words.expect("DATABASE")
    database, options = words.string(), {}
    if words.take("REGION"):
        options["REGION"] = words.string()
    words.expect("IAM_ROLE")
    options["IAM_ROLE"] = "default" if words.take("DEFAULT") else words.string()
    call = _call(
        "create_external_schema",
        literal(name),
        literal(database),
        literal(json.dumps(options)),
        may_exist,
    )
    return Catalogued("CREATE SCHEMA", _calls(call))


def _listed(words: Words, read: Callable[[], T]) -> list[T]:
    found = [read()]
    while words.take(","):
        found.append(read())
    return found


def _call(function: LiteralString, *arguments: Sql) -> Sql:
    return compose(
        "redshift_local.{function}({arguments})",
        function=Sql(function),
        arguments=Sql(", ".join(arguments)),
    )


def _calls(*calls: Sql) -> Sql:
    return compose("SELECT {calls}", calls=Sql(", ".join(calls)))
