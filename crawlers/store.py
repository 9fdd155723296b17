"""How what a spider hears reaches the spool: whole and once; and while it is full, what takes away does not wait."""

import asyncio
from collections import Counter
from datetime import UTC, datetime

from crawlers.crawl import Crawl, admitted
from crawlers.criteria import Criteria
from crawlers.heard import Heard
from crawlers.sources import Source
from polyphonie.errors import SpoolFull
from polyphonie.journal import Entry
from polyphonie.spool import Arrival

FULL_PAUSE_S = 2.0  # between two looks at a full spool


async def store(crawl: Crawl, source: Source, criteria: Criteria, heard: Heard) -> Counter[str]:
    """Put what was heard in the spool; while it is full the source waits, and says so. Returns the outcomes.

    Raises ValueError for a batch that no spool of this capacity can ever hold.
    """
    told: set[str] = set()
    early: Counter[str] = Counter()
    while True:
        # Admitted anew after each wait: who asked to be forgotten meanwhile is not in it any more.
        refused = crawl.border.opt_outs.number()
        arrival, outcomes = admitted(crawl, source, criteria, heard, told)
        coming = len(_ids(arrival))
        if coming > crawl.spool.capacity:
            raise ValueError(f"a batch of {coming} messages, for a spool that holds {crawl.spool.capacity}")
        try:
            outcomes["new"] = crawl.spool.put(arrival)
        except SpoolFull as full:
            early += _take_away(crawl, source, arrival, told)
            crawl.spool.journal.note(source.name, source.platform, "waiting", detail=str(full))
            await asyncio.sleep(FULL_PAUSE_S)
            continue
        if crawl.border.opt_outs.number() != refused:
            _take_back(crawl, source, criteria, heard, arrival)
        return outcomes + early


def _take_away(crawl: Crawl, source: Source, arrival: Arrival, told: set[str]) -> Counter[str]:
    """Store at once what an arrival takes away, without its cursor: doing it again with the rest changes nothing.

    told: what was taken away before; grows. Returns the outcomes.
    """
    entry = arrival.entry or Entry(name=source.name)
    deletions = [one for one in arrival.envelopes if one.deletion and one.deletion.id not in told]
    unliked = [found for found in entry.gone if found not in told]
    if not deletions and not unliked and told.issuperset(entry.left):
        return Counter()
    outcomes = Counter({"gone": len(deletions), "unliked": len(unliked)})
    early = Entry(name=source.name, outcomes=outcomes, gone=unliked, left=entry.left)
    new = crawl.spool.put(Arrival(arrival.source, deletions, entry=early))
    told.update(*([one.deletion.id] for one in deletions if one.deletion), unliked, entry.left)
    return outcomes + Counter({"new": new})


def _take_back(crawl: Crawl, source: Source, criteria: Criteria, heard: Heard, stored: Arrival) -> None:
    """Delete what was stored of those who opted out between its admission and its storage."""
    again, _ = admitted(crawl, source, criteria, heard)
    left = _ids(stored) - _ids(again)
    now = datetime.now(UTC)
    deletions = [crawl.border.deletion(gone, crawl.platform(source.platform), now) for gone in sorted(left)]
    undone = _likes(stored) - _likes(again)
    crawl.spool.put(Arrival("forget", deletions, entry=Entry(name=source.name, gone=sorted(undone))))


def _ids(arrival: Arrival) -> set[str]:
    return {envelope.id for envelope in arrival.envelopes if envelope.deletion is None}


def _likes(arrival: Arrival) -> set[str]:
    return {one.id for one in arrival.entry.interactions} if arrival.entry else set()
