"""What charts are drawn from: buckets of days with their intervals, lines, and gaps with their reasons."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime


@dataclass(frozen=True)
class Point:
    """One bucket of days [day, until): shares in [0, 1], or None and the reason of the gap."""

    day: date
    until: date
    share: float | None
    low: float = 0.0
    high: float = 0.0
    voices: float = 0.0
    reason: str = ""

    @property
    def middle(self) -> datetime:
        start = datetime(self.day.year, self.day.month, self.day.day, tzinfo=UTC)
        return start + (self.until - self.day) / 2


@dataclass(frozen=True)
class Line:
    """A curve with its band; `reference` is a second, thinner curve without band (the raw share)."""

    title: str
    colour: str
    points: tuple[Point, ...]
    dash: tuple[int, ...] = (1, 0)
    reference: tuple[Point, ...] = ()


@dataclass(frozen=True)
class Gap:
    """Days [since, until) without a figure, and why."""

    since: date
    until: date
    reason: str


def gaps(points: Sequence[Point]) -> list[Gap]:
    """Consecutive buckets without a figure, joined where the reason is the same."""
    found: list[Gap] = []
    for point in points:
        if point.share is not None:
            continue
        if found and found[-1].until == point.day and found[-1].reason == point.reason:
            found[-1] = Gap(found[-1].since, point.until, point.reason)
        else:
            found.append(Gap(point.day, point.until, point.reason))
    return found


def common_gaps(lines: Sequence[Line]) -> list[Gap]:
    """Gaps that every line has: only they may be drawn behind all of them."""
    if not lines:
        return []
    days = [{point.day for point in line.points if point.share is None} for line in lines]
    shared = set.intersection(*days)
    return gaps([point for point in lines[0].points if point.day in shared])


def segments(points: Sequence[Point]) -> list[list[Point]]:
    runs: list[list[Point]] = [[]]
    for point in points:
        if point.share is None:
            runs.append([])
        else:
            runs[-1].append(point)
    return [run for run in runs if run]


def spread_labels(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Where to write labels that want `places`: at least `gap` apart, in the same order, within [low, high]."""
    order = sorted(range(len(places)), key=lambda index: places[index])
    placed = [0.0] * len(places)
    previous = low - gap
    for index in order:
        placed[index] = max(places[index], previous + gap)
        previous = placed[index]
    ceiling = high + gap
    for index in reversed(order):
        placed[index] = min(placed[index], ceiling - gap)
        ceiling = placed[index]
    return placed


def hatching(
    left: float, right: float, low: float, high: float, step: float, slope: float
) -> list[tuple[float, float, float, float]]:
    """Parallel segments (x, y, x2, y2) that fill a rectangle, every `step` along x, rising `slope` in y per x."""
    run = (high - low) / slope
    segments = []
    offset = left - run + step / 2
    while offset < right:
        start, stop = max(offset, left), min(offset + run, right)
        if stop > start:
            segments.append((start, low + (start - offset) * slope, stop, low + (stop - offset) * slope))
        offset += step
    return segments
