"""Who repeats, answers or likes what is kept, and how often each post was: the part of the journal on the secret side.

Edges hold node keys of one epoch and are wiped with it; then only their own names stay, as long as the post does, so
that what is listed again in a later epoch is neither counted again nor keyed anew, and what is taken back is taken off.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from polyphonie.records import Interaction

# `counted`: edges of closed epochs. `reached`: what the source itself counted, unknown until the post is in the index.
SCHEMA = """
CREATE TABLE IF NOT EXISTS interactions (
    id TEXT NOT NULL, kind TEXT NOT NULL, post TEXT NOT NULL, epoch INTEGER NOT NULL,
    from_node TEXT NOT NULL, to_node TEXT, at TEXT NOT NULL,
    PRIMARY KEY (id, kind)
);
CREATE INDEX IF NOT EXISTS interactions_post ON interactions (post);
CREATE INDEX IF NOT EXISTS interactions_from ON interactions (from_node);
CREATE TABLE IF NOT EXISTS stirred (seq INTEGER PRIMARY KEY AUTOINCREMENT, post TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS counted (
    id TEXT NOT NULL, kind TEXT NOT NULL, post TEXT NOT NULL,
    PRIMARY KEY (id, kind)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS counted_post ON counted (post, kind);
CREATE TABLE IF NOT EXISTS reached (
    post TEXT NOT NULL, kind TEXT NOT NULL, told INTEGER,
    PRIMARY KEY (post, kind)
) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Stir:
    """A post whose interactions changed: how often each kind was `counted` by us, and `told` by its source, where that
    is known. `seq` grows with every change."""

    seq: int
    post: str
    counted: Mapping[str, int]
    told: Mapping[str, int]


class Endorsements:
    """Reads and writes through the spool's connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._sql = connection

    def interact(self, interactions: Iterable[Interaction]) -> None:
        """Add edges; those that are known, or were in an epoch that is closed, change nothing. The caller holds the
        transaction."""
        for one in interactions:
            if self._sql.execute("SELECT 1 FROM counted WHERE id = ? AND kind = ?", (one.id, one.kind)).fetchone():
                continue
            # A message may be pointed to by its other name; the index knows only the first.
            named = self._sql.execute("SELECT id FROM names WHERE also = ?", (one.post,)).fetchone()
            post = named[0] if named else one.post
            row = (one.id, one.kind, post, one.epoch, one.from_node, one.to_node, one.at.isoformat())
            if self._sql.execute("INSERT OR IGNORE INTO interactions VALUES (?, ?, ?, ?, ?, ?, ?)", row).rowcount:
                self._sql.execute("INSERT OR REPLACE INTO stirred (post) VALUES (?)", (post,))

    def disengage(self, gone: str) -> None:
        """Forget a post, or an interaction, that is gone. The caller holds the transaction."""
        for table in ("interactions", "counted"):
            self._stir(table, "id", gone)
            self._sql.execute(f"DELETE FROM {table} WHERE id = ? OR post = ?", (gone, gone))
        self._sql.execute("DELETE FROM stirred WHERE post = ?", (gone,))
        self._sql.execute("DELETE FROM reached WHERE post = ?", (gone,))

    def leave(self, nodes: Iterable[str]) -> None:
        """Forget what these accounts did to others' messages."""
        with self._together():
            for node in nodes:
                self._stir("interactions", "from_node", node)
                self._sql.execute("DELETE FROM interactions WHERE from_node = ?", (node,))

    def is_interaction(self, ids: Sequence[str]) -> set[str]:
        """Those of these ids that are interactions."""
        marks = ",".join("?" * len(ids))
        asked = f"SELECT id FROM interactions WHERE id IN ({marks}) UNION SELECT id FROM counted WHERE id IN ({marks})"
        return {row[0] for row in self._sql.execute(asked, [*ids, *ids])}

    def restless(self, limit: int = 500, after: int = 0) -> list[Stir]:
        """Posts whose interactions changed since `settled`, longest first, beyond the `seq` of the last one seen."""
        rows = self._sql.execute("SELECT seq, post FROM stirred WHERE seq > ? ORDER BY seq LIMIT ?", (after, limit))
        places = {post: seq for seq, post in rows}
        counted: dict[str, dict[str, int]] = {post: {} for post in places}
        told: dict[str, dict[str, int]] = {post: {} for post in places}
        marks = ",".join("?" * len(places))
        for table in ("interactions", "counted"):
            asked = f"SELECT post, kind, count(*) FROM {table} WHERE post IN ({marks}) GROUP BY post, kind"
            for post, kind, number in self._sql.execute(asked, list(places)):
                counted[post][kind] = counted[post].get(kind, 0) + number
        asked = f"SELECT post, kind, told FROM reached WHERE post IN ({marks}) AND told IS NOT NULL"
        for post, kind, number in self._sql.execute(asked, list(places)):
            told[post][kind] = number
        return [Stir(seq, post, counted[post], told[post]) for post, seq in places.items()]

    def settled(self, stirs: Iterable[Stir]) -> None:
        """Their counts are in the index; one that changed meanwhile stays restless."""
        with self._together():
            self._sql.executemany("DELETE FROM stirred WHERE seq = ?", [(stir.seq,) for stir in stirs])

    def told(self, posts: Mapping[str, Mapping[str, int]]) -> None:
        """Remember what the source itself counted: post -> kind -> how many."""
        rows = [(post, kind, number) for post, counts in posts.items() for kind, number in counts.items()]
        with self._together():
            self._sql.executemany(
                "INSERT INTO reached (post, kind, told) VALUES (?, ?, ?) "
                "ON CONFLICT (post, kind) DO UPDATE SET told = excluded.told",
                rows,
            )

    def stir(self, posts: Iterable[str]) -> set[str]:
        """Make restless those of these posts that have interactions, since the index has them anew; returns which."""
        tables = ("interactions", "counted", "reached")
        asked = " UNION ALL ".join(f"SELECT 1 FROM {table} WHERE post = ?" for table in tables) + " LIMIT 1"
        with self._together():
            found = {post for post in posts if self._sql.execute(asked, [post] * len(tables)).fetchone()}
            self._sql.executemany("INSERT OR REPLACE INTO stirred (post) VALUES (?)", [(post,) for post in found])
        return found

    def reached(self, limit: int = 500, after: str = "") -> list[str]:
        """Posts of which counts are kept, in order, beyond the last one seen."""
        both = "SELECT post FROM reached WHERE post > ? UNION SELECT post FROM counted WHERE post > ?"
        rows = self._sql.execute(f"{both} ORDER BY post LIMIT ?", (after, after, limit))
        return [row[0] for row in rows]

    def expired(self, posts: Iterable[str]) -> None:
        """These posts are not in the index any more: their counts go."""
        rows = [(post,) for post in posts]
        with self._together():
            for table in ("counted", "reached", "stirred"):
                self._sql.executemany(f"DELETE FROM {table} WHERE post = ?", rows)

    def close_epochs(self, before: int) -> None:
        """The edges of closed epochs go; that a post was repeated stays with the post."""
        with self._together():
            self._sql.execute(
                "INSERT OR IGNORE INTO counted SELECT id, kind, post FROM interactions WHERE epoch < ?", (before,)
            )
            self._sql.execute("DELETE FROM interactions WHERE epoch < ?", (before,))

    def _stir(self, table: str, column: str, value: str) -> None:
        posts = self._sql.execute(f"SELECT DISTINCT post FROM {table} WHERE {column} = ?", (value,)).fetchall()
        self._sql.executemany("INSERT OR REPLACE INTO stirred (post) VALUES (?)", posts)

    @contextmanager
    def _together(self) -> Iterator[None]:
        """All of a block or none of it: in the transaction that the caller holds, else in one of its own."""
        if self._sql.in_transaction:
            yield
            return
        self._sql.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._sql.execute("ROLLBACK")
            raise
        self._sql.execute("COMMIT")
