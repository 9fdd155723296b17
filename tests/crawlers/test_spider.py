"""A source that fails, whatever the failure, says so, is tried again, and keeps no other from being listened to."""

import asyncio
import json
import logging
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from crawlers import sources as lists
from crawlers.crawl import Crawl
from crawlers.heard import Heard
from crawlers.pipeline import SpoolPipeline
from crawlers.sources import Source, Terms
from crawlers.spider import SourceError, SourceSpider
from polyphonie.intake import Border
from polyphonie.pseudonyms import Keyring, OptOuts
from polyphonie.spool import Spool

ROOT = Path(__file__).resolve().parents[2]
READ_LONG_AGO = Terms(
    terms_url="https://essai.example/terms", terms_checked_at=date(2020, 1, 1), approved_by="legal-officer"
)


class Licensed(Source):
    needs_terms = True


class Essai(SourceSpider):
    """Each round is the next of `rounds`: what it raises, or nothing."""

    source_model = Licensed
    rounds: tuple[Exception | None, ...] = ()

    async def listen(self):
        first, *rest = self.rounds
        self.rounds = tuple(rest) or (None,)
        if first:
            raise first
        yield Heard(seen=1, cursor={"at": 1})


@pytest.fixture
def crawl(tmp_path, monkeypatch):
    monkeypatch.setattr("crawlers.spider.LONGEST_REST_S", 0.001)
    keys = Keyring(tmp_path / "keys")
    spool = Spool(tmp_path / "spool.sqlite")
    yield Crawl(spool=spool, border=Border(keys, OptOuts(tmp_path / "opt-outs", keys)), contact="", follow=True)
    spool.close()


def essai(crawl: Crawl, *rounds: Exception | None, **more) -> Essai:
    terms = Terms(terms_url="https://essai.example", terms_checked_at=datetime.now(UTC).date(), approved_by="jurist")
    spider = Essai(Licensed(**{"name": "essai", "platform": "essai", "terms": terms} | more), crawl)
    spider.rounds = rounds
    return spider


def until_heard(spider: Essai) -> None:
    async def listen() -> None:
        async for parcel in spider.start():
            parcel.stored.set_result(await spider.store(parcel.heard))
            spider.crawl.follow = False

    asyncio.run(asyncio.wait_for(listen(), 30))


def row(crawl: Crawl) -> dict:
    return crawl.spool.journal.crawls()["essai"]


def test_a_bug_is_told_by_its_type_alone_and_the_source_is_tried_again(crawl, caplog):
    spider = essai(crawl, KeyError("@zelie"), RecursionError("zelie"), SourceError("essai: no answer"), None)
    with caplog.at_level(logging.ERROR):
        until_heard(spider)
    assert spider.cursor == {"at": 1}
    assert (spider.failure, row(crawl)["state"], row(crawl)["errors"]) == (None, "resting", 0)
    assert row(crawl)["last_error"] == "essai: no answer"
    assert crawl.spool.journal.counts("essai", datetime.now(UTC) - timedelta(hours=1))["failed rounds"] == 3
    assert "a bug: KeyError" in caplog.text
    assert "a bug: RecursionError" in caplog.text
    assert "raise first" in caplog.text  # where it happened
    assert "zelie" not in caplog.text


def test_a_bug_in_a_single_round_is_its_error(crawl):
    crawl.follow = False
    spider = essai(crawl, KeyError("@zelie"))
    until_heard(spider)
    assert not spider.finished
    assert "essai: a bug: KeyError" in str(spider.failure) == row(crawl)["last_error"]
    assert (row(crawl)["state"], row(crawl)["errors"]) == ("failing", 1)


def test_who_is_stopped_does_not_fail(crawl):
    spider = essai(crawl, asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        until_heard(spider)
    assert row(crawl)["errors"] == 0


def test_what_cannot_be_stored_is_a_failure_that_scrapy_does_not_quote(crawl, monkeypatch):
    async def broken(spider, heard):
        raise ValueError("@zelie")

    monkeypatch.setattr(Essai, "store", broken)
    spider = essai(crawl, None)
    crawl.follow = False

    class Crawler:
        engine = None

    Crawler.spider = spider
    pipeline = SpoolPipeline(Crawler)

    async def listen() -> list[str]:
        raised = []
        async for parcel in spider.start():
            try:
                await pipeline.process_item(parcel)
            except Exception as error:
                raised.append(f"{type(error).__name__}: {error}")
        return raised

    assert asyncio.run(listen()) == ["DropItem: it could not be stored"]
    assert "a bug: ValueError" in row(crawl)["last_error"]
    assert spider.cursor == {}


def test_terms_are_looked_at_in_each_round(crawl):
    spider = essai(crawl, None, terms=READ_LONG_AGO)
    crawl.follow = False
    until_heard(spider)
    assert spider.rounds == (None,)  # it was not listened to
    assert "days ago; read https://essai.example/terms again" in row(crawl)["last_error"]
    assert row(crawl)["state"] == "failing"


def polyphonie(home: Path, *words: str):
    """The command, with the platform of this file, whose rounds depend on the name of the source."""
    done = subprocess.run(
        [sys.executable, __file__, "crawl", *words, "--json", "--home", str(home)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=ROOT,
        env={**os.environ, "POLYPHONIE_CRAWL__CONTACT": "https://example.org/c", "PYTHONPATH": str(ROOT)},
    )
    return done.returncode, json.loads(done.stdout or "{}"), done.stderr


def test_a_source_with_a_bug_or_without_terms_keeps_none_from_being_listened_to(tmp_path):
    read = f"terms: {{terms_url: 'https://a.example', terms_checked_at: {datetime.now(UTC).date()}, approved_by: dpo}}"
    (tmp_path / "sources.yaml").write_text(
        "sources:\n"
        f"  broken: {{platform: essai, {read}}}\n"
        f"  well: {{platform: essai, {read}}}\n"
        "  unread: {platform: essai}\n",
        encoding="utf-8",
    )
    code, said, log = polyphonie(tmp_path)
    assert code == 8
    assert "a bug: KeyError" in said["sources"]["broken"]["error"]
    assert "unread: no terms record" in said["sources"]["unread"]["error"]
    assert (said["sources"]["well"]["error"], said["sources"]["well"]["seen"]) == (None, 1)
    assert "zelie" not in log
    code, said, log = polyphonie(tmp_path, "well", "unread")
    assert (code, said) == (2, {})
    assert "unread: no terms record" in log


def crawl_with_this_platform() -> None:
    # The other tests of this file need no command line.
    from polyphonie.cli.app import main

    lists.CONFIGS = Path("/nowhere")
    lists.platforms = lambda: {"essai": Named}
    main()


class Named(Essai):
    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.rounds = (KeyError("@zelie") if self.name == "broken" else None,)


if __name__ == "__main__":
    crawl_with_this_platform()
