"""What both engines promise: the same writes, refusals, words, windows, pages and lifetimes."""

import json
import multiprocessing
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from index.elastic import ElasticEngine
from index.embedded import EmbeddedEngine
from index.engine import COLLECTIONS, Document, Engine, Where
from index.retention import expire
from index.schema import VERSION
from polyphonie.errors import ConfigurationError, EngineUnreachable, QueryError

TEXTS = {
    "ecole": "L’école publique est en danger",
    "ecoles": "Les écoles de la République, c'est aujourd'hui !",
    "securite": "La sécurité sociale, l'article 49.3 et l'hôpital",
    "sans_accent": "SECURITE pour tous, égalité réelle",
    "reforme": "La réforme de l'école et des lycées",
    "emoji": "Bravo 👏 aux œuvres",
}


def post(number: int = 0, **fields: Any) -> Document:
    at = f"2026-03-{number % 28 + 1:02d}T12:00:00.500Z"
    return {"id": f"post-{number}", "text": f"texte {number}", "source": "essai", "at": at, "received_at": at} | fields


def found(engine: Engine, query: str = "", **where: Any) -> set[str]:
    return {document["id"] for document in engine.search("posts", Where(query, **where), size=100).documents}


def fill_texts(engine: Engine) -> None:
    engine.write("posts", (post(number, id=name, text=text) for number, (name, text) in enumerate(TEXTS.items())))


def test_a_document_comes_back_as_it_was_given(engine: Engine) -> None:
    given = post(
        title="« Titre »",
        links=[{"domain": "exemple.fr", "url": "https://exemple.fr/a?b=1"}],
        versions={"stance": "modèle 1", "x.y": "2"},
        hashtags=["climat", "climat"],
        topic=None,
        reach=2**53 + 1,
    )
    assert engine.write("posts", [given]).count == 1
    assert engine.get("posts", ["post-0", "absent"]) == {"post-0": given}
    assert engine.search("posts", Where()).documents == [given]


def test_the_last_of_two_documents_with_one_id_wins(engine: Engine) -> None:
    engine.write("posts", [post(text="ancien"), post(1), post(text="courant")])
    assert (engine.count("posts"), found(engine, "courant"), found(engine, "ancien")) == (2, {"post-0"}, set())
    engine.write("posts", [post(text="dernier")])
    assert (engine.count("posts"), found(engine, "dernier"), found(engine, "courant")) == (2, {"post-0"}, set())


def test_writing_again_changes_nothing(engine: Engine) -> None:
    documents = [post(number) for number in range(30)]
    for _ in range(3):
        assert engine.write("posts", documents).count == 30
    assert sorted(engine.scan("posts"), key=lambda one: one["id"]) == sorted(documents, key=lambda one: one["id"])


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"surprise": 1}, "field 'surprise': not in the schema of posts"),
    ({"_order": 1}, "field '_order': not in the schema of posts"),
    ({"text": 4}, "field 'text': expected a string in valid Unicode, got int"),
    ({"text": "\ud800"}, "field 'text': expected a string in valid Unicode, got str"),
    ({"at": "hier"}, "field 'at': expected an ISO 8601 date with its zone, got str"),
    ({"at": "2026-03-01T10:00:00"}, "field 'at': expected an ISO 8601 date with its zone, got str"),
    ({"at": "0001-01-01"}, "field 'at': expected a year from 1900 to 2199, got str"),
    ({"reach": 1.5}, "field 'reach': expected an integer of 64 bits, got float"),
    ({"reach": True}, "field 'reach': expected an integer of 64 bits, got bool"),
    ({"reach": 2**63}, "field 'reach': expected an integer of 64 bits, got int"),
    ({"hashtags": "climat"}, "field 'hashtags': expected a list, got str"),
    ({"hashtags": ["a", 1]}, "field 'hashtags': in the list, expected a string, got list"),
    ({"source": "s" * 40_000}, "field 'source': expected at most 32766 bytes of UTF-8, got str"),
    ({"links": [object()]}, "field 'links': expected JSON, got list"),
    ({"id": ""}, "field 'id': expected a non-empty string"),
    ({"id": "i" * 513}, "field 'id': expected at most 512 bytes of UTF-8"),
]


def test_what_does_not_fit_is_refused_with_its_reason_and_the_others_go_in(engine: Engine) -> None:
    bad = [post(number, **fields) for number, (fields, _) in enumerate(REFUSED)]
    written = engine.write("posts", [post(100), *bad, post(101)])
    assert written.count == 2
    assert written.refused == [(one["id"], reason) for one, (_, reason) in zip(bad, REFUSED, strict=True)]
    assert found(engine) == {"post-100", "post-101"}


def test_delete_says_how_many_were_there(engine: Engine) -> None:
    engine.write("posts", map(post, range(5)))
    assert engine.delete("posts", ["post-1", "post-1", "absent", "post-3"]) == 2
    assert engine.delete("posts", []) == 0
    assert found(engine) == {"post-0", "post-2", "post-4"}


def test_delete_where(engine: Engine) -> None:
    engine.write("posts", (post(number, source="ab"[number % 2]) for number in range(10)))
    assert engine.delete_where("posts", Where("NOT source:a", since=datetime(2026, 3, 5, tzinfo=UTC))) == 3
    assert found(engine) == {f"post-{number}" for number in (0, 1, 2, 3, 4, 6, 8)}


def test_a_purge_keeps_what_was_not_deleted(engine: Engine) -> None:
    engine.purge()
    for start in range(0, 40, 8):
        engine.write("posts", map(post, range(start, start + 8)))
    engine.write("posts", [post(7, text="remplacé")])
    engine.delete("posts", ["post-3", "post-39"])
    before = {one["id"]: one for one in engine.scan("posts")}
    engine.purge()
    if isinstance(engine, ElasticEngine):  # files of the other one: see test_embedded.py
        assert engine._deleted(engine._alias("posts")) == 0
    assert {one["id"]: one for one in engine.scan("posts")} == before
    assert before.keys() == {f"post-{number}" for number in range(40) if number not in (3, 39)}
    assert found(engine, "remplacé") == {"post-7"}


@pytest.mark.parametrize("name", COLLECTIONS)
def test_drop_leaves_an_empty_collection_that_works(engine: Engine, name: Any) -> None:
    engine.write(name, [{"id": "un"}])
    engine.drop(name)
    assert engine.count(name) == 0
    engine.write(name, [{"id": "deux"}])
    engine.drop(name)
    engine.write(name, [{"id": "trois"}])
    assert list(engine.scan(name)) == [{"id": "trois"}]


def test_words_are_found_as_french_words(engine: Engine) -> None:
    fill_texts(engine)
    expected = {
        "école": {"ecole", "ecoles", "reforme"},  # elision, plural
        "ECOLES": {"ecole", "ecoles", "reforme"},  # no accent, capitals
        "l'école": {"ecole", "ecoles", "reforme"},
        "L’ÉCOLE": {"ecole", "ecoles", "reforme"},
        "securite": {"securite", "sans_accent"},
        "sécurités": {"securite", "sans_accent"},
        "egalite": {"sans_accent"},
        "lycée": {"reforme"},
        "hopitaux": {"securite"},
        "hôpital": {"securite"},
        "49.3": {"securite"},
        "aujourd'hui": {"ecoles"},
        "aujourd’hui": {"ecoles"},
        "pour": {"sans_accent"},  # on a stance, "pour" carries the sense
        "œuvre": {"emoji"},
        "oeuvres": {"emoji"},
        "👏": {"emoji"},
    }
    assert {query: found(engine, query) for query in expected} == expected


def test_the_query_language(engine: Engine) -> None:
    fill_texts(engine)
    engine.write("posts", [post(20, id="autre", text="école", source="b", reach=5, topic="deux mots", title="Lycées")])
    everything = {*TEXTS, "autre"}
    expected = {
        "": everything,
        "école publique": {"ecole"},
        "école ET publique": {"ecole"},
        "école AND le publique": {"ecole"},  # stop words ask for nothing
        "danger OU 49.3": {"ecole", "securite"},
        "danger OR 49.3 OR le": {"ecole", "securite"},
        "école SAUF publique": {"ecoles", "reforme", "autre"},
        "école -publique NOT source:b": {"ecoles", "reforme"},
        "-école": {"securite", "sans_accent", "emoji"},
        "NOT (école OU sécurité)": {"emoji"},
        "(danger OU réforme) école": {"ecole", "reforme"},
        '"école publique"': {"ecole"},
        '"publique école"': set(),
        "« réforme de l'école »": {"reforme"},
        "“sécurité sociale”": {"securite"},
        "école-publique": {"ecole"},
        "source:b": {"autre"},
        "source:B": set(),
        'topic:"deux mots"': {"autre"},
        "title:lycée": {"autre"},
        "lycée": {"autre", "reforme"},
        "text:lycée": {"reforme"},
        "reach:5": {"autre"},
        "reach:6..": set(),
        "reach:..5": {"autre"},
        "reach:1..5": {"autre"},
        "reach:9..1": set(),
        "at:2026-03-05..2026-03-01": set(),
        "at:2026-03-01": {"ecole"},
        "at:2026-03-01..2026-03-02": {"ecole", "ecoles"},
        "at:2026-03-20..": {"autre"},
        "at:..2026-03-01": {"ecole"},
        "après:2026-03-06": {"emoji", "autre"},
        "avant:2026-03-02": {"ecole"},
        "école avant:2026-03-02 OU emoji OU 👏": {"ecole", "emoji"},
    }
    assert {query: found(engine, query) for query in expected} == expected


def test_filters_and_windows(engine: Engine) -> None:
    engine.write("posts", (post(n, source="abc"[n % 3], reach=n, lang="fr") for n in range(9)))
    assert found(engine, terms={"source": ["a", "b"], "reach": [0, 1, 2, 3]}) == {"post-0", "post-1", "post-3"}
    assert found(engine, terms={"source": []}) == set()
    third, fourth = (datetime(2026, 3, day, 12, 0, 0, 500_000, tzinfo=UTC) for day in (3, 4))
    # Windows are in whole seconds, a fraction is rounded up: both bounds leave their own instant out, then in.
    assert found(engine, since=third, until=fourth) == {"post-3"}
    assert found(engine, since=third.replace(microsecond=0), until=fourth.replace(microsecond=0)) == {"post-2"}
    assert found(engine, until=third, date_field="received_at") == {"post-0", "post-1", "post-2"}
    assert engine.count("posts", Where("texte", terms={"lang": ["fr"]}, since=fourth)) == 5


def test_booleans_and_floats(engine: Engine) -> None:
    engine.write("positions", [{"id": str(n), "counted": n % 2 == 0, "p_favour": n / 4} for n in range(5)])
    where = {
        "counted:oui": {"0", "2", "4"},
        "counted:false": {"1", "3"},
        "p_favour:0,5..": {"2", "3", "4"},
        "p_favour:0.25": {"1"},
        "p_favour:1": {"4"},
    }
    got = {query: {one["id"] for one in engine.search("positions", Where(query)).documents} for query in where}
    assert got == where
    assert engine.count("positions", Where(terms={"counted": [True], "p_favour": [0, 1]})) == 2


@pytest.mark.parametrize(
    "where",
    [
        Where(terms={"inconnu": ["a"]}),
        Where(terms={"text": ["a"]}),
        Where(terms={"reach": ["a"]}),
        Where(terms={"source": [1]}),
        Where(since=datetime(2026, 1, 1)),
        Where(since=datetime(2026, 1, 1, tzinfo=UTC), date_field="source"),
        Where("("),
    ],
)
def test_a_wrong_question_is_said_so(engine: Engine, where: Where) -> None:
    with pytest.raises(QueryError):
        engine.search("posts", where)


def test_pages_newest_first_neither_repeat_nor_skip(engine: Engine) -> None:
    # Twenty posts of one instant: their order must not move between pages.
    engine.write("posts", [post(n, at="2026-03-01T00:00:00Z") for n in range(20)] + [post(27), post(25), post(26)])
    pages = [engine.search("posts", Where(), size=5, offset=offset, newest_first=True) for offset in range(0, 25, 5)]
    ids = [document["id"] for page in pages for document in page.documents]
    assert [page.total for page in pages] == [23] * 5
    assert ids[:3] == ["post-27", "post-26", "post-25"]
    assert sorted(ids) == sorted(f"post-{n}" for n in [*range(20), 25, 26, 27])
    assert engine.search("posts", Where(), size=0).total == 23
    with pytest.raises(QueryError, match="affinez"):
        engine.search("posts", Where(), size=20, offset=9_990)


def test_the_best_comes_first(engine: Engine) -> None:
    texts = ["climat climat climat", "un long texte qui parle de climat parmi bien des choses", "retraites"]
    engine.write("posts", (post(number, text=text) for number, text in enumerate(texts)))
    assert [one["id"] for one in engine.search("posts", Where("climat")).documents] == ["post-0", "post-1"]


def test_scan_gives_everything_once(engine: Engine) -> None:
    # More than one page on both engines, all with one sort key but for the noise of their ids.
    engine.write("positions", ({"id": f"n{n}", "epoch": n, "source": "ab"[n % 2]} for n in range(12_000)))
    scanned = [one["epoch"] for one in engine.scan("positions", Where("source:a"), fields=["epoch"])]
    assert sorted(scanned) == list(range(0, 12_000, 2))
    assert next(engine.scan("positions", fields=["id", "topic"])).keys() == {"id"}


def test_stats_count_every_collection(engine: Engine) -> None:
    engine.write("proposals", [{"id": "p", "title": "Une mesure", "paraphrases": ["Une autre façon"]}])
    stats = engine.stats()
    assert set(stats["collections"]) == set(COLLECTIONS)
    assert stats["collections"]["proposals"]["documents"] == 1
    assert stats["collections"]["proposals"]["bytes"] > 0
    assert (stats["schema"], stats["collections"]["posts"]["documents"]) == (VERSION, 0)
    assert [one["id"] for one in engine.search("proposals", Where("façons")).documents] == ["p"]


def test_raw_text_expires_but_for_consultations(engine: Engine) -> None:
    posts = [post(n, source="consultation" if n % 2 else "reseau") for n in range(6)]
    engine.write("posts", posts)
    engine.write("positions", ({key: one[key] for key in ("id", "source", "received_at")} for one in posts))
    before = datetime(2026, 3, 5, tzinfo=UTC)
    assert expire(engine, before, keep_sources=["consultation"]) == {"posts": 2, "positions": 2}
    assert found(engine) == {"post-1", "post-3", "post-4", "post-5"}
    assert expire(engine, before) == {"posts": 2, "positions": 2}


def write_batches(kind: str, where: str, prefix: str, batches: int) -> None:
    engine: Engine = EmbeddedEngine(Path(where)) if kind == "embedded" else ElasticEngine(where, prefix)
    for batch in range(batches):
        engine.write("posts", [post(batch * 10 + number) for number in range(10)])


def start_writer(engine: Engine, batches: int) -> Any:
    if isinstance(engine, EmbeddedEngine):
        place = ("embedded", str(engine.folder), "")
    else:
        assert isinstance(engine, ElasticEngine)
        place = ("elasticsearch", engine.address, engine.prefix)
    process = multiprocessing.get_context("spawn").Process(target=write_batches, args=(*place, batches))
    process.start()
    return process


def test_one_process_reads_while_another_writes(engine: Engine) -> None:
    engine.count("posts")
    writer = start_writer(engine, batches=15)
    seen = {0}
    while writer.is_alive():
        documents = engine.search("posts", Where("texte"), size=200).documents
        assert [json.dumps(one) for one in documents if one["text"] != f"texte {one['id'][5:]}"] == []
        seen.add(len(documents))
    writer.join()
    assert writer.exitcode == 0
    assert engine.count("posts") == 150
    assert seen != {0}
    if isinstance(engine, EmbeddedEngine):
        assert all(count % 10 == 0 for count in seen)  # a batch is seen whole or not at all


def test_several_processes_and_threads_write_in_turn(engine: Engine) -> None:
    writers = [start_writer(engine, batches=4) for _ in range(2)]
    engine.write("posts", [post(500)])
    threads = [threading.Thread(target=engine.write, args=("posts", [post(600 + n)])) for n in range(4)]
    readers = [threading.Thread(target=engine.count, args=("posts", Where("texte"))) for _ in range(8)]
    for thread in threads + readers:
        thread.start()
    for waiting in [*threads, *readers, *writers]:
        waiting.join()
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert engine.count("posts", Where("texte")) == 45


def test_an_engine_that_does_not_answer_is_named(tmp_path: Path) -> None:
    unreachable = ElasticEngine("http://somebody:secret@127.0.0.1:9", "x", max_retries=1, timeout_s=2)
    for call in (
        lambda: unreachable.count("posts"),
        lambda: unreachable.write("posts", [post()]),
        lambda: unreachable.aggregate("posts", {}),
        lambda: list(unreachable.scan("posts")),
        lambda: unreachable.drop("posts"),
        unreachable.stats,
    ):
        with pytest.raises(EngineUnreachable, match=r"http://127\.0\.0\.1:9") as caught:
            call()
        assert "secret" not in str(caught.value)
    (tmp_path / "index").write_text("a file where the folder should be")
    with pytest.raises(EngineUnreachable, match=str(tmp_path)):
        EmbeddedEngine(tmp_path / "index").count("posts")


def test_an_address_that_is_none_is_a_wrong_setting() -> None:
    with pytest.raises(ConfigurationError, match=r"elasticsearch\.url"):
        ElasticEngine("nowhere", "x")
