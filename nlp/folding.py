"""Folds: groups of near-copies, so that a message sent four hundred times is read once.

A fold bears the id of the first post seen with its content. Two posts share a fold when their normalised texts are
equal, or when the Jaccard similarity of their sets of five-character shingles is at least 0.8 and they hold the same
negations, sides and numbers: "pour" and "contre" differ by one word and mean the opposite.

Similarity is estimated by 128 MinHash slots of which one byte is kept (Broder 1997; Li and König 2010), found through
12 bands of 6 slots (97 % of the pairs at 0.8, 99.6 % at 0.85). The store holds hashes, never text.
"""

import json
import re
import sqlite3
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from rensa import RMinHash

from nlp.keyindex import KeyIndex
from nlp.language import unaddressed
from polyphonie.records import Post

SLOTS, BANDS, BAND_SLOTS = 128, 12, 6
SHINGLE = 5  # characters
LEAST_WORDS = 5  # a shorter text has too few shingles for a near-copy to be told from another message
LEAST_SIMILARITY = 0.8
CROWD = 64  # folds compared in one band; a petition's template makes many that are alike without being copies
# Names the signatures in a file: those made otherwise cannot be compared with ours.
VERSION = 100 + int(RMinHash.ALGORITHM_VERSION)

_DECISIVE = frozenset(
    "ne n pas plus jamais non oui ni sans aucun aucune rien pour contre stop favorable defavorable not no yes".split()
)
_MARKS = re.compile(r"[\u0300-\u036f\u0610-\u061a\u064b-\u065f]")
_GAPS = re.compile(r"[\W_]+")

_TABLE = """
create table if not exists content (
    number integer primary key autoincrement, fold integer not null, post text not null, day integer not null,
    hash integer not null, signature blob, guard integer
);
"""


def normalise(text: str) -> str:
    """Letters and figures only, in lower case, without accents, addresses, mentions nor the sign of a repost.

    Two texts that a reader would call the same words have the same normal form; it is its own normal form.
    """
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", unaddressed(text).casefold()).casefold())
    words = _GAPS.sub(" ", _MARKS.sub("", plain.replace("œ", "oe").replace("æ", "ae"))).strip()
    return words.removeprefix("rt ").strip()


class Fingerprints(NamedTuple):
    """What folding keeps of n texts."""

    hashes: list[int]  # 64 bits, signed as SQLite wants them; of the normalised text
    rows: list[int]  # for each text its row in the two arrays, -1 for a text too short for near-copies
    signatures: NDArray[np.uint8]  # (m, SLOTS)
    guards: NDArray[np.uint64]  # (m,) hashes of the decisive words
    bands: NDArray[np.int64]  # (m, BANDS) keys


def fingerprint(normalised: Sequence[str]) -> Fingerprints:
    """Hash, signature and band keys of each normalised text."""
    hashes = [int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big", signed=True) for text in normalised]
    rows: list[int] = []
    shingles: list[list[str]] = []
    guards: list[int] = []
    for text in normalised:
        words = text.split()
        if len(words) < LEAST_WORDS:
            rows.append(-1)
            continue
        rows.append(len(shingles))
        shingles.append([text[start : start + SHINGLE] for start in range(len(text) - SHINGLE + 1)])
        guards.append(_guard(words))
    digests = RMinHash.digest_matrix_from_token_sets(shingles, SLOTS, 1).to_rows()
    signatures = np.array(digests, dtype=np.uint32).reshape(-1, SLOTS).astype(np.uint8)
    decisive = np.array(guards, dtype=np.uint64)
    return Fingerprints(hashes, rows, signatures, decisive, _bands(signatures, decisive))


def _guard(words: list[str]) -> int:
    decisive = sorted(word for word in words if word in _DECISIVE or word[0].isdigit())
    return int.from_bytes(blake2b(" ".join(decisive).encode(), digest_size=2).digest(), "big")


def _bands(signatures: NDArray[np.uint8], guards: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Keys of eight bytes: the six slots of the band, then 12 bits of the guard and 4 bits that name the band."""
    slots = signatures[:, : BANDS * BAND_SLOTS].reshape(len(signatures), BANDS, BAND_SLOTS).astype(np.uint64)
    keys = (guards[:, None] & np.uint64(0xFFF)) << np.uint64(4) | np.arange(BANDS, dtype=np.uint64)
    for slot in range(BAND_SLOTS):
        keys = keys << np.uint64(8) | slots[:, :, slot]
    return keys.view(np.int64)


def similarity(one: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Jaccard similarity estimated from one signature (SLOTS,) and several (n, SLOTS): (n,), standard error 0.035.

    One byte in 256 agrees by chance, which is taken off (Li and König 2010, for b = 8).
    """
    agreeing = (others == one).mean(axis=1)
    return np.asarray((agreeing - 1 / 256) / (1 - 1 / 256), dtype=np.float64)


class FoldStore:
    """The folds seen so far, in one SQLite file; several processes may share it.

    Each batch is one transaction: after a crash the same posts, given again, get the same folds. The file has one row
    for each distinct text and is only appended to; what finds a row is in memory and made again when the
    file is opened (eight seconds and at most 410 MB for a million folds). An index in the file would write twelve
    pages for each post.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._base = sqlite3.connect(path, timeout=60.0, isolation_level=None)
        path.chmod(0o600)
        self._base.executescript("pragma journal_mode=wal; pragma secure_delete=on; pragma synchronous=normal;")
        [found] = self._base.execute("pragma user_version").fetchone()
        if found not in (0, VERSION):
            # Posts keep the fold that they have; only new copies of old content open a new one.
            self._base.executescript("drop table if exists content;")
        self._base.executescript(f"{_TABLE} pragma user_version={VERSION};")
        self._recall()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def __len__(self) -> int:
        return int(self._base.execute("select count(*) from content where fold = number").fetchone()[0])

    def close(self) -> None:
        """Give the file back; nothing waits in memory."""
        self._base.close()

    def fold(self, posts: Sequence[Post]) -> list[str]:
        """The fold of each post, in order: the id of the first post seen with its content, else its own.

        Short replies fold when their words are equal ("Oui."), whatever they answer: who classifies one post a fold
        must keep apart those that have different parents.
        """
        texts = [normalise(post.text or post.title) for post in posts]
        prints = fingerprint(texts)
        with self._transaction():
            self._catch_up()
            batch = _Batch(self._base, prints, self._hashes, self._bands)
            folds = [
                # A lone picture or address has no words: nothing says that two are copies.
                batch.fold(post, hashed, row) if text else post.id
                for post, text, hashed, row in zip(posts, texts, prints.hashes, prints.rows, strict=True)
            ]
            batch.write(self._base)
        return folds

    def forget_before(self, day: date) -> int:
        """Forget the folds of which no post is as young as `day`; returns how many. Their posts keep their fold."""
        before = len(self)
        self._delete("select number from content where fold = number and day < ?", day.toordinal())
        self._recall()
        return before - len(self)

    def erase(self, ids: Iterable[str]) -> None:
        """Forget what was kept of these posts; the copies of an erased first post keep its id as their fold."""
        # What memory still knows of them is of no use: it finds numbers that are never given again.
        self._delete("select number from content where post in (select value from json_each(?))", json.dumps(list(ids)))

    def _delete(self, numbers: str, value: str | int) -> None:
        with self._transaction():
            gone = [number for [number] in self._base.execute(numbers, (value,))]
            listed = json.dumps(gone)
            for column in ("number", "fold"):
                self._base.execute(f"delete from content where {column} in (select value from json_each(?))", (listed,))

    def _recall(self) -> None:
        self._hashes, self._bands = KeyIndex(), KeyIndex()
        self._last = 0
        self._catch_up()

    def _catch_up(self) -> None:
        """Read the rows that this process, or another, wrote since the last time."""
        rows = self._base.execute(
            "select number, hash, signature, guard from content where number > ? order by number", (self._last,)
        )
        while some := rows.fetchmany(50_000):
            self._last = some[-1][0]
            self._hashes.add(np.array([row[1] for row in some]), np.array([row[0] for row in some]))
            near = [row for row in some if row[2] is not None]
            signatures = np.frombuffer(b"".join(row[2] for row in near), np.uint8).reshape(-1, SLOTS)
            keys = _bands(signatures, np.array([row[3] for row in near], dtype=np.uint64))
            self._bands.add(keys.ravel(), np.repeat([row[0] for row in near], BANDS))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._base.execute("begin immediate")
        try:
            yield
        except BaseException:
            self._base.execute("rollback")
            raise
        self._base.execute("commit")


class _Batch:
    """What the store holds that a batch may meet, and what the batch adds to it."""

    def __init__(self, base: sqlite3.Connection, prints: Fingerprints, hashes: KeyIndex, bands: KeyIndex) -> None:
        self._prints = prints
        exact = hashes.find(np.array(prints.hashes, dtype=np.int64), most=CROWD)
        near = bands.find(prints.bands.ravel(), most=CROWD)
        rows = _rows(base, {number for _, number in exact} | {number for _, number in near})
        self._folds = {number: row[1] for number, row in rows.items()}
        self._posts = {number: row[2] for number, row in (rows | _rows(base, set(self._folds.values()))).items()}
        self._signatures = {number: np.frombuffer(row[3], np.uint8) for number, row in rows.items() if row[3]}
        self._exact = {key: self._folds[number] for key, number in exact if number in rows}
        self._buckets: dict[int, list[int]] = defaultdict(list)
        for key, number in near:
            if number in rows:
                self._buckets[key].append(number)
        sequence = base.execute("select seq from sqlite_sequence where name = 'content'").fetchone()
        self._next = sequence[0] + 1 if sequence else 1
        self._added: list[tuple[int, int, str, int, int, bytes | None, int | None]] = []
        self._days: dict[int, int] = {}

    def fold(self, post: Post, hashed: int, row: int) -> str:
        """The fold of one post, which becomes the first of a new one when it resembles nothing."""
        day = post.at.date().toordinal()
        fold = self._exact.get(hashed)
        if fold is None:
            near = self._near(row)
            fold = near or self._next
            signature, guard = (None, None) if near or row < 0 else self._open(row)
            self._posts.setdefault(fold, post.id)
            self._added.append((self._next, fold, post.id, day, hashed, signature, guard))
            self._exact[hashed] = fold
            self._next += 1
        self._days[fold] = max(day, self._days.get(fold, 0))
        return self._posts[fold]

    def write(self, base: sqlite3.Connection) -> None:
        """Append what is new, and the last day of every fold that was met."""
        base.executemany("insert into content values (?, ?, ?, ?, ?, ?, ?)", self._added)
        days = [(day, number, day) for number, day in sorted(self._days.items())]
        base.executemany("update content set day = ? where number = ? and day < ?", days)

    def _near(self, row: int) -> int | None:
        """The oldest fold similar enough to the text of this row."""
        keys = self._prints.bands[row].tolist() if row >= 0 else ()
        numbers = sorted({number for key in keys for number in self._buckets.get(key, ())[:CROWD]})
        if not numbers:
            return None
        found = similarity(self._prints.signatures[row], np.stack([self._signatures[number] for number in numbers]))
        return next((n for n, near in zip(numbers, found, strict=True) if near >= LEAST_SIMILARITY), None)

    def _open(self, row: int) -> tuple[bytes, int]:
        signature = self._prints.signatures[row]
        self._signatures[self._next] = signature
        for key in self._prints.bands[row].tolist():
            self._buckets[key].append(self._next)
        return signature.tobytes(), int(self._prints.guards[row])


def _rows(base: sqlite3.Connection, numbers: set[int]) -> dict[int, tuple[int, int, str, bytes | None]]:
    # One request for thousands of values: json_each is the portable way to bind a list.
    select = "select number, fold, post, signature from content where number in (select value from json_each(?))"
    return {row[0]: row for row in base.execute(select, (json.dumps(sorted(numbers)),))}
