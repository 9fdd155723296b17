"""The simulated world: its proposals, the payloads that its platforms send in order of time, and its truth."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from heapq import merge
from operator import itemgetter
from random import Random
from typing import Any, Literal

from polyphonie.records import Proposal
from simulator.world import bluesky, decidim, mastodon
from simulator.world.clock import instant, microseconds
from simulator.world.people import Platform, populate
from simulator.world.script import Message, Script, write
from simulator.world.society import society
from simulator.world.truth import Truth

Change = Literal["new", "edited", "deleted"]


@dataclass(frozen=True)
class Emission:
    """One native payload, and the instant when its platform delivered it."""

    source: Platform
    payload: dict[str, Any] = field(repr=False)
    at: datetime


class World:
    """Sixty days that end at `until` (now by default): the same for the same seed, posts and until.

    posts: messages, reposts included; the proposals of the consultation, edits and deletions come beside them.
    Raises ValueError when `posts` is not positive or `until` has no time zone.
    """

    def __init__(self, seed: int = 0, posts: int = 20_000, until: datetime | None = None) -> None:
        until = until or datetime.now(UTC)
        if posts < 1 or until.tzinfo is None:
            raise ValueError("a world needs at least one post, and an end with a time zone")
        self.seed = seed
        self.posts = posts
        self.until = until.astimezone(UTC).replace(microsecond=0)

    @property
    def proposals(self) -> tuple[Proposal, ...]:
        return society().proposals

    @property
    def consulted(self) -> dict[str, str]:
        """Native name of each proposal put to the consultation -> the proposal of this world that it is."""
        site = society().site
        return {decidim.proposal_uri(site, number): proposal for proposal, number in society().consulted.items()}

    def payloads(self) -> Iterator[Emission]:
        """What the platforms deliver, in order of time."""
        script = self._script
        opening = [
            decidim.proposal_row(proposal, script.society.site, script.society.consulted[proposal.id], script.since)
            for proposal in script.society.proposals
            if proposal.id in script.society.consulted
        ]
        for row in opening:
            yield Emission("decidim", row, instant(script.since))
        for at, _, change, message in merge(*_changes(script), key=itemgetter(0, 1)):
            yield Emission(message.author.platform, self._payload(message, change), instant(at))

    def identities(self) -> Iterator[str]:
        """Every invented identity: names, handles with and without their server, native ids, e-mails, telephones."""
        for author in self._script.people.authors:
            yield from dict.fromkeys((author.display_name, author.username, author.handle, author.email, author.phone))
            if author.platform == "bluesky":
                yield author.native_id

    def truth(self) -> Truth:
        """What measures ought to find."""
        return Truth(self._script)

    @cached_property
    def _script(self) -> Script:
        people = populate(society(), min(max(self.posts * 3 // 20, 60), 50_000), Random(f"people {self.seed}"))
        return write(society(), people, self.posts, microseconds(self.until), self.seed)

    def _payload(self, message: Message, change: Change) -> dict[str, Any]:
        script, seed = self._script, self.seed
        match message.author.platform:
            case "mastodon":
                return mastodon.payload(script, message, seed, edited=change == "edited")
            case "bluesky":
                return bluesky.deletion(message) if change == "deleted" else bluesky.payload(script, message, seed)
            case "decidim" if change == "deleted":
                return dict(decidim.deletion(script, message, seed))
            case "decidim":
                return dict(decidim.payload(script, message, seed))


def _changes(script: Script) -> Iterator[Iterator[tuple[int, int, Change, Message]]]:
    """Three streams in order of time: what is written, what is edited, what is deleted."""
    messages = script.messages
    yield iter([(message.at, message.number, "new", message) for message in messages])
    edits = [(message.edited_at, message.number, message) for message in messages if message.edited_at]
    deletions = [(message.deleted_at, message.number, message) for message in messages if message.deleted_at]
    yield iter([(at, number, "edited", message) for at, number, message in sorted(edits, key=itemgetter(0, 1))])
    yield iter([(at, number, "deleted", message) for at, number, message in sorted(deletions, key=itemgetter(0, 1))])
