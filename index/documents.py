"""From records to the documents of the index, and back."""

from collections.abc import Iterable
from datetime import UTC, datetime, time
from typing import Any

from index.engine import Document
from nlp.topics import TopicInfo
from polyphonie.records import Position, Post, Proposal, Record, Tally


def post_document(post: Post, proposals: Iterable[str] = ()) -> Document:
    """Document of `posts`; `proposals` are the ids of those it takes a position about."""
    document = post.model_dump(mode="json")
    document |= document.pop("reach") | {"reach": post.reach.total}
    return document | _linked(post) | {"proposals": sorted(set(proposals))}


def post_from(document: Document) -> Post:
    """The record that `post_document` was given."""
    reach = {name: document.get(name, 0) for name in ("replies", "reposts", "likes")}
    return Post.model_validate(_kept(Post, document) | {"reach": reach})


def position_document(position: Position, post: Post | None, proposal: Proposal | None) -> Document:
    """Document of `positions`: with its post and the sector of its proposal inside, so one search answers.

    A vote has no post: it reaches one, itself, and was received when it counts unless it says otherwise.
    """
    document = position.model_dump(mode="json")
    document |= {"counted": position.counted, "sector": proposal.sector if proposal else "", "reach": 1}
    if post is None:
        return document | {"received_at": document["received_at"] or document["at"]}
    shared = {"text", "title", "kind", "lang", "fold", "topic", "hashtags", "flags", "received_at"}
    shared |= {"reply_to", "repost_of", "quote_of"}
    return document | post.model_dump(mode="json", include=shared) | _linked(post) | {"reach": post.reach.total}


def position_from(document: Document) -> Position:
    """The record that `position_document` was given, with the instant of its reception."""
    return Position.model_validate(_kept(Position, document))


def proposal_document(proposal: Proposal) -> Document:
    """Document of `proposals`."""
    return proposal.model_dump(mode="json")


def proposal_from(document: Document) -> Proposal:
    """The record that `proposal_document` was given."""
    return Proposal.model_validate(document)


def topic_document(topic: TopicInfo) -> Document:
    """Document of `topics`."""
    return {
        "id": topic.id,
        "label": topic.label,
        "terms": list(topic.terms),
        "size": topic.size,
        "at": topic.born.isoformat(),
        "last_at": topic.seen.isoformat(),
        "merged_into": topic.merged_into,
    }


def tally_document(tally: Tally) -> Document:
    """Document of `tallies`; its `at` is the midnight, UTC, that begins its day."""
    return tally.model_dump(mode="json") | {"at": datetime.combine(tally.day, time(), UTC).isoformat()}


def tally_from(document: Document) -> Tally:
    """The record that `tally_document` was given."""
    return Tally.model_validate(_kept(Tally, document))


def _linked(post: Post) -> Document:
    outlets = sorted({link.outlet for link in post.links if link.outlet})
    return {"domains": sorted({link.domain for link in post.links}), "outlets": outlets}


def _kept(record: type[Record], document: Document) -> dict[str, Any]:
    return {name: document[name] for name in record.model_fields if name in document}
