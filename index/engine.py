"""The one interface that both engines have, and the small shapes that cross it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

Document = dict[str, Any]
Collection = Literal["posts", "positions", "tallies", "proposals", "topics"]
COLLECTIONS: tuple[Collection, ...] = ("posts", "positions", "tallies", "proposals", "topics")


@dataclass(frozen=True)
class Where:
    """Which documents: a user's query, and exact filters; all of them must hold.

    query: the small syntax of `index.query` (words, "phrases", AND OR NOT, field:value, dates); empty means all.
    terms: field -> accepted values (any of them).
    since, until: half-open window on `at` (or on `date_field`), in whole seconds: a fraction is rounded up.
    """

    query: str = ""
    terms: Mapping[str, Sequence[str | bool | int]] = field(default_factory=dict)
    since: datetime | None = None
    until: datetime | None = None
    date_field: str = "at"


EVERYTHING = Where()


@dataclass(frozen=True)
class Hits:
    """One page of results, best or newest first, and how many there are in all."""

    total: int
    documents: list[Document]


@dataclass(frozen=True)
class Written:
    """What became of a write: how many are in, and (id, reason) of what the engine refused."""

    count: int
    refused: list[tuple[str, str]] = field(default_factory=list)


class Engine(Protocol):
    """Both engines pass `tests/index/test_conformance.py`. A method that gets no answer raises EngineUnreachable."""

    def write(self, collection: Collection, documents: Iterable[Document]) -> Written:
        """Upsert by `id`, durably, visible to readers (of other processes too) when it returns. The last of two
        documents with one id wins. What does not fit the schema is refused with its reason; the others go in."""
        ...

    def get(self, collection: Collection, ids: Sequence[str]) -> dict[str, Document]:
        """The documents found, by id."""
        ...

    def delete(self, collection: Collection, ids: Iterable[str]) -> int:
        """Remove by id; returns how many were there."""
        ...

    def delete_where(self, collection: Collection, where: Where) -> int:
        """Remove what matches; returns how many."""
        ...

    def purge(self) -> None:
        """What was deleted or replaced leaves the disk too; until then only searches and reads had lost it.

        Segments with deletions are written again; Elasticsearch may take half a minute before it lets go of them.
        """
        ...

    def search(
        self, collection: Collection, where: Where, *, size: int = 20, offset: int = 0, newest_first: bool = False
    ) -> Hits:
        """A page of documents: by relevance, or by `at` descending. Raises QueryError."""
        ...

    def aggregate(self, collection: Collection, aggs: Mapping[str, Any], where: Where = EVERYTHING) -> dict[str, Any]:
        """Aggregations in Elasticsearch's JSON (the subset of `index.aggregations`), answered in its shape."""
        ...

    def scan(self, collection: Collection, where: Where = EVERYTHING, fields: Sequence[str] = ()) -> Iterator[Document]:
        """Every matching document (or only some of its fields), once, in no promised order, never all in memory."""
        ...

    def count(self, collection: Collection, where: Where = EVERYTHING) -> int:
        """How many documents match. Raises QueryError."""
        ...

    def drop(self, collection: Collection) -> None:
        """Empty a collection and remake its schema; the first step of a rebuild."""
        ...

    def stats(self) -> dict[str, Any]:
        """Engine, version of the schema, and for each collection: documents and bytes."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...
