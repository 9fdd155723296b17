"""One aggregation, two engines, one answer; and the answer is what a loop over the documents says."""

import math
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from index.embedded import EmbeddedEngine
from index.engine import EVERYTHING, Document, Engine, Where
from polyphonie.errors import QueryError

START = datetime(2026, 3, 1, tzinfo=UTC)
MARCH = {"min": "2026-02-27T00:00:00Z", "max": "2026-03-14T00:00:00Z"}


def positions(number: int = 700) -> list[Document]:
    """Positions with ties, gaps in time, lists, and fields that are not always there."""
    draw = random.Random(7)
    made = []
    for n in range(number):
        at = START + timedelta(seconds=draw.choice([0, 0, 1, 2, 5, 6, 9]) * 86_400 + draw.randrange(86_400))
        favour = draw.randrange(0, 65) / 64
        document = {
            "id": f"{n:032x}",
            "proposal": f"proposition-{draw.randrange(5)}",
            "stance": draw.choice(["favour", "against", "unclear"]),
            "voice": f"{draw.randrange(120):032x}",
            "source": draw.choice(['a "quoted\\ one', "b"]),
            "counted": draw.random() < 0.8,
            "p_favour": favour,
            "reach": draw.randrange(1, 30),
            "epoch": draw.randrange(-2, 3),
            "at": at.isoformat(),
            "hashtags": draw.sample(["climat", "école", "retraites", "santé"], draw.randrange(3)),
            "text": draw.choice(["les écoles", "la retraite à soixante ans", "l'école et la retraite"]),
        }
        if n % 3:
            document |= {"topic": f"topic-{draw.randrange(40)}", "match": favour}
        made.append(document)
    return made


@pytest.fixture(scope="module")
def filled(embedded: Engine) -> Engine:
    documents = positions()
    # Several commits, so several segments; and documents that were replaced, which no count may hold.
    embedded.write("positions", ({**one, "stance": "favour", "reach": 999} for one in documents[:200]))
    for begin in range(0, len(documents), 140):
        embedded.write("positions", documents[begin : begin + 140])
    return embedded


@pytest.fixture(scope="module")
def filled_elastic(elastic: Engine) -> Engine:
    elastic.write("positions", positions())
    return elastic


def terms(field: str, **options: Any) -> dict[str, Any]:
    return {"terms": {"field": field, **options}}


def days(**options: Any) -> dict[str, Any]:
    return {"date_histogram": {"field": "at", "fixed_interval": "1d", **options}}


AGGREGATIONS: dict[str, dict[str, Any]] = {
    "terms": terms("proposal"),
    "terms of a list": terms("hashtags"),
    "terms cut where counts tie": terms("topic", size=7),
    "terms in the order of keys": terms("topic", size=5, order={"_key": "desc"}),
    "terms in the order of a measure": terms("proposal", order={"p": "desc"})
    | {"aggs": {"p": {"avg": {"field": "reach"}}}},
    "terms in the order of a part of a measure": terms("proposal", order={"p.max": "asc"})
    | {"aggs": {"p": {"stats": {"field": "p_favour"}}}},
    "terms, the rarest first": terms("proposal", order={"_count": "asc"}),
    "terms of some": terms("stance", include=["favour", "against"]),
    "terms of all but some": terms("stance", exclude=["unclear"]),
    "terms that are often there": terms("topic", min_doc_count=14, size=100),
    "terms with the missing ones": terms("topic", missing="sans sujet", size=3),
    "terms of booleans": terms("counted"),
    "terms of integers": terms("epoch"),
    "terms in terms": terms("proposal") | {"aggs": {"stance": terms("stance")}},
    "days": days(),
    "days that are not empty": days(min_doc_count=1),
    "days from another hour": days(offset="-1h"),
    "days beyond what is there": days(extended_bounds=MARCH),
    "days within bounds": days(hard_bounds={"min": "2026-03-02T00:00:00Z", "max": "2026-03-06T00:00:00Z"}),
    "weeks": days(fixed_interval="7d"),
    "six hours": days(fixed_interval="6h", min_doc_count=1),
    "days in terms": terms("proposal") | {"aggs": {"day": days()}},
    "terms in days": days() | {"aggs": {"stance": terms("stance"), "voices": {"cardinality": {"field": "voice"}}}},
    "histogram": {"histogram": {"field": "p_favour", "interval": 0.1}},
    "histogram of integers": {"histogram": {"field": "epoch", "interval": 2, "offset": 1}},
    "histogram with bounds": {
        "histogram": {"field": "p_favour", "interval": 0.25, "extended_bounds": {"min": -1, "max": 2}}
    },
    "ranges": {"range": {"field": "p_favour", "ranges": [{"from": 0.5}, {"to": 0.2}, {"from": 0.2, "to": 0.5}]}},
    "ranges with a gap": {"range": {"field": "reach", "ranges": [{"from": 5, "to": 10}, {"from": 20, "key": "large"}]}},
    "filter": {"filter": {"term": {"stance": "favour"}}, "aggs": {"reach": {"sum": {"field": "reach"}}}},
    "filter on quotes": {"filter": {"terms": {"source": ['a "quoted\\ one', "c"]}}},
    "filter on nothing": {"filter": {"terms": {"source": []}}},
    "filter on a negative number": {"filter": {"terms": {"epoch": [-2, 1]}}},
    "filter on everything": {"filter": {"match_all": {}}, "aggs": {"stance": terms("stance")}},
    "filter on a window": {"filter": {"range": {"at": {"gte": "2026-03-02T00:00:00Z", "lt": "2026-03-03T12:00:00Z"}}}},
    "filter on numbers": {"filter": {"range": {"epoch": {"gte": -1, "lte": 1}}}},
    "filter on half-open numbers": {"filter": {"range": {"p_favour": {"gte": 0.25, "lt": 0.5}}}},
    "filter on all of": {
        "filter": {
            "bool": {
                "must": [{"term": {"counted": True}}],
                "filter": {"range": {"reach": {"gte": 10}}},
                "must_not": [{"term": {"stance": {"value": "unclear"}}}, {"term": {"hashtags": "climat"}}],
            }
        }
    },
    "filter on any of": {"filter": {"bool": {"should": [{"term": {"epoch": 2}}, {"term": {"hashtags": "école"}}]}}},
    "filter on none of": {"filter": {"bool": {"must_not": {"term": {"epoch": 2}}}}},
    "composite": {
        "composite": {
            "size": 7,
            "sources": [
                {"proposal": terms("proposal")},
                {"day": days()},
                {"p": {"histogram": {"field": "p_favour", "interval": 0.5}}},
            ],
        },
        "aggs": {"reach": {"sum": {"field": "reach"}}},
    },
    "composite of a list": {"composite": {"sources": [{"tag": terms("hashtags")}]}},
    "composite, backwards": {
        "composite": {"sources": [{"epoch": terms("epoch", order="desc")}, {"c": terms("counted")}]}
    },
    "cardinality": {"cardinality": {"field": "voice"}},
    "cardinality of integers": {"cardinality": {"field": "epoch"}},
    "stats": {"stats": {"field": "reach"}},
    "sum": {"sum": {"field": "p_favour"}},
    "avg": {"avg": {"field": "match"}},
    "min": {"min": {"field": "epoch"}},
    "max": {"max": {"field": "p_favour"}},
    "first instant": {"min": {"field": "at"}},
    "last instant": {"max": {"field": "at"}},
    "value_count": {"value_count": {"field": "topic"}},
    "value_count of a list": {"value_count": {"field": "hashtags"}},
    "newest": {"top_hits": {"size": 4, "_source": ["id", "at"]}},
    "widest of each": terms("proposal")
    | {
        "aggs": {"top": {"top_hits": {"size": 3, "from": 1, "sort": [{"reach": {"order": "desc"}}], "_source": ["id"]}}}
    },
    "best match, where there is one": {"top_hits": {"size": 5, "sort": [{"match": "desc"}, "epoch"]}},
}
WHERES = {
    "everything": EVERYTHING,
    "a query": Where("école SAUF stance:unclear", terms={"proposal": ["proposition-1", "proposition-3"]}),
    "a window": Where(since=START + timedelta(days=1), until=START + timedelta(days=3)),
    "nothing": Where("introuvable"),
}


def rounded(answer: Any) -> Any:
    """Floats to ten digits: sums are not made in the same order."""
    if isinstance(answer, dict):
        return {key: rounded(value) for key, value in answer.items()}
    if isinstance(answer, list):
        return [rounded(value) for value in answer]
    return float(f"{answer:.10g}") if isinstance(answer, float) else answer


@pytest.mark.elasticsearch
@pytest.mark.parametrize("where", WHERES)
@pytest.mark.parametrize("name", AGGREGATIONS)
def test_both_engines_answer_the_same(filled: Engine, filled_elastic: Engine, name: str, where: str) -> None:
    answers = [
        rounded(engine.aggregate("positions", {"a": AGGREGATIONS[name]}, WHERES[where]))
        for engine in (filled, filled_elastic)
    ]
    assert answers[0] == answers[1]


@pytest.mark.elasticsearch
def test_percentiles_agree_within_two_hundredths(filled: Engine, filled_elastic: Engine) -> None:
    # Both engines approximate them, one by DDSketch and one by t-digest.
    asked = {"a": {"percentiles": {"field": "reach", "percents": [5, 50, 95]}}}
    here, there = (engine.aggregate("positions", asked)["a"]["values"] for engine in (filled, filled_elastic))
    assert here.keys() == there.keys() == {"5.0", "50.0", "95.0"}
    assert all(math.isclose(here[key], there[key], rel_tol=0.02, abs_tol=1) for key in here)
    nothing = [engine.aggregate("positions", asked, Where("introuvable")) for engine in (filled, filled_elastic)]
    assert nothing[0] == nothing[1] == {"a": {"values": dict.fromkeys(here)}}


def test_counts_are_those_of_a_loop(filled: Engine) -> None:
    documents = positions()
    answer = filled.aggregate(
        "positions",
        {
            "proposal": terms("proposal", size=3) | {"aggs": {"favour": {"filter": {"term": {"stance": "favour"}}}}},
            "topic": terms("topic", size=12),
            "day": days(),
            "voices": {"cardinality": {"field": "voice"}},
            "reach": {"stats": {"field": "reach"}},
        },
    )
    counts = Counter(one["proposal"] for one in documents)
    expected = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:3]
    assert [(bucket["key"], bucket["doc_count"]) for bucket in answer["proposal"]["buckets"]] == expected
    assert answer["proposal"]["sum_other_doc_count"] == len(documents) - sum(count for _, count in expected)
    for bucket in answer["proposal"]["buckets"]:
        favour = sum(one["proposal"] == bucket["key"] and one["stance"] == "favour" for one in documents)
        assert bucket["favour"] == {"doc_count": favour}
    topics = Counter(one["topic"] for one in documents if "topic" in one)
    assert [(bucket["key"], bucket["doc_count"]) for bucket in answer["topic"]["buckets"]] == sorted(
        topics.items(), key=lambda pair: (-pair[1], pair[0])
    )[:12]
    by_day = Counter(one["at"][:10] for one in documents)
    assert {bucket["key_as_string"][:10]: bucket["doc_count"] for bucket in answer["day"]["buckets"]} == {
        f"2026-03-{day:02d}": by_day.get(f"2026-03-{day:02d}", 0) for day in range(1, 11)
    }
    assert answer["voices"] == {"value": len({one["voice"] for one in documents})}
    reach = [one["reach"] for one in documents]
    assert answer["reach"] == {
        "count": 700, "min": min(reach), "max": max(reach), "avg": sum(reach) / 700, "sum": sum(reach),
    }  # fmt: skip


def test_a_composite_is_walked_to_its_end(filled: Engine) -> None:
    _walk(filled)


@pytest.mark.elasticsearch
def test_a_composite_is_walked_to_its_end_on_elasticsearch(filled_elastic: Engine) -> None:
    _walk(filled_elastic)


def _walk(engine: Engine) -> None:
    sources = [
        {"proposal": terms("proposal")},
        {"day": days()},
        {"counted": terms("counted")},
        {"epoch": terms("epoch")},
        {"p": {"histogram": {"field": "p_favour", "interval": 0.5}}},
    ]
    walked: Counter[tuple[Any, ...]] = Counter()
    after: dict[str, Any] = {}
    while True:
        asked = {"composite": {"size": 50, "sources": sources, **after}}
        answer = engine.aggregate("positions", {"a": asked})["a"]
        for bucket in answer["buckets"]:
            walked[tuple(bucket["key"][name] for name in ("proposal", "day", "counted", "epoch", "p"))] += bucket[
                "doc_count"
            ]
        if not answer["buckets"]:
            break
        after = {"after": answer["after_key"]}
    expected: Counter[tuple[Any, ...]] = Counter()
    for one in positions():
        day = datetime.fromisoformat(one["at"]).replace(hour=0, minute=0, second=0)
        half = math.floor(one["p_favour"] * 2) / 2
        expected[one["proposal"], int(day.timestamp() * 1000), one["counted"], one["epoch"], half] += 1
    assert walked == expected


@pytest.mark.parametrize(
    ("aggs", "reason"),
    [
        ({"a": {"significant_text": {"field": "text"}}}, "agrégation inconnue"),
        ({"a": {}}, "agrégation inconnue"),
        ({"a": terms("text")}, "ne s'applique pas au champ « text »"),
        ({"a": terms("at")}, "ne s'applique pas"),
        ({"a": terms("p_favour")}, "ne s'applique pas"),
        ({"a": terms("inconnu")}, "champ inconnu"),
        ({"a": {"terms": {}}}, "il manque le champ"),
        ({"a": terms("topic", shard_size=3)}, "option inconnue shard_size"),
        ({"a": terms("topic", min_doc_count=0)}, "min_doc_count"),
        ({"a": {"date_histogram": {"field": "at", "calendar_interval": "1M"}}}, "option inconnue"),
        ({"a": {"sum": {"field": "reach"}, "aggs": {"b": terms("topic")}}}, "rien ne peut être compté sous sum"),
        ({"a": {"range": {"field": "reach", "ranges": [{"to": 3}, {"from": 2}]}}}, "se chevauchent"),
        ({"a": {"filter": {"bool": {"must": {"match": {"text": "a"}}}}}}, "filtre inconnu"),
        ({"a": {"filter": {"bool": {"mustnot": []}}}}, "clause inconnue"),
        ({"a": terms("topic") | {"aggs": {"b": {"avg": {"field": "topic"}}}}}, "« b »"),
        ({"a": {"composite": {"sources": [{"a": {"geotile_grid": {"field": "at"}}}]}}}, "source de composite"),
        ({"a": {"top_hits": {"sort": ["topic"]}}}, "ne s'applique pas"),
        ({"a": {"top_hits": {"size": 101}}}, "au plus 100"),
    ],
)
def test_what_one_engine_lacks_is_refused_by_both(embedded: Engine, aggs: dict[str, Any], reason: str) -> None:
    assert isinstance(embedded, EmbeddedEngine)
    with pytest.raises(QueryError, match=reason):
        embedded.aggregate("positions", aggs)
