"""The border: a native payload, as its parser read it, becomes an envelope of records without identities."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from polyphonie.native import (
    Native,
    NativeAccountGone,
    NativeDeletion,
    NativeLike,
    NativePost,
    NativeProposal,
    NativeVote,
)
from polyphonie.outlets import outlet_of
from polyphonie.pseudonyms import Keyring, OptOuts, epoch_of
from polyphonie.records import (
    Deletion,
    Endorsement,
    Envelope,
    Interaction,
    Kind,
    Link,
    Origin,
    Position,
    Post,
    Proposal,
    Stance,
    position_id,
    record_id,
)
from polyphonie.scrubbing import hashtags, link, scrub

# Clocks of senders drift; beyond this a date of the future is a lie or a mistake.
FUTURE_TOLERANCE = timedelta(hours=1)
_PLAIN_SLUG = re.compile(r"^[a-z0-9][a-z0-9._:-]{0,119}$")


@dataclass(frozen=True)
class Border:
    """What admission needs: the keys, those who opted out, and the signed list of public figures."""

    keys: Keyring
    opt_outs: OptOuts
    figures: Collection[str] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)  # platform's proposal -> the catalogue's

    def admit(self, native: Native, received_at: datetime) -> Envelope | None:
        """The envelope of a native record, or None when its author opted out (nothing of it is then kept).

        Likes have no envelope (see `interactions`), nor have accounts that are gone (see `tokens`).
        """
        match native:
            case NativeLike() | NativeAccountGone():
                return None
            case NativeDeletion():
                return self.deletion(self.keys.record(native.source, native.uri), native.source, received_at)
            case NativePost() | NativeVote() | NativeProposal() if self._opted_out(native):
                return None
            case NativePost():
                return self._post(native, received_at)
            case NativeVote():
                return self._vote(native, received_at)
            case NativeProposal():
                return self._proposal(native, received_at)

    def _opted_out(self, native: NativePost | NativeVote | NativeProposal | NativeLike) -> bool:
        identities = (native.author, None if isinstance(native, NativeLike) else native.handle)
        return any(identity and (native.source, identity) in self.opt_outs for identity in identities)

    def deletion(self, gone: str, source: str, received_at: datetime) -> Envelope:
        """The envelope that takes away the record `gone`."""
        return Envelope(
            id=record_id("deletion", gone),
            source=source,
            epoch=epoch_of(received_at, self.keys.epoch_days),
            deletion=Deletion(id=gone, source=source, received_at=received_at),
        )

    def interactions(self, native: NativePost | NativeLike, received_at: datetime) -> Iterator[Interaction]:
        """What a message, or a like, does to others' messages; nothing when its author opted out."""
        if self._opted_out(native):
            return
        keys, source = self.keys, native.source
        epoch = epoch_of(received_at, keys.epoch_days)
        targets: tuple[tuple[Endorsement, str | None], ...]
        if isinstance(native, NativeLike):
            targets = ((Endorsement.LIKE, native.of),)
        else:
            targets = (
                (Endorsement.REPLY, native.reply_to),
                (Endorsement.REPOST, native.repost_of),
                (Endorsement.QUOTE, native.quote_of),
            )
        for kind, target in targets:
            if target:
                yield Interaction(
                    id=keys.record(source, native.uri),
                    post=keys.record(source, target),
                    kind=kind,
                    epoch=epoch,
                    from_node=keys.node(source, native.author or f"anonymous {native.uri}", epoch),
                    to_node=keys.node(source, native.towards, epoch) if native.towards else None,
                    at=received_at,
                )

    def tokens(self, source: str, author: str) -> list[str]:
        """Tokens of an author, by native id, in every epoch that is open: what finds all that they wrote in these."""
        return [self.keys.author(source, author, epoch) for epoch in self.keys.open_epochs()]

    def nodes(self, source: str, author: str) -> set[str]:
        """Keys of an account among the interactions of every epoch that is open."""
        return {self.keys.node(source, author, epoch) for epoch in self.keys.open_epochs()}

    def _post(self, native: NativePost, received_at: datetime) -> Envelope:
        keys, source = self.keys, native.source
        epoch = epoch_of(received_at, keys.epoch_days)
        impossible = native.created_at > received_at + FUTURE_TOLERANCE
        flags = (
            (*native.flags, "impossible_date") if impossible and "impossible_date" not in native.flags else native.flags
        )
        names = (*native.names, *filter(None, (native.handle, native.author)))
        post = Post(
            id=keys.record(source, native.uri),
            source=source,
            kind=native.kind,
            title=scrub(native.title, names=names, figures=self.figures),
            text=scrub(native.text, names=names, figures=self.figures),
            created_at=native.created_at,
            received_at=received_at,
            at=native.created_at if native.trust_date and not impossible else received_at,
            reply_to=keys.record(source, native.reply_to) if native.reply_to else None,
            repost_of=keys.record(source, native.repost_of) if native.repost_of else None,
            quote_of=keys.record(source, native.quote_of) if native.quote_of else None,
            links=tuple(dict.fromkeys(_links(native.urls, names))),
            hashtags=hashtags(native.hashtags, names),
            reach=native.reach,
            flags=flags,
        )
        author = self._author(native, epoch)
        positions: tuple[Position, ...] = ()
        if native.proposal and native.stance:
            positions = (self._declared(native, post.id, native.stance, Origin.DECLARED, author, received_at, post.at),)
        also = keys.record(source, native.also) if native.also else None
        return Envelope(
            id=post.id,
            source=source,
            epoch=epoch,
            author=author,
            handle=self._handle(native, epoch),
            also=also,
            post=post,
            positions=positions,
        )

    def _vote(self, native: NativeVote, received_at: datetime) -> Envelope:
        epoch = epoch_of(received_at, self.keys.epoch_days)
        vote = self.keys.record(native.source, native.uri)
        author = self._author(native, epoch)
        at = native.created_at if native.trust_date and native.created_at <= received_at else received_at
        position = self._declared(native, vote, native.stance, Origin.VOTE, author, received_at, at)
        handle = self._handle(native, epoch)
        return Envelope(id=vote, source=native.source, epoch=epoch, author=author, handle=handle, positions=(position,))

    def _proposal(self, native: NativeProposal, received_at: datetime) -> Envelope:
        epoch = epoch_of(received_at, self.keys.epoch_days)
        names = (*native.names, *filter(None, (native.handle, native.author)))
        title = scrub(native.title, names=names, figures=self.figures)
        post = Post(
            id=self.keys.record(native.source, native.uri),
            source=native.source,
            kind=Kind.PROPOSAL,
            title=title,
            text=scrub(native.body, names=names, figures=self.figures),
            created_at=native.created_at,
            received_at=received_at,
            at=min(native.created_at, received_at),
        )
        slug = self._slug(native.source, native.uri)
        proposal = Proposal(
            id=slug,
            title=title,
            statement=title,
            sector=scrub(native.section, names=names),
            since=post.at.date(),
            post=post.id,
            source=native.source,
        )
        return Envelope(
            id=post.id,
            source=native.source,
            epoch=epoch,
            author=self._author(native, epoch),
            handle=self._handle(native, epoch),
            post=post,
            # The catalogue's own wording stands.
            proposal=None if slug in self.aliases.values() else proposal,
        )

    def _slug(self, source: str, native_id: str) -> str:
        slug = proposal_slug(source, native_id)
        return self.aliases.get(slug, slug)

    def _author(self, native: NativePost | NativeVote | NativeProposal, epoch: int) -> str:
        # Without an author, each message is its own voice: nothing says that two of them are one person's.
        return self.keys.author(native.source, native.author or f"anonymous {native.uri}", epoch)

    def _handle(self, native: NativePost | NativeVote | NativeProposal, epoch: int) -> str | None:
        return self.keys.handle(native.source, native.handle, epoch) if native.handle else None

    def _declared(
        self,
        native: NativePost | NativeVote,
        post: str,
        stance: Stance,
        origin: Origin,
        author: str,
        received_at: datetime,
        at: datetime,
    ) -> Position:
        proposal = self._slug(native.source, native.proposal or "")
        epoch = epoch_of(received_at, self.keys.epoch_days)
        return Position(
            id=position_id(post, proposal, origin),
            post=post,
            proposal=proposal,
            stance=stance,
            p_favour=float(stance is Stance.FAVOUR),
            p_against=float(stance is Stance.AGAINST),
            p_unclear=float(stance is Stance.UNCLEAR),
            origin=origin,
            voice=self.keys.voice(author, proposal, epoch),
            epoch=epoch,
            created_at=native.created_at,
            received_at=received_at,
            at=at,
            source=native.source,
        )


def _links(urls: Iterable[str], names: Collection[str]) -> Iterator[Link]:
    for url in urls:
        if found := link(url, names):
            outlet = outlet_of(found.url)
            yield found.model_copy(update={"outlet": outlet.slug}) if outlet else found


def proposal_slug(source: str, native_id: str) -> str:
    """Identifier of a platform's proposal: readable where the native one is plain, hashed where it is not."""
    slug = f"{source}:{native_id.casefold()}"
    return slug if _PLAIN_SLUG.match(slug) else f"{source}:{record_id(native_id)}"


def aliases_of(proposals: Iterable[Proposal]) -> dict[str, str]:
    """Where each proposal of a catalogue is known under another name: that name -> its id."""
    return {alias.casefold(): proposal.id for proposal in proposals for alias in proposal.known_as}
