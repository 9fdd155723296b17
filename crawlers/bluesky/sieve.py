"""From frames to what may be kept: nearly all of a stream is let go after a glance, and only counted."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from crawlers.bluesky.frames import Json, StreamError, Told, told
from crawlers.bluesky.parse import SOURCE, known_handle, parse, signed_in_only
from crawlers.bluesky.payload import COLLECTIONS, LIKE, PROFILE, REPOST, Event
from crawlers.bluesky.place import Place
from crawlers.bluesky.profiles import Profiles
from crawlers.bluesky.room import Message, Room, signed
from crawlers.bluesky.window import Window
from crawlers.criteria import Criteria
from crawlers.heard import Refused
from polyphonie.errors import PayloadError
from polyphonie.native import Native, NativeAccountGone, NativeDeletion, NativeLike, NativePost


@dataclass
class Sifted:
    """What a batch of frames came to. `gone`: our ids; `syncs`: accounts whose messages must be looked at
    again, and where that was said; `ended`: why the server ended the stream."""

    natives: list[Native] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    syncs: list[tuple[str, Place]] = field(default_factory=list, repr=False)
    advice: str = ""
    ended: str = ""
    seen: int = 0
    first_us: int = 0
    place: Place | None = None


class _Glimpse(NamedTuple):
    """A commit that may matter. `of`: what it answers, repeats or likes; `wanted`: its own words are enough."""

    place: Place
    uri: str
    of: tuple[str, ...] = ()
    event: Json | None = None
    message: Message | None = None
    wanted: bool = False
    deleted: bool = False
    reworded: bool = False
    again: bool = False  # it may have been stored before this process started

    def __repr__(self) -> str:
        return "_Glimpse()"


class Sieve:
    """`held` tells which of some uris are kept, as messages or as likes; `opted_out` who asked not to be heard."""

    def __init__(
        self,
        criteria: Criteria,
        profiles: Profiles,
        room: Room,
        held: Callable[[Sequence[str]], set[str]],
        opted_out: Callable[[str], bool],
    ) -> None:
        self._criteria, self._profiles, self._room, self._held = criteria, profiles, room, held
        self._opted_out = opted_out
        self._window = Window()
        self.through_us = 0  # up to here an earlier process has heard everything

    def sift(self, frames: Iterable[str | bytes], endpoint: str) -> Sifted:
        """Read frames, in their order, up to one that ends the stream."""
        sifted = Sifted()
        todo: list[_Glimpse | NativeAccountGone] = []
        for raw in frames:
            try:
                one = told(raw)
                if one is None:
                    sifted.unknown["frame"] += 1
                elif one.advice:
                    sifted.advice = one.advice
                elif found := self._glance(one, sifted, endpoint):
                    todo.append(found)
            except PayloadError as error:
                self._refuse(sifted, error)
            except StreamError as error:
                sifted.ended = str(error)
                break
        self._decide(todo, sifted)
        return sifted

    def _glance(self, one: Told, sifted: Sifted, endpoint: str) -> "_Glimpse | NativeAccountGone | None":
        event = one.event
        sifted.place = place = Place(one.time_us, one.seq, endpoint)
        sifted.first_us = sifted.first_us or one.time_us
        if not self._window.fresh(event, one.time_us):
            return None
        again = one.time_us <= self.through_us
        sifted.seen += not again
        for name in one.unknown:
            sifted.unknown[name] += 1
        kind = event.get("kind")
        if kind == "commit":
            return self._commit(event, place, sifted, again=again)
        if kind == "account":
            return next((found for found in parse(Event.read(event)) if isinstance(found, NativeAccountGone)), None)
        if kind == "identity":
            if handle := known_handle(Event.read(event)):
                self._profiles.name(event["did"], handle)
        elif kind == "sync":
            sifted.syncs.append((event["did"], place))
        else:
            sifted.unknown["kind"] += 1
        return None

    def _commit(
        self, event: Json, place: Place, sifted: Sifted, *, again: bool
    ) -> "_Glimpse | NativeAccountGone | None":
        commit = event.get("commit")
        if not isinstance(commit, dict) or commit.get("collection") not in COLLECTIONS:
            return None
        collection, operation = commit["collection"], commit.get("operation")
        if collection == PROFILE:
            return self._profile(Event.read(event))
        uri = f"at://{event['did']}/{collection}/{commit.get('rkey')}"
        if operation == "delete":
            return _Glimpse(place, uri, deleted=True, again=again)
        if collection in (LIKE, REPOST) and (subject := _subject(commit)):
            return _Glimpse(place, uri, (subject,), event, again=again)
        (message,) = parse(Event.read(event))
        if not isinstance(message, NativePost):
            return None  # a like whose subject only a parser can read; it has just been refused
        of = tuple(filter(None, (message.reply_to, message.quote_of, message.repost_of)))
        wanted = self._criteria.accepts(message)
        if not wanted and not of and operation == "create":
            sifted.counts["dropped"] += not again
            return None
        reworded = operation == "update"
        return _Glimpse(place, uri, of, message=message, wanted=wanted, reworded=reworded, again=again)

    def _profile(self, event: Event) -> NativeAccountGone | None:
        hidden = signed_in_only(event)
        if hidden is None:
            self._profiles.forget(event.did)
            return None
        before = self._profiles.standing(event.did)
        self._profiles.learn(event.did, hidden=hidden, handle=before.handle if before else None)
        return NativeAccountGone(source=SOURCE, author=event.did) if hidden else None

    def _decide(self, todo: list["_Glimpse | NativeAccountGone"], sifted: Sifted) -> None:
        asked = [uri for one in todo if isinstance(one, _Glimpse) for uri in (*one.of, *_own(one))]
        held = self._held(asked) if asked else set()
        for one in todo:
            if isinstance(one, NativeAccountGone):
                self._room.close(one.author)
                sifted.natives.append(one)
                continue
            if not (self._delete(one, held, sifted) if one.deleted else self._take(one, held, sifted)):
                sifted.counts["dropped"] += not one.again

    def _delete(self, one: _Glimpse, held: set[str], sifted: Sifted) -> bool:
        waited = self._room.leave(one.uri)
        if one.uri in held:
            held.discard(one.uri)
            sifted.natives.append(NativeDeletion(source=SOURCE, uri=one.uri))
            return True
        return waited

    def _take(self, one: _Glimpse, held: set[str], sifted: Sifted) -> bool:
        if one.again and one.uri in held and not one.reworded:
            return True  # it was stored before
        leader = None
        if not one.wanted and held.isdisjoint((one.uri, *one.of)):
            leader = next((uri for uri in (one.uri, *one.of) if uri in self._room), None)
            if leader is None:
                return False
        try:
            message = one.message or _message(one.event or {})
        except PayloadError as error:
            self._refuse(sifted, error)
            return True
        held_back = self._room if leader and leader != one.uri else None
        standing = self._profiles.standing(message.author or "")
        if standing and standing.hidden:
            sifted.counts["signed-in only"] += 1
        elif standing and held_back is None and one.uri not in self._room:
            sifted.natives.append(signed(message, standing.handle))
            held.add(one.uri)
        elif self._opted_out(message.author or ""):
            sifted.counts["opted out"] += 1  # the AppView is not even asked
        elif isinstance(message, NativeLike) and self._room.full_of_likes:
            # A well-known post may have more likes than profiles can be had; posts must not wait behind them.
            sifted.counts["likes unverified"] += 1
        else:
            self._room.enter(message, one.place, leader if held_back else None)
        return True

    def _refuse(self, sifted: Sifted, error: PayloadError) -> None:
        # Its instant would point to one public message.
        sifted.refused.append(Refused("an event", str(error)))


def _own(one: _Glimpse) -> tuple[str, ...]:
    # A new message cannot be known, unless it comes again.
    return (one.uri,) if one.deleted or one.again or one.reworded else ()


def _subject(commit: dict[str, Any]) -> str:
    record = commit.get("record")
    subject = record.get("subject") if isinstance(record, dict) else None
    uri = subject.get("uri") if isinstance(subject, dict) else None
    return uri if isinstance(uri, str) and uri.startswith("at://") else ""


def _message(event: Json) -> Message:
    (message,) = parse(Event.read(event))
    assert not isinstance(message, NativeDeletion | NativeAccountGone)
    return message  # type: ignore[return-value]
