"""The sets that the stance model is judged on: real consultations and comments where they are, and our own corpus.

A set is cut by its proposals, once and for all: training may see some of a consultation's, calibration is fitted on
others, and what is scored was seen by neither.
"""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nlp.calibration import Family
from nlp.evaluation import Row, digest_of
from nlp.models.pairs import Pair
from nlp.scores import AGAINST, FAVOUR
from nlp.train.consultations import part_of
from nlp.train.examples import (
    CORPUS,
    HELD_SEED,
    HELD_SHARE,
    ROBUST,
    Corpus,
    as_asked,
    in_tuning_half,
    read_corpus,
    read_jsonl,
    split_corpus,
)

_OWN_SIDE = {"FOR": "YES", "AGAINST": "NO"}


@dataclass(frozen=True)
class EvaluationSet:
    """Rows with a name, a French title, the family they are calibrated as, and the digest of what they come from.

    rows: what is scored; no choice was made on them. tuning: those that calibration is fitted on, about other
    proposals. others: those that training may see; only the bag of words learns from them and from `tuning`, since it
    must know the source. files: relative to the folder that was asked for or to the corpus.
    """

    name: str
    title: str
    family: Family
    rows: tuple[Row, ...]
    files: tuple[str, ...]
    digest: str
    tuning: tuple[Row, ...] = ()
    others: tuple[Row, ...] = ()

    def drawn(self, most: int, seed: int = 0) -> "EvaluationSet":
        """At most `most` of its rows, always the same ones."""
        places = range(len(self.rows))
        kept = sorted(random.Random(f"{seed}-{self.name}").sample(places, most)) if len(places) > most else places
        return replace(self, rows=tuple(self.rows[place] for place in kept))


def read_repnum(shared: Path) -> EvaluationSet:
    path = shared / "consultations" / "repnum_arguments.jsonl"
    return _consultation(path, shared, "repnum", "République numérique, arguments", lambda _: True)


def read_rua(shared: Path) -> EvaluationSet:
    """Arguments whose author voted as they argued: one in ten did not, so the label of the others is not sure."""
    path = shared / "consultations" / "rua_arguments.jsonl"
    title = "Revenu universel d'activité, arguments"
    return _consultation(path, shared, "rua", title, lambda row: row["own_vote"] == _OWN_SIDE[row["stance"]])


def _consultation(
    path: Path, shared: Path, name: str, title: str, clean: Callable[[Mapping[str, Any]], bool]
) -> EvaluationSet:
    """Cut by `part_of`, as training cuts it; a wording that two parts share is left out of what is scored."""
    parts: dict[str, list[Row]] = {"training": [], "development": [], "test": []}
    for told in read_jsonl(path):
        side = FAVOUR if told["stance"] == "FOR" else AGAINST
        if clean(told) and told["text"].strip():
            parts[part_of(told["proposal_id"])].append(Row(Pair(told["proposal"], told["text"]), side, name))
    elsewhere = {row.pair.proposal for part in ("training", "development") for row in parts[part]}
    rows = tuple(row for row in parts["test"] if row.pair.proposal not in elsewhere)
    files, digest = (str(path.relative_to(shared)),), digest_of_rows(rows)
    tuning, others = tuple(parts["development"]), tuple(parts["training"])
    return EvaluationSet(name, title, "consultation", rows, files, digest, tuning, others)


def read_xstance(shared: Path) -> EvaluationSet:
    """Comments of Swiss candidates (Vamvas & Sennrich 2020, non-commercial licence: scored, never learnt from)."""
    path = shared / "xstance_dev" / "valid_fr.jsonl"
    rows = tuple(
        Row(Pair(row["question"], row["comment"]), FAVOUR if row["label"] == "FAVOR" else AGAINST, "xstance")
        for row in read_jsonl(path)
    )
    files, digest = (str(path.relative_to(shared)),), digest_of_rows(rows)
    return EvaluationSet("xstance-fr", "X-stance, commentaires suisses", "social", rows, files, digest)


def corpus_parts(folder: Path = CORPUS) -> tuple[str, ...]:
    """Files of posts of the corpus that training and development share, by name."""
    return tuple(path.name for path in sorted(folder.glob("*_posts.jsonl")) if not path.name.startswith(ROBUST))


def read_held(hard: bool, files: Sequence[str] | None = None, folder: Path = CORPUS) -> EvaluationSet:
    """The hard or the plain posts of the proposals of our corpus that training leaves out.

    files: only the posts of these files (None: of all), so that a floor outlives the parts that are added after it.
    """
    files = tuple(files or corpus_parts(folder))
    asked = {row["id"] for name in files for row in read_jsonl(folder / name)}
    # Each part is drawn on its own, so other parts change nothing to what is held here.
    _, held = split_corpus(read_corpus(folder), HELD_SHARE, HELD_SEED)
    posts = [row for row in held.posts if row["id"] in asked and bool(row["hard"]) == hard]
    name, kind = ("corpus-held", "difficiles") if hard else ("corpus-plain", "simples")
    found = _rows(Corpus(held.proposals, posts))
    tuning = tuple(row for row in found if in_tuning_half(row.pair.proposal))
    rows = tuple(row for row in found if not in_tuning_half(row.pair.proposal))
    title = f"Corpus de Polyphonie, messages {kind}"
    return EvaluationSet(name, title, "social", rows, files, digest_of_rows(rows), tuning)


def read_robust(folder: Path = CORPUS) -> EvaluationSet | None:
    """The robustness set: posts of today on proposals and sectors unseen in training; None until it is written."""
    files = tuple(path.name for path in sorted(folder.glob(f"{ROBUST}*_posts.jsonl")))
    if not files:
        return None
    proposals = {row["id"]: row for path in sorted(folder.glob("*_proposals.jsonl")) for row in read_jsonl(path)}
    posts = [row for name in files for row in read_jsonl(folder / name)]
    rows = _rows(Corpus(proposals, posts))
    title = "Corpus de Polyphonie, robustesse"
    return EvaluationSet("robust", title, "social", rows, files, digest_of_rows(rows))


def _rows(corpus: Corpus) -> tuple[Row, ...]:
    return tuple(
        Row(example.pair, example.label, row["proposal"].split("-")[0])
        for example, row in zip(as_asked(corpus), corpus.posts, strict=True)
    )


def digest_of_rows(rows: Sequence[Row]) -> str:
    """Of the rows and not of their files, which hold training rows that may change, and from which the rows that are
    scored could be chosen otherwise."""
    asked = [[row.pair.proposal, row.pair.text, row.pair.parent, row.truth] for row in rows]
    return digest_of(json.dumps(asked, ensure_ascii=False).encode())


def read_sets(shared: Path | None) -> list[EvaluationSet]:
    """Every set that is there: those of `shared` (None: none of them), the held corpus, the robustness set."""
    outside = [read(shared) for read in (read_repnum, read_rua, read_xstance)] if shared else []
    own = [read_held(hard=True), read_held(hard=False), read_robust()]
    return [*outside, *(found for found in own if found is not None)]
