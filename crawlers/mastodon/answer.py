"""What one answer of statuses holds: records, what was left out and why, and what must be asked for again."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from crawlers.heard import Refused, Watch
from crawlers.mastodon.parse import parse, skip_reason
from crawlers.mastodon.payload import KNOWN_FIELDS, Status
from polyphonie.errors import PayloadError
from polyphonie.native import Native

LONGEST_FIELD = 40  # of a field's name that is worth counting


@dataclass(frozen=True)
class Reading:
    """How a server's statuses are read. `place` names a status that cannot be, without telling which it is; `domain` is
    what the handles of its own accounts end with."""

    server: str
    opt_in: bool
    place: Callable[[str], str] = field(repr=False)
    domain: str = ""


@dataclass
class Answer:
    natives: list[Native] = field(default_factory=list, repr=False)
    watches: list[Watch] = field(default_factory=list, repr=False)
    refused: list[Refused] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    gone: list[str] = field(default_factory=list)
    latest: datetime | None = None


def number(payload: Any) -> str:
    """The number of a status at the server that was asked; empty where it has none."""
    found = str(payload.get("id", "")) if isinstance(payload, Mapping) else ""
    return found if _plain(found) else ""


def read(payloads: Sequence[Any], reading: Reading) -> Answer:
    """The records of the statuses of a timeline."""
    answer = Answer(unknown=unknown_fields(payloads))
    statuses = list(_statuses(payloads, reading, answer))
    authors = {status.account.id: status.account.name for status in statuses}
    for status in statuses:
        if reason := skip_reason(status, opt_in=reading.opt_in):
            answer.counts[reason] += 1
            continue
        answer.natives.extend(
            parse(status, reading.server, domain=reading.domain, opt_in=reading.opt_in, authors=authors)
        )
        answer.watches.extend(Watch(one.id, one.uri) for one in (status.reblog, status) if one and _plain(one.id))
    answer.latest = max((status.created_at for status in statuses), default=None)
    return answer


def read_again(payloads: Sequence[Any], asked: Mapping[str, str], reading: Reading) -> Answer:
    """What became of the statuses that were asked for by number (number -> our id)."""
    answer = Answer(unknown=unknown_fields(payloads))
    there = {number(payload) for payload in payloads}
    answer.gone.extend(ours for ref, ours in asked.items() if ref not in there)
    for status in _statuses([payload for payload in payloads if number(payload) in asked], reading, answer):
        if reason := skip_reason(status, opt_in=reading.opt_in):
            answer.counts[f"withdrawn: {reason}"] += 1
            answer.gone.append(asked[status.id])
        elif _edited(status):
            # What was never edited says what it said. Reading it again would count it again, and write anew, under
            # this epoch's keys, who repeated whom in an epoch that is closed.
            answer.natives.extend(parse(status, reading.server, domain=reading.domain, opt_in=reading.opt_in))
    answer.counts["asked again"] += len(asked)
    return answer


def unknown_fields(payloads: Iterable[Any]) -> Counter[str]:
    """Fields of statuses that Mastodon does not document, and how often they came."""
    names = (name for payload in payloads if isinstance(payload, Mapping) for name in payload)
    return Counter(name if len(name) <= LONGEST_FIELD else "(long)" for name in names if name not in KNOWN_FIELDS)


def _statuses(payloads: Iterable[Any], reading: Reading, answer: Answer) -> Iterator[Status]:
    for payload in payloads:
        try:
            status = Status.read(payload)
            if not _plain(status.id):
                raise PayloadError("id: not a number")
        except PayloadError as error:
            answer.refused.append(Refused(reading.place(number(payload) or repr(payload)), str(error)))
        else:
            yield status


def _edited(status: Status) -> bool:
    shown = (status, *((status.reblog,) if status.reblog else ()))
    # A server that tells no dates of edits may have edited anything.
    return any(one.edited_at or "edited_at" not in one.model_fields_set for one in shown)


def _plain(found: str) -> bool:
    return found.isascii() and found.isdigit()
