"""Stronger readers: too slow to read everything, they read a sample of what the stance model read, and check it."""

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

from nlp.models.pairs import Pair

LONGEST_SLUG = 120 - len("reader:")
Told = Literal["favour", "against", "neither", "not_about"]


class Answer(NamedTuple):
    """What a reader says of one pair, in the answers of `polyphonie.records.Label`.

    answer: None when what it said could not be understood. probabilities: of favour, against and neither; None where
    the reader gives none.
    """

    answer: Told | None
    probabilities: tuple[float, float, float] | None = None


class Reader(Protocol):
    """A name for people, a version that changes with anything that may change an answer, and how it reads."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def together(self) -> int:
        """Pairs that are worth giving at once; what one call of `read` had not returned is lost if it fails."""
        ...

    def read(self, pairs: Sequence[Pair]) -> list[Answer]:
        """One answer a pair, in order. Raises a PolyphonieError when the reader cannot be reached."""
        ...


def role_of(reader: Reader) -> str:
    """Under which its answers are kept: `reader:` and its version, in the characters that a role may have."""
    slug = re.sub(r"[^a-z0-9._:-]+", "-", reader.version.lower()).strip("-._:")
    # The end of a version is its digest, which must stay.
    return "reader:" + (slug if len(slug) <= LONGEST_SLUG else slug[: LONGEST_SLUG - 12] + slug[-12:])
