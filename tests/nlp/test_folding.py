"""Folds of near-copies: what is the same, what is not, and that a crash or a second process changes nothing."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp.folding import LEAST_SIMILARITY, FoldStore, fingerprint, normalise, similarity
from polyphonie.records import Post, record_id

FIRST_DAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
LONG = (
    "Onze ans de caisse et mes gosses je les retrouve le dimanche soir quand ils dorment, fermez ces grandes surfaces"
)


def message(name: str, text: str, days: int = 0) -> Post:
    at = FIRST_DAY + timedelta(days=days)
    return Post(id=record_id(name), source="essai", kind="post", text=text, created_at=at, received_at=at, at=at)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FoldStore]:
    with FoldStore(tmp_path / "folds.sqlite") as opened:
        yield opened


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ça SUFFIT !!! 🔥 #StopChasse", "ca suffit stopchasse"),
        ("RT @quelquun: L'été, ça   commence… https://exemple.fr/a?b=1", "l ete ca commence"),
        ("Mon cœur bat pour l’Œuvre", "mon coeur bat pour l oeuvre"),
        ("𝗟𝗲𝘀 éoliennes", "les eoliennes"),
        ("5,5 % de TVA", "5 5 de tva"),
        ("🔥 https://exemple.fr", ""),
    ],
)
def test_normalise(text: str, expected: str) -> None:
    assert normalise(text) == expected


@given(st.text(max_size=80))
def test_normal_form_is_its_own_normal_form(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once


@given(
    st.lists(st.text("abcdeéèàçùœ", min_size=1, max_size=8), min_size=1, max_size=12).filter(lambda w: w[0] != "rt"),
    st.sampled_from([" ", "  ", " … ", ", ", " 🔥 ", " https://exemple.fr/x ", " @quelquun ", "\n"]),
)
def test_what_a_reader_would_not_notice_is_not_content(words: list[str], gap: str) -> None:
    assert normalise(gap.join(words)) == normalise(" ".join(words).upper()) != ""


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (LONG, LONG.upper() + " !!! 🔥", True),
        (LONG, f"RT @quelquun: {LONG} https://exemple.fr", True),
        (LONG, LONG.replace("caisse", "caise"), True),
        (LONG, LONG + " #Dimanche", True),
        (LONG, LONG.replace("fermez", "ne fermez pas"), False),
        (LONG, LONG.replace("Onze ans", "12 ans"), False),
        (f"Je suis pour, {LONG}", f"Je suis contre, {LONG}", False),
        (LONG, "Étudiante, je paie ma chambre avec mes dimanches au rayon fruits et légumes, touchez à rien", False),
        ("Oui.", "oui !", True),
        ("Oui bien sûr", "Oui bien dit", False),
        ("🔥", "🙏", False),
    ],
)
def test_what_folds_together(store: FoldStore, one: str, other: str, same: bool) -> None:
    for batch in ([[message("a", one), message("b", other)]], [[message("c", one)], [message("d", other)]]):
        folds = [fold for posts in batch for fold in store.fold(posts)]
        assert (folds[0] == folds[1]) is same


def test_a_fold_is_named_after_its_first_post(store: FoldStore) -> None:
    posts = [
        message("a", LONG),
        message("b", "Autre chose sans rapport aucun avec le reste"),
        message("c", LONG + " !"),
    ]
    assert store.fold(posts) == [posts[0].id, posts[1].id, posts[0].id]
    assert len(store) == 2


def test_posts_given_again_after_a_crash_keep_their_fold(tmp_path: Path) -> None:
    posts = [message(str(n), f"{LONG} {'très' * (n % 7)} {'mot' * n}") for n in range(60)]
    with FoldStore(tmp_path / "folds.sqlite") as store:
        first = store.fold(posts)
        store.fold([message("late", LONG + " mais pourtant si")])
    with FoldStore(tmp_path / "folds.sqlite") as store:
        assert store.fold(posts) == first
        assert store.fold(posts[::-1]) == first[::-1]


def test_batches_of_any_size_give_the_same_folds(tmp_path: Path) -> None:
    posts = [message(str(n), f"{LONG} {'fin' * (n % 5)}") for n in range(40)]
    answers = []
    for size in (1, 7, 40):
        with FoldStore(tmp_path / f"{size}.sqlite") as store:
            answers.append([f for at in range(0, 40, size) for f in store.fold(posts[at : at + size])])
    assert answers[0] == answers[1] == answers[2]


def test_a_failed_batch_leaves_nothing(store: FoldStore) -> None:
    broken = message("b", LONG).model_copy(update={"at": None})
    with pytest.raises(AttributeError):
        store.fold([message("a", LONG), broken])
    late = message("c", LONG)
    assert store.fold([late]) == [late.id]


def test_two_processes_agree(tmp_path: Path) -> None:
    with FoldStore(tmp_path / "folds.sqlite") as one, FoldStore(tmp_path / "folds.sqlite") as other:
        first, second = message("a", LONG), message("b", LONG)
        assert one.fold([first]) == other.fold([second]) == [first.id]


def test_old_folds_are_forgotten_and_living_ones_stay(store: FoldStore) -> None:
    old, kept, again = message("a", LONG), message("b", "Un tout autre propos sur les loups des Alpes"), None
    store.fold([old, kept])
    again = message("c", kept.text, days=20)
    assert store.fold([again]) == [kept.id]
    assert store.forget_before(date(2026, 3, 12)) == 1
    fresh, living = message("d", LONG, days=21), message("e", kept.text, days=21)
    assert store.fold([fresh, living]) == [fresh.id, kept.id]


def test_an_erased_post_leaves_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "folds.sqlite"
    first, near, other = (
        message("a", LONG),
        message("b", LONG + " !? zut"),
        message("c", "Rien à voir avec tout cela ici"),
    )
    with FoldStore(path) as store:
        assert store.fold([first, near, other]) == [first.id, first.id, other.id]
        store.erase([near.id])
        assert store.fold([first]) == [first.id]
        store.erase([first.id])
        fresh = message("d", LONG)
        assert store.fold([fresh, other]) == [fresh.id, other.id]
        assert store.fold([message("e", LONG)]) == [fresh.id]
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"dimanche" not in kept
    assert near.id.encode() not in kept


def test_signatures_estimate_the_jaccard_similarity() -> None:
    words = [f"mot{n}abc" for n in range(40)]
    texts = [" ".join(words), " ".join(words[:36]), " ".join(words[20:])]
    signatures = fingerprint(texts).signatures
    shingles = [{text[at : at + 5] for at in range(len(text) - 4)} for text in texts]
    exact = [len(shingles[0] & other) / len(shingles[0] | other) for other in shingles]
    np.testing.assert_allclose(similarity(signatures[0], signatures), exact, atol=0.12)
    assert exact[1] > LEAST_SIMILARITY > exact[2]
