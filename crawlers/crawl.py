"""What one crawl shares between its spiders, and what the spool is given of what they hear: gated, in its order."""

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from pydantic import ValidationError

from crawlers.criteria import Criteria
from crawlers.heard import Heard
from crawlers.simulated import marked, simulated, simulating
from crawlers.sources import Source
from polyphonie.intake import Border
from polyphonie.journal import Entry
from polyphonie.native import Native, NativeAccountGone, NativeDeletion, NativeLike, NativePost
from polyphonie.records import Envelope, Interaction
from polyphonie.spool import Arrival, Spool

BORDER = "at the border"  # the place of what its platform says well, and we cannot keep


def _now(native: Native) -> datetime:  # noqa: ARG001 (a simulated clock reads it)
    return datetime.now(UTC)


@dataclass
class Crawl:
    """`clock` gives the instant of reception: ours, or in a simulation that of its world. `simulated`: what is heard is
    nobody's, and every record says so."""

    spool: Spool
    border: Border
    contact: str
    follow: bool = False
    clock: Callable[[Native], datetime] = _now
    simulated: bool = False
    proposals: Callable[[Source], Criteria] = field(
        default=lambda source: Criteria((), source.keywords, source.hashtags)
    )
    report: Callable[[str, Counter[str]], None] = field(default=lambda name, counts: None)  # noqa: ARG005

    def __post_init__(self) -> None:
        if self.simulated:
            self.border = simulating(self.border)

    def cursor(self, source: Source) -> dict[str, object]:
        """Where a source was left; empty at first."""
        found = self.spool.cursor(place(source))
        return found[0] if found else {}

    def known(self, source: str, uris: list[str]) -> set[str]:
        """Those of these native uris of a platform whose message is kept."""
        ids = {self.border.keys.record(source, uri): uri for uri in uris}
        return {ids[found] for found in self.spool.knows(ids)}

    def platform(self, name: str) -> str:
        """What records call a platform."""
        return marked(name) if self.simulated else name


def place(source: Source) -> str:
    """The name under which the spool keeps the cursor of a source."""
    return f"crawl:{source.name}"


def admitted(
    crawl: Crawl, source: Source, criteria: Criteria, heard: Heard, told: Collection[str] = ()
) -> tuple[Arrival, Counter[str]]:
    """The arrival that `heard` makes, and how many natives ended how: kept, dropped, gone, opted out, refused...

    told: ids of what was taken away before the rest of the batch could be stored; it is not counted again.
    """
    if crawl.simulated:
        heard = replace(heard, natives=[simulated(native) for native in heard.natives])
    platform = crawl.platform(source.platform)
    batch = _Batch(crawl, criteria, heard, told)
    for native in heard.natives:
        batch.take(native)
    for gone in heard.gone:
        batch.remove(batch.name(gone), platform, crawl.clock(NativeDeletion(source=platform, uri=gone)))
    outcomes = Counter({"seen": heard.seen, **heard.counts}) + batch.outcomes
    outcomes["refused"] += len(heard.refused)
    keys = crawl.border.keys
    watched = [(watch.ref, keys.record(source.platform, watch.uri)) for watch in heard.watches]
    entry = Entry(
        name=source.name,
        outcomes=outcomes,
        unknown=heard.unknown,
        refused=[*((one.place, one.reason) for one in heard.refused), *batch.refused],
        watched=[(ref, batch.name(found)) for ref, found in watched if found in batch.kept or found in batch.known],
        interactions=batch.interactions,
        gone=batch.unliked,
        left=batch.left,
        gap=heard.gap,
    )
    envelopes = list(batch.envelopes.values())
    return Arrival(place(source), envelopes, cursor=dict(heard.cursor), entry=entry), outcomes


class _Batch:
    """The natives of one batch, in their order: what comes first may be answered, liked or deleted by what follows."""

    def __init__(self, crawl: Crawl, criteria: Criteria, heard: Heard, told: Collection[str]) -> None:
        self.crawl, self.criteria, self.told = crawl, criteria, told
        self.outcomes: Counter[str] = Counter()
        self.envelopes: dict[str, Envelope] = {}
        self.refused: list[tuple[str, str]] = []
        self.interactions: list[Interaction] = []
        self.unliked: list[str] = []
        self.left: list[str] = []
        self.kept: set[str] = set()
        asked = [found for native in heard.natives for found in self._asked(native)]
        self.names = crawl.spool.named([*asked, *heard.gone])
        self.known = crawl.spool.knows([*asked, *self.names.values()])
        gone = [self._id(native.source, native.uri) for native in heard.natives if isinstance(native, NativeDeletion)]
        self.likes = crawl.spool.journal.is_interaction(gone)

    def take(self, native: Native) -> None:
        match native:
            case NativeDeletion():
                self._delete(native)
            case NativeAccountGone():
                self._close(native)
            case NativeLike():
                self._like(native)
            case NativePost() if not self._wanted(native):
                self.outcomes["dropped"] += 1
            case _:
                self._keep(native)

    def _keep(self, native: Native) -> None:
        at = self.crawl.clock(native)
        try:
            envelope = self.crawl.border.admit(native, at)
        except (ValidationError, OverflowError) as error:
            self.refused.append((BORDER, _reason(error)))
            self.outcomes["refused"] += 1
            return
        if envelope is None:
            self.outcomes["opted out"] += 1
            return
        self.envelopes[envelope.id] = envelope
        self.kept.add(envelope.id)
        if envelope.also:
            self.kept.add(envelope.also)
            self.names[envelope.also] = envelope.id
        self.outcomes["kept"] += 1
        if isinstance(native, NativePost):
            held = self.crawl.border.interactions(native, at)
            self.interactions.extend(one for one in held if self._holds(one.post))

    def _like(self, native: NativeLike) -> None:
        if not self._holds(self._id(native.source, native.of)):
            self.outcomes["dropped"] += 1
            return
        found = list(self.crawl.border.interactions(native, self.crawl.clock(native)))
        self.interactions.extend(found)
        self.outcomes["liked" if found else "opted out"] += 1

    def _delete(self, native: NativeDeletion) -> None:
        gone = self.name(self._id(native.source, native.uri))
        self.interactions = [one for one in self.interactions if gone not in (one.id, one.post)]
        if self._holds(gone):
            self.remove(gone, native.source, self.crawl.clock(native))
        elif gone in self.likes:
            self.unliked.append(gone)
            self.outcomes["unliked"] += 1
        elif gone not in self.told:
            self.outcomes["dropped"] += 1

    def _close(self, native: NativeAccountGone) -> None:
        border = self.crawl.border
        nodes = border.nodes(native.source, native.author)
        self.left.extend(nodes)
        self.interactions = [one for one in self.interactions if one.from_node not in nodes]
        tokens = set(border.tokens(native.source, native.author))
        here = [found for found, envelope in self.envelopes.items() if envelope.author in tokens]
        for gone in dict.fromkeys((*here, *self.crawl.spool.items_of(sorted(tokens)))):
            self.remove(gone, native.source, self.crawl.clock(native))
        self.outcomes["accounts gone"] += 1

    def remove(self, gone: str, source: str, at: datetime) -> None:
        self.envelopes.pop(gone, None)
        for name in (gone, *(also for also, named in self.names.items() if named == gone)):
            self.kept.discard(name)
            self.known.discard(name)
        self.interactions = [one for one in self.interactions if gone not in (one.id, one.post)]
        deletion = self.crawl.border.deletion(gone, source, at)
        self.envelopes[deletion.id] = deletion
        self.outcomes["gone"] += gone not in self.told

    def name(self, found: str) -> str:
        """The id of a message, from that or from its other name."""
        return self.names.get(found, found)

    def _wanted(self, native: NativePost) -> bool:
        # A message that is kept may be reworded until it matches nothing: the new wording must still replace the old.
        return self.criteria.accepts(native) or any(self._holds(found) for found in self._asked(native))

    def _holds(self, found: str) -> bool:
        return found in self.kept or found in self.known

    def _asked(self, native: Native) -> list[str]:
        uris: tuple[str | None, ...] = ()
        match native:
            case NativePost():
                uris = (native.uri, native.also, native.reply_to, native.repost_of, native.quote_of)
            case NativeDeletion():
                uris = (native.uri,)
            case NativeLike():
                uris = (native.of,)
        return [self._id(native.source, uri) for uri in uris if uri]

    def _id(self, source: str, uri: str) -> str:
        return self.crawl.border.keys.record(source, uri)


def _reason(error: ValidationError | OverflowError) -> str:
    if isinstance(error, OverflowError):
        return "an instant beyond the calendar"
    first = error.errors(include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
