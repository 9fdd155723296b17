"""Mastodon: statuses of public timelines, invented and recorded."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crawlers.mastodon.parse import parse, skip_reason
from crawlers.mastodon.payload import Status
from polyphonie.errors import PayloadError
from polyphonie.native import NativePost
from polyphonie.records import Kind
from polyphonie.scrubbing import scrub

FIXTURES = Path(__file__).resolve().parents[2].parent / "shared" / "fixtures" / "mastodon"


def account(number="1", **changed):
    return {
        "id": number,
        "acct": f"personne{number}",
        "url": f"https://serveur.test/@personne{number}",
        "uri": f"https://serveur.test/users/{number}",
        "indexable": True,
        "note": "<p>Bonjour</p>",
    } | changed


def status(number="10", **changed):
    return {
        "id": number,
        "uri": f"https://serveur.test/users/1/statuses/{number}",
        "created_at": "2024-03-01T10:00:00.000Z",
        "visibility": "public",
        "content": '<p>Oui au <a href="https://exemple.fr/bus">bus</a>, <a class="u-url mention" href="https://serveur.test/@y">@y</a></p>',
        "account": account(),
        "mentions": [{"username": "y", "acct": "y@ailleurs.test"}],
        "tags": [{"name": "bus"}],
        "replies_count": 1,
        "reblogs_count": 2,
        "favourites_count": 3,
        "card": {"url": "https://exemple.fr/carte"},
        "reblog": None,
    } | changed


def natives(payload, server="serveur.test"):
    return [native for native in parse(Status.read(payload), server) if isinstance(native, NativePost)]


def test_a_post():
    (post,) = natives(status(spoiler_text="Politique"))
    assert (post.kind, post.text, post.title) == (Kind.POST, "Oui au bus, @y", "Politique")
    assert post.urls == ("https://exemple.fr/bus", "https://exemple.fr/carte")
    assert (post.hashtags, post.handle) == (("bus",), "personne1@serveur.test")
    assert post.names == ("@y@ailleurs.test", "@y", "personne1@serveur.test")
    assert (post.reach.replies, post.reach.reposts, post.reach.likes) == (1, 2, 3)
    assert post.created_at == datetime(2024, 3, 1, 10, tzinfo=UTC)
    assert not post.trust_date


@pytest.mark.parametrize(
    ("domain", "acct", "handle"),
    [
        ("", "personne1", "personne1@serveur.test"),
        (
            "ville.test",
            "personne1",
            "personne1@ville.test",
        ),  # the server answers at serveur.test, and is called ville.test
        ("ville.test", "personne1@ailleurs.test", "personne1@ailleurs.test"),
    ],
)
def test_a_handle_ends_with_the_name_that_its_server_gives_itself(domain, acct, handle):
    payload = Status.read(status(account=account(acct=acct)))
    boost = Status.read(status("11", account=account("2"), reblog=status(account=account(acct=acct))))
    for one in (payload, boost):
        post = next(parse(one, "serveur.test", domain=domain))
        assert post.handle == handle
    local = "@" not in acct
    assert ("personne1@serveur.test" in post.names) == local  # the other way to write it goes from the texts too


@pytest.mark.parametrize(
    ("shown", "text", "left"),
    [
        ("Marie Dupont", "Contre. Signé : Marie Dupont", "Contre. Signé : […]"),
        ("Marie Dupont", "Signé : marie\u00a0DUPONT, de Lyon", "Signé : […], de Lyon"),
        ("Marie Dupont", "Marie a vu Dupont", "Marie a vu Dupont"),  # as a whole only
        ("Marie Dupont 🌻 (elle)", "Signé : Marie Dupont", "Signé : […]"),
        (":blob_chat: Marie D. :verified:", "Signé : Marie D. ce matin", "Signé : […] ce matin"),
        ("Jean-Noël Le Goff | Brest", "Moi, Jean-Noël Le Goff, de Brest", "Moi, […], de Brest"),
        ("Zoé\u200b Martin", "Signé : Zoé Martin", "Signé : […]"),
        ("𝓜𝓪𝓻𝓲𝓮 𝓓𝓾𝓹𝓸𝓷𝓽", "Signé : Marie Dupont", "Signé : […]"),
        ("Retraite", "La retraite à 60 ans", "La retraite à 60 ans"),  # a lone word is left
        ("Retraite 60", "La retraite à 60 ans", "La retraite à 60 ans"),
        ("", "Oui", "Oui"),
    ],
)
def test_a_displayed_name_is_wiped_where_it_is_a_name(shown, text, left):
    (post,) = natives(status(content=f"<p>{text}</p>", account=account(display_name=shown), mentions=[]))
    assert scrub(post.text, names=post.names) == left
    assert "Dupont" not in repr(post)


def test_an_edit_keeps_its_name():
    first, edited = natives(status()), natives(status(content="<p>Non</p>", edited_at="2024-03-02T10:00:00Z"))
    assert first[0].uri == edited[0].uri


def test_a_boost_gives_what_it_repeats_then_itself():
    original, boost = natives(
        status("11", content="", account=account("2"), reblog=status("10"), uri="https://serveur.test/boost/11")
    )
    assert (boost.kind, boost.repost_of, boost.text) == (Kind.REPOST, original.uri, "")
    assert boost.author != original.author


@pytest.mark.parametrize(
    ("changed", "parent"),
    [
        ({"in_reply_to_account_id": "1"}, "https://serveur.test/users/1/statuses/9"),
        ({"in_reply_to_account_id": "2"}, "https://serveur.test/statuses/9"),
        ({"in_reply_to_account_id": "1", "uri": "https://ailleurs.test/x/77"}, "https://serveur.test/statuses/9"),
    ],
)
def test_a_reply(changed, parent):
    (post,) = natives(status(in_reply_to_id="9", **changed))
    assert (post.kind, post.reply_to) == (Kind.REPLY, parent)


@pytest.mark.parametrize(
    "quote",
    [{"state": "accepted", "quoted_status": {"uri": "https://a.test/1"}}, {"uri": "https://a.test/1", "id": "1"}],
)
def test_a_quote(quote):
    (post,) = natives(status(quote=quote))
    assert (post.kind, post.quote_of) == (Kind.QUOTE, "https://a.test/1")


def test_a_quote_that_may_not_be_shown():
    (post,) = natives(status(quote={"state": "revoked", "quoted_status": None}))
    assert (post.kind, post.quote_of) == (Kind.POST, None)


def test_a_bot_is_flagged():
    (post,) = natives(status(account=account(bot=True)))
    assert post.flags == ("bot",)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({}, ""),
        ({"account": account(indexable=None)}, ""),
        ({"visibility": "unlisted"}, "not public"),
        ({"visibility": "direct"}, "not public"),
        ({"account": account(indexable=False)}, "author asks not to be indexed"),
        ({"account": account(noindex=True)}, "author asks not to be indexed"),
        ({"account": account(note='<p><a href="x">#<span>NoBot</span></a></p>')}, "author's page refuses robots"),
        ({"reblog": status(account=account("2", indexable=False))}, "author asks not to be indexed"),
    ],
)
def test_who_refuses_is_left_out_and_counted(changed, reason):
    assert skip_reason(Status.read(status(**changed))) == reason
    assert bool(natives(status(**changed))) == (not reason)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"created_at": "hier"}, "created_at: datetime from date parsing"),
        ({"created_at": "2024-03-01T10:00:00"}, "created_at: timezone aware"),
        ({"account": {}}, "account.id: missing"),
        ({"visibility": "secrète"}, "visibility: literal error"),
    ],
)
def test_a_bad_payload_names_its_field_only(changed, message):
    with pytest.raises(PayloadError) as refused:
        Status.read(status(**changed))
    assert str(refused.value) == message


def recorded():
    for path in sorted(FIXTURES.glob("*.json")):
        body = json.loads(path.read_text(encoding="utf-8"))["body"]
        for found in body if isinstance(body, list) else [body]:
            for one in (found, found.get("status") if isinstance(found, dict) else None):
                if (
                    isinstance(one, dict) and {"visibility", "account", "content"} <= one.keys()
                ):  # a deletion gives no content
                    yield one


def public(payload):
    """The same status, had its author agreed."""
    agreed = payload | {"account": payload["account"] | {"indexable": True}, "visibility": "public"}
    return agreed | {"reblog": public(agreed["reblog"])} if agreed.get("reblog") else agreed


@pytest.mark.skipif(not FIXTURES.exists(), reason="no fixtures (recorded answers) beside this checkout")
def test_recorded_answers_are_read_without_showing_who_wrote_them():
    payloads = list(recorded())
    assert len(payloads) > 20
    for payload in payloads:
        read = Status.read(payload)
        # The recorded account refuses indexing, so as it is nothing is made of it.
        assert (skip_reason(read) == "") == bool(list(parse(read)))
        posts = list(parse(Status.read(public(payload))))
        assert posts
        shown = repr(read) + repr(posts)
        assert payload["account"]["username"] not in shown
        assert "Lennon" not in shown  # its displayed name
