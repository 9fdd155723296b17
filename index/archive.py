"""The raw archive: pseudonymised records, appended to one compressed file a received day, from which all is remade.

Each batch is a Zstandard frame of its own, on disk when `append` returns. A process killed while it writes leaves at
worst a torn last frame: readers stop before it, and the next `append` cuts it off.
"""

import fcntl
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Collection as AnyOf
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import BinaryIO

import zstandard
from pydantic import BaseModel

from polyphonie.errors import InputError
from polyphonie.records import Deletion, Position, Post, Proposal, Tally

Archived = Post | Position | Proposal | Deletion

SUFFIX = ".jsonl.zst"
LASTING = "proposals"  # the file of what no received day begins and no expiry ends
TALLIES = "tallies"  # what was counted from days that have expired since
CHUNK_BYTES = 1 << 20
# Inside a JSON string a quote is escaped, so no text can look like these.
_IDS = re.compile(rb'"(?:id|post)":"([^"\\]*)"')
_SOURCE = re.compile(rb'"source":"([^"\\]*)"')


class _Line(BaseModel):
    post: Post | None = None
    position: Position | None = None
    proposal: Proposal | None = None
    deletion: Deletion | None = None
    tally: Tally | None = None


class Archive:
    """The files under one folder. Any number of processes may append, one at a time; readers take no lock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._whole: dict[Path, int] = {}  # length up to which a file is known to hold whole frames

    def append(self, records: Iterable[Archived], received: date | None = None) -> None:
        """Add a batch, durably.

        A post and a deletion go to the day they were received, a position to the day of its post when both are in the
        batch, else to that of its own reception, else to `received` (today, UTC, by default).
        """
        records = list(records)
        days = {record.id: record.received_at.date() for record in records if isinstance(record, Post)}
        fallback = received or datetime.now(UTC).date()
        lines: dict[str, list[bytes]] = defaultdict(list)
        for record in records:
            if isinstance(record, Proposal):
                name = LASTING
            elif isinstance(record, Position):
                own = record.received_at.date() if record.received_at else fallback
                name = days.get(record.post, own).isoformat()
            else:
                name = record.received_at.date().isoformat()
            line = f'{{"{type(record).__name__.lower()}":{record.model_dump_json()}}}\n'
            lines[name].append(line.encode())
        with self._my_turn():
            for name, batch in lines.items():
                self._append_frame(self.folder / f"{name}{SUFFIX}", b"".join(batch))

    def replay(self) -> Iterator[Post | Position | Proposal]:
        """Every record that no later deletion takes away, in the order received; of one id, the last is the one."""
        deleted: dict[str, int] = {}
        for place, line in enumerate(self._lines(self._paths())):
            if line.startswith(b'{"deletion"'):
                deleted[_ids(line)[0]] = place
        for place, line in enumerate(self._lines(self._paths())):
            if line.startswith(b'{"deletion"') or any(deleted.get(one, -1) > place for one in _ids(line)):
                continue
            read = _Line.model_validate_json(line)
            record = read.post or read.position or read.proposal
            if record is not None:
                yield record

    def keep_tallies(self, tallies: Iterable[Tally]) -> int:
        """Add, durably, those that are not kept already; returns how many.

        Meant for tallies that will not change any more (`measures.tallies.closed_tallies`).
        """
        path = self.folder / f"{TALLIES}{SUFFIX}"
        with self._my_turn():
            known = {_ids(line)[0]: hash(line) for line in self._lines([path])}
            lines = ((one.id, f'{{"tally":{one.model_dump_json()}}}'.encode()) for one in tallies)
            fresh = [line + b"\n" for key, line in lines if known.get(key) != hash(line)]
            if fresh:
                self._append_frame(path, b"".join(fresh))
        return len(fresh)

    def tallies(self) -> Iterator[Tally]:
        """The tallies that were kept; of one id, the last is the one."""
        path = self.folder / f"{TALLIES}{SUFFIX}"
        last = {_ids(line)[0]: place for place, line in enumerate(self._lines([path]))}
        for place, line in enumerate(self._lines([path])):
            if last[_ids(line)[0]] == place and (tally := _Line.model_validate_json(line).tally) is not None:
                yield tally

    def erase(self, ids: AnyOf[str]) -> int:
        """Remove the records of these ids (slugs for proposals), and the positions of these posts; returns how many."""
        wanted = frozenset(ids)
        with self._my_turn():
            return sum(self._rewrite(path, lambda line: wanted.isdisjoint(_ids(line))) for path in self._paths())

    def expire(self, before: datetime, keep_sources: AnyOf[str] = ()) -> int:
        """Remove the days that began before `before`, but for these sources; returns how many records went.

        `before` is rounded down to its midnight, UTC, as in `index.retention.expire`: a rebuild finds what the index
        had kept.
        """
        kept = frozenset(source.encode() for source in keep_sources)
        limit = midnight(before).date()

        def keeps(line: bytes) -> bool:
            source = _SOURCE.search(line)
            return source is not None and source[1] in kept

        with self._my_turn():
            old = [path for path in self._paths() if _began_before(path, limit)]
            return sum(self._rewrite(path, keeps) for path in old)

    def _paths(self) -> list[Path]:
        days = sorted(self.folder.glob(f"*-*-*{SUFFIX}"))
        lasting = self.folder / f"{LASTING}{SUFFIX}"
        return [lasting, *days] if lasting.exists() else days

    def _lines(self, paths: Iterable[Path]) -> Iterator[bytes]:
        for path in paths:
            if not path.exists():
                continue
            with path.open("rb") as file:
                for _, lines in _frames(file, path):
                    yield from lines.splitlines()

    def _append_frame(self, path: Path, lines: bytes) -> None:
        frame = _compressed(lines)
        created = not path.exists()
        with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
            if os.fstat(file.fileno()).st_size != self._whole.get(path, 0):
                self._whole[path] = max((end for end, _ in _frames(file, path)), default=0)
                file.truncate(self._whole[path])
            file.seek(0, os.SEEK_END)
            file.write(frame)
            _sync(file)
            self._whole[path] = file.tell()
        if created:
            _sync_folder(self.folder)

    def _rewrite(self, path: Path, keeps: Callable[[bytes], bool]) -> int:
        fresh = path.with_name(f".{path.name}.fresh")
        removed, left = 0, 0
        with (
            path.open("rb") as old,
            os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as new,
        ):
            for _, lines in _frames(old, path):
                before = lines.splitlines(keepends=True)
                after = [line for line in before if keeps(line)]
                removed += len(before) - len(after)
                left += len(after)
                if after:
                    new.write(_compressed(b"".join(after)))
            _sync(new)
        if not removed:
            fresh.unlink()
        elif left:
            fresh.replace(path)
        else:
            fresh.unlink()
            path.unlink()
        _sync_folder(self.folder)
        self._whole.pop(path, None)
        return removed

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.folder / "archive.lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _frames(file: BinaryIO, path: Path) -> Iterator[tuple[int, bytes]]:
    """Each whole frame: the offset where it ends, and its lines. Raises InputError when one is damaged."""
    decompressor = zstandard.ZstdDecompressor()
    end, ahead = 0, b""
    while True:
        frame, lines, read = decompressor.decompressobj(), [], 0
        while not frame.eof:
            chunk = ahead or file.read(CHUNK_BYTES)
            ahead = b""
            if not chunk:
                return
            read += len(chunk)
            try:
                lines.append(frame.decompress(chunk))
            except zstandard.ZstdError as error:
                raise InputError(f"{path} is damaged after byte {end}: {error}; restore it from a backup") from error
        ahead = frame.unused_data
        end += read - len(ahead)
        yield end, b"".join(lines)


def _compressed(lines: bytes) -> bytes:
    frame: bytes = zstandard.ZstdCompressor(write_checksum=True).compress(lines)
    return frame


def _ids(line: bytes) -> list[str]:
    return [found.decode() for found in _IDS.findall(line)]


def midnight(moment: datetime) -> datetime:
    """The midnight, UTC, that begins the day of `moment`; the archive, cut in days, can expire nowhere else."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _began_before(path: Path, limit: date) -> bool:
    name = path.name.removesuffix(SUFFIX)
    return name != LASTING and date.fromisoformat(name) < limit


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
