"""What each collection holds: one table of fields, from which tantivy's schema and Elasticsearch's mapping are made.

It also says how French text is cut into terms, because both engines must cut it alike, and why a document is refused,
because both must refuse the same ones.
"""

import json
import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from index.engine import Collection, Document

# Raised for a collection with every change below that its index, made before, cannot follow.
VERSIONS: Mapping[Collection, int] = {"posts": 2, "positions": 2, "tallies": 1, "proposals": 1, "topics": 1}
VERSION = max(VERSIONS.values())


class Kind(StrEnum):
    KEYWORD = "keyword"
    KEYWORDS = "keywords"  # a list
    TEXT = "text"  # French
    TEXTS = "texts"  # a list
    DATE = "date"  # ISO 8601 with its zone, or a day
    FLOAT = "float"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    STORED = "stored"  # any JSON, given back and never searched


def _fields(**kinds: str) -> dict[str, Kind]:
    return {name: Kind(kind) for kind, names in kinds.items() for name in names.split()}


FIELDS: Mapping[Collection, Mapping[str, Kind]] = {
    "posts": _fields(
        keyword="id source kind lang reply_to repost_of quote_of fold topic",
        keywords="domains outlets hashtags flags proposals",
        text="text title",
        date="created_at received_at at",
        integer="reach replies reposts likes",
        stored="links versions",
    ),
    "positions": _fields(
        keyword="id post proposal stance origin voice source model declared"
        " kind lang fold topic sector reply_to repost_of quote_of",
        keywords="domains outlets hashtags flags",
        text="text title",
        date="created_at received_at at",
        float="p_favour p_against p_unclear match",
        integer="epoch reach",
        boolean="counted",
        stored="span",
    ),
    "tallies": _fields(keyword="id proposal source origin", date="day at", integer="epoch", stored="counts replicates"),
    "proposals": _fields(
        keyword="id sector source post",
        keywords="keywords known_as bearers",
        text="title statement negation",
        texts="paraphrases",
        date="since",
    ),
    "topics": _fields(
        keyword="id merged_into model",
        keywords="terms",
        text="label",
        date="at last_at",
        integer="size",
        stored="centroid",
    ),
}

# Not "pour", "contre", "sans", "pas" nor "plus": on a stance they carry the sense. Without accents, like the terms.
STOP_WORDS = tuple(
    "a ai aie aient ais ait alors as au aucun aussi autre aux avait avec avez avons c ce ceci cela celle celles celui"
    " ces cet cette ceux chez ci comme d dans de des donc dont du elle elles en encore es est et etaient etait etes"
    " etre eu eux fut hors ici il ils j je l la le les leur leurs lui m ma mais me meme memes mes moi mon n nos notre"
    " nous on ont or ou par parce pendant puis qu quand que quel quelle quelles quels qui quoi s sa se sera serait ses"
    " si soi soit son sont sous sur t ta te tes toi ton tu un une vos votre vous vu y".split()
)
ARTICLES = tuple("l m t n s j d c qu jusqu quoiqu lorsqu puisqu".split())
# The words of Unicode's UAX 29 as far as French needs them: 49.3 and aujourd'hui are one word, and so is an emoji.
WORD = r"\d+(?:[.,]\d+)+|\w+(?:['’]\w+)*|\p{Extended_Pictographic}"
_ELIDED = re.compile(rf"\b(?:{'|'.join(ARTICLES)})['’](?=\w)", re.IGNORECASE)
_WORD_OR_EMOJI = re.compile(r"\w+|[\u2600-\u27bf\U0001f000-\U0001faff]")
MAX_TERM_BYTES = 32_766  # Lucene's limit
MAX_ID_BYTES = 512  # Elasticsearch's limit
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d))?", re.ASCII)
_YEARS = range(1900, 2200)  # tantivy counts nanoseconds in 64 bits
_INTEGERS = range(-(2**63), 2**63)


def elide(text: str) -> str:
    """Text without its elided articles: "l'école" becomes "école", "aujourd'hui" stays."""
    return _ELIDED.sub("", text) if "'" in text or "’" in text else text


def says_nothing(text: str) -> bool:
    """Whether analysis leaves no term of `text`: only stop words and punctuation."""
    return all(_plain(word) in STOP_WORDS for word in _WORD_OR_EMOJI.findall(elide(text)))


def _plain(word: str) -> str:
    return unicodedata.normalize("NFKD", word).encode("ascii", "ignore").decode().lower()


@lru_cache(maxsize=10_000)  # a document holds the same one up to three times, a batch many times
def instant(written: str) -> datetime:
    """The instant that a date field holds; a day is its midnight, UTC. Raises ValueError."""
    if not _INSTANT.fullmatch(written):
        raise ValueError("not an ISO 8601 date with its zone")
    moment = datetime.fromisoformat(written)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def whole_second(moment: datetime) -> datetime:
    """The first whole second at or after `moment`: tantivy keeps seconds, so windows are cut there on both engines."""
    floor = moment.astimezone(UTC).replace(microsecond=0)
    return floor if floor == moment else floor + timedelta(seconds=1)


def order_of(collection: Collection, document: Document) -> int:
    """A sort key that hardly ever ties: the instant `at` in its high bits, 30 bits of the id below.

    Newest first is its descending order, the same on both engines, so a page never repeats or skips a document.
    """
    noise = int.from_bytes(blake2b(document["id"].encode(), digest_size=4).digest()) >> 2
    at = document.get("at") if "at" in FIELDS[collection] else None
    return (int(instant(at).timestamp()) << 30) + noise if at else noise


def refusal(collection: Collection, document: Document) -> str:
    """Why the schema refuses a document, or "" when it fits."""
    fields = FIELDS[collection]
    if not isinstance(document.get("id"), str) or not document["id"]:
        return "field 'id': expected a non-empty string"
    if _encodes(document["id"]) > MAX_ID_BYTES:
        return f"field 'id': expected at most {MAX_ID_BYTES} bytes of UTF-8"
    for name, content in document.items():
        kind = fields.get(name)
        if kind is None:
            return f"field {name!r}: not in the schema of {collection}"
        if content is not None and (reason := _CHECKS[kind](content)):
            # The type, never the content: a reason is kept in quarantine and logs, a text must not be.
            return f"field {name!r}: {reason}, got {type(content).__name__}"
    return ""


def _check_keyword(content: Any) -> str:
    if not isinstance(content, str):
        return "expected a string"
    return "" if _encodes(content) <= MAX_TERM_BYTES else f"expected at most {MAX_TERM_BYTES} bytes of UTF-8"


def _check_text(content: Any) -> str:
    return "" if isinstance(content, str) and _encodes(content) < math.inf else "expected a string in valid Unicode"


def _encodes(content: str) -> float:
    """Bytes of UTF-8, infinite for a lone surrogate."""
    if content.isascii():
        return len(content)
    try:
        return len(content.encode())
    except UnicodeEncodeError:
        return math.inf


def _check_date(content: Any) -> str:
    if not isinstance(content, str):
        return "expected a date as a string"
    try:
        moment = instant(content)
    except (ValueError, OverflowError):
        return "expected an ISO 8601 date with its zone"
    return "" if moment.year in _YEARS else f"expected a year from {_YEARS.start} to {_YEARS.stop - 1}"


def _check_float(content: Any) -> str:
    number = isinstance(content, int | float) and not isinstance(content, bool)
    return "" if number and math.isfinite(content) else "expected a finite number"


def _check_integer(content: Any) -> str:
    number = isinstance(content, int) and not isinstance(content, bool)
    return "" if number and content in _INTEGERS else "expected an integer of 64 bits"


def _check_boolean(content: Any) -> str:
    return "" if isinstance(content, bool) else "expected true or false"


def _check_stored(content: Any) -> str:
    try:
        to_json(content).encode()
    except (TypeError, ValueError):
        return "expected JSON"
    return ""


def _each(check: Callable[[Any], str]) -> Callable[[Any], str]:
    def checked(content: Any) -> str:
        if not isinstance(content, list | tuple):
            return "expected a list"
        reasons: Iterable[str] = (check(one) for one in content)
        return next((f"in the list, {reason}" for reason in reasons if reason), "")

    return checked


to_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_CHECKS: dict[Kind, Callable[[Any], str]] = {
    Kind.KEYWORD: _check_keyword,
    Kind.KEYWORDS: _each(_check_keyword),
    Kind.TEXT: _check_text,
    Kind.TEXTS: _each(_check_text),
    Kind.DATE: _check_date,
    Kind.FLOAT: _check_float,
    Kind.INTEGER: _check_integer,
    Kind.BOOLEAN: _check_boolean,
    Kind.STORED: _check_stored,
}
