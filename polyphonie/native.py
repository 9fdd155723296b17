"""What a parser makes of a native payload, in memory only: here identities are still plain, and nothing is stored.

A parser is pure (`payload -> Iterator[Native]`) and knows no key. `polyphonie.intake.admit` turns each of these into
an `Envelope` of records and drops what it must not keep. The fields that hold identities are left out of `repr`, so
that neither a log nor a traceback shows them.
"""

from dataclasses import dataclass, field
from datetime import datetime

from polyphonie.records import Kind, Reach, Stance


@dataclass(frozen=True, kw_only=True)
class NativePost:
    """A message. `uri` is whatever names it for ever on its platform; `author` whatever names its author there."""

    source: str
    uri: str = field(repr=False)
    kind: Kind
    text: str = field(repr=False)  # plain text, not HTML; mentions still inside
    created_at: datetime  # with its time zone
    author: str | None = field(default=None, repr=False)
    handle: str | None = field(default=None, repr=False)  # what the author would type to be forgotten
    names: tuple[str, ...] = field(default=(), repr=False)  # other identities in the payload, to wipe from the text
    title: str = field(default="", repr=False)
    also: str | None = field(default=None, repr=False)  # another name of this message, which its answers may use
    reply_to: str | None = field(default=None, repr=False)  # uris
    repost_of: str | None = field(default=None, repr=False)
    quote_of: str | None = field(default=None, repr=False)
    towards: str | None = field(default=None, repr=False)  # author of what is answered, repeated or quoted
    urls: tuple[str, ...] = field(default=(), repr=False)
    hashtags: tuple[str, ...] = ()
    reach: Reach = Reach()
    flags: tuple[str, ...] = ()
    proposal: str | None = None  # native id of the proposal it was written under, where the source says it
    stance: Stance | None = None  # the side its author declared
    trust_date: bool = False  # an official export: `created_at` is then the clock


@dataclass(frozen=True, kw_only=True)
class NativeVote:
    """A vote on a proposal; it has no text."""

    source: str
    uri: str = field(repr=False)
    proposal: str
    stance: Stance
    created_at: datetime
    author: str | None = field(default=None, repr=False)
    handle: str | None = field(default=None, repr=False)
    trust_date: bool = True


@dataclass(frozen=True, kw_only=True)
class NativeProposal:
    """A proposal that a platform puts to the vote. `uri` is the native id that votes and arguments point to."""

    source: str
    uri: str
    title: str
    body: str = ""
    section: str = ""
    created_at: datetime
    author: str | None = field(default=None, repr=False)
    handle: str | None = field(default=None, repr=False)
    names: tuple[str, ...] = field(default=(), repr=False)  # other identities in the payload, to wipe from its texts


@dataclass(frozen=True, kw_only=True)
class NativeDeletion:
    """The platform says that a message, or a like, is gone."""

    source: str
    uri: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class NativeLike:
    """Somebody likes a message. `towards`: the author of that message."""

    source: str
    uri: str = field(repr=False)
    of: str = field(repr=False)
    created_at: datetime
    author: str = field(repr=False)
    towards: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class NativeAccountGone:
    """The platform says that an account is gone or hidden, and with it everything that it wrote."""

    source: str
    author: str = field(repr=False)


Native = NativePost | NativeVote | NativeProposal | NativeDeletion | NativeLike | NativeAccountGone
