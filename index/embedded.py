"""The embedded engine: one tantivy index a collection, in one folder, shared by any number of processes."""

import fcntl
import json
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count, islice
from pathlib import Path
from typing import Any

import tantivy

from index.aggregations import Dialect, check, shape
from index.engine import COLLECTIONS, EVERYTHING, Collection, Document, Hits, Where, Written
from index.query import MAX_PAGED, compile_where
from index.schema import FIELDS, VERSION, VERSIONS, Kind, elide, instant, order_of, refusal, to_json
from index.tantivy_queries import (
    FRENCH,
    ORDER,
    SOURCE,
    french_analyzer,
    plain_after,
    schema_of,
    to_aggregations,
    to_query,
)
from polyphonie.errors import ConfigurationError, EngineUnreachable, QueryError

HEAP_BYTES = 128_000_000
CHUNK = 5_000  # ids asked for at once
SCANNED = 20_000  # addresses of documents held at once; each page walks through those before it


class Shelf:
    """One collection on disk. Readers see each commit, of whatever process; one writer at a time waits for its turn."""

    def __init__(self, folder: Path, collection: Collection) -> None:
        self.collection = collection
        self.path = folder / f"{collection}-v{VERSIONS[collection]}"
        self.schema = schema_of(collection)
        self._turn = folder / f"{collection}.lock"
        self._reading = threading.Lock()
        if _made_before(folder, collection):
            raise ConfigurationError(
                f"the index in {folder} was made for another version of the schema; run `polyphonie index rebuild`"
            )
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with self._my_turn():
                self._index = tantivy.Index(self.schema, str(self.path))
        except (OSError, ValueError) as error:
            raise EngineUnreachable(
                f"the index in {self.path} cannot be opened: {error}; free or mend this folder, or move it away and run"
                " `polyphonie index rebuild`"
            ) from error
        self._index.register_tokenizer(FRENCH, french_analyzer())
        self._seen: tuple[int, int] | None = None

    def searcher(self) -> tantivy.Searcher:
        """A view of the last commit, which later commits do not change."""
        try:
            meta = (self.path / "meta.json").stat()
            stamp = (meta.st_ino, meta.st_mtime_ns)
            with self._reading:
                if stamp != self._seen:
                    self._index.reload()
                    self._seen = stamp
                return self._index.searcher()
        except (OSError, ValueError) as error:
            raise EngineUnreachable(f"the index in {self.path} cannot be read: {error}") from error

    @contextmanager
    def writer(self) -> Iterator[tantivy.IndexWriter]:
        """The writer, for a block: all of it is committed and on disk at the end, or none of it is."""
        with self._my_turn():
            try:
                writer = self._index.writer(HEAP_BYTES, 1)
            except (OSError, ValueError) as error:
                raise EngineUnreachable(f"the index in {self.path} cannot be written: {error}") from error
            try:
                yield writer
                self._commit(writer)
            finally:
                # Gives tantivy's own lock back, and lets merges end: a writer that is dropped abandons them. What was
                # not committed is nowhere.
                writer.wait_merging_threads()

    def purge(self) -> None:
        """Write again what is alive in the segments that hold deletions; these segments then leave the disk."""
        if not any(self._deletions()):
            return
        with self.writer() as writer:
            searcher = self.searcher()
            holed = {place for place, deleted in enumerate(self._deletions()) if deleted}
            for page in _pages(searcher, tantivy.Query.all_query()):
                for _, address in page.hits:
                    if address.segment_ord in holed:
                        self.put(writer, _document(searcher, address))
        del searcher
        # Tantivy keeps the files that a searcher of this process may read: they go once ours sees the new segments.
        self.searcher()
        with self.writer() as writer:
            writer.garbage_collect_files()

    def put(self, writer: tantivy.IndexWriter, document: Document) -> None:
        """Write a document in the place of the one that has its id."""
        writer.delete_documents_by_term("id", document["id"])
        writer.add_document(tantivy.Document.from_dict(native_fields(self.collection, document), self.schema))

    def _deletions(self) -> list[int]:
        """Documents deleted in each segment of the last commit, in the order that addresses count segments."""
        segments = json.loads((self.path / "meta.json").read_text())["segments"]
        return [(segment["deletes"] or {}).get("num_deleted_docs", 0) for segment in segments]

    def _commit(self, writer: tantivy.IndexWriter) -> None:
        try:
            writer.commit()
        except (OSError, ValueError) as error:
            raise EngineUnreachable(f"the index in {self.path} cannot be written: {error}; free its disk") from error

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        # tantivy's lock refuses; this one waits, and the kernel gives it back when its holder dies.
        with self._turn.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


class EmbeddedEngine:
    """`index.engine.Engine` in a folder, without a server. Read methods may be called from several threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._shelves: dict[Collection, Shelf] = {}
        self._opening = threading.Lock()

    def write(self, collection: Collection, documents: Iterable[Document]) -> Written:
        shelf = self._shelf(collection)
        count, refused = 0, []
        with shelf.writer() as writer:
            for document in documents:
                if reason := refusal(collection, document):
                    refused.append((str(document.get("id", "")), reason))
                    continue
                shelf.put(writer, document)
                count += 1
        return Written(count, refused)

    def get(self, collection: Collection, ids: Sequence[str]) -> dict[str, Document]:
        shelf = self._shelf(collection)
        searcher = shelf.searcher()
        found: dict[str, Document] = {}
        for chunk in _chunks(ids):
            query = tantivy.Query.term_set_query(shelf.schema, "id", chunk)
            for document in _documents(searcher, searcher.search(query, limit=len(chunk), count=False)):
                found[document["id"]] = document
        return found

    def delete(self, collection: Collection, ids: Iterable[str]) -> int:
        shelf = self._shelf(collection)
        deleted = 0
        with shelf.writer() as writer:
            searcher = shelf.searcher()
            for chunk in _chunks(dict.fromkeys(ids)):
                query = tantivy.Query.term_set_query(shelf.schema, "id", chunk)
                deleted += _count(searcher, query)
                writer.delete_documents_by_query(query)
        return deleted

    def delete_where(self, collection: Collection, where: Where) -> int:
        shelf = self._shelf(collection)
        query = to_query(compile_where(collection, where), collection, shelf.schema)
        with shelf.writer() as writer:
            deleted = _count(shelf.searcher(), query)
            writer.delete_documents_by_query(query)
        return deleted

    def purge(self) -> None:
        for collection in COLLECTIONS:
            self._shelf(collection).purge()

    def search(
        self, collection: Collection, where: Where, *, size: int = 20, offset: int = 0, newest_first: bool = False
    ) -> Hits:
        if size + offset > MAX_PAGED:
            raise QueryError(f"au plus {MAX_PAGED} résultats se feuillettent ; affinez la recherche")
        shelf = self._shelf(collection)
        query = to_query(compile_where(collection, where), collection, shelf.schema)
        searcher = shelf.searcher()
        if size == 0:
            return Hits(_count(searcher, query), [])
        order = ORDER if newest_first else None
        page = searcher.search(query, limit=size, offset=offset, order_by_field=order)
        return Hits(_total(page), list(_documents(searcher, page)))

    def aggregate(self, collection: Collection, aggs: Mapping[str, Any], where: Where = EVERYTHING) -> dict[str, Any]:
        check(collection, aggs)
        shelf = self._shelf(collection)
        query = to_query(compile_where(collection, where), collection, shelf.schema)
        searcher = shelf.searcher()
        asked = to_aggregations(collection, aggs) | {ORDER: {"value_count": {"field": ORDER}}}
        try:
            raw = searcher.aggregate(query, asked)
        except ValueError as error:
            raise QueryError(f"agrégation refusée : {error}") from error
        total = int(raw[ORDER]["value"])

        def top_hits(options: Mapping[str, Any], answer: Any) -> list[dict[str, Any]]:
            ids = [hit["docvalue_fields"]["id"][0] for hit in answer["hits"]]
            found = self.get(collection, ids)
            return [{"_id": one, "_source": _only(found[one], options.get("_source"))} for one in ids if one in found]

        nanoseconds = 1e-6
        return shape(collection, aggs, raw, Dialect(top_hits, plain_after, nanoseconds), total)

    def scan(self, collection: Collection, where: Where = EVERYTHING, fields: Sequence[str] = ()) -> Iterator[Document]:
        shelf = self._shelf(collection)
        searcher = shelf.searcher()
        query = to_query(compile_where(collection, where), collection, shelf.schema)
        for page in _pages(searcher, query):
            for document in _documents(searcher, page):
                yield _only(document, fields or None)

    def count(self, collection: Collection, where: Where = EVERYTHING) -> int:
        shelf = self._shelf(collection)
        return _count(shelf.searcher(), to_query(compile_where(collection, where), collection, shelf.schema))

    def drop(self, collection: Collection) -> None:
        for old in _made_before(self.folder, collection):
            shutil.rmtree(old)  # no deletion would ever reach the texts in it
        with self._shelf(collection).writer() as writer:
            writer.delete_all_documents()

    def stats(self) -> dict[str, Any]:
        collections = {
            name: {"documents": self.count(name), "bytes": _bytes_under(self._shelf(name).path)} for name in COLLECTIONS
        }
        return {"engine": "embedded", "address": str(self.folder), "schema": VERSION, "collections": collections}

    def close(self) -> None:
        self._shelves.clear()

    def _shelf(self, collection: Collection) -> Shelf:
        with self._opening:
            if collection not in self._shelves:
                self._shelves[collection] = Shelf(self.folder, collection)
            return self._shelves[collection]


def _made_before(folder: Path, collection: Collection) -> list[Path]:
    return [path for path in folder.glob(f"{collection}-v*") if path.name != f"{collection}-v{VERSIONS[collection]}"]


_CONVERSIONS: dict[Kind, Callable[[Any], Any]] = {
    Kind.KEYWORD: str,
    Kind.KEYWORDS: lambda words: list(dict.fromkeys(words)),
    Kind.TEXT: elide,
    Kind.TEXTS: lambda texts: [elide(text) for text in texts],
    Kind.DATE: instant,
    Kind.FLOAT: float,
    Kind.INTEGER: int,
    Kind.BOOLEAN: bool,
}


def native_fields(collection: Collection, document: Document) -> dict[str, Any]:
    """What tantivy is given for a document that fits the schema: its fields, its sort key, and itself as JSON."""
    kinds = FIELDS[collection]
    fields: dict[str, Any] = {
        name: convert(content)
        for name, content in document.items()
        if content is not None and (convert := _CONVERSIONS.get(kinds[name]))
    }
    fields[ORDER] = order_of(collection, document)
    fields[SOURCE] = to_json(document).encode()
    return fields


def _document(searcher: tantivy.Searcher, address: tantivy.DocAddress) -> Document:
    document: Document = json.loads(searcher.doc(address)[SOURCE][0])
    return document


def _pages(searcher: tantivy.Searcher, query: tantivy.Query) -> Iterator[tantivy.SearchResult]:
    # With one score for all, hits come in the order they lie on disk: pages of one view cannot overlap.
    query = tantivy.Query.const_score_query(query, 1.0)
    for offset in count(step=SCANNED):
        page = searcher.search(query, limit=SCANNED, offset=offset, count=False)
        yield page
        if len(page.hits) < SCANNED:
            return


def _documents(searcher: tantivy.Searcher, page: tantivy.SearchResult) -> Iterator[Document]:
    return (_document(searcher, address) for _, address in page.hits)


def _count(searcher: tantivy.Searcher, query: tantivy.Query) -> int:
    return _total(searcher.search(query, limit=1))


def _total(page: tantivy.SearchResult) -> int:
    count: int = page.count  # type: ignore[attr-defined]  # the stubs of tantivy 0.27 leave it out
    return count


def _only(document: Document, fields: Sequence[str] | None) -> Document:
    return document if fields is None else {name: document[name] for name in fields if name in document}


def _chunks(ids: Iterable[str]) -> Iterator[list[str]]:
    remaining = iter(ids)
    while chunk := list(islice(remaining, CHUNK)):
        yield chunk


def _bytes_under(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
