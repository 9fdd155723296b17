"""What the archive still holds and should not: it is rewritten once a day, not at each deletion."""

from collections.abc import Iterable

from polyphonie.transactions import Transactions

SCHEMA = """
CREATE TABLE IF NOT EXISTS untidy (id TEXT PRIMARY KEY, gone INTEGER NOT NULL);
"""


class Untidy(Transactions):
    """The part of the spool that remembers what the archive has too much of."""

    def mark_untidy(self, ids: Iterable[str], *, gone: bool) -> None:
        """Remember that the archive still holds what was deleted (`gone`) or reworded; rewriting it can wait a day."""
        rows = [(one,) for one in ids]
        with self._transaction() as sql:
            sql.executemany("INSERT OR IGNORE INTO untidy VALUES (?, 0)", rows)
            if gone:
                sql.executemany("UPDATE untidy SET gone = 1 WHERE id = ?", rows)

    def untidy(self) -> dict[str, bool]:
        """What the archive holds too much of: id -> whether it is gone altogether."""
        return {found: bool(gone) for found, gone in self._connection.execute("SELECT id, gone FROM untidy")}

    def tidied(self, ids: Iterable[str]) -> None:
        """The archive was rewritten without them."""
        with self._transaction() as sql:
            sql.executemany("DELETE FROM untidy WHERE id = ?", [(one,) for one in ids])
