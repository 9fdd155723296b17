"""How an interval shrinks while posts are labelled: half its width after each answer."""

from collections.abc import Sequence

from dashboard import french
from dashboard.charts import axes
from dashboard.palette import Palette

HEIGHT = 200  # pixels


def widths(
    found: Sequence[tuple[int, float]], palette: Palette, *, simulated: bool, width: axes.Width = "container"
) -> axes.Spec:
    """found: (answers, half the width in shares), fewest answers first."""
    rows: list[axes.Row] = [
        {
            "n": n,
            "points": 100 * half,
            "told": f"{french.count(n, 'réponse')} : ± {french.number(100 * half, 1)} points",
        }
        for n, half in found
    ]
    most = max((row["points"] for row in rows), default=1.0)
    last = [{**row, "label": f"± {french.number(row['points'])} points"} for row in rows[-1:]]
    across = {"domain": [0, 1.25 * max((n for n, _ in found), default=1)], "nice": False}
    x = axes.measure("n") | {
        "title": "réponses", "scale": across, "axis": {"grid": False, "tickMinStep": 1, "format": "d"},
    }  # fmt: skip
    up = {"domain": [0, most * 1.1], "nice": False}
    y = axes.measure("points") | {
        "title": None, "scale": up, "axis": {"labelExpr": "'± ' + datum.value", "tickCount": 4},
    }  # fmt: skip
    place = {"x": x, "y": y}
    layers = [
        axes.layer(rows, "area", place, color=palette.accent, opacity=0.14),
        axes.layer(rows, "line", place | {"tooltip": axes.name("told")}, color=palette.accent, strokeWidth=2),
        axes.layer(last, "point", place, color=palette.accent, filled=True, size=50),
        axes.layer(
            last, "text", place | {"text": axes.name("label")}, color=palette.ink, align="left", dx=9, fontSize=12
        ),
    ]
    if simulated:
        layers.append(axes.watermark(palette, width, HEIGHT, size=24))
    return axes.drawn(layers, palette, width=width, height=HEIGHT)
