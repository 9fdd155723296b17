"""What is gone at its source, or whose author asked, leaves every place; what is endorsed reaches the index."""

import asyncio
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from crawlers.crawl import Crawl
from crawlers.criteria import Criteria
from crawlers.heard import Heard, Watch
from crawlers.sources import Source
from crawlers.store import store
from index.rebuild import rebuild
from nlp.calibration import UNCALIBRATED
from nlp.enrichment import Enricher
from nlp.matching import Match
from polyphonie.cli.enrich import enrich_all
from polyphonie.cli.erasing import forget_command, tidy
from polyphonie.cli.measure import expire_old
from polyphonie.cli.reaching import settle
from polyphonie.cli.workspace import Workspace
from polyphonie.native import (
    Native,
    NativeAccountGone,
    NativeDeletion,
    NativeLike,
    NativePost,
    NativeProposal,
)
from polyphonie.records import Kind, Post, Proposal, Reach
from polyphonie.spool import Spool

SOURCE = Source(name="essai", platform="essai")
CRITERIA = Criteria((), keywords=("smic",))


class Reader:
    """Stands where the models do: every text is about one proposal, and for it."""

    version = "reader"
    proposals = ()
    calibration = UNCALIBRATED

    def encode(self, texts):
        return np.ones((len(texts), 2), dtype=np.float32)

    def match(self, texts, embeddings, above, match_from):
        return [[Match("smic-1800", 0.9)] for _ in texts]

    def read(self, pairs, families):
        return np.tile([0.9, 0.05, 0.05], (len(pairs), 1)), [0] * len(pairs)


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Workspace]:
    (tmp_path / "proposals.yaml").write_text(
        "proposals: [{id: smic-1800, title: Smic, statement: Le smic doit monter.}]", encoding="utf-8"
    )
    with Workspace(tmp_path) as opened:
        yield opened


def post(number: int, text: str = "Le smic à 1 800 euros, vite.", author: str = "did:a", **more) -> NativePost:
    return NativePost(
        source="essai",
        uri=f"at://{number}",
        kind=more.pop("kind", Kind.POST),
        text=text,
        created_at=datetime.now(UTC),
        author=author,
        handle=f"{author[4:]}.essai.example",
        **more,
    )


def like(number: int, of: int, author: str = "did:b") -> NativeLike:
    return NativeLike(
        source="essai", uri=f"like://{number}", of=f"at://{of}", created_at=datetime.now(UTC), author=author
    )


def repost(number: int, of: int, author: str = "did:b") -> NativePost:
    return post(number, "", author, kind=Kind.REPOST, repost_of=f"at://{of}")


def gone(uri: str) -> NativeDeletion:
    return NativeDeletion(source="essai", uri=uri)


def hear(work: Workspace, *natives: Native, crawl: Crawl | None = None, source: Source = SOURCE, **more):
    crawl = crawl or Crawl(spool=work.spool, border=work.border, contact="")
    return asyncio.run(store(crawl, source, CRITERIA, Heard(natives=natives, **more)))


def enrich(work: Workspace) -> None:
    reader = Reader()
    enrich_all(
        work,
        Enricher(
            folds=work.folds,
            verdicts=work.verdicts,
            embedder=reader,
            matcher=reader,
            stance=reader,
            topics=None,
            voice=work.keys.voice,
            recall=lambda ids: {},
            match_from=0.5,
            abstain_below=0.0,
            statements={"smic-1800": "Le smic doit monter."},
        ),
    )
    settle(work)


def record(work: Workspace, uri: str) -> str:
    return work.keys.record("essai", uri)


def indexed(work: Workspace) -> dict[str, str]:
    return {found["id"]: found["text"] for found in work.engine.scan("posts")}


def reach(work: Workspace, number: int) -> tuple[int, ...]:
    found = work.engine.get("posts", [record(work, f"at://{number}")])[record(work, f"at://{number}")]
    return tuple(found[counter] for counter in ("reach", "reposts", "replies", "likes"))


def rows(work: Workspace, asked: str) -> int:
    return work.spool._connection.execute(f"SELECT count(*) FROM {asked}").fetchone()[0]


def places_of(work: Workspace, uri: str) -> list[str]:
    """Every place that still holds a record, or its words, or who it is about."""
    tidy(work)
    found, key = [], record(work, uri)
    spool = (
        "items WHERE id",
        "names WHERE id",
        "watched WHERE id",
        "interactions WHERE id",
        "interactions WHERE post",
        "stirred WHERE post",
        "counted WHERE id",
        "counted WHERE post",
        "reached WHERE post",
        "quarantine WHERE origin",
    )
    found += [place for place in spool if rows(work, f"{place} = '{key}'")]
    found += ["posts"] if key in indexed(work) else []
    found += ["positions"] if any(one["post"] == key for one in work.engine.scan("positions")) else []
    archived = [record for record in work.archive.replay() if not isinstance(record, Proposal)]
    found += ["archive"] if any(key in (one.id, getattr(one, "post", "")) for one in archived) else []
    for store_ in ("folds", "verdicts"):
        if not (work.settings.home / "nlp").exists():
            continue
        with sqlite3.connect(work.settings.home / "nlp" / f"{store_}.sqlite") as base:
            if any(key in str(line) for line in base.iterdump()):
                found.append(store_)
    return found


EVERYWHERE = ["items WHERE id", "posts", "positions", "archive", "folds", "verdicts"]


def test_a_message_that_is_deleted_upstream_leaves_every_place(work):
    watches = [Watch("1", "at://1")]
    hear(work, post(1), post(2, "Contre le smic à 1 800 euros, pour l'emploi.", "did:c"), watches=watches)
    hear(work, like(1, of=1), repost(3, of=1))
    enrich(work)
    assert set(EVERYWHERE) < set(places_of(work, "at://1"))
    assert rows(work, "interactions") == 2
    assert hear(work, gone("at://1"))["gone"] == 1
    enrich(work)
    assert places_of(work, "at://1") == []
    assert set(places_of(work, "at://2")) == set(EVERYWHERE)
    assert hear(work, post(1))["new"] == 0  # a page that was read late does not bring it back


def test_what_is_found_gone_by_our_own_id_leaves_too(work):
    hear(work, post(1), watches=[Watch("1", "at://1")])
    enrich(work)
    [(_, ours)] = work.spool.journal.watched("essai", datetime.now(UTC) + timedelta(minutes=1), 10)
    hear(work, gone=[ours])
    enrich(work)
    assert places_of(work, "at://1") == []


def test_a_deletion_by_another_name_of_the_message_finds_it(work):
    hear(work, post(1, also="https://essai.example/1"))
    enrich(work)
    hear(work, gone("https://essai.example/1"))
    enrich(work)
    assert places_of(work, "at://1") == []


def test_a_message_deleted_before_it_was_read_is_never_read(work):
    hear(work, post(1))
    hear(work, gone("at://1"))
    enrich(work)
    assert places_of(work, "at://1") == []


def test_an_edit_replaces_the_words_everywhere_even_when_they_match_nothing_any_more(work):
    hear(work, post(1))
    enrich(work)
    assert hear(work, post(1, "Rien à dire finalement, bonne soirée."))["kept"] == 1
    enrich(work)
    tidy(work)
    assert list(indexed(work).values()) == ["Rien à dire finalement, bonne soirée."]
    texts = [one.text for one in work.archive.replay() if isinstance(one, Post)]
    assert texts == ["Rien à dire finalement, bonne soirée."]
    assert not any("1 800" in getattr(one, "span", "") for one in work.archive.replay())


def test_an_account_that_is_gone_takes_its_messages_and_its_likes_along(work):
    hear(work, post(1), post(2, author="did:b", text="Pas de smic à 1 800 euros."), like(1, of=1), repost(3, of=1))
    enrich(work)
    assert reach(work, 1) == (2, 1, 0, 1)
    hear(work, NativeAccountGone(source="essai", author="did:b"), like(2, of=1))
    enrich(work)
    assert places_of(work, "at://2") == places_of(work, "at://3") == []
    assert reach(work, 1) == (1, 0, 0, 1)  # a like after the account came back


def test_who_is_forgotten_stays_so_when_the_same_batch_comes_again(work):
    batch = (post(1), post(2, author="did:b", text="Pas de smic à 1 800 euros."), like(1, of=2, author="did:a"))
    hear(work, *batch)
    enrich(work)
    forget_command("did:a", ["essai"], False, work.settings.home)
    assert places_of(work, "at://1") == []
    assert rows(work, "interactions") == 0
    again = hear(work, *batch)
    assert (again["new"], again["opted out"]) == (0, 2)
    enrich(work)
    assert places_of(work, "at://1") == []
    assert set(indexed(work)) == {record(work, "at://2")}


def fill(work: Workspace, number: int = 10) -> None:
    """As many messages of one author as the spool may hold; enriching them makes room."""
    work.spool.capacity, work.spool._room = number, 0
    hear(work, *(post(100 + one, f"Le smic, encore {one}", "did:f") for one in range(number)))


def test_who_asks_while_the_spool_is_full_is_not_in_the_batch_that_waits(work, monkeypatch):
    monkeypatch.setattr("crawlers.store.FULL_PAUSE_S", 0.01)
    fill(work)

    async def waits() -> None:
        crawl = Crawl(spool=work.spool, border=work.border, contact="")
        waiting = asyncio.create_task(store(crawl, SOURCE, CRITERIA, Heard(natives=[post(1), post(2, author="did:b")])))
        await asyncio.sleep(0.05)
        assert work.spool.journal.crawls()["essai"]["state"] == "waiting"
        forget_command("did:a", ["essai"], False, work.settings.home)  # a deletion never waits
        enrich(work)
        assert (await waiting)["opted out"] == 1

    asyncio.run(waits())
    assert places_of(work, "at://1") == []
    assert places_of(work, "at://2") == ["items WHERE id"]


def test_what_takes_away_does_not_wait_for_room_with_the_rest_of_its_batch(work, monkeypatch):
    monkeypatch.setattr("crawlers.store.FULL_PAUSE_S", 0.01)
    texts = {number: f"Le smic à 1 800 euros, {word}." for number, word in ((1, "vite"), (2, "jamais"), (3, "un jour"))}
    hear(work, *(post(number, text, f"did:{number}") for number, text in texts.items()))
    hear(work, like(1, of=3), like(2, of=3, author="did:2"))
    enrich(work)
    fill(work)
    bye = NativeAccountGone(source="essai", author="did:2")
    batch = Heard(
        natives=[post(4), gone("at://1"), gone("like://1"), bye, gone("at://4"), gone("at://99"), post(5)],
        cursor={"at": 9},
        seen=7,
    )

    async def waits() -> Counter[str]:
        crawl = Crawl(spool=work.spool, border=work.border, contact="")
        waiting = asyncio.create_task(store(crawl, SOURCE, CRITERIA, batch))
        await asyncio.sleep(0.05)
        names = {record(work, f"at://{number}"): number for number in (1, 2, 3)}
        assert {names[found] for found in work.spool.knows(names)} == {3}
        assert rows(work, "interactions") == 0
        assert crawl.cursor(SOURCE) == {}
        enrich(work)
        return await waiting

    since = datetime.now(UTC) - timedelta(hours=1)
    before = Counter(work.spool.journal.counts("essai", since))
    outcomes = asyncio.run(waits())
    assert places_of(work, "at://4") == places_of(work, "at://1") == places_of(work, "at://2") == []
    assert places_of(work, "at://5") == ["items WHERE id"]
    del outcomes["new"]
    # Each is counted once, in the journal too.
    told = {"seen": 7, "kept": 2, "gone": 3, "unliked": 1, "accounts gone": 1, "dropped": 1}
    assert +outcomes == told
    assert Counter(work.spool.journal.counts("essai", since)) - before == told


def test_a_batch_that_no_spool_can_hold_is_a_bug(work):
    work.spool.capacity = 1
    with pytest.raises(ValueError, match="a batch of 2 messages, for a spool that holds 1"):
        hear(work, post(1), post(2))
    assert hear(work, post(1), post(2, "Il pleut."), gone("at://1"))["gone"] == 1


def test_who_asks_between_admission_and_storage_is_taken_back(work, monkeypatch):
    put, asked = Spool.put, []

    def slow(spool: Spool, arrival):
        if not asked:
            asked.append(True)
            work.opt_outs.add("essai", "did:a")
        return put(spool, arrival)

    monkeypatch.setattr(Spool, "put", slow)
    hear(work, post(1), post(2, author="did:b"), like(1, of=2, author="did:a"))
    enrich(work)
    assert places_of(work, "at://1") == []
    assert rows(work, "interactions") == 0
    assert set(indexed(work)) == {record(work, "at://2")}


def test_forgetting_and_enriching_go_on_beside_a_crawl(work):
    hear(work, post(1))
    crawl = subprocess.Popen([sys.executable, __file__, str(work.settings.home), "40"])
    while rows(work, "items") < 50 and crawl.poll() is None:
        time.sleep(0.01)
    enrich(work)
    forget_command("did:a", ["essai"], False, work.settings.home)
    assert crawl.wait(timeout=60) == 0
    enrich(work)
    assert indexed(work) == {}
    assert rows(work, "items WHERE payload IS NOT NULL") == 0


def test_what_is_endorsed_reaches_posts_and_positions(work):
    hear(work, post(1, reach=Reach(reposts=1, likes=5)))
    enrich(work)
    assert reach(work, 1) == (2, 1, 0, 5)
    reposts = [repost(10 + one, of=1, author=f"did:{one}") for one in range(3)]
    hear(work, *reposts, like(1, of=1), post(20, "D'accord !", "did:d", kind=Kind.REPLY, reply_to="at://1"))
    enrich(work)
    assert reach(work, 1) == (4, 3, 1, 5)  # the source told of more likes than we saw
    [position] = [one for one in work.engine.scan("positions") if one["post"] == record(work, "at://1")]
    assert position["reach"] == 4
    assert settle(work) == 0  # and nothing is left to do
    hear(work, *(gone(f"at://{10 + one}") for one in range(3)))
    enrich(work)
    assert reach(work, 1) == (2, 1, 1, 5)


def test_an_edit_keeps_what_was_counted(work):
    hear(work, post(1), repost(2, of=1))
    enrich(work)
    hear(work, post(1, "Le smic, oui, mais pas si vite."))
    enrich(work)
    assert reach(work, 1) == (2, 1, 0, 0)


def test_a_rebuilt_index_has_the_same_counts_before_and_after_tidying(work):
    proposal = NativeProposal(source="essai", uri="p1", title="Un toit", created_at=datetime.now(UTC), author="did:z")
    hear(work, post(1), repost(2, of=1), proposal, like(1, of=1), repost(4, of=1))
    enrich(work)
    hear(work, NativeLike(source="essai", uri="like://9", of="p1", created_at=datetime.now(UTC), author="did:b"))
    enrich(work)
    for ready in (lambda: None, lambda: tidy(work)):
        ready()
        before = {name: {one["id"]: one for one in work.engine.scan(name)} for name in ("posts", "positions")}
        proposals = {one["id"] for one in work.engine.scan("proposals")}
        rebuild(work.engine, work.archive)
        assert {name: {one["id"]: one for one in work.engine.scan(name)} for name in before} == before
        assert {one["id"] for one in work.engine.scan("proposals")} == proposals
    assert reach(work, 1) == (3, 2, 0, 1)


def test_counts_outlive_the_epoch_of_the_edges(work):
    later = datetime.now(UTC) + timedelta(days=8)
    hear(work, post(1), repost(2, of=1), like(1, of=1), watches=[Watch("1", "at://1")])
    enrich(work)
    assert expire_old(work, later)["epochs_closed"] == 1
    assert rows(work, "interactions") == 0
    assert reach(work, 1) == (2, 1, 0, 1)
    crawl = Crawl(spool=work.spool, border=work.border, contact="", clock=lambda native: later)
    hear(work, like(2, of=1, author="did:c"), crawl=crawl)
    enrich(work)
    assert reach(work, 1) == (2, 1, 0, 2)
    hear(work, repost(2, of=1), like(1, of=1), crawl=crawl)  # listed again
    enrich(work)
    assert reach(work, 1) == (2, 1, 0, 2)
    assert rows(work, "interactions") == 1
    assert rows(work, "watched") == 1
    expire_old(work, datetime.now(UTC) + timedelta(days=32))
    assert indexed(work) == {}
    assert [rows(work, table) for table in ("watched", "reached", "counted", "stirred", "interactions")] == [0] * 5


def test_what_is_kept_for_ever_is_watched_for_ever(work):
    open_ = NativeProposal(source="decidim", uri="v:1", title="Un toit", created_at=datetime.now(UTC), author="did:z")
    hear(work, open_, watches=[Watch("1", "v:1")], source=Source(name="ville", platform="decidim"))
    hear(work, post(1), watches=[Watch("1", "at://1")])
    enrich(work)
    expire_old(work, datetime.now(UTC) + timedelta(days=400))
    later = datetime.now(UTC) + timedelta(days=1)
    assert work.spool.journal.watched("essai", later, 10) == []
    [(_, ours)] = work.spool.journal.watched("ville", later, 10)
    hear(work, gone=[ours], source=Source(name="ville", platform="decidim"))
    enrich(work)
    assert indexed(work) == {}


def test_a_post_that_waits_does_not_hide_the_others(work, monkeypatch):
    monkeypatch.setattr("polyphonie.cli.reaching.PAGE", 2)
    hear(work, post(1))
    enrich(work)
    hear(work, *(post(number, f"Le smic, encore {number}") for number in range(2, 8)))
    hear(work, *(like(number, of=number) for number in range(2, 8)), like(1, of=1))
    assert settle(work) == 1
    assert reach(work, 1) == (1, 0, 0, 1)
    assert rows(work, "stirred") == 6
    enrich(work)
    assert rows(work, "stirred") == 0
    assert reach(work, 7) == (1, 0, 0, 1)


def test_a_change_while_it_is_settled_is_not_lost(work, monkeypatch):
    hear(work, post(1), like(1, of=1))
    enrich(work)
    hear(work, like(2, of=1, author="did:c"))
    write = type(work.engine).write

    def busy(engine, collection, found):
        if collection == "posts" and rows(work, "interactions") == 2:
            hear(work, like(3, of=1, author="did:d"))
        return write(engine, collection, found)

    monkeypatch.setattr(type(work.engine), "write", busy)
    settle(work)
    assert reach(work, 1) == (1, 0, 0, 3)


def crawl_meanwhile(home: Path, batches: int) -> None:
    with Workspace(home) as work:
        for number in range(batches):
            hear(work, *(post(100 + number * 10 + one, f"Le smic, {number} {one}") for one in range(10)))


if __name__ == "__main__":
    crawl_meanwhile(Path(sys.argv[1]), int(sys.argv[2]))
