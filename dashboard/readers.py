"""What *Méthode et qualité* says of those who read the same posts: the small model, a stronger reader, people."""

from html import escape

import streamlit as st

from dashboard import cells, french
from dashboard.annotated import coefficient
from dashboard.frame import Here
from measures.agreement import Pair
from measures.agreement import agreement as agreement_of
from measures.between import MODEL, PEOPLE, READER, between
from measures.disclosure import rounded
from measures.popularity import FEW_LABELS

NAMES = {MODEL: "le petit modèle", READER: "le lecteur plus fort", PEOPLE: "les personnes"}
ORDER = (MODEL, READER, PEOPLE)
HEAD = [("Lecteurs", "wide"), ("Messages communs", "num"), ("Même réponse", "num"), ("Kappa de Cohen", "num")]


def readers(here: Here) -> None:
    """Draw the section."""
    st.html('<h2 class="po-h2">Ceux qui lisent les mêmes messages</h2>')
    told = here.desk.read("between", lambda _: between(here.tiers))
    if not told.pairs:
        text = (
            "Personne n'a encore lu de messages tirés au sort. Dès la première réponse sur la page Annoter, la part "
            "de la proposition en tient compte, et l'accord avec le modèle se lit ici."
        )
        st.html(cells.notice("Pas encore de relecture", escape(text)))
        return
    pairs = sorted(told.pairs, key=lambda pair: tuple(map(ORDER.index, _named(pair))))
    st.html(cells.table(HEAD, [_row(here, pair) for pair in pairs], "Accord des lecteurs, deux à deux"))
    own = here.desk.read("among", lambda _: agreement_of(here.tiers.answers_of_people))
    error = here.tiers.error
    counted = f"Une réponse est prise pour fausse {french.percent(error.rate)} du temps"
    measured = here.tiers.measures_error
    counted += (
        ", ce que disent les messages lus deux fois." if measured else ", faute d'assez de messages lus deux fois."
    )
    if own.n >= here.k:
        counted += f" Entre personnes, alpha de Krippendorff : {coefficient(own.alpha)}."
    st.html(f'<p class="po-small">{escape(french.typeset(counted))}</p>')
    example = (
        "Le kappa retire de l'accord ce que le hasard donnerait (0 : le hasard, 1 : accord parfait). La part d'une "
        f"proposition est corrigée par les réponses des personnes dès la première ; à partir de {FEW_LABELS} qui "
        "prennent parti, ce sont elles qui la font. Le lecteur plus fort, seul, ne corrige rien : il resserre "
        "l'intervalle que les personnes donnent, s'il a lu tout ce qu'elles ont lu."
    )
    limit = "Les messages difficiles sont tirés plus souvent : sur tous les messages, l'accord serait meilleur."
    st.html(cells.reading(example, limit))


def _named(pair: Pair) -> tuple[str, str]:
    first, second = sorted((pair.first, pair.second), key=ORDER.index)
    return first, second


def _row(here: Here, pair: Pair) -> list[str]:
    first, second = (NAMES[name] for name in _named(pair))
    name = f"{first[0].upper()}{first[1:]} et {second}"
    if pair.n < here.k:
        return [name, cells.mask(f"moins de {here.k} messages")]
    return [name, french.number(rounded(pair.n)), french.percent(pair.same), coefficient(pair.kappa)]
