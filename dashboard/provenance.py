"""Where the figures of a page come from: the line under every page, chart and export."""

from dataclasses import dataclass
from datetime import date, datetime
from html import escape

from dashboard import french
from dashboard.platforms import is_simulated, named

NOTICE = "Ceci n'est pas un sondage."
SIMULATED = "Données simulées."


@dataclass(frozen=True)
class Provenance:
    """first and last: days, both included. newest: last record.

    voices, posts: of what is shown only, None where the page counts none; over: proposals that they are summed over,
    None where their number is not known.
    """

    sources: tuple[str, ...]
    first: date
    last: date
    voices: float | None = None
    posts: float | None = None
    newest: datetime | None = None
    model: str = ""
    over: int | None = 1

    @property
    def simulated(self) -> bool:
        return any(is_simulated(source) for source in self.sources)

    def lines(self, now: datetime) -> list[str]:
        """The facts, one a line, the notice first."""
        facts = [NOTICE, f"Sources : {', '.join(map(named, self.sources)) or 'aucune'}"]
        facts.append(f"Période : {french.period(self.first, self.last)}")
        if self.voices is not None and self.posts is not None:
            facts.append(self._counted(self.voices, self.posts))
        if self.newest is not None:
            facts.append(f"Dernier élément reçu {french.ago(self.newest, now)}")
        if self.model:
            facts.append(f"Modèle : {self.model}")
        return [french.typeset(fact) for fact in ([*facts, SIMULATED] if self.simulated else facts)]

    def _counted(self, voices: float, posts: float) -> str:
        # A person has another key for each proposal: over several, voices are no longer people.
        told = f"{french.count(voices, 'voix', 'voix')} et {french.count(posts, 'message')}"
        if self.over is not None and self.over < 2:
            return told
        return f"{told} (cumul par proposition)" if self.over is None else f"{told} (cumul de {self.over} propositions)"


def footer(provenance: Provenance | None, now: datetime, method: str) -> str:
    """The line as HTML, without facts where nothing is shown; `method`: address of the page that says how it works."""
    notice, *facts = provenance.lines(now) if provenance is not None else [NOTICE]
    told = escape(" · ".join(facts))
    link = f'<a data-soft href="{escape(method)}">Méthode et qualité</a>'
    return f'<footer class="po-footer"><strong>{notice}</strong> {told}{" · " if told else ""}{link}</footer>'
