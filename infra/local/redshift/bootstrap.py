"""Makes the database, the admin and Redshift's catalog in a PostgreSQL that has just started."""

import hashlib
from pathlib import Path

from infra.local.errors import LocalStackError
from infra.local.redshift.backend import Backend
from infra.local.redshift.postgres import SUPERUSER
from infra.local.redshift.quoting import compose, identifier, literal

_SCRIPTS = [
    Path(__file__).with_name(name)
    for name in (
        "layout.sql",
        "catalog.sql",
        "loads.sql",
        "functions.sql",
        "views.sql",
        "queries.sql",
        "late_views.sql",
        "read_only_views.sql",
        "reflection.sql",
        "shares.sql",
    )
]


class AdminNameTaken(LocalStackError):
    """The admin was given the name of the server's own superuser."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"the admin user cannot be named {name}: Redshift keeps that name to itself; "
            "choose another one"
        )


async def bootstrap(socket: Path, *, database: str, admin_user: str, admin_password: str) -> None:
    """Bring the server to the state in which clients may connect; safe to repeat."""
    if admin_user == SUPERUSER:
        raise AdminNameTaken(admin_user)
    server = await Backend.trusted(socket, SUPERUSER, "postgres")
    try:
        await _ensure_admin(server, admin_user, admin_password)
        await _ensure_database(server, database, admin_user)
    finally:
        server.close()
    inside = await Backend.trusted(socket, SUPERUSER, database)
    try:
        for script in _SCRIPTS:
            await inside.query(script.read_text())
    finally:
        inside.close()


async def _ensure_admin(server: Backend, user: str, password: str) -> None:
    # The digest that PostgreSQL would store: the password itself is in no statement.
    digest = "md5" + hashlib.md5((password + user).encode(), usedforsecurity=False).hexdigest()
    known = await server.query(
        compose("SELECT 1 FROM pg_roles WHERE rolname = {user}", user=literal(user))
    )
    if not known.rows:
        await server.query(compose("CREATE ROLE {user}", user=identifier(user)))
    await server.query(
        compose(
            "ALTER ROLE {user} SUPERUSER LOGIN PASSWORD {digest}",
            user=identifier(user),
            digest=literal(digest),
        )
    )


async def _ensure_database(server: Backend, database: str, owner: str) -> None:
    known = await server.query(
        compose("SELECT 1 FROM pg_database WHERE datname = {name}", name=literal(database))
    )
    if not known.rows:
        await server.query(
            compose(
                "CREATE DATABASE {name} OWNER {owner}",
                name=identifier(database),
                owner=identifier(owner),
            )
        )
