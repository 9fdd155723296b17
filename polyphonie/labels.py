"""The labels: what people, and stronger readers, answered about posts, in one SQLite file in WAL mode.

No text is in it: ids, answers, the probability with which each post was drawn, what the model said then, and where the
post stands among what is counted. So a label outlives the text and the position of its post (30 days), and goes with
the post when its author or its platform takes it back.

One role has one answer about a post and a proposal. A correction replaces it, the latest instant wins, and the former
is not kept: a slip of the finger is no evidence. Answers of people and of machines lie in the same table and are never
read together (`readers=` says which are wanted).
"""

import json
import re
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints

from polyphonie.errors import InputError
from polyphonie.records import Drawn, Key, Label, Record, Round, Slug, Stance

# Offered on the page: a free field would end up holding a name.
ROLES = ("annotatrice-1", "annotatrice-2", "annotateur-1", "annotateur-2", "arbitre-1")
_ROLE = re.compile(r"^(annotat(rice|eur|or)|arbit(re|er))-[1-9][0-9]?$")
_ARBITER = re.compile(r"^arbit(re|er)-")
_READER = re.compile(r"^reader:[a-z0-9][a-z0-9._:-]*$")

SCHEMA = """
CREATE TABLE IF NOT EXISTS labels (
    id TEXT PRIMARY KEY,
    post TEXT NOT NULL,
    proposal TEXT NOT NULL,
    answered_by TEXT NOT NULL,
    round TEXT,
    at TEXT NOT NULL,
    label TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS labels_post ON labels (post);
CREATE INDEX IF NOT EXISTS labels_proposal ON labels (proposal);
CREATE TABLE IF NOT EXISTS draws (
    round TEXT NOT NULL,
    post TEXT NOT NULL,
    proposal TEXT NOT NULL,
    turn INTEGER NOT NULL,
    drawn TEXT NOT NULL,
    PRIMARY KEY (round, post, proposal)
);
CREATE INDEX IF NOT EXISTS draws_post ON draws (post);
CREATE TABLE IF NOT EXISTS places (
    post TEXT NOT NULL,
    proposal TEXT NOT NULL,
    place TEXT NOT NULL,
    PRIMARY KEY (post, proposal)
);
CREATE TABLE IF NOT EXISTS rounds (id TEXT PRIMARY KEY, made_at TEXT NOT NULL, round TEXT NOT NULL);
"""

Asked = tuple[str, str]  # a post and a proposal


class Place(Record):
    """Where a drawn post stands among what is counted, so that its label goes on counting when its position is gone.

    unit: of the bootstrap (see `measures.columns`), 16 hexadecimal characters, empty once the position has expired:
    what says that two posts have one voice is not kept longer than they are.
    """

    post: Key
    proposal: Slug
    day: date
    epoch: int
    source: Slug
    stance: Stance  # what the small model answers
    voices: float = Field(ge=0.0)  # the part of a voice that it carries
    reach: float = Field(ge=0.0)
    unit: Annotated[str, StringConstraints(pattern="^([0-9a-f]{16})?$")] = ""
    words: str = ""  # see `polyphonie.records.words_of`

    @property
    def lasting(self) -> "Place":
        """What may be kept of it when its position expires."""
        return self.model_copy(update={"unit": ""})


def labels_path(home: Path) -> Path:
    """Where the labels of a home are."""
    return home / "labels.sqlite"


class LabelStore:
    """Open it for a moment, as a context: several pages and commands write to it at once."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._base = sqlite3.connect(path, timeout=60.0, isolation_level=None)
        path.chmod(0o600)
        self._base.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON; {SCHEMA}")

    def __enter__(self) -> "LabelStore":
        return self

    def __exit__(self, *_: object) -> None:
        self._base.close()

    def open_round(self, made: Round, draws: Iterable[Drawn]) -> None:
        """Keep a draw; the same draw made again changes nothing."""
        self._base.execute("BEGIN IMMEDIATE")
        self._base.execute(
            "INSERT OR IGNORE INTO rounds VALUES (?, ?, ?)",
            (made.id, made.made_at.isoformat(timespec="microseconds"), made.model_dump_json()),
        )
        self._base.executemany(
            "INSERT OR IGNORE INTO draws VALUES (?, ?, ?, ?, ?)",
            ((one.round, one.post, one.proposal, one.turn, one.model_dump_json()) for one in draws),
        )
        self._base.execute("COMMIT")

    def rounds(self) -> list[Round]:
        """Every draw, the latest first."""
        rows = self._base.execute("SELECT round FROM rounds ORDER BY made_at DESC, id")
        return [Round.model_validate_json(row[0]) for row in rows]

    def draws(self, of_round: str) -> list[Drawn]:
        """What was drawn and not erased since, in the order in which it is read."""
        rows = self._base.execute("SELECT drawn FROM draws WHERE round = ? ORDER BY turn", (of_round,))
        return [Drawn.model_validate_json(row[0]) for row in rows]

    def known(self, posts: Iterable[str]) -> set[str]:
        """Those of the posts that were drawn or answered before; what is erased is neither."""
        rows = self._base.execute(
            "SELECT value FROM json_each(?) WHERE value IN (SELECT post FROM draws) OR value IN "
            "(SELECT post FROM labels)",
            (json.dumps(list(posts)),),
        )
        return {row[0] for row in rows}

    def keep(self, labels: Iterable[Label], known: Callable[[set[str]], set[str]] | None = None) -> int:
        """Store answers, the latest of each role and question; returns how many were new or changed.

        Those about a post that is not known any more are left: it was erased since it was shown or sent. known: which
        of some posts are, asked while nobody else can write; by default those that were drawn or answered before.
        Raises InputError when the role is neither a known kind of person with a number nor a reader: it may be a name.
        """
        wanted = list(labels)
        for label in wanted:
            if not is_role(label.answered_by):
                raise InputError(
                    f"answered_by is {label.answered_by!r}: expected a role such as {ROLES[0]}, never a name, or "
                    "reader:SLUG for a machine"
                )
        before = self._base.total_changes
        with self._base:
            self._base.execute("BEGIN IMMEDIATE")
            there = (known or self.known)({one.post for one in wanted})
            self._base.executemany(
                "INSERT INTO labels VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
                "round = excluded.round, at = excluded.at, label = excluded.label WHERE excluded.at > labels.at",
                [
                    (one.id, one.post, one.proposal, one.answered_by, one.round, _instant(one), one.model_dump_json())
                    for one in wanted
                    if one.post in there
                ],
            )
        return self._base.total_changes - before

    def withdraw(self, label: str) -> bool:
        """Take an answer back, as if it had not been given."""
        return self._base.execute("DELETE FROM labels WHERE id = ?", (label,)).rowcount > 0

    def last(self, of_round: str, answered_by: str) -> Label | None:
        """The latest answer of a role in a draw."""
        row = self._base.execute(
            "SELECT label FROM labels WHERE round = ? AND answered_by = ? ORDER BY at DESC, rowid DESC LIMIT 1",
            (of_round, answered_by),
        ).fetchone()
        return Label.model_validate_json(row[0]) if row else None

    def labels(self, proposal: str | None = None, *, of_round: str | None = None, readers: bool = False) -> list[Label]:
        """Answers of people, or of readers instead, the oldest first, `skipped` ones too.

        of_round: about what that draw holds, in whatever draw the answer was given.
        """
        kind = "GLOB" if readers else "NOT GLOB"
        asked, values = [f"answered_by {kind} 'reader:*'"], []
        if proposal is not None:
            asked.append("proposal = ?")
            values.append(proposal)
        if of_round is not None:
            asked.append("(post, proposal) IN (SELECT post, proposal FROM draws WHERE round = ?)")
            values.append(of_round)
        rows = self._base.execute(f"SELECT label FROM labels WHERE {' AND '.join(asked)} ORDER BY at, id", values)
        return [Label.model_validate_json(row[0]) for row in rows]

    def asked(self) -> list[Asked]:
        """Every question that some draw holds."""
        return list(self._base.execute("SELECT DISTINCT post, proposal FROM draws ORDER BY post, proposal"))

    def put_places(self, places: Iterable[Place]) -> None:
        """Keep where drawn posts stand; the former place of each is replaced. What was erased meanwhile has none."""
        self._base.execute("BEGIN IMMEDIATE")
        self._base.executemany(
            "INSERT OR REPLACE INTO places "
            "SELECT post, proposal, ?3 FROM draws WHERE post = ?1 AND proposal = ?2 LIMIT 1",
            ((one.post, one.proposal, one.model_dump_json()) for one in places),
        )
        self._base.execute("COMMIT")

    def drop_places(self, asked: Iterable[Asked]) -> None:
        """Forget where these stand: they count no more."""
        self._base.execute("BEGIN IMMEDIATE")
        self._base.executemany("DELETE FROM places WHERE post = ? AND proposal = ?", asked)
        self._base.execute("COMMIT")

    def places(self) -> dict[Asked, Place]:
        """Where the drawn posts stand, by question."""
        kept = (Place.model_validate_json(row[0]) for row in self._base.execute("SELECT place FROM places"))
        return {(one.post, one.proposal): one for one in kept}

    def erase(self, posts: Sequence[str]) -> int:
        """Forget all that was answered about these posts, and that they were drawn; returns how many answers."""
        wanted = (json.dumps(list(posts)),)
        self._base.execute("BEGIN IMMEDIATE")
        gone = self._base.execute("DELETE FROM labels WHERE post IN (SELECT value FROM json_each(?))", wanted).rowcount
        self._base.execute("DELETE FROM draws WHERE post IN (SELECT value FROM json_each(?))", wanted)
        self._base.execute("DELETE FROM places WHERE post IN (SELECT value FROM json_each(?))", wanted)
        self._base.execute("COMMIT")
        self._base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return gone


def is_role(slug: str) -> bool:
    """Whether it says who answered without being able to hold a name: a kind of person and a number, or a reader."""
    return bool(_ROLE.match(slug) or _READER.match(slug))


def is_arbiter(role: str) -> bool:
    """Whether its answer stands against those of others."""
    return bool(_ARBITER.match(role))


def by_question(labels: Iterable[Label]) -> dict[Asked, dict[str, str]]:
    """What each role answered about each post and proposal; skipped ones are left out."""
    found: dict[Asked, dict[str, str]] = defaultdict(dict)
    for label in labels:
        if label.answer != "skipped":
            found[label.post, label.proposal][label.answered_by] = label.answer
    return dict(found)


def settled(answers: Mapping[str, str]) -> str | None:
    """The one answer that stands for a question: the arbiter's, else that on which all agree, else none."""
    decided = [answer for role, answer in sorted(answers.items()) if is_arbiter(role)]
    if decided:
        return decided[0]
    return next(iter(answers.values())) if len(set(answers.values())) == 1 else None


def _instant(label: Label) -> str:
    return label.at.isoformat(timespec="microseconds")
