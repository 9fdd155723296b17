"""`polyphonie train stance`: makes a stance reader from labelled files, and writes the file that reads."""

import os
from pathlib import Path
from typing import Annotated

import typer

from polyphonie.cli.workspace import AsJson, Home, Workspace, console, say
from polyphonie.errors import InputError

train = typer.Typer(help="Make models from labelled files.", no_args_is_help=True)


@train.callback()
def _group() -> None:
    """Make models from labelled files."""


@train.command("stance")
def stance_command(
    english: Annotated[
        Path, typer.Option(help="JSONL of {proposal, text, stance: favour/against}: the claims of the transfer step.")
    ],
    consultations: Annotated[
        list[Path] | None,
        typer.Option(help="JSONL of arguments {proposal_id, proposal, text, stance: FOR/AGAINST}; may be repeated."),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="JSONL that `polyphonie labels export` wrote: it joins the French step.")
    ] = None,
    corpus: Annotated[
        Path | None, typer.Option(help="Folder of *_proposals.jsonl and *_posts.jsonl [default: ours]")
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(help="An encoder of transformers, by folder or name [default: multilingual-e5-small, shipped]"),
    ] = None,
    to: Annotated[Path, typer.Option(help="Folder to write the reader in.")] = Path("build/stance-fr"),
    name: Annotated[str, typer.Option(help="Version written in the file.")] = "stance-fr-mine",
    checkpoints: Annotated[Path, typer.Option(help="Folder of what each epoch gives.")] = Path("build/stance"),
    start: Annotated[Path | None, typer.Option(help="A checkpoint to start French from, without the transfer.")] = None,
    transfer_epochs: Annotated[int, typer.Option(min=1, help="Passes over the English pairs.")] = 1,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the French examples.")] = 3,
    replayed: Annotated[int, typer.Option(min=0, help="English pairs in each French pass.")] = 5000,
    arguments: Annotated[int, typer.Option(min=0, help="Of each consultation, in each French pass.")] = 800,
    frozen: Annotated[int, typer.Option(min=0, help="Lowest layers of the shipped encoder left as they are.")] = 0,
    seed: Annotated[int, typer.Option(help="Of the head, of the draws, of the order.")] = 17,
    threads: Annotated[int, typer.Option(min=0, help="Threads of torch; 0: every core.")] = 0,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Train a stance reader: English claims first, then French, then keep the best moment.

    About an hour and a half on two cores. `nlp.stance_model` names the folder to use it; then fit its calibration
    (`python benchmarks/stance_quality.py --calibrate`).

    Example: polyphonie train stance --english pairs.jsonl --consultations arguments.jsonl --to build/stance-fr
    """
    import torch  # which takes seconds to import

    from nlp.models import resolve
    from nlp.train.examples import CORPUS
    from nlp.train.learners import any_encoder, small_reader
    from nlp.train.steps import Plan, train_stance

    if base and frozen:
        raise InputError("--frozen: only the shipped encoder's layers can be left as they are; leave out --base")
    torch.set_num_threads(threads or os.cpu_count() or 1)
    with Workspace(home) as work:
        learner = any_encoder(resolve(base, work.settings.models_path), seed) if base else small_reader(seed, frozen)
    plan = Plan(
        english=english,
        corpus=corpus or CORPUS,
        consultations=tuple(consultations or ()),
        checkpoints=checkpoints,
        labels=labels,
        seed=seed,
        transfer_epochs=transfer_epochs,
        epochs=epochs,
        arguments=arguments,
        replayed=replayed,
        start=start,
    )
    judged, best = train_stance(learner, plan, console.print)
    path = learner.save(to, name, best.temperature)
    answer = {
        "file": str(path),
        "bytes": path.stat().st_size,
        "kept": best.moment,
        "reluctance": round(best.reluctance, 1),
        "temperature": round(best.temperature, 2),
        "development": {found.moment: dict(found.macro_f1) for found in judged},
    }
    words = f"{path} ({path.stat().st_size / 1e6:.1f} MB): {best.moment}, macro-F1 {best.mean:.3f} on development"
    say(answer, as_json, words)
