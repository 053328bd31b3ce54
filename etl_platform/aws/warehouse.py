"""Amazon Redshift through redshift_connector: the adapter of the Warehouse port."""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import redshift_connector
from redshift_connector.core import Connection
from redshift_connector.error import Error

from etl_platform.aws.secrets import WarehouseSecret
from etl_platform.aws.warehouse_errors import translate
from etl_platform.contract.errors import (
    CommitUnknown,
    PlatformError,
    WarehouseRefused,
    WarehouseUnavailable,
)
from etl_platform.contract.warehouse import STATEMENT_TIMEOUT_S

APPLICATION = "etl-platform"
CONNECT_TIMEOUT_S = 15

# The driver verifies certificates whenever it encrypts: `require` gets more than it asks for.
_SSL: dict[str, dict[str, Any]] = {
    "disable": {"ssl": False},
    "require": {"ssl": True, "sslmode": "verify-ca"},
    "verify-ca": {"ssl": True, "sslmode": "verify-ca"},
    "verify-full": {"ssl": True, "sslmode": "verify-full"},
}

# What the driver raises when a connection breaks: its own errors, the socket's, and those of its
# parser on half a message or on a socket that is gone.
_FAULTS = (Error, OSError, struct.error, ValueError, AttributeError)

T = TypeVar("T")


@dataclass(frozen=True)
class Answer:
    """The rows of a statement with their names; one without rows has no columns and a count."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    rows_changed: int


class RedshiftWarehouse:
    """One connection. Leaving the `with` closes it, and the server undoes what is not committed."""

    def __init__(self, connection: Connection, where: str) -> None:
        self._connection = connection
        self._where = where
        self._failed = False

    def execute(self, statement: str, parameters: Sequence[object] = (), *, name: str) -> int:
        return int(self._run(statement, parameters, name).rowcount)

    def fetch(
        self, statement: str, parameters: Sequence[object] = (), *, name: str
    ) -> list[tuple[Any, ...]]:
        cursor = self._run(statement, parameters, name)
        return [tuple(row) for row in cursor.fetchall()]

    def execute_alone(self, statement: str, *, name: str) -> None:
        self._connection.autocommit = True
        try:
            self._run(statement, (), name)
        finally:
            self._connection.autocommit = False

    def ask(self, statement: str) -> Answer:
        """Carry out a statement of an operator in a transaction of its own."""
        cursor = self._run(statement, (), "the statement")
        if cursor.description:
            columns = tuple(str(column[0]) for column in cursor.description)
            answer = Answer(columns, [tuple(row) for row in cursor.fetchall()], 0)
        else:
            answer = Answer((), [], max(cursor.rowcount, 0))
        self.commit()
        return answer

    def _run(self, statement: str, parameters: Sequence[object], name: str) -> Any:
        cursor = self._connection.cursor()
        # None, not an empty list: with a list the driver reads every % as a placeholder.
        bound = list(parameters) or None
        return self._call(name, lambda: cursor.execute(statement, bound))

    def commit(self) -> None:
        if self._failed:
            # PostgreSQL answers COMMIT of a failed transaction with ROLLBACK, and no error.
            raise WarehouseRefused("COMMIT", "25P02", "an earlier statement has failed")
        try:
            self._call("COMMIT", self._connection.commit)
        except WarehouseUnavailable as error:
            unknown = CommitUnknown(f"transaction at {self._where}", error.message)
        else:
            return
        raise unknown

    def rollback(self) -> None:
        self._call("ROLLBACK", self._connection.rollback)
        self._failed = False

    def _call(self, name: str, action: Callable[[], T]) -> T:
        fault: PlatformError
        try:
            return action()
        except _FAULTS as error:
            fault = translate(error, name, self._where)
        self._failed = True
        # Raised here and not inside `except`: the driver's error may hold a row of the table.
        raise fault

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._connection.close()
        except _FAULTS:
            # The connection is gone, which is what closing was for.
            return


def connect(
    secret: WarehouseSecret, *, statement_timeout_s: int = STATEMENT_TIMEOUT_S
) -> RedshiftWarehouse:
    """Log in. Statements are bounded by the server, a dead peer is noticed by TCP keep-alive."""
    where = f"{secret.host}:{secret.port}/{secret.dbname}"
    fault: PlatformError
    try:
        connection = redshift_connector.connect(
            user=secret.username,
            password=secret.password.get_secret_value(),
            host=secret.host,
            port=secret.port,
            database=secret.dbname,
            timeout=CONNECT_TIMEOUT_S,
            tcp_keepalive=True,
            tcp_keepalive_idle=30,
            tcp_keepalive_interval=10,
            tcp_keepalive_count=3,
            application_name=APPLICATION,
            **_SSL[secret.sslmode],
        )
    except _FAULTS as error:
        fault = translate(error, "the login", where)
    else:
        return _bounded(connection, where, statement_timeout_s)
    raise fault


def _bounded(connection: Connection, where: str, statement_timeout_s: int) -> RedshiftWarehouse:
    # The driver has one timeout for connecting and for every answer; a COPY takes longer than a
    # login may, and a socket that timed out once cannot be read again.
    connection._usock.settimeout(None)
    connection.autocommit = False
    warehouse = RedshiftWarehouse(connection, where)
    try:
        warehouse.execute(
            f"SET statement_timeout TO {int(statement_timeout_s) * 1000}", name="the time limit"
        )
        # A rollback would undo the setting with the rest.
        warehouse.commit()
    except CommitUnknown as error:
        unavailable = WarehouseUnavailable(where, error.message)
    else:
        return warehouse
    raise unavailable
