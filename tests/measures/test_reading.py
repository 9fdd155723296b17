"""What the pages read, on a few hundred positions in the embedded engine: masks, curves, arguments, search, quality."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from math import isnan
from pathlib import Path

import numpy as np
import pytest

from index.documents import position_document, post_document, proposal_document
from index.embedded import EmbeddedEngine
from index.engine import Document, Engine
from index.retention import expire
from measures.arguments import arguments, places, shared_links
from measures.overview import curve, mix, overview, sentences
from measures.popularity import Confusion
from measures.quality import SourceHealth, agreement, confusion_from, health, live_confusion
from measures.search import search_curve, search_mix, search_page
from measures.tallies import measure
from measures.window import View
from polyphonie.pseudonyms import epoch_of
from polyphonie.records import Kind, Link, Origin, Position, Post, Proposal, Stance, position_id, record_id

K = 11
PERFECT = Confusion(np.diag([10_000.0, 10_000.0, 0.0]))
FIRST = date(2026, 3, 2)
VIEW = View(FIRST + timedelta(days=28), FIRST + timedelta(days=56))
PROPOSALS = [
    Proposal(id="loyers", title="Encadrer les loyers", statement="Il faut encadrer les loyers.", sector="logement"),
    Proposal(id="velos", title="Des pistes * cyclables", statement="Il faut des pistes cyclables.", sector="transport"),
    Proposal(id="tiers", title="Unanime", statement="Il faut être unanime.", sector="transport"),
    Proposal(id="rare", title="Rare", statement="Il faut parler peu.", sector="logement"),
    Proposal(id="muet", title="Muet", statement="Il faut se taire.", sector="logement"),
]


def spoken(
    voice: str, proposal: str, stance: str, day: int, text: str = "", origin: str = "predicted", **more: object
) -> tuple[Post, Document]:
    at = datetime(FIRST.year, FIRST.month, FIRST.day, 9, tzinfo=UTC) + timedelta(days=day)
    text = text or f"Voilà un avis bien à moi sur ce sujet, {stance}, dit {voice}."
    key = record_id("post", voice, proposal, day, text, origin, more.get("source"))
    source = str(more.get("source", "forum"))
    fold = more.get("fold")
    post = Post(
        id=key, source=source, kind=Kind.POST, text=text,
        created_at=at, received_at=at, at=at, fold=record_id(fold) if fold else key, topic=str(more.get("topic", "t1")),
        links=(Link(domain="exemple.fr", url="https://exemple.fr/a"),) if more.get("link") else (),
    )  # fmt: skip
    declared = more.get("declared")
    place = next((each for each in PROPOSALS if each.id == proposal), None)
    position = Position(
        id=position_id(key, proposal, Origin(origin)), post=key, proposal=proposal, stance=Stance(stance),
        p_favour=0.9 if stance == "favour" else 0.05, p_against=0.9 if stance == "against" else 0.05, p_unclear=0.05,
        origin=Origin(origin), voice=record_id(voice, proposal, epoch_of(at, 7)), epoch=epoch_of(at, 7), created_at=at,
        at=at, source=source, declared=Stance(str(declared)) if declared else None,
    )  # fmt: skip
    return post, position_document(position, None if origin == "vote" else post, place)


def world() -> list[tuple[Post, Document]]:
    told = []
    for i in range(240):  # "loyers" goes from 40 to 75 % between the two halves; "velos" stays at one half
        late = i % 2
        day = (i // 2) % 28 + 28 * late
        side = "favour" if (i // 2) % 20 < (15 if late else 8) else "against"
        told.append(spoken(f"l{i}", "loyers", side, day, source="forum" if i % 3 else "reseau", link=i % 4 == 0))
        told.append(spoken(f"v{i}", "velos", "favour" if (i // 2) % 2 else "against", day, origin="vote"))
    told += [spoken(f"u{i}", "tiers", "favour", 30 + i % 5) for i in range(40)]
    told += [spoken(f"r{i}", "rare", "favour" if i % 2 else "against", 30) for i in range(10)]
    told += [spoken(f"c{i}", "loyers", "favour", 40, "Plafonnons les loyers partout et maintenant, ensemble.",
                    fold="copies", topic="t2") for i in range(15)]  # fmt: skip
    return told


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    opened = EmbeddedEngine(Path(tmp_path_factory.mktemp("index")))
    told = world()
    opened.write("posts", [post_document(post) for post, position in told if position["origin"] != "vote"])
    opened.write("positions", [position for _, position in told])
    judged = [("favour", "favour")] * 6 + [("favour", "against")] * 2 + [("against", "against")] * 4
    opened.write(
        "positions",
        [spoken(f"d{i}", "velos", answer, 35, f"{i}", declared=truth)[1] for i, (truth, answer) in enumerate(judged)],
    )
    opened.write("proposals", [proposal_document(each) for each in PROPOSALS])
    opened.write("topics", [{"id": "t2", "label": "plafonds", "terms": ["loyer"], "size": 15}])
    measure(opened, datetime(2026, 5, 1, tzinfo=UTC), 30, 7, everything=True)
    yield opened
    opened.close()


def test_overview(engine: Engine) -> None:
    rows = overview(engine, VIEW, K, PERFECT)
    assert [row.proposal.id for row in rows] == ["loyers", "velos", "rare", "tiers"]
    loyers, velos, rare, tiers = rows
    favour = sum(1 for i in range(240) if i % 2 and (i // 2) % 20 < 15) + 15
    assert loyers.raw.share == pytest.approx(favour / 135)
    assert loyers.voices == pytest.approx(135)
    assert loyers.sources == ("forum", "reseau")
    assert loyers.change is not None
    assert loyers.change.established
    assert (loyers.rank.best, velos.rank.worst) == (1, 2)  # type: ignore[union-attr]
    assert velos.corrected.share == 0.5
    assert velos.corrected.estimator == "declared"
    assert velos.change is not None
    assert not velos.change.established
    assert rare.masked == "moins de 11 voix"
    assert "unanimes" in tiers.masked
    for hidden in (rare, tiers):
        assert isnan(hidden.corrected.share)
        assert (hidden.voices, hidden.posts, hidden.rank, hidden.change) == (0, 0, None, None)
        assert all(share is None for _, share in hidden.spark)


def test_overview_of_a_sector_and_of_nothing(engine: Engine) -> None:
    transport = View(VIEW.since, VIEW.until, sectors=("transport",))
    assert [row.proposal.id for row in overview(engine, transport, K, None)] == ["velos", "tiers"]
    assert overview(engine, View(VIEW.since, VIEW.until, sectors=("mer",)), K, None) == []
    assert overview(engine, View(date(2030, 1, 1), date(2030, 2, 1)), K, None) == []


def test_the_answers_of_a_model_that_nobody_evaluated_may_mean_anything(engine: Engine) -> None:
    rows = {row.proposal.id: row for row in overview(engine, VIEW, K, None)}
    loyers, velos = rows["loyers"].corrected, rows["velos"].corrected
    assert (loyers.estimator, loyers.low, loyers.high) == ("raw", 0.0, 1.0)
    assert rows["loyers"].change is not None
    assert not rows["loyers"].change.established
    assert velos.high - velos.low < 0.2  # votes need no model


def test_predictions_are_corrected_and_votes_are_not(engine: Engine) -> None:
    errors = Confusion(np.array([[90, 10, 0], [30, 70, 0], [0, 0, 0]], float))
    loyers, velos = overview(engine, VIEW, K, errors)[:2]
    assert loyers.corrected.share == pytest.approx((loyers.raw.share - 0.3) / 0.6)
    assert loyers.corrected.estimator == "adjusted"
    assert velos.corrected.share == 0.5


def test_curve_and_mix(engine: Engine) -> None:
    points = curve(engine, "loyers", VIEW, K, None, 7)
    assert [(point.day, point.until) for point in points] == [
        (VIEW.since + timedelta(days=7 * i), VIEW.since + timedelta(days=7 * (i + 1))) for i in range(4)
    ]
    assert all(point.raw is not None and point.raw.low < point.raw.high for point in points)
    assert sum(point.voices for point in points) == pytest.approx(135)
    daily = curve(engine, "loyers", VIEW, K, None, 1)
    assert len(daily) == 28
    assert {point.masked for point in daily} == {"moins de 11 voix", ""}  # only the day of the copies holds enough
    assert all(point.raw is None and point.voices == 0 for point in daily if point.masked)
    told = mix(engine, "loyers", VIEW, 7, K)
    assert sum(each.favour + each.against + each.unclear for each in told) == pytest.approx(135)
    assert all(each.masked for each in mix(engine, "muet", VIEW, 7, K))


def test_sentences(engine: Engine) -> None:
    told = sentences(overview(engine, VIEW, K, PERFECT), VIEW)
    assert [sentence.proposal_id for sentence in told] == ["loyers", "velos"]
    first, second = (sentence.text_fr for sentence in told)
    assert first.startswith("«\u202fEncadrer les loyers\u202f» est la plus approuvée\u00a0: **")
    assert "\u202f%** des voix qui prennent parti (entre " in first
    assert "en hausse probable depuis les 28 jours précédents (+" in first
    assert "Des pistes \\* cyclables" in second
    assert "**50\u202f%**" in second
    assert "pas de différence établie avec les 28 jours précédents" in second
    assert sentences([], VIEW) == []


def test_arguments(engine: Engine) -> None:
    found = arguments(engine, "loyers", "favour", VIEW, K)
    assert found.voices == found.posts
    assert {theme.topic: theme.label for theme in found.themes} == {"t1": "", "t2": "plafonds"}
    assert sum(theme.share for theme in found.themes) == pytest.approx(1)
    copied, other = found.examples
    assert copied.copies == 15
    assert copied.position["text"].startswith("Plafonnons")
    assert other.position["topic"] == "t1"
    assert arguments(engine, "rare", Stance.FAVOUR, VIEW, K).masked == "moins de 11 voix"
    assert arguments(engine, "rare", Stance.FAVOUR, VIEW, K).examples == []
    votes = View(VIEW.since, VIEW.until, origins=("vote",))
    assert arguments(engine, "velos", Stance.FAVOUR, votes, K).posts == 0


def test_links_and_places(engine: Engine) -> None:
    ((domain, posts),) = shared_links(engine, "loyers", View(FIRST, VIEW.until), K)
    assert (domain, posts) == ("exemple.fr", 60)
    assert shared_links(engine, "rare", VIEW, K) == []
    found = places(engine, "loyers", VIEW, K)
    assert [source for source, _, _ in found] == ["forum", "reseau"]
    assert sum(share for _, _, share in found) == pytest.approx(1)
    assert places(engine, "rare", VIEW, K) == []


def test_search(engine: Engine) -> None:
    found = search_mix(engine, "plafonnons OU rien", VIEW, K)
    assert found.masked  # fifteen copies of one mind
    everything = search_mix(engine, "proposal:loyers", VIEW, K)
    assert everything[3:] == (135, 135, "")
    assert everything.favour + everything.against == 135
    points = search_curve(engine, "proposal:loyers", VIEW, K, 7)
    assert [point.day for point in points] == [VIEW.since + timedelta(days=7 * i) for i in range(4)]
    assert sum(point.favour for point in points) == everything.favour
    assert all(point.masked for point in search_curve(engine, "introuvable", VIEW, K, 7))
    uneven = search_curve(engine, "proposal:loyers", View(VIEW.since + timedelta(days=3), VIEW.until), 1, 7)
    assert len(uneven) == 4
    page = search_page(engine, "plafonnons", VIEW, 5, 0)
    assert (page.total, len(page.documents)) == (15, 5)
    assert search_page(engine, "", View(VIEW.since, VIEW.until, origins=("vote",))).total == 0


@pytest.mark.parametrize(("weighting", "total"), [("voices", 135), ("posts", 135), ("reach", 135)])
def test_search_weightings(engine: Engine, weighting: str, total: int) -> None:
    found = search_mix(engine, "proposal:loyers", View(VIEW.since, VIEW.until, weighting=weighting), K)  # type: ignore[arg-type]
    assert found.favour + found.against + found.unclear == total


def test_live_confusion(engine: Engine) -> None:
    found = live_confusion(engine, VIEW)["forum"]
    np.testing.assert_array_equal(found.counts, [[6, 2, 0], [0, 4, 0], [0, 0, 0]])
    said = agreement(found)
    assert (said.n, said.accuracy, said.abstained) == (12, pytest.approx(10 / 12), 0)
    assert said.macro_f1 == pytest.approx((12 / 14 + 8 / 10) / 2)
    assert live_confusion(engine, View(date(2030, 1, 1), date(2030, 2, 1))) == {}
    assert live_confusion(engine).keys() == {"forum"}


def test_health(engine: Engine) -> None:
    now = datetime(2026, 5, 1, tzinfo=UTC)
    forum, reseau = health(engine, now)
    assert (forum.source, reseau.source) == ("forum", "reseau")
    assert forum.posts + reseau.posts == 240 + 40 + 10 + 15
    assert forum.positions > forum.posts
    assert forum.last == datetime(2026, 4, 26, 9, tzinfo=UTC)
    assert forum.lag == now - forum.last


def test_a_source_whose_raw_data_have_expired_keeps_its_dates(tmp_path: Path) -> None:
    engine = EmbeddedEngine(tmp_path)
    told = [spoken(f"v{i}", "loyers", "favour", day, f"{i}") for i, day in enumerate((3, 9, 12))]
    engine.write("posts", [post_document(post) for post, _ in told])
    engine.write("positions", [position for _, position in told])
    now = datetime(2026, 5, 1, tzinfo=UTC)
    measure(engine, now, 365, 7)
    (whole,) = health(engine, now)
    assert whole.first == told[0][0].at  # the instant, not its day
    expire(engine, told[1][0].at, ())
    (half,) = health(engine, now)
    assert (half.posts, half.positions, half.last, half.lag) == (2, 2, whole.last, whole.lag)
    assert half.first == whole.first.replace(hour=0)
    expire(engine, now)
    assert health(engine, now) == [
        SourceHealth("forum", 0, 0, half.first, whole.last.replace(hour=0), None)  # type: ignore[union-attr]
    ]
    engine.close()


SHIPPED = "polyphonie/stance-fr"


def test_rates_are_those_of_the_model_and_of_the_threshold_that_were_evaluated(tmp_path: Path) -> None:
    assert confusion_from(SHIPPED, 0.0, tmp_path / "absent.json") is None
    one = {
        "title": "t", "n": 10, "proposals": 2, "macro_f1": 0.5, "interval": [0.4, 0.6], "macro_f1_sided": 0.5,
        "accuracy": 0.5, "calibration_error": 0.1, "confusion": [[4, 1, 0], [1, 3, 0], [0, 0, 1]], "baselines": {},
    }  # fmt: skip
    named = [("a", "0"), ("b", "1"), ("again", "1")]
    sets = [one | {"name": name, "digest": f"sha256:{digest * 64}"} for name, digest in named]
    path = tmp_path / "stance.json"
    path.write_text(json.dumps({"model": "m", "date": "2026-01-01", "pairs_per_second": {}, "sets": sets}))
    assert confusion_from("another/model", 0.0, path) is None
    assert confusion_from(SHIPPED, 0.75, path) is None
    found = confusion_from(SHIPPED, 0.0, path)
    assert found is not None
    assert (found.tpr, found.fpr) == (0.8, 0.25)
    assert found.counts.sum() == 20
