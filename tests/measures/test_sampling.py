"""Draws have the probabilities that they say, can be made again, and estimates from them are unbiased."""

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from measures.answered import LEAST, counted, known_share, more_to_halve, width_after
from measures.sampling import Candidate, allocate, draw, frame, horvitz_thompson, stratify
from polyphonie.records import Label, label_id, record_id

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)


def candidates(count, proposals=2, seed=1):
    rng = Random(seed)
    found = []
    for number in range(count):
        favour = rng.betavariate(0.6, 0.6)
        unclear = (1 - favour) * rng.random() * 0.3
        month = f"2026-0{1 + number % 2}"
        found.append(
            Candidate(record_id(number), f"p{number % proposals}", month, favour, 1 - favour - unclear, unclear)
        )
    return found


@pytest.mark.parametrize(
    ("sizes", "spreads", "n", "expected"),
    [
        ([100, 100], [0.3, 0.3], 20, [10, 10]),
        ([300, 100], [0.3, 0.3], 20, [15, 5]),
        ([100, 100], [0.5, 0.25], 30, [20, 10]),  # twice the doubt, twice the posts
        ([1000, 4], [0.3, 0.3], 20, [18, 2]),  # a small stratum is never left out
        ([1000, 1], [0.3, 0.3], 20, [19, 1]),
        ([5, 5], [0.3, 0.3], 10, [5, 5]),  # all there is
        ([1000, 3], [0.1, 0.5], 900, [897, 3]),  # never more than there are
        ([7], [0.5], 1, [1]),
        ([10, 20, 30], [0.3, 0.3, 0.3], 2, [0, 1, 1]),  # too few for all: the largest first
    ],
)
def test_allocation(sizes, spreads, n, expected):
    assert allocate(np.array(sizes), np.array(spreads), n).tolist() == expected


def test_more_than_there_are_cannot_be_allocated():
    with pytest.raises(ValueError, match="cannot draw 11 of 10"):
        allocate(np.array([10]), np.array([0.3]), 11)
    with pytest.raises(ValueError, match="got 0"):
        draw([], 0)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=12), st.data())
def test_an_allocation_is_whole_and_within_its_bounds(sizes, data):
    spreads = data.draw(st.lists(st.floats(0.05, 0.5), min_size=len(sizes), max_size=len(sizes)))
    n = data.draw(st.integers(0, sum(sizes)))
    taken = allocate(np.array(sizes), np.array(spreads), n)
    assert taken.sum() == n
    assert (taken <= sizes).all()
    if n >= sum(min(2, size) for size in sizes):
        assert (taken >= np.minimum(2, sizes)).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 250), st.integers(1, 300), st.integers(1, 5))
def test_probabilities_sum_to_the_number_drawn(count, n, proposals):
    population = candidates(count, proposals)
    picked = draw(population, n)
    assert len(picked) == min(n, count)
    assert len({(one.post, one.proposal) for one in picked}) == len(picked)
    chance = {one.stratum: one.drawn_with for one in picked}
    sizes = {one.stratum: one.stratum_size for one in picked}
    if n >= 2:
        assert sum(sizes.values()) == count  # every stratum is drawn from: no post had no chance
    assert sum(chance[name] * sizes[name] for name in chance) == pytest.approx(len(picked))
    for name, drawn in Counter(one.stratum for one in picked).items():
        assert chance[name] == drawn / sizes[name]


def test_unsure_posts_are_drawn_more_often():
    population = candidates(4_000)
    chance = {(one.post, one.proposal): one.drawn_with for one in draw(population, 400)}
    sure = [chance[c.post, c.proposal] for c in population if c.score < 0.05 and (c.post, c.proposal) in chance]
    unsure = [chance[c.post, c.proposal] for c in population if 0.4 < c.score < 0.6 and (c.post, c.proposal) in chance]
    assert 1.3 < np.mean(unsure) / np.mean(sure) < 2.5


@pytest.mark.parametrize(
    ("proposals", "n", "strata"),
    [
        (1, 100, 2 * 5),  # months and fine bands
        (1, 39, 2 * 3),  # coarse bands: two posts in each of ten would be more than half of them
        (1, 23, 3),  # no months
        (1, 11, 1),
        (4, 20, 4),  # proposals alone
        (4, 15, 3),  # proposals together, by band
        (4, 5, 1),
    ],
)
def test_the_fewer_to_draw_the_coarser_the_strata(proposals, n, strata):
    population = [
        replace(each, proposal=f"p{number}") for number in range(proposals) for each in candidates(300, seed=number)
    ]
    assert len(stratify(population, n)) == strata


def test_a_draw_is_made_again_whatever_the_order():
    population = candidates(500)
    first = draw(population, 60)
    assert draw(population[::-1], 60) == first
    assert draw(population, 60, seed="another") != first
    assert draw(population, 60, seed="another")[0].round != first[0].round


def test_a_larger_draw_holds_the_smaller():
    population = candidates(2_000, 1)
    small, large = draw(population, 200), draw(population, 400)
    assert {one.post for one in small} <= {one.post for one in large}


def test_a_draw_of_next_week_meets_what_was_read():
    population = candidates(2_000, 1)
    early, late = draw(population[:1_500], 200), draw(population[400:], 200)
    both = {one.post for one in early} & {one.post for one in late}
    # By chance there would be 200 * 200 / 2,000, at most.
    assert len(both) > 80


def test_any_beginning_of_the_reading_is_spread_over_the_strata():
    picked = draw(candidates(3_000), 300)
    whole = Counter(one.stratum for one in picked)
    third = Counter(one.stratum for one in picked[:100])
    for stratum, number in whole.items():
        assert abs(third[stratum] - number / 3) <= 1
        assert [one.place for one in picked if one.stratum == stratum] == list(range(number))


def test_a_total_is_unbiased_over_seeds():
    population = candidates(400)
    rng = Random(5)
    truth = {each.post: float(rng.random() < 0.2 + 0.6 * each.score) for each in population}
    totals = []
    for seed in range(200):
        picked = draw(population, 60, seed=f"seed {seed}")
        totals.append(horvitz_thompson([truth[one.post] for one in picked], [one.drawn_with for one in picked]))
    error = np.std(totals) / np.sqrt(len(totals))
    assert abs(np.mean(totals) - sum(truth.values())) < 3.5 * error


def answers_to(picked, truth, by="annotatrice-1"):
    return [
        Label(
            id=label_id(one.post, one.proposal, by),
            post=one.post,
            proposal=one.proposal,
            answer=truth[one.post],
            drawn_with=one.drawn_with,
            answered_by=by,
            at=NOON + timedelta(seconds=turn),
        )
        for turn, one in enumerate(picked)
    ]


def world(seed, count=3_000, wrong=0.2):
    """Candidates, and what people would answer: the model is wrong about a fifth of them, more often for one side."""
    rng = Random(seed)
    population, truth = [], {}
    for number in range(count):
        post = record_id(seed, number)
        favours = rng.random() < 0.6
        neither = rng.random() < 0.1
        misread = rng.random() < wrong * (1.5 if favours else 0.5)
        sure = rng.uniform(0.6, 0.98)
        p_favour = sure * 0.95 if favours != misread else (1 - sure) * 0.95
        population.append(Candidate(post, "loyers", "2026-03", p_favour, 0.95 - p_favour, 0.05))
        truth[post] = "neither" if neither else "favour" if favours else "against"
    return population, truth


def test_the_interval_of_the_answers_covers_the_share_wherever_reading_stops():
    population, truth = world(3, count=1_500)
    sides = Counter(truth.values())
    share = sides["favour"] / (sides["favour"] + sides["against"])
    said = frame(population)
    inside, shares = Counter(), defaultdict(list)
    for seed in range(100):
        picked = draw(population, 200, seed=str(seed))
        strata = {one.stratum: one.stratum_size for one in picked}
        labels = answers_to(picked, truth)
        for stop in (40, 100, 200):
            known = known_share(counted(picked, labels[:stop]), strata, said, "loyers")
            inside[stop] += known.low <= share <= known.high
            shares[stop].append(known.share)
    for stop in (40, 100, 200):
        assert np.mean(shares[stop]) == pytest.approx(share, abs=0.02)  # the model alone is wrong by a tenth
        assert 0.88 <= inside[stop] / 100 <= 1


def test_each_answer_narrows_the_interval():
    population, truth = world(4)
    picked = draw(population, 200)
    widths = width_after(picked, answers_to(picked, truth), frame(population), "loyers")
    assert widths[0].n >= LEAST
    assert widths[-1].n == 200
    assert widths[-1].half_width < 0.6 * next(width.half_width for width in widths if width.n >= 40)
    assert len(widths) <= 24
    assert width_after(picked, answers_to(picked[: LEAST - 1], truth), frame(population), "loyers") == []
    assert width_after(picked, [], frame(population), "loyers") == []


def test_answers_count_up_to_the_first_that_is_missing():
    population, truth = world(5, count=300)
    picked = draw(population, 60)
    by_stratum = defaultdict(list)
    for one in picked:
        by_stratum[one.stratum].append(one)
    largest = max(by_stratum.values(), key=len)
    labels = answers_to([one for one in picked if one != largest[3]], truth)
    found = [each.drawn for each in counted(picked, labels) if each.drawn.stratum == largest[0].stratum]
    assert found == largest[:3]
    # A post that was skipped was asked: it stops nothing, and is no answer.
    labels += answers_to([largest[3]], {largest[3].post: "skipped"})
    found = [each.drawn for each in counted(picked, labels) if each.drawn.stratum == largest[0].stratum]
    assert found == [one for one in largest if one != largest[3]]


def test_the_chance_of_an_answer_is_that_of_what_was_read():
    population, truth = world(5, count=300)
    picked = draw(population, 60)
    whole = counted(picked, answers_to(picked, truth))
    assert all(each.chance == each.drawn.drawn_with for each in whole)
    part = counted(picked, answers_to(picked[:20], truth))
    assert len(part) == 20
    assert all(each.chance < each.drawn.drawn_with for each in part)
    # Every stratum was begun, so the reciprocals count the whole population.
    assert horvitz_thompson([1] * 20, [each.chance for each in part]) == pytest.approx(300)


def test_two_people_who_disagree_have_half_each():
    population, truth = world(6, count=100)
    picked = draw(population, 20)
    others = {one.post: "against" for one in picked}
    labels = answers_to(picked, dict.fromkeys(truth, "favour")) + answers_to(picked, others, by="annotatrice-2")
    assert {(each.favour, each.against) for each in counted(picked, labels)} == {(0.5, 0.5)}


@pytest.mark.parametrize(("n", "size", "more"), [(50, 10**9, 150), (100, 100, 0), (0, 100, np.inf), (50, 100, 30)])
def test_how_many_more_halve_the_interval(n, size, more):
    assert more_to_halve(n, size) == pytest.approx(more, rel=1e-3)
