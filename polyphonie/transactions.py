"""All or nothing, on one connection."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager


class Transactions:
    _connection: sqlite3.Connection

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")
