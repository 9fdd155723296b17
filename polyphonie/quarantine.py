"""The quarantine: what could not be processed, with its reason, until somebody tries it again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from polyphonie.transactions import Transactions

SCHEMA = """
CREATE TABLE IF NOT EXISTS quarantine (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    origin TEXT NOT NULL UNIQUE,
    source TEXT NOT NULL,
    stage TEXT NOT NULL,
    reason TEXT NOT NULL,
    at TEXT NOT NULL
);
"""


@dataclass(frozen=True)
class Refusal:
    """Something that could not be processed. `origin` locates it without quoting it: file and row, or an item's id."""

    origin: str
    source: str
    reason: str
    stage: str = "parse"


@dataclass(frozen=True)
class Quarantined:
    id: int
    origin: str
    source: str
    stage: str
    reason: str
    at: datetime


class Quarantine(Transactions):
    """The part of the spool that holds what was refused."""

    def refuse(self, refusals: Sequence[Refusal]) -> None:
        """Quarantine items by id (their payload stays, for a replay) or anything else by its origin."""
        with self._transaction() as sql:
            for refusal in refusals:
                sql.execute("UPDATE items SET state = 'quarantine' WHERE id = ?", (refusal.origin,))
                self._quarantine(refusal)

    def quarantined(self, limit: int = -1) -> list[Quarantined]:
        """What waits for somebody, oldest first."""
        rows = self._connection.execute(
            "SELECT id, origin, source, stage, reason, at FROM quarantine ORDER BY id LIMIT ?", (limit,)
        )
        return [
            Quarantined(number, origin, source, stage, reason, datetime.fromisoformat(at))
            for number, origin, source, stage, reason, at in rows
        ]

    def release(self, entry: Quarantined) -> None:
        """Take an entry out of quarantine; an item waits again."""
        with self._transaction() as sql:
            sql.execute("UPDATE items SET state = 'todo' WHERE id = ? AND state = 'quarantine'", (entry.origin,))
            sql.execute("DELETE FROM quarantine WHERE id = ?", (entry.id,))

    def _quarantine(self, refusal: Refusal) -> None:
        """Write a refusal. The caller holds the transaction."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._connection.execute(
            "INSERT INTO quarantine (origin, source, stage, reason, at) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (origin) DO UPDATE SET reason = excluded.reason, at = excluded.at",
            (refusal.origin, refusal.source, refusal.stage, refusal.reason, now),
        )
