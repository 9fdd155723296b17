"""Is a source still well? Its silence, a drop of its volume, a break of its format and rounds that fail, each against
the source's own past and with a stated rate of false alarms.

Volume: the sum over the last complete hours is compared with the same hours of the days before by a negative binomial
whose mean and dispersion are theirs, and whose variance carries that both are estimated from few days (Farrington et
al. 1996 and Noufaily et al. 2013, turned towards falls). Format: exact binomial test of the share that could not be
read. Silence: the tail of the gap after the last item when gaps are exponential of unknown rate (a Lomax law), asked
only of gaps longer than any before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaincinv, gammaincinv

from polyphonie.journal import Journal

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BASELINE_DAYS = 28
LEAST_DAYS = 7  # of history, so that it holds a weekend; with fewer nothing is said of the volume
WINDOWS_H = (1, 3, 6, 12, 24)  # looked at together, so each may raise a false alarm a fifth as often
FALSE_ALARM = 1 / (24 * 100)  # an hour looked at: one false alarm a source in 100 days, or fewer
SPREAD_SURE = 0.8  # how sure we are that the true dispersion is not above the one that is taken
OUTAGES = 0.25  # at most this share of past windows without a single event are taken as outages of ours
LONGER_GAP = 1.5  # times the longest gap seen before
LEAST_GAPS = 10
LEAST_REFUSED, REFUSED_SHARE, REFUSED_TIMES = 5, 0.02, 3.0  # below any of these a significant rise matters to nobody
FORMAT_H = 24
FAILURES = 3  # in a row
NEW_FIELD = timedelta(days=7)


@dataclass(frozen=True)
class Alert:
    """Something about a source that somebody should look at; a `notice` can wait. `p_value`: how likely so much or
    more is of a source that is well; None where nothing is tested."""

    kind: str
    since: datetime | None
    evidence: str
    p_value: float | None = None
    notice: bool = False


@dataclass(frozen=True)
class Past:
    """What is known of a source: events (`seen`) and payloads that could not be read (`refused`) in each complete hour
    up to `end`, oldest first."""

    seen: NDArray[np.int64]
    refused: NDArray[np.int64]
    end: datetime


def drop(seen: NDArray[np.int64], window_h: int) -> tuple[float, float]:
    """How unlikely it is that so few events came in the last hours: (p-value, events expected).

    seen: (n,) events an hour, the last one last; window_h: hours looked at, 24 at most.
    Returns (nan, nan) where fewer than LEAST_DAYS days can be compared. Raises ValueError for a longer window.
    """
    if not 1 <= window_h <= 24:
        raise ValueError(f"expected a window of 1 to 24 hours, got {window_h}")
    days = min((len(seen) - window_h) // 24, BASELINE_DAYS)
    ends = len(seen) - 24 * np.arange(1, days + 1)
    before = np.array([seen[end - window_h : end].sum() for end in ends if end >= window_h], dtype=np.float64)
    if (before == 0).sum() <= OUTAGES * len(before):
        before = before[before > 0]
    if len(before) < LEAST_DAYS:
        return float("nan"), float("nan")
    mean, n = before.mean(), len(before)
    if mean == 0:
        return 1.0, 0.0
    spread = before.var(ddof=1) * _inflation(n)
    variance = max(spread, mean) * (1 + 1 / n)
    size = mean**2 / (variance - mean)
    return float(betainc(size, seen[-window_h:].sum() + 1, mean / variance)), float(mean)


@cache
def _inflation(n: int) -> float:
    """What makes a variance of n days one that is not too small, SPREAD_SURE of the time."""
    return float((n - 1) / (2 * gammaincinv((n - 1) / 2, 1 - SPREAD_SURE)))


def silence(seen: NDArray[np.int64]) -> tuple[float, int]:
    """How unlikely the present gap is, given those between the hours that brought something: (p-value, hours).

    Returns 1.0 for a gap that is not LONGER_GAP times the longest before, or when fewer than LEAST_GAPS, or LEAST_DAYS
    days, were before it.
    """
    heard = np.flatnonzero(seen)
    if len(heard) == 0:
        return 1.0, len(seen)
    gap = len(seen) - 1 - int(heard[-1])
    gaps = np.diff(heard)
    short = len(gaps) < LEAST_GAPS or heard[-1] < 24 * LEAST_DAYS
    if short or gap <= LONGER_GAP * gaps.max():
        return 1.0, gap
    return float((1 + gap / gaps.sum()) ** -len(gaps)), gap


def format_break(refused: int, seen: int, refused_before: int, seen_before: int) -> float:
    """How unlikely so many unreadable payloads are under the source's usual share.

    The usual share is the upper 95 % bound (Clopper and Pearson 1934) of what was refused before, and at least
    REFUSED_SHARE; 1.0 unless LEAST_REFUSED were refused, at REFUSED_TIMES the usual share.
    """
    seen, seen_before = max(seen, refused), max(seen_before, refused_before)
    usual = float(betaincinv(refused_before + 1, seen_before - refused_before, 0.95)) if seen_before else 0.0
    usual = 1.0 if seen_before and refused_before == seen_before else max(usual, REFUSED_SHARE)
    before = refused_before / seen_before if seen_before else 0.0
    if refused < LEAST_REFUSED or refused / seen < REFUSED_TIMES * before:
        return 1.0
    return float(betainc(refused, seen - refused + 1, usual)) if refused else 1.0


def volume_alerts(past: Past) -> list[Alert]:
    """Alerts about what came, or did not; a notice when the history is too short to tell."""
    tested = {window: drop(past.seen, window) for window in WINDOWS_H}
    known = {window: found for window, found in tested.items() if not np.isnan(found[0])}
    p_gap, gap = silence(past.seen)
    tests = len(known) + 1
    if p_gap * tests < FALSE_ALARM:
        said = f"nothing for {gap} hours; it was never silent that long"
        return [Alert("silence", past.end - gap * HOUR, said, min(1.0, p_gap * tests))]
    if not known:
        days = len(past.seen) // 24
        said = f"{days} days of history; {LEAST_DAYS + 1} are needed to tell a fall of its volume"
        return [Alert("not enough history", None, said, notice=True)]
    window = min(known, key=lambda one: known[one][0])
    p_value, expected = known[window]
    if p_value * tests >= FALSE_ALARM:
        return []
    came = int(past.seen[-window:].sum())
    hours = "the last hour" if window == 1 else f"the last {window} hours"
    said = f"{came:,} events in {hours}, {expected:,.0f} expected from the same hours of the days before"
    return [Alert("drop" if came else "silence", past.end - window * HOUR, said, min(1.0, p_value * tests))]


def format_alerts(past: Past) -> list[Alert]:
    """An alert when a larger share than usual cannot be read."""
    now, before = slice(-FORMAT_H, None), slice(None, -FORMAT_H)
    refused, seen = int(past.refused[now].sum()), int(past.seen[now].sum())
    refused_before, seen_before = int(past.refused[before].sum()), int(past.seen[before].sum())
    p_value = format_break(refused, seen, refused_before, seen_before)
    if p_value >= FALSE_ALARM:
        return []
    usual = f"{refused_before / seen_before:.1%} before" if seen_before else "nothing before"
    said = f"{refused:,} of {max(seen, refused):,} payloads could not be read in {FORMAT_H} hours ({usual})"
    first = int(np.flatnonzero(past.refused[now])[0])
    return [Alert("format", past.end - (min(FORMAT_H, len(past.refused)) - first) * HOUR, said, p_value)]


def state_alerts(crawl: Mapping[str, Any], alive: bool) -> list[Alert]:
    """Alerts about the crawl itself. crawl: its row in the journal; alive: whether a process is at it."""
    found = []
    since = _instant(crawl["last_heard"]) or _instant(crawl["updated_at"])
    if crawl["errors"] >= FAILURES:
        found.append(Alert("failing", since, f"{crawl['errors']} rounds failed in a row: {crawl['last_error']}"))
    if not alive and stopped(crawl):
        updated = _instant(crawl["updated_at"])
        found.append(Alert("stopped", updated, f"nothing listens any more; it was {crawl['state']} when it ended"))
    if crawl["last_heard"] is None and crawl["state"] == "resting":
        found.append(Alert("silence", None, "a whole round ended, and nothing was ever heard"))
    return found


def stopped(crawl: Mapping[str, Any]) -> bool:
    """Whether a row of the journal is one of a process that meant to go on."""
    return crawl["state"] in ("listening", "waiting") or bool(crawl["due"])


def field_notices(fields: Mapping[str, datetime]) -> list[Alert]:
    """A notice when payloads hold fields that nobody knew. fields: those that are new, and since when."""
    if not fields:
        return []
    said = f"new in its payloads: {', '.join(sorted(fields))}"
    return [Alert("new fields", min(fields.values()), said, notice=True)]


def read(journal: Journal, name: str, now: datetime) -> Past:
    """The complete hours of a source since it was first heard."""
    end = now.replace(minute=0, second=0, microsecond=0)
    by_hour = {hour: found for hour, found in journal.outcomes(name, end - 60 * DAY).items() if hour < end}
    first = min((hour for hour, found in by_hour.items() if found.get("seen")), default=end)
    hours: Sequence[datetime] = [first + number * HOUR for number in range((end - first) // HOUR)]
    counts = [by_hour.get(hour, {}) for hour in hours]
    seen, refused = (np.array([found.get(kind, 0) for found in counts], dtype=np.int64) for kind in ("seen", "refused"))
    return Past(seen, refused, end)


def alerts(journal: Journal, name: str, crawl: Mapping[str, Any], now: datetime, alive: bool) -> list[Alert]:
    """Everything about one source that somebody should look at, alerts before notices."""
    past = read(journal, name, now)
    found = state_alerts(crawl, alive) + volume_alerts(past) + format_alerts(past)
    if len(past.seen) * HOUR > NEW_FIELD:  # at first all are new
        found += field_notices(journal.new_fields(name, now - NEW_FIELD))
    return sorted(found, key=lambda alert: alert.notice)


def _instant(written: str | None) -> datetime | None:
    return datetime.fromisoformat(written) if written else None
