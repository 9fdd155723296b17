"""Who says what, when and to whom: the whole conversation, before it is worded and wrapped for a platform.

Instants are microseconds since 1970, whole milliseconds. A subject is the number of a proposal, or one of the two
numbers after them: talk of something else in French, and in other languages.
"""

from collections import defaultdict, deque
from dataclasses import dataclass, field
from operator import attrgetter
from random import Random

import numpy as np
from numpy.typing import NDArray

from polyphonie.records import Kind, Stance
from simulator.world.clock import HOUR_US, rhythm
from simulator.world.people import Author, People, Platform
from simulator.world.society import DAYS, Society

# Shares of what is drawn; reposts and answers that find nobody to repeat become posts, hence a little more than wanted.
ELSEWHERE, FOREIGN = 0.10, 0.05
REPOST, REPLY, QUOTE, COPY = 0.415, 0.150, 0.055, 0.160
DECIDIM, DECIDIM_REPLY = 0.10, 0.20
UNCLEAR, IRONIC = 0.14, 0.068
SHORT_REPLY = {"mastodon": 0.2, "bluesky": 0.45, "decidim": 0.3}  # Mastodon does not tell strangers what is answered
LANGUAGES = {"en": 0.4, "es": 0.2, "ca": 0.1, "oc": 0.1, "de": 0.2}
EDITED, DELETED = 0.012, 0.008
POOL, TRIES = 150, 10
SIDES = (Stance.FAVOUR, Stance.AGAINST)


@dataclass(slots=True, eq=False)
class Message:
    """One message. `stance`: the true side, None when about no proposal; `target`: what it repeats or answers."""

    number: int
    at: int
    author: Author
    kind: Kind
    subject: int
    stance: Stance | None
    lang: str = "fr"
    target: "Message | None" = None
    ironic: bool = False
    short: bool = False  # means nothing without its target
    campaign: int = -1  # whose text is copied, with small edits
    seen_reposts: int = 0  # counter of reposts outside this world, when it is delivered
    reposts: int = 0  # by others of this world
    answered: bool = False
    edited_at: int = 0
    deleted_at: int = 0


@dataclass(frozen=True)
class Script:
    """The messages in order of time. `since` and `until`: microseconds."""

    society: Society
    people: People
    messages: list[Message]
    since: int
    until: int


def write(society: Society, people: People, number: int, until: int, seed: int) -> Script:
    """`number` messages over the sixty days that end at `until`."""
    since = until - DAYS * 24 * HOUR_US
    writer = _Writer(society, people, since, number, Random(f"script {seed}"))
    instants, subjects = _agenda(society, number, since, np.random.default_rng(seed))
    messages = [writer.next(at, subject) for at, subject in zip(instants.tolist(), subjects.tolist(), strict=True)]
    # Decidim writes whole seconds, so a comment may step before its neighbour.
    messages.sort(key=attrgetter("at", "number"))
    _change_minds(messages, until, Random(f"second thoughts {seed}"))
    return Script(society, people, messages, since, until)


def _agenda(
    society: Society, number: int, since: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Instants in order, and the subject of each."""
    hours = DAYS * 24
    interest = np.array([opinion.interest for opinion in society.opinions])
    shares = np.append(interest / interest.sum() * (1 - ELSEWHERE - FOREIGN), [ELSEWHERE, FOREIGN])
    intensity = shares[:, None] * rhythm(since, hours)[None, :]
    busy = [proposal.id for proposal in society.proposals].index(society.burst.proposal)
    intensity[busy, society.burst.first * 24 : society.burst.last * 24] *= society.burst.times
    counts = rng.multinomial(number, (intensity / intensity.sum()).ravel())
    cells = np.repeat(np.arange(counts.size), counts)
    subject, hour = np.divmod(cells, hours)
    milliseconds = rng.integers(0, HOUR_US // 1000, size=number)
    instants = since + hour * HOUR_US + milliseconds * 1000
    order = np.argsort(instants, kind="stable")
    return instants[order], subject[order]


@dataclass
class _Writer:
    society: Society
    people: People
    since: int
    number: int
    rng: Random
    # Recent messages that can be answered, by platform, subject and community.
    pools: dict[tuple[Platform, int, int], deque[Message]] = field(
        default_factory=lambda: defaultdict(lambda: deque(maxlen=POOL))
    )
    written: int = 0

    def __post_init__(self) -> None:
        proposals = self.society.proposals
        interest = [opinion.interest for opinion in self.society.opinions]
        consulted = sum(w for p, w in zip(proposals, interest, strict=True) if p.id in self.society.consulted)
        self.decidim = DECIDIM / (consulted / sum(interest) * (1 - ELSEWHERE - FOREIGN))
        self.consulted = {index for index, p in enumerate(proposals) if p.id in self.society.consulted}
        # So many campaigns a proposal that a copied text has some fifteen copies in a world of usual size.
        self.campaigns = min(max(self.number // 3_400, 2), 60)

    def next(self, at: int, subject: int) -> Message:
        rng = self.rng
        if subject in self.consulted and rng.random() < self.decidim:
            message = self._comment(at, subject)
        else:
            message = self._message("mastodon" if rng.random() < 0.5 else "bluesky", at, subject)
        self.written += 1
        if message.kind is not Kind.REPOST:
            self.pools[message.author.platform, subject, message.author.community].append(message)
        return message

    def _comment(self, at: int, subject: int) -> Message:
        at -= at % 1_000_000
        author = self.people.draw("decidim", self.rng)
        target = self._target(author, subject, at, None) if self.rng.random() < DECIDIM_REPLY else None
        return self._reply(at, author, subject, target) if target else self._post(at, author, subject, Kind.ARGUMENT)

    def _message(self, platform: Platform, at: int, subject: int) -> Message:
        rng = self.rng
        author = self.people.draw(platform, rng)
        draw = rng.random()
        if draw < REPOST:
            target = self._target(author, subject, at, self._stance(author, subject, at))
            if target:
                target.reposts += 1
                target.answered = True
                return Message(
                    self.written, at, author, Kind.REPOST, subject, target.stance, target.lang, target, target.ironic
                )
        elif draw < REPOST + REPLY:
            if target := self._target(author, subject, at, None):
                return self._reply(at, author, subject, target)
        elif draw < REPOST + REPLY + QUOTE:
            if target := self._target(author, subject, at, self._stance(author, subject, at)):
                quote = self._post(at, author, subject, Kind.QUOTE)
                quote.target, quote.lang = target, target.lang
                target.answered = True
                return quote
        elif draw < REPOST + REPLY + QUOTE + COPY and subject < len(self.society.proposals):
            return self._copy(at, author, subject)
        return self._post(at, author, subject, Kind.POST)

    def _post(self, at: int, author: Author, subject: int, kind: Kind) -> Message:
        stance = self._stance(author, subject, at)
        message = Message(self.written, at, author, kind, subject, stance)
        message.ironic = stance in SIDES and self.rng.random() < IRONIC
        if subject == len(self.society.proposals) + 1:
            message.lang = self.rng.choices(list(LANGUAGES), list(LANGUAGES.values()))[0]
        if author.platform == "mastodon":
            # Status pages are read some minutes late: a few have been repeated already, seldom much.
            message.seen_reposts = min(int(self.rng.paretovariate(1.3)) - 1, 100) if self.rng.random() < 0.5 else 0
        return message

    def _reply(self, at: int, author: Author, subject: int, target: Message) -> Message:
        message = self._post(at, author, subject, Kind.REPLY)
        message.target, message.lang, message.seen_reposts = target, target.lang, 0
        target.answered = True
        # A nod to a question would take no side.
        known = message.stance is Stance.UNCLEAR or target.stance in SIDES
        if known and target.lang == "fr" and self.rng.random() < SHORT_REPLY[author.platform]:
            message.short, message.ironic = True, False
        return message

    def _copy(self, at: int, author: Author, subject: int) -> Message:
        """The text of the campaign that runs on the author's side at that time."""
        place = (at - self.since) / (DAYS * 24 * HOUR_US) * self.campaigns + self.rng.uniform(-0.5, 0.5)
        period = subject * self.campaigns + min(max(int(place), 0), self.campaigns - 1)
        side = self._side(author, subject, at)
        campaign = 2 * period + SIDES.index(side)
        return Message(self.written, at, author, Kind.POST, subject, side, campaign=campaign)

    def _target(self, author: Author, subject: int, at: int, stance: Stance | None) -> Message | None:
        """A recent message of somebody that `author` hears; one of that `stance` where it is given and there is one."""
        society, rng = self.society, self.rng
        hears = society.hears[author.community]
        if stance is None:  # answers reach further than applause
            hears = tuple((heard + size) / 2 for heard, size in zip(hears, society.sizes, strict=True))
        found = None
        for community in rng.choices(range(len(hears)), hears, k=TRIES):
            pool = self.pools[author.platform, subject, community]
            if not pool:
                continue
            candidate = pool[-1 - int(len(pool) * rng.random() ** 2)]
            # Few repeat what they do not approve.
            agreed = stance is None or candidate.stance is stance or rng.random() < 0.03
            if candidate.author is author or candidate.at >= at or not agreed:
                continue
            # What is repeated already is seen more, hence repeated more.
            if stance is None or rng.random() < 0.1 + 0.35 * candidate.reposts:
                return candidate
            found = found or candidate
        return found

    def _stance(self, author: Author, subject: int, at: int) -> Stance | None:
        if subject >= len(self.society.proposals):
            return None
        return Stance.UNCLEAR if self.rng.random() < UNCLEAR else self._side(author, subject, at)

    def _side(self, author: Author, subject: int, at: int) -> Stance:
        day = (at - self.since) / (24 * HOUR_US)
        favour = self.society.opinions[subject].favour_on(author.community, day)
        return Stance.FAVOUR if author.leaning[subject] < favour else Stance.AGAINST


def _change_minds(messages: list[Message], until: int, rng: Random) -> None:
    # A message that nobody repeated or answered is the only kind that goes, so that no truth hangs on what is gone.
    # Edits come within the hour, deletions within three days.
    for message in messages:
        draw = rng.random()
        platform, original = message.author.platform, message.kind is not Kind.REPOST
        if draw < EDITED and platform == "mastodon" and original and message.campaign < 0:
            edited_at = message.at + rng.randrange(60_000, 3_600_000) * 1000
            message.edited_at = edited_at if edited_at < until else 0
        elif draw > 1 - DELETED and platform != "mastodon" and not message.answered:
            deleted_at = message.at + rng.randrange(60, 259_200) * 1_000_000
            message.deleted_at = deleted_at if deleted_at < until else 0
