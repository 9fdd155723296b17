"""Which positions a view holds."""

from index.engine import Where
from measures.window import View


def search_where(query: str, view: View) -> Where:
    """Counted positions that match a query in a view."""
    terms: dict[str, tuple[str | bool, ...]] = {"counted": (True,)}
    terms |= {"source": view.sources} if view.sources else {}
    terms |= {"sector": view.sectors} if view.sectors else {}
    terms |= {"origin": view.origins} if view.origins else {}
    return Where(query, terms, view.start, view.end)
