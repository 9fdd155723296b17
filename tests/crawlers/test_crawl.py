"""What a batch comes to: read in its order, gated, counted under a name, and nothing of it kept that should not be."""

from collections import Counter
from datetime import UTC, datetime, timedelta, timezone

import pytest

from crawlers.crawl import Crawl, admitted, place
from crawlers.criteria import Criteria
from crawlers.heard import Heard, Refused, Watch
from crawlers.sources import Source
from polyphonie.intake import Border
from polyphonie.native import NativeAccountGone, NativeDeletion, NativeLike, NativePost, NativeVote
from polyphonie.pseudonyms import Keyring, OptOuts
from polyphonie.records import Endorsement, Kind, Stance
from polyphonie.spool import Spool

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LONG_AGO = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=2)))
SOURCE = Source(name="essai", platform="essai")
CRITERIA = Criteria((), keywords=("smic",))


@pytest.fixture
def crawl(tmp_path):
    keys = Keyring(tmp_path / "keys")
    spool = Spool(tmp_path / "spool.sqlite")
    yield Crawl(
        spool=spool, border=Border(keys, OptOuts(tmp_path / "opt-outs", keys)), contact="", clock=lambda native: NOW
    )
    spool.close()


def post(number: int, text: str = "Le smic !", **more) -> NativePost:
    more = {"kind": Kind.POST, "author": "did:a", "created_at": NOW} | more
    return NativePost(source="essai", uri=f"at://{number}", text=text, **more)


def reply(number: int, to: int, text: str = "D'accord.", **more) -> NativePost:
    return post(number, text, kind=Kind.REPLY, reply_to=f"at://{to}", **more)


def like(number: int, of: int, author: str = "did:b") -> NativeLike:
    return NativeLike(source="essai", uri=f"like://{number}", of=f"at://{of}", created_at=NOW, author=author)


def gone(uri: str) -> NativeDeletion:
    return NativeDeletion(source="essai", uri=uri)


BYE = NativeAccountGone(source="essai", author="did:a")
VOTE = NativeVote(source="essai", uri="v1", proposal="p1", stance=Stance.FAVOUR, created_at=NOW, author="did:a")


def take(crawl: Crawl, *natives, **more):
    return admitted(crawl, SOURCE, CRITERIA, Heard(natives=natives, **more))


@pytest.mark.parametrize(
    ("natives", "outcomes", "kinds"),
    [
        ([post(1)], {"kept": 1}, ["post"]),
        ([post(1, "Il pleut.")], {"dropped": 1}, []),
        ([VOTE], {"kept": 1}, ["positions"]),  # what has no text is about a proposal
        ([post(1), reply(2, to=1)], {"kept": 2}, ["post", "post"]),  # what answers something kept is wanted
        ([reply(2, to=1), post(1)], {"dropped": 1, "kept": 1}, ["post"]),
        ([post(1), reply(2, to=1), reply(3, to=2)], {"kept": 3}, ["post"] * 3),
        ([post(1), post(2, "", kind=Kind.REPOST, repost_of="at://1")], {"kept": 2}, ["post"] * 2),
        ([post(1), post(1, "Fini.")], {"kept": 2}, ["post"]),  # an edit in one batch
        ([post(1), gone("at://1")], {"kept": 1, "gone": 1}, ["deletion"]),
        ([gone("at://1")], {"dropped": 1}, []),  # of what was never kept
        ([post(1), gone("at://1"), like(1, of=1)], {"kept": 1, "gone": 1, "dropped": 1}, ["deletion"]),
        ([post(1, also="x://1"), gone("x://1")], {"kept": 1, "gone": 1}, ["deletion"]),
        ([post(1), like(1, of=1)], {"kept": 1, "liked": 1}, ["post"]),
        ([like(1, of=1), post(1)], {"kept": 1, "dropped": 1}, ["post"]),
        ([post(1), like(1, of=1), gone("like://1")], {"kept": 1, "liked": 1, "dropped": 1}, ["post"]),
        ([post(1), post(2), BYE], {"kept": 2, "gone": 2, "accounts gone": 1}, ["deletion"] * 2),
        ([BYE, post(1)], {"kept": 1, "accounts gone": 1}, ["post"]),
        ([post(1), post(2, author="did:b"), BYE], {"kept": 2, "gone": 1, "accounts gone": 1}, ["post", "deletion"]),
        ([post(1, author="did:no")], {"opted out": 1}, []),
        ([post(1), like(1, of=1, author="did:no")], {"kept": 1, "opted out": 1}, ["post"]),
        ([post(1), reply(2, to=1, author="did:no")], {"kept": 1, "opted out": 1}, ["post"]),
        ([post(1, "Le smic \ud83d", urls=("https://a.fr/\ud83d",))], {"kept": 1}, ["post"]),  # half a character
        ([post(1, author="did:\ud83d")], {"kept": 1}, ["post"]),
        ([post(1, created_at=LONG_AGO)], {"refused": 1}, []),
    ],
)
def test_a_batch_is_read_in_its_order(crawl, natives, outcomes, kinds):
    crawl.border.opt_outs.add("essai", "did:no")
    arrival, counted = take(crawl, *natives)
    assert +counted == Counter(outcomes)
    assert crawl.spool.put(arrival) == len(arrival.envelopes)
    found = [
        next(kind for kind in ("deletion", "positions", "post") if getattr(one, kind)) for one in arrival.envelopes
    ]
    assert sorted(found) == sorted(kinds)


@pytest.mark.parametrize(
    ("natives", "edges"),
    [
        ([post(1), like(1, of=1)], [Endorsement.LIKE]),
        ([post(1), reply(2, to=1)], [Endorsement.REPLY]),
        ([post(1), post(2, quote_of="at://1", reply_to="at://1")], [Endorsement.QUOTE, Endorsement.REPLY]),
        ([post(2, quote_of="at://elsewhere")], []),  # nothing is kept of what others write
        ([post(1), like(1, of=1), gone("like://1")], []),
        ([post(1), like(1, of=1), gone("at://1")], []),
        ([post(1), reply(2, to=1), gone("at://2")], []),
        ([post(1, author="did:c"), like(1, of=1, author="did:a"), BYE], []),
        ([post(1, author="did:c"), BYE, like(1, of=1, author="did:a")], [Endorsement.LIKE]),
    ],
)
def test_what_is_done_to_a_kept_message_is_an_edge(crawl, natives, edges):
    arrival, _ = take(crawl, *natives)
    assert sorted(one.kind for one in arrival.entry.interactions) == sorted(edges)


def test_what_was_kept_before_is_known(crawl):
    crawl.spool.put(take(crawl, post(1), like(1, of=1))[0])
    arrival, counted = take(crawl, reply(2, to=1), like(2, of=1), gone("like://1"))
    assert counted == Counter({"kept": 1, "liked": 1, "unliked": 1, "refused": 0})
    crawl.spool.put(arrival)
    [stir] = crawl.spool.journal.restless()
    assert stir.counted == {"reply": 1, "like": 1}
    assert crawl.known("essai", ["at://1", "at://2", "at://3"]) == {"at://1", "at://2"}


def test_a_kept_message_is_replaced_by_its_edit_even_when_that_matches_nothing(crawl):
    crawl.spool.put(take(crawl, post(1))[0])
    arrival, counted = take(crawl, post(1, "Rien."))
    assert counted["kept"] == 1
    assert crawl.spool.put(arrival) == 1
    assert [envelope.post.text for envelope in crawl.spool.claim(5)] == ["Rien."]


def test_an_account_takes_along_what_it_wrote_in_every_open_epoch(crawl):
    crawl.spool.put(take(crawl, post(1))[0])
    crawl.clock = lambda native: NOW + timedelta(days=7)
    crawl.spool.put(take(crawl, post(2), post(3, author="did:b"))[0])
    arrival, counted = take(crawl, BYE)
    assert counted["gone"] == 2
    crawl.spool.put(arrival)
    assert crawl.known("essai", ["at://1", "at://2", "at://3"]) == {"at://3"}


def test_only_what_is_kept_is_watched(crawl):
    watches = [Watch("1", "at://1"), Watch("2", "at://2")]
    arrival, _ = take(crawl, post(1), post(2, "Il pleut."), watches=watches)
    assert [ref for ref, _ in arrival.entry.watched] == ["1"]


def test_a_message_that_came_twice_is_watched_and_deleted_under_its_own_id(crawl):
    arrival, _ = take(crawl, post(1, also="x://1"), watches=[Watch("1", "x://1")])
    crawl.spool.put(arrival)
    [(_, ours)] = arrival.entry.watched
    assert ours == crawl.border.keys.record("essai", "at://1")
    arrival, counted = take(crawl, gone=[crawl.border.keys.record("essai", "x://1")])
    crawl.spool.put(arrival)
    assert counted["gone"] == 1
    assert crawl.known("essai", ["at://1", "x://1"]) == set()


def test_a_payload_that_cannot_be_read_is_known_by_its_reason_and_the_last_place(crawl):
    arrival, counted = take(crawl, post(1), post(2, created_at=LONG_AGO), refused=[Refused("page 3", "cut short")])
    assert counted["refused"] == 2
    crawl.spool.put(arrival)
    assert {(one.source, one.place, one.reason) for one in crawl.spool.journal.unread()} == {
        ("essai", "page 3", "cut short"),
        ("essai", "at the border", "an instant beyond the calendar"),
    }


def test_counts_of_the_spider_and_of_the_gate_are_told_together_with_the_cursor(crawl):
    arrival, counted = take(crawl, post(1), seen=9, counts={"not public": 7}, cursor={"min_id": "9"})
    crawl.spool.put(arrival)
    assert counted == Counter({"seen": 9, "not public": 7, "kept": 1, "refused": 0})
    assert crawl.spool.journal.counts("essai", NOW - timedelta(days=10_000)) == dict(+counted)
    assert crawl.cursor(SOURCE) == {"min_id": "9"}
    assert place(SOURCE) == "crawl:essai"


def test_nothing_that_names_somebody_is_told(crawl):
    arrival, _ = take(crawl, post(1, "Le smic, dit @zelie", handle="zelie", names=("Zélie",)), refused=[])
    assert "zelie" not in repr(arrival).lower()
    assert "did:a" not in repr(arrival)
