"""Scrubbing: what names a person or leads to one leaves a text before anything is stored.

Mentions (but those of the signed list of public figures), e-mail addresses, telephone and social-security numbers,
bank accounts and every address of the web go; so do the names that the payload itself gives: its author's, and those of
the people it mentions. A name that only the prose holds is not found here: docs/methods.md says so.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from polyphonie.records import Link

GONE = "[…]"  # shown to readers of French, so a sign rather than a word

# A pattern that may begin anywhere inside a run of its own characters reads the run once a character: the lookbehinds
# below let it begin only where the run does, so that a hostile text takes no longer than another.

# Invisible characters hide a handle from a pattern, and copies from each other.
# Also halves of characters, which JSON may hold and no file can.
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\ud800-\udfff]+")
_WIDE_AT = re.compile("[＠﹫]")
_SPACES = re.compile(r"\s{2,}")
_OWNER = (
    r"(?:@|~|in/|u/|(?:users?|profiles?|profil|authors?|auteur(?:e|rice)?s?|members?|membres?|utilisat(?:eur|rice)s?"
    r"|people|personnes?|accounts?|compte|contribut(?:eur|rice|or)s?)(?:\.\w+)?(?:/|$))"
)
_URL = re.compile(r"(?:https?://|(?<!@)www\.)\S+|at://\S+|did:(?:plc|web):[\w.:%-]+", re.IGNORECASE)
_HOST = r"(?<![\w@-])(?<![\w-]\.)(?:[\w-]++\.)+"
# Not any ending: «les élu.es/agents» is French.
_BARE_URL = re.compile(
    rf"{_HOST}(?:(?:com|fr|org|net|eu|io|social|info|be|ch|lu|ca|uk|app|tv|me|ly|gl|gg|ee|xyz|cloud|online|site|link|club"
    rf"|blog|page|dev|world|paris|bzh)/|[a-z]{{2,24}}/{_OWNER})\S*",
    re.IGNORECASE,
)
_TAIL = r"(?:@+[._-]*\w(?:[\w.-]*\w)?)*"  # @name@server, and whatever else is glued behind
_HANDLE = re.compile(rf"{_HOST}bsky\.(?:social|team)(?![^\W\d_]|-){_TAIL}", re.IGNORECASE)
_AT = r"(?:@|\s?[\[(]\s?(?:at|arobase|a|@)\s?[\])]\s?)"
_EMAIL = re.compile(
    rf"(?<![\w.+%'@-])[\w.+%'-]+{_AT}[\w-]+(?:(?:\.|\s?[\[(](?:dot|point)[\])]\s?)[\w-]+)+{_TAIL}", re.IGNORECASE
)
# Glued behind a letter, one or two characters are inclusive writing: «tou@s», «étudiant@es».
_MENTION = re.compile(rf"@(?:(?<![^\W\d_]@)[._-]*(\w(?:[\w.-]*\w)?{_TAIL})|[._-]*(\w[\w.-]+\w{_TAIL}))")
# Sums grouped by thousands (+3 000 000, 1 001 234 567) and dates before an hour (01/02/2026 12h30) are no numbers.
_PHONE = re.compile(
    r"(?:\+(?!\s?\d{1,3}(?:[\s.]\d{3}){1,2}(?![\s.\-/]?\d))|(?<![\d@])00(?!\d(?:[\s.]\d{3})+(?![\s.]?\d))(?=\s?[1-9]))"
    r"\s?\d{1,3}(?:\s?\(0\))?(?:[\s.\-/]{0,3}\d){6,12}(?!\d)"
    r"|(?<![\d@])(?!\d\d([/.-])(?:0[1-9]|1[0-2])\1(?:19|20)\d\d(?![/.-]?\d))(?:\(0[1-9]\)|0[1-9])(?:[\s.\-/]{0,3}\d){8}(?!\d)"
)
_SOCIAL_SECURITY = re.compile(
    r"(?<![\d@])[12]\s?\d{2}\s?(?:0[1-9]|1[0-2]|[2-9]\d)\s?\d[\dAB]\s?\d{3}\s?\d{3}(?:\s?\d{2})?(?!\d)"
)
_IBAN = re.compile(r"(?<![A-Za-z])[A-Z]{2}\d{2}(?:\s?[A-Z0-9]{4}){3,7}(?:\s?[A-Z0-9]{1,3})?\b")
_NUMBERS = (_IBAN, _SOCIAL_SECURITY, _PHONE)
# What a text must hold for a slower pattern to find anything: most texts do not.
_HAS_URL = re.compile(r"://|www\.|did:", re.IGNORECASE)
_HAS_BARE_URL = re.compile(r"\.[a-z]{2,24}/", re.IGNORECASE)
_HAS_EMAIL = re.compile(r"@(?<=[\w.+%'-]@)\w")
_HAS_NUMBER = re.compile(r"[0-9](?:[^0-9]{0,5}+[0-9]){6}")
# The people that a reply is addressed to: their places say nothing.
_LEADING = re.compile(rf"^(?:\s*{re.escape(GONE)}[\s,:]*)+")
_REPEATED = re.compile(rf"{re.escape(GONE)}(?:\s*{re.escape(GONE)})+")

# Pages of these sites are somebody's: an address there leads to a profile.
PERSONAL_SITES = frozenset(
    "twitter.com x.com t.co bsky.app bsky.social facebook.com fb.com fb.me instagram.com tiktok.com threads.net "
    "threads.com linkedin.com lnkd.in youtube.com youtu.be telegram.me t.me reddit.com snapchat.com pinterest.com "
    "pinterest.fr vk.com ok.ru twitch.tv discord.com discord.gg whatsapp.com wa.me mastodon.social piaille.fr "
    "mamot.fr github.com github.io gitlab.com gitlab.io medium.com substack.com tumblr.com linktr.ee patreon.com "
    "tipeee.com paypal.me ko-fi.com wordpress.com blogspot.com blogspot.fr over-blog.com canalblog.com "
    "hautetfort.com eklablog.com blogs.mediapart.fr".split()
)
_PERSONAL_PATH = re.compile(rf"/{_OWNER}", re.IGNORECASE)
# What says which page it is. Any other key may say who shares it (`token`, `user`, `recruited_by_id`): the names of
# such keys have no end, so those that stay are listed, and a search (`q`) is not, since a person may be searched.
_PAGE_KEYS = frozenset(
    "id article id_article idarticle idtexte cidtexte art page p num numero doc dossier texte legislature".split()
)
_PAGE_VALUE = re.compile(r"[\w-]{1,80}")
_SHORTEST_NAME = 3  # characters: shorter ones would wipe ordinary words
_LOCAL_PART = re.compile(r"@?([\w.-]+)@[\w.-]+|@?([\w-]+)(?:\.[\w-]+)+")


def scrub(text: str, *, names: Iterable[str] = (), figures: Collection[str] = ()) -> str:
    """`text` without identities, in NFC. `names` are wiped wherever they stand as words, whatever their case;
    `figures` are the handles (without @) of the signed list, whose mentions stay."""
    text = unicodedata.normalize("NFC", _WIDE_AT.sub("@", _INVISIBLE.sub("", text)))
    kept = {figure.lstrip("@").casefold() for figure in figures}

    def unless_kept(found: re.Match[str]) -> str:
        handle = next(filter(None, found.groups()), found[0])
        return found[0] if handle.casefold() in kept else GONE

    if _HAS_URL.search(text):
        text = _URL.sub(" ", text)
    if _HAS_BARE_URL.search(text):
        text = _BARE_URL.sub(" ", text)
    text = _tidy(text)
    if "(" in text or "[" in text or _HAS_EMAIL.search(text):
        text = _EMAIL.sub(GONE, text)
    if _HAS_NUMBER.search(text):
        for pattern in _NUMBERS:
            text = pattern.sub(GONE, text)
    text = _without_names(text, {name for name in names if name.casefold() not in kept})
    # Last: what goes before them may leave a handle bare.
    text = _MENTION.sub(unless_kept, text)
    if "bsky." in text.casefold():
        text = _HANDLE.sub(unless_kept, text)
    return _tidy(_LEADING.sub("", _REPEATED.sub(GONE, text))) if GONE in text else text


def hashtags(tags: Iterable[str], names: Iterable[str] = ()) -> tuple[str, ...]:
    """`tags` casefolded, without #, once each, in order; without those that are no single word, hold a number to
    reach somebody, or are one of `names`: a name, a handle or what stands before its server."""
    wiped = {form.replace("-", "") for form in _forms(names)}
    words = (unicodedata.normalize("NFC", tag).strip().lstrip("#＃") for tag in tags)
    kept = (
        word.casefold()
        for word in words
        if re.fullmatch(r"\w+", word)
        and not any(number.search(word) for number in _NUMBERS)
        and _dashed(word).replace("-", "") not in wiped
    )
    return tuple(dict.fromkeys(kept))


def link(url: str, names: Iterable[str] = ()) -> Link | None:
    """Domain and canonical address of what is shared; None where it leads to a person (one of `names` stands in it, for
    instance), or is no web address."""
    try:
        parts = urlsplit(_INVISIBLE.sub("", url).strip())
        host = (parts.hostname or "").removeprefix("www.").removeprefix("m.")
    except ValueError:
        return None
    path = _unquoted(parts.path)
    if parts.scheme not in ("http", "https") or "." not in host or parts.username or "@" in path:
        return None
    if any(host == site or host.endswith("." + site) for site in PERSONAL_SITES) or _PERSONAL_PATH.search(path):
        return None
    place = f"-{_dashed(host)}-{_dashed(path)}-{_dashed(_unquoted(parts.query))}-"
    forms = {form for name in _forms(names) for form in (name, name.replace("-", "")) if len(form) > _SHORTEST_NAME}
    if any(f"-{form}-" in place for form in forms):
        return None
    query = [
        (key, value)
        for key, value in parse_qsl(parts.query)
        if key.casefold() in _PAGE_KEYS and _PAGE_VALUE.fullmatch(value)
    ]
    return Link(domain=host, url=urlunsplit((parts.scheme, host, parts.path.rstrip("/"), urlencode(query), "")))


def _tidy(text: str) -> str:
    return "\n".join(_SPACES.sub(" ", line.strip()) for line in text.splitlines()).strip()


def _without_names(text: str, names: Iterable[str]) -> str:
    folded = text.casefold()
    for name in sorted(names, key=len, reverse=True):
        words = unicodedata.normalize("NFC", name).split()
        # Looked for before a pattern is made of it: patterns are slow to make, and most names are not in the text.
        if sum(map(len, words)) >= _SHORTEST_NAME and all(word.casefold() in folded for word in words):
            pattern = r"\s".join(map(re.escape, words))
            text = re.sub(rf"(?<![\w@]){pattern}(?!\w)", GONE, text, flags=re.IGNORECASE)
    return text


def _forms(names: Iterable[str]) -> set[str]:
    """Names, handles and what stands before the server of these, as addresses write them: `jean-dupont`."""
    forms = set()
    for name in names:
        forms.add(_dashed(name))
        if local := _LOCAL_PART.fullmatch(name.strip()):
            forms.add(_dashed(local[1] or local[2]))
    return forms - {""}


def _dashed(text: str) -> str:
    """`text` without accents or case, its words joined by dashes."""
    letters = (char for char in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(char))
    return "-".join(re.findall(r"[^\W_]+", "".join(letters)))


def _unquoted(text: str) -> str:
    for _ in range(3):  # addresses inside addresses are quoted again
        text = unquote(text)
    return text
