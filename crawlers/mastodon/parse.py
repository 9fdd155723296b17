"""Mastodon: one public status becomes native records, unless its author asked not to be indexed."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from crawlers.mastodon.payload import Account, Status
from crawlers.text import addresses, plain_text
from polyphonie.native import Native, NativePost
from polyphonie.records import Kind, Reach

SOURCE = "mastodon"
_REFUSAL = re.compile(r"#\s?no(?:bot|index|search|archive)s?\b", re.IGNORECASE)
_SHORTCODE = re.compile(r":\w+:")  # of a server's own emoji
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]+")
_DECORATION = re.compile(r"[^\w\s.'’\-]+")
_NOBODY: Mapping[str, str] = {}


def skip_reason(status: Status, *, opt_in: bool = False) -> str:
    """Why nothing is made of a status, in a few words fit for a count; empty when it is kept.

    opt_in: the server asks its accounts whether they may be indexed (4.3 and later), so silence is a no.
    """
    if status.visibility != "public":
        return "not public"
    account = status.account
    if account.noindex or account.indexable is False or (opt_in and account.indexable is None):
        return "author asks not to be indexed"
    if _REFUSAL.search(plain_text(account.note)):
        return "author's page refuses robots"
    return skip_reason(status.reblog, opt_in=opt_in) if status.reblog else ""


def parse(
    status: Status,
    server: str = "",
    *,
    domain: str = "",
    opt_in: bool = False,
    authors: Mapping[str, str] = _NOBODY,
) -> Iterator[Native]:
    """The post, or the repost preceded by what it repeats; nothing where `skip_reason` gives one.

    server: host that was asked; it numbers the statuses that are replied to, and their authors, of whom `authors`
    tells the names that are known. domain: what the handles of its own accounts end with, where that is not their web
    address. An edit comes with the same uri, so it replaces the post.
    """
    if skip_reason(status, opt_in=opt_in):
        return
    if status.reblog:
        yield from parse(status.reblog, server, domain=domain, opt_in=opt_in, authors=authors)
        yield _native(status, Kind.REPOST, server, domain, authors)
    else:
        quoted = status.quote is not None and status.quote.quoted_status is not None
        kind = Kind.REPLY if status.in_reply_to_id else Kind.QUOTE if quoted else Kind.POST
        yield _native(status, kind, server, domain, authors)


def _native(status: Status, kind: Kind, server: str, domain: str, authors: Mapping[str, str]) -> NativePost:
    quoted = status.quote.quoted_status if status.quote else None
    links = (*addresses(status.content), *((status.card.url,) if status.card and status.card.url else ()))
    return NativePost(
        source=SOURCE,
        uri=status.uri,
        kind=kind,
        title=plain_text(status.spoiler_text),
        text="" if status.reblog else plain_text(status.content),
        created_at=status.created_at,
        author=status.account.name,
        handle=_handle(status, domain),
        names=tuple(dict.fromkeys((*(f"@{name}" for name in _mentioned(status)), *_signatures(status)))),
        also=_numbered(status, status.id, server),
        reply_to=_replied(status, server) if kind is Kind.REPLY else None,
        repost_of=status.reblog.uri if status.reblog else None,
        quote_of=quoted.uri if quoted else None,
        towards=_towards(status, kind, authors),
        urls=tuple(dict.fromkeys(links)),
        hashtags=tuple(tag.name for tag in status.tags),
        reach=Reach(replies=status.replies_count, reposts=status.reblogs_count, likes=status.favourites_count),
        flags=("bot",) if status.account.bot else (),
    )


def _towards(status: Status, kind: Kind, authors: Mapping[str, str]) -> str | None:
    quoted = status.quote.quoted_status if status.quote else None
    if kind is Kind.REPOST and status.reblog:
        return status.reblog.account.name or None
    if kind is Kind.QUOTE and quoted and quoted.account:
        return quoted.account.name or None
    # One field for two people: a reply that quotes somebody as well names neither.
    if kind is not Kind.REPLY or quoted:
        return None
    # Only the server's own number of the author is given, and a mention gives a page, which is no name.
    answered = status.in_reply_to_account_id or ""
    return status.account.name if answered == status.account.id else authors.get(answered)


def _handle(status: Status, domain: str) -> str:
    """What people type to name the author, on every server."""
    account = status.account
    return account.acct if "@" in account.acct else f"{account.acct}@{domain or _host(account)}"


def _signatures(status: Status) -> Iterator[str]:
    """How authors sign: their handle at the web address of their server, their displayed name, and what of it stands
    before its decoration (Marie Dupont 🌻 elle/she)."""
    account = status.account
    if "@" not in account.acct:
        yield f"{account.acct}@{_host(account)}"
    # In letters as they are typed: some decorate their names with those of mathematics, or hide joiners in them.
    shown = unicodedata.normalize("NFKC", _SHORTCODE.sub(" ", _INVISIBLE.sub("", account.display_name)))
    plain = next(filter(_is_name, _DECORATION.split(shown)), "")
    yield from filter(_is_name, (account.display_name, shown, plain))


def _is_name(shown: str) -> bool:
    # A lone word (Rose, Camarade) would wipe what is said with it, and names nobody by itself.
    return sum(any(map(str.isalpha, word)) for word in shown.split()) > 1


def _host(account: Account) -> str:
    return urlsplit(account.url).hostname or ""


def _mentioned(status: Status) -> Iterator[str]:
    for mention in status.mentions:
        yield from filter(None, (mention.acct, mention.username))


def _replied(status: Status, server: str) -> str:
    # Only the server's own number is given. In a thread of one author that the server hosts, it makes the uri;
    # elsewhere it is the other name of the status that is answered.
    if status.in_reply_to_account_id == status.account.id and status.uri.endswith(f"/{status.id}"):
        return status.uri.removesuffix(status.id) + str(status.in_reply_to_id)
    return _numbered(status, str(status.in_reply_to_id), server)


def _numbered(status: Status, number: str, server: str) -> str:
    return f"https://{server or urlsplit(status.uri).hostname}/statuses/{number}"
