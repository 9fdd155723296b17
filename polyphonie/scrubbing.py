"""Scrubbing: what names a person or leads to one leaves a text before anything is stored.

Mentions (but those of the signed list of public figures), e-mail addresses, telephone and social-security numbers,
bank accounts and every address of the web go; so do the names that the payload itself gives: its author's, and those of
the people it mentions. A name that only the prose holds is not found here: docs/methods.md says so.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from polyphonie.records import Link

GONE = "[…]"  # shown to readers of French, so a sign rather than a word

# Invisible characters hide a handle from a pattern, and copies from each other.
_INVISIBLE = dict.fromkeys([0x00AD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2065), 0xFEFF])
_AT = r"(?:[@＠﹫]|\s?[\[(]\s?(?:at|arobase|a|@)\s?[\])]\s?)"
_EMAIL = re.compile(rf"[\w.+%'-]+{_AT}[\w-]+(?:(?:\.|\s?[\[(](?:dot|point)[\])]\s?)[\w-]+)+", re.IGNORECASE)
_URL = re.compile(r"(?:https?://|www\.)\S+|\bat://\S+|\b(?:did:(?:plc|web):)[\w.:%-]+", re.IGNORECASE)
_BARE_URL = re.compile(r"\b(?:[\w-]+\.)+(?:com|fr|org|net|eu|io|social|info|be|ch|app|tv|me|ly|gl)/\S*", re.IGNORECASE)
_MENTION = re.compile(r"(?<![\w/])[@＠﹫]([\w](?:[\w.-]*\w)?(?:[@＠][\w-]+(?:\.[\w-]+)+)?)")
# Not inside a longer number: 10 000 000 000 is a sum of money.
_PHONE = re.compile(
    r"(?<!\w)(?<!\d[\s.])(?:(?:\+|00)\s?\d{1,3}(?:\s?\(0\))?(?:[\s.\-/]?\d){6,12}|0[1-9](?:[\s.\-/]?\d){8})(?!\d)"
)
_SOCIAL_SECURITY = re.compile(
    r"(?<!\d)[12]\s?\d{2}\s?(?:0[1-9]|1[0-2]|[2-9]\d)\s?\d[\dAB]\s?\d{3}\s?\d{3}(?:\s?\d{2})?(?!\d)"
)
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?:\s?[A-Z0-9]{4}){3,7}(?:\s?[A-Z0-9]{1,3})?\b")
_SPACES = re.compile(r"[ \t\u00a0\u202f]{2,}")
# The people that a reply is addressed to: their places say nothing.
_LEADING = re.compile(rf"^(?:\s*{re.escape(GONE)}[\s,:]*)+")
_REPEATED = re.compile(rf"{re.escape(GONE)}(?:\s*{re.escape(GONE)})+")

# Pages of these sites are somebody's: an address there leads to a profile.
PERSONAL_SITES = frozenset(
    "twitter.com x.com t.co bsky.app mastodon.social facebook.com fb.com instagram.com tiktok.com threads.net "
    "linkedin.com youtube.com youtu.be telegram.me t.me reddit.com snapchat.com pinterest.com piaille.fr".split()
)
_PERSONAL_PATH = re.compile(
    r"/(?:@|users?/|u/|profiles?/|profil/|in/|~|author/|auteur/|membre/|people/)", re.IGNORECASE
)
_TRACKING = re.compile(
    r"^(?:utm_.*|fbclid|gclid|dclid|msclkid|xtor|mc_[ce]id|igshid|ref|ref_src|source|at_.*|s|si)$", re.I
)


def scrub(text: str, *, names: Iterable[str] = (), figures: Collection[str] = ()) -> str:
    """`text` without identities, in NFC. `names` are wiped wherever they stand as words, whatever their case;
    `figures` are the handles (without @) of the signed list, whose mentions stay."""
    text = unicodedata.normalize("NFC", text).translate(_INVISIBLE)
    kept = {figure.lstrip("@").casefold() for figure in figures}
    text = _URL.sub(" ", text)
    text = _MENTION.sub(lambda found: found[0] if found[1].casefold() in kept else GONE, text)
    text = _BARE_URL.sub(" ", _EMAIL.sub(GONE, text))
    for pattern in (_IBAN, _SOCIAL_SECURITY, _PHONE):
        text = pattern.sub(GONE, text)
    for name in sorted({name.strip() for name in names}, key=len, reverse=True):
        # Two letters and less would wipe ordinary words.
        if len(name) > 2 and name.casefold() not in kept:
            text = re.sub(
                rf"(?<!\w){re.escape(unicodedata.normalize('NFC', name))}(?!\w)", GONE, text, flags=re.IGNORECASE
            )
    text = _LEADING.sub("", _REPEATED.sub(GONE, text))
    return "\n".join(_SPACES.sub(" ", line).strip() for line in text.splitlines()).strip()


def link(url: str) -> Link | None:
    """Domain and canonical address of what is shared; None where it leads to a person, or is no web address."""
    try:
        parts = urlsplit(url.strip())
        host = (parts.hostname or "").removeprefix("www.").removeprefix("m.")
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or "." not in host or parts.username or "@" in parts.path:
        return None
    if any(host == site or host.endswith("." + site) for site in PERSONAL_SITES) or _PERSONAL_PATH.search(parts.path):
        return None
    query = urlencode(
        [(key, value) for key, value in parse_qsl(parts.query) if not _TRACKING.match(key) and "@" not in value]
    )
    return Link(domain=host, url=urlunsplit((parts.scheme, host, parts.path.rstrip("/"), query, "")))
