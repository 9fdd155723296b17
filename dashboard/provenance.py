"""Where the figures of a page come from: the line under every page, chart and export."""

from dataclasses import dataclass
from datetime import date, datetime
from html import escape

from dashboard import french

NOTICE = "Ceci n'est pas un sondage."
SIMULATED = "Données simulées."


@dataclass(frozen=True)
class Provenance:
    """first and last: days, both included. voices, posts: None where the page counts none. newest: last record."""

    sources: tuple[str, ...]
    first: date
    last: date
    voices: float | None = None
    posts: float | None = None
    newest: datetime | None = None
    model: str = ""

    @property
    def simulated(self) -> bool:
        return any(is_simulated(source) for source in self.sources)

    def lines(self, now: datetime) -> list[str]:
        """The facts, one a line, the notice first."""
        facts = [NOTICE, f"Sources : {', '.join(self.sources) or 'aucune'}"]
        facts.append(f"Période : {french.period(self.first, self.last)}")
        if self.voices is not None and self.posts is not None:
            facts.append(f"{french.count(self.voices, 'voix', 'voix')}, {french.count(self.posts, 'message')}")
        if self.newest is not None:
            facts.append(f"Dernier élément reçu {french.ago(self.newest, now)}")
        if self.model:
            facts.append(f"Modèle : {self.model}")
        return [*facts, SIMULATED] if self.simulated else facts


def is_simulated(source: str) -> bool:
    """Whether a source is the small world of the simulator."""
    return source.startswith("simulated-")


def footer(provenance: Provenance | None, now: datetime, method: str) -> str:
    """The line as HTML, without facts where nothing is shown; `method`: address of the page that says how it works."""
    notice, *facts = provenance.lines(now) if provenance is not None else [NOTICE]
    told = escape(french.typeset(" · ".join(facts)))
    link = f'<a data-soft href="{escape(method)}">Méthode et qualité</a>'
    return f'<footer class="po-footer"><strong>{notice}</strong> {told}{" · " if told else ""}{link}</footer>'
