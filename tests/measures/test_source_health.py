"""A source that stops or breaks is told; one that is well hardly ever is."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from measures.source_health import (
    FALSE_ALARM,
    Past,
    drop,
    field_notices,
    format_alerts,
    format_break,
    read,
    silence,
    state_alerts,
    volume_alerts,
)
from polyphonie.journal import Entry
from polyphonie.spool import Arrival, Spool

END = datetime(2026, 11, 20, 12, tzinfo=UTC)


def hours(*parts: tuple[int, float]) -> np.ndarray:
    """So many hours of so many events each."""
    return np.concatenate(
        [np.empty(0, dtype=np.int64)] + [np.full(number, level, dtype=np.int64) for number, level in parts]
    )


def past(seen, refused=None) -> Past:
    return Past(seen, np.zeros_like(seen) if refused is None else refused, END)


def world(rng, an_hour: float, days: int) -> np.ndarray:
    """Negative-binomial counts with a day and a night, quieter weekends, and days that differ by a quarter."""
    hour = np.arange(24 * days)
    daily = 1 + 0.8 * np.sin((hour % 24 - 8) / 12 * np.pi)
    weekly = np.where(hour // 24 % 7 >= 5, 0.7, 1.0)
    level = np.repeat(np.exp(rng.normal(0, 0.25, days)), 24)
    mean = an_hour * daily * weekly * level
    return rng.negative_binomial(8, 8 / (8 + mean))


@pytest.mark.parametrize(
    ("seen", "window", "low", "high"),
    [
        (hours((24 * 10, 100), (3, 0)), 3, 0.0, 1e-30),
        (hours((24 * 10, 100), (3, 100)), 3, 0.3, 0.8),
        (hours((24 * 10, 100), (3, 400)), 3, 0.99, 1.0),  # more than usual is no fall
        (hours((24 * 10, 0), (3, 0)), 3, 1.0, 1.0),
        (hours((24 * 10, 1), (1, 0)), 1, 0.2, 0.7),  # nothing in an hour of a slow source says nothing
        (np.tile(hours((12, 200), (12, 0)), 10), 6, 0.9, 1.0),  # every night is silent
        (hours((24 * 4, 100), (30, 0), (24 * 6, 100), (3, 0)), 3, 0.0, 1e-20),  # an outage of ours hides none
    ],
)
def test_drop(seen, window, low, high):
    assert low <= drop(seen, window)[0] <= high


def test_a_short_history_is_said_and_not_judged():
    assert np.isnan(drop(hours((24 * 7, 100)), 3)[0])
    [notice] = volume_alerts(past(hours((24 * 3, 100), (12, 0))))
    assert (notice.kind, notice.notice) == ("not enough history", True)
    assert volume_alerts(past(hours()))[0].notice


def test_a_window_has_at_most_a_day():
    with pytest.raises(ValueError, match="25"):
        drop(hours((24 * 9, 1)), 25)


@pytest.mark.parametrize(
    ("seen", "p_below", "gap"),
    [
        (np.tile(hours((1, 1), (23, 0)), 30), 1.1, 23),  # one a day, and its hour has not come
        (np.concatenate([np.tile(hours((1, 1), (23, 0)), 30), hours((96, 0))]), 0.03, 119),
        (np.concatenate([np.tile(hours((1, 1), (23, 0)), 30), hours((14 * 24, 0))]), 1e-4, 14 * 24 + 23),
        (hours((1, 5), (100, 0)), 1.1, 100),  # nothing to compare with
        (hours((50, 0)), 1.1, 50),
        (hours(), 1.1, 0),
    ],
)
def test_silence(seen, p_below, gap):
    p_value, found = silence(seen)
    assert p_value < p_below
    assert found == gap


@pytest.mark.parametrize(
    ("refused", "seen", "refused_before", "seen_before", "low", "high"),
    [
        (0, 1000, 0, 10_000, 1.0, 1.0),
        (4, 4, 0, 10_000, 1.0, 1.0),  # too few to matter
        (500, 1000, 10, 10_000, 0.0, 1e-50),
        (10, 1000, 10, 10_000, 0.9, 1.0),  # ten times more often, and still 1 %
        (300, 1000, 3_000, 10_000, 1.0, 1.0),  # it always was so
        (900, 1000, 2_000, 10_000, 0.0, 1e-50),
        (1000, 1000, 0, 0, 0.0, 1e-50),  # a source that never could be read
        (50, 50, 50, 50, 1.0, 1.0),
        (20, 0, 0, 500, 0.0, 1e-20),  # counted by a spider that does not say how many it saw
    ],
)
def test_format_break(refused, seen, refused_before, seen_before, low, high):
    assert low <= format_break(refused, seen, refused_before, seen_before) <= high


def test_a_break_of_the_format_is_told_since_its_first_hour():
    refused = hours((24 * 10, 0), (20, 0), (4, 90))
    [alert] = format_alerts(past(hours((24 * 11, 100)), refused))
    assert (alert.kind, alert.since) == ("format", END - timedelta(hours=4))
    assert alert.evidence == "360 of 2,400 payloads could not be read in 24 hours (0.0% before)"
    assert alert.p_value < FALSE_ALARM


def test_a_silence_is_told_with_its_bounds_and_what_was_expected():
    [alert] = volume_alerts(past(hours((24 * 10, 50), (6, 0))))
    assert (alert.kind, alert.notice) == ("silence", False)
    assert alert.since == END - timedelta(hours=6)
    assert alert.evidence == "0 events in the last 6 hours, 300 expected from the same hours of the days before"


def test_false_alarms_are_as_rare_as_is_said():
    # One in 2,400 hours is allowed: 0.2 are expected here, and two would already be a wonder.
    alarms = 0
    for seed, an_hour in enumerate((2, 50, 2000) * 2):
        seen = world(np.random.default_rng(seed), an_hour, 24)
        looked = range(24 * 8, 24 * 24, 5)
        alarms += sum(not alert.notice for end in looked for alert in volume_alerts(past(seen[:end])))
    assert alarms <= 1


@pytest.mark.parametrize(("an_hour", "within_h"), [(2, 48), (50, 12), (2000, 3)])
def test_a_source_that_stops_is_noticed(an_hour, within_h):
    noticed = 0
    for seed in range(10):
        seen = world(np.random.default_rng(seed), an_hour, 30)[: 24 * 28 + 2 * seed]
        seen[-within_h:] = 0
        noticed += any(not alert.notice for alert in volume_alerts(past(seen)))
    assert noticed >= 9


RESTING = {"state": "resting", "errors": 0, "last_error": "", "due": None, "updated_at": END.isoformat()}


@pytest.mark.parametrize(
    ("row", "alive", "kinds"),
    [
        ({"last_heard": END.isoformat()}, False, []),  # `--once` ended
        ({"last_heard": END.isoformat(), "due": END.isoformat()}, True, []),
        ({"last_heard": END.isoformat(), "due": END.isoformat()}, False, ["stopped"]),
        ({"last_heard": END.isoformat(), "state": "listening"}, True, []),
        ({"last_heard": END.isoformat(), "state": "listening"}, False, ["stopped"]),
        ({"last_heard": None}, False, ["silence"]),
        ({"last_heard": None, "state": "listening"}, True, []),
        ({"last_heard": END.isoformat(), "state": "failing", "errors": 2}, False, []),
        ({"last_heard": END.isoformat(), "state": "failing", "errors": 3}, False, ["failing"]),
    ],
)
def test_what_the_crawl_says_of_itself(row, alive, kinds):
    assert [alert.kind for alert in state_alerts(RESTING | row, alive)] == kinds


def test_new_fields_can_wait():
    [notice] = field_notices({"b": END, "a": END - timedelta(hours=1)})
    assert (notice.notice, notice.since) == (True, END - timedelta(hours=1))
    assert notice.evidence == "new in its payloads: a, b"
    assert field_notices({}) == []


def test_the_past_is_read_from_the_journal_up_to_the_last_complete_hour(tmp_path):
    spool = Spool(tmp_path / "spool.sqlite")
    spool.put(Arrival("crawl:essai", entry=Entry(name="essai", outcomes={"seen": 7, "refused": 2})))
    now = datetime.now(UTC)
    assert len(read(spool.journal, "essai", now).seen) == 0
    later = read(spool.journal, "essai", now + timedelta(hours=3))
    assert (later.seen.tolist(), later.refused.tolist()) == ([7, 0, 0], [2, 0, 0])
    spool.close()
