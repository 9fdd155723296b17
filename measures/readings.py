"""What there is to read of a post: its words, and those of what it answers. For who labels, never for a figure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from index.engine import Document, Engine

BATCH = 500


@dataclass(frozen=True)
class Reading:
    """A scrubbed post as a person reads it; parent is empty where it answers nothing, or what it answers is gone."""

    post: str
    text: str
    parent: str
    source: str
    at: datetime
    flags: tuple[str, ...] = ()


def read_posts(engine: Engine, posts: Iterable[str]) -> dict[str, Reading]:
    """Those of the posts whose text is still kept, by id. A repost without words of its own has those it repeats."""
    found = _documents(engine, posts)
    repeated = _documents(engine, (each["repost_of"] for each in found.values() if each.get("repost_of")))
    worded = {post: each if _text(each) else repeated.get(each.get("repost_of") or "") for post, each in found.items()}
    above = _documents(engine, (answered for each in worded.values() if each and (answered := _answered(each))))
    readings = {}
    for post, each in found.items():
        words = worded[post]
        if words is None or not _text(words):
            continue
        parent = above.get(_answered(words) or "")
        readings[post] = Reading(
            post,
            _text(words),
            _text(parent) if parent else "",
            each["source"],
            datetime.fromisoformat(each["at"]),
            tuple(each.get("flags") or ()),
        )
    return readings


def _documents(engine: Engine, ids: Iterable[str]) -> dict[str, Document]:
    wanted = sorted(set(ids))
    found: dict[str, Document] = {}
    for start in range(0, len(wanted), BATCH):
        found |= engine.get("posts", wanted[start : start + BATCH])
    return found


def _text(document: Document) -> str:
    """As the models read it: the title, where there is one, then the text."""
    title, text = document.get("title") or "", document.get("text") or ""
    return f"{title}. {text}" if title and text else text or title


def _answered(document: Document) -> str | None:
    return document.get("reply_to") or document.get("quote_of")
