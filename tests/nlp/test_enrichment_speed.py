"""What makes enrichment fast changes no answer: batches, threads, near-copies."""

from threading import Event

import numpy as np
import pytest

from nlp.models.backends import BATCH, TOKENS, batches, by_length, open_onnx
from nlp.models.pairs import Pair
from nlp.stance import load_stance

STATEMENTS = ("Les transports en commun doivent être gratuits.", "Il faut construire de nouveaux réacteurs nucléaires.")
TEXTS = (
    "Oui.",
    "Je suis contre, c'est encore le contribuable qui paiera.",
    "Bonne mesure pour les familles modestes. Et pour l'air que l'on respire ! Qui dirait non ?",
    "Je ne sais pas trop, il faudrait voir les chiffres avant de décider, comme toujours. " * 6,
)


@pytest.fixture(scope="module")
def pairs():
    bare = [Pair(statement, text) for statement in STATEMENTS for text in TEXTS]
    return [*bare, Pair(STATEMENTS[0], TEXTS[0], "Vous paieriez, vous ?"), *bare[:3]]


@pytest.mark.parametrize(
    ("sizes", "most", "expected"),
    [
        ([], 100, []),
        ([500], 100, [[0]]),  # a row too long for the measure goes alone
        ([10, 10, 10, 10], 30, [[0, 1, 2], [3]]),
        ([40, 10, 12], 36, [[1, 2], [0]]),
        ([10, 12, 13], 36, [[0, 1], [2]]),  # 3 × 13, once padded
        ([10] * 40, None, [list(range(BATCH)), list(range(BATCH, 40))]),
    ],
)
def test_a_batch_stays_within_its_measure(sizes, most, expected):
    assert list(batches(sizes, most)) == expected


@pytest.mark.parametrize("threads", [1, 3])
def test_rows_come_back_in_order(threads):
    sizes = [7, 100, 3, 50, 50, 8] * 20
    found = by_length(sizes, lambda rows: np.array([[row, sizes[row], 0] for row in rows], np.float32), TOKENS, threads)
    assert found[:, 0].tolist() == list(range(len(sizes)))
    assert found[:, 1].tolist() == sizes


def test_batches_are_read_together():
    met = {9: Event(), 90: Event()}

    def run(rows):
        size = sizes[rows[0]]
        met[size].set()
        # Only another thread can set it.
        assert met[99 - size].wait(30)
        return np.zeros((len(rows), 3), np.float32)

    sizes = [9, 90]
    by_length(sizes, run, threads=2)


def test_what_a_batch_raises_is_raised():
    def run(rows):
        raise MemoryError(rows)

    with pytest.raises(MemoryError):
        by_length([3, 300], run, threads=2)


def test_threads_and_company_change_no_answer(pairs, tmp_path):
    """Any number of threads, any neighbours in the batch: the same logits, and the same deciding sentence."""
    from nlp.models import SHIPPED

    folder = SHIPPED["polyphonie/stance-fr"]
    alone = open_onnx(folder, 1)
    expected = np.concatenate([alone.logits([pair]) for pair in pairs])
    for threads in (1, 3):
        np.testing.assert_allclose(open_onnx(folder, threads).logits(pairs), expected, atol=1e-5)
    one, many = (load_stance("polyphonie/stance-fr", "onnx", tmp_path, threads).read(pairs) for threads in (1, 3))
    np.testing.assert_array_equal(one[0], many[0])
    assert one[1] == many[1]
