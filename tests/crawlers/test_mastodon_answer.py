"""Mastodon: what one answer of statuses holds, and what became of those that are asked for again."""

import json
from pathlib import Path

import pytest

from crawlers.mastodon.answer import Reading, read, read_again
from crawlers.mastodon.parse import parse
from crawlers.mastodon.payload import Instance, Status
from crawlers.mastodon.source import MastodonSource, open_timelines

FIXTURES = Path(__file__).resolve().parents[2].parent / "shared" / "fixtures" / "mastodon"
OLD = Reading("serveur.test", opt_in=False, place=lambda of: f"hash of {len(of)}")
NEW = Reading("serveur.test", opt_in=True, place=lambda of: f"hash of {len(of)}")


def account(number="1", **changed):
    return {
        "id": number,
        "acct": f"personne{number}",
        "url": f"https://serveur.test/@personne{number}",
        "uri": f"https://serveur.test/users/{number}",
        "indexable": True,
    } | changed


def status(number="10", **changed):
    return {
        "id": number,
        "uri": f"https://serveur.test/users/1/statuses/{number}",
        "created_at": "2026-11-01T10:00:00.000Z",
        "edited_at": None,
        "visibility": "public",
        "content": "<p>Oui au bus</p>",
        "account": account(),
        "reblog": None,
    } | changed


SILENT = account(indexable=None)


@pytest.mark.parametrize(
    ("of", "before_4_3", "since_4_3"),
    [
        (account(), "", ""),
        (SILENT, "", "author asks not to be indexed"),
        (account(indexable=False), "author asks not to be indexed", "author asks not to be indexed"),
        (account(noindex=True), "author asks not to be indexed", "author asks not to be indexed"),
        (account(note="<p>#nobot</p>"), "author's page refuses robots", "author's page refuses robots"),
    ],
)
def test_since_4_3_silence_is_a_refusal(of, before_4_3, since_4_3):
    for reading, reason in ((OLD, before_4_3), (NEW, since_4_3)):
        for payload in (status(account=of), status("11", account=account("2"), reblog=status(account=of))):
            answer = read([payload], reading)
            assert dict(answer.counts) == ({reason: 1} if reason else {})
            assert bool(answer.natives) == (not reason)
            assert bool(answer.watches) == (not reason)


def test_a_repost_is_watched_with_what_it_repeats():
    answer = read([status("11", account=account("2"), uri="https://serveur.test/boost/11", reblog=status())], NEW)
    assert [(watch.ref, watch.uri) for watch in answer.watches] == [
        ("10", "https://serveur.test/users/1/statuses/10"),
        ("11", "https://serveur.test/boost/11"),
    ]


def test_what_cannot_be_read_is_refused_alone_without_telling_what_it_is():
    broken = status("12", account={})
    answer = read([status(), broken, status("abc"), "rien"], NEW)
    assert [one.reason for one in answer.refused] == ["account.id: missing", "id: not a number", ": model type"]
    assert not any("12" in one.place or "serveur" in one.place for one in answer.refused)
    assert len(answer.natives) == 1


def test_only_fields_that_nobody_documents_are_unknown():
    answer = read(
        [status(quotes_count=1, tagged_collections=[], humeur="bonne"), status("11", humeur="", **{"x" * 99: 1})], NEW
    )
    assert answer.unknown == {"humeur": 2, "(long)": 1}


@pytest.mark.parametrize(
    ("changed", "towards"),
    [
        ({}, None),
        ({"in_reply_to_id": "9", "in_reply_to_account_id": "1"}, "https://serveur.test/users/1"),
        ({"in_reply_to_id": "9", "in_reply_to_account_id": "2"}, "https://serveur.test/users/2"),
        ({"in_reply_to_id": "9", "in_reply_to_account_id": "3"}, None),  # only a number is known of them
        ({"quote": {"quoted_status": {"uri": "u", "account": account("4")}}}, "https://serveur.test/users/4"),
        ({"quote": {"quoted_status": {"uri": "u"}}}, None),
        ({"reblog": status("9", account=account("5"))}, "https://serveur.test/users/5"),
        (
            {
                "in_reply_to_id": "9",
                "in_reply_to_account_id": "2",
                "quote": {"quoted_status": {"uri": "u", "account": account("4")}},
            },
            None,  # two people, one field
        ),
    ],
)
def test_who_is_answered_repeated_or_quoted(changed, towards):
    answer = read([status("8", account=account("2")), status(**changed)], NEW)
    assert answer.natives[-1].towards == towards


def test_asked_again_what_is_gone_edited_withdrawn_or_as_it_was():
    asked = {number: f"ours {number}" for number in ("10", "11", "12", "13", "14")}
    payloads = [
        status("10"),
        status("11", edited_at="2026-11-02T10:00:00Z", content="<p>Non</p>"),
        status("12", account=SILENT),
        status("14", account={}),
        status("99", edited_at="2026-11-02T10:00:00Z"),  # nobody asked for it
    ]
    answer = read_again(payloads, asked, NEW)
    assert [native.text for native in answer.natives] == ["Non"]
    assert sorted(answer.gone) == ["ours 12", "ours 13"]
    assert answer.counts == {"asked again": 5, "withdrawn: author asks not to be indexed": 1}
    assert len(answer.refused) == 1


def test_a_server_that_dates_no_edit_may_have_edited_anything():
    payload = status()
    del payload["edited_at"]
    assert len(read_again([payload], {"10": "ours"}, NEW).natives) == 1
    repost = status("11", account=account("2"), reblog=status(edited_at="2026-11-02T10:00:00Z"))
    assert len(read_again([repost], {"11": "ours"}, NEW).natives) == 2


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("4.3.0", True),
        ("4.5.0-nightly.2026-11-01+glitch", True),
        ("5.0.0", True),
        ("4.2.10", False),
        ("2.7.2 (compatible; Pleroma 2.9.1)", False),
        ("sans numéro", True),  # what cannot be read is treated as the strictest
    ],
)
def test_versions(version, expected):
    assert Instance(version=version).speaks(4, 3) is expected


def feeds(local, remote):
    return {"local": local, "remote": remote}


@pytest.mark.parametrize(
    ("access", "expected"),
    [
        ({}, {"public": {"local": "true"}, "tag:bus": {}}),
        (
            {"hashtag_feeds": feeds("public", "authenticated")},
            {"public": {"local": "true"}, "tag:bus": {"local": "true"}},
        ),
        (
            {"hashtag_feeds": feeds("disabled", "public"), "live_feeds": feeds("authenticated", "public")},
            {"tag:bus": {"remote": "true"}},
        ),
        ({"hashtag_feeds": feeds("authenticated", "disabled")}, {"public": {"local": "true"}}),
        ({"hashtag_feeds": feeds("disabled", "disabled"), "live_feeds": feeds("disabled", "disabled")}, {}),
    ],
)
def test_only_what_strangers_may_read_is_asked_for(access, expected):
    source = MastodonSource(
        name="essai", platform="mastodon", instance="https://serveur.test", hashtags=("bus", "bus"), public=True
    )
    instance = Instance.read({"version": "4.5.0", "configuration": {"timelines_access": access}})
    assert {timeline.name: timeline.scope for timeline in open_timelines(source, instance)} == expected


def recorded():
    """Lists of statuses, as a server answered them."""
    for path in sorted(FIXTURES.glob("*.json")):
        body = json.loads(path.read_text(encoding="utf-8"))["body"]
        found = body if isinstance(body, list) else [body]
        statuses = [
            one for one in found if isinstance(one, dict) and {"visibility", "account", "content"} <= one.keys()
        ]
        if statuses:
            yield statuses


@pytest.mark.skipif(not FIXTURES.exists(), reason="no fixtures (recorded answers) beside this checkout")
def test_every_recorded_answer_is_read_whole():
    answers = list(recorded())
    assert len(answers) > 15
    for statuses in answers:
        for payload in statuses:
            payload["account"]["indexable"] = True
        answer = read(statuses, NEW)
        assert not answer.refused
        assert not answer.unknown
        kept = [one for one in map(Status.read, statuses) if list(parse(one, opt_in=True))]
        assert {watch.ref for watch in answer.watches} >= {one.id for one in kept}
        assert len(answer.natives) >= len(kept)
        again = read_again(statuses, {one["id"]: one["uri"] for one in statuses}, NEW)
        assert len(again.gone) == len(statuses) - len(kept)
