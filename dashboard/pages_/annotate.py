"""Annoter: posts drawn with known probabilities, read one at a time; what the answers are worth, and who agrees."""

from html import escape

import streamlit as st

from dashboard import annotation, cells, french
from dashboard.annotated import agreed, gone, role_name, worth
from dashboard.annotation import Sitting
from dashboard.frame import Here, nothing, show
from dashboard.measured import title
from dashboard.platforms import named
from dashboard.posts import SIDES
from dashboard.provenance import Provenance
from measures.disclosure import rounded
from polyphonie.labels import ROLES
from polyphonie.records import Drawn, Label, Round, Stance

ALL = ""
SIZES = (20, 50, 100, 200, 500, 1_000)
# Keys that lie on the same place of French and English keyboards; Streamlit keeps C and R for itself.
ANSWERS = (
    ("favour", "Pour", "F"),
    ("against", "Contre", "D"),
    ("neither", "Ni l'un ni l'autre", "N"),
    ("not_about", "Pas sur ce sujet", "H"),
    ("skipped", "Passer", "P"),
)
SAID = {answer: label for answer, label, _ in ANSWERS}
UNDO = "Backspace"
RULES = (
    ("Pour", "l'auteur approuve la proposition telle qu'elle est écrite au-dessus, même à contrecœur."),
    ("Contre", "il la rejette, la moque ou veut l'inverse. L'ironie se lit pour ce qu'elle veut dire."),
    ("Ni l'un ni l'autre", "il en parle sans prendre parti : une question, une nouvelle, les avis d'autrui."),
    ("Pas sur ce sujet", "il parle d'autre chose, même avec les mêmes mots."),
    ("Passer", "vous ne pouvez pas décider. Mieux vaut passer que deviner."),
)


def body(here: Here) -> Provenance:
    """The page."""
    st.html('<h1 class="po-title">Annoter</h1>')
    if not here.reads_texts:
        st.html(cells.notice("Réservé au profil de recherche", "Ce profil voit des agrégats seulement : aucun texte."))
        return here.provenance()
    st.html(
        '<p class="po-deck">Lire quelques dizaines de messages tirés au sort suffit à corriger le modèle sur tous les '
        "autres, et à dire avec quelle précision.</p>"
    )
    role = _controls(here)
    known = {made.id: made for made in annotation.rounds(here.settings.home)}
    made = _chosen(here, known)
    if made is None:
        return here.provenance()
    sitting = annotation.sit(here.settings.home, here.desk.engine(), made, role)
    _read(here, sitting)
    worth(here, sitting)
    agreed(sitting)
    return here.provenance()


def _controls(here: Here) -> str:
    """What to draw, how many, and who reads; returns the role."""
    found: dict[str, int] = here.desk.read(
        ("readable", here.window, here.k), lambda engine: annotation.readable(engine, here.window, here.k)
    )
    proposals = {ALL: f"toutes ({french.count(rounded(sum(found.values())), 'message')})"}
    for each, count in found.items():
        proposals[each] = f"{title(here, each)} ({french.count(rounded(count), 'message')})"
    state, asked = st.session_state, st.query_params
    state["an-p"] = asked.get("p", ALL) if asked.get("p", ALL) in proposals else ALL
    state["an-role"] = asked.get("role", ROLES[0]) if asked.get("role") in ROLES else ROLES[0]
    state["an-n"] = int(asked["n"]) if asked.get("n") in {str(size) for size in SIZES} else 100
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.selectbox(
            "Proposition", list(proposals), format_func=proposals.__getitem__, key="an-p", width=420,
            on_change=_write, args=("p",),
        )  # fmt: skip
        st.selectbox(
            "Messages à tirer", SIZES, format_func=french.number, key="an-n", width=150, on_change=_write, args=("n",)
        )
        st.selectbox(
            "Qui lit", ROLES, format_func=role_name, key="an-role", width=180, on_change=_write, args=("role",),
            help="Un rôle, jamais un nom. Deux personnes prennent deux rôles.",
        )  # fmt: skip
        wanted = st.button("Tirer", key="an-tirer", type="primary")
    if wanted:
        made = annotation.make_round(
            here.settings.home, here.desk.engine(), state["an-p"] or None, found, here.window, state["an-n"]
        )
        if made is None:
            asked.pop("tirage", None)
            told = f"Sur cette période et ces sources, le modèle n'a lu aucune proposition dont parlent {here.k} voix."
            nothing(here, "Rien à tirer", told)
        else:
            asked["tirage"] = made.id
    return str(state["an-role"])


def _write(name: str) -> None:
    value = str(st.session_state[f"an-{name}"])
    if value in (ALL, "None"):
        st.query_params.pop(name, None)
    else:
        st.query_params[name] = value


def _chosen(here: Here, known: dict[str, Round]) -> Round | None:
    """The draw of the address, which one may change; says what to do when there is none."""
    wanted = st.query_params.get("tirage", "")
    if wanted and wanted not in known:
        text = f"Le tirage <code>{escape(wanted[:60])}</code> n'existe pas ici. Reprenez-en un autre, ou tirez."
        st.html(cells.notice("Tirage inconnu", text))
    if not known:
        text = (
            "Choisissez une proposition, ou toutes, et combien de messages lire, puis « Tirer ». La période, les "
            "sources et le secteur sont ceux du haut de la page. Les messages sur lesquels le modèle hésite ont plus "
            "de chances d'être tirés ; tous en ont une, et elle est connue."
        )
        st.html(cells.notice("Aucun tirage pour l'instant", escape(text)))
        return None
    options = ["", *known]
    st.session_state["an-tirage"] = wanted if wanted in known else ""
    st.selectbox(
        "Tirage en cours", options, format_func=lambda each: _told(here, known[each]) if each else "choisir un tirage",
        key="an-tirage", on_change=_write, args=("tirage",), width=640,
    )  # fmt: skip
    return known.get(wanted)


def _told(here: Here, made: Round) -> str:
    what = title(here, made.proposal) if made.proposal else "toutes les propositions"
    return f"{french.instant(made.made_at)} · {what} · {french.count(made.drawn, 'message')}"


def _read(here: Here, sitting: Sitting) -> None:
    """The post to read, the five answers, how far the reading is, and the last answer."""
    total = len(sitting.draws)
    asked = sitting.next
    st.progress(
        sitting.done / total if total else 0.0,
        text=french.typeset(
            f"{french.count(sitting.done, 'réponse')} sur {french.number(total)} : {role_name(sitting.role)}"
        ),
    )
    if asked is None:
        unread = sum(1 for one in sitting.draws if one.post not in sitting.readings) - sum(
            1 for post, _ in sitting.own if post not in sitting.readings
        )
        told = "Tirez davantage de messages : ceux que vous avez lus ne seront pas redemandés."
        if unread > 0:
            told = f"{gone(unread)} {told}"
        st.html(cells.notice("Ce tirage est lu", escape(told)))
    else:
        _question(here, sitting, asked)
    _last(here, sitting)


def _question(here: Here, sitting: Sitting, asked: Drawn) -> None:
    reading = sitting.readings[asked.post]
    proposal = here.proposals.get(asked.proposal)
    statement = proposal.statement if proposal else asked.proposal
    parent = f'<p class="po-meta">En réponse à :</p><blockquote>{escape(reading.parent)}</blockquote>'
    meta = [escape(named(reading.source)), french.day(reading.at.date())]
    if "simulated" in reading.flags:
        meta.append("message simulé")
    st.html(
        f'<section aria-live="polite" aria-label="Message à lire"><p class="po-small">La proposition</p>'
        f'<ul class="po-lead"><li>{escape(statement)}</li></ul><article class="po-post">'
        f"{parent if reading.parent else ''}"
        f'<p class="po-meta">Le message</p><blockquote>{escape(reading.text)}</blockquote>'
        f'<p class="po-meta">{" · ".join(meta)}</p></article></section>'
    )
    with st.container(horizontal=True, gap="small"):
        for answer, label, key in ANSWERS:
            st.button(
                label, key=f"an-{answer}", shortcut=key, wrap=True, on_click=annotation.answer,
                args=(here.settings.home, asked, sitting.role, answer, reading.text),
            )  # fmt: skip
    rules = "".join(f"<dt>{escape(name)}</dt><dd>{escape(french.typeset(told))}</dd>" for name, told in RULES)
    st.html(
        f"<details><summary class='po-small'>Comment décider</summary><dl class=\"po-facts\">{rules}</dl></details>"
    )


def _last(here: Here, sitting: Sitting) -> None:
    """The last answer, which can be taken back; what the model read is told only now, and only to who asks."""
    last = annotation.last_of(sitting)
    if last is None:
        return
    st.button(
        "Annuler la dernière réponse", key="an-annuler", shortcut=UNDO, type="tertiary",
        on_click=annotation.undo, args=(here.settings.home, last),
    )  # fmt: skip
    st.html(_last_told(sitting, last))


def _last_told(sitting: Sitting, last: Label) -> str:
    reading = sitting.readings.get(last.post)
    text = french.quoted(reading.text if len(reading.text) < 90 else reading.text[:88] + "…") if reading else "(effacé)"
    told = f'<p class="po-small">Dernière réponse : <b>{escape(SAID[last.answer])}</b>, {escape(text)}</p>'
    drawn = annotation.drawn_of(sitting, last)
    if drawn is None or last.answer == "skipped":
        return told
    bars = "".join(
        cells.bar(getattr(drawn, f"p_{stance}"), f"var(--po-{stance})", SIDES[stance]) for stance in map(str, Stance)
    )
    return f"{told}<details><summary class='po-small'>Ce que le modèle en lisait</summary>{bars}</details>"


show("annotate", body, needs_window=False)
