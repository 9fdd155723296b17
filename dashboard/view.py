"""What a visitor chose to look at, and the address that says it: a copied URL shows the same view."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from dashboard import french
from measures.window import View, Weighting

PERIODS = {"7j": "7 j", "30j": "30 j", "90j": "90 j", "tout": "tout", "dates": "dates"}
DAYS = {"7j": 7, "30j": 30, "90j": 90}
WEIGHTINGS: dict[str, Weighting] = {"voix": "voices", "messages": "posts", "portee": "reach"}
WEIGHTING_LABELS = {"voix": "voix", "messages": "messages", "portee": "portée"}
ORIGINS: dict[str, tuple[str, ...]] = {
    "toutes": (),
    "votes": ("vote",),
    "declarees": ("declared",),
    "predites": ("predicted",),
}
ORIGIN_LABELS = {"toutes": "toutes", "votes": "votes", "declarees": "déclarées", "predites": "prédites"}
FIRST_DAY = date(1990, 1, 1)
SEPARATOR = "~"  # needs no escape in an address, and stands in no name of a sector


@dataclass(frozen=True)
class Choice:
    """The top bar. `period` is a key of PERIODS; `first` and `last` (both included) serve "dates" only."""

    period: str = "30j"
    first: date | None = None
    last: date | None = None
    sources: tuple[str, ...] = ()
    sectors: tuple[str, ...] = ()
    weighting: str = "voix"
    origin: str = "toutes"

    def window(self, today: date, extent: tuple[date, date] | None) -> View:
        """The window to measure. `extent`: first and last day with anything, used by "tout"."""
        first, last = today - timedelta(days=DAYS.get(self.period, 30) - 1), today
        if self.period == "tout" and extent is not None:
            first, last = extent
        elif self.period == "dates" and self.first is not None and self.last is not None:
            first, last = self.first, self.last
        return View(
            since=first,
            until=last + timedelta(days=1),
            sources=self.sources,
            sectors=self.sectors,
            weighting=WEIGHTINGS[self.weighting],
            origins=ORIGINS[self.origin],
        )

    def query(self) -> dict[str, str]:
        """As URL parameters; what is the default is left out, so that the shortest address is the usual view."""
        period = self.period
        if period == "dates" and self.first is not None and self.last is not None:
            period = f"{self.first.isoformat()}..{self.last.isoformat()}"
        written = {
            "periode": period,
            "sources": SEPARATOR.join(self.sources),
            "secteurs": SEPARATOR.join(self.sectors),
            "ponderation": self.weighting,
            "origine": self.origin,
        }
        default = {"periode": "30j", "sources": "", "secteurs": "", "ponderation": "voix", "origine": "toutes"}
        return {name: value for name, value in written.items() if value != default[name]}


def read(
    parameters: Mapping[str, Any], sources: Iterable[str] | None = None, sectors: Iterable[str] | None = None
) -> tuple[Choice, list[str]]:
    """The choice that an address holds, and a French notice for each value that was ignored.

    sources, sectors: what exists; None when it cannot be known, and then any value is accepted.
    """
    notices: list[str] = []
    choice = Choice()
    if period := parameters.get("periode"):
        chosen = _period(str(period))
        if chosen is None:
            notices.append(_ignored("période", str(period), "7j, 30j, 90j, tout ou AAAA-MM-JJ..AAAA-MM-JJ"))
        else:
            choice = chosen
    weighting, refused = _one(parameters, "ponderation", "pondération", tuple(WEIGHTINGS))
    origin, also_refused = _one(parameters, "origine", "origine", tuple(ORIGINS))
    kept_sources, unknown_sources = _several(parameters, "sources", "source", sources)
    kept_sectors, unknown_sectors = _several(parameters, "secteurs", "secteur", sectors)
    notices += [*refused, *also_refused, *unknown_sources, *unknown_sectors]
    choice = replace(
        choice,
        weighting=weighting or choice.weighting,
        origin=origin or choice.origin,
        sources=kept_sources,
        sectors=kept_sectors,
    )
    return choice, notices


def _period(text: str) -> Choice | None:
    if text in PERIODS and text != "dates":
        return Choice(period=text)
    try:
        first, last = (date.fromisoformat(part) for part in text.split(".."))
    except ValueError:
        return None
    return Choice(period="dates", first=first, last=last) if FIRST_DAY <= first <= last else None


def _one(parameters: Mapping[str, Any], name: str, label: str, accepted: tuple[str, ...]) -> tuple[str, list[str]]:
    value = str(parameters.get(name) or "")
    if not value or value in accepted:
        return value, []
    return "", [_ignored(label, value, ", ".join(accepted))]


def _several(
    parameters: Mapping[str, Any], name: str, label: str, existing: Iterable[str] | None
) -> tuple[tuple[str, ...], list[str]]:
    asked = [part for part in str(parameters.get(name) or "").split(SEPARATOR) if part]
    known = set(asked if existing is None else existing)
    kept = tuple(part for part in asked if part in known)
    return kept, [_ignored(label, part, "ce qui est collecté") for part in asked if part not in known]


def _ignored(label: str, value: str, expected: str) -> str:
    return f"Adresse : {label}, valeur {french.quoted(value[:60])} inconnue et ignorée (attendu : {expected})."
