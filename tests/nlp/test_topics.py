"""Topics: found on a sample, recognised for ever, given to the stream."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import nlp.topics as topics_module
from nlp.topics import FEWEST, TopicInfo, Topics
from polyphonie.errors import InputError

SUBJECTS = {
    "loup": "loup troupeau berger brebis alpage éleveur montagne prédateur",
    "train": "train gare rails voyageur billet retard contrôleur wagon",
    "école": "école élève maîtresse cahier récréation cantine leçon classe",
    "hôpital": "hôpital infirmière urgences brancard soignant patient médecin garde",
}
SIZE = 32


def at(day: int) -> datetime:
    return datetime(2026, 3, day, tzinfo=UTC)


def spoken(subjects: Sequence[str], each: int, seed: int) -> tuple[list[str], NDArray[np.float32]]:
    """`each` texts about each subject, with vectors drawn around one axis a subject."""
    draw = np.random.default_rng(seed)
    directions = 2 * np.eye(len(SUBJECTS), SIZE)
    texts, vectors = [], []
    for subject in subjects:
        words = SUBJECTS[subject].split()
        for _ in range(each):
            texts.append("Je pense que le " + " et la ".join(draw.choice(words, 4)) + " c'est très important")
            vectors.append(directions[list(SUBJECTS).index(subject)] + draw.normal(scale=0.15, size=SIZE))
    found = np.array(vectors, dtype=np.float32)
    return texts, found / np.linalg.norm(found, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def discovered() -> Topics:
    topics = Topics()
    topics.discover(*spoken(["loup", "train", "école"], 50, seed=1), at=at(1))
    return topics


def copy_of(topics: Topics, folder: Path) -> Topics:
    topics.save(folder)
    return Topics.load(folder)


def test_topics_bear_the_words_of_their_subject(discovered: Topics) -> None:
    found = discovered.describe()
    assert [topic.id for topic in found] == ["t0001", "t0002", "t0003"]
    for topic in found:
        subject = next(words for words in SUBJECTS.values() if topic.terms[0] in words.split())
        assert set(topic.terms[:5]) <= set(subject.split())
        assert topic.label == ", ".join(topic.terms[:3])
        assert (topic.size, topic.born, topic.alive) == (50, at(1), True)


def test_the_stream_is_given_to_the_nearest_topic(discovered: Topics) -> None:
    _, vectors = spoken(["loup", "train", "école"], 20, seed=2)
    given = discovered.assign(vectors)
    for start in (0, 20, 40):
        assert len(set(given[start : start + 20])) == 1
    assert len(set(given)) == 3
    assert discovered.assign(spoken(["hôpital"], 20, seed=2)[1]) == [None] * 20
    assert discovered.assign(vectors[:0]) == []


def test_ids_are_permanent_and_never_reused(discovered: Topics, tmp_path: Path) -> None:
    topics = copy_of(discovered, tmp_path)
    named = {topic.terms[0]: topic.id for topic in topics.describe()}
    subjects = {
        topic.id: next(s for s, words in SUBJECTS.items() if topic.terms[0] in words) for topic in topics.describe()
    }
    topics.discover(*spoken(["école", "hôpital", "loup"], 40, seed=3), at=at(8))
    assert named
    found = {topic.id: topic for topic in topics.describe()}
    assert list(found) == ["t0001", "t0002", "t0003", "t0004"]
    for id_, subject in subjects.items():
        assert found[id_].born == at(1)
        assert (found[id_].died == at(8)) is (subject == "train")
    assert found["t0004"].terms[0] in SUBJECTS["hôpital"].split()
    assert found["t0004"].born == at(8)
    dead = next(id_ for id_, subject in subjects.items() if subject == "train")
    assert dead not in topics.assign(spoken(["train"], 20, seed=4)[1])
    # What was said to have ended is the same topic when it comes back.
    topics.discover(*spoken(["train", "hôpital", "loup"], 40, seed=5), at=at(15))
    back = {topic.id: topic for topic in topics.describe()}
    assert list(back) == list(found)
    assert back[dead].alive
    assert back[dead].born == at(1)


def test_the_same_sample_finds_the_same_topics(discovered: Topics, tmp_path: Path) -> None:
    again = Topics()
    again.discover(*spoken(["loup", "train", "école"], 50, seed=1), at=at(1))
    assert again.describe() == discovered.describe()


def test_a_topic_that_joins_another_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    texts, vectors = spoken(["loup", "train", "école"], 30, seed=1)
    rows = np.arange(90)
    parts = [(rows[:15], ("loup",)), (rows[15:30], ("berger",)), (rows[30:60], ("train",)), (rows[60:], ("école",))]
    topics = Topics()
    monkeypatch.setattr(topics_module, "_cluster", lambda texts, vectors: parts)
    topics.discover(texts, vectors, at(1))
    monkeypatch.setattr(topics_module, "_cluster", lambda texts, vectors: [(rows[:30], ("loup",)), *parts[2:]])
    topics.discover(texts, vectors, at(2))
    first, second, *others = topics.describe()
    kept, gone = (first, second) if first.alive else (second, first)
    assert gone.merged_into == kept.id
    assert gone.died == at(2)
    assert all(topic.alive for topic in others)


def test_a_small_sample_says_nothing(discovered: Topics, tmp_path: Path) -> None:
    topics = copy_of(discovered, tmp_path)
    texts, vectors = spoken(["hôpital"], FEWEST - 1, seed=6)
    topics.discover(texts, vectors, at(9))
    topics.discover(["le la les"] * 100, np.ones((100, SIZE), np.float32), at(9))
    assert topics.describe() == discovered.describe()
    empty = Topics()
    empty.discover(texts, vectors, at(9))
    assert empty.describe() == []
    assert empty.assign(vectors[:3]) == [None, None, None]


def test_another_embedding_model_starts_new_topics(discovered: Topics, tmp_path: Path) -> None:
    topics = copy_of(discovered, tmp_path)
    texts, vectors = spoken(["loup", "train", "école"], 40, seed=1)
    topics.discover(texts, np.hstack([vectors, vectors]), at(9))
    assert [topic.alive for topic in topics.describe()] == [False] * 3 + [True] * 3


def test_what_is_saved_comes_back(discovered: Topics, tmp_path: Path) -> None:
    discovered.save(tmp_path)
    discovered.save(tmp_path)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".npy"]
    loaded = Topics.load(tmp_path)
    _, vectors = spoken(["loup", "école"], 10, seed=8)
    assert loaded.describe() == discovered.describe()
    assert loaded.assign(vectors) == discovered.assign(vectors)
    assert isinstance(loaded.describe()[0], TopicInfo)


def test_no_folder_is_no_topic_and_a_damaged_one_is_said(tmp_path: Path) -> None:
    assert Topics.load(tmp_path / "absent").describe() == []
    Topics().save(tmp_path)
    assert Topics.load(tmp_path).describe() == []
    (tmp_path / "topics.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match=r"topics\.json: topics cannot be read"):
        Topics.load(tmp_path)
