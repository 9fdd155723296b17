"""What the crawl of a source came to."""

from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """`error`: why its last round ended early; empty when it did not."""

    name: str
    counts: Counter[str]
    error: str
