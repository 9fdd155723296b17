"""From the table of fields, the tree of a query and the aggregations to what Elasticsearch takes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from index.aggregations import Aggregations, filter_node, parts, sort_of
from index.engine import Collection
from index.query import And, Node, Not, OneOf, Or, Range, Words, text_fields
from index.schema import ARTICLES, FIELDS, STOP_WORDS, VERSIONS, Kind

FRENCH = "polyphonie_french"
ORDER = "_order"

_TYPES: dict[Kind, dict[str, Any]] = {
    Kind.KEYWORD: {"type": "keyword"},
    Kind.KEYWORDS: {"type": "keyword"},
    Kind.TEXT: {"type": "text", "analyzer": FRENCH},
    Kind.TEXTS: {"type": "text", "analyzer": FRENCH},
    Kind.DATE: {"type": "date", "format": "strict_date_optional_time"},
    Kind.FLOAT: {"type": "double"},
    Kind.INTEGER: {"type": "long"},
    Kind.BOOLEAN: {"type": "boolean"},
    Kind.STORED: {"type": "object", "enabled": False},
}


def index_body(collection: Collection) -> dict[str, Any]:
    """Settings and strict mappings of an index of this collection, for any stock 8.19 or 9.x server.

    One shard holds some fifty million positions, and its counts of terms are exact; a second node gets a copy.
    Elision comes before lowercase and accents go before stemming, as in `index.tantivy_queries.french_analyzer`.
    """
    filters = {
        "polyphonie_elision": {"type": "elision", "articles": list(ARTICLES), "articles_case": True},
        "polyphonie_stop": {"type": "stop", "stopwords": list(STOP_WORDS)},
        "polyphonie_stemmer": {"type": "stemmer", "language": "french"},
    }
    chain = ["polyphonie_elision", "lowercase", "asciifolding", "polyphonie_stop", "polyphonie_stemmer"]
    analyzer = {FRENCH: {"type": "custom", "tokenizer": "standard", "filter": chain}}
    properties = {name: _TYPES[kind] for name, kind in FIELDS[collection].items()}
    return {
        "settings": {
            "number_of_shards": 1,
            "auto_expand_replicas": "0-1",
            # By default, segments with under 10 % of deletions keep them for ever.
            "merge.policy.expunge_deletes_allowed": 0,
            "analysis": {"filter": filters, "analyzer": analyzer},
        },
        "mappings": {
            "dynamic": "strict",
            "_meta": {"schema": VERSIONS[collection]},
            "properties": properties | {ORDER: {"type": "long"}},
        },
    }


def to_query(node: Node, collection: Collection) -> dict[str, Any]:
    """The Elasticsearch query of a tree."""
    match node:
        case Words(text, field):
            fields = [field] if field else text_fields(collection)
            return {"multi_match": {"query": text, "type": "phrase", "fields": fields}}
        case OneOf(field, values):
            return {"terms": {field: list(values)}}
        case Range(field, low, high, closed):
            bounds = {"gte": _bound(low), "lte" if closed else "lt": _bound(high)}
            return {"range": {field: {side: bound for side, bound in bounds.items() if bound is not None}}}
        case Not(inner):
            return {"bool": {"must_not": [to_query(inner, collection)]}}
        case And(()):
            return {"match_all": {}}
        case And(nodes):
            return {"bool": {"must": [to_query(one, collection) for one in nodes]}}
        case Or(()):
            return {"match_none": {}}
        case Or(nodes):
            return {"bool": {"should": [to_query(one, collection) for one in nodes], "minimum_should_match": 1}}


def _bound(bound: datetime | int | float | None) -> Any:
    return bound.isoformat() if isinstance(bound, datetime) else bound


def to_aggregations(collection: Collection, aggs: Aggregations) -> dict[str, Any]:
    """Aggregations, already checked, as Elasticsearch takes them: the same, but for ties and filters."""
    return {name: _to_aggregation(collection, spec) for name, spec in aggs.items()}


def _to_aggregation(collection: Collection, spec: Mapping[str, Any]) -> dict[str, Any]:
    kind, options, under = parts(spec)
    made: Mapping[str, Any] = options
    if kind == "filter":
        made = to_query(filter_node(collection, options), collection)
    elif kind == "top_hits":
        pairs = [*sort_of(options), (ORDER, "desc")]
        sort = [{field: {"order": direction, "missing": "_first"}} for field, direction in pairs]
        made = {"size": 3} | dict(options) | {"sort": sort, "_source": options.get("_source", True)}
    return {kind: made} | ({"aggs": to_aggregations(collection, under)} if under else {})
