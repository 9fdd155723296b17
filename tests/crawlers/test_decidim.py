"""Decidim: proposals and comments of the open data."""

from datetime import UTC, datetime

import pytest

from crawlers.decidim import payload
from crawlers.decidim.parse import parse
from polyphonie.errors import PayloadError
from polyphonie.native import NativeDeletion, NativePost, NativeProposal
from polyphonie.records import Kind, Stance

SITE = "https://jeparticipe.exemple.fr"


def proposal(**changed):
    return {
        "id": "7",
        "author/id": "31, 44",
        "author/name": "Camille Untel, Dominique Autre",
        "author/url": f"{SITE}/profiles/camille_u",
        "category/name/fr": "Mobilité",
        "title/en": "Free buses",
        "title/fr": "Bus gratuits",
        "body/fr": "<p>Partout.</p>",
        "state": "accepted",
        "published_at": "2024-03-01 10:00:00 UTC",
        "url": f"{SITE}/processes/bus/f/3/proposals/7",
        "withdrawn": "false",
    } | {name.replace("__", "/"): cell for name, cell in changed.items()}


def comment(**changed):
    return {
        "id": "90", "created_at": "2024-03-02 08:30:00 +0100", "body": "Camille Untel a raison.", "locale": "fr",
        "author/id": "12", "author/name": "Alix Dupont", "alignment": "1", "depth": "0", "user_group/name": "",
        "commentable_id": "7", "commentable_type": "Decidim::Proposals::Proposal",
        "root_commentable_url": f"{SITE}/processes/bus/f/3/proposals/7",
    } | {name.replace("__", "/"): cell for name, cell in changed.items()}  # fmt: skip


def only(row):
    (native,) = parse(payload.read(row))
    return native


def test_a_proposal():
    native = only(proposal())
    assert isinstance(native, NativeProposal)
    assert (native.uri, native.title, native.body, native.section) == (
        "jeparticipe.exemple.fr:proposal:7", "Bus gratuits", "Partout.", "Mobilité",
    )  # fmt: skip
    assert native.author == "jeparticipe.exemple.fr:31"
    assert native.created_at == datetime(2024, 3, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize("changed", [{"state": "withdrawn"}, {"state": "hidden"}, {"withdrawn": "true"}])
def test_a_proposal_that_is_gone(changed):
    native = only(proposal(**changed))
    assert native == NativeDeletion(source="decidim", uri="jeparticipe.exemple.fr:proposal:7")


def test_the_first_language_that_is_filled():
    assert only(proposal(title__fr=" ")).title == "Free buses"


@pytest.mark.parametrize(
    ("alignment", "stance"),
    [("1", Stance.FAVOUR), ("0", Stance.UNCLEAR), ("", Stance.UNCLEAR), ("-1", Stance.AGAINST)],
)
def test_a_comment_on_a_proposal_is_an_argument(alignment, stance):
    native = only(comment(alignment=alignment))
    assert isinstance(native, NativePost)
    assert (native.kind, native.stance, native.proposal) == (
        Kind.ARGUMENT, stance, "jeparticipe.exemple.fr:proposal:7",
    )  # fmt: skip
    assert native.created_at == datetime(2024, 3, 2, 7, 30, tzinfo=UTC)
    assert native.reply_to is None


def test_a_comment_on_a_comment_replies_to_it_and_takes_no_side():
    native = only(comment(depth="1", commentable_id="80", commentable_type="Decidim::Comments::Comment"))
    assert (native.kind, native.stance) == (Kind.REPLY, None)
    assert native.reply_to == "jeparticipe.exemple.fr:comment:80"
    assert native.proposal == "jeparticipe.exemple.fr:proposal:7"


def test_a_comment_on_a_meeting_has_no_proposal():
    native = only(comment(commentable_type="Decidim::Meetings::Meeting", root_commentable_url=f"{SITE}/f/3/meetings/7"))
    assert (native.kind, native.proposal, native.stance) == (Kind.POST, None, None)


def test_the_guard_against_spreadsheets_is_taken_off():
    assert only(comment(body="'- d'accord")).text == "- d'accord"


def test_names_are_only_given_to_be_wiped_and_never_shown():
    read = payload.read(comment())
    native = only(comment())
    assert native.names == ("Alix Dupont",)
    assert only(comment(author__url=f"{SITE}/profiles/alix")).names == ("Alix Dupont", "alix")
    assert only(comment(author__nickname="@alix")).names == ("Alix Dupont", "alix")
    assert only(proposal()).names == (
        "Camille Untel, Dominique Autre", "Camille Untel", "Dominique Autre", "camille_u",
    )  # fmt: skip
    assert native.handle is None
    for shown in (repr(read), repr(native), repr(payload.read(proposal())), repr(only(proposal()))):
        assert "Dupont" not in shown
        assert "Untel" not in shown


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (proposal(id="x"), "id: not a number"),
        (proposal(title__fr="", title__en=""), "a proposal without a title"),
        (proposal(url="proposals/7"), "url: not an address"),
        (proposal(published_at=""), "no date"),
        (comment(body=""), "a comment without a text"),
        (comment(alignment="2"), "alignment: neither -1, 0 nor 1"),
        (comment(depth=""), "depth: not a number"),
    ],
)
def test_a_bad_row_says_why(row, reason):
    with pytest.raises(PayloadError) as refused:
        payload.read(row)
    assert str(refused.value) == reason
