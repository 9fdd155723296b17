"""A crash loses nothing and repeats nothing; the cursor is never ahead of what is stored."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from polyphonie.errors import SpoolFull
from polyphonie.intake import Border
from polyphonie.native import NativeDeletion, NativePost, NativeVote
from polyphonie.pseudonyms import Keyring, OptOuts
from polyphonie.records import Kind, Stance
from polyphonie.spool import Arrival, Refusal, Spool

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def border(tmp_path):
    keys = Keyring(tmp_path / "keys")
    return Border(keys, OptOuts(tmp_path / "opt-outs", keys))


@pytest.fixture
def spool(tmp_path):
    opened = Spool(tmp_path / "spool.sqlite", capacity=1000)
    yield opened
    opened.close()


def post(number: int, text: str = "Oui à la gratuité") -> NativePost:
    return NativePost(
        source="mastodon",
        uri=f"https://exemple.example/{number}",
        kind=Kind.POST,
        text=text,
        created_at=NOW,
        author="7",
    )


def arrival(border, *natives, **more):
    return Arrival("mastodon", [border.admit(native, NOW) for native in natives], **more)


def test_what_comes_twice_waits_once(spool, border):
    assert spool.put(arrival(border, post(1), post(2))) == 2
    assert spool.put(arrival(border, post(1), post(2))) == 0
    claimed = spool.claim(10)
    spool.finish([envelope.id for envelope in claimed])
    later = Arrival("mastodon", [border.admit(post(1), NOW + timedelta(days=9))])
    assert spool.put(later) == 0  # done, and the same but for the instant it was received
    assert spool.counts() == {"todo": 0, "doing": 0, "done": 2, "quarantine": 0}


def test_an_edit_waits_again(spool, border):
    spool.put(arrival(border, post(1)))
    spool.finish([envelope.id for envelope in spool.claim(1)])
    edited = Arrival("mastodon", [border.admit(post(1, "Finalement non"), NOW + timedelta(days=2))])
    assert spool.put(edited) == 1
    again = spool.claim(1)[0].post
    assert again.text == "Finalement non"
    assert again.at == again.received_at == NOW  # an edit does not make a message younger


def test_what_a_dead_process_was_doing_is_done_again_in_order(tmp_path, border):
    first = Spool(tmp_path / "spool.sqlite")
    first.put(arrival(border, *(post(number) for number in range(5))))
    doing = [envelope.id for envelope in first.claim(3)]
    second = Spool(tmp_path / "spool.sqlite")
    assert second.recover() == 3
    assert [envelope.id for envelope in second.claim(3)] == doing


def test_items_and_cursor_are_one_transaction(spool, border):
    spool.put(arrival(border, post(1), cursor={"row": 1}, counts={"imported": 1}))
    crowd = arrival(border, *(post(number) for number in range(2, 1100)), cursor={"row": 1100})
    with pytest.raises(SpoolFull, match="holds 1 waiting items and may hold 1000"):
        spool.put(crowd)
    assert spool.cursor("mastodon") == ({"row": 1}, {"imported": 1})
    assert spool.counts()["todo"] == 1


def test_a_deletion_overtaking_its_post_still_wins(spool, border):
    gone = NativeDeletion(source="mastodon", uri="https://exemple.example/1")
    spool.put(arrival(border, gone))
    assert spool.put(arrival(border, post(1))) == 0
    assert [envelope.deletion is not None for envelope in spool.claim(5)] == [True]


def test_quarantine_keeps_the_reason_and_can_be_replayed(spool, border):
    spool.put(arrival(border, post(1), refusals=[Refusal("votes.csv, row 3", "file", "cut short")]))
    claimed = spool.claim(1)[0]
    spool.refuse([Refusal(claimed.id, "mastodon", "the index refused it", "index")])
    entries = spool.quarantined()
    assert [entry.reason for entry in entries] == ["cut short", "the index refused it"]
    spool.release(entries[1])
    assert [envelope.id for envelope in spool.claim(5)] == [claimed.id]
    assert spool.counts()["quarantine"] == 1


def test_who_is_erased_cannot_come_back(spool, border):
    spool.put(arrival(border, post(1), post(2)))
    token = border.keys.author("mastodon", "7", spool.peek(1)[0].epoch)
    ids = spool.items_of([token])
    assert spool.erase(ids) == 2
    assert spool.put(arrival(border, post(1))) == 0


def test_author_tokens_go_with_their_epoch(spool, border):
    spool.put(arrival(border, post(1)))
    envelope = spool.claim(1)[0]
    assert spool.close_epochs(before=envelope.epoch + 1) == 0  # not while it is being read
    spool.finish([envelope.id])
    assert spool.close_epochs(before=envelope.epoch + 1) == 1
    assert spool.items_of([envelope.author]) == []


def test_opted_out_authors_are_not_admitted(border):
    border.opt_outs.add("mastodon", "7")
    assert border.admit(post(1), NOW) is None


def test_one_person_is_one_voice_whether_they_vote_or_argue(border):
    vote = NativeVote(source="rua", uri="v1", proposal="p1", stance=Stance.FAVOUR, created_at=NOW, author="u1")
    said = NativePost(
        source="rua",
        uri="a1",
        kind=Kind.ARGUMENT,
        text="Bien",
        created_at=NOW,
        author="u1",
        proposal="p1",
        stance=Stance.AGAINST,
    )
    voices = {border.admit(native, NOW).positions[0].voice for native in (vote, said)}
    assert len(voices) == 1


def test_a_date_of_the_future_is_flagged_and_not_trusted(border):
    lying = NativePost(
        source="x", uri="1", kind=Kind.POST, text="t", created_at=NOW + timedelta(days=400), author="a", trust_date=True
    )
    admitted = border.admit(lying, NOW).post
    assert admitted.flags == ("impossible_date",)
    assert admitted.at == NOW


def test_an_answer_finds_what_it_answers_by_its_other_name(spool, border):
    first = replace(post(1), also="https://exemple.example/statuses/1")
    answer = replace(post(2), reply_to="https://exemple.example/statuses/1")
    spool.put(arrival(border, first, answer))
    parent, child = spool.claim(2)
    assert child.post.reply_to == parent.id
    assert spool.put(arrival(border, answer)) == 0
