"""Vue d'ensemble: the answer in a few sentences, the table of proposals, the health of the collection."""

from html import escape

import streamlit as st

from dashboard import cells, charts, french, worth
from dashboard.addresses import address
from dashboard.charts.axes import Spec, Width
from dashboard.downloads import offer
from dashboard.frame import Here, nothing, show
from dashboard.measured import UNITS, counted, exported, header, row_cells, shares, totals
from dashboard.palette import Palette
from dashboard.platforms import named
from dashboard.provenance import Provenance
from measures.overview import ProposalRow
from measures.quality import SourceHealth
from measures.sentences import sentences


def body(here: Here) -> Provenance:
    """The page."""
    rows = shares(here)
    if not rows:
        nothing(here, "Aucune prise de position avec ces filtres", "Élargissez la période, ou retirez un filtre.")
        return here.provenance()
    provenance = totals(here, rows)
    told = sentences(rows, here.window)
    items = "".join(f"<li>{_sentence(here, each.text_fr, each.proposal_id)}</li>" for each in told)
    wide, side = st.columns([2.6, 1], gap="large")
    wide.html(f'<h1 class="po-title">Vue d\'ensemble</h1><ul class="po-lead">{items}</ul>{worth.drifted(here)}')
    side.html(f'<h2 class="po-h2 po-first">Santé de la collecte</h2><ul class="po-health">{_health(here)}</ul>')
    _table(here, rows, provenance)
    return provenance


def _table(here: Here, rows: list[ProposalRow], provenance: Provenance) -> None:
    st.html('<h2 class="po-h2">Les propositions, de la plus à la moins approuvée</h2>')
    drawn = [row_cells(here, row, detailed=False) for row in rows]
    st.html(cells.table(header(here, detailed=False), drawn, "Popularité des propositions"))
    st.html(_reading(here, rows))
    names, lines = exported(rows)
    ranked = [(row.proposal.title, *_share(row), row.masked) for row in rows]

    def draw(palette: Palette, width: Width) -> list[Spec]:
        return [charts.ranking(ranked[:40], palette, simulated=provenance.simulated, width=int(width) - 260)]

    heading = f"Popularité des propositions, {french.period(provenance.first, provenance.last)}"
    offer("propositions", heading, names, lines, draw, provenance, here.desk.now)


def _sentence(here: Here, text: str, proposal: str) -> str:
    """The sentence, its first « title » being the link to the proposal."""
    told = cells.emphasised(text)
    before, opening, rest = told.partition("«")
    named, closing, after = rest.partition("»")
    target = escape(address("proposal", here.choice, p=proposal))
    return f'{before}<a data-soft href="{target}">{opening}{named}{closing}</a>{after}'


def _share(row: ProposalRow) -> tuple[float | None, float, float]:
    return (None, 0.0, 1.0) if row.masked else (row.corrected.share, row.corrected.low, row.corrected.high)


def _reading(here: Here, rows: list[ProposalRow]) -> str:
    shown = [row for row in rows if not row.masked]
    if not shown:
        return ""
    row = shown[0]
    epoch = french.count(here.settings.privacy.epoch_days, "jour")
    doubts = worth.DOUBTS[row.corrected.estimator]
    example = (
        f"{french.quoted(row.proposal.title)} est approuvée par {french.percent(row.corrected.share)} des "
        f"{UNITS[here.window.weighting]} qui prennent parti ; compte tenu {doubts}, la vraie part "
        f"est {french.bounds(row.corrected.low, row.corrected.high)} dans 95 cas sur 100 : c'est la bande. "
        f"Une personne a une voix par proposition et par période de {epoch}."
    )
    if len(shown) > 1:
        example += " Au pied de la page, ces voix sont cumulées : ce n'est pas un nombre de personnes."
    limit = "Ces voix sont celles qui s'expriment dans les sources suivies, pas celles de tous les Français."
    return cells.reading(example, limit)


def _health(here: Here) -> str:
    return "".join(f"<li>{_source(here, each)}</li>" for each in here.health)


def _source(here: Here, each: SourceHealth) -> str:
    told = counted(here, each.posts, "message") if each.posts else "votes seulement"
    positions = counted(here, each.positions, "position")
    lag = f"dernière réception il y a {french.duration(each.lag)}" if each.lag is not None else "rien de reçu"
    return f'<b>{escape(named(each.source))}</b><span class="po-sub">{told}, {positions}<br>{lag}</span>'


show("overview", body)
