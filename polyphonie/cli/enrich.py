"""`polyphonie enrich`: from the spool, through the NLP, to the archive and the index."""

import os
import time
from collections import Counter
from collections.abc import Sequence
from typing import Annotated

import typer

from index import documents
from index.archive import Archived
from index.engine import Collection, Document
from nlp.embeddings import load_embedder
from nlp.enrichment import Enricher, Understood
from nlp.folding import FoldStore
from nlp.matching import Matcher
from nlp.stance import load_stance
from nlp.topics import Topics
from nlp.verdicts import VerdictStore
from polyphonie.cli.erasing import erase
from polyphonie.cli.measure import measure_all
from polyphonie.cli.workspace import AsJson, Home, Workspace, console, progress, say
from polyphonie.records import Proposal
from polyphonie.spool import Refusal

TOPIC_SAMPLE = 8_000  # waiting posts among which the first topics are sought
FOLLOW_PAUSE_S = 5.0


def enrich_command(
    follow: Annotated[bool, typer.Option("--follow", help="Keep going as messages arrive.")] = False,
    measure: Annotated[bool, typer.Option(help="Bring the figures up to date at the end.")] = True,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Understand what waits in the spool and index it. Stop it at any moment: nothing is lost, nothing comes twice.

    Example: polyphonie enrich --follow
    """
    with Workspace(home) as work, work.alone("enrich"):
        counts = enrich_all(work)
        while follow:
            time.sleep(FOLLOW_PAUSE_S)
            counts += enrich_all(work)
        if measure:
            measure_all(work)
    words = f"{counts['posts']:,} posts, {counts['positions']:,} positions, {counts['deletions']:,} deletions"
    say(dict(counts), as_json, f"{words}, {counts['quarantined']:,} quarantined.\nNext: `polyphonie dashboard`.")


def enrich_all(work: Workspace) -> Counter[str]:
    """Everything that waits; returns how many posts, positions, proposals, deletions and quarantined items."""
    counts: Counter[str] = Counter(dict.fromkeys(("posts", "positions", "proposals", "deletions", "quarantined"), 0))
    work.spool.recover()
    waiting = work.spool.counts()["todo"]
    if not waiting:
        return counts
    catalogue = work.catalogue
    enricher = open_enricher(work, catalogue)
    follow(work, catalogue)
    discover_first_topics(work, enricher)
    with progress("enrich", waiting) as advance:
        while envelopes := work.spool.claim(work.settings.nlp.batch_size):
            counts += store(work, enricher.enrich(envelopes))
            advance(len(envelopes))
    if enricher.topics is not None:
        write(work, "topics", [documents.topic_document(topic) for topic in enricher.topics.describe()])
    return counts


def follow(work: Workspace, catalogue: Sequence[Proposal]) -> None:
    """Index and archive the proposals of the catalogue that are new or reworded."""
    known = known_proposals(work, {proposal.id for proposal in catalogue})
    changed = [proposal for proposal in catalogue if known.get(proposal.id) != proposal]
    work.archive.append(changed)
    write(work, "proposals", [documents.proposal_document(proposal) for proposal in changed])


def open_enricher(work: Workspace, catalogue: Sequence[Proposal]) -> Enricher:
    """The models and stores, as the settings name them."""
    nlp = work.settings.nlp
    threads = nlp.threads or os.cpu_count() or 1
    embedder = load_embedder(nlp.embedding_model, work.settings.models_path, threads)
    known = {document["id"]: document["statement"] for document in work.engine.scan("proposals")}
    return Enricher(
        folds=FoldStore(work.settings.home / "nlp" / "folds.sqlite"),
        verdicts=VerdictStore(work.settings.home / "nlp" / "verdicts.sqlite"),
        embedder=embedder,
        matcher=Matcher(catalogue, embedder),
        stance=load_stance(nlp.stance_model, nlp.stance_backend, work.settings.models_path, threads),
        topics=Topics.load(work.settings.home / "nlp" / "topics") if nlp.topics else None,
        voice=work.keys.voice,
        recall=lambda ids: {found: post["text"] for found, post in work.engine.get("posts", ids).items()},
        match_from=nlp.match_threshold,
        abstain_below=nlp.abstain_below,
        statements=known | {proposal.id: proposal.statement for proposal in catalogue},
    )


def discover_first_topics(work: Workspace, enricher: Enricher) -> None:
    """Topics are found on the first posts; afterwards the stream joins the nearest."""
    if enricher.topics is not None and not enricher.topics.describe():
        waiting = work.spool.peek(TOPIC_SAMPLE)
        with console.status("looking for topics"):
            enricher.discover_topics(envelope.post for envelope in waiting if envelope.post)
        # Saved before anything is read: a run that is killed after this goes on with the same topics.
        enricher.topics.save(work.settings.home / "nlp" / "topics")


def store(work: Workspace, understood: Sequence[Understood]) -> Counter[str]:
    """One batch: archive, then index, then the spool is told; a crash between two steps repeats the batch, by id."""
    proposals = {answer.proposal.id: answer.proposal for answer in understood if answer.proposal}
    posts = [answer.post for answer in understood if answer.post]
    positions = [(position, answer.post) for answer in understood for position in answer.positions]
    records: list[Archived] = [*proposals.values(), *posts, *(position for position, _ in positions)]
    gone = [answer.deletion for answer in understood if answer.deletion]
    work.archive.append(records)
    sectors = proposals | known_proposals(work, {position.proposal for position, _ in positions} - proposals.keys())
    taking_part: dict[str, list[str]] = {}
    for position, _ in positions:
        taking_part.setdefault(position.post, []).append(position.proposal)
    refused = {
        **write(work, "proposals", [documents.proposal_document(proposal) for proposal in proposals.values()]),
        **write(work, "posts", [documents.post_document(post, taking_part.get(post.id, ())) for post in posts]),
        **write(
            work,
            "positions",
            [
                documents.position_document(position, post, sectors.get(position.proposal))
                for position, post in positions
            ],
        ),
    }
    if gone:
        erase(work, [deletion.id for deletion in gone])
    owner = {position.id: answer.envelope for answer in understood for position in answer.positions}
    refusals = [Refusal(owner.get(found, found), "index", reason, "index") for found, reason in refused.items()]
    kept_out = {refusal.origin for refusal in refusals}
    work.spool.refuse(refusals)
    work.spool.finish([answer.envelope for answer in understood if answer.envelope not in kept_out])
    return Counter(
        posts=len(posts),
        positions=len(positions),
        proposals=len(proposals),
        deletions=len(gone),
        quarantined=len(kept_out),
    )


def known_proposals(work: Workspace, ids: set[str]) -> dict[str, Proposal]:
    """Proposals of the index, by id."""
    found = work.engine.get("proposals", sorted(ids))
    return {proposal: documents.proposal_from(document) for proposal, document in found.items()}


def write(work: Workspace, collection: Collection, rows: Sequence[Document]) -> dict[str, str]:
    """Write, and give what was refused: id -> reason."""
    return dict(work.engine.write(collection, rows).refused) if rows else {}
