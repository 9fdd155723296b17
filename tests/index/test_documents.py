"""Records become documents that fit the schema, and come back the same."""

from datetime import UTC, date, datetime, timedelta
from hashlib import sha256

import pytest

from index.documents import (
    position_document,
    position_from,
    post_document,
    post_from,
    proposal_document,
    proposal_from,
    tally_document,
    tally_from,
)
from index.engine import COLLECTIONS
from index.schema import FIELDS, VERSION, elide, instant, order_of, refusal, says_nothing, whole_second
from polyphonie.records import (
    Kind,
    Link,
    Origin,
    Position,
    Post,
    Proposal,
    Reach,
    Stance,
    Tally,
    position_id,
    record_id,
)

NOON = datetime(2026, 3, 1, 12, 0, 0, 123_456, tzinfo=UTC)
POST = Post(
    id=record_id("post"),
    source="mastodon",
    kind=Kind.REPLY,
    text="Je suis pour.",
    lang="fr",
    created_at=NOON,
    received_at=NOON,
    at=NOON,
    reply_to=record_id("parent"),
    links=(
        Link(domain="b.fr", url="https://b.fr/1"),
        Link(domain="a.fr", url="https://a.fr", outlet="a.fr"),
        Link(domain="b.fr", url="https://b.fr/2"),
    ),
    hashtags=("velo",),
    fold=record_id("post"),
    topic="t-3",
    reach=Reach(reposts=4, likes=2, replies=1),
    flags=("simulated",),
    versions={"lang": "py3langid 0.4"},
)
PROPOSAL = Proposal(
    id="velo",
    title="Plan vélo",
    statement="Il faut tripler les pistes cyclables.",
    paraphrases=("Plus de pistes.",),
    keywords=("vélo",),
    sector="transports",
    since=date(2026, 1, 1),
)
POSITION = Position(
    id=position_id(POST.id, "velo", Origin.PREDICTED),
    post=POST.id,
    proposal="velo",
    stance=Stance.FAVOUR,
    p_favour=0.9,
    p_against=0.05,
    p_unclear=0.05,
    origin=Origin.PREDICTED,
    voice=record_id("voice"),
    epoch=2930,
    created_at=NOON,
    at=NOON,
    source="mastodon",
    span="pour",
    match=0.8,
    model="m 1",
    declared=Stance.FAVOUR,
)
TALLY = Tally(
    id=record_id("tally"),
    proposal="velo",
    source="mastodon",
    origin=Origin.PREDICTED,
    day=date(2026, 3, 1),
    epoch=2930,
    counts={"voices": (1.0, 2.0, 0.5)},
    replicates={"voices": "AAAA"},
)


def test_a_post_comes_back() -> None:
    document = post_document(POST, ["velo", "train", "velo"])
    assert refusal("posts", document) == ""
    assert post_from(document) == POST
    assert (document["domains"], document["outlets"]) == (["a.fr", "b.fr"], ["a.fr"])
    assert document["proposals"] == ["train", "velo"]
    assert (document["reach"], document["reposts"], document["likes"], document["replies"]) == (5, 4, 2, 1)


def test_a_position_holds_its_post_and_the_sector() -> None:
    document = position_document(POSITION, POST, PROPOSAL)
    assert refusal("positions", document) == ""
    assert position_from(document) == POSITION.model_copy(update={"received_at": POST.received_at})
    assert document["counted"] is False
    assert (document["text"], document["domains"], document["sector"]) == (POST.text, ["a.fr", "b.fr"], "transports")
    assert (document["reach"], document["kind"], document["reply_to"]) == (5, "reply", POST.reply_to)
    assert (document["topic"], document["fold"], document["flags"]) == ("t-3", POST.fold, ["simulated"])


def test_a_vote_reaches_one() -> None:
    vote = POSITION.model_copy(update={"origin": Origin.VOTE, "declared": None, "match": None})
    document = position_document(vote, None, None)
    assert refusal("positions", document) == ""
    assert position_from(document) == vote.model_copy(update={"received_at": NOON})
    assert (document["reach"], document["counted"], document["sector"]) == (1, True, "")
    assert instant(document["received_at"]) == NOON
    later = NOON + timedelta(days=900)
    imported = vote.model_copy(update={"received_at": later})
    assert instant(position_document(imported, None, None)["received_at"]) == later
    assert position_from(position_document(imported, None, None)) == imported
    assert instant(position_document(imported, POST, None)["received_at"]) == POST.received_at


def test_proposals_and_tallies_come_back() -> None:
    assert refusal("proposals", proposal_document(PROPOSAL)) == refusal("tallies", tally_document(TALLY)) == ""
    assert proposal_from(proposal_document(PROPOSAL)) == PROPOSAL
    assert tally_from(tally_document(TALLY)) == TALLY
    assert tally_document(TALLY)["at"] == "2026-03-01T00:00:00+00:00"


def test_a_change_of_schema_raises_its_version() -> None:
    # When this fails, raise index.schema.VERSIONS of what changed and write the new digest: they must be rebuilt.
    table = repr([(name, sorted(FIELDS[name].items())) for name in COLLECTIONS])
    assert (VERSION, sha256(table.encode()).hexdigest()[:16]) == (2, "9d76034a437f9490")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("L'école d’été", "école été"),
        ("aujourd'hui qu'il", "aujourd'hui il"),
        ("Lorsqu’on presqu'île", "on presqu'île"),
        ("l' école", "l' école"),
    ],
)
def test_elide(text: str, expected: str) -> None:
    assert elide(text) == expected


@pytest.mark.parametrize("text", ["", "le la les", "À où Même", "l'", "... !", "qu'il"])
def test_what_says_nothing(text: str) -> None:
    assert says_nothing(text)


@pytest.mark.parametrize("text", ["pour", "contre", "pas", "l'été", "49.3", "👏", "聴"])
def test_what_says_something(text: str) -> None:
    assert not says_nothing(text)


def test_order_is_time_first() -> None:
    older = {"id": "zzz", "at": "2026-03-01T12:00:00Z"}
    newer = {"id": "aaa", "at": "2026-03-01T12:00:01Z"}
    assert order_of("posts", older) < order_of("posts", newer)
    assert order_of("posts", older) != order_of("posts", older | {"id": "zzy"})
    assert whole_second(NOON) == datetime(2026, 3, 1, 12, 0, 1, tzinfo=UTC)
