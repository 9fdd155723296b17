"""Crawls of real servers on this machine: what they were asked, in which order, how far apart, and what was refused."""

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.servers.manners import Answer, serving

ROOT = Path(__file__).resolve().parents[2]
ROBOTS, TDMREP = "/robots.txt", "/.well-known/tdmrep.json"
FIRST = [ROBOTS, TDMREP]
AGENT = "(+https://example.org/contact)"
HTML = {"Content-Type": "text/html"}


def walk(home, *sources):
    """Listen to these sources in one process; gives what it says on stdout."""
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "servers" / "manners_walk.py"],
        input=json.dumps({"home": str(home), "sources": sources}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    assert "http://" not in done.stderr, "an address was logged"
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def crawled(tmp_path_factory):
    """One process that listens to everything at once, each source with a server of its own."""
    with ExitStack() as stack:
        names = "rules broken kept signals busy limited closed far start shared gone".split()
        servers = {name: stack.enter_context(serving()) for name in names}
        urls = {name: server.url for name, server in servers.items()}
        _arrange(servers)
        servers["closed"].shutdown()
        servers["closed"].server_close()
        asks = {
            "rules": ["/open", "/private/page", "/again"],
            "broken": ["/page", "/page"],
            "kept": ["/reserved/page", "/header", "/meta", "/freed", "/noai", "/error", "/free"],
            "signals": ["/page"],
            "busy": ["/page", "/flaky", "/stuck"],
            "limited": ["/one", "/two"],
            "closed": ["/page"],
            "far": ["/page", "/page"],
            "start": ["/to-open", "/to-private", "/round"],
            "gone": ["/moved"],
        }
        told = walk(
            tmp_path_factory.mktemp("home"),
            *(
                {"name": name, "urls": [urls[name] + path for path in paths]}
                for name, paths in asks.items()
                if name != "gone"
            ),
            {"name": "gone", "urls": [urls["gone"] + "/moved"], "dont_redirect": True},
            *({"name": name, "urls": [f"{urls['shared']}/{n}" for n in range(4)]} for name in ("first", "second")),
            {"name": "patient", "urls": [f"{urls['gone']}/{n}" for n in range(3)], "polite_delay_s": 0.4},
        )
        yield servers, told


def _arrange(servers):
    rules = b"User-agent: polyphonie\nDisallow: /private\nCrawl-delay: 0.3\n"
    servers["rules"].says(ROBOTS, Answer(body=rules))
    servers["broken"].says(ROBOTS, Answer(500))
    kept = servers["kept"]
    kept.says(TDMREP, Answer(body=b'[{"location": "/reserved/", "tdm-reservation": 1}]'))
    kept.says("/header", Answer(headers={"tdm-reservation": "1"}))
    kept.says("/meta", Answer(body=b'<html><meta name="tdm-reservation" content="1"></html>', headers=HTML))
    kept.says(
        "/freed",
        Answer(
            body=b'<html><meta name="tdm-reservation" content="0"></html>', headers={**HTML, "tdm-reservation": "1"}
        ),
    )
    kept.says("/noai", Answer(headers={"X-Robots-Tag": "noai"}))
    kept.says("/error", Answer(410, headers={"tdm-reservation": "1"}))
    kept.says("/free", Answer())
    servers["signals"].says(ROBOTS, Answer(body=b"User-agent: *\nContent-Signal: search=yes, ai-input=no\nAllow: /"))
    busy = servers["busy"]
    busy.says("/page", Answer(429, headers={"Retry-After": "1"}), Answer())
    busy.says("/flaky", Answer(503), Answer(502), Answer(504), Answer())
    busy.says("/stuck", Answer(503))
    servers["limited"].says("/one", Answer(headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}))
    servers["limited"].says("/two", Answer(headers={"X-RateLimit-Remaining": "299", "X-RateLimit-Reset": "900"}))
    servers["far"].says("/page", Answer(429, headers={"Retry-After": "86400"}))
    elsewhere = servers["rules"].url
    start = servers["start"]
    start.says(ROBOTS, Answer(301, headers={"Location": "/moved-robots"}))
    start.says("/moved-robots", Answer(body=b"User-agent: *\nDisallow: /nowhere"))
    start.says("/to-open", Answer(302, headers={"Location": f"{elsewhere}/open"}))
    start.says("/to-private", Answer(302, headers={"Location": f"{elsewhere}/private/other"}))
    start.says("/round", Answer(302, headers={"Location": "/round"}))
    for number in range(4):
        servers["shared"].says(f"/{number}", Answer(slow_s=0.05))
    servers["rules"].says("/open", Answer())
    servers["rules"].says("/again", Answer())
    servers["gone"].says("/moved", Answer(301, headers={"Location": f"{elsewhere}/private/moved"}))


def test_robots_txt_is_asked_first_and_obeyed(crawled):
    servers, told = crawled
    assert servers["rules"].paths[:2] == FIRST
    assert not [path for path in servers["rules"].paths if path.startswith("/private")]
    given = told["rules"]["given"]
    assert (given[0], given[2]) == (200, 200)
    assert "robots.txt of 127.0.0.1" in given[1]
    assert "forbids" in given[1]
    assert told["rules"]["counts"]["forbidden by robots.txt"] == 1


def test_who_asks_says_its_name_and_where_to_complain_each_time(crawled):
    servers, _ = crawled
    agents = {visit.agent for server in servers.values() for visit in server.visits}
    assert len(agents) == 1
    assert agents.pop().startswith("Polyphonie/")
    assert all(AGENT in visit.agent for server in servers.values() for visit in server.visits)


def test_the_crawl_delay_is_kept_by_every_source(crawled):
    servers, _ = crawled
    # Three sources came, two of them by a redirect. The first rest is that of before robots.txt was read.
    assert min(servers["rules"].gaps()) >= 0.3


def test_a_spider_may_ask_for_longer_rests(crawled):
    servers, _ = crawled
    assert min(servers["gone"].gaps("/0", "/1", "/2")) >= 0.4


def test_nothing_is_asked_while_robots_txt_cannot_be_had(crawled):
    servers, told = crawled
    assert servers["broken"].paths == [ROBOTS]
    assert all("nothing is asked there" in given for given in told["broken"]["given"])
    assert told["broken"]["counts"]["robots.txt unreachable"] == 2
    assert "nothing is asked there" in told["closed"]["given"][0]
    assert told["closed"]["counts"]["no answer"] == told["closed"]["spent"] == 5


def test_what_is_reserved_is_not_used(crawled):
    servers, told = crawled
    assert "/reserved/page" not in servers["kept"].paths
    file, header, meta, freed, noai, error, free = told["kept"]["given"]
    for refusal in (file, header, meta, noai):
        assert "reserves text and data mining" in refusal
    assert (freed, error, free) == (200, 410, 200)
    assert told["kept"]["counts"]["reserved (TDM)"] == 4


def test_a_content_signal_against_a_use_that_we_make_is_a_refusal(crawled):
    servers, told = crawled
    assert servers["signals"].paths == [ROBOTS]
    assert "says ai-input=no" in told["signals"]["given"][0]
    assert told["signals"]["counts"]["reserved (content signal)"] == 1


def test_a_busy_server_is_asked_again_when_it_said(crawled):
    servers, told = crawled
    assert told["busy"]["given"][:2] == [200, 200]
    paths = servers["busy"].paths
    assert [paths.count(path) for path in ("/page", "/flaky", "/stuck")] == [2, 4, 5]
    assert min(servers["busy"].gaps("/page")) >= 0.9
    assert "answers 503, 5 times" in told["busy"]["given"][2]
    assert told["busy"]["counts"]["status 429"] == 1


def test_a_limit_that_is_used_up_is_waited_for_and_never_overrun(crawled):
    servers, told = crawled
    assert told["limited"]["given"] == [200, 200]
    assert min(servers["limited"].gaps("/one", "/two")) >= 0.9


def test_a_wait_that_is_too_long_ends_the_round_and_says_until_when(crawled):
    servers, told = crawled
    assert servers["far"].paths == [*FIRST, "/page"]  # the second page is not even asked for
    assert all("asks not to come back before 20" in given for given in told["far"]["given"])


def test_a_redirect_is_followed_under_the_rules_of_where_it_leads(crawled):
    servers, told = crawled
    to_open, to_private, around = told["start"]["given"]
    assert to_open == 200
    assert "robots.txt of a server forbids it" in to_private  # whose name may be a person's
    assert servers["rules"].url.rpartition(":")[2] not in told["start"]["error"]
    assert "no answer" in around
    assert servers["start"].paths.count("/round") == 6
    assert servers["start"].paths[:2] == [ROBOTS, "/moved-robots"]


def test_a_spider_may_look_at_a_redirect_itself(crawled):
    assert crawled[1]["gone"]["given"] == [301]


def test_sources_of_one_host_take_turns_on_one_connection(crawled):
    servers, told = crawled
    shared = servers["shared"]
    assert told["first"]["given"] == told["second"]["given"] == [200] * 4
    assert shared.most_at_once == 1
    assert shared.most_connections == 1
    assert shared.paths.count(ROBOTS) == shared.paths.count(TDMREP) == 1


def test_a_spent_budget_ends_the_round_even_after_a_restart(tmp_path):
    with serving() as server:
        source = {"name": "small", "urls": [f"{server.url}/{n}" for n in range(4)], "budget_a_day": 4}
        told = walk(tmp_path, source)["small"]
        assert server.paths == [*FIRST, "/0", "/1"]
        assert told["given"][:2] == [404, 404]
        assert all("budget of 4 requests a day is spent" in given for given in told["given"][2:])
        assert "midnight UTC" in told["error"]
        again = walk(tmp_path, source)["small"]
        assert len(server.paths) == 4
        assert "budget of 4 requests a day is spent" in again["given"][0]
        assert again["spent"] == 4
