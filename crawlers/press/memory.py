"""What is remembered of a feed between two rounds: its part of the cursor."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date, timedelta
from hashlib import blake2b
from typing import Any, Self

from polyphonie.native import NativePost

MOST_SEEN = 1_000  # articles of a feed, the newest; feeds hold 20 to 100
CLOSED_FOR = timedelta(days=30)  # what is gone for ever is asked for again after it: publishers err


@dataclass(frozen=True, kw_only=True)
class Memory:
    """`seen`: article -> what was read of it, both hashed; `moved`: where the feed is now; `closed`: when it ended."""

    etag: str = ""
    modified: str = ""
    moved: str = ""
    closed: str = ""
    seen: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, kept: Any) -> Self:
        """From a cursor; empty where it holds nothing that is known."""
        known = kept if isinstance(kept, dict) else {}
        return cls(**{name: said for name, said in known.items() if name in cls.__dataclass_fields__})

    def kept(self) -> dict[str, Any]:
        """For a cursor: without what is empty."""
        return {name: said for name, said in asdict(self).items() if said}

    def is_closed(self, today: date) -> bool:
        return bool(self.closed) and today < date.fromisoformat(self.closed) + CLOSED_FOR

    def headers(self) -> dict[str, str]:
        """What makes a request conditional."""
        asked = {"If-None-Match": self.etag, "If-Modified-Since": self.modified}
        return {name: said for name, said in asked.items() if said}

    def fresh(self, natives: Iterable[NativePost]) -> list[NativePost]:
        """Those that are new, or say something else than when they were seen."""
        return [one for one in natives if self.seen.get(_name(one)) != _content(one)]

    def after(self, natives: Iterable[NativePost]) -> Self:
        """With these articles seen too; the oldest are forgotten."""
        met = {_name(one): _content(one) for one in natives}
        older = {name: content for name, content in self.seen.items() if name not in met}
        return replace(self, seen=dict([*met.items(), *older.items()][:MOST_SEEN]))


def _name(native: NativePost) -> str:
    return _hash(native.uri)


def _content(native: NativePost) -> str:
    # Not the date: where it cannot be true it is the time of reading, another one at each round.
    return _hash(native.text, *native.urls)


def _hash(*parts: str) -> str:
    return blake2b("\n".join(parts).encode(errors="replace"), digest_size=6).hexdigest()
