"""The sources to listen to, as `configs/sources.yaml` and `HOME/sources.yaml` list them."""

import difflib
import importlib.util
import pkgutil
from collections.abc import Mapping
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

import crawlers
from polyphonie.errors import ConfigurationError
from polyphonie.records import Slug
from polyphonie.settings import CONFIGS, read_yaml

TERMS_LAST = timedelta(days=180)  # then somebody must read them again
TOP_KEYS = ("kept_for_ever", "sources")


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Terms(Section):
    """Somebody read the terms of a source, and says that they allow what we do."""

    terms_url: str = Field(pattern=r"^https?://", description="Where they are published.")
    terms_checked_at: date = Field(description="When they were read.")
    approved_by: Slug = Field(description="The role that answers for it, never a name.")


class Source(Section):
    """What every source may say. A platform's own model (`source_model` of its spider) adds what it needs."""

    needs_terms: ClassVar[bool] = False  # whether a terms record is asked for before the first request

    name: Slug = Field(description="Ours; the key under `sources:`.")
    platform: str = Field(description="Package of `crawlers/` that reads it.")
    enabled: bool = Field(True, description="Whether `polyphonie crawl` without a name listens to it.")
    every_s: float = Field(900.0, ge=1, description="Seconds between two rounds with --follow.")
    budget_a_day: int = Field(20_000, ge=1, description="Requests a day, UTC; then it waits for the next day.")
    keywords: tuple[str, ...] = Field((), description="Collected besides the words of the proposals.")
    hashtags: tuple[str, ...] = Field((), description="Collected besides the keywords, without #.")
    terms: Terms | None = Field(None, description="Who read the terms of the source, when, and where they are.")

    def refusal(self, today: date) -> str:
        """Why nothing may be asked of this source, in one line that says what to do; empty when it may."""
        if self.terms is None:
            return (
                f"{self.name}: no terms record; read its terms, then write terms_url, terms_checked_at and approved_by "
                "under `terms:`"
                if self.needs_terms
                else ""
            )
        age = today - self.terms.terms_checked_at
        if age < timedelta(0):
            return f"{self.name}: terms_checked_at lies in the future"
        if age >= TERMS_LAST:
            return (
                f"{self.name}: its terms were read {age.days} days ago; read {self.terms.terms_url} again, then write "
                "the date"
            )
        return ""


def read_sources(home: Path) -> dict[str, Source]:
    """Every source by name, those of `HOME/sources.yaml` over those of `configs/sources.yaml`, key by key.

    Raises ConfigurationError that names the file, the source and the key.
    """
    merged: dict[str, dict[str, Any]] = {}
    for path in (CONFIGS / "sources.yaml", home / "sources.yaml"):
        for name, keys in _listed(path).items():
            merged[name] = merged.get(name, {}) | keys
    return {name: _source(name, keys) for name, keys in merged.items()}


@cache
def platforms() -> dict[str, type[Any]]:
    """The spider of each package of this folder that has one, by package name."""
    found = {}
    for module in pkgutil.iter_modules(crawlers.__path__):
        if module.ispkg and importlib.util.find_spec(f"crawlers.{module.name}.spider"):
            spider = importlib.import_module(f"crawlers.{module.name}.spider").Spider
            found[module.name] = spider
    return found


def _listed(path: Path) -> Mapping[str, dict[str, Any]]:
    content = read_yaml(path) if path.exists() else {}
    for key in content:
        if key not in TOP_KEYS:
            raise ConfigurationError(f"{path}: unknown key {key!r}{_nearest(str(key), TOP_KEYS)}")
    sources = content.get("sources") or {}
    if not isinstance(sources, dict) or any(not isinstance(keys, dict) for keys in sources.values()):
        raise ConfigurationError(f"{path}: `sources:` must hold a name for each source, and its keys under the name")
    return sources


def _source(name: str, keys: dict[str, Any]) -> Source:
    where = f"sources.yaml: {name}"
    spider = platforms().get(str(keys.get("platform")))
    if spider is None:
        known = tuple(platforms())
        raise ConfigurationError(f"{where}: key 'platform': one of {', '.join(known)} is expected")
    model: type[Source] = spider.source_model
    for key in keys:
        if key not in model.model_fields or key == "name":
            raise ConfigurationError(f"{where}: unknown key {key!r}{_nearest(str(key), tuple(model.model_fields))}")
    try:
        return model.model_validate({**keys, "name": name})
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise ConfigurationError(f"{where}: key {'.'.join(map(str, first['loc']))!r}: {first['msg']}") from error


def _nearest(word: str, known: tuple[str, ...]) -> str:
    nearest = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {nearest[0]!r}?" if nearest else f"; known keys: {', '.join(known)}"
