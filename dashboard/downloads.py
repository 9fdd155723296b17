"""The two buttons under a chart or a table: CSV and PNG, made only when they are asked for."""

from collections.abc import Callable, Sequence
from datetime import datetime

import streamlit as st

from dashboard.charts.axes import Spec, Width
from dashboard.exports import WIDTH, Cell, csv_bytes, png_bytes
from dashboard.palette import LIGHT, Palette
from dashboard.provenance import Provenance

Draw = Callable[[Palette, Width], Sequence[Spec]]


def offer(
    name: str,
    title: str,
    header: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    draw: Draw | None,
    provenance: Provenance,
    now: datetime,
) -> None:
    """Buttons « CSV » and « PNG ». name: of the file, without suffix. draw: the chart, in a palette and a width."""
    with st.container(horizontal=True, gap="small"):
        st.download_button(
            "Télécharger en CSV",
            lambda: csv_bytes(header, rows, provenance, now),
            f"{name}.csv",
            "text/csv",
            key=f"csv-{name}",
            on_click="ignore",
            type="tertiary",
        )
        if draw is not None:
            st.download_button(
                "Télécharger en PNG",
                lambda: png_bytes(draw(LIGHT, WIDTH), title, provenance, now),
                f"{name}.png",
                "image/png",
                key=f"png-{name}",
                on_click="ignore",
                type="tertiary",
            )
