"""Who waits until an AppView says whether they may be shown, and what happens to what is said of them."""

from collections import Counter
from datetime import UTC, datetime

import pytest

from crawlers.bluesky.place import Place
from crawlers.bluesky.profiles import AT_ONCE, REMEMBERED, Profiles
from crawlers.bluesky.room import LONGEST_S, PATIENCE_S, SEATS_OF_LIKES, TRIES, Room
from polyphonie.native import NativeLike, NativePost
from polyphonie.records import Kind

NOW = datetime(2026, 11, 1, tzinfo=UTC)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


async def nobody(url):
    raise AssertionError(url)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def profiles():
    return Profiles(nobody, "http://127.0.0.1")


@pytest.fixture
def room(profiles, clock):
    return Room(profiles, 1.0, clock)


def post(number, author="did:plc:a"):
    return NativePost(source="bluesky", uri=f"at://{number}", kind=Kind.POST, text="", created_at=NOW, author=author)


def like(number, of, author="did:plc:b"):
    return NativeLike(source="bluesky", uri=f"at://{number}", of=f"at://{of}", created_at=NOW, author=author)


def test_one_request_serves_several_authors(room, clock):
    room.enter(post(1), Place(1))
    assert room.unknown() == []
    clock.now = PATIENCE_S
    assert room.unknown() == ["did:plc:a"]


def test_a_full_request_leaves_at_once(room):
    for number in range(AT_ONCE + 3):
        room.enter(post(number, f"did:plc:{number}"), Place(number))
    assert len(room.unknown()) == AT_ONCE


def test_the_place_of_what_waited_longest_is_held(room, profiles):
    room.enter(post(1), Place(11))
    room.enter(post(2, "did:plc:b"), Place(22))
    profiles.learn("did:plc:a", hidden=False)
    room.settled(Counter())
    assert room.first == Place(22)


def test_who_is_known_goes_in_under_the_name_that_is_known(room, profiles):
    profiles.name("did:plc:a", "inventee.test")
    room.enter(post(1), Place(1))
    profiles.learn("did:plc:a", hidden=False)
    ((admitted,), hidden) = room.settled(Counter())
    assert (admitted.handle, hidden, len(room)) == ("inventee.test", [], 0)


def test_nobody_goes_in_who_stays_unknown(room, clock):
    counts = Counter()
    room.enter(post(1), Place(1))
    room.enter(like(2, 1), Place(2), leader="at://1")
    for _ in range(TRIES):
        assert room.settled(counts) == ([], [])
        clock.now += 100
        room.asked(room.unknown())
    assert room.settled(counts) == ([], [])
    assert (counts, len(room)) == ({"profile unknown": 1, "dropped": 1}, 0)


def test_who_is_hidden_leaves_with_what_was_said_of_them(room, profiles):
    counts = Counter()
    room.enter(post(1), Place(1))
    room.enter(like(2, 1), Place(2), leader="at://1")
    profiles.learn("did:plc:a", hidden=True)
    assert room.settled(counts) == ([], ["did:plc:a"])
    assert (counts, len(room)) == ({"signed-in only": 1, "dropped": 1}, 0)


def test_an_answer_is_asked_about_after_what_it_answers(room, profiles, clock):
    room.enter(post(1), Place(1))
    room.enter(post(2, "did:plc:b"), Place(2), leader="at://1")
    clock.now = PATIENCE_S
    assert room.unknown() == ["did:plc:a"]
    profiles.learn("did:plc:a", hidden=False)
    room.settled(Counter())
    assert room.unknown() == ["did:plc:b"]


def test_a_like_waits_like_a_message(room, profiles, clock):
    counts = Counter()
    room.enter(post(1), Place(1))
    room.enter(like(2, 1), Place(2), leader="at://1")
    room.enter(like(3, 1, "did:plc:c"), Place(3))
    clock.now = PATIENCE_S
    assert room.unknown() == ["did:plc:a", "did:plc:c"]
    profiles.learn("did:plc:a", hidden=False)
    profiles.learn("did:plc:c", hidden=True)
    assert [one.uri for one in room.settled(counts)[0]] == ["at://1"]
    assert counts == {"signed-in only": 1, "dropped": 0}
    assert room.unknown(hurry=True) == ["did:plc:b"]
    profiles.learn("did:plc:b", hidden=False)
    assert [one.uri for one in room.settled(counts)[0]] == ["at://2"]


def test_likes_do_not_take_every_seat(room):
    for number in range(SEATS_OF_LIKES):
        assert not room.full_of_likes
        room.enter(like(number, 1), Place(number))
    assert (room.full_of_likes, room.full) == (True, False)
    assert room.leave("at://3")
    assert not room.full_of_likes


def test_an_outage_is_held_against_nobody(room, profiles, clock):
    counts = Counter()
    room.enter(post(1), Place(1))
    for _ in range(3 * TRIES):
        clock.now += LONGEST_S + PATIENCE_S
        assert room.unknown() == ["did:plc:a"]
        room.not_answered()
        assert room.unknown(hurry=True) == []
        assert room.settled(counts) == ([], [])
    assert room.deaf
    assert room.first == Place(1)
    room.hope()
    assert not room.deaf
    assert room.unknown(hurry=True) == ["did:plc:a"]
    profiles.learn("did:plc:a", hidden=False)
    assert [one.uri for one in room.settled(counts)[0]] == ["at://1"]
    assert not counts


def test_what_is_deleted_while_it_waits_never_goes_in(room, profiles):
    room.enter(post(1), Place(1))
    room.enter(like(2, 1), Place(2), leader="at://1")
    room.enter(post(3), Place(3))
    assert room.leave("at://1")
    assert not room.leave("at://9")
    room.close("did:plc:a")
    assert len(room) == 0


def test_what_is_known_of_accounts_is_bounded(profiles):
    for number in range(REMEMBERED + 10):
        profiles.learn(f"did:plc:{number}", hidden=False)
    assert profiles.standing("did:plc:0") is None
    assert profiles.standing(f"did:plc:{REMEMBERED}") is not None
