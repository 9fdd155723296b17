"""The journal knows what each source did, lacks and is owed; who endorsed what is forgotten, how often is not."""

from datetime import UTC, datetime, timedelta

import pytest

from polyphonie.journal import FAILED, Entry, Gap
from polyphonie.records import Endorsement, Interaction, record_id
from polyphonie.spool import Arrival, Spool
from polyphonie.unread import OTHERS

NOW = datetime.now(UTC)


@pytest.fixture
def spool(tmp_path):
    opened = Spool(tmp_path / "spool.sqlite")
    yield opened
    opened.close()


def key(number: object) -> str:
    return record_id(number)


def edge(number: int, to: int, kind: Endorsement = Endorsement.REPOST, epoch: int = 1, by: object = "x") -> Interaction:
    return Interaction(
        id=key(("edge", number)), post=key(to), kind=kind, epoch=epoch, from_node=key(by), to_node=None, at=NOW
    )


def tell(spool: Spool, **more) -> None:
    spool.put(Arrival("crawl:essai", entry=Entry(name="essai", **more)))


def counted(spool: Spool, *more) -> dict[str, dict[str, int]]:
    return {stir.post: dict(stir.counted) for stir in spool.journal.restless(*more)}


def test_outcomes_add_up_by_hour(spool):
    for _ in range(2):
        tell(spool, outcomes={"seen": 10, "kept": 1, "dropped": 0})
    [(hour, found)] = spool.journal.outcomes("essai", NOW - timedelta(hours=1)).items()
    assert found == {"seen": 20, "kept": 2}
    assert hour == NOW.replace(minute=0, second=0, microsecond=0)
    assert spool.journal.counts("essai", NOW - timedelta(hours=1)) == found
    assert spool.journal.counts("other", NOW - timedelta(hours=1)) == {}


def test_unknown_fields_are_counted_since_they_were_first_seen(spool):
    tell(spool, unknown={"a": 2, "b": 1})
    tell(spool, unknown={"a": 3})
    assert spool.journal.unknown_fields("essai") == {"a": 5, "b": 1}
    assert set(spool.journal.new_fields("essai", NOW - timedelta(minutes=1))) == {"a", "b"}
    assert spool.journal.new_fields("essai", datetime.now(UTC) + timedelta(minutes=1)) == {}


def test_a_gap_is_recorded_once_with_its_bounds(spool):
    gap = Gap(NOW - timedelta(hours=3), NOW, "the cursor was too old")
    tell(spool, gap=gap)
    tell(spool, gap=gap)
    assert spool.journal.gaps("essai") == spool.journal.gaps() == [("essai", gap)]


def test_errors_are_counted_in_a_row(spool):
    def errors() -> int:
        return spool.journal.crawls()["essai"]["errors"]

    for _ in range(2):
        spool.journal.note("essai", "open", "listening")
        spool.journal.failed("essai", "open", "no answer", NOW)
    assert errors() == 2
    spool.journal.note("essai", "open", "listening", last_heard=NOW)
    assert errors() == 0
    spool.journal.failed("essai", "open", "no answer", NOW)
    spool.journal.note("essai", "open", "resting")
    assert errors() == 0
    assert spool.journal.crawls()["essai"]["last_error"] == "no answer"
    assert spool.journal.counts("essai", NOW - timedelta(hours=1)) == {FAILED: 3}


def test_what_was_not_asked_for_longest_comes_first_until_its_text_expires(spool):
    tell(spool, watched=[("1", key(1)), ("2", key(2))])
    later = datetime.now(UTC) + timedelta(minutes=1)
    assert spool.journal.watched("essai", NOW - timedelta(minutes=1), 10) == []
    assert spool.journal.watched("essai", later, 10) == [("1", key(1)), ("2", key(2))]
    spool.journal.asked("essai", ["1"])
    assert spool.journal.watched("essai", later, 1)[0][0] in ("1", "2")
    spool.journal.erase([key(1)])
    assert spool.journal.watched("essai", later, 10) == [("2", key(2))]
    spool.journal.forget_before(later)
    assert spool.journal.watched("essai", later, 10) == []


def test_what_could_not_be_read_is_a_row_for_each_reason_until_it_expires(spool, monkeypatch):
    monkeypatch.setattr("polyphonie.unread.REASONS", 2)
    tell(spool, refused=[("page 1", "cut short"), ("page 2", "text: missing"), ("page 3", "cut short")])
    tell(spool, refused=[("page 4", "id: missing"), ("page 5", "at: missing"), ("page 6", "cut short")])
    assert [(one.number, one.reason, one.place) for one in spool.journal.unread("essai")] == [
        (3, "cut short", "page 6"),
        (2, OTHERS, "page 5"),
        (1, "text: missing", "page 2"),
    ]
    assert spool.counts()["quarantine"] == 3
    assert spool.journal.unread("other") == []
    spool.journal.forget_before(NOW - timedelta(days=30))
    assert len(spool.journal.unread()) == 3
    spool.journal.forget_before(datetime.now(UTC) + timedelta(minutes=1))
    assert spool.journal.unread() == []


def test_requests_are_counted_by_day(spool):
    day = NOW.date()
    assert [spool.journal.spend("essai", day), spool.journal.spend("essai", day, 4)] == [1, 5]
    assert spool.journal.spent("essai", day) == 5
    assert spool.journal.spent("essai", day + timedelta(days=1)) == 0


def test_an_edge_that_comes_twice_counts_once(spool):
    tell(spool, interactions=[edge(1, to=1), edge(1, to=1), edge(2, to=1, kind=Endorsement.LIKE)])
    tell(spool, interactions=[edge(1, to=1)])
    assert counted(spool) == {key(1): {"repost": 1, "like": 1}}


def test_what_is_settled_rests_until_it_changes(spool):
    tell(spool, interactions=[edge(1, to=1), edge(2, to=2)])
    stirs = spool.journal.restless()
    tell(spool, interactions=[edge(3, to=1)])
    spool.journal.settled(stirs)
    assert counted(spool) == {key(1): {"repost": 2}}  # it changed meanwhile
    spool.journal.settled(spool.journal.restless())
    assert counted(spool) == {}
    tell(spool, gone=[key(("edge", 3))])
    assert counted(spool) == {key(1): {"repost": 1}}


def test_restless_posts_come_in_pages_and_none_hides_another(spool):
    tell(spool, interactions=[edge(number, to=number) for number in range(7)])
    seen, last = [], 0
    while stirs := spool.journal.restless(3, last):
        last = stirs[-1].seq
        seen += [stir.post for stir in stirs]
    assert seen == [key(number) for number in range(7)]


def test_the_edges_of_a_closed_epoch_go_and_their_number_stays(spool):
    tell(spool, interactions=[edge(1, to=1), edge(2, to=1, epoch=2)])
    spool.close_epochs(2)
    spool.close_epochs(2)
    assert counted(spool) == {key(1): {"repost": 2}}
    spool.close_epochs(3)
    tell(spool, interactions=[edge(3, to=1, epoch=3)])
    assert counted(spool) == {key(1): {"repost": 3}}
    spool.journal.erase([key(1)])
    assert counted(spool) == {}
    assert spool.journal.reached() == []


def test_what_was_counted_in_a_closed_epoch_is_neither_counted_nor_keyed_again(spool):
    tell(spool, interactions=[edge(1, to=1), edge(1, to=1, kind=Endorsement.QUOTE)])
    for epoch in (2, 3, 4):
        spool.close_epochs(epoch)
        tell(spool, interactions=[edge(1, to=1, epoch=epoch)])
    assert counted(spool) == {key(1): {"repost": 1, "quote": 1}}
    assert spool.journal.is_interaction([key(("edge", 1)), key(("edge", 2))]) == {key(("edge", 1))}
    assert spool._connection.execute("SELECT count(*) FROM interactions").fetchone() == (0,)
    spool.journal.settled(spool.journal.restless())
    tell(spool, gone=[key(("edge", 1))])  # who takes it back is heard, however late
    assert counted(spool) == {key(1): {}}


def test_what_a_source_tells_is_kept_beside_what_is_counted(spool):
    tell(spool, interactions=[edge(1, to=1)])
    spool.journal.told({key(1): {"repost": 9}})
    [stir] = spool.journal.restless()
    assert (stir.counted, stir.told) == ({"repost": 1}, {"repost": 9})
    assert spool.journal.stir([key(1), key(2)]) == {key(1)}  # nothing is known of the other
    spool.journal.expired([key(1)])
    assert counted(spool) == {}


def test_what_an_account_did_goes_with_it(spool):
    tell(spool, interactions=[edge(1, to=1, by="gone"), edge(2, to=1, by="other"), edge(3, to=2, by="gone")])
    spool.journal.settled(spool.journal.restless())
    tell(spool, left=[key("gone")], interactions=[edge(4, to=3, by="gone")])  # and it may come back
    assert counted(spool) == {key(1): {"repost": 1}, key(2): {}, key(3): {"repost": 1}}
