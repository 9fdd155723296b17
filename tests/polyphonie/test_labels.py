"""The store of labels: one answer a role, the latest; people and machines apart; what is erased is gone."""

import sqlite3
import stat
from datetime import UTC, date, datetime, timedelta

import pytest

from polyphonie.errors import InputError
from polyphonie.labels import LabelStore, Place, by_question, is_role, labels_path, settled
from polyphonie.records import Drawn, Label, Round, label_id, record_id, words_of

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
POST, OTHER = record_id("post"), record_id("other")


@pytest.fixture
def store(tmp_path):
    with LabelStore(labels_path(tmp_path)) as opened:
        yield opened


def answer(said="favour", post=POST, by="annotatrice-1", after_s=0, proposal="loyers"):
    return Label(
        id=label_id(post, proposal, by),
        post=post,
        proposal=proposal,
        answer=said,
        drawn_with=0.25,
        answered_by=by,
        at=NOON + timedelta(seconds=after_s),
        round="tirage-1",
    )


def drawn(post=POST, turn=0):
    return Drawn(
        round="tirage-1", post=post, proposal="loyers", month="2026-03", stratum="all", stratum_size=8, place=turn,
        turn=turn, drawn_with=0.25, p_favour=0.7, p_against=0.2, p_unclear=0.1,
    )  # fmt: skip


ROUND = Round(
    id="tirage-1", proposal="loyers", since=date(2026, 3, 1), until=date(2026, 3, 8), seed="s", made_at=NOON, size=8,
    drawn=2, frame={"loyers": (4.0, 3.0, 1.0)},
)  # fmt: skip


def test_an_answer_is_kept_once(store):
    assert store.keep([answer()], set) == 1
    assert store.keep([answer()], set) == 0
    assert store.labels() == [answer()]


def test_the_latest_answer_of_a_role_wins_whatever_the_order(store):
    store.keep([answer("favour", after_s=5)], set)
    assert store.keep([answer("against", after_s=1)], set) == 0
    assert [label.answer for label in store.labels()] == ["favour"]
    assert store.keep([answer("against", after_s=9)], set) == 1
    assert [label.answer for label in store.labels()] == ["against"]


def test_people_and_readers_are_never_read_together(store):
    store.keep([answer(), answer("against", by="reader:nli-large", after_s=1)], set)
    assert [label.answered_by for label in store.labels()] == ["annotatrice-1"]
    assert [label.answered_by for label in store.labels(readers=True)] == ["reader:nli-large"]
    assert [label.human for label in (*store.labels(), *store.labels(readers=True))] == [True, False]


@pytest.mark.parametrize(
    ("slug", "accepted"),
    [
        ("annotatrice-1", True),
        ("annotateur-12", True),
        ("annotator-2", True),
        ("arbitre-1", True),
        ("reader:qwen-7b", True),
        ("zelie-1", False),
        ("zelie.quesnel", False),
        ("annotatrice", False),
        ("annotatrice-zelie", False),
        ("reader:", False),
        ("annotatrice-0", False),
    ],
)
def test_who_answers_is_a_role_and_never_a_name(store, slug, accepted):
    assert is_role(slug) is accepted
    if accepted:
        assert store.keep([answer(by=slug)], set) == 1
    elif slug != "reader:":
        with pytest.raises(InputError, match="never a name"):
            store.keep([answer(by=slug)], set)
        assert store.labels() == []


def test_the_last_answer_can_be_taken_back(store):
    store.keep([answer(), answer("against", post=OTHER, after_s=1), answer(by="annotatrice-2", after_s=2)], set)
    last = store.last("tirage-1", "annotatrice-1")
    assert last.post == OTHER
    assert store.withdraw(last.id)
    assert not store.withdraw(last.id)
    assert store.last("tirage-1", "annotatrice-1") == answer()
    assert store.last("tirage-2", "annotatrice-1") is None


def test_a_draw_is_kept_once_in_the_order_of_reading(store):
    for _ in range(2):
        store.open_round(ROUND, [drawn(OTHER, 1), drawn(POST, 0)])
    assert store.rounds() == [ROUND]
    assert [one.post for one in store.draws("tirage-1")] == [POST, OTHER]
    assert store.known([POST, record_id("never")]) == {POST}


def test_an_answer_given_in_one_draw_serves_another_that_holds_the_post(store):
    store.open_round(ROUND, [drawn(POST)])
    store.open_round(
        ROUND.model_copy(update={"id": "tirage-2"}), [drawn(POST).model_copy(update={"round": "tirage-2"})]
    )
    store.keep([answer(), answer(post=OTHER)], set)
    assert [label.post for label in store.labels(of_round="tirage-2")] == [POST]
    assert len(store.labels("loyers")) == 2
    assert store.labels("chasse") == []


def test_what_is_erased_leaves_answers_and_draws_and_the_disk(store, tmp_path):
    store.open_round(ROUND, [drawn(POST, 0), drawn(OTHER, 1)])
    store.keep([answer(), answer(post=OTHER), answer("against", by="reader:nli")], set)
    assert store.erase([POST]) == 2
    assert [label.post for label in store.labels()] == [OTHER]
    assert store.labels(readers=True) == []
    assert [one.post for one in store.draws("tirage-1")] == [OTHER]
    for file in tmp_path.iterdir():
        assert POST.encode() not in file.read_bytes()


def test_an_answer_that_comes_after_the_erasure_is_not_kept(store):
    store.open_round(ROUND, [drawn(POST, 0), drawn(OTHER, 1)])
    assert store.keep([answer(by="annotatrice-2")]) == 1
    store.erase([POST])
    late = [answer(), answer("against", by="reader:nli"), answer(post=OTHER)]
    assert store.keep(late) == 1
    assert [label.post for label in (*store.labels(), *store.labels(readers=True))] == [OTHER]
    assert store.known([POST, OTHER]) == {OTHER}


def test_where_a_post_stands_is_kept_while_it_is_drawn_only(store):
    store.open_round(ROUND, [drawn(POST, 0), drawn(OTHER, 1)])
    stands = [
        Place(
            post=post, proposal="loyers", day=date(2026, 3, 2), epoch=2900, source="forum", stance="favour", voices=1.0,
            reach=1.0,
        )
        for post in (POST, OTHER)
    ]  # fmt: skip
    store.erase([POST])
    for _ in range(2):
        store.put_places(stands)
        assert store.places() == {(OTHER, "loyers"): stands[1]}


def test_what_is_known_elsewhere_is_asked_while_nobody_else_can_write(store, tmp_path):
    def elsewhere(posts):
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            sqlite3.connect(labels_path(tmp_path), timeout=0.0).execute("DELETE FROM labels")
        return posts - {OTHER}

    assert store.keep([answer(), answer(post=OTHER)], elsewhere) == 1
    assert store.labels() == [answer()]


def test_a_post_that_was_answered_and_not_drawn_is_known(store):
    store.keep([answer()], set)
    assert store.keep([answer("against", by="reader:nli")]) == 1


def test_the_file_is_for_its_owner_only(store, tmp_path):
    assert stat.S_IMODE(labels_path(tmp_path).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"annotatrice-1": "favour"}, "favour"),
        ({"annotatrice-1": "favour", "annotatrice-2": "favour"}, "favour"),
        ({"annotatrice-1": "favour", "annotatrice-2": "against"}, None),
        ({"annotatrice-1": "favour", "annotatrice-2": "against", "arbitre-1": "neither"}, "neither"),
    ],
)
def test_what_stands_is_what_all_say_or_the_arbiter(answers, expected):
    assert settled(answers) == expected


def test_a_skipped_question_is_no_answer():
    labels = [answer("skipped"), answer("against", by="annotatrice-2")]
    assert by_question(labels) == {(POST, "loyers"): {"annotatrice-2": "against"}}


def test_a_reworded_text_is_noticed_by_four_characters():
    assert len(words_of("Encadrons les loyers")) == 4
    assert words_of("Encadrons les loyers") != words_of("Encadrons les loyers !")
