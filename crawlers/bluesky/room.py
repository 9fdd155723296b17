"""Where messages wait until the standing of their author is known; their place in the stream is held for them."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from crawlers.bluesky.place import Place
from crawlers.bluesky.profiles import AT_ONCE, Profiles
from polyphonie.native import NativeLike, NativePost

Message = NativePost | NativeLike

TRIES = 4
LONGEST_S = 60.0  # between two questions that nobody answers
PATIENCE_S = 5.0  # so that one request serves several authors
SEATS = 2_000  # beyond, nothing more is read until some have left
SEATS_OF_LIKES = SEATS // 2  # beyond, no like comes in


@dataclass
class _Guest:
    message: Message = field(repr=False)
    place: Place
    since: float
    leader: str | None = field(default=None, repr=False)  # the uri of a waiting message, without which it is nothing


class Room:
    """Messages by uri, in the order in which they came."""

    def __init__(self, profiles: Profiles, retry_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._profiles = profiles
        self._retry_s = retry_s
        self._clock = clock
        self._guests: dict[str, _Guest] = {}
        self._tries: dict[str, tuple[int, float]] = {}  # of an author: how often left out of an answer, when next
        self._likes = 0
        self._quiet_until = float("-inf")
        self.unanswered = 0  # questions in a row

    def __len__(self) -> int:
        return len(self._guests)

    def __contains__(self, uri: str) -> bool:
        return uri in self._guests

    @property
    def full(self) -> bool:
        return len(self._guests) >= SEATS

    @property
    def full_of_likes(self) -> bool:
        return self._likes >= SEATS_OF_LIKES

    @property
    def deaf(self) -> bool:
        """Was nothing answered for so long that it is time to say so?"""
        return self.unanswered >= TRIES and bool(self._guests)

    @property
    def first(self) -> Place | None:
        """The place of what has waited longest."""
        return next(iter(self._guests.values())).place if self._guests else None

    def enter(self, message: Message, place: Place, leader: str | None = None) -> None:
        if known := self._guests.get(message.uri):
            known.message = message  # reworded while it waited
        else:
            self._guests[message.uri] = _Guest(message, place, self._clock(), leader)
            self._likes += isinstance(message, NativeLike)

    def leave(self, uri: str) -> bool:
        """A message is gone, and what was said of it means nothing any more. Was it there?"""
        if self._stand_up(uri) is None:
            return False
        for follower in [found for found, guest in self._guests.items() if guest.leader == uri]:
            self.leave(follower)
        return True

    def close(self, author: str) -> None:
        """An account is gone."""
        for uri in self.of(author):
            self.leave(uri)

    def of(self, author: str) -> list[str]:
        """What of an author is waiting."""
        return [uri for uri, guest in self._guests.items() if guest.message.author == author]

    def unknown(self, *, hurry: bool = False) -> list[str]:
        """Authors to ask for now: as many as one request takes, once they are that many or have waited long enough."""
        now = self._clock()
        if now < self._quiet_until:
            return []
        authors: dict[str, float] = {}
        for guest in self._guests.values():
            author = guest.message.author or ""
            if guest.leader in self._guests or author in authors or self._profiles.standing(author):
                continue
            if self._tries.get(author, (0, 0.0))[1] <= now:
                authors[author] = guest.since
                if len(authors) == AT_ONCE:
                    return list(authors)
        ripe = hurry or any(now - since >= PATIENCE_S or author in self._tries for author, since in authors.items())
        return list(authors) if ripe else []

    def asked(self, authors: list[str]) -> None:
        """There was an answer: those of whom it says nothing are asked for again later."""
        self.hope()
        for author in authors:
            if self._profiles.standing(author):
                self._tries.pop(author, None)
            else:
                times = self._tries.get(author, (0, 0.0))[0] + 1
                self._tries[author] = (times, self._clock() + self._retry_s * 2**times)

    def not_answered(self, *, times: int = 1) -> None:
        """Nobody answered, which is held against nobody: all stay, and are asked for after a while."""
        self.unanswered += times
        self._quiet_until = self._clock() + min(LONGEST_S, self._retry_s * 2**self.unanswered)

    def hope(self) -> None:
        """A new round: somebody may answer now."""
        self.unanswered, self._quiet_until = 0, float("-inf")

    def settled(self, counts: Counter[str], at_most: int = 500) -> tuple[list[Message], list[str]]:
        """Those who may go in, so many at once and in their order, and authors who are for signed-in visitors only.

        Messages of these, and of authors of whom nothing can be learnt, leave and are counted.
        """
        admitted: list[Message] = []
        hidden: list[str] = []
        for uri, guest in list(self._guests.items()):
            if len(admitted) == at_most:
                break
            if uri not in self._guests or guest.leader in self._guests:
                continue
            author = guest.message.author or ""
            standing = self._profiles.standing(author)
            if standing and not standing.hidden:
                self._stand_up(uri)
                admitted.append(signed(guest.message, standing.handle))
            elif standing or self._tries.get(author, (0, 0.0))[0] >= TRIES:
                counts["signed-in only" if standing else "profile unknown"] += 1
                hidden += [author] if standing else []
                before = len(self._guests)
                self.leave(uri)
                counts["dropped"] += before - len(self._guests) - 1
        here = {guest.message.author for guest in self._guests.values()}
        self._tries = {author: tried for author, tried in self._tries.items() if author in here}
        return admitted, list(dict.fromkeys(hidden))

    def _stand_up(self, uri: str) -> _Guest | None:
        guest = self._guests.pop(uri, None)
        self._likes -= guest is not None and isinstance(guest.message, NativeLike)
        return guest


def signed(message: Message, handle: str | None) -> Message:
    """The message, with what its author is called."""
    return replace(message, handle=handle) if handle and isinstance(message, NativePost) else message
