"""What a Decidim says of a proposal or a comment, and how its open data says it. Names only serve to be wiped."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from crawlers.moments import instant
from crawlers.payloads import Payload
from polyphonie.errors import PayloadError

# Decidim writes French, English, Catalan... one text each; the first that is filled is taken, French before all.
_LANGUAGES = ("fr",)
# The exporter puts an apostrophe before these, so that no spreadsheet runs them as a formula.
_GUARDED = re.compile(r"^'(?=[=+\-@])")
_PROPOSAL_PAGE = re.compile(r"/proposals/(\d+)")
_NAME_COLUMN = re.compile(r"(?:author|user_group)/(?:name|nickname)")
# An author's page, the only place of the nickname in most versions.
_PAGE_COLUMNS = ("author/url", "user_group/url")
_PROFILE_PAGE = re.compile(r"/profiles/([^/?#\s,;\"\]]+)")


class Signed(Payload):
    """What both are: numbered on their platform, written by somebody."""

    id: str
    site: str  # host of the platform: ids are counted on each anew
    author: str | None
    names: tuple[str, ...]
    created_at: datetime
    gone: bool


class Proposal(Signed):
    """A proposal. `gone`: withdrawn by its authors or hidden. A rejected one is still public, and still debated."""

    title: str
    body: str
    section: str


class Comment(Signed):
    """A comment. `proposal`: number of the one it stands under, if it is a proposal; `parent`: of a comment."""

    body: str
    alignment: int
    depth: int
    proposal: str | None
    parent: str | None


def is_proposals(columns: list[str]) -> bool:
    """Does this header belong to the proposals of a Decidim?"""
    return {"id", "state", "published_at", "url"} <= set(columns) and any(c.startswith("title/") for c in columns)


def is_comments(columns: list[str]) -> bool:
    """Does this header belong to the comments of a Decidim?"""
    return {"id", "created_at", "body", "alignment", "depth", "commentable_id", "commentable_type"} <= set(columns)


def read(row: Mapping[str, str]) -> Proposal | Comment:
    """The payload of one row, given as column -> cell. Raises PayloadError."""
    return _comment(row) if "commentable_type" in row else _proposal(row)


def is_gone(state: str, *, withdrawn: bool) -> bool:
    """Is a proposal in this state no longer to be seen?"""
    return withdrawn or state.strip().casefold() in {"withdrawn", "hidden"}


def titled(title: str, *, gone: bool) -> str:
    """The title of a proposal. Raises PayloadError where one is missing."""
    if not title and not gone:
        raise PayloadError("a proposal without a title")
    return title


def worded(body: str) -> str:
    """The text of a comment. Raises PayloadError where there is none."""
    if not body:
        raise PayloadError("a comment without a text")
    return body


def aligned(alignment: object) -> int:
    """The button that was pressed beside a comment; none is neutral. Raises PayloadError."""
    found = str(alignment) if alignment not in (None, "") else "0"
    if found not in {"-1", "0", "1"}:
        raise PayloadError("alignment: neither -1, 0 nor 1")
    return int(found)


def number(text: str, name: str) -> str:
    """`text`, which must be a number. Raises PayloadError, which says what it is of."""
    if not text.strip().isdecimal():
        raise PayloadError(f"{name}: not a number")
    return text.strip()


def preferred(texts: Mapping[str, str]) -> str:
    """The text of the language that we read best, among those that are filled; empty when none is."""
    filled = {language: text for language, text in texts.items() if text.strip()}
    chosen = next((language for language in (*_LANGUAGES, *filled) if language in filled), None)
    return filled[chosen] if chosen else ""


def _proposal(row: Mapping[str, str]) -> Proposal:
    gone = is_gone(row.get("state", ""), withdrawn=row.get("withdrawn", "").casefold() == "true")
    return Proposal(
        **_signature(row, "url"),
        title=titled(_translated(row, "title"), gone=gone),
        body=_translated(row, "body"),
        section=_translated(row, "category/name") or _translated(row, "scope/name"),
        created_at=instant(row.get("published_at") or row.get("created_at", "")),
        gone=gone,
    )


def _comment(row: Mapping[str, str]) -> Comment:
    body = worded(_text(row.get("body", "")))
    on_proposal = row["commentable_type"] == "Decidim::Proposals::Proposal"
    on_comment = row["commentable_type"] == "Decidim::Comments::Comment"
    page = _PROPOSAL_PAGE.search(urlsplit(row.get("root_commentable_url", "")).path)
    return Comment(
        **_signature(row, "root_commentable_url"),
        body=body,
        created_at=instant(row.get("created_at", "")),
        alignment=aligned(row.get("alignment")),
        depth=int(number(row.get("depth", ""), "depth")),
        proposal=number(row.get("commentable_id", ""), "commentable_id") if on_proposal else page[1] if page else None,
        parent=number(row.get("commentable_id", ""), "commentable_id") if on_comment else None,
        gone=row.get("upstream_status", "") in {"hidden", "rejected"},
    )


def _signature(row: Mapping[str, str], address: str) -> dict[str, Any]:
    """Number, platform and authors; `address`: the column that holds one of the platform's."""
    found = number(row.get("id", ""), "id")
    site = urlsplit(row.get(address, "")).hostname
    if not site:
        raise PayloadError(f"{address}: not an address")
    # Several authors sign a proposal as one voice, and the first carries it.
    author = row.get("author/id", "").strip("[] ").split(",")[0].strip() or None
    return {"id": found, "site": site, "author": author, "names": _names(row)}


def _names(row: Mapping[str, str]) -> tuple[str, ...]:
    """Every name of every author: several share a cell, as a list or parted by commas."""
    people = (_NAME_COLUMN.fullmatch(column) for column in row)
    cells = [row[found[0]].strip("[] ") for found in people if found and row[found[0]]]
    names = [name.strip(" \"'@") for cell in cells for name in (cell, *cell.split(","))]
    nicknames = [unquote(name) for column in _PAGE_COLUMNS for name in _PROFILE_PAGE.findall(row.get(column, ""))]
    return tuple(dict.fromkeys(filter(None, (*names, *nicknames))))


def _translated(row: Mapping[str, str], column: str) -> str:
    prefix = f"{column}/"
    return _text(preferred({name.removeprefix(prefix): row[name] for name in row if name.startswith(prefix)}))


def _text(cell: str) -> str:
    return _GUARDED.sub("", cell).strip()
