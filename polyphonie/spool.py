"""The spool: where envelopes wait between the sources and the NLP, durably, in one SQLite file in WAL mode.

An item goes todo -> doing -> done; what was doing when a process died goes back to todo at the next start. The item and
the cursor of its source are written in one transaction, so a cursor is never ahead of what is stored. Plain portable
SQL: PostgreSQL would take the same statements.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from polyphonie import journal, quarantine, untidy
from polyphonie.errors import SpoolFull
from polyphonie.items import put_item, unpacked
from polyphonie.journal import Entry, Journal
from polyphonie.quarantine import Quarantine, Quarantined, Refusal
from polyphonie.records import Envelope
from polyphonie.untidy import Untidy

__all__ = ["Arrival", "Quarantined", "Refusal", "Spool"]

SCHEMA = f"""
CREATE TABLE IF NOT EXISTS items (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    source TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('todo', 'doing', 'done', 'quarantine')),
    payload BLOB,
    digest BLOB NOT NULL,
    first_seen TEXT,
    author TEXT,
    handle TEXT,
    epoch INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS items_waiting ON items (state, seq) WHERE state IN ('todo', 'doing');
CREATE INDEX IF NOT EXISTS items_author ON items (author) WHERE author IS NOT NULL;
CREATE INDEX IF NOT EXISTS items_handle ON items (handle) WHERE handle IS NOT NULL;
CREATE TABLE IF NOT EXISTS cursors (
    source TEXT PRIMARY KEY,
    cursor TEXT NOT NULL,
    counts TEXT NOT NULL,
    updated_at TEXT NOT NULL
);
{quarantine.SCHEMA}
{untidy.SCHEMA}
CREATE TABLE IF NOT EXISTS names (also TEXT PRIMARY KEY, id TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS names_id ON names (id);
CREATE TABLE IF NOT EXISTS tombstones (id TEXT PRIMARY KEY, at TEXT NOT NULL);
"""
SOME = 500  # values bound to one statement


@dataclass(frozen=True)
class Arrival:
    """One transaction: what came, what was refused, and how far the source has been read."""

    source: str
    envelopes: Sequence[Envelope] = ()
    refusals: Sequence[Refusal] = ()
    cursor: dict[str, Any] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    entry: Entry | None = None  # what the journal of the sources is told


class Spool(Quarantine, Untidy):
    """`recover()` is for the one process that enriches, when it starts; any other may read and put meanwhile."""

    def __init__(self, path: Path, capacity: int = 1_000_000) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.capacity = capacity
        self._connection = sqlite3.connect(path, timeout=60, isolation_level=None)
        path.chmod(0o600)
        self._connection.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; {SCHEMA} {journal.SCHEMA}")
        # Erased means erased: freed pages are overwritten.
        self._connection.execute("PRAGMA secure_delete=ON")
        self.journal = Journal(self._connection)
        self._room = 0  # items that surely fit

    def close(self) -> None:
        self._connection.close()

    def put(self, arrival: Arrival) -> int:
        """Store an arrival whole or not at all; returns how many items are new or changed. Raises SpoolFull."""
        with self._transaction() as sql:
            # What takes away is never made to wait: somebody may have asked to be forgotten.
            self._make_room(sum(envelope.deletion is None for envelope in arrival.envelopes))
            changed = sum(put_item(sql, envelope) for envelope in arrival.envelopes)
            for refusal in arrival.refusals:
                self._quarantine(refusal)
            if arrival.cursor:
                sql.execute(
                    "INSERT INTO cursors VALUES (?, ?, ?, ?) ON CONFLICT (source) DO UPDATE SET "
                    "cursor = excluded.cursor, counts = excluded.counts, updated_at = excluded.updated_at",
                    (arrival.source, json.dumps(arrival.cursor), json.dumps(arrival.counts), _now()),
                )
            if arrival.entry:
                self.journal.record(arrival.entry)
            self.journal.erase(envelope.deletion.id for envelope in arrival.envelopes if envelope.deletion)
        return changed

    def _make_room(self, coming: int) -> None:
        # Counting a million waiting items takes as long as storing a batch: it is done again when an eighth of the room
        # that was found is used, since other processes fill the spool too.
        if coming <= self._room:
            self._room -= coming
            return
        query = "SELECT count(*) FROM items WHERE state IN ('todo', 'doing')"
        waiting = self._connection.execute(query).fetchone()[0]
        if coming and waiting + coming > self.capacity:
            raise SpoolFull(
                f"the spool holds {waiting} waiting items and may hold {self.capacity}; "
                "run `polyphonie enrich`, then the same command again: it resumes where it stopped"
            )
        self._room = (self.capacity - waiting - coming) // 8

    def knows(self, ids: Iterable[str]) -> set[str]:
        """Those of these ids, or of the other names of messages, that came and are not gone."""
        asked = list(dict.fromkeys(ids))
        found: set[str] = set()
        for start in range(0, len(asked), SOME):
            some = asked[start : start + SOME]
            marks = ",".join("?" * len(some))
            rows = self._connection.execute(
                f"SELECT id FROM items WHERE id IN ({marks}) UNION SELECT also FROM names WHERE also IN ({marks})",
                [*some, *some],
            )
            found.update(row[0] for row in rows)
        return found

    def named(self, ids: Sequence[str]) -> dict[str, str]:
        """Those of these ids that are other names of messages: name -> id."""
        marks = ",".join("?" * len(ids))
        return dict(self._connection.execute(f"SELECT also, id FROM names WHERE also IN ({marks})", list(ids)))

    def unfinished(self, ids: Sequence[str]) -> set[str]:
        """Those of these items that wait, are being enriched, or lie in quarantine."""
        marks = ",".join("?" * len(ids))
        asked = f"SELECT id FROM items WHERE id IN ({marks}) AND state != 'done'"
        return {row[0] for row in self._connection.execute(asked, list(ids))}

    def cursor(self, source: str) -> tuple[dict[str, Any], dict[str, int]] | None:
        """Where a source was left, and its counts so far."""
        row = self._connection.execute("SELECT cursor, counts FROM cursors WHERE source = ?", (source,)).fetchone()
        return (json.loads(row[0]), json.loads(row[1])) if row else None

    def recover(self) -> int:
        """Give back what a dead process was doing; returns how many."""
        return self._connection.execute("UPDATE items SET state = 'todo' WHERE state = 'doing'").rowcount

    def claim(self, limit: int) -> list[Envelope]:
        """The next items in order of arrival; they are `doing` until `finish`, `refuse` or `recover`."""
        with self._transaction() as sql:
            rows = sql.execute(
                "SELECT seq, payload FROM items WHERE state = 'todo' ORDER BY seq LIMIT ?", (limit,)
            ).fetchall()
            sql.executemany("UPDATE items SET state = 'doing' WHERE seq = ?", [(seq,) for seq, _ in rows])
        return [unpacked(payload) for _, payload in rows]

    def peek(self, limit: int) -> list[Envelope]:
        """The next items, left where they are."""
        rows = self._connection.execute("SELECT payload FROM items WHERE state = 'todo' ORDER BY seq LIMIT ?", (limit,))
        return [unpacked(payload) for (payload,) in rows]

    def finish(self, ids: Sequence[str]) -> None:
        """The items are in the index: their payload is wiped, their id stays so that they never come twice."""
        with self._transaction() as sql:
            # A newer version may have arrived meanwhile; it is todo again and must stay.
            sql.executemany(
                "UPDATE items SET state = 'done', payload = NULL WHERE id = ? AND state = 'doing'", [(i,) for i in ids]
            )

    def items_of(self, tokens: Sequence[str]) -> list[str]:
        """Ids of what the owners of these tokens (of author or of handle) wrote, while their epoch is open."""
        marks = ",".join("?" * len(tokens))
        rows = self._connection.execute(
            f"SELECT id FROM items WHERE author IN ({marks}) OR handle IN ({marks})", [*tokens, *tokens]
        )
        return [row[0] for row in rows]

    def erase(self, ids: Sequence[str]) -> int:
        """Remove items for good and refuse them from now on; returns how many were there."""
        with self._transaction() as sql:
            sql.executemany("INSERT OR IGNORE INTO tombstones VALUES (?, ?)", [(gone, _now()) for gone in ids])
            sql.executemany("DELETE FROM quarantine WHERE origin = ?", [(gone,) for gone in ids])
            sql.executemany("DELETE FROM names WHERE id = ?", [(gone,) for gone in ids])
            self.journal.erase(ids)
            return sum(sql.execute("DELETE FROM items WHERE id = ?", (gone,)).rowcount for gone in ids)

    def close_epochs(self, before: int) -> int:
        """Wipe the author tokens and the interactions of closed epochs; returns of how many items."""
        self.journal.close_epochs(before)
        return self._connection.execute(
            "UPDATE items SET author = NULL, handle = NULL WHERE epoch < ? AND author IS NOT NULL AND state = 'done'",
            (before,),
        ).rowcount

    def expire(self, before: int) -> int:
        """Drop what has waited, or lain in quarantine, since before this epoch: raw text has its time even here."""
        with self._transaction() as sql:
            old = [row[0] for row in sql.execute("SELECT id FROM items WHERE epoch < ? AND state != 'done'", (before,))]
            sql.executemany("DELETE FROM items WHERE id = ?", [(gone,) for gone in old])
            sql.executemany("DELETE FROM quarantine WHERE origin = ?", [(gone,) for gone in old])
        return len(old)

    def flush(self) -> None:
        """Bring the write-ahead log back into the file, so that what was erased is in neither."""
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def oldest_waiting_epoch(self) -> int | None:
        """The first epoch whose key is still needed by an item that is not done."""
        row = self._connection.execute("SELECT min(epoch) FROM items WHERE state != 'done'").fetchone()
        return None if row[0] is None else int(row[0])

    def counts(self) -> dict[str, int]:
        """Items by state, and entries in quarantine: one for each reason where a crawl could not read something."""
        found = dict(self._connection.execute("SELECT state, count(*) FROM items GROUP BY state").fetchall())
        asked = "SELECT (SELECT count(*) FROM quarantine) + (SELECT count(*) FROM unread)"
        held = self._connection.execute(asked).fetchone()[0]
        return {state: found.get(state, 0) for state in ("todo", "doing", "done")} | {"quarantine": held}

    def item_sources(self) -> list[str]:
        """Every source of which an item is known."""
        return [row[0] for row in self._connection.execute("SELECT DISTINCT source FROM items")]

    def sources(self) -> list[dict[str, Any]]:
        """Each source that has a cursor: its counts and when it last moved."""
        rows = self._connection.execute("SELECT source, counts, updated_at FROM cursors ORDER BY source")
        return [{"source": source, "updated_at": at, **json.loads(counts)} for source, counts, at in rows]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
