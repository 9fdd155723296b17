"""Volumes for and against over time: for upwards, against downwards, unclear in grey beyond it."""

from collections.abc import Sequence
from datetime import date, timedelta

from dashboard import french
from dashboard.charts import axes
from dashboard.charts.shapes import Gap
from dashboard.palette import Palette

Bucket = tuple[date, date, float, float, float]  # day, until, favour, against, unclear


def stances(
    buckets: Sequence[Bucket],
    hidden: Sequence[Gap],
    palette: Palette,
    *,
    simulated: bool,
    width: axes.Width = "container",
    height: int = 260,
) -> axes.Spec:
    """Volumes (day, until, favour, against, unclear): favour upwards, against downwards, unclear in grey beyond it."""
    first = min([bucket[0] for bucket in buckets] + [gap.since for gap in hidden])
    last = max([bucket[1] for bucket in buckets] + [gap.until for gap in hidden])
    rows: list[axes.Row] = []
    for start, until, favour, against, unclear in buckets:
        told = french.typeset(
            f"{french.period(start, until - timedelta(days=1))} : {french.number(favour)} pour, "
            f"{french.number(against)} contre, {french.number(unclear)} sans position nette"
        )
        inset = (until - start) * 0.08
        span = {"day": axes.moment(start, inset), "day2": axes.moment(until, -inset), "told": told}
        rows += [
            span | {"part": "favour", "from": 0.0, "to": favour},
            span | {"part": "against", "from": 0.0, "to": -against},
            span | {"part": "unclear", "from": -against, "to": -against - unclear},
        ]
    top = max([row["to"] for row in rows] + [1.0])
    bottom = min([row["to"] for row in rows] + [-1.0])
    end = last + (last - first) * axes.LABEL_ROOM
    x = axes.day_x(first, last, end)
    y = axes.volume_y("from", bottom, top)
    parts = {"domain": ["favour", "against", "unclear"], "range": [palette.favour, palette.against, palette.unclear]}
    colour = axes.name("part") | {"legend": None, "scale": parts}
    along = {"x": x, "x2": axes.UNTIL, "y": y}
    volumes = along | {"y2": {"field": "to"}, "color": colour, "tooltip": axes.name("told")}
    zero = [{"day": axes.moment(first), "day2": axes.moment(last), "from": 0.0}]
    layers = [
        *axes.zones(hidden, bottom * 1.05, top * 1.05, end - first, x, y, palette),
        axes.layer(rows, "rect", volumes),
        axes.layer(zero, "rule", along, color=palette.ink, strokeWidth=1),
    ]
    deepest = max((bucket[3] for bucket in buckets[-3:]), default=0.0)
    spread = (top - bottom) * 0.09
    against = -max(deepest / 2, spread)
    names = [
        ("pour", max(top * 0.35, spread), palette.favour_text),
        ("contre", against, palette.against_text),
        ("sans position nette", against - 1.7 * spread, palette.muted),
    ]
    labels = [{"day": axes.moment(last), "from": place, "label": name, "colour": ink} for name, place, ink in names]
    layers.append(axes.texts(labels, x, y))
    if simulated:
        layers.append(axes.watermark(palette, width, height))
    return axes.drawn(layers, palette, width=width, height=height)
