"""What a stance model must beat, on the same rows in the same run: the majority, a bag of words, zero-shot anchors."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nlp.evaluation import Row, proposals_of, truth_of
from nlp.scores import Probabilities

_FOLDS = 5
_FEW = 200  # texts to train on, under which what comes once is kept too
# Of the wordings tried, neither is the best everywhere: both are asked.
_SIDES = (("Je suis pour : ", "Oui, "), ("Je suis contre, non : ", "Non, "))


class Encodes(Protocol):
    """Unit vectors (n, d) of n texts."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]: ...


def majority(rows: Sequence[Row], others: Sequence[Row] = ()) -> Probabilities:  # noqa: ARG001 (as the others)
    """(n, 3): every row is answered like the most frequent truth of all."""
    truth = truth_of(rows)
    return np.eye(3, dtype=np.float32)[np.full(len(truth), np.bincount(truth, minlength=3).argmax())]


def bag_of_words(rows: Sequence[Row], others: Sequence[Row] = ()) -> Probabilities:
    """(n, 3): TF-IDF of words and characters with logistic regression, trained inside the rows.

    Five folds, a proposal never on both sides; every fold also learns from `others`, rows of the same source about
    other proposals. It learns from the source that it is judged on, which the model never
    saw: the bar is high. Where there are fewer than two proposals, or a fold holds one stance only, the majority of
    the training rows answers.
    """
    from sklearn.model_selection import GroupKFold

    texts = np.array([row.pair.text for row in [*rows, *others]], dtype=object)
    truth, proposals = truth_of([*rows, *others]), proposals_of(rows)
    beside = np.arange(len(rows), len(texts))
    folds = min(_FOLDS, len(set(proposals)))
    if folds < 2:
        return majority(rows)
    probabilities = np.zeros((len(rows), 3), np.float32)
    for within, test in GroupKFold(folds).split(proposals, groups=proposals):
        train = np.concatenate([within, beside])
        if len(set(truth[train].tolist())) < 2:
            probabilities[test, truth[train][0]] = 1
            continue
        model = _bag(rare=len(train) < _FEW).fit(texts[train], truth[train])
        probabilities[np.ix_(test, model[-1].classes_)] = model.predict_proba(texts[test])
    return probabilities


def _bag(rare: bool) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union

    return make_pipeline(
        make_union(
            TfidfVectorizer(ngram_range=(1, 2), min_df=1 if rare else 2, sublinear_tf=True),
            TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), min_df=1 if rare else 3, sublinear_tf=True),
        ),
        LogisticRegression(max_iter=1000, C=4.0, class_weight="balanced"),
    )


def anchors(rows: Sequence[Row], encoder: Encodes) -> Probabilities:
    """(n, 3): whether the text is nearer to a « oui » or to a « non » to the proposal, by cosine over two wordings.

    No training and no unclear answer; the two cosines, as shares of their exponentials.
    """
    proposals = sorted(set(proposals_of(rows)))
    place = {proposal: number for number, proposal in enumerate(proposals)}
    asked = [place[proposal] for proposal in proposals_of(rows)]
    texts = encoder.encode([row.pair.text for row in rows])

    def nearness(opening: str) -> NDArray[np.float32]:
        told = encoder.encode([opening + proposal for proposal in proposals])
        return np.asarray((texts * told[asked]).sum(axis=1), np.float32)

    powers = np.exp(20 * np.stack([np.mean([nearness(each) for each in side], axis=0) for side in _SIDES], axis=1))
    shares = powers / powers.sum(axis=1, keepdims=True)
    return np.concatenate([shares, np.zeros((len(rows), 1))], axis=1).astype(np.float32)


Baseline = Callable[[Sequence[Row], Sequence[Row]], Probabilities]


def baselines(encoder: Callable[[], Encodes]) -> dict[str, Baseline]:
    """The three, by name: each from rows, and others to learn from, to (n, 3) probabilities; `encoder` is only called
    for the anchors."""
    return {"majority": majority, "tfidf": bag_of_words, "anchors": lambda rows, _: anchors(rows, encoder())}
