"""Vue d'ensemble: the answer in a few sentences, the table of proposals, the health of the collection."""

from html import escape

import streamlit as st

from dashboard import cells, charts, french
from dashboard.addresses import address
from dashboard.downloads import offer
from dashboard.frame import Here, nothing, show
from dashboard.measured import exported, header, row_cells
from dashboard.provenance import Provenance
from measures.disclosure import rounded
from measures.overview import ProposalRow, overview
from measures.quality import SourceHealth
from measures.sentences import sentences


def body(here: Here) -> Provenance:
    """The page."""
    window = here.window
    rows = here.desk.read(("overview", window, here.k), lambda engine: overview(engine, window, here.k, here.confusion))
    if not rows:
        nothing(here, "Aucune prise de position avec ces filtres", "Élargissez la période, ou retirez un filtre.")
        return here.provenance()
    provenance = here.provenance(rounded(sum(row.voices for row in rows)), rounded(sum(row.posts for row in rows)))
    told = sentences(rows, window)
    items = "".join(f"<li>{_sentence(here, each.text_fr, each.proposal_id)}</li>" for each in told)
    st.html(f'<h1 class="po-title">Vue d\'ensemble</h1><ul class="po-lead">{items}</ul>')
    wide, side = st.columns([3.4, 1], gap="large")
    with wide:
        st.html('<h2 class="po-h2">Les propositions, de la plus à la moins approuvée</h2>')
        columns = header(here, detailed=False)
        body_rows = [row_cells(here, row, detailed=False) for row in rows]
        st.html(cells.table(columns, body_rows, "Popularité des propositions"))
        st.html(_reading(rows, here))
        names, lines = exported(here, rows)
        ranked = [(row.proposal.title, *_share(row), row.masked) for row in rows]
        offer(
            "propositions", f"Popularité des propositions, {_when(here)}", names, lines,
            lambda palette, width: [
                charts.ranking(ranked[:40], palette, simulated=provenance.simulated, width=int(width) - 260)
            ],
            provenance, here.desk.now,
        )  # fmt: skip
    with side:
        st.html(f'<h2 class="po-h2">Santé de la collecte</h2><ul class="po-health">{_health(here)}</ul>')
    return provenance


def _sentence(here: Here, text: str, proposal: str) -> str:
    told = cells.emphasised(text)
    if not proposal:
        return told
    return f'<a data-soft href="{escape(address("proposal", here.choice, p=proposal))}">{told}</a>'


def _share(row: ProposalRow) -> tuple[float | None, float, float]:
    return (None, 0.0, 1.0) if row.masked else (row.corrected.share, row.corrected.low, row.corrected.high)


def _when(here: Here) -> str:
    provenance = here.provenance()
    return french.period(provenance.first, provenance.last)


def _reading(rows: list[ProposalRow], here: Here) -> str:
    shown = [row for row in rows if not row.masked]
    if not shown:
        return ""
    row = shown[0]
    example = (
        f"{french.quoted(row.proposal.title)} est approuvée par {french.percent(row.corrected.share)} des voix qui "
        f"prennent parti ; compte tenu du hasard et des erreurs du modèle, la vraie part est "
        f"{french.bounds(row.corrected.low, row.corrected.high)} dans 95 cas sur 100 : c'est la bande."
    )
    limit = "Ces voix sont celles qui s'expriment dans les sources suivies, pas celles de tous les Français."
    return cells.reading(example, limit)


def _health(here: Here) -> str:
    return "".join(f"<li>{_source(each)}</li>" for each in here.health if each.source in here.sources)


def _source(each: SourceHealth) -> str:
    counted = french.count(rounded(each.posts), "message") if each.posts else "votes seulement"
    positions = french.count(rounded(each.positions), "position")
    lag = f"dernier reçu il y a {french.duration(each.lag)}" if each.lag is not None else "jamais reçu"
    return f'<b>{escape(each.source)}</b><span class="po-sub">{counted}, {positions}<br>{lag}</span>'


show("overview", body)
