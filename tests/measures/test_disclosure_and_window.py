"""What may be shown, and what a view holds."""

from datetime import UTC, date, datetime
from itertools import pairwise
from math import nan

import pytest

from measures.disclosure import UNANIMOUS, masked, rounded
from measures.window import View


@pytest.mark.parametrize(
    ("voices", "share", "reason"),
    [
        (0, nan, "moins de 11 voix"),
        (10.99, 0.5, "moins de 11 voix"),
        (sum([1 / 3] * 33), 0.5, ""),  # fractions of eleven voices
        (11, 0.5, ""),
        (11, 0.94, ""),
        (11, 0.95, UNANIMOUS),
        (99, 0.05, UNANIMOUS),
        (100, 1.0, ""),
        (50, nan, ""),
    ],
)
def test_masked(voices: float, share: float, reason: str) -> None:
    assert masked(voices, share, 11) == reason


@pytest.mark.parametrize(
    ("count", "shown"), [(0, 0), (11.4, 11), (99.4, 99), (102, 100), (103, 105), (1_234, 1_230), (nan, 0)]
)
def test_rounded(count: float, shown: int) -> None:
    assert rounded(count) == shown


def test_view() -> None:
    view = View(date(2026, 3, 2), date(2026, 3, 30), sources=("forum",))
    assert view.days == 28
    assert view.start == datetime(2026, 3, 2, tzinfo=UTC)
    assert view.end == datetime(2026, 3, 30, tzinfo=UTC)
    assert view.previous() == View(date(2026, 2, 2), date(2026, 3, 2), sources=("forum",))


@pytest.mark.parametrize(("days", "step", "lengths"), [(28, 7, [7] * 4), (10, 7, [3, 7]), (3, 1, [1] * 3), (0, 7, [])])
def test_steps_cover_a_view_and_end_with_it(days: int, step: int, lengths: list[int]) -> None:
    view = View(date(2026, 3, 2), date(2026, 3, 2 + days))
    steps = view.steps(step)
    assert [each.days for each in steps] == lengths
    assert all(one.until == other.since for one, other in pairwise(steps))
