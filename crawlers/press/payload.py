"""A feed as publishers send it (RSS 0.9 to 2.0, RDF, Atom), reduced to titles, addresses, dates and bylines."""

import io
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import feedparser

from crawlers.payloads import Payload
from polyphonie.errors import PayloadError

# Fields that feedparser makes of the common vocabularies; what is not here is counted, so that a change is seen.
KNOWN = frozenset(
    "id guidislink link links title title_detail published published_parsed updated updated_parsed created "
    "created_parsed expired expired_parsed author author_detail authors contributors publisher publisher_detail "
    "summary summary_detail content subtitle subtitle_detail tags category comments enclosures source language rights "
    "rights_detail license image xml_base credit slash_comments thr_total wfw_commentrss post-id "
    "media_content media_thumbnail media_credit media_description media_title media_keywords media_rating "
    "media_copyright media_player href dc_identifier identifier".split()
)
MOST_UNKNOWN = 20  # names of fields counted for one feed: a feed may invent as many as it likes
_PLAIN_NAME = re.compile(r"[\w:.-]{1,60}")
_DECLARED = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding=["']([\w.:-]{1,40})["']""")
_CHARSET = re.compile(r"""charset\s*=\s*["']?([\w.:-]{1,40})""", re.IGNORECASE)
_WIDE = ((b"\xff\xfe", "utf-16le"), (b"\xfe\xff", "utf-16be"), (b"<\0", "utf-16le"), (b"\0<", "utf-16be"))
_UTF8 = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})


class Byline(Payload):
    name: str = ""
    email: str = ""


class Entry(Payload):
    id: str = ""
    link: str = ""
    title: str = ""
    published: str = ""
    updated: str = ""
    created: str = ""
    instant: tuple[int, ...] | None = None  # as feedparser read the date: year to second, UTC
    authors: tuple[Byline, ...] = ()
    contributors: tuple[Byline, ...] = ()


@dataclass(frozen=True)
class Feed:
    """`malformed`: the XML is broken, and what could be saved is here. `refused`: (what finds an entry again, why)."""

    entries: tuple[Entry, ...] = field(repr=False)
    title: str = field(default="", repr=False)
    malformed: bool = False
    refused: tuple[tuple[str, str], ...] = ()
    unknown: Counter[str] = field(default_factory=Counter)


def read_feed(body: bytes, content_type: str, address: str) -> Feed:
    """The feed that a server sent from `address`. Raises PayloadError when it is none, or too broken to hold an entry.

    feedparser is given bytes and never an address: it would fetch it.
    """
    headers = {"content-type": f"application/xml; charset={charset(body, content_type)}", "content-location": address}
    found = feedparser.parse(
        io.BytesIO(body), response_headers=headers, resolve_relative_uris=False, sanitize_html=False
    )
    raw = found.get("entries", [])
    if not raw and found.get("bozo"):
        raise PayloadError("broken XML without an entry")
    if not raw and not found.get("version"):
        raise PayloadError("neither RSS nor Atom")
    entries, refused = [], []
    for number, one in enumerate(raw):
        try:
            entries.append(_entry(one))
        except PayloadError as error:
            refused.append((f"entry {number + 1}", str(error)))
    unknown = Counter(name for one in raw for name in one if name not in KNOWN and _PLAIN_NAME.fullmatch(name))
    return Feed(
        entries=tuple(entries),
        title=str(found["feed"].get("title", "")),
        malformed=bool(found.get("bozo")),
        refused=tuple(refused),
        unknown=Counter(dict(unknown.most_common(MOST_UNKNOWN))),
    )


def charset(body: bytes, content_type: str) -> str:
    """How a feed is really encoded, whatever it or its server declares.

    What decodes as UTF-8 is UTF-8: accented Latin-1 by chance never does. What does not, and says that it is, comes
    from Windows. A declaration is believed in the other cases; feedparser tries the rest.
    """
    for start, name in _WIDE:
        if body.startswith(start):
            return name
    if _is_utf8(body):
        return "utf-8"
    in_header, in_body = _CHARSET.search(content_type), _DECLARED.match(body)
    said = [in_header[1] if in_header else "", in_body[1].decode("ascii") if in_body else ""]
    return next((one for one in said if one and one.casefold() not in _UTF8), "windows-1252")


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _entry(raw: Any) -> Entry:
    said = {name: content for name, content in raw.items() if content is not None}
    # Not `raw.get`: feedparser then answers for one date with another.
    dates = (said.get(name) for name in ("published_parsed", "updated_parsed", "created_parsed"))
    moment = next(filter(None, dates), None)
    return Entry.read(said | {"instant": tuple(moment[:6]) if moment else None})
