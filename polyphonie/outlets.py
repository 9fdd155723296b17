"""Outlets of the press: which one published an address, and where the study of French media places it.

The table is `configs/outlets.yaml`; it is read once, when the first address is looked up.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from urllib.parse import unquote, urlsplit

from pydantic import ValidationError

from polyphonie.errors import ConfigurationError
from polyphonie.records import Record, Slug
from polyphonie.settings import CONFIGS, read_yaml

TABLE = CONFIGS / "outlets.yaml"


class Outlet(Record):
    """A newspaper, a channel, a site. Its categories are empty where the study gives none."""

    slug: Slug
    name: str
    category: str = ""
    subcategory: str = ""
    at: tuple[str, ...]  # domains, or a domain and the path under which the outlet lives; without `www.`
    inactive: bool = False
    parody: bool = False


class Outlets:
    """Outlets by address: a lookup costs the same whatever their number."""

    def __init__(self, outlets: Iterable[Outlet]) -> None:
        self._at = {place.casefold(): outlet for outlet in outlets for place in outlet.at}
        self._depth = max((place.count("/") for place in self._at), default=0)

    def of(self, url: str) -> Outlet | None:
        """The outlet whose place is the longest beginning of an address; its subdomains are its own."""
        return next((found for place in self._places(url) if (found := self._at.get(place))), None)

    def _places(self, url: str) -> Iterator[str]:
        """What could be the place of an address, the most precise first."""
        try:
            parts = urlsplit(url.strip())
            host = (parts.hostname or "").rstrip(".")
        except ValueError:
            return
        steps = [step for step in unquote(parts.path).casefold().split("/") if step][: self._depth]
        while "." in host:
            for deep in range(len(steps), -1, -1):
                yield "/".join((host, *steps[:deep]))
            host = host.partition(".")[2]


def outlet_of(url: str) -> Outlet | None:
    """The outlet that published what lies at an address, if the table knows it."""
    return _table()[1].of(url)


def known_outlets() -> dict[str, Outlet]:
    """Every outlet of the table, by slug."""
    return _table()[0]


@cache
def _table() -> tuple[dict[str, Outlet], Outlets]:
    listed = read_yaml(TABLE).get("outlets") or {}
    try:
        known = {slug: Outlet.model_validate({**keys, "slug": slug}) for slug, keys in listed.items()}
    except (TypeError, ValidationError) as error:
        reason = error.errors(include_input=False)[0]["msg"] if isinstance(error, ValidationError) else "not a mapping"
        raise ConfigurationError(f"{TABLE}: {reason}") from error
    return known, Outlets(known.values())
