"""A mapping: which column of an unknown file holds what. Its keys are documented in README.md."""

import difflib
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from polyphonie.errors import ConfigurationError
from polyphonie.records import Slug, Stance
from polyphonie.settings import read_yaml

RowKind = Literal["post", "reply", "repost", "quote", "argument", "proposal", "vote", "deletion"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Coded(_Part):
    """A column whose values stand for ours; `other`: what any other value stands for, absent = quarantine."""

    column: str
    values: dict[str, str]
    other: str | None = None


class Dated(_Part):
    """format: iso, epoch, epoch_ms, or a strptime format; zone: of dates that name none."""

    column: str
    format: str = "iso"
    zone: str | None = None

    @field_validator("zone")
    @classmethod
    def _exists(cls, zone: str | None) -> str | None:
        try:
            return zone if zone is None or ZoneInfo(zone) else None
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"{zone!r} is no time zone; for instance Europe/Paris") from None


class Spoken(_Part):
    """Rows whose `column` is not one of `keep` are quarantined."""

    column: str
    keep: tuple[str, ...]


def _column_alone(value: Any) -> Any:
    return {"column": value} if isinstance(value, str) else value


def _as_text(values: Any) -> Any:
    # YAML reads `yes`, `no` and `1` as something else than text.
    if not isinstance(values, dict) or not isinstance(values.get("values"), dict):
        return values
    words = {True: "yes", False: "no"}
    coded = {words[key] if isinstance(key, bool) else str(key): value for key, value in values["values"].items()}
    return values | {"values": coded}


class Mapping(_Part):
    """Every value but `source`, `format`, `delimiter`, `encoding`, `trust_date` and a plain `kind` names a column; a
    dotted path (`user.id`) goes down into objects of JSON."""

    source: Slug
    format: Literal["csv", "jsonl"] | None = None  # else told from the file
    delimiter: str | None = Field(None, min_length=1, max_length=1)  # else the commonest of the header
    encoding: Literal["utf-8", "cp1252", "latin-1"] = "utf-8"
    kind: Annotated[RowKind | Coded, BeforeValidator(_as_text)] = "post"
    id: str
    text: str | None = None
    title: str | None = None
    section: str | None = None
    date: Annotated[Dated, BeforeValidator(_column_alone)]
    author: str | None = None
    handle: str | None = None
    names: tuple[str, ...] = ()
    proposal: str | None = None
    stance: Annotated[Coded, BeforeValidator(_as_text)] | None = None
    parent: str | None = None
    urls: str | None = None
    hashtags: str | None = None
    language: Spoken | None = None
    trust_date: bool = False

    @field_validator("stance")
    @classmethod
    def _stances(cls, stance: Coded | None) -> Coded | None:
        return _only(stance, {*Stance, ""})

    @field_validator("kind")
    @classmethod
    def _kinds(cls, kind: RowKind | Coded) -> RowKind | Coded:
        return (_only(kind, set(RowKind.__args__)) or kind) if isinstance(kind, Coded) else kind  # type: ignore[attr-defined]

    def columns(self) -> tuple[str, ...]:
        """Every column that is named, once each."""
        plain = (self.id, self.text, self.title, self.section, self.author, self.handle, *self.names, self.proposal)
        parts = (self.kind, self.date, self.stance, self.language)
        coded = (part.column for part in parts if part is not None and not isinstance(part, str))
        return tuple(dict.fromkeys(filter(None, (*plain, self.parent, self.urls, self.hashtags, *coded))))


def _only(coded: Coded | None, allowed: set[str]) -> Coded | None:
    for value in (*coded.values.values(), coded.other) if coded else ():
        if value is not None and value not in allowed:
            raise ValueError(f"{value!r} is none of {', '.join(sorted(filter(None, allowed)))}")
    return coded


def load(path: Path) -> Mapping:
    """The mapping in a YAML file. Raises ConfigurationError, one line, naming the file, the key and the nearest key."""
    content = read_yaml(path)
    try:
        return Mapping.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            nearest = difflib.get_close_matches(str(first["loc"][-1]), _known(first["loc"]), n=1)
            hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
            raise ConfigurationError(f"{path}: unknown key {key!r}{hint}") from None
        raise ConfigurationError(f"{path}: {key}: {first['msg']}") from None


def _known(place: tuple[int | str, ...]) -> list[str]:
    parts: dict[str, type[BaseModel]] = {"kind": Coded, "stance": Coded, "date": Dated, "language": Spoken}
    model = parts.get(str(place[0]), Mapping) if len(place) > 1 else Mapping
    return list(model.model_fields)
