"""Drift is told when what is read has moved, and hardly ever when it has not; the interval then widens by a rule."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from math import isnan, sqrt

import numpy as np
import pytest

from index.documents import position_document, post_document
from index.embedded import EmbeddedEngine
from index.engine import Engine
from measures.drift import (
    DAYS,
    FALSE_ALARM,
    KINDS,
    LAST,
    Shift,
    deal,
    jensen_shannon,
    population_stability,
    shift,
    total_variation,
    widened,
    widening,
)
from measures.drifting import (
    Kept,
    Seen,
    after,
    evaluation,
    keep_shifts,
    kept_shifts,
    places,
    read_shifts,
    shifts_path,
)
from measures.popularity import Confusion
from nlp.quality import STANCE
from polyphonie.records import Kind, Origin, Position, Post, Stance, position_id, record_id


@pytest.mark.parametrize(
    ("before", "now", "divergence", "moved"),
    [
        ([50, 50], [5, 5], 0.0, 0.0),
        ([10, 0], [0, 10], 1.0, 1.0),  # nothing in common
        ([1, 1], [1, 0], 0.311278, 0.5),
        ([1, 1, 0], [1, 0, 1], 0.5, 0.5),
        ([60, 40], [40, 60], 0.029049, 0.2),
        ([0, 0], [1, 2], np.nan, np.nan),
    ],
)
def test_distances_between_two_mixes(before, now, divergence, moved):
    first, second = np.array(before, np.float64), np.array(now, np.float64)
    np.testing.assert_allclose(jensen_shannon(first, second), divergence, atol=1e-6)
    np.testing.assert_allclose(jensen_shannon(second, first), divergence, atol=1e-6)
    np.testing.assert_allclose(total_variation(first, second), moved, atol=1e-12)


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ([500, 500], [50, 50], 0.0),
        ([600, 400], [400, 600], 0.2 * np.log(1.5) * 2),
        ([1000, 0], [0, 1000], 2 * 1000 / 1001 * np.log(2001)),  # far, not infinite
        ([0, 0], [1, 1], np.nan),
    ],
)
def test_population_stability(before, now, expected):
    found = population_stability(np.array(before, np.float64), np.array(now, np.float64))
    np.testing.assert_allclose(found, expected, rtol=5e-3, atol=1e-9)


def test_the_two_distances_agree_on_small_changes():
    before = np.array([4000.0, 3000.0, 3000.0])
    now = np.array([4200.0, 2900.0, 2900.0])
    assert population_stability(before, now) == pytest.approx(8 * np.log(2) * jensen_shannon(before, now), rel=0.02)


def test_counts_are_not_negative():
    with pytest.raises(ValueError, match="negative"):
        jensen_shannon(np.array([1.0, -1.0]), np.array([1.0, 1.0]))


@pytest.mark.parametrize(("days", "last"), [(30, 7), (40, 10), (15, 7), (30, 1)])
def test_what_is_dealt_is_as_many_days_in_two_runs_anywhere(days, last):
    dealt = deal(days, last)
    assert (dealt.sum(axis=1) == last).all()
    begins = ((dealt == 1) & (np.roll(dealt, 1, axis=1) == 0)).sum(axis=1)
    assert begins.max() <= 2
    np.testing.assert_allclose(dealt.mean(axis=0), last / days, atol=0.08)
    assert deal(days, last) is dealt


@pytest.mark.parametrize(("days", "last"), [(30, 0), (14, 7), (7, 7)])
def test_days_before_must_outnumber_the_last(days, last):
    with pytest.raises(ValueError, match="cannot compare"):
        shift("words", np.ones((days, 3)), last)


@pytest.mark.parametrize(
    "days",
    [
        np.zeros((30, 4)),
        np.ones((30, 4)),  # 28 items in the last week
        np.vstack([np.zeros((15, 4)), np.full((15, 4), 100.0)]),  # eight days of past
        np.vstack([np.full((23, 4), 100.0), np.zeros((7, 4))]),  # silence is not drift
    ],
)
def test_too_little_says_nothing(days):
    found = shift("scores", days)
    assert isnan(found.p_value)
    assert not found.established
    assert found.moved == 0


def series(kind: str, rng: np.random.Generator, moved: float = 0.0, categories: int = 8) -> np.ndarray:
    """A month of counts: how days differ from each other, then a change of the last week."""
    effect = rng.normal(0, 0.4, (DAYS, categories))
    volume = rng.poisson(200, DAYS)
    if kind == "same":
        effect[:] = 0
    elif kind == "alike":  # a day is half like the day before
        for day in range(1, DAYS):
            effect[day] = 0.5 * effect[day - 1] + sqrt(0.75) * effect[day]
    elif kind == "week":
        effect = rng.normal(0, 0.6, (7, categories))[np.arange(DAYS) % 7] + effect / 2
    elif kind == "bursts":
        volume = (200 * rng.pareto(1.5, DAYS) + 20).astype(int)
    effect[-LAST:] += rng.normal(0, moved, categories) if moved else 0.0
    mix = rng.dirichlet(np.full(categories, 2.0)) * np.exp(effect)
    return np.stack([rng.multinomial(n, p) for n, p in zip(volume, mix / mix.sum(axis=1, keepdims=True), strict=True)])


@pytest.mark.parametrize(
    ("kind", "most"),
    [("same", 0.02), ("independent", 0.02), ("week", 0.02), ("bursts", 0.02), ("alike", 0.04)],
)
def test_false_alarms_are_as_few_as_said(kind, most):
    """300 looks each; the promise is FALSE_ALARM / 3 = 0.0167 a view, and 0.02 was measured where days are alike."""
    rng = np.random.default_rng(11)
    found = [shift("scores", series(kind, rng)) for _ in range(300)]
    assert np.mean([each.p_value <= FALSE_ALARM / KINDS for each in found]) <= most
    assert np.mean([each.established for each in found]) <= most


@pytest.mark.parametrize("kind", ["same", "independent", "alike", "bursts"])
def test_a_week_that_moved_is_told(kind):
    rng = np.random.default_rng(5)
    found = [shift("scores", series(kind, rng, moved=1.0)) for _ in range(60)]
    assert np.mean([each.established for each in found]) >= 0.75


def test_a_burst_of_one_day_is_no_drift():
    days = np.full((DAYS, 4), 50.0)
    days[-3] = [5_000.0, 0.0, 0.0, 0.0]
    assert not shift("words", days).established


def test_a_change_too_small_to_matter_is_none_even_when_it_is_sure():
    days = np.full((DAYS, 2), 100_000.0)
    days[-LAST:] = [102_000.0, 98_000.0]
    found = shift("sources", days, names=["a", "b"])
    assert found.p_value <= FALSE_ALARM / KINDS
    assert found.moved == pytest.approx(0.01, abs=0.005)
    assert not found.established


def test_a_new_source_is_named():
    days = np.tile([100.0, 60.0, 0.0], (DAYS, 1))
    days[-LAST:, 2] = 120.0
    found = shift("sources", days, names=["forum", "reseau", "nouvelle"])
    assert found.established
    assert found.moves[0].name == "nouvelle"
    assert (found.moves[0].before, found.moves[0].items) == (0.0, 840.0)
    assert found.moves[0].now == pytest.approx(120 / 280)


COUNTS = np.array([[400.0, 100.0, 0.0], [100.0, 400.0, 0.0], [0.0, 0.0, 0.0]])


def moved(kind: str, share: float, p_value: float = 0.001) -> Shift:
    return Shift(kind, 0.1, 0.5, share, p_value)


# Errors of 20 % and 15 rows a proposal: their deviation between proposals is 0.1.
@pytest.mark.parametrize(
    ("shifts", "factor"),
    [
        ([], 1.0),
        ([moved("scores", 0.2, p_value=0.5)], 1.0),  # chance
        ([moved("scores", 0.04)], 1.0),  # too small to matter
        ([moved("scores", 0.2)], sqrt(2)),  # 0.2 x 1/2 is one more deviation of 0.1
        ([moved("sources", 0.25)], sqrt(2)),  # a quarter of four deviations
        ([moved("words", 0.25), moved("scores", 0.2), moved("sources", 0.1)], sqrt(2)),  # one thing seen three times
        ([moved("scores", 0.4)], sqrt(5)),
    ],
)
def test_the_interval_widens_with_what_moved(shifts, factor):
    confusion = Confusion(COUNTS, "", 15.0)
    assert widening(confusion, shifts) == pytest.approx(factor)
    rows = widened(confusion, shifts).rows
    assert rows == pytest.approx(16 / factor**2 - 1)
    np.testing.assert_array_equal(widened(confusion, shifts).counts, COUNTS)


def test_an_evaluation_whose_proposals_do_not_differ_widens_too():
    confusion = Confusion(COUNTS)
    assert widened(confusion, []) is confusion
    assert widened(confusion, [moved("scores", 0.2)]).rows == pytest.approx(0.16 / (0.16 / 1001 + 0.01) - 1)
    empty = Confusion(np.zeros((3, 3)))
    assert widening(empty, [moved("scores", 0.2)]) >= 1


START = date(2026, 1, 1)


def looked(days, measured="first"):
    """What is kept after a look each evening, once there are DAYS of them. days: (d, k) counts of words."""
    kept = None
    for end in range(DAYS, len(days) + 1):
        shifts = [shift("words", days[end - DAYS : end])]
        kept = after(kept, START + timedelta(days=end), shifts, measured)
    return kept


def test_a_change_that_lasts_widens_until_the_errors_are_measured_again():
    days = np.tile([100.0, 100.0], (90, 1))
    days[35:] = [160.0, 40.0]
    kept = looked(days)
    assert not any(each.established for each in kept.shifts)  # two months later it is what is usual
    (seen,) = kept.bears_on()
    assert 0.2 < seen.shift.moved < 0.3
    changed = START + timedelta(days=35)
    assert changed - timedelta(days=LAST) <= seen.since <= changed
    assert kept.bears_on(changed - timedelta(days=LAST)) == []
    assert widening(Confusion(COUNTS, "", 15.0), [seen.shift]) > 1.25
    assert after(kept, kept.until + timedelta(days=1), kept.shifts, "second").bears_on() == []
    assert after(kept, kept.until + timedelta(days=1), kept.shifts, "first").bears_on() == [seen]


def test_what_never_moved_widens_nothing():
    assert looked(np.tile([100.0, 100.0], (90, 1))).bears_on() == []


DAY = date(2026, 4, 1)


@pytest.mark.parametrize(
    ("later", "shifts", "measured", "since"),
    [
        (1, [("words", 0.1)], "first", {"words": (0, 0.3)}),  # the largest is what widens
        (1, [("words", 0.5)], "first", {"words": (1, 0.5)}),
        (1, [("scores", 0.1)], "first", {"words": (0, 0.3), "scores": (1, 0.1)}),
        (0, [("words", 0.1)], "first", {"words": (0, 0.1)}),  # the same days, of which more have been read
        (0, [], "first", {}),
        (9, [("words", 0.1)], "second", {"words": (9, 0.1)}),  # measured again, and it has moved since
    ],
)
def test_what_is_kept_after_another_look(tmp_path, later, shifts, measured, since):
    path = shifts_path(tmp_path)
    keep_shifts(path, DAY, [moved("words", 0.3)], "first")
    until = DAY + timedelta(days=later)
    told = keep_shifts(path, until, [moved(kind, share) for kind, share in shifts], measured)
    assert told == kept_shifts(path)
    week = timedelta(days=LAST)
    found = {each.shift.kind: ((each.since + week - DAY).days, each.shift.moved) for each in told.bears_on()}
    assert found == since


@pytest.mark.parametrize(("later", "lasts"), [(1, False), (DAYS - 1, False), (DAYS, True)])
def test_scores_of_another_reader_are_no_lasting_drift(later, lasts):
    """Days that the former reader scored are compared with days of the new one: it passes as it came."""
    first = after(None, DAY, [], "first")
    renewed = after(first, DAY, [], "second")
    kept = after(renewed, DAY + timedelta(days=later), [moved("scores", 0.4), moved("words", 0.4)], "second")
    much_later = after(kept, DAY + timedelta(days=200), [], "second").bears_on()
    assert {each.shift.kind for each in much_later} == ({"scores", "words"} if lasts else {"words"})
    assert {each.shift.kind for each in kept.bears_on()} == {"scores", "words"}  # until then it widens all the same


def test_a_window_takes_the_largest_change_that_began_before_its_end():
    small, large = Seen(DAY, moved("words", 0.1)), Seen(DAY + timedelta(days=20), moved("words", 0.4))
    kept = Kept(DAY + timedelta(days=60), (), (small, large))
    for later, found in ((0, []), (1, [small]), (20, [small]), (21, [large])):
        assert kept.bears_on(DAY + timedelta(days=later)) == found


def test_what_a_former_version_kept_is_read(tmp_path):
    path = shifts_path(tmp_path)
    path.write_text(json.dumps({"until": "2026-04-01", "shifts": [asdict(moved("words", 0.3))]}))
    kept = kept_shifts(path)
    assert [(each.since, each.shift) for each in kept.bears_on()] == [(date(2026, 3, 25), moved("words", 0.3))]
    assert keep_shifts(path, DAY + timedelta(days=1), [moved("scores", 0.3)], "first").renewed is None
    path.write_text("[]")
    assert kept_shifts(path) is None


def test_an_evaluation_is_named_by_what_it_found(tmp_path):
    told = json.loads(STANCE.read_text(encoding="utf-8"))
    path = tmp_path / "stance.json"

    def named(**other):
        path.write_text(json.dumps(told | other), encoding="utf-8")
        return evaluation(path)

    assert named() == evaluation() == named(date="2020-01-01")
    others = [named(model="another"), named(sets=told["sets"][:-1]), evaluation(tmp_path / "absent.json")]
    assert len({*others, named()}) == 4


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Les retraités", "la retraite", True),
        ("L'ÉCOLE !", "ecole", True),
        ("les de la", "", True),
        ("les loyers", "les vélos", False),
    ],
)
def test_words_fall_in_the_same_place_whatever_their_accents_and_endings(one, other, same):
    assert (places(one) == places(other)) is same


UNTIL = date(2026, 4, 1)


def month(changes: bool) -> Iterator[tuple[Post, Position]]:
    for day in range(DAYS):
        late = changes and day >= DAYS - LAST
        for number in range(40):
            at = datetime(2026, 4, 1, 9, tzinfo=UTC) - timedelta(days=DAYS - day, minutes=-number)
            key = record_id("post", day, number)
            source = "nouvelle" if late and number % 2 else "forum" if number % 3 else "reseau"
            favour = 0.5 if late else 0.9 if number % 5 < 3 else 0.05
            words = "tempête inondation digue secours" if late else "loyers logement bail encadrement"
            yield (
                Post(id=key, source=source, kind=Kind.POST, text=f"{words} {'abcdefghij'[number % 10] * 5}", fold=key,
                     lang="fr", created_at=at, received_at=at, at=at),
                Position(id=position_id(key, "loyers", Origin.PREDICTED), post=key, proposal="loyers",
                         stance=Stance.FAVOUR, p_favour=favour, p_against=1 - favour, p_unclear=0.0,
                         origin=Origin.PREDICTED, voice=record_id("voice", day, number), epoch=1, created_at=at, at=at,
                         source=source),
            )  # fmt: skip


@pytest.fixture(params=[False, True], ids=["still", "moved"], scope="module")
def told(request, tmp_path_factory) -> Iterator[tuple[bool, Engine]]:
    engine = EmbeddedEngine(tmp_path_factory.mktemp("index"))
    rows = list(month(request.param))
    engine.write("posts", [post_document(post) for post, _ in rows])
    engine.write("positions", [position_document(position, post, None) for post, position in rows])
    yield request.param, engine
    engine.close()


def test_the_three_views_are_read_from_the_index(told):
    changes, engine = told
    shifts = read_shifts(engine, UNTIL)
    assert [each.kind for each in shifts] == ["sources", "scores", "words"]
    assert [each.established for each in shifts] == [changes] * 3
    assert (shifts[0].moves[0].name == "nouvelle") is changes
    assert not any(each.moves for each in shifts[1:])


def test_a_month_without_a_post_says_nothing(told):
    assert not any(each.established for each in read_shifts(told[1], UNTIL - timedelta(days=400)))
