"""Cap Collectif: rows that are whole, cut, shifted or not kept."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from crawlers.capcollectif import payload
from crawlers.capcollectif.parse import parse
from polyphonie.errors import PayloadError
from polyphonie.native import NativeDeletion, NativePost, NativeProposal, NativeVote
from polyphonie.records import Kind, Stance

PROPOSAL = "11111111-e908-11e9-adee-0242ac110003"
ADDRESS = "https://consultation.exemple.fr/projet/opinions/la-mesure"
MADE = datetime(1582, 10, 15, tzinfo=UTC) + timedelta(microseconds=UUID(PROPOSAL).time // 10)
WRITTEN = MADE.astimezone(payload.PARIS).strftime("%d/%m/%Y %H:%M")
MINUTE = MADE.replace(second=0, microsecond=0)


def opinion(**changed):
    names = "id author_id consultation_title section_title title bodyText createdAt updatedAt url published trashed"
    cells = dict.fromkeys((*names.split(), "trashedStatus", "votesCount"), "") | {
        "id": PROPOSAL,
        "author_id": "VXNlcjox",
        "section_title": "Transports",
        "title": "Gratuité des bus",
        "bodyText": "Partout.",
        "createdAt": "07/10/2019 15:47",
        "updatedAt": "07/10/2019 15:47",
        "url": ADDRESS,
        "published": "1",
        "votesCount": "3",
    }
    return {"type": "opinion"} | {f"contributions_{name}": cell for name, cell in (cells | changed).items()}


def argument(**changed):
    names = "related_id related_kind id author_id type body createdAt updatedAt url published trashed trashedStatus"
    cells = dict.fromkeys((*names.split(), "votesCount"), "") | {
        "related_id": PROPOSAL,
        "related_kind": "opinion",
        "id": PROPOSAL.replace("1111", "2222"),
        "type": "FOR",
        "author_id": "VXNlcjoy",
        "body": "D'accord, voir https://exemple.fr/bus.",
        "createdAt": "08/10/2019 09:00",
        "updatedAt": "08/10/2019 09:00",
        "url": ADDRESS,
        "published": "1",
        "votesCount": "4",
    }
    return {"type": "argument"} | {f"contributions_arguments_{name}": cell for name, cell in (cells | changed).items()}


def vote(**changed):
    cells = {"id": "T3Bpbmlvblo=", "related_id": PROPOSAL, "author_id": "VXNlcjoz", "value": "YES"}
    cells |= {"createdAt": "20/11/2019 09:53"} | changed
    return {"type": "vote"} | {f"contributions_votes_{name}": cell for name, cell in cells.items()}


def natives(row):
    return list(parse(payload.read(row)))


def test_a_proposal():
    (proposal,) = natives(opinion())
    assert isinstance(proposal, NativeProposal)
    assert (proposal.uri, proposal.title, proposal.body, proposal.section) == (
        PROPOSAL,
        "Gratuité des bus",
        "Partout.",
        "Transports",
    )
    assert proposal.created_at == datetime(2019, 10, 7, 13, 47, tzinfo=UTC)


def test_an_argument():
    (post,) = natives(argument())
    assert isinstance(post, NativePost)
    assert (post.kind, post.proposal, post.stance, post.trust_date) == (Kind.ARGUMENT, PROPOSAL, Stance.FAVOUR, True)
    assert post.urls == ("https://exemple.fr/bus",)
    assert post.reach.likes == 4
    assert post.flags == ()


@pytest.mark.parametrize(
    ("value", "stance"), [("YES", Stance.FAVOUR), ("NO", Stance.AGAINST), ("MITIGE", Stance.UNCLEAR)]
)
def test_a_vote(value, stance):
    (native,) = natives(vote(value=value))
    assert isinstance(native, NativeVote)
    assert (native.stance, native.proposal, native.created_at) == (
        stance,
        PROPOSAL,
        datetime(2019, 11, 20, 8, 53, tzinfo=UTC),
    )
    assert native.uri.startswith(PROPOSAL)  # votes are numbered on each platform anew


@pytest.mark.parametrize(
    "row",
    [opinion(published="0"), opinion(trashed="1", trashedStatus="INVISIBLE"), argument(published="0")],
)
def test_what_is_hidden_is_a_deletion(row):
    (native,) = natives(row)
    assert isinstance(native, NativeDeletion)


def test_what_is_trashed_but_shown_is_kept_and_flagged():
    (native,) = natives(argument(trashed="1", trashedStatus="VISIBLE"))
    assert isinstance(native, NativePost)
    assert native.flags == ("trashed",)


def cut(row, last):
    kept = list(row)[: list(row).index(last) + 1]
    return {column: row[column] for column in kept}


@pytest.mark.parametrize(
    ("row", "reason", "body", "created_at"),
    [
        (cut(opinion(), "contributions_bodyText"), "cut short: date taken from the identifier", "Partout.", MINUTE),
        (cut(opinion(), "contributions_title"), "cut short: date taken from the identifier", "", MINUTE),
        (
            opinion(createdAt="07/10/2", updatedAt="", url="", published=""),
            "cut short: date taken from the identifier",
            "Partout.",
            MINUTE,
        ),
        (
            opinion(
                title="Gratuité des bus;Partout ; et vite.",
                bodyText=WRITTEN,
                createdAt=WRITTEN,
                updatedAt=ADDRESS,
                url="1",
                published="",
            ),
            "shifted by one column",
            "Partout ; et vite.",
            MINUTE,
        ),
        (
            opinion(bodyText=f"Partout.{WRITTEN}", createdAt=WRITTEN, updatedAt=ADDRESS, url="1", published=""),
            "shifted by one column",
            "Partout.",
            MINUTE,
        ),
        (
            opinion(
                bodyText=f"Partout.;,{MADE.astimezone(payload.PARIS):%Y-%m-%d %H:%M:%S}",
                createdAt=WRITTEN,
                updatedAt=ADDRESS,
                url="1",
                published="",
            ),
            "shifted by one column",
            "Partout.",
            MINUTE,
        ),
        (
            opinion(bodyText="Partout. ;;;;;;;;;;;;;;\r\n Vite."),
            "separators inside the text",
            "Partout.\nVite.",
            datetime(2019, 10, 7, 13, 47, tzinfo=UTC),
        ),
    ],
)
def test_a_damaged_proposal_is_mended(row, reason, body, created_at):
    read = payload.read(row)
    assert read.repairs == (reason,)
    (native,) = parse(read)
    assert isinstance(native, NativeProposal)
    assert (native.title, native.body, native.created_at) == ("Gratuité des bus", body, created_at)


def test_a_cut_argument_keeps_its_side_and_says_that_it_was_repaired():
    (native,) = natives(cut(argument(id=PROPOSAL), "contributions_arguments_body"))
    assert isinstance(native, NativePost)
    assert (native.stance, native.created_at, native.flags) == (Stance.FAVOUR, MINUTE, ("repaired",))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"type": "source"}, "type not kept: source"),
        ({"type": "reportings"}, "type not kept: reportings"),
        ({"type": "opin"}, "unknown type of row"),
        ({}, "unknown type of row"),
        (opinion(id="f0175fce-e908"), "id: not an identifier"),
        (opinion(title=" "), "a proposal without a title"),
        (argument(body=""), "an argument without a text"),
        (argument(type="AGAI"), "side: literal error"),
        (argument(author_id="Camille Untel"), "author_id: not an identifier"),
        (
            argument(body="Oui;08/10/2019 09:00;08/10/2019 09:00;https://exemple.fr"),
            "the text swallowed the columns that follow it",
        ),
        (argument(createdAt="08/10/2019", id=PROPOSAL.replace("11e9", "41e9")), "a date that cannot be read"),
        (
            opinion(bodyText="Sans date.", createdAt="", updatedAt=ADDRESS),
            "shifted, and the missing column cannot be told",
        ),
        (
            opinion(bodyText="Partout.01/01/2020 00:00", updatedAt=ADDRESS),
            "a date stuck to the text, which the identifier does not confirm",
        ),
        (vote(value="YE"), "value: literal error"),
        (vote(createdAt="20/11/2019 09:5x"), "a date that cannot be read"),
        (vote(createdAt=""), "no date"),
        (vote(related_id=""), "related_id: not an identifier"),
    ],
)
def test_what_cannot_be_mended_says_why(row, reason):
    with pytest.raises(PayloadError) as refused:
        payload.read(row)
    assert str(refused.value) == reason


def test_nothing_shows_an_identity():
    secret = "VXNlcjpjYWNoZWU="
    for row in (opinion(author_id=secret), argument(author_id=secret), vote(author_id=secret)):
        read = payload.read(row)
        assert secret not in repr(read) + repr(list(parse(read)))
