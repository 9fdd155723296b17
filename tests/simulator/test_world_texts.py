"""The texts of the simulated world: enough of them, varied, and about proposals that no model was trained on."""

import json
import re
from pathlib import Path

import pytest

from simulator.world.society import HERE, society
from simulator.world.wording import sentences

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"
PROPOSALS = society().proposals


@pytest.mark.parametrize("proposal", PROPOSALS, ids=lambda proposal: proposal.id)
def test_each_proposal_has_its_texts(proposal):
    parts = sentences(f"texts/{proposal.id}.yaml")
    enough = {"favour": 14, "against": 14, "unclear": 5, "ironic_favour": 3, "ironic_against": 3, "hashtags": 3}
    assert {part: len(parts[part]) >= number for part, number in enough.items()} == dict.fromkeys(enough, True)
    assert len(proposal.paraphrases) >= 2
    assert proposal.negation


def test_no_sentence_comes_twice_and_all_are_of_a_credible_length():
    lines = [
        line
        for path in sorted((HERE / "texts").glob("*.yaml"))
        for part, texts in sentences(f"texts/{path.name}").items()
        if part != "hashtags"
        for line in texts
    ]
    assert len(lines) == len(set(lines)) >= 540
    assert all(3 <= len(line.split()) <= 60 and len(line) < 260 for line in lines)


def test_there_are_seven_sectors_of_two_proposals():
    sectors = [proposal.sector for proposal in PROPOSALS]
    assert {sector: sectors.count(sector) for sector in sectors} == dict.fromkeys(set(sectors), 2)
    assert len(set(sectors)) == 7


def test_other_talk_is_there():
    elsewhere = sentences("pools/elsewhere.yaml")
    assert len(elsewhere["fr"]) >= 60
    assert {language for language in elsewhere if language != "fr"} == {"en", "es", "ca", "oc", "de"}


def test_no_proposal_is_one_of_the_training_corpus():
    if not CORPUS.exists():
        pytest.skip("the training corpus is not here")
    trained = [
        set(re.findall(r"\w{4,}", json.loads(line)["statement"].casefold()))
        for path in CORPUS.glob("*_proposals.jsonl")
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    for proposal in PROPOSALS:
        words = set(re.findall(r"\w{4,}", proposal.statement.casefold()))
        assert max(len(words & other) / len(words | other) for other in trained) < 0.4, proposal.id
