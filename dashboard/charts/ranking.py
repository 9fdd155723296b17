"""Proposals one under another, each as its interval."""

import textwrap
from collections.abc import Sequence

from dashboard import french
from dashboard.charts import axes
from dashboard.palette import Palette

ROW_HEIGHT = 34  # pixels


def ranking(
    rows: Sequence[tuple[str, float | None, float, float, str]],
    palette: Palette,
    *,
    simulated: bool,
    width: axes.Width = 720,
) -> axes.Spec:
    """Proposals (title, share, low, high, reason of the mask) as intervals one under another, in the order given."""
    titles = ["\n".join(textwrap.wrap(f"{place + 1}. {row[0]}", 46)[:2]) for place, row in enumerate(rows)]
    axis = {"labelLimit": 340, "grid": False, "labelExpr": "split(datum.label, '\\n')"}
    order = axes.name("title") | {"sort": titles, "title": None, "axis": axis}
    scale = {"title": None, "scale": {"domain": [0, 1]}, "axis": axes.share_axis(0, 1)}
    x = axes.measure("low") | scale
    seen = [
        {"title": title, "low": low, "high": high, "share": share, "label": french.percent(share)}
        for title, (_, share, low, high, _) in zip(titles, rows, strict=True)
        if share is not None
    ]
    masked = [
        {"title": title, "low": 0.0, "high": 1.0, "label": reason}
        for title, (_, share, _, _, reason) in zip(titles, rows, strict=True)
        if share is None
    ]
    extent = {"x": x, "x2": {"field": "high"}, "y": order}
    label = {"y": order, "text": axes.name("label")}
    share, high = axes.measure("share") | scale, axes.measure("high") | scale
    layers = [
        axes.layer([{"low": 0.5}], "rule", {"x": x}, color=palette.muted, strokeDash=[2, 3]),
        axes.layer(seen, "bar", extent, height=14, color=palette.favour, opacity=0.55),
        axes.layer(seen, "tick", {"x": share, "y": order}, thickness=2, size=14, color=palette.ink),
        axes.layer(seen, "text", label | {"x": high}, align="left", dx=6, color=palette.ink, fontSize=12),
    ]
    if masked:
        layers += [
            axes.layer(masked, "bar", extent, height=14, color=palette.hatch, opacity=0.5),
            axes.layer(masked, "text", label | {"x": x}, align="left", dx=8, color=palette.ink, fontSize=11),
        ]
    if simulated:
        layers.append(axes.watermark(palette, width, ROW_HEIGHT * len(rows)))
    return axes.drawn(layers, palette, width=width, height={"step": ROW_HEIGHT})
