"""The index: one interface, two engines (embedded tantivy, Elasticsearch)."""

from index.engine import COLLECTIONS, EVERYTHING, Collection, Document, Engine, Hits, Where, Written

__all__ = ["COLLECTIONS", "EVERYTHING", "Collection", "Document", "Engine", "Hits", "Where", "Written"]
