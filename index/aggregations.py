"""The subset of Elasticsearch's aggregations that both engines speak: what is accepted, and the one shape of answers.

terms, date_histogram, histogram, range, filter, composite, cardinality, stats, sum, avg, min, max, value_count,
percentiles, top_hits, nested at will under those that make buckets. Anything else is a QueryError on both engines,
so that what works on a laptop works on a cluster. In a top_hits, documents without the field of the sort come first
(tantivy knows no other way). Answers have Elasticsearch's shape, without what only one engine
can say: doc_count_error_upper_bound, value_as_string, scores, index names, sort values.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from index.engine import Collection
from index.query import And, Node, Not, Or, Range, kind_of, one_of, window
from index.schema import Kind, instant
from polyphonie.errors import QueryError

Aggregations = Mapping[str, Any]
Answer = dict[str, Any]

MAX_TOP_HITS = 100  # Elasticsearch refuses more

_NUMBERS = (Kind.INTEGER, Kind.FLOAT)
_GROUPABLE = (Kind.KEYWORD, Kind.KEYWORDS, Kind.BOOLEAN, Kind.INTEGER)
_HISTOGRAM = {"field", "offset", "min_doc_count", "extended_bounds", "hard_bounds"}

# Aggregation -> the options it takes, and the kinds of field it works on.
_ACCEPTED: dict[str, tuple[set[str], tuple[Kind, ...]]] = {
    "terms": ({"field", "size", "order", "min_doc_count", "missing", "include", "exclude"}, _GROUPABLE),
    "date_histogram": (_HISTOGRAM | {"fixed_interval"}, (Kind.DATE,)),
    "histogram": (_HISTOGRAM | {"interval"}, _NUMBERS),
    "range": ({"field", "ranges"}, _NUMBERS),
    "filter": ({"term", "terms", "range", "bool", "match_all"}, ()),
    "composite": ({"size", "sources", "after"}, ()),
    "cardinality": ({"field"}, (*_GROUPABLE, Kind.FLOAT, Kind.DATE)),
    "stats": ({"field"}, _NUMBERS),
    "sum": ({"field"}, _NUMBERS),
    "avg": ({"field"}, _NUMBERS),
    "min": ({"field"}, (*_NUMBERS, Kind.DATE)),
    "max": ({"field"}, (*_NUMBERS, Kind.DATE)),
    "value_count": ({"field"}, (*_GROUPABLE, Kind.FLOAT, Kind.DATE)),
    "percentiles": ({"field", "percents"}, _NUMBERS),
    "top_hits": ({"size", "from", "sort", "_source"}, ()),
}
_BUCKETS = ("terms", "date_histogram", "histogram", "range", "composite")
_SOURCES = {"terms": _GROUPABLE, "date_histogram": (Kind.DATE,), "histogram": _NUMBERS}


def parts(spec: Mapping[str, Any]) -> tuple[str, Mapping[str, Any], Aggregations]:
    """Of one named aggregation: its type, its options, and the aggregations under it. Raises QueryError."""
    kinds = [key for key in spec if key not in ("aggs", "aggregations", "meta")]
    if len(kinds) != 1 or kinds[0] not in _ACCEPTED:
        raise QueryError(f"agrégation inconnue : {', '.join(kinds) or 'aucune'} ; possibles : {', '.join(_ACCEPTED)}")
    return kinds[0], spec[kinds[0]], spec.get("aggs", spec.get("aggregations", {}))


def check(collection: Collection, aggs: Aggregations) -> None:
    """Raises QueryError, naming it, at the first aggregation, option or field that is not in the subset."""
    for name, spec in aggs.items():
        kind, options, under = parts(spec)
        taken, field_kinds = _ACCEPTED[kind]
        if unknown := sorted(set(options) - taken):
            raise QueryError(f"agrégation « {name} » ({kind}) : option inconnue {', '.join(unknown)}")
        if field_kinds:
            _check_field(collection, name, kind, options.get("field"), field_kinds)
        if kind == "terms" and options.get("min_doc_count", 1) < 1:
            raise QueryError(f"agrégation « {name} » : min_doc_count vaut au moins 1 pour terms")
        if kind == "range":
            _check_ranges(name, options.get("ranges", []))
        if kind == "composite":
            for _, source_kind, source in composite_sources(options):
                _check_field(collection, name, source_kind, source.get("field"), _SOURCES[source_kind])
        if kind == "filter":
            filter_node(collection, options)
        if kind == "top_hits":
            if options.get("size", 3) + options.get("from", 0) > MAX_TOP_HITS:
                raise QueryError(f"agrégation « {name} » : au plus {MAX_TOP_HITS} documents par groupe")
            for field, _ in sort_of(options):
                _check_field(collection, name, "sort", field, (*_NUMBERS, Kind.DATE, Kind.BOOLEAN))
        if under and kind not in (*_BUCKETS, "filter"):
            raise QueryError(f"agrégation « {name} » : rien ne peut être compté sous {kind}")
        check(collection, under)


def _check_field(collection: Collection, name: str, kind: str, field: Any, kinds: tuple[Kind, ...]) -> None:
    if not isinstance(field, str):
        raise QueryError(f"agrégation « {name} » ({kind}) : il manque le champ (field)")
    if kind_of(collection, field) not in kinds:
        raise QueryError(f"agrégation « {name} » : {kind} ne s'applique pas au champ « {field} »")


def _check_ranges(name: str, ranges: Sequence[Mapping[str, Any]]) -> None:
    ordered = sorted(((r.get("from"), r.get("to")) for r in ranges), key=lambda bounds: bounds[0] or float("-inf"))
    for (_, high), (low, _) in pairwise(ordered):
        if high is None or low is None or high > low:
            raise QueryError(f"agrégation « {name} » : les intervalles se chevauchent")


def sort_of(options: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The sort of a top_hits as (field, asc or desc); newest first, added by the engine, when there is none."""
    asked = options.get("sort", [])
    pairs: list[tuple[str, str]] = []
    for one in [asked] if isinstance(asked, str | Mapping) else asked:
        for field, order in ({one: "asc"} if isinstance(one, str) else one).items():
            pairs.append((field, order if isinstance(order, str) else order.get("order", "asc")))
    return pairs


def composite_sources(options: Mapping[str, Any]) -> list[tuple[str, str, Mapping[str, Any]]]:
    """The sources of a composite as (name, type, options). Raises QueryError."""
    sources = [(name, *next(iter(s.items()))) for one in options.get("sources", []) for name, s in one.items()]
    for _, kind, _ in sources:
        if kind not in _SOURCES:
            raise QueryError(f"source de composite inconnue : {kind} ; possibles : {', '.join(_SOURCES)}")
    return sources


def filter_node(collection: Collection, query: Mapping[str, Any]) -> Node:
    """The tree of a filter written as term, terms, range, bool or match_all. Raises QueryError."""
    if len(query) != 1:
        raise QueryError("un filtre contient exactement une condition ; groupez-les avec bool")
    kind, body = next(iter(query.items()))
    if kind == "match_all":
        return And()
    if kind == "bool":
        clauses = {name: [body[name]] if isinstance(body[name], Mapping) else body[name] for name in body}
        if unknown := set(clauses) - {"must", "filter", "should", "must_not"}:
            raise QueryError(f"clause inconnue dans bool : {', '.join(sorted(unknown))}")
        nodes = {name: tuple(filter_node(collection, one) for one in given) for name, given in clauses.items()}
        must = (*nodes.get("must", ()), *nodes.get("filter", ()))
        # Elasticsearch makes should optional beside must or filter.
        should = (Or(nodes["should"]),) if nodes.get("should") and not must else ()
        return And((*must, *should, *(Not(node) for node in nodes.get("must_not", ()))))
    if kind not in ("term", "terms", "range") or len(body) != 1:
        raise QueryError(f"filtre inconnu : {kind} ; possibles : term, terms, range, bool, match_all")
    field, given = next(iter(body.items()))
    if kind == "range":
        return _range_node(collection, field, given)
    return one_of(collection, field, given if kind == "terms" else [_unwrapped(given)])


def _unwrapped(given: Any) -> Any:
    return given["value"] if isinstance(given, Mapping) else given


def _range_node(collection: Collection, field: str, bounds: Mapping[str, Any]) -> Node:
    kind = kind_of(collection, field)
    if not bounds:
        raise QueryError(f"filtre range sur « {field} » : il manque une borne")
    if kind is Kind.DATE and set(bounds) <= {"gte", "lt"}:
        return window(collection, field, *(_moment(bounds.get(side)) for side in ("gte", "lt")))
    if kind in _NUMBERS and set(bounds) <= {"gte", "lt"}:
        return Range(field, bounds.get("gte"), bounds.get("lt"))
    if kind in _NUMBERS and set(bounds) <= {"gte", "lte"}:
        return Range(field, bounds.get("gte"), bounds.get("lte"), closed=True)
    raise QueryError(f"filtre range sur « {field} » : gte et lt, ou gte et lte pour un nombre")


def _moment(given: Any) -> datetime | None:
    if given is None or isinstance(given, datetime):
        return given
    return datetime.fromtimestamp(epoch_ms(given) / 1000, UTC)


def epoch_ms(given: Any) -> float:
    """Milliseconds since 1970 of an instant given as such, as an ISO 8601 string or as a datetime."""
    if isinstance(given, int | float):
        return given
    try:
        moment = given if isinstance(given, datetime) else instant(given)
    except (ValueError, TypeError) as error:
        raise QueryError(f"une date ISO 8601 était attendue, pas {given!r}") from error
    return moment.timestamp() * 1000


@dataclass(frozen=True)
class Dialect:
    """Where one engine's answers differ: how it gives the hits of a top_hits, an after_key, and an instant."""

    top_hits: Callable[[Mapping[str, Any], Any], list[Answer]]  # options, raw answer -> [{_id, _source}]
    after_key: Callable[[Mapping[str, Any]], Answer]
    to_ms: float  # what its instants are multiplied by to be milliseconds


def shape(collection: Collection, aggs: Aggregations, raw: Mapping[str, Any], dialect: Dialect, total: int) -> Answer:
    """What an engine answered, in the one shape; `total` documents are in the bucket that holds these aggregations."""
    return {name: _shape_one(collection, spec, raw[name], dialect, total) for name, spec in aggs.items()}


def _shape_one(collection: Collection, spec: Mapping[str, Any], raw: Any, dialect: Dialect, total: int) -> Answer:
    kind, options, under = parts(spec)

    def below(bucket: Mapping[str, Any]) -> Answer:
        count = bucket["doc_count"]
        return {"doc_count": count} | shape(collection, under, bucket, dialect, count)

    if kind == "filter":
        return below(raw)
    if kind == "terms":
        buckets = sorted(raw["buckets"], key=_by_key)
        for target, direction in reversed(list(_order_of(options))):
            buckets.sort(key=lambda bucket: _sort_value(bucket, target), reverse=direction == "desc")
        named = [{key: bucket[key] for key in ("key", "key_as_string") if key in bucket} for bucket in buckets]
        return {
            "sum_other_doc_count": raw["sum_other_doc_count"],
            "buckets": [name | below(bucket) for name, bucket in zip(named, buckets, strict=True)],
        }
    if kind == "date_histogram":
        return {"buckets": [_dated(bucket) | below(bucket) for bucket in raw["buckets"]]}
    if kind == "histogram":
        return {"buckets": [{"key": float(bucket["key"])} | below(bucket) for bucket in raw["buckets"]]}
    if kind == "range":
        return {
            "buckets": [_bounds(bucket, asked) | below(bucket) for asked, bucket in _asked(options, raw["buckets"])]
        }
    if kind == "composite":
        after = {"after_key": dialect.after_key(raw["after_key"])} if raw.get("after_key") else {}
        return after | {"buckets": [{"key": bucket["key"]} | below(bucket) for bucket in raw["buckets"]]}
    if kind == "top_hits":
        return {"hits": {"total": {"value": total, "relation": "eq"}, "hits": dialect.top_hits(options, raw)}}
    if kind == "percentiles":
        return {"values": {percent: _number(value) for percent, value in raw["values"].items()}}
    if kind == "stats":
        return {name: _number(raw[name]) for name in ("count", "min", "max", "avg", "sum")} | {"count": raw["count"]}
    if kind in ("cardinality", "value_count"):
        return {"value": round(raw["value"])}
    value = _number(raw["value"])
    if value is not None and kind_of(collection, options["field"]) is Kind.DATE:
        value = float(round(value * dialect.to_ms) // 1000 * 1000)  # the embedded engine keeps whole seconds
    return {"value": value}


def _order_of(options: Mapping[str, Any]) -> list[tuple[str, str]]:
    asked = options.get("order", {"_count": "desc"})
    return [pair for one in ([asked] if isinstance(asked, Mapping) else asked) for pair in one.items()]


def _by_key(bucket: Mapping[str, Any]) -> Any:
    return bucket["key"]


def _sort_value(bucket: Mapping[str, Any], target: str) -> Any:
    if target in ("_key", "_count"):
        return bucket["key" if target == "_key" else "doc_count"]
    name, _, metric = target.partition(".")
    value = bucket[name][metric or "value"]
    return float("-inf") if value is None else value


def _dated(bucket: Mapping[str, Any]) -> Answer:
    written = datetime.fromtimestamp(bucket["key"] / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return {"key": int(bucket["key"]), "key_as_string": written}


def _asked(
    options: Mapping[str, Any], buckets: Sequence[Mapping[str, Any]]
) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    # tantivy adds ranges that fill the gaps, so those that were asked for are picked out, from the lowest.
    found = {(bucket.get("from"), bucket.get("to")): bucket for bucket in buckets}
    ordered = sorted(options["ranges"], key=lambda asked: asked.get("from", float("-inf")))
    return [(asked, found[asked.get("from"), asked.get("to")]) for asked in ordered]


def _bounds(bucket: Mapping[str, Any], asked: Mapping[str, Any]) -> Answer:
    bounds = {side: float(bucket[side]) for side in ("from", "to") if bucket.get(side) is not None}
    return {"key": asked.get("key", f"{bounds.get('from', '*')}-{bounds.get('to', '*')}")} | bounds


def _number(value: Any) -> float | None:
    return None if value is None or value != value else float(value)
