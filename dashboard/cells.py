"""Pieces of HTML: cells of tables, intervals, small curves, masks. What comes from outside is escaped here."""

import re
from base64 import b64encode
from collections.abc import Sequence
from datetime import date, timedelta
from html import escape

from dashboard import french
from dashboard.charts import Gap
from dashboard.palette import Palette

SPARK_WIDTH, SPARK_HEIGHT = 132, 34


def link(address: str, text: str, current: bool = False, key: str = "") -> str:
    """A link that keeps the session (see keys.js). text: plain. key: the keyboard key that follows it."""
    mark = ' aria-current="page"' if current else ""
    shortcut = f' data-key="{escape(key)}"' if key else ""
    return f'<a data-soft href="{escape(address)}"{mark}{shortcut}>{escape(text)}</a>'


def interval(share: float, low: float, high: float, colour: str = "var(--po-favour)") -> str:
    """The interval as a band from 0 to 100 with its figure: the band is strong, the point is a thin tick."""
    left, width = 100 * low, max(100 * (high - low), 0.8)
    told = f"{french.percent(share)}, {french.bounds(low, high)}"
    return (
        f'<div class="po-interval" role="img" aria-label="{escape(told)}" title="{escape(told)}">'
        f'<span class="po-figure">{french.percent(share)}</span>'
        '<span class="po-track"><i class="po-half"></i>'
        f'<i class="po-band" style="left:{left:.1f}%;width:{width:.1f}%;background:{colour}"></i>'
        f'<i class="po-tick" style="left:{100 * share:.1f}%"></i></span>'
        f'<span class="po-bounds">{french.number(100 * low)}\u2009–\u2009{french.number(100 * high)}</span></div>'
    )


def mask(reason: str) -> str:
    """A hatched cell that says why there is no figure."""
    return f'<div class="po-mask">{escape(french.typeset(reason))}</div>'


def bar(share: float, colour: str, label: str) -> str:
    """A horizontal bar from 0 to 1, named and numbered."""
    return (
        f'<div class="po-bar"><span>{escape(label)}</span><span class="po-bar-track">'
        f'<i style="width:{100 * share:.1f}%;background:{colour}"></i></span>'
        f"<b>{french.percent(share)}</b></div>"
    )


def spark(points: Sequence[tuple[date, float | None]], palette: Palette, told: str) -> str:
    """A small curve of shares; what is not known is hatched, and no line crosses it."""
    known = [share for _, share in points if share is not None]
    if not known:
        return '<div class="po-mask po-mask-small">trop peu de voix</div>'
    low, high = min(*known, 0.4), max(*known, 0.6)
    step = (SPARK_WIDTH - 8) / max(len(points) - 1, 1)

    def place(share: float) -> float:
        return 4 + (SPARK_HEIGHT - 8) * (high - share) / (high - low)

    parts = [
        f'<line x1="0" x2="{SPARK_WIDTH}" y1="{place(0.5):.1f}" y2="{place(0.5):.1f}" stroke="{palette.muted}"'
        ' stroke-width=".7" stroke-dasharray="2 3"/>'
    ]
    run: list[tuple[float, float]] = []
    last: tuple[float, float] | None = None
    for number, share in enumerate([*(share for _, share in points), None]):
        if share is not None:
            last = (4 + number * step, place(share))
            run.append(last)
            continue
        if number < len(points):
            parts.append(
                f'<rect x="{4 + (number - 0.5) * step:.1f}" y="0" width="{step:.1f}" height="{SPARK_HEIGHT}"'
                f' fill="url(#h)"/>'
            )
        if run:
            # A point alone between two gaps has no length: its round cap is what shows it.
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (run if len(run) > 1 else run * 2))
            parts.append(
                f'<polyline points="{path}" fill="none" stroke="{palette.favour}" stroke-width="1.6"'
                ' stroke-linecap="round" stroke-linejoin="round"/>'
            )
            run = []
    if last is not None:
        parts.append(f'<circle cx="{last[0]:.1f}" cy="{last[1]:.1f}" r="2.6" fill="{palette.favour}"/>')
    hatch = (
        '<defs><pattern id="h" width="4" height="4" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        f'<line x1="0" y1="0" x2="0" y2="4" stroke="{palette.hatch}" stroke-width="1.4"/></pattern></defs>'
    )
    size = f'width="{SPARK_WIDTH}" height="{SPARK_HEIGHT}" viewBox="0 0 {SPARK_WIDTH} {SPARK_HEIGHT}"'
    drawing = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{hatch}{"".join(parts)}</svg>'
    source = f"data:image/svg+xml;base64,{b64encode(drawing.encode()).decode()}"
    return f'<img class="po-spark" width="{SPARK_WIDTH}" height="{SPARK_HEIGHT}" src="{source}" alt="{escape(told)}">'


def table(header: Sequence[tuple[str, str]], rows: Sequence[Sequence[str]], caption: str) -> str:
    """An HTML table. header: (label, class of the column); rows: cells already in HTML; the last of a shorter row
    spans what is left. caption: for screen readers."""
    head = "".join(f'<th scope="col" class="{name}">{escape(label)}</th>' for label, name in header)
    body = "".join(f"<tr>{_cells(header, row)}</tr>" for row in rows)
    return (
        f'<div class="po-scroll"><table class="po-table"><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cells(header: Sequence[tuple[str, str]], row: Sequence[str]) -> str:
    spans = [1] * (len(row) - 1) + [len(header) - len(row) + 1]
    return "".join(
        f'<td class="{name}"{f" colspan={span}" if span > 1 else ""}>{cell}</td>'
        for (_, name), cell, span in zip(header, row, spans, strict=False)
    )


def reading(example: str, limit: str) -> str:
    """« Comment lire »: one example with figures that are on the screen, and one limit."""
    told = f"<b>Comment lire.</b> {escape(french.typeset(example))}"
    return f'<p class="po-reading">{told} <b>Limite.</b> {escape(french.typeset(limit))}</p>'


def notice(title: str, text: str, kind: str = "empty") -> str:
    """A written state (nothing to show, an error) instead of an empty space.

    title: plain; text: HTML; kind: empty, error or stale.
    """
    role = "alert" if kind == "error" else "status"
    told = f"<h3>{escape(french.typeset(title))}</h3><p>{french.typeset(text)}</p>"
    return f'<div class="po-notice po-{kind}" role="{role}">{told}</div>'


def emphasised(text: str) -> str:
    """One line of Markdown as HTML: escaped, ** is strong, and a mark after a backslash is only itself."""
    parts = re.split(r"(\\.|\*\*)", escape(text))
    told, strong = [], False
    for part in parts:
        if part == "**":
            strong = not strong
            told.append("<strong>" if strong else "</strong>")
        else:
            told.append(part[1:] if part.startswith("\\") else part)
    return "".join(told) + ("</strong>" if strong else "")


def gap_note(hidden: Sequence[Gap]) -> str:
    """What the hatched zones of a chart are, in words; empty when there is none."""
    told = [f"{french.period(gap.since, gap.until - timedelta(days=1))} ({gap.reason})" for gap in hidden]
    if not told:
        return ""
    more = f" ; et {len(told) - 4} autres" if len(told) > 4 else ""
    return f'<p class="po-reading"><b>Zones hachurées.</b> {escape(french.typeset(" ; ".join(told[:4]) + more))}.</p>'
