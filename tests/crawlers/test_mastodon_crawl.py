"""Mastodon: a real server on loopback is crawled by the real command, killed, refused, and asked again."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, date, datetime

import pytest

from crawlers.mastodon.source import MastodonSource
from crawlers.sources import Terms, read_sources
from polyphonie.cli.crawl import choose
from polyphonie.errors import ConfigurationError
from polyphonie.journal import Entry
from polyphonie.pseudonyms import Keyring, epoch_of
from polyphonie.spool import Arrival, Spool

pytest.importorskip("mastodon_mock", reason="no mastodon-mock: pip install mastodon-mock")

from tests.servers.mastodon import ABSENT, PEOPLE, Manners, Server

COMMAND = [sys.executable, "-m", "polyphonie.cli.app", "crawl"]
TERMS = {"terms_url": "https://serveur.test/terms", "terms_checked_at": str(date.today()), "approved_by": "juriste"}
AT_ONCE = 1e-9  # hours
NUMBERS_A_SECOND = 1000 * 2**16
CLOSED = {"local": "disabled", "remote": "authenticated"}


def listed(home, urls, **more):
    """Sources of these names at these addresses, in HOME/sources.yaml."""
    common = {"platform": "mastodon", "hashtags": ["retraites"], "delay_s": 0, "overlap_s": 0, "terms": TERMS}
    sources = {name: common | {"instance": url} | more for name, url in urls.items()}
    home.mkdir(exist_ok=True)
    (home / "sources.yaml").write_text(json.dumps({"sources": sources | {"bluesky": {"enabled": False}}}))


def environment():
    quick = {"POLYPHONIE_TEST_CRAWL_DELAY_S": "0", "POLYPHONIE_TEST_CRAWL_BACKOFF_S": "0"}
    return os.environ | quick | {"POLYPHONIE_CRAWL__CONTACT": "https://polyphonie.test/contact"}


def crawl(home, *names):
    """Exit code, what was counted of each source, and everything that was said."""
    words = [*COMMAND, *names, "--json", "--home", str(home)]
    done = subprocess.run(words, env=environment(), capture_output=True, text=True, timeout=120)
    assert done.returncode in (0, 8), done.stderr
    return done.returncode, json.loads(done.stdout or '{"sources": null}')["sources"], done.stdout + done.stderr


def crawl_until(home, reached):
    """Crawl, and kill it as soon as `reached` is true."""
    process = subprocess.Popen(
        [*COMMAND, "--home", str(home)], env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not reached() and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    return process.wait()


def kept(home):
    """What waits in the spool, by id."""
    spool = Spool(home / "spool.sqlite")
    found = {one.id: one for one in spool.peek(10_000)}
    spool.close()
    return found


def ids(home, statuses):
    keys = Keyring(home / "keys")
    return {keys.record("mastodon", status["uri"]) for status in statuses}


def everything_written(home):
    with sqlite3.connect(home / "spool.sqlite") as base:
        tables = [name for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return repr([base.execute(f"SELECT * FROM {table}").fetchall() for table in tables])


def left_at(home, number, name="essai"):
    """The source was crawled before, up to this status."""
    spool = Spool(home / "spool.sqlite")
    spool.put(Arrival(f"crawl:{name}", cursor={"server": "127.0.0.1", "timelines": {"tag:retraites": number}}))
    spool.close()


def watching(home, name, refs):
    """These statuses were kept before."""
    spool = Spool(home / "spool.sqlite")
    spool.put(Arrival("before", entry=Entry(name=name, watched=[(ref, f"{int(ref):032x}") for ref in refs])))
    spool.close()


def test_a_timeline_is_followed_and_what_was_kept_is_asked_for_again(tmp_path):
    home, manners = tmp_path / "home", Manners(domain="ville.test")
    with Server(manners).running() as server:
        written = server.fill([f"Message {n} #retraites" for n in range(36)])
        older, newer = written[:15], written[15:]
        late, edited, deleted = newer[20], newer[5], newer[6]
        manners.hidden = {late["id"]}
        agreed = server.post("J'y suis favorable #retraites", PEOPLE[1])
        answered = server.post("Moi aussi #retraites", in_reply_to_id=newer[0]["id"])
        refusing = [server.post("Pas pour les machines #retraites", name) for name in PEOPLE[2:]]
        manners.accounts = {PEOPLE[2]: {"indexable": ABSENT}, PEOPLE[3]: {"note": "<p>Chercheuse. #NoBot</p>"}}
        withheld = [server.post(f"Entre nous {n} #retraites") for n in range(2)]
        manners.statuses = {withheld[0]["id"]: {"visibility": "unlisted"}, withheld[1]["id"]: {"visibility": "private"}}
        listed(home, {"essai": server.urls[0], "nouvelle": server.urls[0]}, page_limit=10)
        left_at(home, older[4]["id"])
        code, counts, said = crawl(home)
        assert code == 0, said
        expected = ids(home, [*older[5:], *newer, agreed, answered])
        assert kept(home).keys() == expected - ids(home, [late])
        assert not expected & ids(home, [*refusing, *withheld])
        assert counts["essai"]["seen"] == 36
        assert counts["essai"]["not public"] == 2
        assert counts["essai"]["author asks not to be indexed"] == 1
        assert counts["essai"]["author's page refuses robots"] == 1
        assert counts["nouvelle"]["seen"] == 9  # a first visit begins with the newest page; one is still hidden in it

        manners.hidden = set()
        manners.asked.clear()
        server.edit(edited, "Tout compte fait, non #retraites")
        server.delete(deleted)
        manners.accounts |= {PEOPLE[1]: {"indexable": False}}
        behind = int(withheld[-1]["id"]) - int(late["id"])
        listed(home, {"essai": server.urls[0]}, overlap_s=(behind + 2) / NUMBERS_A_SECOND, recheck_hours=AT_ONCE)
        code, counts, again = crawl(home)
        assert code == 0, again
    found = kept(home)
    [late_id], [edited_id] = ids(home, [late]), ids(home, [edited])
    assert late_id in found  # delivered after others that were written later
    now = epoch_of(datetime.now(UTC), 7)
    handles = {Keyring(home / "keys").handle("mastodon", f"{PEOPLE[0]}@ville.test", epoch) for epoch in (now - 1, now)}
    assert found[edited_id].handle in handles  # what forget is asked with, though the server answers elsewhere
    assert found[edited_id].post.text == "Tout compte fait, non #retraites"
    assert {one.post.id for one in found.values() if one.post} == expected - ids(home, [deleted, agreed])
    assert counts["essai"]["gone"] == 2
    assert counts["essai"]["withdrawn: author asks not to be indexed"] == 1
    assert [len(query["id[]"]) for path, query in manners.asked if path == "/api/v1/statuses"] == [20, 12]
    assert not any(name in said + again + everything_written(home) for name in PEOPLE)
    spool = Spool(home / "spool.sqlite")
    assert spool.journal.unknown_fields("essai").keys() == {"quote_approval_policy"}  # the mock's own invention
    spool.close()


@pytest.mark.slow
def test_a_crawl_that_is_killed_loses_and_repeats_nothing(tmp_path):
    home, manners = tmp_path / "home", Manners(slow_s=0.02)
    with Server(manners).running() as server:
        statuses = server.fill([f"Message {n} #retraites" for n in range(60)])
        listed(home, {"essai": server.urls[0]}, page_limit=3)
        left_at(home, "0")
        assert crawl_until(home, lambda: manners.counted["paged"] >= 9) == -signal.SIGKILL
        assert 0 < len(kept(home)) < 60
        assert crawl(home)[0] == 0
    with sqlite3.connect(home / "spool.sqlite") as base:
        waiting = [found for (found,) in base.execute("SELECT id FROM items ORDER BY seq")]
        [(cursor,)] = base.execute("SELECT cursor FROM cursors").fetchall()
        [(counted,)] = base.execute("SELECT sum(number) FROM outcomes WHERE outcome = 'kept'").fetchall()
    keys = Keyring(home / "keys")
    assert sorted(waiting) == sorted(keys.record("mastodon", status["uri"]) for status in statuses)
    assert json.loads(cursor)["timelines"] == {"tag:retraites": statuses[-1]["id"]}
    assert counted == 60


STRANGE = {
    "closed": Manners(access={"live_feeds": CLOSED, "hashtag_feeds": CLOSED}),
    "half": Manners(access={"hashtag_feeds": {"local": "public", "remote": "authenticated"}}),
    "unauthorised": Manners(refuse={"/api/v1/timelines": 401}),
    "mute": Manners(refuse={"/api/v2/instance": 403}),
    "page": Manners(say={"/api/v2/instance": b"<html>Maintenance</html>"}),
    "down": Manners(refuse={"/api/v1/timelines": 500}),
    "busy": Manners(refuse={"/api/v1/timelines": 429}, window_s=0.1),
    "elsewhere": Manners(link='<https://ailleurs.test/api/v1/timelines/tag/retraites?min_id=9>; rel="prev"'),
    "circling": Manners(say={"/api/v1/timelines": b'[{"id": "5", "uri": "https://serveur.test/@ondine/5"}]'}),
    "secretive": Manners(refuse={"/api/v1/statuses": 401}),
    "old": Manners(version="4.2.10", accounts={PEOPLE[0]: {"indexable": ABSENT}}),
}
SAID = {
    "closed": "the instance closed its timelines to strangers",
    "half": None,
    "unauthorised": "the instance closed its timelines to strangers",
    "mute": "the instance answers nothing to strangers (status 403)",
    "page": "another format than expected (not JSON)",
    "down": "the instance is out of order (status 500)",
    "busy": "429",
    "elsewhere": "its Link header leads to another host",
    "circling": "another format than expected (pages that do not go forward)",
    "secretive": "no longer shows posts to strangers, so what is deleted there cannot be learnt",
    "old": None,
}


def test_what_a_server_refuses_is_said_and_the_others_are_heard(tmp_path):
    home = tmp_path / "home"
    with Server(*STRANGE.values()).running() as server:
        there = server.fill([f"Message {n} #retraites" for n in range(3)])
        listed(home, dict(zip(STRANGE, server.urls, strict=True)), public=True, recheck_hours=AT_ONCE)
        for name in ("closed", "old", "secretive"):
            watching(home, name, ["7", there[0]["id"]])
        code, counts, said = crawl(home)
    assert code == 8
    for name, words in SAID.items():
        assert (counts[name]["error"] is None) if words is None else (words in counts[name]["error"]), said
    assert {name: counts[name].get("timelines closed") for name in ("closed", "half", "unauthorised")} == {
        "closed": 2, "half": None, "unauthorised": 2,
    }  # fmt: skip
    tags = [query for path, query in STRANGE["half"].asked if path.startswith("/api/v1/timelines/tag")]
    assert all(query["local"] == ["true"] for query in tags)
    assert counts["circling"]["refused"] == 1
    # Before 4.3, silence about indexing refuses nothing; and what two timelines show is read once.
    assert counts["old"]["kept"] == counts["half"]["kept"] == 3
    for name in ("closed", "old"):
        assert counts[name]["gone"] == 1
    spool = Spool(home / "spool.sqlite")
    assert not spool.journal.watched("closed", datetime.now(UTC), 9)[
        1:
    ]  # what is there is watched on, what is gone not
    spool.close()
    assert {path for path, _ in STRANGE["closed"].asked if path.startswith("/api/v1")} == {"/api/v1/statuses"}
    # Before 4.3 a server gives one status at a time.
    assert not any(path == "/api/v1/statuses" for path, _ in STRANGE["old"].asked)
    assert not any(path.startswith("/api/v1/timelines") for path, _ in STRANGE["secretive"].asked)
    assert not any(name in said + everything_written(home) for name in PEOPLE)


def test_without_a_record_of_its_terms_nothing_is_asked(tmp_path):
    listed(tmp_path, {"essai": "https://serveur.test"}, delay_s=3, terms=None)
    with pytest.raises(ConfigurationError, match="essai: no terms record; read its terms"):
        choose(read_sources(tmp_path), ["essai"])


@pytest.mark.parametrize(
    ("checked", "why"),
    [
        ("2026-11-01", ""),
        ("2026-05-26", "essai: its terms were read 180 days ago"),
        ("2026-11-23", "essai: terms_checked_at lies in the future"),
    ],
)
def test_terms_are_read_again_after_180_days(checked, why):
    terms = Terms(terms_url="https://serveur.test/terms", terms_checked_at=checked, approved_by="juriste")
    source = MastodonSource(
        name="essai", platform="mastodon", instance="https://serveur.test", hashtags=("retraites",), terms=terms
    )
    assert source.refusal(date(2026, 11, 22)).startswith(why)
    assert bool(source.refusal(date(2026, 11, 22))) == bool(why)


@pytest.mark.parametrize(
    ("changed", "key", "why"),
    [
        ({"instance": "https://mastodon.social"}, "instance", "its terms forbid scrapers"),
        ({"instance": "https://WWW.Mastodon.Social."}, "instance", "its terms forbid scrapers"),
        ({"instance": "http://serveur.test"}, "instance", "https:// is expected"),
        ({"instance": "https://serveur.test/@ondine"}, "instance", "nothing more"),
        ({"instance": "serveur.test"}, "instance", "nothing more"),
        ({"delay_s": 1}, "delay_s", "300 requests in 15 minutes"),
        ({"hashtags": []}, "public", "name hashtags, or set public"),
        ({"page_limit": 80}, "page_limit", "less than or equal to 40"),
        ({"hashtag": ["retraites"]}, "hashtag", "did you mean 'hashtags'?"),
    ],
)
def test_what_may_not_be_asked_of_a_server(tmp_path, changed, key, why):
    listed(tmp_path, {"essai": "https://serveur.test"}, **{"delay_s": 3} | changed)
    if "instance" in changed:
        listed(tmp_path, {"essai": changed["instance"]}, delay_s=3)
    with pytest.raises(ConfigurationError, match=f"essai.*'{key}'") as refused:
        read_sources(tmp_path)
    assert why in str(refused.value)
