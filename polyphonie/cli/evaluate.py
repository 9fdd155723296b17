"""`polyphonie evaluate`: what the stance model is worth, on anyone's labelled file or on what authors declared."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from measures.popularity import Confusion
from measures.quality import agreement, live_confusion
from nlp.evaluation import Scores, evaluate, read_rows
from nlp.stance import load_stance
from polyphonie.cli.workspace import AsJson, Home, Workspace, console, say
from polyphonie.errors import InputError


def evaluate_command(
    on: Annotated[
        Path | None,
        typer.Option(help="JSONL of {proposal, text, parent?, stance: favour/against/unclear}; else the live measure."),
    ] = None,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Score the stance model. Without a file: predictions against what authors declared beside them, in the index.

    Example: polyphonie evaluate --on labelled.jsonl --json
    """
    with Workspace(home) as work:
        answer = _on_file(work, on) if on else _live(work)
    words = (
        f"macro-F1 {answer['macro_f1']:.3f} (favour and against), accuracy {answer['accuracy']:.3f}, "
        f"{answer['n']:,} texts, {answer['abstained']:.1%} abstained — {answer['model']}"
    )
    say(answer, as_json, words)


def _on_file(work: Workspace, path: Path) -> dict[str, Any]:
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
    with console.status(f"reading {len(labelled.rows):,} texts"):
        scores = evaluate(model, labelled.rows, nlp.abstain_below)
    return _answer(scores, model.version) | {"refused": len(labelled.refused), "on": path.name}


def _live(work: Workspace) -> dict[str, Any]:
    by_source = live_confusion(work.engine)
    if not by_source:
        raise InputError("nothing declared was indexed yet; import a consultation, or give a file with --on")
    pooled = Confusion(np.sum([found.counts for found in by_source.values()], axis=0), "declared")
    return {
        **asdict(agreement(pooled)),
        "confusion": pooled.counts.astype(int).tolist(),
        "by_source": {source: asdict(agreement(found)) for source, found in by_source.items()},
        "on": "what authors declared",
        "model": work.settings.nlp.stance_model,
    }


def _answer(scores: Scores, model: str) -> dict[str, Any]:
    return {
        "macro_f1": scores.macro_f1,
        "macro_f1_interval": scores.interval,
        "macro_f1_sided": scores.macro_f1_sided,
        "accuracy": scores.accuracy,
        "n": scores.n,
        "abstained": scores.abstained,
        "calibration_error": scores.calibration_error,
        "confusion": scores.confusion,
        "model": model,
    }
