"""What the page Annoter says of the answers: what they are worth, and how far people agree."""

from collections.abc import Sequence
from html import escape
from math import isnan

import streamlit as st

from dashboard import annotation, cells, french
from dashboard.annotation import Sitting
from dashboard.charts.widths import widths as widths_chart
from dashboard.frame import Here
from dashboard.measured import title
from measures.agreement import Figure, agreement
from measures.answered import LEAST, more_to_halve
from polyphonie.labels import by_question


def role_name(slug: str) -> str:
    """« annotatrice-1 » -> « Annotatrice 1 »."""
    kind, _, number = slug.rpartition("-")
    return f"{kind.capitalize()} {number}"


def worth(here: Here, sitting: Sitting) -> None:
    """How well the proposal of the post on screen is known by now."""
    st.html('<h2 class="po-h2">Ce que valent ces réponses</h2>')
    last = annotation.last_of(sitting)
    asked = sitting.next
    about = sitting.made.proposal or (asked.proposal if asked else last.proposal if last else None)
    if about is None:
        return
    found = sitting.widths(about)
    if not found:
        text = f"Il faut {LEAST} réponses sur {french.quoted(title(here, about))} avant de pouvoir dire une précision."
        st.html(cells.notice("Trop tôt", escape(text)))
        return
    st.html(f'<ul class="po-lead"><li>{escape(french.typeset(_sentence(here, sitting, about, found)))}</li></ul>')
    if len(found) > 1:
        drawn = widths_chart([(each.n, each.half_width) for each in found], here.palette, simulated=here.simulated)
        st.vega_lite_chart(drawn, theme=None, width="stretch")
    first, now = found[0], found[-1]
    example = (
        f"avec {french.number(first.n)} réponses l'intervalle allait de {_points(first.half_width)} de part et d'autre "
        f"; avec {french.number(now.n)}, de {_points(now.half_width)}."
    )
    limit = (
        "C'est l'incertitude de la lecture seule, sur les messages de ce tirage. Celle du petit nombre de voix s'y "
        "ajoute sur les autres pages. La part elle-même n'est pas montrée ici, pour ne pas influencer la lecture."
    )
    st.html(cells.reading(example[0].upper() + example[1:], limit))


def _sentence(here: Here, sitting: Sitting, about: str, found: Sequence[tuple[int, float]]) -> str:
    n, half = found[-1]
    before = [width for width in found if width[0] <= n - 10]
    told = f"{french.quoted(title(here, about))} : {french.count(n, 'réponse')} donnent ± {_points(half)}"
    if before:
        told += f", contre ± {_points(before[-1][1])} il y a {french.count(n - before[-1][0], 'réponse')}"
    more = more_to_halve(n, round(sum(sitting.made.frame[about])))
    if more >= 1:
        told += f". {halving(more)}"
    return told + "."


def halving(more: float) -> str:
    """« Environ 130 réponses de plus diviseraient l'intervalle par deux »."""
    about = _about(more)  # an order of magnitude: the variance itself is estimated
    verb = "diviseraient" if about > 1 else "diviserait"
    return f"Environ {french.count(about, 'réponse')} de plus {verb} l'intervalle par deux"


def gone(number: int) -> str:
    """« 2 messages ne peuvent plus être lus : effacés, ou au terme de leur durée. »"""
    told = french.count(number, "message")
    if number > 1:
        return f"{told} ne peuvent plus être lus : effacés, ou au terme de leur durée."
    return f"{told} ne peut plus être lu : effacé, ou au terme de sa durée."


def in_common(number: int) -> str:
    """« des 12 messages que tous deux ont lus »."""
    if number > 1:
        return f"des {french.count(number, 'message')} que tous deux ont lus"
    return "du seul message que tous deux ont lu"


def _points(half: float) -> str:
    return french.count(max(1, round(100 * half)), "point")


def _about(number: float) -> int:
    """Two figures at most: 127 -> 130."""
    return int(round(number, min(0, 2 - len(str(int(number))))))


def agreed(sitting: Sitting) -> None:
    """How far the people who read this draw agree."""
    st.html('<h2 class="po-h2">Accord entre les personnes</h2>')
    told = agreement(by_question(sitting.standing))
    if not told.n:
        text = (
            "Aucun message n'a encore été lu par deux rôles. Une deuxième personne prend un autre rôle et reprend le "
            "même tirage : elle lit les mêmes messages, sans voir les réponses de la première."
        )
        st.html(cells.notice("Pas encore d'accord à mesurer", escape(text)))
        return
    rows = [
        [
            f"{role_name(pair.first)} et {role_name(pair.second)}",
            french.number(pair.n),
            french.percent(pair.same),
            coefficient(pair.kappa),
        ]
        for pair in told.pairs
    ]
    head = [("Rôles", "wide"), ("Messages communs", "num"), ("Même réponse", "num"), ("Kappa de Cohen", "num")]
    st.html(cells.table(head, rows, "Accord de chaque paire de rôles"))
    alpha = coefficient(told.alpha)
    st.html(f'<p class="po-small">Alpha de Krippendorff, tous rôles ensemble{french.BOUND}: <b>{alpha}</b></p>')
    pair = told.pairs[0]
    example = (
        f"{role_name(pair.first)} et {role_name(pair.second)} donnent la même réponse sur {french.percent(pair.same)} "
        f"{in_common(pair.n)} ; le kappa retire ce que le hasard donnerait (0 : le hasard, 1 : accord parfait)."
    )
    limit = "Les messages difficiles sont tirés plus souvent : sur tous les messages, l'accord serait meilleur."
    st.html(cells.reading(example, limit))


def coefficient(figure: Figure) -> str:
    """« 0,62 (entre 0,51 et 0,72) »."""
    if isnan(figure.value):
        return "non défini"
    if isnan(figure.low):
        return french.number(figure.value, 2)
    return f"{french.number(figure.value, 2)} (entre {french.number(figure.low, 2)} et {french.number(figure.high, 2)})"
