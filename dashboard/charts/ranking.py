"""Proposals one under another, each as its interval."""

import textwrap
from collections.abc import Sequence

import altair as alt

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
) -> alt.LayerChart:
    """Proposals (title, share, low, high, reason of the mask) as intervals one under another, in the order given."""
    titles = ["\n".join(textwrap.wrap(f"{place + 1}. {row[0]}", 46)[:2]) for place, row in enumerate(rows)]
    order = alt.Y(
        "title:N",
        sort=titles,
        title=None,
        axis=alt.Axis(labelLimit=340, grid=False, labelExpr="split(datum.label, '\\n')"),
    )
    x = alt.X("low:Q", title=None, scale=alt.Scale(domain=[0, 1]), axis=axes.share_axis(0, 1))
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
    bands = alt.Chart(axes.inline(seen)).mark_bar(height=14, color=palette.favour, opacity=0.55)
    points = alt.Chart(axes.inline(seen)).mark_tick(thickness=2, size=14, color=palette.ink)
    labels = alt.Chart(axes.inline(seen)).mark_text(align="left", dx=6, color=palette.ink, fontSize=12)
    layers = [
        alt.Chart(axes.inline([{"low": 0.5}])).mark_rule(color=palette.muted, strokeDash=[2, 3]).encode(x=x),
        bands.encode(x=x, x2="high:Q", y=order),
        points.encode(x=alt.X("share:Q"), y=order),
        labels.encode(x=alt.X("high:Q"), y=order, text="label:N"),
    ]
    if masked:
        hidden = alt.Chart(axes.inline(masked))
        layers.append(hidden.mark_bar(height=14, color=palette.hatch, opacity=0.5).encode(x=x, x2="high:Q", y=order))
        layers.append(
            hidden.mark_text(align="left", dx=8, color=palette.ink, fontSize=11).encode(x=x, y=order, text="label:N")
        )
    if simulated:
        layers.append(axes.watermark(palette, width, ROW_HEIGHT * len(rows)))
    return axes.drawn(layers, palette, width=width, height=alt.Step(ROW_HEIGHT))
