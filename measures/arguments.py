"""What is said for or against a proposal: themes, representative posts, links, places; read from positions."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import log2
from typing import Any

from index.engine import Document, Engine, Where
from measures.disclosure import masked
from measures.positions import search_where
from measures.window import View
from polyphonie.records import Origin, Stance

THEMES = 8
CANDIDATES = 40
# Length, in characters, of a post that can be read at a glance and still argues.
READABLE = (60, 400)
# Whoever wrote: a vote has no text.
_WRITTEN = (Origin.HUMAN, Origin.DECLARED, Origin.PREDICTED)
_VOICES = {"voices": {"cardinality": {"field": "voice"}}}


@dataclass(frozen=True)
class Theme:
    """A topic among the posts of one side; share: of these posts."""

    topic: str
    label: str
    share: float
    posts: int


@dataclass(frozen=True)
class Example:
    """A post that represents others, as its position document, with how many copies of it the window holds."""

    position: Document
    copies: int
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Arguments:
    """One side of a proposal in a window. When masked says why, nothing else is told."""

    themes: list[Theme]
    examples: list[Example]
    posts: int
    voices: float
    masked: str = ""


def arguments(engine: Engine, proposal_id: str, stance: Stance | str, view: View, k: int, size: int = 2) -> Arguments:
    """Themes of at least k voices, and `size` posts that represent the side.

    A post represents the more, the surer its side and the more often it was copied; long or very short ones less; one
    of a theme not shown yet comes before another of the same.
    """
    where = _about(proposal_id, view, stance)
    if where is None:
        return Arguments([], [], 0, 0.0, masked(0, 0.5, k))
    surest = {"size": 1, "sort": [{f"p_{Stance(stance)}": "desc"}]}
    folds = {
        "surest": {"top_hits": surest},
        "sources": {"terms": {"field": "source", "size": 20}},
    }
    asked = {
        **_VOICES,
        "themes": {"terms": {"field": "topic", "size": THEMES}, "aggs": _VOICES},
        "folds": {"terms": {"field": "fold", "size": CANDIDATES}, "aggs": folds},
        "surest": {"top_hits": surest | {"size": CANDIDATES}},
        "posts": {"value_count": {"field": "id"}},
    }
    answer = engine.aggregate("positions", asked, where)
    posts, voices = answer["posts"]["value"], float(answer["voices"]["value"])
    if reason := masked(voices, 0.5, k):
        return Arguments([], [], 0, 0.0, reason)
    return Arguments(
        _themes(engine, [bucket for bucket in answer["themes"]["buckets"] if bucket["voices"]["value"] >= k], posts),
        _represent(_candidates(answer), f"p_{Stance(stance)}", size),
        posts,
        voices,
    )


def shared_links(engine: Engine, proposal_id: str, view: View, k: int, size: int = 10) -> list[tuple[str, int]]:
    """Domains that at least k voices link to, with the number of posts, most first."""
    asked = {"domains": {"terms": {"field": "domains", "size": 100}, "aggs": _VOICES}}
    where = _about(proposal_id, view)
    if where is None:
        return []
    buckets = engine.aggregate("positions", asked, where)["domains"]["buckets"]
    return [(bucket["key"], bucket["doc_count"]) for bucket in buckets if bucket["voices"]["value"] >= k][:size]


def places(engine: Engine, proposal_id: str, view: View, k: int) -> list[tuple[str, int, float]]:
    """Sources where at least k voices spoke, votes included: source, positions, share of all positions."""
    asked = {"sources": {"terms": {"field": "source", "size": 1_000}, "aggs": _VOICES}}
    where = search_where("", view)
    about = replace(where, terms={**where.terms, "proposal": (proposal_id,)})
    buckets = engine.aggregate("positions", asked, about)["sources"]["buckets"]
    total = sum(bucket["doc_count"] for bucket in buckets)
    return [(b["key"], b["doc_count"], b["doc_count"] / total) for b in buckets if b["voices"]["value"] >= k]


def _about(proposal_id: str, view: View, stance: Stance | str | None = None) -> Where | None:
    """Counted positions that have a text; None when the view wants votes only."""
    origins = [origin for origin in _WRITTEN if not view.origins or origin in view.origins]
    where = search_where("", view)
    terms = {**where.terms, "proposal": (proposal_id,), "origin": origins}
    if stance is not None:
        terms["stance"] = (Stance(stance),)
    return replace(where, terms=terms) if origins else None


def _themes(engine: Engine, buckets: list[Mapping[str, Any]], posts: int) -> list[Theme]:
    topics = engine.get("topics", [bucket["key"] for bucket in buckets]) if buckets else {}
    return [
        Theme(bucket["key"], _label(topics.get(bucket["key"], {})), bucket["doc_count"] / posts, bucket["doc_count"])
        for bucket in buckets
    ]


def _label(topic: Mapping[str, Any]) -> str:
    return topic.get("label") or ", ".join(topic.get("terms", [])[:3])


def _candidates(answer: Mapping[str, Any]) -> dict[str, Example]:
    """One example for each group of copies, and one for each post that stands alone."""
    found: dict[str, Example] = {}
    for bucket in answer["folds"]["buckets"]:
        for hit in bucket["surest"]["hits"]["hits"]:
            sources = tuple(sorted(source["key"] for source in bucket["sources"]["buckets"]))
            found[bucket["key"]] = Example(hit["_source"], bucket["doc_count"], sources)
    for hit in answer["surest"]["hits"]["hits"]:
        position = hit["_source"]
        found.setdefault(position.get("fold") or position["post"], Example(position, 1, (position["source"],)))
    return found


def _represent(candidates: Mapping[str, Example], probability: str, size: int) -> list[Example]:
    chosen: list[Example] = []
    left = sorted(candidates.values(), key=lambda example: (-_worth(example, probability), example.position["id"]))
    while left and len(chosen) < size:
        topics = {example.position.get("topic") for example in chosen}
        best = next((example for example in left if example.position.get("topic") not in topics), left[0])
        chosen.append(best)
        left.remove(best)
    return chosen


def _worth(example: Example, probability: str) -> float:
    """How well a post stands for its side: sure, often copied, of a length that reads."""
    length = len((example.position.get("text") or "").strip())
    shortest, longest = READABLE
    readable = min(1.0, length / shortest, longest / max(length, 1))
    return float(example.position.get(probability) or 0.0) * (1 + log2(example.copies)) * readable
