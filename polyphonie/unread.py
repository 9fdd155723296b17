"""Payloads of crawls that could not be read: why and how often, since nothing of them is kept to try again."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

SCHEMA = """
CREATE TABLE IF NOT EXISTS unread (
    name TEXT NOT NULL, reason TEXT NOT NULL, number INTEGER NOT NULL, place TEXT NOT NULL, at TEXT NOT NULL,
    PRIMARY KEY (name, reason)
) WITHOUT ROWID;
"""
REASONS = 100  # kept apart for a source: a format that breaks may break in as many ways as there are payloads
OTHERS = "other reasons"


@dataclass(frozen=True)
class Unread:
    """`place`: where the last one was, in words of its source that name nobody."""

    source: str
    reason: str
    number: int
    place: str
    at: datetime


class UnreadPayloads:
    """Reads and writes through the spool's connection."""

    _sql: sqlite3.Connection

    def miss(self, name: str, refused: Iterable[tuple[str, str]]) -> None:
        """Count payloads of a source by reason: (place, reason). The caller holds the transaction."""
        known: set[str] | None = None
        now = datetime.now(UTC).isoformat(timespec="seconds")
        for place, why in refused:
            if known is None:
                known = {row[0] for row in self._sql.execute("SELECT reason FROM unread WHERE name = ?", (name,))}
            reason = why if why in known or len(known) < REASONS else OTHERS
            known.add(reason)
            self._sql.execute(
                "INSERT INTO unread VALUES (?, ?, 1, ?, ?) ON CONFLICT (name, reason) DO UPDATE SET "
                "number = number + 1, place = excluded.place, at = excluded.at",
                (name, reason, place, now),
            )

    def unread(self, name: str | None = None) -> list[Unread]:
        """What could not be read, of one source or of all, most often first."""
        rows = self._sql.execute(
            "SELECT name, reason, number, place, at FROM unread WHERE name = coalesce(?, name) "
            "ORDER BY number DESC, name, reason",
            (name,),
        )
        return [
            Unread(source, reason, number, place, datetime.fromisoformat(at))
            for source, reason, number, place, at in rows
        ]

    def forget_unread(self, before: datetime) -> None:
        """Reasons that were not met since then go."""
        self._sql.execute("DELETE FROM unread WHERE at < ?", (before.astimezone(UTC).isoformat(timespec="seconds"),))
