"""The port to the warehouse: one connection, one transaction at a time.

`aws/warehouse.py` is the adapter.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol

STATEMENT_TIMEOUT_S: Final = 3600
"""No statement takes longer: the server ends it."""


class Warehouse(Protocol):
    """Calls raise WarehouseUnavailable, WarehouseConflict, WarehouseRefused or TargetMissing.

    `name` says in an error which statement it was: its text may hold secrets and never shows.
    """

    def execute(self, statement: str, parameters: Sequence[object] = (), *, name: str) -> int:
        """Run a statement; the number of rows that it changed, or -1 where none is known."""

    def fetch(
        self, statement: str, parameters: Sequence[object] = (), *, name: str
    ) -> list[tuple[Any, ...]]:
        """Run a query; every row of its answer."""

    def commit(self) -> None:
        """End the transaction; raises CommitUnknown when the answer to COMMIT is lost."""

    def rollback(self) -> None:
        """Undo what was done since the last commit."""


class SchemaWarehouse(Warehouse, Protocol):
    """A connection that also runs what Redshift refuses in a transaction."""

    def execute_alone(self, statement: str, *, name: str) -> None:
        """Run a statement outside of any transaction, between two of them."""


Connect = Callable[[], AbstractContextManager[Warehouse]]
"""Makes a new connection, and closes it at the end of the `with`; what is not committed is lost."""

SchemaConnect = Callable[[], AbstractContextManager[SchemaWarehouse]]
"""The same for changes of tables."""
