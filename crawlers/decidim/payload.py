"""What a row of Decidim's open data says: a proposal or a comment. Names of people only serve to be wiped."""

import re
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import unquote, urlsplit

from crawlers.moments import instant
from crawlers.payloads import Payload
from polyphonie.errors import PayloadError

# Decidim writes French, English, Catalan... in one column each; the first that is filled is taken, French before all.
_LANGUAGES = ("fr",)
# The exporter puts an apostrophe before these, so that no spreadsheet runs them as a formula.
_GUARDED = re.compile(r"^'(?=[=+\-@])")
_PROPOSAL_PAGE = re.compile(r"/proposals/(\d+)")
_NAME_COLUMN = re.compile(r"(?:author|user_group)/(?:name|nickname)")
# An author's page, the only place of the nickname in most versions.
_PAGE_COLUMNS = ("author/url", "user_group/url")
_PROFILE_PAGE = re.compile(r"/profiles/([^/?#\s,;\"\]]+)")


class Proposal(Payload):
    """A proposal. `gone`: withdrawn by its authors or hidden. A rejected one is still public, and still debated."""

    id: str
    site: str  # host of the platform: ids are counted on each anew
    author: str | None
    names: tuple[str, ...]
    title: str
    body: str
    section: str
    created_at: datetime
    gone: bool


class Comment(Payload):
    """A comment. `proposal`: number of the one it stands under, if it is a proposal; `parent`: of a comment."""

    id: str
    site: str
    author: str | None
    names: tuple[str, ...]
    body: str
    created_at: datetime
    alignment: int
    depth: int
    proposal: str | None
    parent: str | None
    gone: bool


def is_proposals(columns: list[str]) -> bool:
    """Does this header belong to the proposals of a Decidim?"""
    return {"id", "state", "published_at", "url"} <= set(columns) and any(c.startswith("title/") for c in columns)


def is_comments(columns: list[str]) -> bool:
    """Does this header belong to the comments of a Decidim?"""
    return {"id", "created_at", "body", "alignment", "depth", "commentable_id", "commentable_type"} <= set(columns)


def read(row: Mapping[str, str]) -> Proposal | Comment:
    """The payload of one row, given as column -> cell. Raises PayloadError."""
    return _comment(row) if "commentable_type" in row else _proposal(row)


def _proposal(row: Mapping[str, str]) -> Proposal:
    state = row.get("state", "").strip().casefold()
    title = _translated(row, "title")
    gone = state in {"withdrawn", "hidden"} or row.get("withdrawn", "").casefold() == "true"
    if not title and not gone:
        raise PayloadError("a proposal without a title")
    return Proposal(
        id=_number(row, "id"),
        site=_site(row, "url"),
        author=_first_author(row),
        names=_names(row),
        title=title,
        body=_translated(row, "body"),
        section=_translated(row, "category/name") or _translated(row, "scope/name"),
        created_at=instant(row.get("published_at") or row.get("created_at", "")),
        gone=gone,
    )


def _comment(row: Mapping[str, str]) -> Comment:
    body = _text(row.get("body", ""))
    if not body:
        raise PayloadError("a comment without a text")
    on_proposal = row["commentable_type"] == "Decidim::Proposals::Proposal"
    on_comment = row["commentable_type"] == "Decidim::Comments::Comment"
    page = _PROPOSAL_PAGE.search(urlsplit(row.get("root_commentable_url", "")).path)
    alignment = row.get("alignment") or "0"
    if alignment not in {"-1", "0", "1"}:
        raise PayloadError("alignment: neither -1, 0 nor 1")
    return Comment(
        id=_number(row, "id"),
        site=_site(row, "root_commentable_url"),
        author=_first_author(row),
        names=_names(row),
        body=body,
        created_at=instant(row.get("created_at", "")),
        alignment=int(alignment),
        depth=int(_number(row, "depth")),
        proposal=_number(row, "commentable_id") if on_proposal else page[1] if page else None,
        parent=_number(row, "commentable_id") if on_comment else None,
        gone=row.get("upstream_status", "") in {"hidden", "rejected"},
    )


def _number(row: Mapping[str, str], column: str) -> str:
    number = row.get(column, "").strip()
    if not number.isdecimal():
        raise PayloadError(f"{column}: not a number")
    return number


def _site(row: Mapping[str, str], column: str) -> str:
    site = urlsplit(row.get(column, "")).hostname
    if not site:
        raise PayloadError(f"{column}: not an address")
    return site


def _first_author(row: Mapping[str, str]) -> str | None:
    # Several authors sign a proposal as one voice, and the first carries it.
    return row.get("author/id", "").strip("[] ").split(",")[0].strip() or None


def _names(row: Mapping[str, str]) -> tuple[str, ...]:
    """Every name of every author: several share a cell, as a list or parted by commas."""
    people = (_NAME_COLUMN.fullmatch(column) for column in row)
    cells = [row[found[0]].strip("[] ") for found in people if found and row[found[0]]]
    names = [name.strip(" \"'@") for cell in cells for name in (cell, *cell.split(","))]
    nicknames = [unquote(name) for column in _PAGE_COLUMNS for name in _PROFILE_PAGE.findall(row.get(column, ""))]
    return tuple(dict.fromkeys(filter(None, (*names, *nicknames))))


def _translated(row: Mapping[str, str], column: str) -> str:
    filled = {name: text for name, text in row.items() if name.startswith(f"{column}/") and text.strip()}
    preferred = (f"{column}/{language}" for language in _LANGUAGES)
    chosen = next((name for name in (*preferred, *filled) if name in filled), None)
    return _text(filled[chosen]) if chosen else ""


def _text(cell: str) -> str:
    return _GUARDED.sub("", cell).strip()
