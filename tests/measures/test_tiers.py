"""From draws, answers and places to tiers: who counts, with which probability, in which window."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from measures.between import MODEL, PEOPLE, READER, between
from measures.labelled import AGAINST, FAVOUR, NEITHER
from measures.reads import Draw
from measures.sampling import Candidate, draw
from measures.tiers import NO_LABELS, Tiers
from measures.window import View
from polyphonie.labels import Place
from polyphonie.pseudonyms import epoch_of
from polyphonie.records import Drawn, Label, Round, Stance, label_id, record_id

MADE = datetime(2026, 3, 30, 15, tzinfo=UTC)
EPOCH = epoch_of(MADE, 7)
VIEW = View(date(2026, 3, 1), date(2026, 4, 1))
JUDGE = "reader:juge"


def post(number):
    return record_id(number)


def drawn(number, size=10, of=4, stratum="loyers", made="tirage-1", proposal="loyers"):
    return Drawn(
        round=made, post=post(number), proposal=proposal, month="2026-03", stratum=stratum, stratum_size=size,
        place=number % 100, turn=number, drawn_with=of / size, p_favour=0.5, p_against=0.4, p_unclear=0.1,
    )  # fmt: skip


def made(rows, name="tirage-1", at=MADE, seed="annotation", since=date(2026, 3, 1), sources=()):
    found = Round(
        id=name, since=since, until=at.date() + timedelta(days=1), sources=sources, seed=seed, made_at=at, size=99,
        drawn=len(rows), frame={"loyers": (4.0, 4.0, 2.0), "velos": (1.0, 1.0, 1.0)},
    )  # fmt: skip
    return Draw(found, tuple(rows))


def said(number, answer, role="annotatrice-1", after=0, words="", proposal="loyers"):
    return Label(
        id=label_id(post(number), proposal, role), post=post(number), proposal=proposal, answer=answer, drawn_with=0.5,
        answered_by=role, at=MADE + timedelta(minutes=after), round="tirage-1", words=words,
    )  # fmt: skip


def place(number, day=10, **more):
    told = {"stance": Stance.FAVOUR, "voices": 0.5, "reach": 3.0, "unit": f"{number:016x}", "epoch": EPOCH,
            "source": "forum", "proposal": "loyers"} | more  # fmt: skip
    return Place(post=post(number), day=date(2026, 3, day), **told)


def tiers(labels, rows=None, places=None, draws=None):
    rows = rows if rows is not None else [drawn(n) for n in range(4)]
    places = places if places is not None else [place(n) for n in range(4)]
    return Tiers(
        tuple(draws or [made(rows)]),
        tuple(label for label in labels if label.human),
        tuple(label for label in labels if not label.human),
        {(each.post, each.proposal): each for each in places},
    )


@pytest.mark.parametrize(
    ("answers", "expected", "chance"),
    [
        (["favour", "against", "neither", "not_about"], [FAVOUR, AGAINST, NEITHER, NEITHER], 0.4),
        (["favour", "against"], [FAVOUR, AGAINST], 0.2),  # reading stopped: two of ten
        (["favour", None, "against", "against"], [FAVOUR], 0.1),  # an answer out of turn counts for nothing yet
        (["favour", "skipped", "against"], [FAVOUR, AGAINST], 0.2),  # as if it had not been drawn
    ],
)
def test_the_answers_before_the_first_missing_one_count(answers, expected, chance):
    people = tiers([said(n, answer) for n, answer in enumerate(answers) if answer]).reading("loyers", VIEW).people
    assert people is not None
    assert sorted(people.answer.tolist()) == sorted(expected)
    np.testing.assert_allclose(people.drawn_with, chance)
    assert set(people.below.tolist()) == {FAVOUR}


@pytest.mark.parametrize(
    ("view", "counts"),
    [
        (VIEW, 4),
        (View(date(2026, 3, 1), date(2026, 3, 10)), 0),  # the eve of the day on which they were said
        (View(date(2026, 3, 10), date(2026, 3, 11)), 4),
        (View(VIEW.since, VIEW.until, sources=("forum",)), 4),
        (View(VIEW.since, VIEW.until, sources=("reseau",)), 0),
        (View(VIEW.since, VIEW.until, origins=("vote",)), 0),
        (View(VIEW.since, VIEW.until, origins=("predicted",)), 4),
    ],
)
def test_an_answer_counts_in_the_windows_that_hold_its_post(view, counts):
    people = tiers([said(n, "favour") for n in range(4)]).reading("loyers", view).people
    assert (len(people.answer) if people else 0) == counts


@pytest.mark.parametrize(("weighting", "size"), [("voices", 0.5), ("posts", 1.0), ("reach", 3.0)])
def test_a_label_counts_for_what_its_post_counts(weighting, size):
    view = View(VIEW.since, VIEW.until, weighting=weighting)
    people = tiers([said(n, "favour") for n in range(4)]).reading("loyers", view).people
    assert people is not None
    assert set(people.sizes.tolist()) == {size}
    assert sorted(people.units.tolist()) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("cell", "covered"),
    [
        (("loyers", "forum", 10, EPOCH), True),
        (("velos", "forum", 10, EPOCH), False),  # nobody read anything of it
        (("loyers", "forum", 30, EPOCH), False),  # the day of the draw was not over
        (("loyers", "forum", 31, EPOCH), False),
        (("loyers", "forum", 10, EPOCH + 1), False),  # an old export, received after the draw
        (("loyers", "reseau", 10, EPOCH), False),
    ],
)
def test_a_draw_speaks_for_what_it_was_made_among(cell, covered):
    proposal, source, day, epoch = cell
    found = tiers([said(0, "favour")], draws=[made([drawn(n) for n in range(4)], sources=("forum",))])
    assert found.covers(proposal, source, date(2026, 3, day).toordinal(), epoch) is covered
    assert not NO_LABELS.covers(proposal, source, date(2026, 3, day).toordinal(), epoch)


@pytest.mark.parametrize(("seed", "chance"), [("annotation", 0.5), ("autre", 1 - 0.6 * 0.5)])
def test_a_post_of_two_draws_has_the_probability_of_being_in_one(seed, chance):
    again = made([drawn(n, size=8, of=4, made="tirage-2") for n in range(4)], "tirage-2", seed=seed)
    first = made([drawn(n) for n in range(4)])
    people = tiers([said(n, "favour") for n in range(4)], draws=[first, again]).reading("loyers", VIEW).people
    assert people is not None
    np.testing.assert_allclose(people.drawn_with, chance)


def test_a_post_that_was_scored_again_has_in_each_draw_the_chance_that_it_had_there():
    """Ten of a hundred posts go from .95 to .5 between two draws of one seed: what was drawn still stands for all."""
    before, after = [0.95] * 50 + [0.5] * 20 + [0.05] * 30, [0.5] * 10 + [0.95] * 40 + [0.5] * 20 + [0.05] * 30
    places, told, times = [place(n) for n in range(100)], np.zeros(2), 60
    for seed in map(str, range(times)):
        draws = []
        for late, scores in enumerate((before, after)):
            scored = [Candidate(post(n), "loyers", "2026-03", p, 1 - p, 0.0) for n, p in enumerate(scores)]
            found = draw(scored, 40, seed)
            draws.append(made(found, found[0].round, MADE + timedelta(hours=late), seed))
        read = {one.post for each in draws for one in each.drawn}
        people = tiers([said(n, "favour") for n in range(100) if post(n) in read], places=places, draws=draws[::-1])
        sample = people._tier("loyers", people._people)
        again = np.isin(sample.posts, [post(n) for n in range(10)])
        told += [(1 / sample.drawn_with)[chosen].sum() / times for chosen in (again, ~again)]
    np.testing.assert_allclose(told, [10, 90], rtol=0.05)


def test_where_a_draw_does_not_hold_a_post_the_nearest_one_says_its_score():
    bands = {"loyers 0.0-0.35": 1, "loyers 0.35-0.65": 4, "loyers 0.65-1.0": 2}
    names = dict(zip(bands, ((0.1, 0.9), (0.5, 0.5), (0.9, 0.1)), strict=True))

    def row(number, band, name):
        favour, against = names[band]
        told = {"p_favour": favour, "p_against": against, "p_unclear": 0.0}
        return drawn(number, 10, 4, band, name).model_copy(update=told)

    numbers = iter(range(1, 20))
    middle = made([row(next(numbers), band, "tirage-2") for band, n in bands.items() for _ in range(n)], "tirage-2")
    first = made([row(0, "loyers 0.0-0.35", "tirage-1")], at=MADE - timedelta(days=3))
    last = made([row(0, "loyers 0.35-0.65", "tirage-3")], "tirage-3", MADE + timedelta(days=1))
    found = tiers([said(n, "favour") for n in range(8)], places=[place(n) for n in range(8)],
                  draws=[last, middle, first])  # fmt: skip
    assert found._people.chance(middle, (post(0), "loyers")) == pytest.approx(0.4)
    assert found._people.chance(first, (post(0), "loyers")) == pytest.approx(0.1)
    assert found._people.chance(last, (post(0), "loyers")) == pytest.approx(0.1)


def test_strata_that_nobody_read_yet_are_shared_among_the_others():
    level = "loyers 0.35-0.65"
    rows = [drawn(n, stratum=level) for n in range(4)] + [drawn(n, 30, 2, "loyers 0.65-1.0") for n in (101, 102)]
    people = tiers([said(n, "favour") for n in range(4)], rows).reading("loyers", VIEW).people
    assert people is not None
    assert people.weights.sum() == pytest.approx(40 * 0.5)  # all of the proposal, half a voice each


def test_another_wording_is_another_question():
    labels = [said(n, "favour", words="00aa") for n in range(4)]
    places = [place(n, words="00aa" if n else "00bb") for n in range(4)]
    assert tiers(labels, places=places).reading("loyers", VIEW).people is None  # the first is to be read again
    places[0] = place(0, words="00aa")
    assert len(tiers(labels, places=places).reading("loyers", VIEW).people.answer) == 4


def test_what_expired_counts_and_what_was_never_read_stops_nothing():
    labels = [said(n, "favour") for n in (0, 2, 3)]
    places = [place(n).lasting for n in range(4)]
    people = tiers(labels, places=places).reading("loyers", VIEW).people
    assert people is not None
    assert len(people.answer) == 3
    assert len(set(people.units.tolist())) == 3


def test_a_reader_stands_between_where_it_read_all_that_people_did():
    people = [said(n, "favour") for n in range(2)]
    judge = [said(n, answer, JUDGE) for n, answer in enumerate(["against", "favour", "skipped", "neither"])]
    found = tiers(people + judge).reading("loyers", VIEW)
    assert found.reader == JUDGE
    sample, above = found.labels
    assert sorted(sample.answer.tolist()) == [FAVOUR, AGAINST, NEITHER, NEITHER]
    np.testing.assert_allclose(sample.drawn_with, 0.4)
    assert sorted(above.below.tolist()) == [FAVOUR, AGAINST]
    np.testing.assert_allclose(above.drawn_with, 0.2)
    left_out = tiers(people + judge[1:]).reading("loyers", VIEW)
    assert (left_out.reader, len(left_out.labels)) == ("", 1)


def test_a_reader_alone_corrects_nothing():
    found = tiers([said(n, "favour", JUDGE) for n in range(4)])
    assert found.reading("loyers", VIEW).labels == ()
    assert not found.covers("loyers", "forum", date(2026, 3, 10).toordinal(), EPOCH)


@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        (["annotateur-2"], AGAINST),
        (["annotateur-2", "annotatrice-1", "arbitre-1"], AGAINST),
        (["arbitre-1", "annotatrice-1"], FAVOUR),
        (["arbitre-1"], AGAINST),  # nobody else answered
    ],
)
def test_the_first_answer_counts_and_an_arbiter_where_there_is_no_other(roles, expected):
    labels = [said(0, "favour" if n else "against", role, n) for n, role in enumerate(roles)]
    assert tiers(labels).reading("loyers", VIEW).people.answer.tolist() == [expected]


def test_an_arbiter_leaves_the_corrected_share_where_it_is():
    """Two people and an arbiter, each wrong once in five whatever the others say; one post in five is in favour."""
    sides, labels = ("favour", "against"), []
    for n in range(5**4):
        truth = n // 125 > 0
        first, second, third = (sides[truth != (n // each % 5 == 0)] for each in (1, 5, 25))
        labels += [said(n, first), said(n, second, "annotateur-1", 1)]
        labels += [said(n, third, "arbitre-1", 2)] if first != second else []
    found = tiers(labels, [drawn(n, 625, 625) for n in range(625)], [place(n) for n in range(625)])
    people = found.reading("loyers", VIEW).people
    share, rate = np.mean(people.answer == FAVOUR), found.error.rate
    assert (share - rate) / (1 - 2 * rate) == pytest.approx(0.2, abs=0.005)


def test_an_arbiter_makes_no_pair():
    """Of those who disagree nobody learns how often people do."""
    labels = [said(n, "favour") for n in range(30)] + [said(n, "against", "arbitre-1", 1) for n in range(30)]
    assert not tiers(labels, [drawn(n, 30, 30) for n in range(30)], [place(n) for n in range(30)]).measures_error


def test_the_tiers_are_compared_on_what_the_arbiter_said():
    labels = [said(0, "against"), said(0, "favour", "annotateur-1", 1), said(0, "favour", "arbitre-1", 2)]
    (pair,) = between(tiers(labels)).pairs
    assert (pair.n, pair.same) == (1, 1.0)  # the small model found all in favour


@pytest.mark.parametrize(("different", "measured"), [(2, False), (0, True), (5, True), (20, True)])
def test_posts_read_twice_say_how_often_people_err(different, measured):
    n = 40 if measured else 10
    labels = [said(i, "favour") for i in range(n)]
    labels += [said(i, "against" if i < different else "favour", "annotateur-1", 1) for i in range(n)]
    rows = [drawn(i, 100, n) for i in range(n)]
    found = tiers(labels, rows, [place(i) for i in range(n)])
    assert found.measures_error is measured
    apart = (different + 0.5) / (n + 1)
    expected = (1 - np.sqrt(1 - 2 * apart)) / 2 if measured and apart < 0.49 else 0.45 if measured else 0.1
    assert found.error.rate == pytest.approx(expected, abs=0.1 if different == 20 else 1e-9)


def test_tiers_are_compared_two_by_two():
    labels = [said(n, "favour") for n in range(3)] + [said(3, "not_about")]
    labels += [said(n, "favour" if n else "against", JUDGE) for n in range(4)]
    told = {frozenset((pair.first, pair.second)): pair for pair in between(tiers(labels)).pairs}
    assert told[frozenset((MODEL, PEOPLE))].same == 0.75
    assert told[frozenset((READER, PEOPLE))].same == 0.5
    assert told[frozenset((MODEL, READER))].n == 4


def test_a_reader_that_was_not_understood_gives_way_to_one_that_was():
    dumb = [said(n, "skipped", role="reader:bavard") for n in range(4)]
    assert tiers([*dumb, said(0, "favour", role=JUDGE)]).reader == JUDGE
    assert tiers(dumb).reader == ""
