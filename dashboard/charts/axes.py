"""What every chart shares: French axes, hatched zones, the watermark, the theme.

Charts are plain Vega-Lite: a chart is drawn at each run of a page, and objects that validate themselves cost half a
second there.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from dashboard import french
from dashboard.charts.shapes import Gap, hatching
from dashboard.palette import Palette

LABEL_ROOM = 0.2  # share of the width kept right of the last day for the labels
FONT = "-apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Liberation Sans', Arial, sans-serif"
Row = dict[str, Any]
Spec = dict[str, Any]  # Vega-Lite, a chart or a part of one
SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
Width = int | str  # pixels, or "container"

_MONTHS = "[" + ",".join(f"'{month}'" for month in french.SHORT_MONTHS) + "]"
_TICK_DAY = f"(utcdate(datum.value) == 1 ? '1er' : utcdate(datum.value)) + ' ' + {_MONTHS}[utcmonth(datum.value)]"
_TICK_MONTH = f"{_MONTHS}[utcmonth(datum.value)] + ' ' + utcyear(datum.value)"
_PERCENT = f"round(datum.value * 100) + '{french.THIN}%'"
_THOUSANDS = f"replace(format(abs(datum.value), ','), ',', '{french.THIN}')"


def layer(rows: list[Row], mark: str, encoding: Mapping[str, Spec], **style: Any) -> Spec:
    """One layer of a chart, its rows inside it. style: properties of the mark."""
    # Dates are text with their zone: the browser's clock cannot move a day.
    return {"data": {"values": rows}, "mark": {"type": mark} | style, "encoding": dict(encoding)}


def measure(field: str) -> Spec:
    """The channel of a quantity."""
    return {"field": field, "type": "quantitative"}


def name(field: str) -> Spec:
    """The channel of a text."""
    return {"field": field, "type": "nominal"}


UNTIL: Spec = {"field": "day2", "type": "temporal"}
OWN_COLOUR: Spec = {"field": "colour", "type": "nominal", "scale": None}


def moment(day: date, shift: timedelta = timedelta()) -> str:
    """Midnight UTC of a day, shifted, as text with its zone."""
    return (datetime(day.year, day.month, day.day, tzinfo=UTC) + shift).isoformat()


def day_x(first: date, last: date, end: date, most: int = 6) -> Spec:
    """The axis of days: ticks from `first` to `last`, room for labels until `end`."""
    scale = {"type": "utc", "domain": [moment(first), moment(end)], "nice": False}
    return {"field": "day", "type": "temporal", "title": None, "scale": scale, "axis": _day_axis(first, last, most)}


def share_y(field: str, low: float, high: float) -> Spec:
    """The axis of shares. Every layer must carry it: a layer without its own scale would pull it down to zero."""
    scale = {"domain": [low, high], "nice": False, "zero": False}
    return measure(field) | {"title": None, "scale": scale, "axis": share_axis(low, high)}


def volume_y(field: str, bottom: float, top: float) -> Spec:
    """The axis of volumes, positive both ways from zero."""
    scale = {"domain": [bottom * 1.05, top * 1.05], "nice": False}
    axis = {"labelExpr": _THOUSANDS, "values": _whole_ticks(bottom, top), "labelOverlap": False}
    return measure(field) | {"title": None, "scale": scale, "axis": axis}


def _day_axis(first: date, last: date, most: int) -> Spec:
    span = (last - first).days
    if span > 400:
        months = (last.year - first.year) * 12 + last.month - first.month
        every = max(1, -(-months // most))
        ticks = [
            date(first.year + (first.month + n) // 12, (first.month + n) % 12 + 1, 1) for n in range(0, months, every)
        ]
    else:
        every = max(1, -(-span // most))
        ticks = [first + timedelta(days=n) for n in range(0, span, every)]
    told = _TICK_MONTH if span > 400 else _TICK_DAY
    return {"values": [moment(tick) for tick in ticks], "labelExpr": told, "grid": False, "labelFlush": False}


def share_axis(low: float, high: float) -> Spec:
    """Ticks every 10, 20 or 25 points."""
    step = 0.1 if high - low <= 0.5 else 0.2 if high - low < 0.85 else 0.25
    ticks = [round(step * n, 2) for n in range(int(1 / step) + 1) if low - 1e-9 <= step * n <= high + 1e-9]
    return {"values": ticks, "labelExpr": _PERCENT}


def _whole_ticks(bottom: float, top: float) -> list[float]:
    reach = max(top, -bottom)
    step = next(unit for power in range(9) for unit in (10**power, 2 * 10**power, 5 * 10**power) if reach / unit <= 4)
    return [float(step * n) for n in range(-5, 6) if bottom <= step * n <= top]


def texts(rows: list[Row], x: Spec, y: Spec) -> Spec:
    """Labels (`label`, `colour`) written right of their place."""
    style = {"align": "left", "baseline": "middle", "dx": 9, "fontSize": 12, "lineBreak": "\n", "lineHeight": 14}
    return layer(rows, "text", {"x": x, "y": y, "text": name("label"), "color": OWN_COLOUR}, **style)


def zones(
    hidden: Sequence[Gap], low: float, high: float, span: timedelta, x: Spec, y: Spec, palette: Palette
) -> list[Spec]:
    """Grey hatched rectangles over [low, high], their reason written inside where they are wide enough.

    span: days that the whole axis shows. y: the vertical axis, on the field `from`.
    """
    if not hidden:
        return []
    whole = max(span.days, 1)
    # 3 is about the ratio of a chart's width to its height: strokes then lean at 45 degrees.
    slope = (high - low) / whole * 3
    strokes: list[Row] = []
    areas: list[Row] = []
    for gap in hidden:
        days = (gap.until - gap.since).days
        for left, bottom, right, top in hatching(0, days, low, high, whole / 90, slope):
            ends = (moment(gap.since, timedelta(days=left)), moment(gap.since, timedelta(days=right)))
            strokes.append({"day": ends[0], "day2": ends[1], "from": bottom, "to": top})
        reason = french.typeset(f"{french.period(gap.since, gap.until - timedelta(days=1))} : {gap.reason}")
        area = {"day": moment(gap.since), "day2": moment(gap.until), "from": low, "to": high, "told": reason}
        areas.append(area)
    named = [
        {"day": moment(gap.since, (gap.until - gap.since) / 2), "from": low + (high - low) * 0.8, "label": gap.reason}
        for gap in hidden
        if (gap.until - gap.since).days / whole > 0.16
    ]
    place = {"x": x, "x2": UNTIL, "y": y, "y2": {"field": "to"}}
    words = {"color": palette.muted, "fontSize": 12, "fontStyle": "italic"}
    return [
        layer(areas, "rect", place | {"tooltip": name("told")}, color=palette.hatch, opacity=0.16),
        layer(strokes, "rule", place, color=palette.hatch, strokeWidth=1),
        layer(named, "text", {"x": x, "y": y, "text": name("label")}, **words),
    ]


def watermark(palette: Palette, width: Width, height: int, size: int = 34) -> Spec:
    """« données simulées » across a plot of `width` by `height`."""
    # The expression only reads a chart that stands alone; charts put together have their width in pixels.
    middle = {"expr": "width / 2"} if isinstance(width, str) else width / 2
    place = {"x": middle, "y": height / 2, "angle": 346}
    style = {"fontSize": size, "fontWeight": "bold", "color": palette.muted, "opacity": 0.26}
    return layer([{"label": "données simulées"}], "text", {"text": name("label")}, **place, **style)


def drawn(layers: Sequence[Spec], palette: Palette, **properties: Any) -> Spec:
    """The layers as one chart, in the palette. properties: width, height, title."""
    axis = {
        "labelColor": palette.muted,
        "labelFontSize": 12,
        "domainColor": palette.rule,
        "tickColor": palette.rule,
        "gridColor": palette.rule,
        "gridOpacity": 0.7,
        "labelPadding": 6,
    }
    config = {
        "background": palette.paper,
        "font": FONT,
        "padding": {"left": 4, "right": 12, "top": 8, "bottom": 4},
        "view": {"stroke": None},
        "axis": axis,
        "axisY": {"domain": False, "ticks": False},
    }
    return {"$schema": SCHEMA, "layer": list(layers), "config": config} | properties
