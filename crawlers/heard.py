"""What a spider hands over: everything that one answer, or one batch of a stream, brought, and where to go on from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from polyphonie.journal import Gap
from polyphonie.native import Native


@dataclass(frozen=True)
class Refused:
    """A payload that could not be read. `place` says where without quoting it or naming anybody (a page, an offset): of
    each reason, the last one is kept."""

    place: str
    reason: str


@dataclass(frozen=True)
class Watch:
    """Something that must be asked for again to learn that it is gone. `ref` is its number at the asked server, which
    alone names nobody; `uri` what the native record calls itself."""

    ref: str = field(repr=False)
    uri: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Heard:
    """Stored whole or not at all, in one transaction with its cursor.

    `cursor` is the whole cursor of the source once this is stored; empty leaves it where it was. `counts` are outcomes
    by name ("not public"), `gone` the ids (ours, as the journal's `watched` gives them) of what is no longer at the
    source, `unknown` the fields of payloads that our models do not know, `seen` the number of payloads, `latest` the
    instant of the newest one at its source: what the lag is measured against.
    """

    natives: Sequence[Native] = ()
    refused: Sequence[Refused] = ()
    cursor: Mapping[str, Any] = field(default_factory=dict, repr=False)
    counts: Mapping[str, int] = field(default_factory=dict)
    unknown: Mapping[str, int] = field(default_factory=dict)
    watches: Sequence[Watch] = ()
    gone: Sequence[str] = ()
    gap: Gap | None = None
    seen: int = 0
    latest: datetime | None = None
