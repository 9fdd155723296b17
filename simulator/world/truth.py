"""The truth of a simulated world: what a measure ought to find in it, computed from what was really emitted.

What was deleted before the end does not count; a repost takes the side of what it repeats.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from math import nan
from typing import Literal

from polyphonie.pseudonyms import epoch_of
from polyphonie.records import Kind, Stance
from simulator.world import bluesky, decidim, mastodon
from simulator.world.clock import instant, microseconds
from simulator.world.script import SIDES, Message, Script
from simulator.world.society import Burst

Weighting = Literal["voices", "posts", "reach"]


def uri(script: Script, message: Message) -> str:
    """What names a message on its platform, as parsers read it."""
    match message.author.platform:
        case "mastodon":
            return mastodon.uri(message)
        case "bluesky":
            return bluesky.uri(message)
        case "decidim":
            return decidim.uri(script, message)


@dataclass(frozen=True)
class Truth:
    """Everything that is known of a world because it was made so."""

    script: Script

    @property
    def communities(self) -> tuple[str, ...]:
        """Their names, in the order of every matrix here."""
        return self.script.society.communities

    @property
    def mixing(self) -> tuple[tuple[float, ...], ...]:
        """Row: who repeats; column: who is repeated; what was asked for, rows sum to 1."""
        return self.script.society.hears

    @property
    def burst(self) -> Burst:
        return self.script.society.burst

    @property
    def burst_window(self) -> tuple[datetime, datetime]:
        """First instant of the burst, and the first after it."""
        day = 86_400_000_000
        return instant(self.script.since + self.burst.first * day), instant(self.script.since + self.burst.last * day)

    @property
    def drifting(self) -> tuple[str, ...]:
        """The proposals on which opinions move."""
        society = self.script.society
        return tuple(p.id for p, o in zip(society.proposals, society.opinions, strict=True) if o.drift_logit)

    def opinion(self, proposal: str, community: str, day: float) -> float:
        """Probability that a member of `community` who takes a side is in favour, `day` days after the beginning."""
        opinion = self.script.society.opinions[self._subject[proposal]]
        return opinion.favour_on(self.communities.index(community), day)

    def favour_share(
        self,
        proposal: str,
        since: datetime | None = None,
        until: datetime | None = None,
        weighting: Weighting = "voices",
        epoch_days: int = 7,
    ) -> float:
        """Share of favour, in [0, 1], among what takes a side from `since` (included) to `until` (excluded).

        voices: each author of each epoch counts one, split over the messages in which it takes a side; posts: each
        message counts one; reach: each message counts one and the reposts that its last payload announces.
        NaN where nobody takes a side.
        """
        first = self.script.since if since is None else microseconds(since)
        last = self.script.until if until is None else microseconds(until)
        heard = [message for message in self._sided[proposal] if first <= message.at < last]
        spoken = Counter((message.author.number, self._epoch(message, epoch_days)) for message in heard)
        favour = total = 0.0
        for message in heard:
            match weighting:
                case "voices":
                    weight = 1 / spoken[message.author.number, self._epoch(message, epoch_days)]
                case "posts":
                    weight = 1.0
                case "reach":
                    weight = 1.0 + (0 if message.kind is Kind.REPOST else message.seen_reposts)
            total += weight
            favour += weight * (message.stance is Stance.FAVOUR)
        return favour / total if total else nan

    def voices(self, proposal: str, epoch_days: int = 7) -> int:
        """Number of (author, epoch) that take a side over the whole period."""
        return len({(m.author.number, self._epoch(m, epoch_days)) for m in self._sided[proposal]})

    def stance_of(self, native_uri: str) -> Stance | None:
        """The true side of a message; None when it is about no proposal. Raises KeyError for an unknown name."""
        return self._by_uri[native_uri].stance

    def is_about(self, native_uri: str) -> str | None:
        """Identifier of the proposal that a message is about, or None."""
        subject = self._by_uri[native_uri].subject
        proposals = self.script.society.proposals
        return proposals[subject].id if subject < len(proposals) else None

    def is_ironic(self, native_uri: str) -> bool:
        return self._by_uri[native_uri].ironic

    def community_of(self, native_uri: str) -> str:
        """Community of a message's author."""
        return self.communities[self._by_uri[native_uri].author.community]

    def endorsements(self) -> list[list[int]]:
        """(c, c) counts of reposts: row = who repeats, column = who is repeated."""
        counts = [[0] * len(self.communities) for _ in self.communities]
        for message in self._kept:
            if message.kind is Kind.REPOST and message.target:
                counts[message.author.community][message.target.author.community] += 1
        return counts

    def counts(self) -> dict[str, int]:
        """Numbers of messages by kind, platform and character; `copy` is that of near-copies; deleted ones included."""
        counted: Counter[str] = Counter()
        proposals = len(self.script.society.proposals)
        for message in self.script.messages:
            counted.update((message.kind.value, message.author.platform))
            marks = {
                "copy": message.campaign >= 0,
                "elsewhere": message.subject == proposals,
                "foreign": message.subject > proposals,
                "ironic": message.ironic,
                "short": message.short,
                "edited": message.edited_at > 0,
                "deleted": message.deleted_at > 0,
            }
            counted.update(mark for mark, there in marks.items() if there)
        return dict(counted)

    @property
    def _kept(self) -> Iterator[Message]:
        return (message for message in self.script.messages if not message.deleted_at)

    @cached_property
    def _subject(self) -> dict[str, int]:
        return {proposal.id: index for index, proposal in enumerate(self.script.society.proposals)}

    @cached_property
    def _sided(self) -> dict[str, list[Message]]:
        sided: dict[str, list[Message]] = defaultdict(list)
        for message in self._kept:
            if message.stance in SIDES:
                sided[self.script.society.proposals[message.subject].id].append(message)
        return sided

    @cached_property
    def _by_uri(self) -> dict[str, Message]:
        return {uri(self.script, message): message for message in self.script.messages}

    @staticmethod
    def _epoch(message: Message, epoch_days: int) -> int:
        return epoch_of(instant(message.at), epoch_days)
