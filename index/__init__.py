"""The index: one interface, two engines (embedded tantivy, Elasticsearch)."""
