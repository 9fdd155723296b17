"""What a model must beat is measured on the same rows, and learns nothing from the proposal that it answers on."""

import numpy as np
import pytest

from nlp.baselines import anchors, bag_of_words, baselines, majority
from nlp.evaluation import Row, proposals_of, score, truth_of
from nlp.models.pairs import Pair


def rows_of(texts, truths, proposals):
    return [Row(Pair(*pair), truth) for *pair, truth in zip(proposals, texts, truths, strict=True)]


def macro_f1_of(rows, probabilities):
    return score(truth_of(rows), probabilities, proposals_of(rows)).macro_f1


@pytest.mark.parametrize(("truths", "answer"), [([0, 1, 1], 1), ([0, 0, 1], 0), ([2, 2, 1], 2)])
def test_the_majority(truths, answer):
    rows = rows_of("abc", truths, "PQR")
    assert (majority(rows).argmax(axis=1) == answer).all()


def test_a_bag_of_words_learns_what_other_proposals_teach():
    words = {0: "oui bravo, très bonne idée", 1: "non merci, très mauvaise idée"}
    truths = [number % 2 for number in range(60)]
    rows = rows_of([words[truth] for truth in truths], truths, [f"P{number // 6}" for number in range(60)])
    assert macro_f1_of(rows, bag_of_words(rows)) == 1


def test_a_bag_of_words_cannot_learn_the_proposal_itself():
    """The word that gives the answer is the proposal's own: within proposals it would be perfect."""
    proposals = [f"P{number // 6}" for number in range(120)]
    truths = [(number // 6) % 2 for number in range(120)]
    rows = rows_of([f"sujet{number // 6} sujet{number // 6}" for number in range(120)], truths, proposals)
    assert macro_f1_of(rows, bag_of_words(rows)) < 0.7


def test_a_bag_of_words_learns_from_what_it_is_given_beside():
    words = {0: "oui bravo", 1: "non merci"}
    rows = rows_of([words[0], words[1]], [0, 1], "PQ")
    others = rows_of([words[n % 2] for n in range(40)], [n % 2 for n in range(40)], [f"R{n}" for n in range(40)])
    assert macro_f1_of(rows, bag_of_words(rows, others)) == 1


@pytest.mark.parametrize(
    ("truths", "proposals"),
    [([0], "P"), ([0, 1, 1], "PPP"), ([0, 1], "PQ"), ([1, 1, 1], "PQR"), ([0, 1, 2], "PQR")],
)
def test_the_smallest_files_get_an_answer(truths, proposals):
    rows = rows_of(["un", "deux", "trois"][: len(truths)], truths, proposals)
    found = bag_of_words(rows)
    assert found.shape == (len(rows), 3)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)


class TwoWords:
    """An encoder that sees whether a text says no."""

    def encode(self, texts):
        return np.array([[0.0, 1.0] if "non" in text.lower() else [1.0, 0.0] for text in texts], np.float32)


def test_anchors_answer_the_nearest_side():
    rows = rows_of(["ah oui", "ah non", "oui"], [0, 1, 0], ["P", "P", "Q"])
    found = anchors(rows, TwoWords())
    assert found.argmax(axis=1).tolist() == [0, 1, 0]
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)


def test_the_encoder_is_opened_for_the_anchors_only():
    opened = []

    def encoder():
        opened.append(1)
        return TwoWords()

    rows = rows_of(["ah oui", "ah non"], [0, 1], "PQ")
    asked = baselines(encoder)
    assert list(asked) == ["majority", "tfidf", "anchors"]
    asked["majority"](rows, ()), asked["tfidf"](rows, ())
    assert not opened
    assert asked["anchors"](rows, ()).shape == (2, 3)
