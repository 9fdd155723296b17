"""Recherche: one line of query becomes a curve, a mix of stances and a list of messages."""

from datetime import timedelta
from html import escape

import streamlit as st

from dashboard import cells, charts, french
from dashboard.addresses import address
from dashboard.charts.axes import Spec, Width
from dashboard.downloads import offer
from dashboard.frame import Here, nothing, show
from dashboard.measured import VOLUME_HEADER, exported_volumes, step_days, title
from dashboard.palette import Palette
from dashboard.posts import beside, card
from dashboard.provenance import Provenance
from index.engine import Document
from measures.disclosure import rounded
from measures.overview import MixPoint
from measures.search import SearchMix, search_curve, search_mix, search_page
from polyphonie.errors import QueryError

PAGE = 20
MOST_PAGES = 500  # both engines page through 10,000 documents at most
SYNTAX = (
    ("loyers climat", "les deux mots"),
    ('"âge de départ"', "ces mots, dans cet ordre"),
    ("loyers OU logement", "l'un ou l'autre"),
    ("loyers SAUF Paris", "le premier sans le second (aussi -Paris)"),
    ("(loyers OU logement) ET jeunes", "des parenthèses pour grouper"),
    ("stance:against", "un champ : stance, source, lang, topic, proposal, domains…"),
    ("at:2026-03-01..2026-03-31", "des dates, les deux jours compris"),
)


def body(here: Here) -> Provenance:
    """The page."""
    st.html('<h1 class="po-title">Recherche</h1>')
    query = st.query_params.get("q", "")
    st.session_state["q"] = query
    st.text_input(
        "Requête", key="q", placeholder="loyers OU logement SAUF Paris", on_change=_write,
        help="La touche / amène ici depuis toutes les pages.",
    )  # fmt: skip
    st.html(_help())
    if not query.strip():
        return here.provenance()
    try:
        return _results(here, query)
    except QueryError as error:
        advice = (
            "Vérifiez les guillemets, les parenthèses et les noms de champs : les exemples ci-dessus marchent tous."
        )
        detail = f"{advice}<br>Détail : <code lang=en>{escape(str(error))}</code>"
        st.html(cells.notice("La requête n'est pas comprise", detail, "error"))
        return here.provenance()


def _write() -> None:
    st.query_params.pop("page", None)
    if st.session_state["q"].strip():
        st.query_params["q"] = st.session_state["q"]
    else:
        st.query_params.pop("q", None)


def _help() -> str:
    rows = "".join(
        f"<dt><code>{escape(query)}</code></dt><dd>{escape(french.typeset(told))}</dd>" for query, told in SYNTAX
    )
    return (
        "<details><summary class='po-small'>Comment écrire une requête</summary>"
        f'<dl class="po-facts">{rows}</dl></details>'
    )


def _results(here: Here, query: str) -> Provenance:
    window = here.window
    told: SearchMix = here.desk.read(
        ("search_mix", query, window, here.k), lambda engine: search_mix(engine, query, window, here.k)
    )
    if told.masked:
        st.html(cells.mask(told.masked))
        nothing(
            here,
            "Trop peu de voix pour répondre",
            f"Cette requête réunit moins de voix que ce qui peut être montré ({here.k} au moins, et pas toutes du même "
            "avis). Essayez des mots plus généraux, ou une période plus longue.",
        )
        return here.provenance()
    provenance = here.provenance(rounded(told.voices), rounded(told.posts), over=None)
    st.html(f'<ul class="po-lead"><li>{_sentence(query, told)}</li></ul>')
    _mix_bars(told)
    _curve(here, query, told, provenance)
    if here.reads_texts:
        _list(here, query)
    else:
        st.html('<p class="po-small">Ce profil voit des agrégats seulement : aucun texte de message n\'est montré.</p>')
    return provenance


def _sentence(query: str, told: SearchMix) -> str:
    positions = french.count(rounded(told.posts), "position")
    voices = french.count(rounded(told.voices), "voix", "voix")
    return f"<em>{escape(french.quoted(query))}</em>\u00a0: {positions} de <strong>{voices}</strong>."


def _mix_bars(told: SearchMix) -> None:
    total = told.favour + told.against + told.unclear
    if not total:
        return
    parts = (
        ("pour", told.favour, "favour"),
        ("contre", told.against, "against"),
        ("sans position nette", told.unclear, "unclear"),
    )
    st.html("".join(cells.bar(value / total, f"var(--po-{name})", label) for label, value, name in parts))


def _curve(here: Here, query: str, told: SearchMix, provenance: Provenance) -> None:
    window = here.window
    step = step_days(window, told.voices, here.k)
    found: list[MixPoint] = here.desk.read(
        ("search_curve", query, window, here.k, step),
        lambda engine: search_curve(engine, query, window, here.k, step),
    )
    ends = [*(each.day for each in found[1:]), window.until]
    steps = list(zip(found, ends, strict=True))
    buckets = [(each.day, end, each.favour, each.against, each.unclear) for each, end in steps if not each.masked]
    hidden = charts.gaps([charts.Point(each.day, end, None, reason=each.masked) for each, end in steps if each.masked])
    st.html('<h2 class="po-h2">Au fil du temps</h2>')

    def draw(palette: Palette, width: Width) -> list[Spec]:
        return [charts.stances(buckets, hidden, palette, simulated=here.simulated, width=width)]

    st.vega_lite_chart(draw(here.palette, "container")[0], theme=None, width="stretch")
    if buckets:
        day, end, favour, against, unclear = max(buckets, key=lambda bucket: sum(bucket[2:]))
        when = french.period(day, end - timedelta(days=1))
        example = (
            f"{when[0].upper()}{when[1:]}, le plus fort : {french.number(rounded(favour))} pour, "
            f"{french.number(rounded(against))} contre, {french.number(rounded(unclear))} sans position nette."
        )
        limit = "Rien n'est corrigé ici : une requête mêle des propositions, et une personne a une voix sur chacune."
        st.html(cells.reading(example, limit))
    lines = exported_volumes(buckets, hidden)
    offer("recherche", f"Requête {french.quoted(query)}", VOLUME_HEADER, lines, draw, provenance, here.desk.now)


def _list(here: Here, query: str) -> None:
    written = st.query_params.get("page", "1")
    number = int(written) if written.isdecimal() and 1 <= int(written) <= MOST_PAGES else 1
    window, offset = here.window, (number - 1) * PAGE
    hits = here.desk.read(
        ("search_page", query, window, offset), lambda engine: search_page(engine, query, window, PAGE, offset)
    )
    st.html('<h2 class="po-h2">Les messages</h2>')
    if not hits.documents:
        st.html(
            '<p class="po-small">Aucun message écrit sur cette page de résultats : les votes n\'ont pas de texte.</p>'
        )
        return
    known = here.desk.read(
        ("beside", tuple(each["id"] for each in hits.documents)),
        lambda engine: engine.get("positions", beside(hits.documents)),
    )
    groups: dict[str, list[Document]] = {}
    for each in hits.documents:
        groups.setdefault(each.get("fold") or each["id"], []).append(each)
    told = [
        card(group[0], known, copies=len(group), about=title(here, group[0]["proposal"])) for group in groups.values()
    ]
    st.html("".join(told) + _pager(here, query, number, max(1, -(-min(hits.total, MOST_PAGES * PAGE) // PAGE))))


def _pager(here: Here, query: str, number: int, last: int) -> str:
    back, forth = (address("research", here.choice, q=query, page=str(page)) for page in (number - 1, number + 1))
    before = cells.link(back, "← Page précédente") if number > 1 else "<span></span>"
    after = cells.link(forth, "Page suivante →") if number < last else "<span></span>"
    counted = f"<span>page {french.number(number)} sur {french.number(last)}</span>"
    return f'<nav class="po-pager" aria-label="Pages de résultats">{before}{counted}{after}</nav>'


show("research", body, needs_window=False)
