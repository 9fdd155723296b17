"""The real export of a national consultation: every row accounted for, repairs as good as those made by hand."""

import csv
import json
import re
from collections import Counter
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from crawlers.files import read
from crawlers.text import tidy
from polyphonie.native import NativeDeletion, NativePost, NativeProposal, NativeVote

FOLDER = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "consultations"
EXPORT = FOLDER / "rua-fonctionnement.csv"
pytestmark = pytest.mark.skipif(not EXPORT.exists(), reason=f"no consultations ({EXPORT.name}) beside this checkout")

STANCES = {"FOR": "favour", "AGAINST": "against", "YES": "favour", "NO": "against", "MITIGE": "unclear"}
PARIS = ZoneInfo("Europe/Paris")


@pytest.fixture(scope="module")
def rows():
    return list(read(EXPORT))


@pytest.fixture(scope="module")
def natives(rows):
    return [native for row in rows for native in row.natives]


def by_hand(name):
    with (FOLDER / name).open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def written(native):
    return native.created_at.astimezone(PARIS).strftime("%Y-%m-%dT%H:%M:%S")


def same_text(ours, theirs):
    # By hand, spaces and lines were joined, and what the export put inside a text was left there.
    left = re.sub(r"[;,]*(?:\d{2}/\d{2}/\d{4} \d{2}:\d{2}|\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2})$|;{8,}", "", theirs)
    return re.sub(r"\s+", " ", ours) == re.sub(r"\s+", " ", tidy(left))


def test_every_row_is_accounted_for(rows):
    assert Counter(row.outcome for row in rows) == {"imported": 11_733, "repaired": 79, "quarantined": 19}
    assert len(rows) == 11_831
    assert Counter(row.reason for row in rows if row.reason) == {
        "cut short: date taken from the identifier": 66,
        "cut short after its date": 6,
        "shifted by one column": 6,
        "separators inside the text": 1,
        "type not kept: reportings": 13,
        "type not kept: source": 6,
    }


def test_arguments_agree_with_those_repaired_by_hand(natives):
    arguments = {native.uri: native for native in natives if isinstance(native, NativePost)}
    expected = by_hand("rua_arguments.jsonl")
    assert len(arguments) == len(expected) == 1_777
    for hand in expected:
        ours = arguments[hand["id"].removeprefix("rua:arg:")]
        assert f"rua:{ours.proposal}" == hand["proposal_id"]
        assert ours.stance == STANCES[hand["stance"]]
        assert hand["created_at"] in (None, written(ours))
        assert ours.reach.likes == hand["votes"] or ours.flags == ("repaired",)
        assert same_text(ours.text, hand["text"])


def test_proposals_agree_with_those_repaired_by_hand(natives):
    proposals = {native.uri: native for native in natives if isinstance(native, NativeProposal)}
    hidden = {native.uri for native in natives if isinstance(native, NativeDeletion)}
    expected = {hand["proposal_id"].removeprefix("rua:"): hand for hand in by_hand("rua_proposals.jsonl")}
    assert proposals.keys() | hidden == expected.keys()
    assert (len(proposals), len(hidden)) == (433, 1)  # a moderator hid one, and the platform shows it no more
    for uri, ours in proposals.items():
        hand = expected[uri]
        assert tidy(ours.section) == tidy(hand["section"])
        assert hand["created_at"] in (None, written(ours))
        if ";" in hand["title"] and not same_text(ours.title, hand["title"]):  # by hand, the two were left together
            assert same_text(f"{ours.title};{ours.body}", hand["title"])
        else:
            assert same_text(ours.title, hand["title"])
            assert same_text(ours.body, hand["body"])


def test_votes_agree(natives):
    votes = [native for native in natives if isinstance(native, NativeVote)]
    with (FOLDER / "rua_votes.csv").open(encoding="utf-8") as file:
        expected = Counter(
            (row["proposal_id"].removeprefix("rua:"), STANCES[row["vote"]], row["created_at"])
            for row in csv.DictReader(file)
        )
    assert Counter((vote.proposal, str(vote.stance), written(vote)) for vote in votes) == expected
    assert len(votes) == 9_601
    assert len({vote.uri for vote in votes}) == 9_600  # the export repeats one of its rows, and it is one vote
    assert len({vote.author for vote in votes}) == 2_714


def test_a_stopped_import_goes_on_where_it_stopped(rows):
    for number in (1, 600, 7_433, 7_434, 11_830, 11_831):
        assert list(read(EXPORT, rows[number - 1].cursor)) == rows[number:]
