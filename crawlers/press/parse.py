"""Press: one entry of a feed becomes a post whose text is its title; its article is never kept."""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from w3lib.html import remove_tags

from crawlers.press.payload import Entry, Feed
from crawlers.text import plain_text
from polyphonie.intake import FUTURE_TOLERANCE
from polyphonie.native import NativePost
from polyphonie.records import Kind

SOURCE = "press"
FIRST_YEAR = 1995  # no site of the press is older: an earlier date is a clock that was never set
LONGEST_TITLE = 1_000  # characters; some feeds put the article there
_IN_TITLES = ("abbr", "cite", "font", "mark", "q", "small", "sub", "sup", "time")
_WORLDWIDE = re.compile(r"(?:https?://|tag:|urn:)", re.IGNORECASE)
_TRACKING = re.compile(r"(?:utm_|at_|mtm_)\w*|xtor|fbclid|gclid", re.IGNORECASE)
_BYLINES = re.compile(r"\s*(?:[,;&/|]|\b(?:et|and|avec)\b)\s*", re.IGNORECASE)
_PREFIX = re.compile(r"^(?:par|by)\s+", re.IGNORECASE)
_LETTERS = re.compile(r"[^\W\d_]+")


def parse(feed: Feed, *, host: str, publisher: str, zone: tzinfo, now: datetime) -> Iterator[NativePost]:
    """The posts of a feed, in its order.

    host: where the feed lies, which publishes what has no address; publisher: who publishes all of it, "" to tell by
    the address of each entry; zone: that of dates that name none; now: what stands for a date that cannot be true.
    """
    links = {(entry.id, entry.link) for entry in feed.entries if entry.id}
    shared = {name for name, times in Counter(name for name, _ in links).items() if times > 1}
    for entry in feed.entries:
        if why_not(entry):
            continue
        link = _link(entry.link)
        domain = publisher or domain_of(link) or host
        moment = _moment(entry, zone, now)
        title = plain_text(remove_tags(entry.title, which_ones=_IN_TITLES))
        yield NativePost(
            source=SOURCE,
            uri=_uri(entry, link, domain, shared),
            kind=Kind.POST,
            text=title[:LONGEST_TITLE],
            created_at=moment or now,
            # Not the bare domain: the border wipes an author's name, from addresses too.
            author=f"https://{domain}",
            names=_names(entry, feed.title, domain),
            urls=(link,) if link else (),
            flags=() if moment else ("impossible_date",),
        )


def why_not(entry: Entry) -> str:
    """Why nothing is made of an entry; empty when something is."""
    if not plain_text(entry.title):
        return "an entry without a title"
    return "" if entry.id or entry.link else "an entry without an address"


def domain_of(address: str) -> str:
    """Host of an address, without `www.`; empty where it has none."""
    return (urlsplit(address).hostname or "").removeprefix("www.")


def _link(link: str) -> str:
    """The address of an article without what says by which feed it was found; empty when it is none of the web."""
    try:
        parts = urlsplit(link.strip())
        host = parts.hostname
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not host:
        return ""
    query = [(key, said) for key, said in parse_qsl(parts.query, keep_blank_values=True) if not _TRACKING.match(key)]
    return urlunsplit((parts.scheme, parts.netloc, parts.path, urlencode(query), ""))


def _uri(entry: Entry, link: str, domain: str, shared: set[str]) -> str:
    # An id outlives the address, which often follows the title; but some publishers give one id to all of a feed.
    if not entry.id or (entry.id in shared and link):
        return link or f"{domain} {entry.link}"
    return (_link(entry.id) or entry.id) if _WORLDWIDE.match(entry.id) else f"{domain} {entry.id}"


def _moment(entry: Entry, zone: tzinfo, now: datetime) -> datetime | None:
    """When it was published, or None where that cannot be."""
    written = (entry.published or entry.updated or entry.created).strip()
    moment = _read(written)
    if moment is None and entry.instant:
        try:
            moment = datetime(*entry.instant, tzinfo=UTC)  # type: ignore[misc, arg-type]
        except ValueError:
            return None
    if moment is None:
        return None
    if moment.tzinfo is None:
        # RFC 5322: -0000 is an instant of UTC of which the zone is not said.
        moment = moment.replace(tzinfo=UTC if written.endswith("-0000") else zone)
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        return None
    return moment if moment.year >= FIRST_YEAR and moment <= now + FUTURE_TOLERANCE else None


def _read(written: str) -> datetime | None:
    for reader in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            return reader(written)
        except (ValueError, TypeError, OverflowError):
            continue
    return None


def _names(entry: Entry, feed_title: str, domain: str) -> tuple[str, ...]:
    """Bylines that may be of people: those that the publisher's own names do not hold, and that are no lone word, which
    is a newsroom's or an agency's (AFP, Rédaction)."""
    own = "".join(_LETTERS.findall(f"{feed_title} {domain}".casefold()))
    found: list[str] = []
    for byline in (*entry.authors, *entry.contributors):
        found += [byline.email] if byline.email else []
        for part in _BYLINES.split(_PREFIX.sub("", plain_text(byline.name))):
            words = _LETTERS.findall(part.casefold())
            if "@" in part or (len(words) > 1 and "".join(words) not in own and words[0] not in ("la", "le", "les")):
                found.append(part)
    return tuple(dict.fromkeys(found))
