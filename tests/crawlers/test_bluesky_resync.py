"""What an account still publishes: who is asked, how far, and what no answer means."""

import asyncio
import json

import pytest
from scrapy.http import TextResponse

from crawlers.bluesky import resync
from crawlers.bluesky.resync import Gone, Repositories, Unreachable

DID, PLC = "did:plc:ana", "https://plc.test"
ACTIVE = (200, {"did": DID, "active": True})


def document(server):
    return 200, {"service": [{"id": "#atproto_pds", "serviceEndpoint": server}]}


def page(first, last, cursor=""):
    records = [{"uri": f"at://{DID}/app.bsky.feed.post/{number}", "value": {}} for number in range(first, last)]
    return 200, {"records": records} | ({"cursor": cursor} if cursor else {})


def find(answers, sought=("0",)):
    """What is found by record keys, and the addresses that were asked."""
    asked = []

    async def get(url):
        asked.append(url)
        status, body = next((answer for part, answer in answers.items() if part in url), (404, {}))
        return TextResponse(url, status=status, body=json.dumps(body).encode())

    looking = Repositories(get, PLC).find(DID, set(sought), lambda uri: uri.rpartition("/")[2])
    try:
        return asyncio.run(looking), asked
    except Unreachable:
        return None, asked


@pytest.mark.parametrize(
    "server",
    [
        *("https://127.1", "https://2130706433", "https://0x7f.1", "https://10.0.0.8", "http://pds.example.org"),
        *("https://pds.local", "https://pds.example.org:8443", "https://user@pds.example.org", ""),
    ],
)
def test_a_server_that_is_not_of_the_public_web_is_not_asked(server):
    found, asked = find({"plc.test": document(server)})
    assert found is None
    assert len(asked) == 1


def test_it_is_listed_until_everything_was_found():
    answers = {"plc.test": document("https://pds.example.org"), "getRepoStatus": ACTIVE}
    found, asked = find(answers | {"cursor=2": page(2, 4, "4"), "listRecords": page(0, 2, "2")}, ["1", "3"])
    assert (set(found.records), found.whole, len(asked)) == ({"1", "3"}, True, 4)


def test_what_was_not_read_to_its_end_says_nothing_of_what_is_absent(monkeypatch):
    monkeypatch.setattr(resync, "PAGES", 3)
    answers = {"plc.test": document("https://pds.example.org"), "getRepoStatus": ACTIVE, "listRecords": page(0, 2, "2")}
    found, _ = find(answers, ["1", "9"])
    assert (set(found.records), found.whole) == ({"1"}, False)


@pytest.mark.parametrize(
    ("answers", "gone"),
    [
        ({"plc.test": (410, {})}, True),
        ({"plc.test": (404, {})}, False),
        ({"plc.test": (500, {})}, False),
        ({"getRepoStatus": (200, {"active": False, "status": "takendown"})}, True),
        ({"getRepoStatus": (200, {"active": False, "status": "desynchronized"})}, False),
        ({"getRepoStatus": (400, {"error": "RepoNotFound"})}, True),
        ({"getRepoStatus": (400, {"error": "InvalidRequest"})}, False),
        ({"getRepoStatus": (503, {})}, False),
    ],
)
def test_only_who_is_said_gone_is_gone(answers, gone):
    found, _ = find({"getRepoStatus": ACTIVE, "plc.test": document("https://pds.example.org")} | answers)
    assert found == (Gone() if gone else None)
