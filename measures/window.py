"""What a page looks at: a period, and which sources, sectors and origins, weighted how."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, get_args

Weighting = Literal["voices", "posts", "reach"]
WEIGHTINGS: tuple[Weighting, ...] = get_args(Weighting)


@dataclass(frozen=True)
class View:
    """Whole UTC days from `since` to the eve of `until`. An empty tuple means all."""

    since: date
    until: date  # exclusive
    sources: tuple[str, ...] = ()
    sectors: tuple[str, ...] = ()
    weighting: Weighting = "voices"
    origins: tuple[str, ...] = ()

    @property
    def days(self) -> int:
        return (self.until - self.since).days

    @property
    def start(self) -> datetime:
        return midnight(self.since)

    @property
    def end(self) -> datetime:
        """First instant after the view."""
        return midnight(self.until)

    def previous(self) -> "View":
        """The view of the same length that ends where this one begins."""
        return replace(self, since=self.since - timedelta(days=self.days), until=self.since)

    def steps(self, step_days: int) -> list["View"]:
        """Consecutive views of `step_days` that cover this one without overlap; they end on its last day, so the most
        recent is whole and the first may be shorter."""
        steps = []
        until = self.until
        while until > self.since:
            since = max(self.since, until - timedelta(days=step_days))
            steps.append(replace(self, since=since, until=until))
            until = since
        return steps[::-1]


def midnight(day: date) -> datetime:
    """First instant of a UTC day."""
    return datetime.combine(day, time(), UTC)
