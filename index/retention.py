"""Lets raw text go when its time is over; tallies stay."""

from collections.abc import Collection as AnyOf
from datetime import datetime

from index.engine import Collection, Engine, Where

AGEING: tuple[Collection, ...] = ("posts", "positions")


def expire(engine: Engine, before: datetime, keep_sources: AnyOf[str] = ()) -> dict[Collection, int]:
    """Remove the posts and positions received before `before`, but for these sources (official open consultations).

    Returns how many went, by collection.
    """
    kept = " ".join(f'NOT source:"{source}"' for source in sorted(keep_sources))
    old = Where(query=kept, until=before, date_field="received_at")
    return {collection: engine.delete_where(collection, old) for collection in AGEING}
