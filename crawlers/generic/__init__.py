"""Any JSONL or CSV file, described by a mapping in YAML."""
