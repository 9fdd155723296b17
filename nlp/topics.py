"""Subjects of conversation: found by BERTopic on a sample, named once for ever, then given to every message."""

import json
import os
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import cache
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tantivy import Filter, TextAnalyzerBuilder, Tokenizer

from nlp.language import prose
from polyphonie.errors import InputError

SAMPLE = 4_000  # texts that one discovery reads
FEWEST = 60  # texts under which nothing is discovered, and nothing is said to have ended
SAME_TOPIC = 0.75  # cosine of two centroids, the mean of all messages taken off, from which they are one topic
FLOOR = 0.3  # the same cosine, of a message with its nearest centroid, under which it has no topic
TERMS = 10
NEIGHBOURS = 15
SEED = 20_260_101

# Besides the stop words of Snowball: what every French message may hold, whatever it speaks of.
_EMPTY = frozenset(
    """afin ainsi alors après assez aucun aucune aussi autant autre autres avant beaucoup bien bon bonne car ceci cela
    celle celles celui cent ceux chaque chez chose choses comme comment contre déjà depuis dire dit doit doivent donc
    dont encore enfin ensuite entre est être faire fait faut faudra fois gens hors jamais jour jours juste lors merci
    mettre mieux moins mêmes non notamment oui parce parfois pendant personne peu peut peuvent plus plusieurs plutôt
    pourquoi pouvoir près puis quand quel quelle quelque quelques quoi rien sans seul seulement sous souvent surtout
    tant tel tellement toujours tous tout toute toutes trop très veut veux vers voilà voici voir vont vrai vraiment
    aller vais ans cet cette ces ici leur leurs mon ton son nos vos notre votre qui que""".split()
)
Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class TopicInfo:
    """A topic as it was last found. Its id is never given to another."""

    id: str
    label: str
    terms: tuple[str, ...]
    size: int  # messages of the last sample that were in it
    born: datetime
    seen: datetime  # the last discovery that found it
    died: datetime | None = None  # the first discovery that did not find it any more
    merged_into: str | None = None

    @property
    def alive(self) -> bool:
        return self.died is None


class Topics:
    """The topics ever found, and the centroids by which messages are given to those that live."""

    def __init__(
        self, known: Sequence[TopicInfo] = (), centroids: Vectors | None = None, centre: Vectors | None = None
    ) -> None:
        self._known = list(known)
        self._centroids = np.zeros((0, 0), np.float32) if centroids is None else centroids
        self._centre = np.zeros(self._centroids.shape[1], np.float32) if centre is None else centre

    @classmethod
    def load(cls, folder: Path) -> "Topics":
        """What `save` wrote in `folder`; no topic where nothing was. Raises InputError when the files are damaged."""
        listing = folder / "topics.json"
        if not listing.exists():
            return cls()
        try:
            kept = json.loads(listing.read_text(encoding="utf-8"))
            vectors = np.load(folder / kept["vectors"], allow_pickle=False)
            known = [_revive(row) for row in kept["topics"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{listing}: topics cannot be read ({error}); delete {folder} to discover anew") from error
        return cls(known, vectors[1:], vectors[0])

    def save(self, folder: Path) -> None:
        """Write the topics; a reader meets the old ones or the new ones, never a half."""
        folder.mkdir(parents=True, exist_ok=True)
        vectors = np.vstack([self._centre[None], self._centroids]) if self._known else np.zeros((1, 0), np.float32)
        # The vectors have the name of their content and the listing names them, so replacing it replaces both. The
        # vectors of the listing before stay, for who has just read it.
        before = (
            json.loads((folder / "topics.json").read_text())["vectors"] if (folder / "topics.json").exists() else ""
        )
        name = f"centroids-{blake2b(vectors.tobytes(), digest_size=8).hexdigest()}.npy"
        _replace(folder / name, _as_npy(vectors))
        rows = [asdict(topic) for topic in self._known]
        listing = {"vectors": name, "topics": rows}
        _replace(folder / "topics.json", json.dumps(listing, ensure_ascii=False, indent=1, default=_as_text).encode())
        for old in folder.glob("centroids-*.npy"):
            if old.name not in (name, before):
                old.unlink()

    def describe(self) -> list[TopicInfo]:
        """Every topic ever found, in the order of their ids; the dead ones say when and into what."""
        return list(self._known)

    def assign(self, embeddings: Vectors) -> list[str | None]:
        """The living topic nearest to each of n embeddings (n, d), or None where none is near enough."""
        living = [place for place, topic in enumerate(self._known) if topic.alive]
        if not living or not len(embeddings):
            return [None] * len(embeddings)
        near = self._turned(embeddings) @ self._turned(self._centroids[living]).T
        best = near.argmax(axis=1)
        return [
            self._known[living[place]].id if row[place] >= FLOOR else None
            for place, row in zip(best, near, strict=True)
        ]

    def discover(self, texts: Sequence[str], embeddings: Vectors, at: datetime) -> None:
        """Find the topics of distinct texts (n) with their embeddings (n, d), and recognise those already known.

        At most SAMPLE texts are read, drawn with a fixed seed. A topic found again keeps its id, even after its death;
        a new one takes the next; one that is not found dies on `at`, merged into the living one it became, if any.
        With fewer than FEWEST texts nothing changes.
        """
        spoken = [place for place, text in enumerate(texts) if _terms(prose(text))]
        if len(spoken) < FEWEST:
            return
        drawn = np.array(spoken)
        if len(drawn) > SAMPLE:
            drawn = np.sort(np.random.default_rng(SEED).choice(drawn, SAMPLE, replace=False))
        sample = embeddings[drawn]
        if self._known and self._centroids.shape[1] != sample.shape[1]:
            # Another embedding model: what was known cannot be recognised.
            self._centroids = np.zeros((len(self._known), sample.shape[1]), np.float32)
        self._centre = sample.mean(axis=0)
        found = _cluster([texts[place] for place in drawn], sample)
        centroids = [_unit(sample[members].mean(axis=0)[None])[0] for members, _ in found]
        fresh = np.array(centroids, dtype=np.float32).reshape(len(found), sample.shape[1])
        self._recognise(found, fresh, at)

    def _recognise(
        self, found: "list[tuple[NDArray[np.int64], tuple[str, ...]]]", fresh: Vectors, at: datetime
    ) -> None:
        near = np.zeros((len(self._known), len(fresh)), np.float32)
        if near.size:
            near = self._turned(self._centroids) @ self._turned(fresh).T
        gone = [place for place, topic in enumerate(self._known) if topic.merged_into]
        near[gone] = 0
        from scipy.optimize import linear_sum_assignment  # a second to import, once a discovery

        pairs = linear_sum_assignment(np.where(near >= SAME_TOPIC, near, 0), maximize=True)
        same = {int(new): int(old) for old, new in zip(*pairs, strict=True) if near[old, new] >= SAME_TOPIC}
        ids = {}
        for new, (members, terms) in enumerate(found):
            place = same.get(new, len(self._known))
            if new not in same:
                self._known.append(TopicInfo(f"t{place + 1:04d}", "", (), 0, born=at, seen=at))
                self._centroids = np.vstack([self._centroids.reshape(place, fresh.shape[1]), fresh[new : new + 1]])
            label = ", ".join(terms[:3])
            found_again = replace(self._known[place], label=label, terms=terms, size=len(members), seen=at, died=None)
            self._known[place], self._centroids[place] = found_again, fresh[new]
            ids[new] = found_again.id
        recognised = set(same.values())
        for old in range(len(near)):
            topic = self._known[old]
            if old in recognised or not topic.alive:
                continue
            heir = int(near[old].argmax()) if near.shape[1] else 0
            merged = ids[heir] if near.shape[1] and near[old, heir] >= SAME_TOPIC else None
            self._known[old] = replace(topic, died=at, merged_into=merged)

    def _turned(self, vectors: Vectors) -> Vectors:
        # Political messages all resemble each other: with their mean taken off, what is left tells subjects apart.
        return _unit(vectors - self._centre)


def _cluster(texts: list[str], embeddings: Vectors) -> list[tuple[NDArray[np.int64], tuple[str, ...]]]:
    """Members (rows) and terms of each topic, largest first (Grootendorst 2022, BERTopic)."""
    # Ten seconds of imports, which only a discovery pays.
    from bertopic import BERTopic
    from bertopic.vectorizers import ClassTfidfTransformer
    from hdbscan import HDBSCAN
    from sklearn.feature_extraction.text import CountVectorizer
    from umap import UMAP

    total = len(texts)
    neighbours = _neighbours(embeddings, NEIGHBOURS)
    model = BERTopic(
        language="multilingual",  # the default takes every accented letter off
        embedding_model=None,
        umap_model=UMAP(
            n_neighbors=NEIGHBOURS,
            n_components=5,
            min_dist=0.0,
            metric="cosine",
            n_epochs=100,
            low_memory=False,
            # Under 4,096 texts UMAP calls Python for each pair, 17 s for 3,000 texts; one product does the same.
            precomputed_knn=(*neighbours, None),
            force_approximation_algorithm=True,
            random_state=SEED,
            n_jobs=1,
        ),
        hdbscan_model=HDBSCAN(min_cluster_size=max(8, total // 150), min_samples=5, core_dist_n_jobs=1),
        vectorizer_model=CountVectorizer(analyzer=_terms),
        ctfidf_model=ClassTfidfTransformer(reduce_frequent_words=True),
        top_n_words=TERMS,
        calculate_probabilities=False,
        verbose=False,
    )
    with warnings.catch_warnings():
        # Nothing is transformed later: the stream goes to the nearest centroid.
        warnings.filterwarnings("ignore", message="precomputed_knn", category=UserWarning)
        labels = np.array(model.fit_transform([prose(text) for text in texts], embeddings)[0])
    return [
        (np.flatnonzero(labels == label), tuple(term for term, _ in model.get_topic(label) if term))
        for label in range(labels.max(initial=-1) + 1)
    ]


def _neighbours(embeddings: Vectors, most: int) -> tuple[NDArray[np.int64], Vectors]:
    """The `most` nearest rows of each row, itself first, and their cosine distances."""
    unit = _unit(embeddings)
    distances = 1 - unit @ unit.T
    np.fill_diagonal(distances, -1)
    near = np.argsort(distances, axis=1, kind="stable")[:, :most]
    return near, np.maximum(np.take_along_axis(distances, near, axis=1), 0)


def _terms(text: str) -> list[str]:
    return [
        word
        for word in _analyser().analyze(prose(text))
        if len(word) > 2 and word not in _EMPTY and not word[0].isdigit()
    ]


@cache
def _analyser() -> Any:
    return TextAnalyzerBuilder(Tokenizer.simple()).filter(Filter.lowercase()).filter(Filter.stopword("french")).build()


def _unit(vectors: Vectors) -> Vectors:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12), np.float32)


def _revive(row: dict[str, Any]) -> TopicInfo:
    dates = {key: datetime.fromisoformat(row[key]) for key in ("born", "seen", "died") if row[key]}
    return TopicInfo(**(row | dates | {"terms": tuple(row["terms"])}))


def _as_text(moment: datetime) -> str:
    return moment.isoformat()


def _as_npy(vectors: Vectors) -> bytes:
    file = BytesIO()
    np.save(file, vectors)
    return file.getvalue()


def _replace(path: Path, content: bytes) -> None:
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with fresh.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
