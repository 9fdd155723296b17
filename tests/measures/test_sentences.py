"""French sentences made by rules: what they claim is what the interval allows."""

import re
from datetime import date
from math import nan

import numpy as np
import pytest

from measures.evidence import UNKNOWN, ProposalRow
from measures.popularity import Difference, Estimate, Rank
from measures.sentences import sentences
from measures.window import View
from polyphonie.records import Proposal

WEEK = View(date(2026, 3, 2), date(2026, 3, 9))


def row(
    name: str,
    share: float,
    half: float = 0.04,
    change: tuple[float, float, float] | None = None,
    rank: tuple[int, int, int] = (1, 1, 1),
    voices: float = 200,
) -> ProposalRow:
    estimate = Estimate(share, share - half, share + half, "raw", voices, np.full(256, share))
    moved = Difference(*change) if change else None
    proposal = Proposal(id=name, title=name.capitalize(), statement=name)
    return ProposalRow(proposal, estimate, estimate, voices, voices, 0, ("forum",), moved, Rank(*rank), (), "")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            [row("a", 0.613, change=(0.041, 0.012, 0.07))],
            "« A » est approuvée par **61 %** des voix qui prennent parti (entre 57 et 65), en hausse probable depuis"
            " la semaine précédente (+4 points, entre +1 et +7).",
        ),
        (
            [row("a", 0.613, change=(-0.01, -0.04, 0.02))],
            "« A » est approuvée par **61 %** des voix qui prennent parti (entre 57 et 65), pas de différence établie"
            " avec la semaine précédente.",
        ),
        (
            [row("a", 0.613, change=(-0.014, -0.02, -0.006))],
            "« A » est approuvée par **61 %** des voix qui prennent parti (entre 57 et 65), en baisse probable depuis"
            " la semaine précédente (−1 point, entre −2 et −1).",
        ),
        (
            [row("a", 0.8, rank=(1, 1, 2)), row("b", 0.75, rank=(1, 2, 2))],
            "« A » arrive en tête, sans se détacher (rangs 1 à 2) : **80 %** des voix qui prennent parti"
            " (entre 76 et 84).",
        ),
        (
            [row("a", 0.8), row("b", 0.3, rank=(2, 2, 2))],
            "« A » est la plus approuvée : **80 %** des voix qui prennent parti (entre 76 et 84).",
        ),
    ],
)
def test_first_sentence(rows: list[ProposalRow], said: str) -> None:
    # The table is written with plain spaces; the typography is another test.
    assert re.sub(r"[\u202f\u00a0]", " ", sentences(rows, WEEK)[0].text_fr) == said


def test_spaces_that_do_not_break() -> None:
    text = sentences([row("a", 0.8), row("b", 0.3, rank=(2, 2, 2))], WEEK)[0].text_fr
    assert text.startswith("«\u202fA\u202f» est la plus approuvée\u00a0: **80\u202f%**")


def test_each_proposal_is_told_once_in_at_most_five_sentences() -> None:
    rows = [
        row("a", 0.9),
        row("b", 0.7, change=(0.1, 0.05, 0.15), rank=(2, 2, 2)),
        row("c", 0.6, voices=12_340, rank=(3, 3, 3)),
        row("d", 0.51, rank=(4, 4, 4)),
        row("e", 0.2, change=(0.3, 0.1, 0.4), rank=(5, 5, 5)),
    ]
    told = sentences(rows, WEEK)
    assert [sentence.proposal_id for sentence in told] == ["a", "e", "b", "d", "c"]
    assert "pas de majorité établie" in told[3].text_fr
    assert "12\u202f340 voix" in told[4].text_fr


def test_what_is_masked_is_not_told() -> None:
    hidden = ProposalRow(
        Proposal(id="a", title="A", statement="A"), UNKNOWN, UNKNOWN, 0, 0, 0, (), None, None, (), "moins de 11 voix"
    )
    assert sentences([hidden], WEEK) == []


def test_a_title_cannot_write_markdown() -> None:
    odd = row("a", 0.6)
    proposal = Proposal(id="a", title="[lien](http://exemple.fr) **gras**.", statement="A")
    text = sentences([ProposalRow(**{**odd.__dict__, "proposal": proposal})], WEEK)[0].text_fr
    assert "\\[lien\\](http://exemple.fr) \\*\\*gras\\*\\*\u202f»" in text


def test_an_unknown_change_is_not_a_change() -> None:
    text = sentences([row("a", 0.6, change=(nan, -1, 1))], WEEK)[0].text_fr
    assert "différence" not in text
