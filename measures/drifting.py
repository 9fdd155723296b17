"""What `measures.drift` compares, read from the index: sources and probabilities by aggregation, words from a sample.

Words are counted in the newest WORDS_A_DAY posts of each day, once a post, under a digest in BUCKETS places: no word is
kept or shown, and a rare one cannot be told from those that share its place.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any
from zlib import crc32

import numpy as np

from index.engine import Engine, Where
from index.schema import STOP_WORDS, elide
from measures.drift import DAYS, LAST, Array, Move, Shift, shift
from measures.quality import MANY
from measures.window import midnight
from polyphonie.records import Origin

WORDS_A_DAY = 100
BUCKETS = 512
STEM = 6  # letters: enough to join « retraite » and « retraités »
_STEP = 0.25  # of probabilities
_WORD = re.compile(r"[a-z]{3,}")
_EPOCH = date(1970, 1, 1)
_BY_DAY: dict[str, Any] = {"field": "at", "fixed_interval": "1d"}


@dataclass(frozen=True)
class Kept:
    """What was found when somebody last looked. until: the first day that was not compared."""

    until: date
    shifts: tuple[Shift, ...]

    def bears_on(self, until: date) -> list[Shift]:
        """The established shifts, where a window that ends before `until` holds days of the week that moved."""
        moved = [each for each in self.shifts if each.established]
        return moved if until > self.until - timedelta(days=LAST) else []


def shifts_path(home: Path) -> Path:
    """Where what was found is kept in a home."""
    return home / "drift.json"


def keep_shifts(path: Path, until: date, shifts: Iterable[Shift]) -> None:
    """Keep what was found, in place of what was kept."""
    told = json.dumps({"until": until.isoformat(), "shifts": [asdict(each) for each in shifts]})
    with NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
        file.write(told)
    Path(file.name).replace(path)


def kept_shifts(path: Path) -> Kept | None:
    """What is kept; None where nobody looked yet, or what is there is of another version."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        shifts = [Shift(**each | {"moves": tuple(Move(**move) for move in each["moves"])}) for each in told["shifts"]]
        return Kept(date.fromisoformat(told["until"]), tuple(shifts))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def read_shifts(engine: Engine, until: date, days: int = DAYS, last: int = LAST) -> list[Shift]:
    """The three views of the `last` days before `until` (exclusive, UTC) against the days before them."""
    sources, names = _sources(engine, until, days)
    return [
        shift("sources", sources, last, names),
        shift("scores", _scores(engine, until, days), last),
        shift("words", _words(engine, until, days), last),
    ]


def _where(until: date, days: int) -> Where:
    terms: dict[str, tuple[str | bool, ...]] = {"origin": (Origin.PREDICTED,), "counted": (True,)}
    return Where(terms=terms, since=midnight(until - timedelta(days=days)), until=midnight(until))


def _sources(engine: Engine, until: date, days: int) -> tuple[Array, list[str]]:
    """(days, k) predicted positions of each source, and its name."""
    asked = {"days": {"date_histogram": _BY_DAY, "aggs": {"sources": {"terms": {"field": "source", "size": MANY}}}}}
    buckets = engine.aggregate("positions", asked, _where(until, days))["days"]["buckets"]
    names = sorted({each["key"] for bucket in buckets for each in bucket["sources"]["buckets"]})
    table = np.zeros((days, max(len(names), 1)))
    for bucket in buckets:
        for each in bucket["sources"]["buckets"]:
            table[_row(bucket, until, days), names.index(each["key"])] = each["doc_count"]
    return table, names


def _scores(engine: Engine, until: date, days: int) -> Array:
    """(days, 16) predicted positions in squares of the probabilities of favour and against."""
    against = {"against": {"histogram": {"field": "p_against", "interval": _STEP}}}
    favour = {"favour": {"histogram": {"field": "p_favour", "interval": _STEP}, "aggs": against}}
    asked = {"days": {"date_histogram": _BY_DAY, "aggs": favour}}
    steps = round(1 / _STEP)
    table = np.zeros((days, steps, steps))
    for bucket in engine.aggregate("positions", asked, _where(until, days))["days"]["buckets"]:
        for one in bucket["favour"]["buckets"]:
            for other in one["against"]["buckets"]:
                place = _step(one, steps), _step(other, steps)
                table[(_row(bucket, until, days), *place)] += other["doc_count"]
    return table.reshape(days, -1)


def _words(engine: Engine, until: date, days: int) -> Array:
    """(days, BUCKETS) posts of the sample of each day that hold a word of each place."""
    table = np.zeros((days, BUCKETS))
    for row in range(days):
        since = until - timedelta(days=days - row)
        where = Where(terms={"lang": ("fr",)}, since=midnight(since), until=midnight(since + timedelta(days=1)))
        for post in engine.search("posts", where, size=WORDS_A_DAY, newest_first=True).documents:
            table[row, sorted(places(f"{post.get('title', '')} {post['text']}"))] += 1
    return table


def places(text: str) -> set[int]:
    """Where the words of a text fall: beginnings of words of three letters or more, without accents or stop words."""
    plain = unicodedata.normalize("NFKD", elide(text).lower()).encode("ascii", "ignore").decode()
    return {crc32(word[:STEM].encode()) % BUCKETS for word in _WORD.findall(plain) if word not in STOP_WORDS}


def _row(bucket: Mapping[str, Any], until: date, days: int) -> int:
    return (_EPOCH + timedelta(milliseconds=bucket["key"]) - (until - timedelta(days=days))).days


def _step(bucket: Mapping[str, Any], steps: int) -> int:
    return min(int(bucket["key"] / _STEP + 0.5), steps - 1)
