"""Press, crawled: the real command against a server whose feeds move, close, break, lie and say nothing new."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.feeds import Page, item, rss, serving

ROOT = Path(__file__).resolve().parents[2]
OLD = {"Last-Modified": "Sun, 22 Nov 2026 07:00:00 GMT"}
FEEDS = "une politique demenage passe fini casse vide perdu plein muet".split()


def crawl(home, url, patience_s):
    """One round of the command: what it says, its exit code, and its whole output."""
    listed = "".join(f"\n      - {url}/{name}.xml" for name in FEEDS)
    sources = f"""sources:
  journal:
    platform: press
    keywords: [retraites]
    feeds:{listed}
  seul:
    platform: press
    keywords: [retraites]
    timeout_s: {patience_s}
    feeds: [{url}/lent.xml]
"""
    (home / "sources.yaml").write_text(sources, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "polyphonie.cli.app", "crawl", "journal", "seul", "--json", "--home", str(home)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=ROOT,
        env={**os.environ, "POLYPHONIE_CRAWL__CONTACT": "https://example.org/c"},
    )
    assert "Traceback" not in done.stderr, done.stderr
    return json.loads(done.stdout), done.returncode, done.stdout + done.stderr


def rows(home, statement):
    with sqlite3.connect(home / "spool.sqlite") as sql:
        return sql.execute(statement).fetchall()


@pytest.fixture(scope="module")
def rounds(tmp_path_factory):
    """Two rounds, between which some feeds change."""
    home = tmp_path_factory.mktemp("home")
    told = []
    with serving() as server:
        first = item(1, "Retraites : le débat reprend", more="<dc:creator>Camille Invente</dc:creator>")
        server.pages |= {
            "/une.xml": Page(rss(first, item(2, "La pluie et le beau temps")), headers={"ETag": '"a1"'}),
            "/politique.xml": Page(
                rss(item(3, "Retraites : l'été des négociations"), encoding="latin-1"),
                kind="text/xml; charset=utf-8",
                headers=OLD,
            ),
            "/demenage.xml": Page(status=301, headers={"Location": "/chez-nous.xml"}),
            "/chez-nous.xml": Page(rss(item(4, "Retraites : nos lecteurs répondent"))),
            "/passe.xml": Page(status=302, headers={"Location": "/ailleurs.xml"}),
            "/ailleurs.xml": Page(rss(item(5, "Retraites : ce qui change", date="hier"))),
            "/fini.xml": Page(status=410),
            "/casse.xml": Page(rss(item(6, "Retraites & patrons"))[:-40]),
            "/vide.xml": Page(b"<html><body>Abonnez-vous, retraites</body></html>", kind="text/html"),
            "/perdu.xml": Page(status=404),
            "/plein.xml": Page(status=503),
            "/lent.xml": Page(rss(item(7, "Retraites, lentement")), slow_s=1.0),
            "/muet.xml": Page(rss()),
        }
        told.append((*crawl(home, server.url, 0.4), list(server.asked)))
        server.asked.clear()
        server.pages["/une.xml"] = Page(
            rss(item(8, "Retraites : la grève"), first.replace("reprend", "s'arrête")), headers={"ETag": '"a2"'}
        )
        server.pages["/lent.xml"].slow_s = 0.0
        told.append((*crawl(home, server.url, 30), list(server.asked)))
    return home, told


def test_a_round_brings_what_is_followed_and_the_broken_feeds_stop_no_other(rounds):
    said, code, _, _ = rounds[1][0]
    journal = said["sources"]["journal"]
    assert (journal["seen"], journal["kept"], journal["dropped"]) == (6, 5, 1)
    assert journal["error"] is None
    assert journal["malformed feeds"] == 1
    assert journal["status 404"] == 1
    assert journal["feeds without an answer"] == 1  # 503, however often it was asked
    # A source of which no feed answered in time says so.
    assert said["sources"]["seul"]["feeds without an answer"] == 1
    assert said["sources"]["seul"]["error"]
    assert code == 8
    assert rounds[1][1][1] == 0


def test_what_did_not_change_is_not_sent_again(rounds):
    asked = dict(rounds[1][1][3])
    assert asked["/politique.xml"] == 304
    assert asked["/une.xml"] == 200
    journal = rounds[1][1][0]["sources"]["journal"]
    # The new article, and the one with another title.
    assert (journal["seen"], journal["kept"], journal["new"]) == (2, 2, 2)
    assert journal["unchanged feeds"] == 1
    assert journal["seen before"] == 3


def test_what_moved_for_ever_is_asked_where_it_is_now(rounds):
    (_, _, _, first), (_, _, _, second) = rounds[1]
    assert ("/demenage.xml", 301) in first
    assert "/demenage.xml" not in dict(second)
    assert ("/chez-nous.xml", 200) in second
    assert ("/passe.xml", 302) in second  # for now only: asked at its own address


def test_what_is_gone_for_ever_is_left_alone(rounds):
    (_, _, _, first), (said, _, _, second) = rounds[1]
    assert ("/fini.xml", 410) in first
    assert "/fini.xml" not in dict(second)
    assert said["sources"]["journal"]["closed feeds"] == 1


def test_who_mends_the_sources_is_told_which_feed_and_why(rounds):
    reasons = dict(rows(rounds[0], "SELECT place, reason FROM unread WHERE name = 'journal'"))
    assert reasons["feed 3"] == "feed 3 has moved for ever and is read where it is now: write its new address"
    assert reasons["feed 5"] == "feed 5 is gone for ever (410): take it out of the source"
    assert reasons["feed 7"] == "feed 7 cannot be read: neither RSS nor Atom"
    assert reasons["feed 8"] == "feed 8 answers 404: look at its address"


def test_titles_are_kept_and_never_articles_nor_bylines(rounds):
    from polyphonie.spool import Spool

    home, told = rounds
    spool = Spool(home / "spool.sqlite")
    posts = [envelope.post for envelope in spool.peek(100)]
    spool.close()
    texts = {post.text for post in posts}
    assert texts == {
        "Retraites : le débat s'arrête",
        "Retraites : l'été des négociations",
        "Retraites : nos lecteurs répondent",
        "Retraites : ce qui change",
        "Retraites & patrons",
        "Retraites, lentement",
        "Retraites : la grève",
    }
    assert {post.flags for post in posts if post.text == "Retraites : ce qui change"} == {("impossible_date",)}
    assert all(post.links[0].url.startswith("https://journal.test/article-") for post in posts)
    held = (
        b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
        + "".join(output for _, _, output, _ in told).encode()
    )
    for word in ("secret", "Camille", "Invente", "beau temps"):
        assert word.encode() not in held
    assert "secret" not in str([post.model_dump() for post in posts])


def test_the_cursor_never_says_what_was_read(rounds):
    cursors = str(rows(rounds[0], "SELECT cursor FROM cursors"))
    assert "journal.test" not in cursors
    assert "journal-1" not in cursors
    assert "a2" in cursors
