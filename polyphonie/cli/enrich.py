"""`polyphonie enrich`: from the spool, through the NLP, to the archive and the index."""

import os
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated

import typer

from index import documents
from index.archive import Archived
from index.engine import Collection, Document, Where
from nlp.embeddings import load_embedder
from nlp.enrichment import Enricher, Understood
from nlp.matching import Matcher
from nlp.stance import load_stance
from nlp.topics import Topics
from polyphonie.cli.erasing import erase
from polyphonie.cli.measure import expire_old, expired_at, measure_all
from polyphonie.cli.reaching import retell, settle
from polyphonie.cli.workspace import AsJson, Home, Workspace, console, progress, say
from polyphonie.records import Post, Proposal
from polyphonie.spool import Refusal

PAGE = 1_000
TOPIC_SAMPLE = 8_000  # waiting posts among which topics are sought
FOLLOW_PAUSE_S = 5.0
SETTLE_EVERY_S = 60.0  # a post whose reach changed is archived again each time


def enrich_command(
    follow: Annotated[bool, typer.Option("--follow", help="Keep going as messages arrive; Ctrl-C ends it.")] = False,
    measure: Annotated[bool, typer.Option(help="Bring the figures up to date after each round.")] = True,
    topics: Annotated[
        bool, typer.Option("--topics", help="First look again for topics; known ones keep their id.")
    ] = False,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Understand what waits in the spool and index it. Stop it at any moment: nothing is lost, nothing comes twice.

    Example: polyphonie enrich --follow
    """
    counts = nothing()
    with Workspace(home) as work, work.alone("enrich"), suppress(KeyboardInterrupt):
        enricher = None
        settled_at = -SETTLE_EVERY_S
        work.spool.recover()
        while True:
            before = counts.total()
            if topics or work.spool.counts()["todo"]:
                enricher = enricher or open_enricher(work)
                if topics:
                    discover_again(work, enricher)
                    topics = False
                counts.update(enrich_all(work, enricher))
            if time.monotonic() - settled_at >= SETTLE_EVERY_S:
                counts["reached"] += settle(work)
                settled_at = time.monotonic()
            if measure and counts.total() > before:
                measure_all(work)
            if not follow:
                break
            # A service that only follows must not keep what it promised to let go.
            last = expired_at(work)
            if last is None or last.date() < datetime.now(UTC).date():
                expire_old(work, datetime.now(UTC))
            time.sleep(FOLLOW_PAUSE_S)
    words = f"{counts['posts']:,} posts, {counts['positions']:,} positions, {counts['deletions']:,} deletions"
    say(dict(counts), as_json, f"{words}, {counts['quarantined']:,} quarantined.\nNext: `polyphonie dashboard`.")


def nothing() -> Counter[str]:
    """What an enrichment counts, at zero."""
    return Counter(dict.fromkeys(("posts", "positions", "proposals", "deletions", "quarantined", "reached"), 0))


def enrich_all(work: Workspace, enricher: Enricher) -> Counter[str]:
    """Everything that waits; returns how many posts, positions, proposals, deletions and quarantined items."""
    counts = nothing()
    follow(work, work.catalogue)
    discover_first_topics(work, enricher)
    with progress("enrich", work.spool.counts()["todo"]) as advance:
        while envelopes := work.spool.claim(work.settings.nlp.batch_size):
            counts.update(store(work, enricher.enrich(envelopes)))
            advance(len(envelopes))
    return counts


def follow(work: Workspace, catalogue: Sequence[Proposal]) -> None:
    """Index and archive the proposals of the catalogue that are new or reworded."""
    known = known_proposals(work, {proposal.id for proposal in catalogue})
    changed = [proposal for proposal in catalogue if known.get(proposal.id) != proposal]
    work.archive.append(changed)
    write(work, "proposals", [documents.proposal_document(proposal) for proposal in changed])


def open_enricher(work: Workspace) -> Enricher:
    """The models and stores, as the settings name them."""
    nlp = work.settings.nlp
    catalogue = work.catalogue
    threads = nlp.threads or os.cpu_count() or 1
    embedder = load_embedder(nlp.embedding_model, work.settings.models_path, threads)
    known = {document["id"]: document["statement"] for document in work.engine.scan("proposals")}
    return Enricher(
        folds=work.folds,
        verdicts=work.verdicts,
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
        _discover(work, enricher, [envelope.post for envelope in work.spool.peek(TOPIC_SAMPLE) if envelope.post])


def discover_again(work: Workspace, enricher: Enricher) -> None:
    """Look for topics among the newest posts; those that are found again keep their id."""
    pages = range(0, TOPIC_SAMPLE, PAGE)
    newest = (work.engine.search("posts", Where(), size=PAGE, offset=at, newest_first=True) for at in pages)
    _discover(work, enricher, [documents.post_from(found) for page in newest for found in page.documents])


def _discover(work: Workspace, enricher: Enricher, posts: Sequence[Post]) -> None:
    if enricher.topics is None:
        return
    with console.status("looking for topics"):
        enricher.discover_topics(posts)
    # Saved before anything is read: a run that is killed after this goes on with the same topics.
    enricher.topics.save(work.settings.home / "nlp" / "topics")
    write(work, "topics", [documents.topic_document(topic) for topic in enricher.topics.describe()])


def store(work: Workspace, understood: Sequence[Understood]) -> Counter[str]:
    """One batch: archive, then index, then the spool is told; a crash between two steps repeats the batch, by id."""
    proposals = {answer.proposal.id: answer.proposal for answer in understood if answer.proposal}
    posts = [answer.post for answer in understood if answer.post]
    positions = [(position, answer.post) for answer in understood for position in answer.positions]
    records: list[Archived] = [*proposals.values(), *posts, *(position for position, _ in positions)]
    gone = [answer.deletion for answer in understood if answer.deletion]
    forget_former(work, posts, {position.id for position, _ in positions})
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
    retell(work, posts)
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


def forget_former(work: Workspace, posts: Sequence[Post], positions: set[str]) -> None:
    """What an edit took away: positions that these posts no longer take, and the words that they no longer hold."""
    known = sorted(work.engine.get("posts", [post.id for post in posts]))
    if not known:
        return
    former = work.engine.scan("positions", Where(terms={"post": known}), fields=("id",))
    work.engine.delete("positions", [found["id"] for found in former if found["id"] not in positions])
    work.spool.mark_untidy(known, gone=False)


def known_proposals(work: Workspace, ids: set[str]) -> dict[str, Proposal]:
    """Proposals of the index, by id."""
    found = work.engine.get("proposals", sorted(ids))
    return {proposal: documents.proposal_from(document) for proposal, document in found.items()}


def write(work: Workspace, collection: Collection, rows: Sequence[Document]) -> dict[str, str]:
    """Write, and give what was refused: id -> reason."""
    return dict(work.engine.write(collection, rows).refused) if rows else {}
