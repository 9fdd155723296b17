"""`polyphonie evaluate`: what the stance model is worth, on anyone's labelled file or on what authors declared."""

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, get_args

import numpy as np
import typer
from numpy.typing import NDArray

from index.engine import Where
from measures.popularity import Confusion
from measures.quality import agreement, live_confusion
from nlp.baselines import baselines
from nlp.calibration import Family, family_of
from nlp.embeddings import load_embedder
from nlp.evaluation import Report, Row, proposals_of, read_rows, report, score, truth_of
from nlp.models.pairs import Pair
from nlp.stance import StanceModel, load_stance
from polyphonie.cli.scored import told
from polyphonie.cli.workspace import AsJson, Home, Workspace, console, progress, say
from polyphonie.errors import InputError
from polyphonie.records import Origin, Stance

CHUNK = 256  # texts between two moves of the bar
MOST_LIVE = 50_000  # declared positions that are read one by one; the counts are of all of them
_CODES = {stance.value: code for code, stance in enumerate(Stance)}


def evaluate_command(
    on: Annotated[
        Path | None,
        typer.Option(
            help="JSONL of {proposal, text, parent?, source?, stance: favour/against/unclear}; else the live measure."
        ),
    ] = None,
    precision: Annotated[
        float, typer.Option(min=0, max=1, help="Share of right answers for which to look for a threshold.")
    ] = 0.8,
    family: Annotated[
        str | None,
        typer.Option(help="Calibrate every text as `consultation` or `social`; else by the source of each."),
    ] = None,
    with_baselines: Annotated[
        bool, typer.Option("--baselines/--no-baselines", help="Score the three baselines on the same texts.")
    ] = True,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Score the stance model. Without a file: predictions against what authors declared beside them, in the index.

    Example: polyphonie evaluate --on labelled.jsonl --precision 0.8 --json
    """
    if family is not None and family not in get_args(Family):
        raise InputError(f"--family {family}: expected one of {', '.join(get_args(Family))}")
    with Workspace(home) as work:
        answer = _on_file(work, on, family, precision) if on else _live(work, precision)
        rows: Sequence[Row] = answer.pop("rows")
        answer["baselines"] = _baselines(work, rows) if with_baselines else {}
    say(answer, as_json, told(answer))


def _on_file(work: Workspace, path: Path, family: str | None, precision: float) -> dict[str, Any]:
    nlp = work.settings.nlp
    labelled = read_rows(path)
    for reason in labelled.refused[:20]:
        console.print(f"[yellow]{path.name}: {reason}[/yellow]")
    if not labelled.rows:
        raise InputError(
            f"{path}: no usable row; each line needs `proposal`, `text` and `stance` (favour/against/unclear)"
        )
    model = load_stance(
        nlp.stance_model, nlp.stance_backend, work.settings.models_path, nlp.threads or os.cpu_count() or 1
    )
    families = [_family(row, family) for row in labelled.rows]
    found = report(labelled.rows, _predict(model, labelled.rows, families), nlp.abstain_below, precision)
    return _answer(found) | {
        "rows": labelled.rows,
        "refused": len(labelled.refused),
        "digest": labelled.digest,
        "families": {name: families.count(name) for name in sorted(set(families))},
        "on": path.name,
        "model": model.version,
    }


def _family(row: Row, asked: str | None) -> Family:
    return "consultation" if (asked or family_of(row.source)) == "consultation" else "social"


def _predict(model: StanceModel, rows: Sequence[Row], families: Sequence[Family]) -> NDArray[np.float32]:
    """(n, 3) probabilities; texts of one length are read together, so that the bar moves at a steady pace."""
    found = np.zeros((len(rows), 3), np.float32)
    order = sorted(range(len(rows)), key=lambda place: len(rows[place].pair.text))
    with progress("texts", len(rows)) as advance:
        for start in range(0, len(order), CHUNK):
            some = order[start : start + CHUNK]
            found[some] = model.predict([rows[place].pair for place in some], [families[place] for place in some])
            advance(len(some))
    return found


def _live(work: Workspace, precision: float) -> dict[str, Any]:
    by_source = live_confusion(work.engine)
    if not by_source:
        raise InputError("nothing declared was indexed yet; import a consultation, or give a file with --on")
    pooled = Confusion(np.sum([found.counts for found in by_source.values()], axis=0), "declared")
    rows, probabilities = _declared(work)
    found = report(rows, probabilities, work.settings.nlp.abstain_below, precision)
    return _answer(found) | {
        **asdict(agreement(pooled)),
        "confusion": pooled.counts.astype(int).tolist(),
        "by_source": {source: asdict(agreement(counted)) for source, counted in by_source.items()},
        "read_one_by_one": len(rows),
        "rows": rows,
        "on": "what authors declared",
        "model": work.settings.nlp.stance_model,
    }


def _declared(work: Workspace) -> tuple[list[Row], NDArray[np.float32]]:
    """What was predicted beside a declared side: rows and (n, 3) probabilities, at most MOST_LIVE."""
    fields = ("proposal", "text", "source", "declared", "p_favour", "p_against", "p_unclear")
    where = Where(terms={"origin": (Origin.PREDICTED,), "counted": (False,)})
    told_apart = []
    for found in work.engine.scan("positions", where, fields):
        if found.get("declared") in _CODES:
            told_apart.append(found)
        if len(told_apart) == MOST_LIVE:
            break
    named = work.engine.get("proposals", sorted({found["proposal"] for found in told_apart}))
    statements = {name: document["statement"] for name, document in named.items()}
    rows = [
        Row(
            Pair(str(statements.get(found["proposal"], found["proposal"])), str(found.get("text") or "")),
            _CODES[found["declared"]],
            found["source"],
        )
        for found in told_apart
    ]
    odds = [[found["p_favour"], found["p_against"], found["p_unclear"]] for found in told_apart]
    return rows, np.array(odds, np.float32).reshape(-1, 3)


def _baselines(work: Workspace, rows: Sequence[Row]) -> dict[str, Any]:
    """Scores of the three on the same rows. What has expired has no text left, and nobody can read it again."""
    worded = [row for row in rows if row.pair.text.strip()]
    if not worded:
        return {}
    nlp = work.settings.nlp
    threads = nlp.threads or os.cpu_count() or 1
    truth, proposals = truth_of(worded), proposals_of(worded)
    found = {}
    asked = baselines(lambda: load_embedder(nlp.embedding_model, work.settings.models_path, threads))
    for name, read in asked.items():
        with console.status(f"baseline: {name}"):
            scores = score(truth, read(worded, ()), proposals)
        found[name] = {
            "n": scores.n,
            "macro_f1": scores.macro_f1,
            "macro_f1_interval": scores.interval,
            "accuracy": scores.accuracy,
            "accuracy_interval": scores.accuracy_interval,
        }
    return found


def _answer(found: Report) -> dict[str, Any]:
    scores = found.scores
    return {
        "macro_f1": scores.macro_f1,
        "macro_f1_interval": scores.interval,
        "macro_f1_sided": scores.macro_f1_sided,
        "accuracy": scores.accuracy,
        "accuracy_interval": scores.accuracy_interval,
        "n": scores.n,
        "proposals": scores.proposals,
        "abstained": scores.abstained,
        "confusion": scores.confusion,
        "calibration_error": scores.calibration_error,
        "calibration_error_interval": found.calibration_interval,
        "calibration_error_by_chance": found.calibration_noise,
        "reliability": [asdict(row) for row in found.reliability],
        "coverage": [asdict(kept) for kept in found.coverage],
        "precision": found.precision,
        "threshold": asdict(found.threshold) if found.threshold else None,
        "by_source": {name: asdict(part) for name, part in found.by_source.items()},
        "by_size": {name: asdict(part) for name, part in found.by_size.items()},
    }
