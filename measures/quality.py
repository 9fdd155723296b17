"""How good the evidence is: the errors of the stance model, as evaluated and as lived, and the health of collection."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import nan
from pathlib import Path
from typing import Any

import numpy as np

from index.engine import Collection, Engine, Where
from measures.popularity import Confusion
from measures.window import View
from nlp.quality import STANCE, SetQuality, read_quality
from polyphonie.records import Origin, Stance

# More sources than any deployment listens to: a terms aggregation must name them all.
MANY = 1_000
_CODES = {stance.value: code for code, stance in enumerate(Stance)}


@dataclass(frozen=True)
class Agreement:
    """What a confusion says in four figures; each NaN when it cannot be known.

    macro_f1: mean F1 of favour and against, an answer "unclear" being a miss; abstained: share of "unclear" answers.
    """

    n: int
    macro_f1: float
    accuracy: float
    abstained: float


@dataclass(frozen=True)
class SourceHealth:
    """What came from one source. first and last: windows' clock; lag: since anything was last received from it.

    Once its raw data have expired, a source is known by its tallies: no posts nor positions, whole days, and no lag.
    """

    source: str
    posts: int
    positions: int
    first: datetime | None
    last: datetime | None
    lag: timedelta | None


def confusion_from(model: str, abstain_below: float, path: Path = STANCE) -> Confusion | None:
    """Confusion of the stance model, pooled over its evaluation sets; None when it was not evaluated: another model
    than the one of the evaluation, or another threshold, errs at other rates.

    The rule: every shipped set is French text on proposals, and the windows hold a mixture of platforms that none of
    them represents, so each set weighs by its number of rows: rates per side are those of a row drawn among all. Sets
    listed twice (the same digest) count once. Where a source lets people declare a side, `live_confusion` tells
    whether these rates hold there.
    """
    if not path.exists():
        return None
    quality = read_quality(path)
    sets = list({each.digest: each for each in quality.sets}.values())
    if not sets or (quality.name, quality.abstain_below) != (model, abstain_below):
        return None
    counts = np.sum([np.array(each.confusion, np.float64) for each in sets], axis=0)
    return Confusion(counts, " + ".join(each.name for each in sets), *spread_of(sets))


def spread_of(sets: Sequence[SetQuality]) -> tuple[float | None, float]:
    """How error rates differ between proposals over all sets: (rows of a proposal that they are worth, correlation of
    the two sides).

    Intraclass correlations weigh by their rows; sets whose sides were not measured apart give the score's own
    (`rows_of_a_proposal`), which hides a reader that leans to one answer.
    """
    measured = [each for each in sets if each.spread_together is not None]
    if not measured:
        return rows_of_a_proposal(sets), 0.0
    weights = np.array([each.n for each in measured], np.float64)
    alike = np.array([1 / (each.spread_rows + 1) if each.spread_rows is not None else 0.0 for each in measured])
    rho = float((weights * alike).sum() / weights.sum())
    together = float((weights * [each.spread_together or 0.0 for each in measured]).sum() / weights.sum())
    return ((1 - rho) / rho if rho > 0 else None), together


def rows_of_a_proposal(sets: Iterable[SetQuality]) -> float | None:
    """How many independent rows of a new proposal the error rates are worth: (1 - rho) / rho, the size of a Beta.

    A reader that is right on one proposal may be wrong on the next, so rows of one proposal are alike. Their
    intraclass correlation rho comes from the design effect (Kish 1965): the variance of the score when proposals are
    drawn again, over that of as many independent rows; sets weigh by their rows. None when rows are not alike at all.
    """
    alike = total = 0.0
    for each in sets:
        size = each.n / each.proposals
        if size <= 1 or not 0 < each.accuracy < 1:
            continue
        drawn = ((each.interval[1] - each.interval[0]) / (2 * 1.96)) ** 2
        effect = drawn / (each.accuracy * (1 - each.accuracy) / each.n)
        alike += each.n * max(0.0, (effect - 1) / (size - 1))
        total += each.n
    rho = alike / total if total else 0.0
    return (1 - rho) / rho if rho > 0 else None


def live_confusion(engine: Engine, view: View | None = None) -> dict[str, Confusion]:
    """What the model predicted against what authors declared beside it, by source (view None: of all time).

    The truth is the declared side: irony, and arguments filed on the wrong side, count against the model.
    """
    terms: dict[str, tuple[str | bool, ...]] = {"origin": (Origin.PREDICTED,), "counted": (False,)}
    if view is not None:
        terms |= {"source": view.sources} if view.sources else {}
        terms |= {"sector": view.sectors} if view.sectors else {}
    where = Where(terms=terms, since=view.start if view else None, until=view.end if view else None)
    predicted = {"terms": {"field": "stance", "size": 3}}
    declared = {"terms": {"field": "declared", "size": 3}, "aggs": {"predicted": predicted}}
    asked = {"sources": {"terms": {"field": "source", "size": MANY}, "aggs": {"declared": declared}}}
    found = {}
    for source in engine.aggregate("positions", asked, where)["sources"]["buckets"]:
        counts = np.zeros((3, 3))
        for truth in source["declared"]["buckets"]:
            for answer in truth["predicted"]["buckets"]:
                counts[_CODES[truth["key"]], _CODES[answer["key"]]] = answer["doc_count"]
        found[source["key"]] = Confusion(counts, source["key"])
    return found


def agreement(confusion: Confusion) -> Agreement:
    """Figures of a confusion; F1 as in SemEval-2016 task 6 (Mohammad et al. 2016, doi:10.18653/v1/S16-1003)."""
    counts = confusion.counts
    total = float(counts.sum())
    if not total:
        return Agreement(0, nan, nan, nan)
    answered, true = counts.sum(axis=0), counts.sum(axis=1)
    f1 = [2 * counts[i, i] / (true[i] + answered[i]) if true[i] + answered[i] else nan for i in (0, 1)]
    return Agreement(int(total), float(np.mean(f1)), float(np.trace(counts) / total), float(answered[2] / total))


def health(engine: Engine, now: datetime) -> list[SourceHealth]:
    """Every source, by name: how much is kept of it, from when to when it spoke, and how long ago something came."""
    extent = {"first": {"min": {"field": "at"}}, "last": {"max": {"field": "at"}}}
    times = extent | {"received": {"max": {"field": "received_at"}}}
    posts, positions = _by_source(engine, "posts", times), _by_source(engine, "positions", times)
    tallies = _by_source(engine, "tallies", extent)
    return [
        _health(source, posts.get(source, {}), positions.get(source, {}), tallies.get(source, {}), now)
        for source in sorted({*posts, *positions, *tallies})
    ]


def _by_source(engine: Engine, collection: Collection, times: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    asked = {"sources": {"terms": {"field": "source", "size": MANY}, "aggs": times}}
    return {bucket["key"]: bucket for bucket in engine.aggregate(collection, asked)["sources"]["buckets"]}


def _health(
    source: str, posts: Mapping[str, Any], positions: Mapping[str, Any], tallies: Mapping[str, Any], now: datetime
) -> SourceHealth:
    # Votes have no post: a source of votes only is known by its positions.
    first = min(_instants("first", posts, positions), default=None)
    last = max(_instants("last", posts, positions, tallies), default=None)
    # A tally knows its day only: where raw data begin on that day, they know better.
    counted = min(_instants("first", tallies), default=None)
    if counted and (first is None or counted.date() < first.date()):
        first = counted
    received = max(_instants("received", posts, positions), default=None)
    lag = now - received if received else None
    return SourceHealth(source, posts.get("doc_count", 0), positions.get("doc_count", 0), first, last, lag)


def _instants(name: str, *told: Mapping[str, Any]) -> list[datetime]:
    values = [bucket[name]["value"] for bucket in told if bucket]
    return [datetime.fromtimestamp(value / 1000, UTC) for value in values if value is not None]
