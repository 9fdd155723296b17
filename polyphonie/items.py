"""One envelope as the spool keeps it: once, in its newest version, under the one name of its message."""

import json
import sqlite3
import zlib
from datetime import UTC, datetime
from hashlib import blake2b

from polyphonie.records import Envelope

# What may differ in a message that comes again without its author having changed anything.
_VOLATILE = {"received_at": True, "at": True, "reach": True}


def put_item(sql: sqlite3.Connection, envelope: Envelope) -> int:
    """Write an envelope where it is new or changed; returns how many changed. The caller holds the transaction."""
    if envelope.deletion is not None:
        sql.execute("INSERT OR IGNORE INTO tombstones VALUES (?, ?)", (envelope.deletion.id, _now()))
        sql.execute("DELETE FROM items WHERE id = ? AND state != 'doing'", (envelope.deletion.id,))
        sql.execute("DELETE FROM names WHERE id = ?", (envelope.deletion.id,))
    elif sql.execute("SELECT 1 FROM tombstones WHERE id = ?", (envelope.id,)).fetchone():
        return 0  # gone before it came: messages may overtake each other
    digest = _digest(envelope)
    known = sql.execute("SELECT digest, first_seen FROM items WHERE id = ?", (envelope.id,)).fetchone()
    if known and known[0] == digest:
        return 0
    envelope = _named(sql, envelope)
    if known and known[1] and envelope.post:
        # An edit does not make a message younger.
        received_at, at = json.loads(known[1])
        post = envelope.post.model_copy(
            update={"received_at": datetime.fromisoformat(received_at), "at": datetime.fromisoformat(at)}
        )
        envelope = envelope.model_copy(update={"post": post})
    seen = json.dumps([envelope.post.received_at.isoformat(), envelope.post.at.isoformat()]) if envelope.post else None
    row = (
        envelope.id,
        envelope.source,
        zlib.compress(envelope.model_dump_json(exclude_defaults=True).encode(), 1),
        digest,
        seen,
        envelope.author,
        envelope.handle,
        envelope.epoch,
    )
    return sql.execute(
        "INSERT INTO items (id, source, state, payload, digest, first_seen, author, handle, epoch) "
        "VALUES (?, ?, 'todo', ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (id) DO UPDATE SET state = 'todo', payload = excluded.payload, digest = excluded.digest, "
        "author = excluded.author, handle = excluded.handle, epoch = excluded.epoch",
        row,
    ).rowcount


def _named(sql: sqlite3.Connection, envelope: Envelope) -> Envelope:
    """The envelope, pointing to what it answers by the id of that post where it has another name."""
    if envelope.also:
        sql.execute("INSERT OR REPLACE INTO names VALUES (?, ?)", (envelope.also, envelope.id))
    if envelope.post is None or envelope.post.reply_to is None:
        return envelope
    found = sql.execute("SELECT id FROM names WHERE also = ?", (envelope.post.reply_to,)).fetchone()
    if found is None:
        return envelope
    return envelope.model_copy(update={"post": envelope.post.model_copy(update={"reply_to": found[0]})})


def _digest(envelope: Envelope) -> bytes:
    """Of what the source said, without what we added: the same message twice is the same item."""
    stable = envelope.model_dump_json(
        exclude={
            "author": True,
            "handle": True,
            "epoch": True,
            "also": True,
            "post": _VOLATILE,
            "positions": {"__all__": {"voice": True, "epoch": True, "at": True, "received_at": True}},
            "deletion": _VOLATILE,
        }
    )
    return blake2b(stable.encode(), digest_size=16).digest()


def unpacked(payload: bytes) -> Envelope:
    """The envelope of an item that waits."""
    return Envelope.model_validate_json(zlib.decompress(payload))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
