"""The journal of the sources: what each did and when, what is missing, and who endorsed what, beside the spool's items.

It lies in the spool's file, so that what came and what is said of it are written in one transaction.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from polyphonie import endorsements, unread
from polyphonie.endorsements import Endorsements
from polyphonie.records import Interaction
from polyphonie.unread import UnreadPayloads

SCHEMA = f"""
{endorsements.SCHEMA}
{unread.SCHEMA}
CREATE TABLE IF NOT EXISTS crawls (
    name TEXT PRIMARY KEY,
    platform TEXT NOT NULL,
    state TEXT NOT NULL,
    detail TEXT NOT NULL DEFAULT '',
    errors INTEGER NOT NULL DEFAULT 0,
    last_error TEXT NOT NULL DEFAULT '',
    last_heard TEXT,
    last_item TEXT,
    lag_s REAL,
    rate REAL,
    due TEXT,
    updated_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS outcomes (
    name TEXT NOT NULL, hour TEXT NOT NULL, outcome TEXT NOT NULL, number INTEGER NOT NULL,
    PRIMARY KEY (name, hour, outcome)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS unknown_fields (
    name TEXT NOT NULL, field TEXT NOT NULL, number INTEGER NOT NULL, first_seen TEXT NOT NULL,
    PRIMARY KEY (name, field)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS gaps (
    name TEXT NOT NULL, since TEXT NOT NULL, until TEXT NOT NULL, reason TEXT NOT NULL, at TEXT NOT NULL,
    PRIMARY KEY (name, since, until)
);
CREATE TABLE IF NOT EXISTS watched (
    name TEXT NOT NULL, ref TEXT NOT NULL, id TEXT NOT NULL, asked_at TEXT NOT NULL, since TEXT NOT NULL,
    PRIMARY KEY (name, ref)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS watched_due ON watched (name, asked_at);
CREATE INDEX IF NOT EXISTS watched_id ON watched (id);
CREATE TABLE IF NOT EXISTS budgets (
    name TEXT NOT NULL, day TEXT NOT NULL, used INTEGER NOT NULL,
    PRIMARY KEY (name, day)
);
"""

KEPT_HOURS = timedelta(days=60)  # of outcomes: what a baseline needs
FAILED = "failed rounds"  # the outcome of a round that ended in an error


@dataclass(frozen=True)
class Gap:
    """A stretch of a source's own time of which nothing is known: its bounds and why."""

    since: datetime
    until: datetime
    reason: str


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What one arrival of a source tells the journal. `watched`: (number at the server, our id); `refused`: (place,
    reason) of each payload that could not be read."""

    name: str
    outcomes: Mapping[str, int] = field(default_factory=dict)
    unknown: Mapping[str, int] = field(default_factory=dict)
    refused: Sequence[tuple[str, str]] = ()
    watched: Sequence[tuple[str, str]] = ()
    interactions: Sequence[Interaction] = ()
    gone: Sequence[str] = ()  # ids whose interactions and watches go with them
    left: Sequence[str] = ()  # node keys of accounts that are gone: what they did to others' messages goes
    gap: Gap | None = None


class Journal(Endorsements, UnreadPayloads):
    """Reads and writes through the spool's connection; `record` is called inside the spool's transaction."""

    def record(self, entry: Entry) -> None:
        """Write an entry. The caller holds the transaction."""
        name = entry.name
        self._add(name, entry.outcomes)
        self.miss(name, entry.refused)
        self._sql.executemany(
            "INSERT INTO unknown_fields VALUES (?, ?, ?, ?) "
            "ON CONFLICT (name, field) DO UPDATE SET number = number + excluded.number",
            [(name, unknown, number, _now()) for unknown, number in entry.unknown.items()],
        )
        self._sql.executemany(
            "INSERT OR IGNORE INTO watched VALUES (?, ?, ?, ?, ?)",
            [(name, ref, watched, _now(), _now()) for ref, watched in entry.watched],
        )
        if entry.gap:
            gap = entry.gap
            bounds = (gap.since.isoformat(), gap.until.isoformat())
            self._sql.execute("INSERT OR IGNORE INTO gaps VALUES (?, ?, ?, ?, ?)", (name, *bounds, gap.reason, _now()))
        # What is taken away was there before; who comes back in the same batch is heard.
        self.erase(entry.gone)
        self.leave(entry.left)
        self.interact(entry.interactions)

    def _add(self, name: str, outcomes: Mapping[str, int]) -> None:
        hour = _hour(datetime.now(UTC))
        self._sql.executemany(
            "INSERT INTO outcomes VALUES (?, ?, ?, ?) "
            "ON CONFLICT (name, hour, outcome) DO UPDATE SET number = number + excluded.number",
            [(name, hour, outcome, number) for outcome, number in outcomes.items() if number],
        )

    def count(self, name: str, outcome: str) -> None:
        """Count one outcome of a source, outside any arrival."""
        self._add(name, {outcome: 1})

    def erase(self, ids: Iterable[str]) -> None:
        """Forget what is known of posts or interactions that are gone."""
        for gone in ids:
            self.disengage(gone)
            self._sql.execute("DELETE FROM watched WHERE id = ?", (gone,))

    def note(self, name: str, platform: str, state: str, **known: Any) -> None:
        """What a source does now (`listening`, `resting`, `waiting`, `failing`, `stopped`); other columns by name."""
        columns = {"platform": platform, "state": state, "updated_at": _now(), **known}
        if state == "resting" or "last_heard" in known:
            columns["errors"] = 0  # of rounds in a row
        marks = ", ".join("?" * len(columns))
        changes = ", ".join(f"{column} = excluded.{column}" for column in columns)
        self._sql.execute(
            f"INSERT INTO crawls (name, {', '.join(columns)}) VALUES (?, {marks}) "
            f"ON CONFLICT (name) DO UPDATE SET {changes}",
            [name, *(value.isoformat() if isinstance(value, datetime) else value for value in columns.values())],
        )

    def crawls(self) -> dict[str, dict[str, Any]]:
        """What is known of each source that was ever crawled, by name."""
        cursor = self._sql.execute("SELECT * FROM crawls ORDER BY name")
        columns = [column[0] for column in cursor.description]
        return {row[0]: dict(zip(columns, row, strict=True)) for row in cursor}

    def failed(self, name: str, platform: str, reason: str, due: datetime | None) -> None:
        """Count an error, in a row and in its hour; the source is tried again at `due`."""
        before = self._sql.execute("SELECT errors FROM crawls WHERE name = ?", (name,)).fetchone()
        errors = (before[0] if before else 0) + 1
        self.note(name, platform, "failing", errors=errors, last_error=reason, due=due)
        self.count(name, FAILED)

    def outcomes(self, name: str, since: datetime) -> dict[datetime, dict[str, int]]:
        """Outcomes of a source by hour; hours without any are left out."""
        rows = self._sql.execute(
            "SELECT hour, outcome, number FROM outcomes WHERE name = ? AND hour >= ? ORDER BY hour",
            (name, _hour(since)),
        )
        found: dict[datetime, dict[str, int]] = {}
        for hour, outcome, number in rows:
            found.setdefault(datetime.fromisoformat(hour), {})[outcome] = number
        return found

    def unknown_fields(self, name: str) -> dict[str, int]:
        """Fields of its payloads that no model knows, and how often they came."""
        return dict(
            self._sql.execute("SELECT field, number FROM unknown_fields WHERE name = ? ORDER BY field", (name,))
        )

    def new_fields(self, name: str, since: datetime) -> dict[str, datetime]:
        """Unknown fields that came for the first time since then, and when."""
        rows = self._sql.execute(
            "SELECT field, first_seen FROM unknown_fields WHERE name = ? AND first_seen >= ? ORDER BY field",
            (name, since.astimezone(UTC).isoformat(timespec="seconds")),
        )
        return {field: datetime.fromisoformat(seen) for field, seen in rows}

    def gaps(self, name: str | None = None) -> list[tuple[str, Gap]]:
        """Recorded gaps, oldest first: (source, gap)."""
        rows = self._sql.execute(
            "SELECT name, since, until, reason FROM gaps WHERE name = coalesce(?, name) ORDER BY since", (name,)
        )
        return [
            (found, Gap(datetime.fromisoformat(since), datetime.fromisoformat(until), reason))
            for found, since, until, reason in rows
        ]

    def watched(self, name: str, before: datetime, limit: int) -> list[tuple[str, str]]:
        """What was not asked for since `before`, longest first: (number at the server, our id)."""
        rows = self._sql.execute(
            "SELECT ref, id FROM watched WHERE name = ? AND asked_at < ? ORDER BY asked_at, ref LIMIT ?",
            (name, before.astimezone(UTC).isoformat(), limit),
        )
        return [(ref, found) for ref, found in rows]

    def asked(self, name: str, refs: Iterable[str]) -> None:
        """These were asked for now, and are still there."""
        rows = [(_now(), name, ref) for ref in refs]
        with self._together():
            self._sql.executemany("UPDATE watched SET asked_at = ? WHERE name = ? AND ref = ?", rows)

    def forget_before(self, before: datetime, keep_sources: Sequence[str] = ()) -> None:
        """What is older than `before` has lost its text, so nothing needs to be asked any more, but for the messages of
        sources whose texts are kept: what is withdrawn there must still be learnt. Old counts go too."""
        marks = ",".join("?" * len(keep_sources))
        kept = f"SELECT 1 FROM items WHERE items.id = watched.id AND items.source IN ({marks})"
        self._sql.execute(
            f"DELETE FROM watched WHERE since < ? AND NOT EXISTS ({kept})",
            (before.astimezone(UTC).isoformat(), *keep_sources),
        )
        self._sql.execute("DELETE FROM outcomes WHERE hour < ?", (_hour(datetime.now(UTC) - KEPT_HOURS),))
        self.forget_unread(before)

    def spend(self, name: str, day: date, requests: int = 1) -> int:
        """Count requests of a day; returns how many were made that day, these included."""
        row = self._sql.execute(
            "INSERT INTO budgets VALUES (?, ?, ?) ON CONFLICT (name, day) DO UPDATE SET used = used + excluded.used "
            "RETURNING used",
            (name, day.isoformat(), requests),
        ).fetchone()
        return int(row[0])

    def spent(self, name: str, day: date) -> int:
        """Requests made on a day."""
        row = self._sql.execute(
            "SELECT used FROM budgets WHERE name = ? AND day = ?", (name, day.isoformat())
        ).fetchone()
        return int(row[0]) if row else 0

    def counts(self, name: str, since: datetime) -> dict[str, int]:
        """Outcomes of a source since an hour, summed."""
        rows = self._sql.execute(
            "SELECT outcome, sum(number) FROM outcomes WHERE name = ? AND hour >= ? GROUP BY outcome",
            (name, _hour(since)),
        )
        return {outcome: int(number) for outcome, number in rows}


def _hour(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0).isoformat()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
