"""Propositions: curves with their bands, any two or more compared, and the table with raw and corrected shares."""

from html import escape
from itertools import combinations, pairwise

import streamlit as st

from dashboard import cells, charts, french
from dashboard.charts.axes import Spec, Width
from dashboard.downloads import offer
from dashboard.frame import Here, nothing, show
from dashboard.measured import (
    CURVE_HEADER,
    exported,
    exported_curve,
    header,
    line,
    row_cells,
    shares,
    step_days,
    title,
    totals,
)
from dashboard.palette import Palette
from dashboard.provenance import Provenance
from dashboard.view import SEPARATOR
from dashboard.worth import drifted
from measures.disclosure import rounded
from measures.overview import CurvePoint, ProposalRow, curve
from measures.popularity import probability_ahead

ORDERS = {
    "approbation": "approbation",
    "voix": "nombre de voix",
    "evolution": "évolution",
    "incertitude": "incertitude",
    "titre": "titre",
}
FIRST_SHOWN = 3


def body(here: Here) -> Provenance:
    """The page."""
    rows = shares(here)
    st.html(f'<h1 class="po-title">Propositions</h1>{drifted(here)}')
    if not rows:
        nothing(here, "Aucune prise de position avec ces filtres", "Élargissez la période, ou retirez un filtre.")
        return here.provenance()
    by_id = {row.proposal.id: row for row in rows}
    chosen = _compared(here, by_id)
    provenance = totals(here, rows)
    if chosen:
        st.html(_sentences([by_id[name] for name in chosen]))
        _curves(here, [by_id[name] for name in chosen])
    st.html('<h2 class="po-h2">Toutes les propositions</h2>')
    _table(here, rows, provenance)
    return provenance


def _compared(here: Here, by_id: dict[str, ProposalRow]) -> list[str]:
    shown = [name for name, row in by_id.items() if not row.masked]
    asked = [name for name in st.query_params.get("comparer", "").split(SEPARATOR) if name]
    unknown = [name for name in asked if name not in by_id]
    if unknown:
        names = french.listed([french.quoted(name[:60]) for name in unknown])
        text = f"Proposition inconnue dans cette vue, ignorée : {names}."
        st.html(cells.notice("Une partie de l'adresse a été ignorée", escape(text)))
    chosen = [name for name in asked if name in by_id] or shown[:FIRST_SHOWN]
    st.session_state["comparer"] = chosen
    st.session_state["brut"] = st.query_params.get("brut") == "1"
    st.multiselect(
        "Comparer", list(by_id), format_func=lambda name: title(here, name), key="comparer",
        placeholder="choisir des propositions", on_change=_write_compared,
    )  # fmt: skip
    return chosen


def _write_compared() -> None:
    st.query_params["comparer"] = SEPARATOR.join(st.session_state["comparer"])


def _write_raw() -> None:
    if st.session_state["brut"]:
        st.query_params["brut"] = "1"
    else:
        st.query_params.pop("brut", None)


def _sentences(rows: list[ProposalRow]) -> str:
    known = sorted((row for row in rows if not row.masked), key=lambda row: -row.corrected.share)
    # Of many, each against the next: every pair would bury the answer.
    pairs = combinations(known, 2) if len(known) <= 3 else pairwise(known)
    told = "".join(f"<li>{french.typeset(_compare(first, second))}</li>" for first, second in pairs)
    return f'<ul class="po-lead">{told}</ul>' if told else ""


def _compare(first: ProposalRow, second: ProposalRow) -> str:
    ahead = probability_ahead(first.corrected, second.corrected)
    if ahead < 0.5:
        first, second, ahead = second, first, 1 - ahead
    a, b = (f"<em>{escape(row.proposal.title)}</em>" for row in (first, second))
    words = french.likelihood(ahead)
    if not words:
        return f"Entre {a} et {b} : <strong>pas de différence établie</strong>."
    # 100 % would claim a certainty that draws cannot give.
    sure = f"plus de {french.percent(0.99)}" if ahead > 0.99 else french.percent(ahead)
    return f"{a} devant {b} : <strong>{words}</strong> ({sure})."


def _curves(here: Here, rows: list[ProposalRow]) -> None:
    known = [row for row in rows if not row.masked]
    for row in rows:
        if row.masked:
            st.html(cells.mask(f"{row.proposal.title} : {row.masked}"))
    if not known:
        return
    here = here.narrowed([source for row in known for source in row.sources])
    step = step_days(here.window, min(row.voices for row in known), here.k)
    raw = st.toggle("Montrer aussi la part brute (en pointillé)", key="brut", on_change=_write_raw)
    found = {row.proposal.id: _curve(here, row.proposal.id, step) for row in known}
    lines = [line(here, name, points, raw=raw) for name, points in found.items()]
    simulated = here.simulated
    if len(lines) <= charts.MOST_LINES:
        st.vega_lite_chart(charts.curves(lines, here.palette, simulated=simulated), theme=None, width="stretch")
    else:
        drawn = charts.multiples(lines, here.palette, simulated=simulated)
        columns = st.columns(3)
        for place, each in enumerate(drawn):
            columns[place % 3].vega_lite_chart(each, theme=None, width="stretch")
    st.html(_reading(known[0], found[known[0].proposal.id], step))

    def draw(palette: Palette, width: Width) -> list[Spec]:
        if len(lines) <= charts.MOST_LINES:
            return [charts.curves(lines, palette, simulated=simulated, width=width)]
        return charts.multiples(lines, palette, simulated=simulated, width=int(width) // 3 - 40)

    provenance = totals(here, known)
    table = [cell for name, points in found.items() for cell in exported_curve(title(here, name), points)]
    heading = f"Part favorable, {french.period(provenance.first, provenance.last)}"
    offer("courbes", heading, CURVE_HEADER, table, draw, provenance, here.desk.now)


def _curve(here: Here, name: str, step: int) -> list[CurvePoint]:
    window = here.window
    return here.desk.read(
        ("curve", name, window, here.k, step),
        lambda engine: curve(engine, name, window, here.k, here.confusion, step, here.tiers),
    )


def _reading(row: ProposalRow, points: list[CurvePoint], step: int) -> str:
    known = [(each, each.corrected) for each in points if each.corrected is not None]
    if not known:
        return ""
    point, share = known[-1]
    each = french.every(step)
    example = (
        f"un point {each}. Au dernier, {french.quoted(row.proposal.title)} est à {french.percent(share.share)}, "
        f"{french.bounds(share.low, share.high)} : c'est la hauteur de la bande, faite de "
        f"{french.count(rounded(point.voices), 'voix', 'voix')}."
    )
    limit = "Deux bandes qui se recouvrent ne disent pas laquelle est devant ; une zone hachurée n'est pas un zéro."
    return cells.reading(example[0].upper() + example[1:], limit)


def _table(here: Here, rows: list[ProposalRow], provenance: Provenance) -> None:
    order = st.query_params.get("tri", "approbation")
    st.session_state["tri"] = order if order in ORDERS else "approbation"
    st.session_state["filtre"] = st.query_params.get("filtre", "")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input(
            "Filtrer", key="filtre", placeholder="mots du titre, de l'énoncé ou du secteur", on_change=_write,
            args=("filtre",), width=340,
        )  # fmt: skip
        st.selectbox(
            "Trier par",
            list(ORDERS),
            format_func=ORDERS.__getitem__,
            key="tri",
            on_change=_write,
            args=("tri",),
            width=220,
        )
    kept = _sorted(_matching(rows, st.session_state["filtre"]), st.session_state["tri"])
    if not kept:
        st.html(cells.notice("Aucune proposition ne contient ces mots", "Effacez le filtre pour les revoir toutes."))
        return
    columns = header(here, detailed=True)
    st.html(cells.table(columns, [row_cells(here, row, detailed=True) for row in kept], "Toutes les propositions"))
    names, lines = exported(kept)
    ranked = [
        (row.proposal.title, *((None, 0.0, 1.0) if row.masked else _bounds(row)), row.masked) for row in kept
    ]  # fmt: skip
    st.html(
        cells.reading(
            "« Favorables » est la part corrigée des erreurs connues du modèle, ou de celles que des personnes ont "
            "trouvées en relisant ; « Brut », ce que le modèle a compté. "
            "Au pied de la page, les voix des propositions sont cumulées : ce n'est pas un nombre de personnes.",
            "Si le modèle se trompe autrement ici que sur ses jeux d'évaluation, la correction se trompe aussi.",
        )
    )
    offer(
        "tableau", f"Propositions, {french.period(provenance.first, provenance.last)}", names, lines,
        lambda palette, width: [
            charts.ranking(ranked[:40], palette, simulated=provenance.simulated, width=int(width) - 260)
        ],
        provenance, here.desk.now,
    )  # fmt: skip


def _write(name: str) -> None:
    if st.session_state[name]:
        st.query_params[name] = st.session_state[name]
    else:
        st.query_params.pop(name, None)


def _bounds(row: ProposalRow) -> tuple[float, float, float]:
    return row.corrected.share, row.corrected.low, row.corrected.high


def _matching(rows: list[ProposalRow], words: str) -> list[ProposalRow]:
    asked = words.casefold().split()

    def told(row: ProposalRow) -> str:
        return f"{row.proposal.title} {row.proposal.statement} {row.proposal.sector}".casefold()

    return [row for row in rows if all(word in told(row) for word in asked)]


def _sorted(rows: list[ProposalRow], order: str) -> list[ProposalRow]:
    """Masked rows last, whatever the order."""
    keys = {
        "approbation": lambda row: -row.corrected.share,
        "voix": lambda row: -row.voices,
        "evolution": lambda row: -row.change.value if row.change is not None else 2.0,
        "incertitude": lambda row: row.corrected.low - row.corrected.high,
        "titre": lambda row: row.proposal.title.casefold(),
    }
    shown = sorted((row for row in rows if not row.masked), key=keys[order])
    return shown + sorted((row for row in rows if row.masked), key=keys["titre"])


show("proposals", body)
