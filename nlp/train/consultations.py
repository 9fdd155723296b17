"""Arguments of real consultations, parted by proposal: some teach, some tune, and some only judge."""

import random
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

from nlp.models.pairs import Pair
from nlp.train.examples import AGAINST, FAVOUR, Example, read_jsonl
from polyphonie.errors import InputError

Part = Literal["training", "development", "test"]
_SIDES = {"FOR": FAVOUR, "AGAINST": AGAINST}
_OWN_VOTES = {"YES": FAVOUR, "NO": AGAINST}
TRAINING, DEVELOPMENT = 0.4, 0.2  # shares of the proposals; the rest is the test


def part_of(proposal: str) -> Part:
    """Where a proposal of a consultation belongs, by a hash of its id: the same for everybody, for ever."""
    place = int.from_bytes(blake2b(proposal.encode(), digest_size=8).digest(), "big") / 2**64
    return "training" if place < TRAINING else "development" if place < TRAINING + DEVELOPMENT else "test"


def read_arguments(path: Path, part: Part) -> list[Example]:
    """Arguments on the proposals of a part, as examples, without those whose author voted otherwise than they argued.

    Rows {proposal_id, proposal, text, stance: FOR/AGAINST, own_vote?}. About a tenth of the sides are wrong where
    nobody's vote tells (measured where it does: 10.3 %). Raises InputError, naming the row, when one is not of this
    shape: a consultation is one export, and what is wrong once may be wrong everywhere.
    """
    found = []
    for number, row in enumerate(read_jsonl(path), 1):
        missing = [key for key in ("proposal_id", "proposal", "text") if not isinstance(row.get(key), str)]
        if missing or row.get("stance") not in _SIDES:
            raise InputError(f"{path}, row {number}: {', '.join(missing) or 'stance'} is not what an argument has")
        if part_of(row["proposal_id"]) == part and _clean(row):
            found.append(Example(Pair(row["proposal"], row["text"].strip()), _SIDES[row["stance"]]))
    return found


def _clean(row: dict[str, Any]) -> bool:
    vote = row.get("own_vote")
    return vote is None or _OWN_VOTES.get(vote) == _SIDES[row["stance"]]


def balanced(examples: Sequence[Example], number: int, rng: random.Random) -> list[Example]:
    """At most `number` of them, as many for as against: consultations lean to one side, and a reader would learn it."""
    sides = [[one for one in examples if one.label == label] for label in (FAVOUR, AGAINST)]
    each = min(number // 2, *map(len, sides))
    return [one for side in sides for one in rng.sample(side, each)]
