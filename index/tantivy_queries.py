"""From the tree of a query, and from Elasticsearch's aggregations, to what tantivy takes."""

import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import tantivy

from index.aggregations import Aggregations, composite_sources, epoch_ms, filter_node, parts, sort_of
from index.engine import Collection
from index.query import And, Node, Not, OneOf, Or, Range, Scalar, Words, kind_of, text_fields
from index.schema import FIELDS, STOP_WORDS, WORD, Kind, elide

FRENCH = "french"
ORDER = "_order"
SOURCE = "_source"
# Terms kept by each segment before they are merged: beyond the most that Elasticsearch gives, so counts are exact.
MAX_TERMS = 65_535

_TYPES = {
    Kind.DATE: tantivy.FieldType.Date,
    Kind.FLOAT: tantivy.FieldType.Float,
    Kind.INTEGER: tantivy.FieldType.Integer,
}
_analysis = threading.Lock()  # an analyzer keeps state while it reads a text


def schema_of(collection: Collection) -> tantivy.Schema:
    """The tantivy schema of a collection: fast columns for all that is not text, and the document itself as JSON."""
    builder = tantivy.SchemaBuilder()
    for name, kind in FIELDS[collection].items():
        if kind in (Kind.KEYWORD, Kind.KEYWORDS):
            builder.add_text_field(name, fast=True, tokenizer_name="raw", index_option="basic")
        elif kind in (Kind.TEXT, Kind.TEXTS):
            builder.add_text_field(name, tokenizer_name=FRENCH)
        elif kind is Kind.DATE:
            builder.add_date_field(name, indexed=True, fast=True)
        elif kind is Kind.FLOAT:
            builder.add_float_field(name, indexed=True, fast=True)
        elif kind is Kind.INTEGER:
            builder.add_integer_field(name, indexed=True, fast=True)
        elif kind is Kind.BOOLEAN:
            builder.add_boolean_field(name, indexed=True, fast=True)
    builder.add_integer_field(ORDER, indexed=True, fast=True)
    builder.add_bytes_field(SOURCE, stored=True)
    return builder.build()


def french_analyzer() -> tantivy.TextAnalyzer:
    """French terms of a text already without elisions (`index.schema.elide`).

    Accents go before stemming: "securite" must find "sécurité", and the stemmer cuts them differently.
    """
    return (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.regex(WORD))
        .filter(tantivy.Filter.remove_long(256))
        .filter(tantivy.Filter.lowercase())
        .filter(tantivy.Filter.ascii_fold())
        .filter(tantivy.Filter.custom_stopword(list(STOP_WORDS)))
        .filter(tantivy.Filter.stemmer("french"))
        .build()
    )


_ANALYZER = french_analyzer()


def to_query(node: Node, collection: Collection, schema: tantivy.Schema) -> tantivy.Query:
    """The tantivy query of a tree."""
    must, should, must_not = tantivy.Occur.Must, tantivy.Occur.Should, tantivy.Occur.MustNot
    match node:
        case Words(text, field):
            return _words(text, [field] if field else text_fields(collection), schema)
        case OneOf(field, values):
            return tantivy.Query.term_set_query(schema, field, [_typed(collection, field, one) for one in values])
        case Range(field, low, high, closed):
            kind = kind_of(collection, field)
            low, high = (None if bound is None else _typed(collection, field, bound) for bound in (low, high))
            return tantivy.Query.range_query(
                schema, field, _TYPES[kind], low, high, include_upper=closed or high is None
            )
        case Not(inner):
            every = (must, tantivy.Query.all_query())
            return tantivy.Query.boolean_query([every, (must_not, to_query(inner, collection, schema))])
        case And(()):
            return tantivy.Query.all_query()
        case And(nodes):
            return tantivy.Query.boolean_query([(must, to_query(one, collection, schema)) for one in nodes])
        case Or(()):
            return tantivy.Query.empty_query()
        case Or(nodes):
            return tantivy.Query.boolean_query([(should, to_query(one, collection, schema)) for one in nodes])


def _typed(collection: Collection, field: str, value: Any) -> Any:
    return float(value) if kind_of(collection, field) is Kind.FLOAT else value


def _words(text: str, fields: list[str], schema: tantivy.Schema) -> tantivy.Query:
    with _analysis:
        terms = [(token.position, token.text) for token in _ANALYZER.pre_tokenize(elide(text)).tokens]
    if not terms:
        return tantivy.Query.empty_query()
    if len(terms) == 1:
        return tantivy.Query.disjunction_max_query([tantivy.Query.term_query(schema, f, terms[0][1]) for f in fields])
    # Positions count from the first term, not from a stop word before it.
    phrase: list[str | tuple[int, str]] = [(position - terms[0][0], term) for position, term in terms]
    return tantivy.Query.disjunction_max_query([tantivy.Query.phrase_query(schema, f, phrase) for f in fields])


def to_aggregations(collection: Collection, aggs: Aggregations) -> dict[str, Any]:
    """Aggregations, already checked, as tantivy takes them."""
    return {name: _to_aggregation(collection, spec) for name, spec in aggs.items()}


def _to_aggregation(collection: Collection, spec: Mapping[str, Any]) -> dict[str, Any]:
    kind, options, under = parts(spec)
    made: Any = dict(options)
    if kind == "terms":
        made |= {"segment_size": MAX_TERMS}
    elif kind == "date_histogram":
        for bounds in ("extended_bounds", "hard_bounds"):
            if bounds in made:
                made[bounds] = {side: epoch_ms(bound) for side, bound in made[bounds].items()}
    elif kind == "filter":
        made = to_text(filter_node(collection, options), collection)
    elif kind == "composite":
        made = {"size": 10} | made
        if "after" in made:
            made["after"] = _after(collection, options)
    elif kind == "top_hits":
        sort = [*sort_of(options), (ORDER, "desc")]
        made = {
            "size": options.get("size", 3),
            "from": options.get("from", 0),
            "sort": [{field: direction} for field, direction in sort],
            "docvalue_fields": ["id"],
        }
    return {kind: made} | ({"aggs": to_aggregations(collection, under)} if under else {})


def _after(collection: Collection, options: Mapping[str, Any]) -> dict[str, str]:
    """Elasticsearch's after_key as tantivy writes it: each value after its type."""
    written = {}
    for name, kind, source in composite_sources(options):
        value = options["after"][name]
        field_kind = kind_of(collection, source["field"])
        if value is None:
            written[name] = "null"
        elif kind == "date_histogram":
            written[name] = f"dt:{int(value) * 1_000_000}"
        elif kind == "histogram":
            written[name] = f"f64:{float(value)}"
        elif field_kind is Kind.BOOLEAN:
            written[name] = f"bool:{str(value).lower()}"
        else:
            written[name] = f"{'i64' if field_kind is Kind.INTEGER else 'str'}:{value}"
    return written


def plain_after(written: Mapping[str, Any]) -> dict[str, Any]:
    """The reverse of what `_after` does."""
    return {name: _plain(str(value)) for name, value in written.items()}


def _plain(written: str) -> Any:
    kind, _, value = written.partition(":")
    readers: dict[str, Any] = {
        "dt": lambda text: int(text) // 1_000_000,
        "f64": float,
        "i64": int,
        "u64": int,
        "bool": lambda text: text == "true",
        "str": str,
    }
    return readers[kind](value) if kind in readers else None


def to_text(node: Node, collection: Collection) -> str:
    """A tree of exact filters in tantivy's own query language, which is what its `filter` aggregation reads."""
    match node:
        case OneOf(field, values):
            return _group(f"{field}:{_quoted(value)}" for value in values) if values else _NOTHING
        case Range(field, low, high, closed):
            start = "*" if low is None else _bound(low)
            end = "*" if high is None else _bound(high)
            return f"{field}:[{start} TO {end}{']' if closed or high is None else '}'}"
        case Not(inner):
            return f"(+* -{to_text(inner, collection)})"
        case And(()):
            return "*"
        case And(nodes):
            return "(" + " ".join(f"+{to_text(one, collection)}" for one in nodes) + ")"
        case Or(()):
            return _NOTHING
        case Or(nodes):
            return _group(to_text(one, collection) for one in nodes)
        case Words():
            raise TypeError("a filter aggregation holds no words")


_NOTHING = 'id:""'


def _group(alternatives: Any) -> str:
    return "(" + " OR ".join(alternatives) + ")"


def _bound(bound: datetime | int | float) -> str:
    return bound.strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(bound, datetime) else str(bound)


def _quoted(value: Scalar) -> str:
    written = str(value).lower() if isinstance(value, bool) else str(value)
    escaped = written.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
