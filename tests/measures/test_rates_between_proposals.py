"""Error rates that vary between proposals widen the interval; those that do not leave it as it was."""

import numpy as np
import pytest

from measures.popularity import Confusion, Counts, adjusted_share
from measures.quality import confusion_from, rows_of_a_proposal
from nlp.quality import STANCE, SetQuality

COUNTS = np.array([[600.0, 400, 0], [350, 650, 0], [0, 0, 0]])


def evaluated(n: int, proposals: int, accuracy: float, interval: tuple[float, float]) -> SetQuality:
    return SetQuality(
        name="essai", title="Essai", n=n, proposals=proposals, digest="sha256:" + "0" * 64, macro_f1=accuracy,
        interval=interval, macro_f1_sided=accuracy, accuracy=accuracy, calibration_error=0.1,
        confusion=((1, 0, 0), (0, 1, 0), (0, 0, 0)), baselines={},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("sets", "rows"),
    [
        ([], None),
        ([evaluated(100, 100, 0.6, (0.4, 0.8))], None),  # one row a proposal says nothing of how alike they are
        ([evaluated(1000, 100, 0.5, (0.5 - 1.96 * 0.0158, 0.5 + 1.96 * 0.0158))], None),  # as wide as independent rows
        ([evaluated(1000, 100, 0.5, (0.5 - 1.96 * 0.0316, 0.5 + 1.96 * 0.0316))], 2.0),  # effect 4, so rho is a third
    ],
)
def test_rows_of_a_proposal(sets, rows):
    found = rows_of_a_proposal(sets)
    assert found is None if rows is None else found == pytest.approx(rows, rel=0.02)


def test_rates_of_one_proposal_are_less_known_than_those_of_all():
    counts = Counts(300.0, 200.0, 0.0, np.full(256, 300, np.float32), np.full(256, 200, np.float32))
    alike = adjusted_share(counts, Confusion(COUNTS))
    apart = adjusted_share(counts, Confusion(COUNTS, rows=12.0))
    assert apart.high - apart.low > 2 * (alike.high - alike.low)
    assert apart.low <= apart.share <= apart.high


@pytest.mark.skipif(not STANCE.exists(), reason="the shipped model was not evaluated")
def test_the_shipped_evaluation_says_how_alike_its_proposals_are():
    confusion = confusion_from("polyphonie/stance-fr", 0.0)
    assert confusion is not None
    assert confusion.rows is not None
    assert 2 < confusion.rows < 100
