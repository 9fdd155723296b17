"""The records that walk between rooms. Nothing here can hold a name, a handle or a profile.

Every identifier is a keyed hash in hexadecimal (see `polyphonie.pseudonyms`), every instant is UTC.
"""

from datetime import UTC, date, datetime
from enum import StrEnum
from hashlib import blake2b
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

Key = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16,64}$")]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._:-]{0,119}$")]


def _as_utc(moment: datetime) -> datetime:
    # A naive instant has no place on a curve: parsers must decide its zone, so it is refused here.
    if moment.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return moment.astimezone(UTC)


Instant = Annotated[datetime, AfterValidator(_as_utc)]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]


class Kind(StrEnum):
    POST = "post"
    REPLY = "reply"
    REPOST = "repost"
    QUOTE = "quote"
    ARGUMENT = "argument"
    PROPOSAL = "proposal"


class Stance(StrEnum):
    FAVOUR = "favour"
    AGAINST = "against"
    UNCLEAR = "unclear"


class Origin(StrEnum):
    """How a position is known, from the strongest evidence to the weakest."""

    HUMAN = "human"
    VOTE = "vote"
    DECLARED = "declared"
    PREDICTED = "predicted"


class Record(BaseModel):
    """What crosses a room: frozen, and closed to any field that is not written here."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Link(Record):
    """What a post points to: the registered domain and the canonical address, without tracking parameters."""

    domain: str
    url: str
    outlet: Slug | None = None  # of `polyphonie.outlets`, where the address is one's


class Reach(Record):
    """Public counters of a post when it was received; zero when the source does not say."""

    replies: int = Field(0, ge=0)
    reposts: int = Field(0, ge=0)
    likes: int = Field(0, ge=0)

    @property
    def total(self) -> int:
        """Times the message was shown on purpose: once by its author, once a repost. Likes do not show it."""
        return 1 + self.reposts


class Post(Record):
    """One public message, scrubbed."""

    id: Key
    source: Slug
    kind: Kind
    text: str
    title: str = ""
    lang: str = ""  # ISO 639-1, ours; empty until understood
    created_at: Instant  # claimed by the source
    received_at: Instant  # ours; the clock of record
    at: Instant  # what windows use: `created_at` where an official export vouches for it, else `received_at`
    reply_to: Key | None = None
    repost_of: Key | None = None
    quote_of: Key | None = None
    links: tuple[Link, ...] = ()
    hashtags: tuple[str, ...] = ()
    fold: Key | None = None  # group of near-copies; the id of its first member
    topic: str | None = None
    reach: Reach = Reach()
    flags: tuple[str, ...] = ()  # e.g. "bot", "impossible_date", "simulated"
    versions: dict[str, str] = Field(default_factory=dict)  # step -> model and version


class Position(Record):
    """One post, or one vote, about one proposal."""

    id: Key
    post: Key  # the post, or the vote itself, which has no text
    proposal: Slug
    stance: Stance
    p_favour: Probability
    p_against: Probability
    p_unclear: Probability
    origin: Origin
    voice: Key  # one person, for this proposal and this epoch only
    epoch: int  # see `polyphonie.pseudonyms.epoch_of`
    created_at: Instant
    at: Instant
    received_at: Instant | None = None  # ours; None where it is `at`
    source: Slug
    span: str = ""  # the words that decided it
    match: float | None = None  # score of the match to the proposal, 0 to 1; None where the source says the proposal
    model: str = ""  # model and version; empty for votes and declared sides
    declared: Stance | None = None  # beside a prediction: what the author said; such a prediction is not counted

    @property
    def counted(self) -> bool:
        """A prediction beside a declaration only measures the model; everything else counts."""
        return self.declared is None


class Proposal(Record):
    """A full sentence that one can be for or against."""

    id: Slug
    title: str
    statement: str
    negation: str = ""
    paraphrases: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    sector: str = ""
    known_as: tuple[str, ...] = ()  # the same proposal on platforms: "decidim:SITE:proposal:12"
    bearers: tuple[str, ...] = ()  # public figures or parties, from the signed list
    since: date | None = None
    post: Key | None = None  # the message that put it forward, where a platform did
    source: Slug = "catalogue"


class Endorsement(StrEnum):
    """What somebody did to another's message, in public."""

    REPLY = "reply"
    REPOST = "repost"
    QUOTE = "quote"
    LIKE = "like"


class Interaction(Record):
    """Who repeats, answers or likes whom, under node keys of one epoch; never leaves the secret side."""

    id: Key  # of the message that does it, or of the like
    post: Key  # what it is done to
    kind: Endorsement
    epoch: int
    from_node: Key
    to_node: Key | None  # where the source does not say whose message it is
    at: Instant


class Tally(Record):
    """Counts of one proposal, source, origin, day and epoch of reception: what remains when raw data expire.

    The day is that of what was said, the epoch that of its reception, so a tally is counted again only while every
    position received with it is still there: an old export, received today, makes tallies of its own.

    `counts` maps a weighting (voices, posts, reach) to (favour, against, unclear). `replicates` holds, for each
    weighting, the same sums of favour and against under B bootstrap weights (packed by `measures.columns.pack`; a
    weighting whose sums are those of the one before it is left out): with them an interval outlives the raw data.
    """

    id: Key
    proposal: Slug
    source: Slug
    origin: Origin
    day: date
    epoch: int
    counts: dict[str, tuple[float, float, float]]
    replicates: dict[str, str]


class Drawn(Record):
    """A post drawn to be labelled about one proposal, and how: enough to estimate with after its text is gone."""

    round: Slug
    post: Key
    proposal: Slug
    month: Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}$")]
    stratum: str
    stratum_size: int = Field(ge=1)
    place: int = Field(ge=0)  # in the random order of its stratum: answers count up to the first that is missing
    turn: int = Field(ge=0)  # in the order in which the round is read
    drawn_with: Annotated[float, Field(gt=0.0, le=1.0)]  # drawn in its stratum / size of its stratum
    p_favour: Probability  # what the model said then
    p_against: Probability
    p_unclear: Probability


class Round(Record):
    """One draw: what it was drawn from, and what the model said of all that could have been drawn."""

    id: Slug
    proposal: Slug | None = None  # None: all of them
    since: date
    until: date  # exclusive
    sources: tuple[str, ...] = ()
    sectors: tuple[str, ...] = ()
    seed: str
    made_at: Instant
    size: int = Field(ge=0)  # pairs of a post and a proposal that could have been drawn
    drawn: int = Field(ge=0)
    frame: dict[str, tuple[float, float, float]]  # proposal -> sums of p_favour, p_against and p_unclear


class Label(Record):
    """An answer to "is this post for, against, neither, or not about this proposal"; it outlives the text it is about.

    Whoever answers is a role, never a name: `annotatrice-1` for a person, `reader:SLUG` for a machine. A person who
    could not tell has `skipped` it, which is no answer but says that it was asked.
    """

    id: Key  # see `label_id`
    post: Key
    proposal: Slug
    answer: Annotated[str, StringConstraints(pattern="^(favour|against|neither|not_about|skipped)$")]
    drawn_with: Annotated[float, Field(gt=0.0, le=1.0)]
    answered_by: Slug
    at: Instant
    round: Slug | None = None  # of the draw in which it was asked
    words: Annotated[str, StringConstraints(pattern="^([0-9a-f]{4})?$")] = ""  # see `words_of`

    @property
    def human(self) -> bool:
        return not self.answered_by.startswith("reader:")


class Deletion(Record):
    """The source says that something is gone."""

    id: Key  # of the post or vote
    source: Slug
    received_at: Instant


class Envelope(Record):
    """What waits in the spool: records made from one native payload, and the author's token of this epoch.

    The token makes the voice of each position that is found later; it is wiped when its epoch closes.
    """

    id: Key
    source: Slug
    epoch: int
    author: Key | None = None
    handle: Key | None = None  # token of the handle, where it differs from the native id: people know only that one
    also: Key | None = None  # another name of the post, by which answers may point to it
    post: Post | None = None
    positions: tuple[Position, ...] = ()
    proposal: Proposal | None = None
    deletion: Deletion | None = None


def record_id(*parts: Any) -> str:
    """32 hexadecimal characters that depend on every part, in order. Not a secret: parts must hold no identity."""
    digest = blake2b(digest_size=16)
    for part in parts:
        encoded = str(part).encode()
        digest.update(len(encoded).to_bytes(4, "big") + encoded)
    return digest.hexdigest()


def position_id(post: str, proposal: str, origin: Origin) -> str:
    """A retry, or a second reading by a newer model, replaces the position instead of adding one."""
    return record_id("position", post, proposal, origin)


def label_id(post: str, proposal: str, answered_by: str) -> str:
    """One role has one answer about a post and a proposal: a correction replaces it."""
    return record_id("label", post, proposal, answered_by)


def words_of(text: str) -> str:
    """16 bits of a digest: enough to notice that a text was reworded, far too few to find out what it said."""
    return record_id("words", text)[:4]
