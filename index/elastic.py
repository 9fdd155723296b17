"""The Elasticsearch engine: strict versioned mappings behind aliases, on any 8.19 or 9.x server."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.parse import urlsplit

from elastic_transport import TransportError
from elasticsearch import (
    ApiError,
    AuthenticationException,
    AuthorizationException,
    BadRequestError,
    Elasticsearch,
    NotFoundError,
)
from elasticsearch.helpers import streaming_bulk

from index.aggregations import Dialect, check, shape
from index.elastic_queries import ORDER, index_body, to_aggregations, to_query
from index.engine import COLLECTIONS, EVERYTHING, Collection, Document, Hits, Where, Written
from index.query import MAX_PAGED, compile_where
from index.schema import FIELDS, VERSION, VERSIONS, order_of, refusal
from polyphonie.errors import ConfigurationError, EngineUnreachable, QueryError

CHUNK = 1_000  # documents of one request
KEEP_ALIVE = "2m"
MERGE_S = 3_600.0  # a merge of segments of 5 GB takes minutes
# A shard keeps what was deleted for its copies until it renews their leases, every half minute.
LEASES_S = 60.0
# 429: the server has too much to do; 503: a shard lost its primary and the cluster is choosing another.
PASSING = (429, 503)


class ElasticEngine:
    """`index.engine.Engine` on a server or a cluster. Asks nothing of it before the first call."""

    def __init__(
        self,
        url: str,
        prefix: str,
        *,
        username: str | None = None,
        password: str | None = None,
        api_key: str | None = None,
        ca_certs: Path | None = None,
        timeout_s: float = 30.0,
        max_retries: int = 5,
    ) -> None:
        """url: address of a node, or several separated by commas. Raises ConfigurationError when it is not one."""
        addresses = [address.strip().rstrip("/") for address in url.split(",") if address.strip()]
        self.address = ", ".join(_without_password(address) for address in addresses)
        self.prefix = prefix
        self._max_retries = max_retries
        self._ready: set[Collection] = set()
        options: dict[str, Any] = {"ca_certs": str(ca_certs)} if ca_certs else {}
        if api_key:
            options["api_key"] = api_key
        elif username:
            options["basic_auth"] = (username, password or "")
        try:
            self._client = Elasticsearch(
                [_with_port(address) for address in addresses],
                request_timeout=timeout_s,
                max_retries=max_retries,
                retry_on_timeout=True,
                retry_on_status=(429, 502, 503, 504),
                **options,
            )
        except (ValueError, OSError) as error:
            raise ConfigurationError(f"setting elasticsearch.url ({self.address}): {error}") from error

    def write(self, collection: Collection, documents: Iterable[Document]) -> Written:
        refused: list[tuple[str, str]] = []

        def actions() -> Iterator[dict[str, Any]]:
            for document in documents:
                if reason := refusal(collection, document):
                    refused.append((str(document.get("id", "")), reason))
                    continue
                source = document | {ORDER: order_of(collection, document)}
                yield {"_op_type": "index", "_id": document["id"], "_source": source}

        count = 0
        for ok, done in self._bulk(collection, actions()):
            if ok:
                count += 1
            else:
                refused.append((done["_id"], _reason(done)))
        return Written(count, refused)

    def get(self, collection: Collection, ids: Sequence[str]) -> dict[str, Document]:
        found: dict[str, Document] = {}
        with self._reaching(collection) as alias:
            for chunk in _chunks(dict.fromkeys(ids)):
                for hit in self._client.mget(index=alias, ids=chunk)["docs"]:
                    if hit.get("found"):
                        found[hit["_id"]] = _document(hit)
        return found

    def delete(self, collection: Collection, ids: Iterable[str]) -> int:
        actions = ({"_op_type": "delete", "_id": one} for one in dict.fromkeys(ids))
        return sum(ok for ok, _ in self._bulk(collection, actions))

    def delete_where(self, collection: Collection, where: Where) -> int:
        return self.delete(collection, (document["id"] for document in self.scan(collection, where, ["id"])))

    def purge(self) -> None:
        limit = monotonic() + LEASES_S
        holed = [collection for collection in COLLECTIONS if self._expunge(collection)]
        # What others delete meanwhile is for the next purge, so this one ends.
        while holed and monotonic() < limit:
            sleep(2)
            holed = [collection for collection in holed if self._expunge(collection)]

    def search(
        self, collection: Collection, where: Where, *, size: int = 20, offset: int = 0, newest_first: bool = False
    ) -> Hits:
        if size + offset > MAX_PAGED:
            raise QueryError(f"au plus {MAX_PAGED} résultats se feuillettent ; affinez la recherche")
        query = to_query(compile_where(collection, where), collection)
        sort = [] if newest_first else [{"_score": "desc"}]
        with self._reaching(collection) as alias:
            page = self._client.search(
                index=alias, query=query, size=size, from_=offset, sort=[*sort, {ORDER: "desc"}], track_total_hits=True
            )["hits"]
        return Hits(page["total"]["value"], [_document(hit) for hit in page["hits"]])

    def aggregate(self, collection: Collection, aggs: Mapping[str, Any], where: Where = EVERYTHING) -> dict[str, Any]:
        check(collection, aggs)
        query = to_query(compile_where(collection, where), collection)
        with self._reaching(collection) as alias:
            answer = self._client.search(
                index=alias, query=query, aggs=to_aggregations(collection, aggs), size=0, track_total_hits=True
            )
        raw, total = answer.get("aggregations", {}), answer["hits"]["total"]["value"]
        return shape(collection, aggs, raw, Dialect(_top_hits, dict, to_ms=1.0), total)

    def scan(self, collection: Collection, where: Where = EVERYTHING, fields: Sequence[str] = ()) -> Iterator[Document]:
        query = to_query(compile_where(collection, where), collection)
        wanted: Any = list(fields) or True
        with self._reaching(collection) as alias:
            pit = self._client.open_point_in_time(index=alias, keep_alive=KEEP_ALIVE)["id"]
            after: list[Any] | None = None
            try:
                while True:
                    page = self._client.search(
                        pit={"id": pit, "keep_alive": KEEP_ALIVE},
                        query=query,
                        sort=["_shard_doc"],
                        search_after=after,
                        size=CHUNK,
                        source=wanted,
                        track_total_hits=False,
                    )
                    pit = page["pit_id"]
                    yield from (_document(hit) for hit in page["hits"]["hits"])
                    if len(page["hits"]["hits"]) < CHUNK:
                        return
                    after = page["hits"]["hits"][-1]["sort"]
            finally:
                self._client.close_point_in_time(id=pit)

    def count(self, collection: Collection, where: Where = EVERYTHING) -> int:
        query = to_query(compile_where(collection, where), collection)
        with self._reaching(collection) as alias:
            return int(self._client.count(index=alias, query=query)["count"])

    def drop(self, collection: Collection) -> None:
        alias = self._alias(collection)
        with self._calling():
            old = self._indices(alias)
            # The new one takes the alias as the old one goes, in one step: a reader always finds an index.
            rounds = [int(name.rpartition("-r")[2]) for name in old if re.search(r"-r\d+$", name)]
            fresh = f"{alias}-v{VERSIONS[collection]}-r{max(rounds, default=1) + 1}"
            self._client.indices.create(index=fresh, **index_body(collection))
            swap: list[dict[str, Any]] = [{"remove_index": {"index": name}} for name in old]
            self._client.indices.update_aliases(actions=[*swap, {"add": {"index": fresh, "alias": alias}}])
        self._ready.add(collection)

    def stats(self) -> dict[str, Any]:
        collections = {}
        for name in COLLECTIONS:
            with self._reaching(name) as alias:
                primaries = self._client.indices.stats(index=alias, metric="store")["_all"]["primaries"]
                documents = int(self._client.count(index=alias)["count"])
            collections[name] = {"documents": documents, "bytes": primaries["store"]["size_in_bytes"]}
        return {"engine": "elasticsearch", "address": self.address, "schema": VERSION, "collections": collections}

    def close(self) -> None:
        self._client.close()

    def _expunge(self, collection: Collection) -> bool:
        """Merge away what was deleted; says whether some of it is still there."""
        with self._reaching(collection) as alias:
            if not self._deleted(alias):
                return False
            self._client.indices.flush(index=alias)
            patient = self._client.options(request_timeout=MERGE_S, max_retries=0)
            patient.indices.forcemerge(index=alias, only_expunge_deletes=True)
            return self._deleted(alias) > 0

    def _deleted(self, alias: str) -> int:
        self._client.indices.refresh(index=alias)
        return int(self._client.indices.stats(index=alias, metric="docs")["_all"]["total"]["docs"]["deleted"])

    def _bulk(self, collection: Collection, actions: Iterable[dict[str, Any]]) -> Iterator[tuple[bool, dict[str, Any]]]:
        """Send everything, yield (done, answer) for each, then make it visible to searches."""
        with self._reaching(collection) as alias:
            for ok, answer in streaming_bulk(
                self._client,
                actions,
                chunk_size=CHUNK,
                raise_on_error=False,
                max_retries=self._max_retries,
                initial_backoff=0.5,
                max_backoff=10,
                retry_on_status=PASSING,
                index=alias,
                require_alias=True,
            ):
                done = next(iter(answer.values()))
                if done.get("status") in PASSING:
                    raise EngineUnreachable(f"Elasticsearch at {self.address} cannot write now: {_reason(done)}")
                yield ok, done
            self._client.indices.refresh(index=alias)

    @contextmanager
    def _reaching(self, collection: Collection) -> Iterator[str]:
        """The alias of a collection, made with its index if need be, for a block of calls."""
        alias = self._alias(collection)
        with self._calling():
            if collection not in self._ready:
                self._prepare(collection, alias)
                self._ready.add(collection)
            yield alias

    def _prepare(self, collection: Collection, alias: str) -> None:
        indices = self._indices(alias)
        if not indices:
            # Two processes may come here together: the second one finds it made.
            self._client.options(ignore_status=400).indices.create(
                index=f"{alias}-v{VERSIONS[collection]}", **index_body(collection), aliases={alias: {}}
            )
            indices = self._indices(alias)
        if not all(re.match(rf"{re.escape(alias)}-v{VERSIONS[collection]}(-r\d+)?$", name) for name in indices):
            raise ConfigurationError(
                f"{alias} was made for another version of the schema ({', '.join(indices)});"
                " run `polyphonie index rebuild`"
            )

    def _alias(self, collection: Collection) -> str:
        return f"{self.prefix}-{collection}"

    def _indices(self, alias: str) -> list[str]:
        try:
            return sorted(self._client.indices.get_alias(name=alias).body)
        except NotFoundError:
            return []

    @contextmanager
    def _calling(self) -> Iterator[None]:
        """What the client raises, as what a person can do something about."""
        try:
            yield
        except (AuthenticationException, AuthorizationException) as error:
            raise ConfigurationError(f"Elasticsearch at {self.address} refuses these credentials: {error}") from error
        except BadRequestError as error:
            raise QueryError(f"Elasticsearch refuse la requête : {error}") from error
        except (TransportError, ApiError) as error:
            reason = " ".join(str(error).split())
            raise EngineUnreachable(
                f"Elasticsearch at {self.address} does not answer: {reason}; start it, or correct elasticsearch.url"
            ) from error


def _without_password(address: str) -> str:
    return re.sub(r"//[^/@]*@", "//", address)


def _with_port(address: str) -> str:
    parts = urlsplit(address)
    if parts.scheme in ("http", "https") and parts.hostname and parts.port is None:
        return f"{address}:{443 if parts.scheme == 'https' else 9200}"
    return address


def _document(hit: Mapping[str, Any]) -> Document:
    return {name: content for name, content in hit["_source"].items() if name != ORDER}


def _top_hits(options: Mapping[str, Any], answer: Any) -> list[dict[str, Any]]:
    del options
    return [{"_id": hit["_id"], "_source": _document(hit)} for hit in answer["hits"]["hits"]]


def _reason(done: Mapping[str, Any]) -> str:
    """The type of the error, and the field when it is one of ours: the server's own words quote what was written."""
    error = done.get("error")
    if not isinstance(error, Mapping):
        return "refused by Elasticsearch"
    named = re.search(r"\bfield[ =:]*[\[\"']([a-z_]+)[\]\"']", str(error.get("reason")))
    if named and any(named[1] in fields for fields in FIELDS.values()):
        return f"field {named[1]!r}: {error.get('type')}"
    return str(error.get("type"))


def _chunks(ids: Iterable[str]) -> Iterator[list[str]]:
    remaining = iter(ids)
    while chunk := list(islice(remaining, CHUNK)):
        yield chunk
