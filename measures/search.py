"""A query of a visitor as a curve, a mix of stances and a list, read from positions.

Nothing is corrected here: the error rates of the model are those of proposals, not of the texts that hold some words.
A voice is counted once for each proposal that it speaks of, and in each stance that it takes.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from math import nan
from typing import Any, NamedTuple

from index.engine import Engine, Hits, Where
from measures.disclosure import masked
from measures.overview import MixPoint
from measures.positions import search_where
from measures.window import View
from polyphonie.records import Stance

FIRST_DAY = date(1970, 1, 1)


class SearchMix(NamedTuple):
    """Favour, against and unclear in the weighting of the view, voices and posts; zeros when masked says why."""

    favour: float
    against: float
    unclear: float
    voices: float
    posts: float
    masked: str


# Voices are counted in every weighting, because they decide what may be shown.
_VOICES = {"voices": {"cardinality": {"field": "voice"}}}
_STANCES: dict[str, Any] = {
    "stances": {"terms": {"field": "stance", "size": 3}, "aggs": _VOICES | {"reach": {"sum": {"field": "reach"}}}}
}


def search_curve(engine: Engine, query: str, view: View, k: int, step_days: int) -> list[MixPoint]:
    """Stances in each step of `view.steps`, of the positions that match. Raises QueryError."""
    # Whole steps end with the view, so their first days fall on its remainder.
    offset = (view.until - FIRST_DAY).days % step_days
    each_step = {"field": "at", "fixed_interval": f"{step_days}d", "offset": f"{offset}d"}
    asked = {"steps": {"date_histogram": each_step, "aggs": _VOICES | _STANCES}}
    answer = engine.aggregate("positions", asked, search_where(query, view))
    found = {FIRST_DAY + timedelta(milliseconds=bucket["key"]): bucket for bucket in answer["steps"]["buckets"]}
    points = []
    for step in view.steps(step_days):
        mix = _mix(found.get(step.until - timedelta(days=step_days), {}), view, k)
        points.append(MixPoint(step.since, mix.favour, mix.against, mix.unclear, mix.masked))
    return points


def search_mix(engine: Engine, query: str, view: View, k: int) -> SearchMix:
    """Stances of all the positions that match. Raises QueryError."""
    answer = engine.aggregate("positions", _VOICES | _STANCES, search_where(query, view))
    return _mix(answer, view, k)


def search_page(engine: Engine, query: str, view: View, size: int = 20, offset: int = 0) -> Hits:
    """A page of the positions that match, each with its text: the best first, or the newest when nothing is asked.

    Votes, which have no text, are counted by the curve and not listed. Raises QueryError.
    """
    where = search_where(query, view)
    read = [origin for origin in ("human", "declared", "predicted") if not view.origins or origin in view.origins]
    if not read:
        return Hits(0, [])
    narrowed = Where(where.query, {**where.terms, "origin": read}, where.since, where.until)
    return engine.search("positions", narrowed, size=size, offset=offset, newest_first=not query.strip())


def _mix(answer: Mapping[str, Any], view: View, k: int) -> SearchMix:
    """What one bucket says, or that it may not be told."""
    stances = {bucket["key"]: bucket for bucket in answer["stances"]["buckets"]} if answer else {}
    voices = {stance: float(bucket["voices"]["value"]) for stance, bucket in stances.items()}
    sided = voices.get(Stance.FAVOUR, 0.0) + voices.get(Stance.AGAINST, 0.0)
    share = voices.get(Stance.FAVOUR, 0.0) / sided if sided else nan
    total = float(answer["voices"]["value"]) if answer else 0.0
    if reason := masked(total, share, k):
        return SearchMix(0.0, 0.0, 0.0, 0.0, 0.0, reason)
    posts = {stance: float(bucket["doc_count"]) for stance, bucket in stances.items()}
    reach = {stance: float(bucket["reach"]["value"] or 0.0) for stance, bucket in stances.items()}
    told = {"voices": voices, "posts": posts, "reach": reach}[view.weighting]
    favour, against, unclear = (told.get(stance, 0.0) for stance in Stance)
    return SearchMix(favour, against, unclear, total, sum(posts.values()), "")
