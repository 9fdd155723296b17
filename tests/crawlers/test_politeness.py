"""What servers say about how they want to be treated, and what we read in it."""

import asyncio
from datetime import UTC, datetime

import pytest
from scrapy.http import HtmlResponse, Response

from crawlers.politeness import robots, tdm
from crawlers.politeness.places import public
from crawlers.politeness.redirects import may_lead
from crawlers.politeness.tdm import no_ai, reserved_by
from crawlers.politeness.turns import JITTER, Host, host_of
from crawlers.politeness.waits import asked, backoff
from crawlers.politeness.wellknown import Shelf

NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
SITE = "https://example.org"


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"retry-after": "120"}, 120),
        (503, {"retry-after": "Mon, 02 Nov 2026 12:01:30 GMT"}, 90),
        (503, {"retry-after": "Mon, 02 Nov 2026 11:00:00 GMT"}, 0),  # already over
        # The server's clock is an hour fast; what counts is its own difference.
        (503, {"retry-after": "Mon, 02 Nov 2026 13:01:30 GMT", "date": "Mon, 02 Nov 2026 13:00:00 GMT"}, 90),
        (200, {"retry-after": "120"}, 0),
        (429, {"retry-after": "soon"}, 0),
        (429, {"retry-after": "-5"}, 0),
        (429, {}, 0),
        (200, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "2026-11-02T12:05:00.000000Z"}, 300),  # Mastodon
        (200, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW.timestamp()) + 40)}, 40),  # GitHub
        (200, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW.timestamp() + 40) * 1000)}, 40),
        (200, {"ratelimit-remaining": "0", "ratelimit-reset": "17"}, 17),  # IETF draft
        (200, {"x-ratelimit-remaining": "1", "x-ratelimit-reset": "2026-11-02T12:05:00Z"}, 0),
        (200, {"x-ratelimit-remaining": "0"}, 0),
        (200, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "nan"}, 0),
        (200, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "2026-11-02T11:59:00Z"}, 0),
        (429, {"x-ratelimit-reset": "2026-11-02T12:05:00Z"}, 300),  # refused although something remained
        (429, {"retry-after": "10", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "60"}, 60),  # the longer one
    ],
)
def test_how_long_a_server_asks_to_be_left_alone(status, headers, seconds):
    assert asked(status, headers, NOW) == pytest.approx(seconds)


def test_the_backoff_grows_with_each_bad_answer_up_to_its_limit():
    longest = [max(backoff(strikes, 2, 300) for _ in range(500)) for strikes in (1, 2, 3, 1000)]
    assert longest[0] <= 2 < longest[1] <= 4 < longest[2] <= 8 < longest[3] <= 300


ROBOTS = b"""\xef\xbb\xbfUser-agent: otherbot
Disallow: /

User-agent: POLYPHONIE
Disallow: /private
Allow: /private/open
Disallow: /*.pdf$
Crawl-delay: 7
Request-rate: 1/10

User-agent: *
Disallow: /
"""


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/", True),
        ("/private/x", False),
        ("/private/open/x", True),  # the longest rule wins
        ("/file.pdf", False),
        ("/file.pdf?download=1", True),
        ("/PRIVATE", True),  # paths have case
    ],
)
def test_the_group_of_our_name_is_the_one_that_is_obeyed(path, allowed):
    assert robots.read(200, ROBOTS).allow(SITE + path) == allowed


@pytest.mark.parametrize(
    ("status", "body", "allowed", "delay_s"),
    [
        (200, ROBOTS, True, 10.0),  # Request-rate asks for more than Crawl-delay
        (200, b"User-agent: *\nDisallow: /page\nCrawl-delay: 2", False, 2.0),
        (200, b"User-agent: *\nUser-agent: polyphonie\nDisallow: /page", False, 0.0),
        (200, b"Disallow: /page", True, 0.0),  # of no group
        (200, b"<html>not found</html>", True, 0.0),
        (200, b"User-agent: *\nCrawl-delay: -3\nDisallow: /page", False, 0.0),
        (200, b"#" * 512_000 + b"\nUser-agent: *\nDisallow: /page", True, 0.0),  # beyond the first 500 KiB
        (404, b"User-agent: *\nDisallow: /page", True, 0.0),
        (403, b"", True, 0.0),
        (302, b"", True, 0.0),  # at the end of five redirects
    ],
)
def test_what_a_robots_txt_allows(status, body, allowed, delay_s):
    rules = robots.read(status, body)
    assert (rules.allow(f"{SITE}/page"), rules.delay_s) == (allowed, delay_s)


@pytest.mark.parametrize(
    ("lines", "refused"),
    [
        ("User-agent: *\nContent-Signal: search=yes,ai-train=no,ai-input=no\nAllow: /", ["ai-input"]),
        ("User-agent: *\nContent-Signal: search=yes, ai-train=no, use=reference\nAllow: /", []),  # Cloudflare's own
        ("User-Agent: *\ncontent-signal : Search = NO  # all of it", ["search"]),
        ("Content-Signal: search=no, ai-input=no\nUser-agent: *\nAllow: /", ["search", "ai-input"]),
        ("User-agent: otherbot\nContent-Signal: ai-input=no", []),
        ("User-agent: otherbot\nUser-agent: polyphonie\nContent-Signal: ai-input=no", ["ai-input"]),
        ("User-agent: otherbot\nSitemap: https://example.org/s\nUser-agent: *\nContent-Signal: search=no", ["search"]),
        # What our own group says stands before what everybody is told; where it is silent, that holds.
        ("User-agent: *\nContent-Signal: ai-input=no\n\nUser-agent: Polyphonie\nContent-Signal: ai-input=yes", []),
        ("User-agent: *\nContent-Signal: ai-input=no\n\nUser-agent: Polyphonie\nAllow: /", ["ai-input"]),
        ("User-agent: *\nContent-Signal: search=no\nContent-Signal: search=yes", ["search"]),
        ("User-agent: *\nContent-Signal: search=perhaps, ai-input, =no", []),
        ("User-agent: *\nDisallow: /\n# Content-Signal: search=no", []),
    ],
)
def test_which_of_our_uses_content_signals_refuse(lines, refused):
    assert list(robots.read(200, lines.encode()).reserved) == refused
    assert not robots.read(404, lines.encode()).reserved


TDMREP = b"""[
 {"location": "/free/", "tdm-reservation": 0},
 {"location": "/a/", "tdm-reservation": 1},
 {"location": "/*.pdf$", "tdm-reservation": 1, "tdm-policy": "https://example.org/policy"},
 {"location": "/wrong/", "tdm-reservation": 2},
 {"location": "/caf%C3%A9/#x", "tdm-reservation": "1"},
 {"location": "no-slash", "tdm-reservation": 1},
 {"tdm-reservation": 1}, "nothing", null
]"""


@pytest.mark.parametrize(
    ("path", "reserved"),
    [
        ("/", False),
        ("/a/page", True),
        ("/A/page", False),
        ("/free/file.pdf", False),  # the first in sequence is the one
        ("/other/file.pdf", True),
        ("/other/file.pdf?x", False),
        ("/wrong/page", False),  # a protocol error reserves nothing
        ("/no-slash", False),
    ],
)
def test_the_first_matching_rule_of_tdmrep_json_counts(path, reserved):
    assert tdm.read(200, TDMREP).reserves(SITE + path) == reserved


@pytest.mark.parametrize(
    ("status", "body", "reserved"),
    [
        (200, b'[{"location": "/", "tdm-reservation": 1}]', True),
        (200, b'[{"location": "*", "tdm-reservation": 1}]', True),
        (200, b'{"location": "/", "tdm-reservation": 1}', False),  # the brackets are mandatory
        (200, b"<html>a page that answers everything</html>", False),
        (200, b"\xff\xfe", False),
        (404, b'[{"location": "/", "tdm-reservation": 1}]', False),
    ],
)
def test_a_tdmrep_json_that_is_not_one_reserves_nothing(status, body, reserved):
    assert tdm.read(status, body).reserves(f"{SITE}/page") == reserved


@pytest.mark.parametrize(
    ("header", "page", "reserved"),
    [
        (None, "", False),
        ("1", "", True),
        ("0", "", False),
        ("yes", "", False),
        (None, '<meta name="tdm-reservation" content="1">', True),
        (None, '<meta name="TDM-Reservation" content=" 1 ">', True),
        ("1", '<meta name="tdm-reservation" content="0">', False),  # the page supersedes the header
        ("0", '<meta name="tdm-reservation" content="1">', True),
        ("1", '<meta name="tdm-reservation" content="perhaps">', True),
    ],
)
def test_headers_and_pages_reserve(header, page, reserved):
    headers = {} if header is None else {"tdm-reservation": header}
    response = HtmlResponse(SITE, headers=headers, body=f"<html><head>{page}</head></html>".encode(), encoding="utf-8")
    assert reserved_by(response) is reserved


@pytest.mark.parametrize(
    ("lines", "page", "refused"),
    [
        (["noai, noimageai"], "", True),
        (["noindex, follow"], "", False),  # about search engines; most feeds of blogs say it
        (["noimageai"], "", False),  # no picture is ever taken
        (["otherbot: noai"], "", False),
        (["Polyphonie: noindex, NoAI"], "", True),
        (["unavailable_after: 25 Jun 2027 15:00:00 GMT, noai"], "", True),
        (["noindex", "noai"], "", True),
        ([], '<meta name="robots" content="noindex,noai">', True),
        ([], '<meta name="robots" content="noindex">', False),
    ],
)
def test_noai_is_a_reservation_too(lines, page, refused):
    body = f"<html><head>{page}</head></html>".encode()
    assert no_ai(HtmlResponse(SITE, headers={"X-Robots-Tag": lines}, body=body, encoding="utf-8")) is refused


def test_a_feed_reserves_by_its_header():
    assert reserved_by(Response(SITE, headers={"TDM-Reservation": "1"}, body=b"<rss/>"))


@pytest.mark.parametrize(
    ("origin", "target", "followed"),
    [
        ("https://a.example/x", "https://b.example/y", True),
        ("http://a.example/x", "https://a.example/x", True),
        ("http://a.example/x", "http://b.example/x", True),
        ("https://a.example/x", "http://a.example/x", False),  # out of encryption
        ("https://a.example/x", "http://127.0.0.1/x", False),  # from the web into this machine
        ("https://a.example/x", "https://localhost/x", False),
        ("http://a.example/x", "http://169.254.169.254/latest", False),
        ("http://a.example/x", "http://[::1]:9200/", False),
        ("http://a.example/x", "http://127.1/", False),
        ("http://a.example/x", "http://intranet/", False),
        ("http://127.0.0.1:1/x", "http://127.0.0.1:2/x", True),
        ("https://a.example/x", "file:///etc/passwd", False),
    ],
)
def test_where_a_redirect_may_lead(origin, target, followed):
    assert may_lead(origin, target) is followed


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("a.example", True),
        ("A.Example.", True),
        ("élan.example", True),
        ("4chan.example", True),
        ("x.0x.example", True),
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("", False),
        ("intranet", False),
        ("localhost.", False),
        ("a.localhost", False),
        ("printer.local", False),
        ("10.0.0.1", False),
        ("::1", False),
        ("::ffff:127.0.0.1", False),
        ("127.1", False),  # what follows is an address to the resolvers of most systems
        ("127.1.", False),
        ("2130706433", False),
        ("0x7f.1", False),
        ("1.2.3.0x7F", False),
        ("0177.0.0.01", False),
        ("127。0。0。1", False),
        ("１２７.1", False),
        ("a..example", False),
    ],
)
def test_which_hosts_are_of_the_public_web(host, expected):
    assert public(host) is expected


def test_a_host_is_the_same_on_both_ports_of_the_web():
    assert host_of("http://a.example/x") is host_of("https://A.example:443/y")
    assert host_of("http://a.example/x") is not host_of("http://a.example:8080/x")


def test_a_rest_is_the_longest_that_anybody_asked_for_and_never_shorter():
    host = Host("a.example", asked_delay_s=30.0, robots_delay_s=20.0)
    assert host.rest_s(10.0) <= 0  # the first one need not wait
    host.left()
    rests = [host.rest_s(10.0) for _ in range(200)]
    assert all(29 < rest <= 30 * (1 + JITTER) for rest in rests)
    assert len(set(rests)) > 1
    host.pause(3600)
    host.pause(60)  # a shorter pause does not end a longer one
    assert host.rest_s(10.0) > 3500


def test_one_asks_for_a_file_and_the_others_wait_for_its_answer():
    async def all_at_once():
        shelf, asked = Shelf(), []

        async def ask():
            asked.append("asked")
            await asyncio.sleep(0)
            return "rules"

        found = await asyncio.gather(*(shelf.get(SITE, ask) for _ in range(5)))
        return found, asked

    assert asyncio.run(all_at_once()) == (["rules"] * 5, ["asked"])


def test_an_unreachable_file_is_asked_again_sooner_than_one_that_was_read(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("crawlers.politeness.wellknown.time.monotonic", lambda: clock[0])
    answers = [None, "rules", "newer rules"]

    async def ask():
        return answers.pop(0)

    async def at(*instants):
        shelf, found = Shelf(), []
        for clock[0] in instants:
            found.append(await shelf.get(SITE, ask))
        return found

    minute, day = 60.0, 86_400.0
    assert asyncio.run(at(0, minute, 10 * minute, day, day + 11 * minute)) == [
        None,
        None,
        "rules",
        "rules",
        "newer rules",
    ]
