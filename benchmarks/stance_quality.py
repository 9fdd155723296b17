"""Measures the shipped stance model against three baselines and writes `nlp/quality/stance.json`.

    python benchmarks/stance_quality.py --shared ../shared/data
    python benchmarks/stance_quality.py --shared ../shared/data --calibrate      # first fit the calibration again
    python benchmarks/stance_quality.py --shared ../shared/data --write-floors   # only raise nlp/floors.yaml

After a training: the second, then the third, with --reason "why" where a floor falls or a set changed.

Sets: arguments of two French consultations (for RUA, those whose author voted as they argued), X-stance in French
(development part), the held-out proposals of our corpus, the robustness set. What is scored is about proposals that
neither training nor calibration may see: of a consultation two fifths (another fifth is for calibration), of the held
corpus one half (the other is for calibration). TF-IDF learns from all the other proposals of the set.
"""

import argparse
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, replace
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from measures.quantification import spread
from nlp.baselines import Baseline, baselines
from nlp.calibration import FITTED, UNCALIBRATED, Calibration, Family, Fit, fit
from nlp.embeddings import load_embedder
from nlp.evaluation import proposals_of, report, score, truth_of
from nlp.evaluation_sets import EvaluationSet, read_sets
from nlp.floors import FLOORS, measure, moved, read_floors, write_floors
from nlp.models import resolve
from nlp.models.pairs import Pair
from nlp.quality import STANCE, Coverage, SetQuality, StanceQuality, Sureness, read_quality
from nlp.scores import calibration_error, groups_of
from nlp.stance import StanceModel, digest_of_reader, load_stance
from polyphonie.settings import NlpSettings

ABSTAIN_BELOW = NlpSettings().abstain_below  # the counts must be those of the index
MODELS = Path("build/models")


def remembering(model: StanceModel, path: Path | None) -> StanceModel:
    """The model, whose logits are kept, by its version, in a JSON file from run to run: reading takes minutes."""
    if path is None:
        return model
    kept: dict[str, list[float]] = json.loads(path.read_text("utf-8")) if path.exists() else {}

    def logits(pairs: Sequence[Pair]) -> NDArray[np.float32]:
        names = [json.dumps([model.version, *astuple(pair)], ensure_ascii=False) for pair in pairs]
        fresh = [place for place, name in enumerate(names) if name not in kept]
        if fresh:
            found = model.backend.logits([pairs[place] for place in fresh]).tolist()
            kept.update({names[place]: row for place, row in zip(fresh, found, strict=True)})
            path.write_text(json.dumps(kept, ensure_ascii=False), "utf-8")
        return np.array([kept[name] for name in names], np.float32).reshape(-1, 3)

    return replace(model, backend=replace(model.backend, logits=logits))


def calibrate(model: StanceModel, sets: Sequence[EvaluationSet], reader: str) -> Calibration:
    """The map of each family, fitted on the tuning halves of its sets; written beside the scores."""
    bare = replace(model, calibration=UNCALIBRATED)
    families: dict[Family, Fit] = {}
    for family in ("consultation", "social"):
        parts = [asked for asked in sets if asked.family == family and asked.tuning]
        rows = [row for asked in parts for row in asked.tuning]
        if rows:
            probabilities = bare.predict([row.pair for row in rows])
            names = " + ".join(f"{asked.name} ({len(asked.tuning)})" for asked in parts)
            families[family] = fit(truth_of(rows), probabilities, groups_of(proposals_of(rows)), names)
            print(f"{family}: {families[family]}", flush=True)
    fitted = Calibration(reader=reader, families=families)
    FITTED.write_text(fitted.model_dump_json(indent=1) + "\n", "utf-8")
    return fitted


def judge(model: StanceModel, asked: EvaluationSet, others: Mapping[str, Baseline]) -> SetQuality:
    """All that is shown of one set."""
    pairs = [row.pair for row in asked.rows]
    probabilities = model.predict(pairs, [asked.family] * len(pairs))
    found = report(asked.rows, probabilities, ABSTAIN_BELOW)
    raw = replace(model, calibration=UNCALIBRATED).predict(pairs)
    scores, truth, proposals = found.scores, truth_of(asked.rows), proposals_of(asked.rows)
    learnt = [*asked.tuning, *asked.others]
    answers = np.where(probabilities.max(axis=1) < ABSTAIN_BELOW, 2, probabilities.argmax(axis=1))
    apart = spread(truth, answers, groups_of(proposals))
    beside = {name: score(truth, read(asked.rows, learnt), proposals).macro_f1 for name, read in others.items()}
    quality = SetQuality(
        name=asked.name,
        title=asked.title,
        n=scores.n,
        proposals=scores.proposals,
        digest=asked.digest,
        macro_f1=round(scores.macro_f1, 4),
        interval=_rounded(scores.interval),
        macro_f1_sided=round(scores.macro_f1_sided, 4),
        accuracy=round(scores.accuracy, 4),
        calibration_error=round(scores.calibration_error, 4),
        confusion=scores.confusion,
        baselines={name: round(value, 4) for name, value in beside.items()},
        family=asked.family,
        calibration_by_chance=round(found.calibration_noise, 4),
        uncalibrated_error=round(calibration_error(truth, raw), 4),
        spread_rows=None if apart.rows is None else round(apart.rows, 1),
        spread_together=round(apart.together, 3),
        reliability=tuple(Sureness.model_validate(_rounded(asdict(row))) for row in found.reliability),
        coverage=tuple(Coverage.model_validate(_rounded(asdict(row))) for row in found.coverage),
    )
    print(quality.model_dump_json(exclude={"reliability", "title"}), flush=True)
    return quality


def _rounded(value):  # a float, or floats inside dictionaries and tuples, to four decimals
    if isinstance(value, dict):
        return {name: _rounded(found) for name, found in value.items()}
    if isinstance(value, tuple | list):
        return tuple(_rounded(found) for found in value)
    return round(value, 4) if isinstance(value, float) else value


def speed(name: str, threads: int, pairs: Sequence[Pair]) -> float:
    """Pairs a second, best of three runs."""
    model = load_stance(name, "onnx", MODELS, threads)
    best = 0.0
    for _ in range(3):
        start = time.perf_counter()
        model.predict(pairs)
        best = max(best, len(pairs) / (time.perf_counter() - start))
    return round(best, 1)


def raise_floors(model: StanceModel, sets: Sequence[EvaluationSet], reason: str) -> None:
    """Rewrite nlp/floors.yaml; floors of sets that are not here are kept."""
    floors = read_floors() if FLOORS.exists() else {}
    for asked in sets:
        floors[asked.name] = moved(floors.get(asked.name), measure(model, asked), reason, date.today())
        print(floors[asked.name], flush=True)
    write_floors(list(floors.values()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, required=True, help="folder with consultations/ and xstance_dev/")
    parser.add_argument("--model", default="polyphonie/stance-fr")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--calibrate", action="store_true", help="fit nlp/quality/calibration.json again first")
    parser.add_argument("--write-floors", action="store_true", help="only raise nlp/floors.yaml")
    parser.add_argument("--reason", default="", help="why a floor falls, or why a set changed")
    parser.add_argument("--no-baselines", action="store_true")
    parser.add_argument("--no-speed", action="store_true", help="keep the speeds of the last run")
    parser.add_argument("--keep", type=Path, help="JSON file that keeps logits between runs of one model")
    parser.add_argument("--to", type=Path, default=STANCE)
    options = parser.parse_args()
    sets = read_sets(options.shared)
    model = remembering(load_stance(options.model, "onnx", MODELS, options.threads), options.keep)
    if options.write_floors:
        raise_floors(model, sets, options.reason)
        return
    if options.calibrate:
        reader = digest_of_reader(resolve(options.model, MODELS))
        model = replace(model, calibration=calibrate(model, sets, reader))
    others = {} if options.no_baselines else baselines(lambda: load_embedder(threads=options.threads))
    posts = [row.pair for asked in sets if asked.name == "corpus-held" for row in asked.rows][:150]
    known = dict(read_quality().pairs_per_second) if options.no_speed else None
    quality = StanceQuality(
        model=model.version,
        name=options.model,
        abstain_below=ABSTAIN_BELOW,
        date=date.today(),
        pairs_per_second=known or {str(threads): speed(options.model, threads, posts) for threads in (1, 2)},
        sets=tuple(judge(model, asked, others) for asked in sets),
    )
    text = json.dumps(quality.model_dump(mode="json"), ensure_ascii=False, indent=1)
    options.to.write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
