"""The query language: what it means, what it refuses and where; no query does anything else."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.elastic_queries import to_query as to_elastic
from index.engine import Where
from index.query import And, Node, Not, OneOf, Or, Range, Words, compile_where, parse
from index.tantivy_queries import schema_of
from index.tantivy_queries import to_query as to_tantivy
from polyphonie.errors import QueryError

A, B, C = Words("alpha"), Words("bêta"), Words("gamma")


def day(number: int) -> datetime:
    return datetime(2026, 3, number, tzinfo=UTC)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("alpha", A),
        ("alpha bêta", And((A, B))),
        ("alpha ET bêta AND gamma", And((A, B, C))),
        ("alpha OU bêta gamma", Or((A, And((B, C))))),
        ("(alpha OR bêta) gamma", And((Or((A, B)), C))),
        ("alpha SAUF bêta", And((A, Not(B)))),
        ("alpha -bêta", And((A, Not(B)))),
        ("NON alpha", Not(A)),
        ("alpha ET SAUF (bêta OU gamma)", And((A, Not(Or((B, C)))))),
        ("le alpha", A),
        ("alpha OU (le la)", A),
        ("et ou sauf alpha", And((Words("sauf"), A))),  # small letters: words, and "et", "ou" are stop words
        ('"alpha bêta"', Words("alpha bêta")),
        ("« alpha »", Words(" alpha ")),
        ("alpha-bêta", Words("alpha-bêta")),
        ("title:alpha", Words("alpha", "title")),
        ('source:"a b"', OneOf("source", ("a b",))),
        ("source:-a", OneOf("source", ("-a",))),
        ("-source:a", Not(OneOf("source", ("a",)))),
        ("counted:oui", OneOf("counted", (True,))),
        ("reach:3", OneOf("reach", (3,))),
        ("p_favour:0,5..", Range("p_favour", 0.5, None, closed=True)),
        ("epoch:-2..3", Range("epoch", -2, 3, closed=True)),
        ("at:2026-03-01", Range("at", day(1), day(2))),
        ("at:2026-03-01..2026-03-04", Range("at", day(1), day(5))),
        ("at:..2026-03-04", Range("at", None, day(5))),
        ("après:2026-03-04", Range("at", day(4))),
        ("avant:2026-03-04", Range("at", None, day(4))),
        ("https://exemple.fr/a", Words("https://exemple.fr/a")),
        ("10:30", Words("10:30")),
    ],
)
def test_what_a_query_means(query: str, expected: Node) -> None:
    assert parse(query, "positions") == expected


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("(alpha", "parenthèse ouverte au caractère 1"),
        ("alpha)", "fermante sans ouvrante au caractère 6"),
        ('alpha "bêta', "guillemet sans son pendant au caractère 7"),
        ("alpha ET", r"un mot était attendu à la fin de la requête \(caractère 9\)"),
        ("OU alpha", "un mot était attendu au caractère 1"),
        ("alpha ()", "un mot était attendu au caractère 8"),
        ("le la les", "mots très courants"),
        ("!?", "mots très courants"),
        ("alpha inconnu:x", "caractère 7 : champ inconnu « inconnu »"),
        ("span:x", "n'est pas interrogeable"),
        ("at:hier", "caractère 1 : une date comme 2026-03-01 était attendue, pas « hier »"),
        ("at:2026-02-30", "une date"),
        ("at:9999-12-31", "une date"),
        ("at:٢٠٢٦-٠٣-٠١", "une date"),
        ("reach:beaucoup", "un nombre était attendu"),
        ("reach:..", "une borne au moins"),
        ("at:..", "une borne au moins"),
        ("reach:1.5", "un nombre était attendu"),
        ("counted:peut-être", "« oui » ou « non »"),
        ("(" * 30 + "a" + ")" * 30, "trop imbriquée"),
        ("alpha " * 501, "trop longue"),
        ("a" * 4_001, "trop longue"),
        ("alpha \ud800", "illisible à la place 7"),
    ],
)
def test_what_a_query_may_not_be(query: str, reason: str) -> None:
    with pytest.raises(QueryError, match=reason):
        parse(query, "positions")


WORDS = [
    "alpha",
    "le",
    "ET",
    "OU",
    "SAUF",
    "NOT",
    "-",
    "(",
    ")",
    '"',
    "«",
    "»",
    ":",
    "..",
    "at:",
    "2026-03-01",
    "reach:",
]
WORDS += [
    "source:",
    "counted:oui",
    "p_favour:",
    "1",
    "-3",
    "0,5",
    " ",
    "l'",
    "é",
    "\ud800",
    "\x00",
    "👏",
    "avant:",
    "text:",
]
SCHEMA = schema_of("positions")
QUERIES = (
    st.text()
    | st.lists(st.sampled_from(WORDS), max_size=30).map("".join)
    | st.lists(st.sampled_from(WORDS)).map(" ".join)
)


@given(QUERIES)
@settings(max_examples=600, deadline=None)
def test_no_query_does_anything_but_compile_or_be_refused(query: str) -> None:
    try:
        node = compile_where("positions", Where(query))
    except QueryError:
        return
    json.dumps(to_elastic(node, "positions"), allow_nan=False).encode()
    to_tantivy(node, "positions", SCHEMA)
