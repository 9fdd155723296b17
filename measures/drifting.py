"""What `measures.drift` compares, read from the index: sources and probabilities by aggregation, words from a sample;
and what it found, kept until the model's errors are measured again.

A change that lasts is soon compared with itself: two weeks later nothing moves any more, and the errors were still
measured before it. So what was established once goes on widening intervals.

Words are counted in the newest WORDS_A_DAY posts of each day, once a post, under a digest in BUCKETS places: no word is
kept or shown, and a rare one cannot be told from those that share its place.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any
from zlib import crc32

import numpy as np

from index.engine import Engine, Where
from index.schema import STOP_WORDS, elide
from measures.drift import DAYS, LAST, Array, Kind, Move, Shift, shift
from measures.quality import MANY
from measures.window import midnight
from nlp.quality import STANCE, read_quality
from polyphonie.records import Origin, record_id

WORDS_A_DAY = 100
BUCKETS = 512
STEM = 6  # letters: enough to join « retraite » and « retraités »
_STEP = 0.25  # of probabilities
_WORD = re.compile(r"[a-z]{3,}")
_EPOCH = date(1970, 1, 1)
_BY_DAY: dict[str, Any] = {"field": "at", "fixed_interval": "1d"}


@dataclass(frozen=True)
class Seen:
    """An established shift. since: the first of the days that moved."""

    since: date
    shift: Shift


@dataclass(frozen=True)
class Kept:
    """What was found when somebody last looked, and what had been established since the errors were measured.

    until: the first day that was not compared. measured: see `evaluation`. renewed: the first look under this
    evaluation, None where no other came before it. lasting: of each view, those that moved further than all before.
    """

    until: date
    shifts: tuple[Shift, ...]
    lasting: tuple[Seen, ...] = ()
    measured: str = ""
    renewed: date | None = None

    def bears_on(self, until: date = date.max) -> list[Seen]:
        """Of each view, the largest established shift that a window which ends before `until` holds days of."""
        largest: dict[Kind, Seen] = {}
        for each in (*self.lasting, *self.established):
            former = largest.get(each.shift.kind)
            if each.since < until and (former is None or each.shift.moved > former.shift.moved):
                largest[each.shift.kind] = each
        return sorted(largest.values(), key=lambda each: each.since)

    @property
    def established(self) -> list[Seen]:
        """What the last look found."""
        since = self.until - timedelta(days=LAST)
        return [Seen(since, each) for each in self.shifts if each.established]


def shifts_path(home: Path) -> Path:
    """Where what was found is kept in a home."""
    return home / "drift.json"


def evaluation(path: Path = STANCE) -> str:
    """Name of the measurement of the model's errors: another reader, other sets or other results have another; empty
    where there is none."""
    if not path.exists():
        return ""
    quality = read_quality(path)
    found = (f"{each.digest} {each.confusion}" for each in quality.sets)
    return record_id(quality.model, quality.name, quality.abstain_below, *found)


def after(before: Kept | None, until: date, shifts: Iterable[Shift], measured: str) -> Kept:
    """What is to be kept after a look. measured: under which evaluation; another one forgets what lasted.

    A second look at the same days replaces what the first established: more of them may have been read since.
    """
    lasting, renewed = (before.lasting, before.renewed) if before else ((), None)
    if before and before.measured not in ("", measured):
        lasting, renewed = (), until
    found = Kept(until, tuple(shifts), (), measured, renewed)
    # After a change of reader or of calibration, the days before were scored otherwise: that is no drift.
    alike = renewed is None or until - timedelta(days=DAYS) >= renewed
    seen = [each for each in found.established if alike or each.shift.kind != "scores"]
    seen += [each for each in lasting if each.since != until - timedelta(days=LAST)]
    return replace(found, lasting=tuple(_furthest(seen)))


def keep_shifts(path: Path, until: date, shifts: Iterable[Shift], measured: str = "") -> Kept:
    """Keep what was found, see `after`; returns all that is kept."""
    kept = after(kept_shifts(path), until, shifts, measured)
    told = json.dumps(asdict(kept), default=date.isoformat)
    with NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
        file.write(told)
    Path(file.name).replace(path)
    return kept


def kept_shifts(path: Path) -> Kept | None:
    """What is kept; None where nobody looked yet, or what is there is of another version."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        renewed = told.get("renewed")
        return Kept(
            date.fromisoformat(told["until"]),
            tuple(_shift(each) for each in told["shifts"]),
            # A file of a former version has none of these.
            tuple(Seen(date.fromisoformat(each["since"]), _shift(each["shift"])) for each in told.get("lasting", ())),
            told.get("measured", ""),
            date.fromisoformat(renewed) if renewed else None,
        )
    except (FileNotFoundError, AttributeError, ValueError, KeyError, TypeError):
        return None


def read_shifts(engine: Engine, until: date, days: int = DAYS, last: int = LAST) -> list[Shift]:
    """The three views of the `last` days before `until` (exclusive, UTC) against the days before them."""
    sources, names = _sources(engine, until, days)
    return [
        shift("sources", sources, last, names),
        shift("scores", _scores(engine, until, days), last),
        shift("words", _words(engine, until, days), last),
    ]


def _furthest(seen: Iterable[Seen]) -> list[Seen]:
    """Those that moved further than all that began before them, of their view."""
    found: list[Seen] = []
    for each in sorted(seen, key=lambda one: (one.since, -one.shift.moved)):
        if all(one.shift.moved < each.shift.moved for one in found if one.shift.kind == each.shift.kind):
            found.append(each)
    return found


def _shift(told: Mapping[str, Any]) -> Shift:
    return Shift(**{**told, "moves": tuple(Move(**move) for move in told["moves"])})


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
