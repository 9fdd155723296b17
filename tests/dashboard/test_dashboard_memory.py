"""The memory that visitors share: one reading a minute, and the last known view when the engine is silent."""

from datetime import UTC, datetime, timedelta

import pytest

from dashboard.memory import CAPACITY, Memory
from polyphonie.errors import EngineUnreachable, QueryError

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)


def silent():
    raise EngineUnreachable("http://127.0.0.1:9: refused")


def test_a_question_is_read_once_a_minute():
    memory, asked = Memory(), []
    for seconds in (0, 10, 59, 61):
        memory.recall("q", lambda: asked.append(1), NOON + timedelta(seconds=seconds))
    assert len(asked) == 2


def test_the_last_known_view_is_shown_with_its_date_while_the_engine_is_silent():
    memory = Memory()
    memory.recall("q", lambda: 41, NOON)
    down = NOON + timedelta(minutes=5)
    for later in (down, down + timedelta(minutes=9)):
        recalled = memory.recall("q", silent, later)
        assert (recalled.value, recalled.at, recalled.down_since) == (41, NOON, down)
    back = memory.recall("q", lambda: 42, down + timedelta(minutes=20))
    assert (back.value, back.down_since) == (42, None)


def test_a_silence_without_any_known_view_is_an_error():
    memory = Memory()
    with pytest.raises(EngineUnreachable):
        memory.recall("q", silent, NOON)
    assert memory.down_since == NOON


def test_another_error_passes_and_is_not_remembered():
    memory = Memory()

    def misspelt():
        raise QueryError("« ( » sans fin")

    memory.recall("q", lambda: 1, NOON)
    with pytest.raises(QueryError):
        memory.recall("q", misspelt, NOON + timedelta(minutes=2))
    assert memory.down_since is None


def test_the_least_used_is_forgotten_first():
    memory = Memory()
    for number in range(CAPACITY + 1):
        memory.recall("kept", lambda: "kept", NOON)
        memory.recall(number, lambda number=number: number, NOON)
    asked = []
    memory.recall("kept", lambda: asked.append("kept"), NOON)
    memory.recall(0, lambda: asked.append("first"), NOON)
    assert asked == ["first"]
