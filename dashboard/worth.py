"""What the pages say of how a share was corrected: by which estimator, from how many answers, what each tier brought;
and that intervals are wider since what is read has changed."""

from html import escape

from dashboard import cells, french
from dashboard.addresses import address
from dashboard.frame import Here
from measures.drift import Kind
from measures.evidence import Bought, ProposalRow
from measures.popularity import FEW_LABELS, Estimator

# After « 61 % des voix qui prennent parti (entre 57 et 65) »; {raw}: what the model counted.
CLAUSES: dict[Estimator, str] = {
    "adjusted": " ; {raw} avant correction des erreurs du modèle. ",
    "bayes": " ; {raw} avant correction par ce que des personnes ont lu. ",
    "ppi": " ; {raw} avant correction par ce que des personnes ont lu. ",
    "declared": ". Ce sont des votes ou des positions déclarées : il n'y a rien à corriger. ",
    "raw": (
        ". Cette part n'est pas corrigée, faute d'une évaluation du modèle qui le permette : ce que le modèle a lu "
        "pourrait vouloir dire autre chose, et l'intervalle en tient compte. "
    ),
}
DOUBTS: dict[Estimator, str] = {
    "adjusted": "du hasard et des erreurs du modèle",
    "bayes": "du hasard, des erreurs du modèle et de celles des personnes qui ont relu",
    "ppi": "du hasard, des erreurs du modèle et de celles des personnes qui ont relu",
    "declared": "du hasard",
    "raw": "du hasard et de ce que personne n'a évalué le modèle",
}
LIMITS: dict[Estimator, str] = {
    "adjusted": "La correction suppose que le modèle se trompe ici comme sur ses jeux d'évaluation.",
    "bayes": "La correction suppose que les personnes qui ont relu se trompent autant dans un sens que dans l'autre.",
    "ppi": "La correction suppose que les personnes qui ont relu se trompent autant dans un sens que dans l'autre.",
    "declared": "Ce qui ne prend pas parti n'y compte pas.",
    "raw": "Ce qui ne prend pas parti n'y compte pas.",
}
# How a file names the estimators.
NAMES: dict[Estimator, str] = {
    "adjusted": "comptage ajusté",
    "bayes": "mise à jour bayésienne",
    "ppi": "PPI++",
    "declared": "déclaré",
    "raw": "brut",
}
WHY: dict[Estimator, str] = {
    "bayes": (
        "Avec moins de {few} réponses qui prennent parti, elles mettent à jour ce que l'évaluation du modèle dit de "
        "ses erreurs (estimation bayésienne)."
    ),
    "ppi": (
        "À partir de {few} réponses qui prennent parti, ce sont elles qui font la part, et les lectures du modèle ne "
        "font que resserrer l'intervalle (PPI++)."
    ),
    "adjusted": (
        "Personne n'a encore lu de messages tirés au sort sur cette période : la part est corrigée par les erreurs que "
        "le modèle fait sur d'autres propositions (comptage ajusté), d'où un intervalle large. Des réponses sur la "
        "page Annoter le resserreraient."
    ),
}
READ: dict[Kind, str] = {"sources": "le mélange des sources", "scores": "les lectures du modèle",
                         "words": "le vocabulaire"}  # fmt: skip
ALL = 0.95  # of what the model read, from which answers are said to speak for everything


def clause(row: ProposalRow) -> str:
    """How the share was corrected, as the end of the sentence that gives it."""
    return CLAUSES[row.corrected.estimator].format(raw=french.percent(row.raw.share))


def explained(row: ProposalRow) -> str:
    """Which estimator was used, with how many answers, why, and what each tier brought (HTML); empty for votes."""
    why = WHY.get(row.corrected.estimator)
    if why is None:
        return ""
    told = ([_read(row.bought)] if row.bought else []) + [why.format(few=FEW_LABELS)]
    told += _brought(row.bought) if row.bought else []
    return f'<p class="po-small">{escape(french.typeset(" ".join(told)))}</p>'


def drifted(here: Here) -> str:
    """The sentence that says that intervals are wider, and why (HTML); empty where nothing moved."""
    if not here.shifts:
        return ""
    moved = french.listed([READ[each.shift.kind] for each in here.shifts])
    since = french.day(min(each.since for each in here.shifts))
    verb = "a" if len(here.shifts) == 1 and here.shifts[0].shift.kind != "scores" else "ont"
    text = (
        f"Ce qui est lu a changé : {moved} {verb} bougé à partir du {since}, plus que le hasard ne le fait. Le modèle "
        "pourrait se tromper autrement qu'avant : jusqu'à sa prochaine évaluation, les intervalles de cette page sont "
        "élargis d'autant."
    )
    link = cells.link(address("method", here.choice), "Méthode et qualité")
    return f'<p class="po-small po-drift">{escape(french.typeset(text))} {link}</p>'


def mark(row: ProposalRow) -> str:
    """Under the share in a table: how many people's answers it rests on (HTML); empty where none."""
    if row.bought is None:
        return ""
    return f'<span class="po-sub">{french.count(row.bought.answers, "réponse")} de personnes</span>'


def _read(bought: Bought) -> str:
    told = (
        f"Des personnes ont lu {french.count(bought.answers, 'message')} de cette période, tirés au sort avec des "
        f"probabilités connues ; {french.number(bought.sided)} {'prend' if bought.sided < 2 else 'prennent'} parti."
    )
    if bought.read:
        told += f" Entre elles et le modèle, un lecteur plus fort en a lu {french.number(bought.read)}."
    return told


def _brought(bought: Bought) -> list[str]:
    widths = f"{_points(bought.small)} avec le modèle seul, {_points(bought.people)} avec les réponses des personnes"
    if bought.read:
        widths += f", {_points(bought.whole)} avec le lecteur plus fort en plus"
    told = [f"L'intervalle va de part et d'autre de {widths}."]
    if bought.within < ALL:
        told.append(
            f"Ces réponses valent pour {french.percent(bought.within)} de ce que le modèle a lu : le reste est venu "
            "depuis le tirage, ou d'autres sources, et garde l'intervalle large jusqu'au prochain tirage."
        )
    return told


def _points(half: float) -> str:
    return french.count(max(1, round(100 * half)), "point")
