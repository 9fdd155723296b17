"""Lets raw text go when its time is over; tallies stay."""

from collections.abc import Collection as AnyOf
from datetime import datetime

from index.archive import midnight
from index.engine import Collection, Engine, Where

AGEING: tuple[Collection, ...] = ("posts", "positions")


def expire(engine: Engine, before: datetime, keep_sources: AnyOf[str] = ()) -> dict[Collection, int]:
    """Remove the posts and positions received before `before`, but for these sources (official open consultations).

    `before` is rounded down to its midnight, UTC, as in `Archive.expire`: both cut at the same place.

    Returns how many went, by collection.
    """
    kept = " ".join(f'NOT source:"{source}"' for source in sorted(keep_sources))
    old = Where(query=kept, until=midnight(before), date_field="received_at")
    return {collection: engine.delete_where(collection, old) for collection in AGEING}
