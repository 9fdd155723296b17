"""What a row of a Cap Collectif export says: a proposal (`opinion`), an argument or a vote."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from crawlers.capcollectif.repair import mend
from crawlers.moments import instant, instant_of_uuid
from crawlers.payloads import Payload
from polyphonie.errors import PayloadError

PARIS = ZoneInfo("Europe/Paris")  # checked against the clock inside the identifiers: see README.md
DATE = "%d/%m/%Y %H:%M"
_IDENTIFIER = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_VOTE_COLUMNS = ("id", "related_id", "author_id", "value", "createdAt")
_AUTHOR = re.compile(r"[A-Za-z0-9+/=_-]{4,}")


class Opinion(Payload):
    """A proposal. `hidden`: moderated away, or never published. `repairs`: what had to be mended to read it."""

    id: str
    author: str | None
    title: str
    body: str
    section: str
    created_at: datetime
    hidden: bool
    repairs: tuple[str, ...] = ()


class Argument(Payload):
    """A text under a proposal, on the side that its author chose. `trashed`: moderated, but still shown."""

    id: str
    proposal: str
    author: str | None
    side: Literal["FOR", "AGAINST"]
    body: str
    created_at: datetime
    likes: int
    hidden: bool
    trashed: bool
    repairs: tuple[str, ...] = ()


class Vote(Payload):
    """A vote on a proposal."""

    id: str
    proposal: str
    author: str | None
    value: Literal["YES", "NO", "MITIGE"]
    created_at: datetime
    repairs: tuple[str, ...] = ()


def read(row: Mapping[str, str]) -> Opinion | Argument | Vote:
    """The payload of one row, given as column -> cell (columns cut off are absent).

    Mends what can be mended with certainty (see `repair`). Raises PayloadError for the rest, and for the types that
    say nothing about a proposal (reports to moderators, sources, versions).
    """
    match row.get("type", ""):
        case "opinion":
            return _opinion(row)
        case "argument":
            return _argument(row)
        case "vote":
            return _vote(row)
        case "reportings" | "source" | "version" | "versions" as kind:
            raise PayloadError(f"type not kept: {kind}")
        case _:
            raise PayloadError("unknown type of row")


def _opinion(row: Mapping[str, str]) -> Opinion:
    cells, repairs = mend(row, "contributions_", body="bodyText")
    title = cells.get("title", "")
    if not title.strip():
        raise PayloadError("a proposal without a title")
    identifier = _identifier(cells, "id")
    created_at, found = _created_at(cells, identifier)
    return Opinion(
        id=identifier,
        author=_author(cells),
        title=title,
        body=cells.get("bodyText", ""),
        section=cells.get("section_title", ""),
        created_at=created_at,
        hidden=_hidden(cells),
        repairs=(*repairs, *found),
    )


def _argument(row: Mapping[str, str]) -> Argument:
    cells, repairs = mend(row, "contributions_arguments_", body="body")
    if not cells.get("body", "").strip():
        raise PayloadError("an argument without a text")
    identifier = _identifier(cells, "id")
    created_at, found = _created_at(cells, identifier)
    likes = cells.get("votesCount", "")
    return Argument.read(
        {
            "id": identifier,
            "proposal": _identifier(cells, "related_id"),
            "author": _author(cells),
            "side": cells.get("type", ""),
            "body": cells["body"],
            "created_at": created_at,
            "likes": int(likes) if likes.isdecimal() else 0,
            "hidden": _hidden(cells),
            "trashed": cells.get("trashed", "") == "1",
            "repairs": (*repairs, *found),
        }
    )


def _vote(row: Mapping[str, str]) -> Vote:
    cells = {name: row.get(f"contributions_votes_{name}", "") for name in _VOTE_COLUMNS}
    proposal = _identifier(cells, "related_id")
    if not cells["id"]:
        raise PayloadError("a vote without an identifier")
    return Vote.read(
        {
            "id": cells["id"],
            "proposal": proposal,
            "author": _author(cells),
            "value": cells["value"],
            "created_at": instant(cells["createdAt"], DATE, PARIS),
        }
    )


def _identifier(cells: Mapping[str, str], column: str) -> str:
    if not _IDENTIFIER.fullmatch(cells.get(column, "")):
        raise PayloadError(f"{column}: not an identifier")
    return cells[column]


def _author(cells: Mapping[str, str]) -> str | None:
    author = cells.get("author_id", "")
    if author and not _AUTHOR.fullmatch(author):
        raise PayloadError("author_id: not an identifier")
    return author or None


def _created_at(cells: Mapping[str, str], identifier: str) -> tuple[datetime, tuple[str, ...]]:
    try:
        return instant(cells.get("createdAt", ""), DATE, PARIS), ()
    except PayloadError:
        made = instant_of_uuid(identifier)
        if made is None:
            raise
        return made.replace(second=0, microsecond=0), ("cut short: date taken from the identifier",)


def _hidden(cells: Mapping[str, str]) -> bool:
    # An empty cell is a row that was cut, and what was exported was public.
    return cells.get("published", "") == "0" or cells.get("trashedStatus", "") == "INVISIBLE"
