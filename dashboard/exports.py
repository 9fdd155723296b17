"""Files that leave the dashboard: CSV that a French spreadsheet opens, PNG drawn offline; both carry their notice."""

import csv
import io
import json
import math
from collections.abc import Sequence
from datetime import datetime

import vl_convert

from dashboard.charts.axes import FONT, SCHEMA, Spec
from dashboard.palette import LIGHT
from dashboard.provenance import Provenance

WIDTH = 900  # pixels of a chart in a picture
BOM = "\ufeff"
Cell = str | float | int | None


def csv_bytes(header: Sequence[str], rows: Sequence[Sequence[Cell]], provenance: Provenance, now: datetime) -> bytes:
    """Lines of facts that begin with « # », then the table: « ; », decimal comma, UTF-8 with its mark.

    None stays empty; a masked cell is given as the words that say why, never as a number.
    """
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    for line in provenance.lines(now):
        writer.writerow([f"# {line}"])
    writer.writerow(header)
    writer.writerows([_written(cell) for cell in row] for row in rows)
    return (BOM + text.getvalue()).encode()


def _written(cell: Cell) -> str:
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    if isinstance(cell, int | float):
        return f"{cell:g}".replace(".", ",") if isinstance(cell, float) else str(cell)
    # A spreadsheet runs a text that begins like a formula.
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def png_bytes(charts: Sequence[Spec], title: str, provenance: Provenance, now: datetime) -> bytes:
    """Charts under one title, with the facts below; drawn twice as fine as the screen, without network."""
    config = {key: value for chart in charts for key, value in chart["config"].items()}
    drawn = [{key: value for key, value in chart.items() if key not in ("$schema", "config")} for chart in charts]
    heading = {"text": title, "anchor": "start", "fontSize": 20, "color": LIGHT.ink, "offset": 16}
    # A title under the whole picture starts at its margin; a chart of text would start at the axis of the others.
    notice = {"text": provenance.lines(now), "orient": "bottom", "anchor": "start", "offset": 16}
    whole = {
        "$schema": SCHEMA,
        "title": notice | {"fontSize": 12, "fontWeight": "normal", "color": LIGHT.muted, "lineHeight": 17},
        "vconcat": [{"title": heading, "concat": drawn, "columns": 3 if len(drawn) > 2 else 1}],
        "config": config | {"padding": 24, "font": FONT},
    }
    return vl_convert.vegalite_to_png(json.dumps(whole), scale=2)
