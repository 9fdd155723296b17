"""Charts: gaps are never bridged, labels never touch, hatching stays inside its zone."""

import json
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard import charts
from dashboard.charts.shapes import common_gaps, hatching, segments, spread_labels
from dashboard.palette import DARK, LIGHT

FIRST = date(2026, 2, 1)


def line(shares, title="Loyers", reason="moins de 11 voix"):
    points = []
    for number, share in enumerate(shares):
        day = FIRST + timedelta(days=number)
        known = share is not None
        low, high = (share - 0.05, share + 0.05) if known else (0.0, 0.0)
        points.append(charts.Point(day, day + timedelta(days=1), share, low, high, 40, "" if known else reason))
    return charts.Line(title, "#0072b2", tuple(points))


def values(chart):
    """Every inline row of a chart."""
    return [row for layer in chart["layer"] for row in layer["data"]["values"]]


def test_gaps_join_neighbours_with_one_reason():
    found = charts.gaps(line([0.5, None, None, 0.6, None]).points)
    assert [(gap.since.day, gap.until.day) for gap in found] == [(2, 4), (5, 6)]


def test_no_segment_crosses_a_gap():
    runs = segments(line([0.5, None, 0.6, 0.7]).points)
    assert [[point.share for point in run] for run in runs] == [[0.5], [0.6, 0.7]]
    drawn = values(charts.curves([line([0.5, None, 0.6, 0.7])], LIGHT, simulated=False))
    by_run = {row["share"]: row["run"] for row in drawn if "run" in row}
    assert by_run[0.5] != by_run[0.6]
    assert by_run[0.6] == by_run[0.7]


def test_only_gaps_that_every_line_has_are_hatched_behind_all():
    one, two = line([0.5, None, None]), line([0.5, 0.5, None])
    assert [(gap.since.day, gap.until.day) for gap in common_gaps([one, two])] == [(3, 4)]


def test_the_reason_of_a_gap_is_written():
    chart = charts.curves([line([0.5, *[None] * 8, 0.5])], LIGHT, simulated=False)
    assert any(row.get("label") == "moins de 11 voix" for row in values(chart))


@pytest.mark.parametrize("simulated", [True, False])
def test_simulated_data_carry_a_watermark_on_every_chart(simulated):
    bucket = (FIRST, FIRST + timedelta(days=1), 10.0, 5.0, 1.0)
    drawn = [
        charts.curves([line([0.5, 0.6])], DARK, simulated=simulated),
        *charts.multiples([line([0.5, 0.6])], DARK, simulated=simulated),
        charts.stances([bucket], [], DARK, simulated=simulated),
        charts.ranking([("Loyers", 0.5, 0.4, 0.6, "")], DARK, simulated=simulated),
    ]
    assert [("données simulées" in json.dumps(each, ensure_ascii=False)) for each in drawn] == [simulated] * 4


def test_a_masked_proposal_shows_its_reason_and_no_figure():
    rows = values(charts.ranking([("Place", None, 0.0, 1.0, "moins de 11 voix")], LIGHT, simulated=False))
    assert {row["label"] for row in rows if row.get("title")} == {"moins de 11 voix"}


def test_each_line_is_named_at_its_end():
    chart = charts.curves([line([0.5, 0.6], "Loyers"), line([0.4, 0.3], "Chasse")], LIGHT, simulated=False)
    labels = {row["label"] for row in values(chart) if "label" in row}
    assert labels == {"Loyers, 60\u202f%", "Chasse, 30\u202f%"}


@given(st.lists(st.floats(0, 1), max_size=6))
def test_labels_keep_their_order_and_their_distance(places):
    placed = spread_labels(places, 0.1, 0.0, 1.0)
    assert all(-1e-9 <= place <= 1 + 1e-9 for place in placed)
    order = sorted(range(len(places)), key=lambda index: places[index])
    gaps = [placed[after] - placed[before] for before, after in pairwise(order)]
    assert all(gap >= 0.1 - 1e-9 for gap in gaps)


@given(st.floats(0.1, 50), st.floats(0.1, 3), st.floats(0.05, 5), st.floats(0.01, 3))
def test_hatching_stays_inside(width, height, step, slope):
    for x, y, x2, y2 in hatching(0, width, 1, 1 + height, step, slope):
        assert 0 <= x <= x2 <= width + 1e-9
        assert 1 - 1e-6 <= y <= y2 <= 1 + height + 1e-6
