"""Méthode et qualité: how it works, how well, from which sources, and what is not measured."""

from collections.abc import Sequence
from html import escape
from math import isnan

import streamlit as st

from dashboard import cells, french
from dashboard.frame import Here, show
from dashboard.platforms import named
from dashboard.provenance import Provenance
from dashboard.readers import readers
from measures.disclosure import rounded
from measures.drift import DAYS, FALSE_ALARM, LAST, Kind, Shift, widening
from measures.drifting import Kept, Seen, kept_shifts, read_shifts, shifts_path
from measures.popularity import Confusion
from measures.quality import agreement, confusion_from, live_confusion
from nlp.quality import STANCE, SetQuality, read_quality

STEPS = (
    ("Collecter", "Des sources publiques, consultations et réseaux ouverts."),
    ("Protéger", "Noms, adresses et mentions sont retirés avant tout stockage ; les pseudonymes changent {every}."),
    (
        "Comprendre",
        "Un modèle rapproche chaque message d'une proposition, puis lit s'il est pour, contre ou ni l'un ni l'autre.",
    ),
    (
        "Compter",
        "Une voix par personne, par proposition et par période de {epoch} ; une copie n'est pas un avis de plus.",
    ),
    ("Corriger", "Les erreurs connues du modèle sont retirées de la part, et élargissent son intervalle."),
    ("Montrer", "Rien sous le seuil de voix, toujours un intervalle, jamais une personne."),
)
NOT_MEASURED = (
    "L'opinion des Français : seules s'entendent les personnes qui s'expriment dans les sources suivies.",
    "L'intensité d'un avis, et le sentiment : une phrase triste peut être favorable.",
    "Qui parle : ni âge, ni lieu, ni appartenance, ni audience d'une personne.",
    "Les messages privés, supprimés, ou en d'autres langues que celles que le modèle lit.",
    "L'ironie, souvent mal lue : elle compte dans les erreurs ci-dessus.",
)
# What each baseline of the evaluation is called on the page.
BASELINES = {"majority": "majorité", "tfidf": "TF-IDF", "anchors": "ancres"}

# What moved, and how much of it changed place.
MOVED: dict[Kind, str] = {
    "sources": "le mélange des sources a changé : {moved} des positions viennent d'autres sources qu'avant{named}.",
    "scores": "les lectures du modèle ont changé : {moved} de ses probabilités se répartissent autrement qu'avant.",
    "words": "le vocabulaire a changé : {moved} des mots employés ne sont plus les mêmes qu'avant.",
}


def body(here: Here) -> Provenance:
    """The page."""
    days = here.settings.privacy.epoch_days
    epoch = {"every": french.every(days), "epoch": french.count(days, "jour")}
    steps = "".join(f"<li><b>{name}</b>{escape(french.typeset(told.format(**epoch)))}</li>" for name, told in STEPS)
    st.html(
        '<h1 class="po-title">Méthode et qualité</h1><p class="po-deck">Comment un message devient un chiffre, avec '
        f'quelles erreurs, et ce que ce chiffre ne dit pas.</p><ol class="po-flow">{steps}</ol>'
    )
    _model()
    _live(here)
    readers(here)
    _drift(here)
    _sources(here)
    left, right = st.columns(2, gap="large")
    listed = "".join(f"<li>{escape(french.typeset(each))}</li>" for each in NOT_MEASURED)
    left.html(f'<h2 class="po-h2">Ce qui n\'est pas mesuré</h2><ul>{listed}</ul>')
    right.html(f'<h2 class="po-h2">Registre du traitement</h2>{_register(here)}')
    return here.provenance()


def _model() -> None:
    st.html('<h2 class="po-h2">Le modèle devant des jeux annotés</h2>')
    if not STANCE.exists():
        st.html(cells.notice("Modèle non évalué", "Aucune évaluation n'accompagne le modèle : rien n'est corrigé."))
        return
    quality = read_quality(STANCE)
    head = [("Jeu d'évaluation", "wide"), ("Qualité (macro-F1, de 0 à 100)", "band"), ("Exactitude", "num hide-small")]
    head += [
        ("Sans position", "num hide-small"),
        ("Lignes", "num"),
        ("Propositions", "num hide-small"),
        ("Repères", "hide-small"),
    ]
    st.html(cells.table(head, [_set(each) for each in quality.sets], "Scores du modèle par jeu d'évaluation"))
    told = quality.sets[0] if quality.sets else None
    if told is not None:
        example = (
            f"sur {french.quoted(told.title)}, le macro-F1 est de {french.number(100 * told.macro_f1)} "
            f"({french.bounds(*told.interval)}) : 100 serait une lecture parfaite, 0 aucune bonne réponse."
        )
        limit = "Un score obtenu sur une consultation ne vaut pas d'office pour un réseau social."
        st.html(cells.reading(example[0].upper() + example[1:], limit))
    st.html(f'<p class="po-small">Modèle {escape(quality.model)}, évalué le {french.day(quality.date)}.</p>')


def _set(each: SetQuality) -> list[str]:
    answered = sum(row[2] for row in each.confusion)
    repeated = ", ".join(
        f"{BASELINES.get(name, name)} {french.number(100 * score)}" for name, score in each.baselines.items()
    )
    return [
        escape(each.title),
        cells.interval(each.macro_f1, *each.interval, colour="var(--po-accent)"),
        french.percent(each.accuracy),
        french.percent(answered / each.n),
        french.number(each.n),
        french.number(each.proposals),
        f'<span class="po-sub">{escape(repeated)}</span>',
    ]


def _live(here: Here) -> None:
    found: dict[str, Confusion] = here.desk.read(("live",), live_confusion)
    st.html('<h2 class="po-h2">Le modèle devant ceux qui ont dit leur camp</h2>')
    rows = []
    for source, confusion in found.items():
        told = agreement(confusion)
        if told.n < here.k:
            rows.append([escape(named(source)), cells.mask(f"moins de {here.k} positions")])
            continue
        f1, accuracy, abstained = (french.percent(each) for each in (told.macro_f1, told.accuracy, told.abstained))
        rows.append([escape(named(source)), french.number(rounded(told.n)), f1, accuracy, abstained])
    if not rows:
        text = (
            "Aucune source importée ne dit elle-même le camp de ses auteurs. Une consultation avec des arguments pour "
            "et contre permettrait de comparer ici ce qu'ils déclarent et ce que le modèle prédit."
        )
        st.html(cells.notice("Pas encore de mesure en conditions réelles", text))
        return
    head = [
        ("Source", "wide"),
        ("Positions déclarées", "num"),
        ("Macro-F1", "num"),
        ("Exactitude", "num"),
        ("Abstention", "num"),
    ]
    st.html(cells.table(head, rows, "Positions déclarées et prédites"))
    st.html(
        cells.reading(
            "Chaque ligne compare ce que les auteurs ont déclaré à ce que le modèle, qui l'ignorait, a prédit.",
            "Un argument rangé du mauvais côté par son auteur compte ici contre le modèle.",
        )
    )


def _drift(here: Here) -> None:
    kept = here.desk.read("shifts", lambda _: kept_shifts(shifts_path(here.settings.home)))
    until = here.desk.now.date()
    # Before the first `measure` of a home there is nothing kept: the index is read, which takes seconds.
    kept = kept or Kept(until, tuple(here.desk.read(("drift", until), lambda engine: read_shifts(engine, until))))
    changes = kept.bears_on()
    last, before = french.count(LAST, "dernier jour", "derniers jours"), french.count(DAYS - LAST, "jour")
    st.html('<h2 class="po-h2">Ce qui est lu change-t-il ?</h2>')
    if not changes and all(isnan(each.p_value) for each in kept.shifts):
        text = f"Les {last} se comparent aux {before} d'avant, dès que deux semaines ont été lues."
        st.html(cells.notice("Pas encore assez de recul", french.typeset(text)))
        return
    told = [_moved(here, each) for each in changes]
    if told and here.confusion:
        told.append(_wider(here, [each.shift for each in changes]))
    told = told or [f"Rien n'a bougé plus que le hasard : les {last} ressemblent aux {before} d'avant."]
    st.html("<ul>" + "".join(f"<li>{escape(french.typeset(each))}</li>" for each in told) + "</ul>")
    st.html(
        cells.reading(
            f"Les {last} sont comparés aux {before} d'avant, au-delà de ce qui change d'un jour à l'autre.",
            f"Environ {french.percent(FALSE_ALARM)} des regards alertent à tort, un peu plus quand une actualité dure.",
        )
    )


def _wider(here: Here, shifts: Sequence[Shift]) -> str:
    nlp = here.settings.nlp
    evaluated = confusion_from(nlp.stance_model, nlp.abstain_below)
    factor = widening(evaluated, shifts) if evaluated else 1.0
    return (
        "Les erreurs du modèle pourraient donc avoir changé. Sur les périodes qui vont au-delà, elles sont supposées "
        f"varier {french.number(factor, 1)} fois plus d'une proposition à l'autre, et les intervalles sont élargis "
        "d'autant, jusqu'à la prochaine évaluation du modèle. Seules des réponses de personnes diraient si elles ont "
        "vraiment changé."
    )


def _moved(here: Here, each: Seen) -> str:
    shift = each.shift
    # A share of so few positions would be that of a few people.
    shown = [move for move in shift.moves if move.items >= here.k][:1]
    words = [f" ; {named(m.name)} passe de {french.percent(m.before)} à {french.percent(m.now)}" for m in shown]
    told = MOVED[shift.kind].format(moved=french.percent(shift.moved), named="".join(words))
    return f"À partir du {french.day(each.since)}, {told}"


def _sources(here: Here) -> None:
    st.html('<h2 class="po-h2">Sources, dates et retard</h2>')
    rows = []
    for each in here.health:
        first = french.day(each.first.date()) if each.first else "–"
        last = french.day(each.last.date()) if each.last else "–"
        lag = french.duration(each.lag) if each.lag is not None else "–"
        name = f"<b>{escape(named(each.source))}</b>"
        if max(each.posts, each.positions) < here.k:
            # Its dates would be those of a few people.
            rows.append([name, cells.mask(f"moins de {here.k} messages ou votes")])
            continue
        posts, positions = _few(here, each.posts), _few(here, each.positions)
        rows.append([name, posts, positions, first, last, lag])
    head = [
        ("Source", "wide"),
        ("Messages", "num"),
        ("Positions", "num"),
        ("Du", "num"),
        ("Au", "num"),
        ("Dernière réception", "num"),
    ]
    st.html(cells.table(head, rows, "Sources"))


def _few(here: Here, value: int) -> str:
    return f"moins de {here.k}" if 0 < value < here.k else french.number(rounded(value))


def _register(here: Here) -> str:
    privacy = here.settings.privacy
    epoch = french.count(privacy.epoch_days, "jour")
    kept = french.count(privacy.retention_days, "jour")
    facts = (
        ("Finalité", "Mesurer la popularité de propositions dans le débat public, jamais celle d'une personne."),
        ("Base légale", "Intérêt légitime et recherche, sur des contenus rendus publics par leurs auteurs."),
        ("Seuil d'affichage", f"{privacy.k} voix, et jamais un groupe de moins de 100 voix presque unanime."),
        ("Une voix", f"Une par personne, par proposition et par période de {epoch} ; la clé est ensuite détruite."),
        ("Conservation", f"{kept} pour les textes, consultations ouvertes exceptées ; les comptes restent."),
        ("Effacement", "La commande « polyphonie forget » efface partout, et empêche une nouvelle collecte."),
        ("Destinataires", "Aucune audience, aucun profil, aucun fichier de personnes ne peut être produit."),
    )  # fmt: skip
    return (
        '<dl class="po-facts">'
        + "".join(f"<dt>{escape(a)}</dt><dd>{escape(french.typeset(b))}</dd>" for a, b in facts)
        + "</dl>"
    )


show("method", body, needs_window=False)
