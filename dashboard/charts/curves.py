"""Shares over time: bands first, the corrected curve on them, the raw one beside it."""

import textwrap
from collections.abc import Sequence
from datetime import date, timedelta

from dashboard import french
from dashboard.charts import axes
from dashboard.charts.shapes import Line, Point, common_gaps, gaps, segments, spread_labels
from dashboard.palette import Palette

MOST_LINES = 6  # above, small multiples


def curves(
    lines: Sequence[Line], palette: Palette, *, simulated: bool, width: axes.Width = "container", height: int = 380
) -> axes.Spec:
    """Shares over time with their bands, at most MOST_LINES of them, each named at its end."""
    known = [point for line in lines for point in line.points if point.share is not None]
    low, high = _range(known)
    first = min(point.day for line in lines for point in line.points)
    last = max(point.until for line in lines for point in line.points)
    end = last + (last - first) * axes.LABEL_ROOM
    x = axes.day_x(first, last, end)
    y = axes.share_y("share", low, high)
    layers = axes.zones(common_gaps(lines), low, high, end - first, x, axes.share_y("from", low, high), palette)
    if low < 0.5 < high:
        half = [{"day": axes.moment(first), "day2": _last_seen(known, last), "share": 0.5}]
        place = {"x": x, "x2": axes.UNTIL, "y": y}
        layers.append(axes.layer(half, "rule", place, color=palette.muted, strokeWidth=1, strokeDash=[2, 3]))
    for line in lines:
        layers += _line(line, x, (low, high), palette)
    layers += _end_labels(lines, x, y, (low, high), height, palette)
    if simulated:
        layers.append(axes.watermark(palette, width, height))
    return axes.drawn(layers, palette, width=width, height=height)


def multiples(
    lines: Sequence[Line], palette: Palette, *, simulated: bool, width: axes.Width = "container", height: int = 150
) -> list[axes.Spec]:
    """One small chart a line, all on the same axes, titled above."""
    known = [point for line in lines for point in line.points if point.share is not None]
    low, high = _range(known)
    first = min(point.day for line in lines for point in line.points)
    last = max(point.until for line in lines for point in line.points)
    drawn = []
    for line in lines:
        x = axes.day_x(first, last, last, most=3)
        base = axes.share_y("from", low, high)
        layers = axes.zones(gaps(line.points), low, high, last - first, x, base, palette)
        layers += _line(line, x, (low, high), palette)
        if simulated:
            layers.append(axes.watermark(palette, width, height, size=17))
        wrapped = textwrap.wrap(line.title, 38)[:2]
        title = {"text": wrapped, "fontSize": 13, "anchor": "start", "color": palette.ink}
        drawn.append(axes.drawn(layers, palette, width=width, height=height, title=title))
    return drawn


def _range(points: Sequence[Point]) -> tuple[float, float]:
    if not points:
        return 0.0, 1.0
    low = int(min(point.low for point in points) * 10) / 10
    high = -int(-max(point.high for point in points) * 10 // 1) / 10
    while high - low < 0.4:
        low, high = max(0.0, low - 0.1), min(1.0, high + 0.1)
    return round(low, 1), round(min(1.0, high), 1)


def _last_seen(known: Sequence[Point], last: date) -> str:
    # The half-way line stops where labels begin.
    return max(point.middle for point in known).isoformat() if known else axes.moment(last)


def _line(line: Line, x: axes.Spec, domain: tuple[float, float], palette: Palette) -> list[axes.Spec]:
    y, low_y = axes.share_y("share", *domain), axes.share_y("low", *domain)
    rows, alone = [], []
    for number, run in enumerate(segments(line.points)):
        for point in run:
            row = {
                "day": point.middle.isoformat(),
                "share": point.share,
                "low": point.low,
                "high": point.high,
                "run": number,
                "told": _told(line.title, point),
            }
            rows.append(row)
            if len(run) == 1:
                alone.append(row)
    runs = {"detail": axes.name("run")}
    extent = {"x": x, "y": low_y, "y2": {"field": "high"}}
    place = {"x": x, "y": y}
    layers = [
        axes.layer(rows, "area", extent | runs, color=line.colour, opacity=0.28),
        axes.layer(rows, "line", place | runs, color=line.colour, strokeWidth=1.6, strokeDash=list(line.dash)),
        # Invisible targets: the whole width of a bucket answers to the pointer.
        axes.layer(rows, "point", place | {"tooltip": axes.name("told")}, size=260, opacity=0, filled=True),
    ]
    if alone:
        layers += [
            axes.layer(alone, "rule", extent, color=line.colour, strokeWidth=6, opacity=0.35),
            axes.layer(alone, "point", place, color=line.colour, filled=True, size=26, opacity=1),
        ]
    if line.reference:
        raw = [
            {"day": point.middle.isoformat(), "share": point.share, "run": number}
            for number, run in enumerate(segments(line.reference))
            for point in run
        ]
        layers.append(axes.layer(raw, "line", place | runs, color=palette.muted, strokeWidth=1.2, strokeDash=[3, 3]))
    return layers


def _told(title: str, point: Point) -> str:
    when = french.period(point.day, point.until - timedelta(days=1))
    share = french.percent(point.share if point.share is not None else float("nan"))
    spread, voices = french.bounds(point.low, point.high), french.count(point.voices, "voix", "voix")
    return french.typeset(f"{title}, {when} : {share} ({spread}), {voices}")


def _end_labels(
    lines: Sequence[Line], x: axes.Spec, y: axes.Spec, domain: tuple[float, float], height: int, palette: Palette
) -> list[axes.Spec]:
    ends = [(line, [point for point in line.points if point.share is not None]) for line in lines]
    named = [(line, known[-1]) for line, known in ends if known]
    if not named:
        return []
    points = [{"day": point.middle.isoformat(), "share": point.share, "colour": line.colour} for line, point in named]
    ends_at = {"x": x, "y": y, "color": axes.OWN_COLOUR}
    dots = axes.layer(points, "point", ends_at, filled=True, size=46, opacity=1)
    wrapped = [textwrap.wrap(line.title, 26)[:2] for line, _ in named]
    unit = (domain[1] - domain[0]) / height
    places = spread_labels(
        [point.share or 0.0 for _, point in named], 32 * unit, domain[0] + 8 * unit, domain[1] - 8 * unit
    )
    texts = []
    for (_, point), label, place in zip(named, wrapped, places, strict=True):
        told = french.percent(point.share or 0.0)
        # A single line is named by the title of its page.
        shown = "\n".join([*label[:-1], f"{label[-1]}, {told}"]) if len(lines) > 1 else told
        texts.append({"day": point.middle.isoformat(), "share": place, "label": shown, "colour": palette.ink})
    return [dots, axes.texts(texts, x, y)]
