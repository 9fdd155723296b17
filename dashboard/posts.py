"""One message on screen: its words, its side, and why the model decided so."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any

from dashboard import cells, french
from dashboard.platforms import named
from polyphonie.records import Origin, Stance, position_id

SIDES = {"favour": "pour", "against": "contre", "unclear": "sans position nette"}
ORIGINS = {"human": "étiquetée par une personne", "vote": "vote", "declared": "déclarée", "predicted": "prédite"}
Document = Mapping[str, Any]


def beside(positions: Sequence[Document]) -> list[str]:
    """Ids of what else may be known of the same posts: the prediction, and the human answer."""
    return [
        position_id(each["post"], each["proposal"], origin)
        for each in positions
        for origin in (Origin.PREDICTED, Origin.HUMAN)
    ]


def card(position: Document, known: Mapping[str, Document], *, copies: int = 1, about: str = "") -> str:
    """A message with its « Pourquoi ? » panel. known: documents of `beside`, by id. about: title of the proposal."""
    predicted = known.get(position_id(position["post"], position["proposal"], Origin.PREDICTED))
    human = known.get(position_id(position["post"], position["proposal"], Origin.HUMAN))
    told = [f'<span class="po-side {escape(position["stance"])}">{SIDES[position["stance"]]}</span>']
    if copies > 1:
        told.append(f'<span class="po-copies" title="{copies} messages identiques ou presque">×{copies}</span>')
    told.append(escape(named(position["source"])))
    told.append(french.day(datetime.fromisoformat(position["at"]).date()))
    if "simulated" in (position.get("flags") or []):
        told.append("message simulé")
    if about:
        told.append(f"à propos de {escape(french.quoted(about))}")
    body = underlined(position.get("text") or "", (predicted or position).get("span") or "")
    return (
        f'<article class="po-post"><blockquote>{body}</blockquote><p class="po-meta">{" · ".join(told)}</p>'
        f"<details><summary class='po-small'>Pourquoi{french.THIN}?</summary>"
        f"{_why(position, predicted, human)}</details></article>"
    )


def underlined(text: str, span: str) -> str:
    """Escaped text with the first occurrence of the deciding words underlined."""
    place = text.find(span) if span else -1
    if place < 0:
        return escape(text)
    return f"{escape(text[:place])}<u>{escape(span)}</u>{escape(text[place + len(span) :])}"


def _why(position: Document, predicted: Document | None, human: Document | None) -> str:
    model = predicted if predicted is not None else (position if position["origin"] == Origin.PREDICTED else None)
    facts = [("Position retenue", f"{SIDES[position['stance']]}, {ORIGINS[position['origin']]}")]
    bars = ""
    if model is not None:
        bars = "".join(
            cells.bar(model[f"p_{stance}"], f"var(--po-{stance})", SIDES[stance]) for stance in map(str, Stance)
        )
        facts.append(("Mots décisifs", french.quoted(model["span"]) if model.get("span") else "non localisés"))
        score = "donnée par la source" if model.get("match") is None else french.number(model["match"], 2) + " sur 1"
        facts.append(("Lien à la proposition", score))
        facts.append(("Modèle", model.get("model") or "inconnu"))
    else:
        facts.append(("Modèle", "aucun : la position vient de son auteur"))
    facts.append(("Réponse humaine", SIDES[human["stance"]] if human is not None else "aucune"))
    facts.append(("Source", named(position["source"])))
    facts.append(("Date", french.instant(datetime.fromisoformat(position["at"]))))
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(told)}</dd>" for name, told in facts)
    return f'<div class="po-why">{bars}<dl class="po-facts">{listed}</dl></div>'
