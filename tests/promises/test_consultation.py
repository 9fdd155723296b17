"""A real consultation, whole: the shares that come out of the tallies are those that anyone can count by hand."""

import csv
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crawlers.files import read
from index.documents import position_document
from measures.tallies import tally
from polyphonie.intake import Border
from polyphonie.native import NativeVote
from polyphonie.pseudonyms import Keyring, OptOuts

CONSULTATIONS = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "consultations"
pytestmark = pytest.mark.skipif(not CONSULTATIONS.exists(), reason=f"no consultation in {CONSULTATIONS}")


def exact_shares() -> dict[str, tuple[int, int]]:
    """proposal -> (voters for, voters against), of those with at least eleven voters.

    The export gives one vote twice, under one id: one voter is counted once.
    """
    with (CONSULTATIONS / "rua_votes.csv").open(encoding="utf-8") as file:
        voted = {(row["proposal_id"].removeprefix("rua:"), row["voter"]): row["vote"] for row in csv.DictReader(file)}
    votes: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for (proposal, _), vote in voted.items():
        votes[proposal][vote] += 1
    return {proposal: (c["YES"], c["NO"]) for proposal, c in votes.items() if c.total() >= 11 and c["YES"] + c["NO"]}


def test_popularity_from_votes_is_exact(tmp_path):
    keys = Keyring(tmp_path / "keys")
    border = Border(keys, OptOuts(tmp_path / "opt-outs", keys))
    now = datetime.now(UTC)
    rows = read(CONSULTATIONS / "rua-fonctionnement.csv")
    votes = [native for row in rows for native in row.natives if isinstance(native, NativeVote)]
    positions = [position for vote in votes for position in border.admit(vote, now).positions]
    assert len(positions) == 9601
    sums: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for cell in tally(position_document(position, None, None) for position in positions):
        favour, against, unclear = cell.counts["voices"]
        sums[cell.proposal] += Counter({"favour": favour, "against": against, "unclear": unclear})
    exact = exact_shares()
    assert len(exact) > 100
    found = {proposal.split(":", 1)[1]: (s["favour"], s["against"]) for proposal, s in sums.items()}
    assert {proposal: found[proposal] for proposal in exact} == {
        proposal: pytest.approx(counts, abs=1e-6) for proposal, counts in exact.items()
    }
