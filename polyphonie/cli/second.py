"""`polyphonie read`: a stronger reader reads a sample, drawn with known probabilities, of what the small model read."""

import json
import os
import secrets
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from math import isnan
from typing import Annotated, Literal

import typer

from measures.agreement import Pair as Compared
from measures.agreement import agreement
from measures.placing import places
from measures.sampling import SEED, Candidate, draw, frame, read_candidates
from measures.window import View
from nlp.readers import Reader, role_of
from nlp.readers.chat import ChatReader
from polyphonie.cli.asking import ChatServer, checked
from polyphonie.cli.questions import Done, read_sample
from polyphonie.cli.workspace import AsJson, Home, Workspace, say
from polyphonie.errors import ConfigurationError, InputError
from polyphonie.labels import Asked, LabelStore, by_question, labels_path, settled
from polyphonie.records import Drawn, Round

FIRST_DAY = date(1970, 1, 1)
MODEL, PEOPLE = "small model", "people"


def read_command(
    reader: Annotated[
        Literal["chat", "nli"],
        typer.Option(help="`chat`: the language model at readers.address; `nli`: the classifier readers.nli."),
    ],
    number: Annotated[int, typer.Option(min=1, help="Posts to draw.")] = 200,
    proposal: Annotated[str | None, typer.Option(help="Id of the only proposal to read about.")] = None,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Have a stronger reader read a sample of posts, and what people labelled; say how far it agrees with them.

    The same command goes on where it stopped, and asks nothing twice of the same version of a reader. Exit code 8: the
    reader does not answer, or not so that it can be understood; what it answered before is kept.

    Example: polyphonie read --reader chat --number 300 --proposal encadrer-loyers
    """
    with Workspace(home) as work, work.alone("read"), LabelStore(labels_path(work.settings.home)) as store:
        opened = open_reader(work, reader)
        drawn, candidates = draw_sample(work, store, number, proposal)
        done = read_sample(work, store, opened, drawn, proposal)
        pairs = compare(work, store, role_of(opened), candidates, proposal)
    answer = {
        "reader": opened.name,
        "answered_by": role_of(opened),
        "round": drawn[0].round,
        "drawn": len(drawn),
        **asdict(done),
        "agreement": [asdict(pair) for pair in pairs],
    }
    say(answer, as_json, "\n".join([_told(opened.name, len(drawn), done), *(_agreed(pair) for pair in pairs)]))


def open_reader(work: Workspace, which: Literal["chat", "nli"]) -> Reader:
    """The reader that the settings describe. Raises ConfigurationError when they turn it off or may not send texts."""
    asked = work.settings.readers
    if which == "nli":
        if not asked.nli:
            raise ConfigurationError("setting readers.nli: write a local folder or a hub name to have such a reader")
        from nlp.readers.entailment import load_entailment  # with torch and transformers, which take seconds to import

        return load_entailment(asked.nli, work.settings.models_path, work.settings.nlp.threads or os.cpu_count() or 1)
    if not asked.address or not asked.model:
        missing = "model" if asked.address else "address"
        raise ConfigurationError(f"setting readers.{missing}: write it to have such a reader; see docs/operations.md")
    server = ChatServer(
        checked(asked.address, asked.key, asked.allow_remote),
        asked.model,
        asked.key,
        timeout_s=asked.timeout_s,
        retries=asked.retries,
        max_tokens=asked.max_tokens,
    )
    return ChatReader(asked.model, server.ask, secrets.token_bytes(32), json.dumps(server.manner))


def draw_sample(
    work: Workspace, store: LabelStore, number: int, proposal: str | None
) -> tuple[list[Drawn], dict[Asked, Candidate]]:
    """Draw among all that the model read, and keep the draw; its seed is that of people's draws, so they overlap."""
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    found = read_candidates(work.engine, proposal, View(FIRST_DAY, tomorrow))
    if not found:
        about = f" about {proposal!r}" if proposal else ""
        raise InputError(f"the model read nothing{about} of which a text is left; see `polyphonie enrich`")
    drawn = draw(found, number)
    made = Round(
        id=drawn[0].round,
        proposal=proposal,
        since=date.fromisoformat(min(each.month for each in found) + "-01"),
        until=tomorrow,
        seed=SEED,
        made_at=datetime.now(UTC),
        size=len(found),
        drawn=len(drawn),
        frame=frame(found),
    )
    store.open_round(made, drawn)
    store.put_places(places(work.engine, [(one.post, one.proposal) for one in drawn]).values())
    return drawn, {(each.post, each.proposal): each for each in found}


def compare(
    work: Workspace, store: LabelStore, role: str, candidates: dict[Asked, Candidate], proposal: str | None
) -> list[Compared]:
    """How far the reader agrees with the small model and with people, « not about » being taken as neither."""
    told = by_question(one for one in store.labels(proposal, readers=True) if one.answered_by == role)
    people = by_question(store.labels(proposal))
    answers: dict[Asked, dict[str, str]] = {}
    for which, said in told.items():
        answers[which] = found = {role: _side(said[role])}
        if which in candidates:
            found[MODEL] = small_answer(candidates[which], work.settings.nlp.abstain_below)
        if which in people and (agreed := settled(people[which])):
            found[PEOPLE] = _side(agreed)
    return [pair for pair in agreement(answers).pairs if role in (pair.first, pair.second)]


def small_answer(candidate: Candidate, abstain_below: float) -> str:
    """What the small model said: the likeliest, or neither when it was not sure."""
    odds = {"favour": candidate.p_favour, "against": candidate.p_against, "neither": candidate.p_unclear}
    likeliest = max(odds, key=lambda answer: odds[answer])
    return likeliest if odds[likeliest] >= abstain_below else "neither"


def _side(answer: str) -> str:
    return "neither" if answer == "not_about" else answer


def _told(name: str, drawn: int, done: Done) -> str:
    words = f"{name}: {drawn:,} posts drawn, {done.asked:,} read now, {done.known:,} read before"
    words += f", {done.unreadable:,} answers not understood and not used" if done.unreadable else ""
    words += f", {done.gone:,} without text any more" if done.gone else ""
    return words + (f"; {done.left:,} left, the same command goes on." if done.left else ".")


def _agreed(pair: Compared) -> str:
    other = next(role for role in (pair.first, pair.second) if role in (MODEL, PEOPLE))
    kappa = pair.kappa
    sure = "" if isnan(kappa.low) else f" ({kappa.low:.2f} to {kappa.high:.2f})"
    told = "unknown" if isnan(kappa.value) else f"{kappa.value:.2f}{sure}"
    return f"Agrees with the {other} on {pair.same:.0%} of {pair.n:,} posts; Cohen's kappa {told}.".replace(
        "the people", "people"
    )
