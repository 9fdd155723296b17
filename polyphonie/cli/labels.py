"""`polyphonie labels`: what people answered about drawn posts; export for evaluation and training, and agreement."""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from math import isnan
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from index.engine import Engine
from measures.agreement import Figure, agreement
from measures.readings import Reading, read_posts
from polyphonie.cli.workspace import AsJson, Home, Workspace, console, say
from polyphonie.errors import InputError
from polyphonie.labels import LabelStore, by_question, is_role, labels_path, settled
from polyphonie.records import Label, Stance, label_id, words_of

labels = typer.Typer(help="Answers of people about drawn posts: list, export, import, agreement.", no_args_is_help=True)
BATCH = 500
# What an evaluation and a training read: off the subject is no side either.
STANCES = {
    "favour": Stance.FAVOUR,
    "against": Stance.AGAINST,
    "neither": Stance.UNCLEAR,
    "not_about": Stance.UNCLEAR,
}
ANSWER_KEYS = {"answer", "answered_by", "at", "drawn_with", "round", "words"}

OfProposal = Annotated[str | None, typer.Option("--proposal", help="Only about this proposal (its id).")]
OfRound = Annotated[str | None, typer.Option("--round", help="Only about what this draw holds (its id).")]


@labels.command("list")
def list_command(as_json: AsJson = False, home: Home = None) -> None:
    """Count the answers by proposal, by role and by draw. Readers are machines; they are counted apart.

    Example: polyphonie labels list --json
    """
    with _opened(home) as (_, store):
        people, readers, rounds = store.labels(), store.labels(readers=True), store.rounds()
        read = {one.id: len({(e.post, e.proposal) for e in store.labels(of_round=one.id)}) for one in rounds}
    answer = {
        "answers": len(people),
        "by_proposal": dict(Counter(one.proposal for one in people).most_common()),
        "by_role": dict(sorted(Counter(one.answered_by for one in people).items())),
        "by_answer": dict(sorted(Counter(one.answer for one in people).items())),
        "readers": dict(sorted(Counter(one.answered_by for one in readers).items())),
        "draws": [
            {"id": one.id, "made_at": one.made_at, "proposal": one.proposal, "drawn": one.drawn, "read": read[one.id]}
            for one in rounds
        ],
    }
    words = [f"{len(people):,} answers of people, {len(readers):,} of readers, {len(rounds):,} draws"]
    words += [f"{number:>7,}  {name}" for name, number in Counter(one.proposal for one in people).most_common()]
    words += [f"{one.id}  {read[one.id]:,} of {one.drawn:,} read  {one.proposal or 'all proposals'}" for one in rounds]
    say(answer, as_json, "\n".join(words))


@labels.command("export")
def export_command(
    file: Annotated[Path, typer.Argument(help="JSONL to write; it holds texts, so it is readable by you only.")],
    proposal: OfProposal = None,
    of_round: OfRound = None,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Write {proposal, text, parent, stance} for each labelled post whose text is still kept, with its answers.

    Left out: posts that are gone or reworded since, and those on which people disagree and no arbiter answered.

    Example: polyphonie labels export labelled.jsonl && polyphonie evaluate --on labelled.jsonl
    """
    with _opened(home) as (work, store):
        found = store.labels(proposal, of_round=of_round)
        rows, left_out = _rows(work.engine, found)
    try:
        file.touch(mode=0o600)
        file.chmod(0o600)
        file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{file}: cannot be written: {error.strerror}") from error
    told = ", ".join(f"{number:,} {reason}" for reason, number in sorted(left_out.items()) if number)
    words = f"{len(rows):,} posts written to {file}" + (f"; left out: {told}." if told else ".")
    say({"written": len(rows), "left_out": dict(left_out)}, as_json, words)


@labels.command("import")
def import_command(
    file: Annotated[Path, typer.Argument(help="JSONL as `export` writes it; only ids and answers are read.")],
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Read answers back: `post`, `proposal_id` and `answers` of each line. The latest answer of a role wins.

    A post that is not in the index, and that no draw or answer holds, is unknown here, or was erased: its answers are
    refused.

    Example: polyphonie labels import labelled.jsonl
    """
    parsed, refused = _read(file)
    with _opened(home) as (work, store):
        known = _known(work.engine, store, {label.post for _, label in parsed})
        refused += [f"line {number}: this post is unknown here" for number, one in parsed if one.post not in known]
        accepted = [label for _, label in parsed if label.post in known]
        kept = store.keep(accepted, partial(_known, work.engine, store))
    for reason in refused[:20]:
        console.print(f"[yellow]{file.name}: {reason}[/yellow]")
    answer = {"read": len(parsed), "kept": kept, "unchanged": len(accepted) - kept, "refused": len(refused)}
    say(answer, as_json, f"{kept:,} answers kept, {len(accepted) - kept:,} known already, {len(refused):,} refused.")


@labels.command("agreement")
def agreement_command(
    proposal: OfProposal = None, of_round: OfRound = None, as_json: AsJson = False, home: Home = None
) -> None:
    """Cohen's kappa of each two roles and Krippendorff's alpha of all, with 95 % bootstrap intervals over posts.

    Example: polyphonie labels agreement --proposal loyers
    """
    with _opened(home) as (_, store):
        told = agreement(by_question(store.labels(proposal, of_round=of_round)))
    answer: dict[str, Any] = {"n": told.n, "alpha": asdict(told.alpha), "pairs": [asdict(pair) for pair in told.pairs]}
    if not told.n:
        say(answer, as_json, "No post was answered by two roles yet: there is no agreement to measure.")
        return
    words = [f"Krippendorff's alpha {_figure(told.alpha)} over {told.n:,} posts"]
    words += [
        f"Cohen's kappa {_figure(pair.kappa)}, the same answer on {pair.same:.0%} of {pair.n:,} posts: "
        f"{pair.first} and {pair.second}"
        for pair in told.pairs
    ]
    say(answer, as_json, "\n".join(words))


@contextmanager
def _opened(home: Path | None) -> Iterator[tuple[Workspace, LabelStore]]:
    with Workspace(home) as work, LabelStore(labels_path(work.settings.home)) as store:
        yield work, store


def _rows(engine: Engine, found: Sequence[Label]) -> tuple[list[dict[str, Any]], Counter[str]]:
    """One row for each question with an answer that stands, and how many were left out for each reason."""
    given: dict[tuple[str, str], list[Label]] = defaultdict(list)
    for label in found:
        if label.answer != "skipped":
            given[label.post, label.proposal].append(label)
    readings = read_posts(engine, {post for post, _ in given})
    proposals = engine.get("proposals", sorted({proposal for _, proposal in given}))
    rows: list[dict[str, Any]] = []
    left_out = Counter[str]()
    for (post, proposal), own in sorted(given.items()):
        stands = settled({label.answered_by: label.answer for label in own})
        if stands is None:
            left_out["disputed"] += 1
        elif post not in readings or proposal not in proposals:
            left_out["gone"] += 1
        elif any(label.words and label.words != words_of(readings[post].text) for label in own):
            left_out["reworded"] += 1
        else:
            rows.append(_row(readings[post], proposals[proposal]["statement"], stands, own))
    return rows, left_out


def _row(reading: Reading, statement: str, stands: str, own: Sequence[Label]) -> dict[str, Any]:
    return {
        "proposal": statement,
        "text": reading.text,
        "parent": reading.parent or None,
        "stance": STANCES[stands],
        "post": reading.post,
        "proposal_id": own[0].proposal,
        "answers": [label.model_dump(mode="json", include=ANSWER_KEYS) for label in own],
    }


def _read(file: Path) -> tuple[list[tuple[int, Label]], list[str]]:
    """The answers of a file with the number of their line, and why others were refused."""
    try:
        lines = file.read_text(encoding="utf-8-sig").split("\n")  # not splitlines: a text may hold U+2028
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} cannot be read as UTF-8 JSONL: {error}") from error
    parsed, refused = list[tuple[int, Label]](), list[str]()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            parsed += [(number, _label(row, told)) for told in row["answers"]]
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            refused.append(f"line {number}: {'.'.join(map(str, first['loc']))}: {first['msg']}")
        except KeyError as error:
            refused.append(f"line {number}: {error.args[0]} is missing")
        except (ValueError, TypeError) as error:
            refused.append(f"line {number}: {error}")
    return parsed, refused


def _label(row: dict[str, Any], told: dict[str, Any]) -> Label:
    role = told["answered_by"]
    if not is_role(str(role)) or str(role).startswith("reader:"):
        raise ValueError("answered_by is not the role of a person, such as annotatrice-1")
    known = {key: told[key] for key in ANSWER_KEYS if key in told}
    question = {"post": row["post"], "proposal": row["proposal_id"]}
    return Label.model_validate(known | question | {"id": label_id(row["post"], row["proposal_id"], role)})


def _known(engine: Engine, store: LabelStore, posts: Collection[str]) -> set[str]:
    known, ordered = store.known(posts), sorted(posts)
    for start in range(0, len(ordered), BATCH):
        known |= engine.get("posts", ordered[start : start + BATCH]).keys()
    return known


def _figure(figure: Figure) -> str:
    if isnan(figure.low):
        return "unknown" if isnan(figure.value) else f"{figure.value:.2f}"
    return f"{figure.value:.2f} ({figure.low:.2f} to {figure.high:.2f})"
