"""What was understood of each content, so that copies and reposts are never read twice.

Hashes, probabilities and the rank of a sentence: no text. A repost that carries no text of its own is understood
through the post that it repeats.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path


@dataclass(frozen=True)
class Reading:
    """One content about one proposal: probabilities of favour, against, unclear, and which sentence decided."""

    proposal: str
    match: float | None
    p_favour: float
    p_against: float
    p_unclear: float
    sentence: int


@dataclass(frozen=True)
class Verdict:
    """All that was understood of one content."""

    fold: str
    lang: str
    topic: str | None
    readings: tuple[Reading, ...]


class VerdictStore:
    """Verdicts by content, and the content of each post, in one SQLite file on the secret side."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._base = sqlite3.connect(path, timeout=60.0, isolation_level=None)
        path.chmod(0o600)
        self._base.executescript(
            "pragma journal_mode=wal; pragma synchronous=normal; pragma secure_delete=on;"
            "create table if not exists verdict (content text primary key, day integer, verdict text) without rowid;"
            "create table if not exists post (id text primary key, content text not null) without rowid;"
            "create index if not exists verdict_day on verdict (day);"
            "create index if not exists post_content on post (content);"
        )

    def close(self) -> None:
        self._base.close()

    def known(self, contents: Iterable[str]) -> dict[str, Verdict]:
        """The verdicts there are, by content."""
        rows = self._base.execute(
            "select content, verdict from verdict where content in (select value from json_each(?))",
            (json.dumps(list(contents)),),
        )
        return {content: _verdict(text) for content, text in rows}

    def of_posts(self, posts: Iterable[str]) -> dict[str, Verdict]:
        """The verdict of each post that was understood, by post."""
        rows = self._base.execute(
            "select post.id, verdict.verdict from post join verdict on verdict.content = post.content "
            "where post.id in (select value from json_each(?))",
            (json.dumps(list(posts)),),
        )
        return {post: _verdict(text) for post, text in rows}

    def keep(self, verdicts: Mapping[str, Verdict], posts: Mapping[str, str], day: date) -> None:
        """Remember verdicts by content, and the content of each post, in one transaction."""
        self._base.execute("begin immediate")
        self._base.executemany(
            "insert or replace into verdict values (?, ?, ?)",
            [(content, day.toordinal(), json.dumps(asdict(verdict))) for content, verdict in verdicts.items()],
        )
        self._base.executemany("insert or replace into post values (?, ?)", posts.items())
        self._base.execute("commit")

    def forget_before(self, day: date) -> None:
        """Forget the contents first read before `day`, and which posts held them."""
        old = "select content from verdict where day < ?"
        self._base.execute(f"delete from post where content in ({old})", (day.toordinal(),))
        self._base.execute("delete from verdict where day < ?", (day.toordinal(),))

    def erase(self, posts: Sequence[str]) -> None:
        """Forget these posts, and the contents that only they held."""
        wanted = json.dumps(list(posts))
        self._base.execute("begin immediate")
        contents = [
            row[0]
            for row in self._base.execute(
                "select distinct content from post where id in (select value from json_each(?))", (wanted,)
            )
        ]
        self._base.execute("delete from post where id in (select value from json_each(?))", (wanted,))
        self._base.execute(
            "delete from verdict where content in (select value from json_each(?)) "
            "and content not in (select content from post)",
            (json.dumps(contents),),
        )
        self._base.execute("commit")


def _verdict(text: str) -> Verdict:
    fields = json.loads(text)
    return Verdict(**{**fields, "readings": tuple(Reading(**reading) for reading in fields["readings"])})
