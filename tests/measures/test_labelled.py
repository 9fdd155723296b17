"""Labels drawn at known probabilities: exact where all is read, right whatever readers are worth."""

import numpy as np
import pytest

from measures.bootstrap import replicate_weights
from measures.estimators import Confusion, Counts
from measures.labelled import EXACT, LabelError, Labels, labelled_share
from measures.labelled_few import updated_share
from measures.popularity import choose, combined, predicted_share


def every(answered, said=None, drawn_with=1.0):
    """All posts labelled, each by its own voice."""
    answered = np.array(answered)
    said = answered if said is None else np.array(said)
    return Labels(answered, said, np.full(len(said), drawn_with), np.arange(len(said), dtype=np.uint64))


def posts(n, share, tpr, fpr, seed=0):
    rng = np.random.default_rng(seed)
    truth = (rng.random(n) >= share).astype(np.int64)
    answered = np.where(rng.random(n) < np.where(truth == 0, tpr, fpr), 0, 1)
    return truth, answered


def drawn(answered, said, part, seed=1):
    rng = np.random.default_rng(seed)
    taken = rng.random(len(said)) < part
    names = np.arange(len(said), dtype=np.uint64)
    return Labels(answered[taken], said[taken], np.full(taken.sum(), part), names[taken])


@pytest.mark.parametrize(
    ("labels", "evaluated", "estimator"),
    [(0, False, "raw"), (0, True, "adjusted"), (1, False, "bayes"), (29, True, "bayes"), (30, False, "ppi")],
)
def test_the_estimator_follows_from_the_design(labels, evaluated, estimator):
    assert choose(labels, evaluated) == estimator


def test_all_posts_read_without_error_give_the_share_of_what_was_read():
    truth, answered = posts(400, 0.3, 0.6, 0.45)
    found = labelled_share(every(answered).counts(), [every(answered, truth)], EXACT)
    assert found.estimate.share == pytest.approx((truth == 0).mean())
    assert found.bought == (0.0,)  # nothing is left for the model to bring


def test_posts_that_take_no_side_are_left_out():
    said = np.array([0] * 30 + [1] * 10 + [2] * 60)
    found = labelled_share(every(np.zeros(100, int)).counts(), [every(np.zeros(100, int), said)], EXACT)
    assert found.estimate.share == pytest.approx(0.75)
    assert found.estimate.sided == 40


def test_unequal_probabilities_are_undone():
    truth, answered = posts(4000, 0.5, 0.9, 0.1)
    probability = np.where(answered == 0, 0.4, 0.1)  # favour is drawn four times as often
    rng = np.random.default_rng(2)
    taken = rng.random(4000) < probability
    names = np.arange(4000, dtype=np.uint64)
    labels = Labels(answered[taken], truth[taken], probability[taken], names[taken])
    found = labelled_share(every(answered).counts(), [labels], EXACT).estimate
    assert found.low < (truth == 0).mean() < found.high
    assert (truth[taken] == 0).mean() > found.high


@pytest.mark.parametrize(("tpr", "fpr", "least", "most"), [(0.95, 0.05, 0.6, 1.0), (0.5, 0.5, 0.0, 0.05)])
def test_a_reader_brings_what_it_is_worth(tpr, fpr, least, most):
    truth, answered = posts(5000, 0.5, tpr, fpr)
    found = labelled_share(every(answered).counts(), [drawn(answered, truth, 0.05)], EXACT)
    assert least <= found.bought[0] <= most
    assert found.estimate.low < 0.5 < found.estimate.high


def test_three_tiers_cover_and_say_what_each_brought():
    held, tiers = [], []
    names = np.arange(2000, dtype=np.uint64)
    for seed in range(100):
        rng = np.random.default_rng(1_000 + seed)
        truth, small = posts(2000, 0.35, 0.7, 0.4, seed)
        strong = np.where(rng.random(2000) < 0.92, truth, 1 - truth)
        read = rng.random(2000) < 0.4
        people = read & (rng.random(2000) < 0.2)
        sample = Labels(small[read], strong[read], np.full(read.sum(), 0.4), names[read])
        labels = Labels(strong[people], truth[people], np.full(people.sum(), 0.08), names[people])
        found = labelled_share(every(small).counts(), [sample, labels], EXACT)
        held.append(found.estimate.low <= 0.35 <= found.estimate.high)
        tiers.append(found.bought)
    assert np.mean(held) >= 0.90  # 100 worlds: 95 % give fewer than 90 once in 40
    small_brought, strong_brought = np.mean(tiers, axis=0)
    assert strong_brought > 0.4
    assert 0 < small_brought < strong_brought


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.2])
def test_label_errors_are_corrected(rate):
    rng = np.random.default_rng(5)
    truth, answered = posts(20_000, 0.2, 0.8, 0.3)
    said = np.where(rng.random(20_000) < rate, 1 - truth, truth)
    labels = drawn(answered, said, 0.2)
    blind = labelled_share(every(answered).counts(), [labels], EXACT).estimate
    aware = labelled_share(every(answered).counts(), [labels], LabelError(rate)).estimate
    assert blind.low > 0.2  # pulled towards a half
    assert aware.low < 0.2 < aware.high
    assert aware.high - aware.low > blind.high - blind.low


def test_the_error_rate_of_two_readers():
    found = LabelError.of_pairs(same=820, different=180)  # 2 x 0.1 x 0.9
    assert found.rate == pytest.approx(0.1, abs=0.002)
    assert 50 < found.rows < 1000
    assert LabelError.of_pairs(82, 18).rows < found.rows
    with pytest.raises(ValueError, match="say nothing"):
        LabelError.of_pairs(10, 30)
    with pytest.raises(ValueError, match="label error"):
        LabelError(0.5)


def test_voices_that_repeat_themselves_are_worth_one():
    truth, answered = posts(300, 0.4, 0.8, 0.2)
    alone = every(answered, truth)
    thrice = Labels(*(np.repeat(part, 3) for part in (answered, truth, np.ones(300), alone.units)))
    one, three = labelled_share(alone.counts(), [alone]), labelled_share(thrice.counts(), [thrice])
    assert three.estimate.high - three.estimate.low == pytest.approx(one.estimate.high - one.estimate.low, rel=0.05)


GOOD = Confusion(np.array([[800, 200, 0], [200, 800, 0], [0, 0, 0]], float), rows=12.0)


def test_each_few_labels_narrow_the_interval():
    truth, answered = posts(1000, 0.3, 0.8, 0.2)
    widths = []
    for part in (0.0, 0.01, 0.028):
        found = updated_share(every(answered).counts(), drawn(answered, truth, part) if part else None, GOOD)
        widths.append(found.high - found.low)
        assert found.low < 0.3 < found.high
    assert widths[0] > widths[1] > widths[2]


def test_labels_overrule_an_evaluation_that_does_not_hold():
    truth, answered = posts(1000, 0.3, 0.3, 0.7)  # on this proposal the reader is reversed
    alone = predicted_share(every(answered).counts(), GOOD)
    told = updated_share(every(answered).counts(), drawn(answered, truth, 0.2), GOOD, EXACT)
    assert abs(told.share - 0.3) < abs(alone.share - 0.3)
    assert told.low < 0.3 < told.high


def test_votes_stand_beside_labels():
    truth, answered = posts(600, 0.2, 0.8, 0.2)
    weights = replicate_weights(np.arange(10_000, 10_200, dtype=np.uint64))
    votes = Counts(160, 40, 0, weights[:160].sum(axis=0), weights[160:].sum(axis=0))
    labels = [drawn(answered, truth, 0.3)]
    both = combined(votes, every(answered).counts(), None, labels, EXACT)
    assert both.estimator == "ppi"
    assert both.low < (200 * 0.8 + 600 * 0.2) / 800 < both.high
    assert combined(votes, every(answered).counts(), None).estimator == "raw"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"drawn_with": np.zeros(4)}, "probability"),
        ({"answer": np.full(4, 3)}, "0 .favour"),
        ({"below": np.ones(3, int)}, "lengths"),
    ],
)
def test_labels_that_cannot_be_are_refused(change, message):
    fields = {"below": np.ones(4, int), "answer": np.ones(4, int), "drawn_with": np.ones(4),
              "units": np.arange(4, dtype=np.uint64)} | change  # fmt: skip
    with pytest.raises(ValueError, match=message):
        Labels(**fields)


def test_no_label_that_takes_a_side_is_no_label():
    labels = every([0, 1], [2, 2])
    with pytest.raises(ValueError, match="takes a side"):
        labelled_share(labels.counts(), [labels])
    assert predicted_share(every([0, 1]).counts(), GOOD, [labels]).estimator == "adjusted"
