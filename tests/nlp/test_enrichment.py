"""A content is read once by each reader, as what its source makes of it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import pytest

from nlp.calibration import UNCALIBRATED, Calibration, Fit, Map
from nlp.enrichment import Enricher
from nlp.folding import FoldStore
from nlp.matching import Match
from nlp.models.backends import Backend
from nlp.stance import StanceModel
from nlp.verdicts import VerdictStore
from polyphonie.records import Envelope, Kind, Post, record_id

TEXT = "Je suis pour un smic à 1 800 euros net, il faut pouvoir vivre de son travail partout en France."


def calibrated(**temperatures: float) -> Calibration:
    fits = {
        family: Fit(map=Map(temperature=value), kind="temperature", fitted_on="x", n=9, tried={})
        for family, value in temperatures.items()
    }
    return Calibration(reader="sha256:x", families=fits)


@dataclass
class Everything:
    """Stands where the embedder, the gate and the reader do: every text is about one proposal, and rather for it."""

    calibration: Calibration = UNCALIBRATED
    version: str = "fake"
    proposals: tuple = ()
    asked: list = field(default_factory=list)

    def encode(self, texts):
        return np.ones((len(texts), 2), np.float32)

    def match(self, texts, embeddings, parents, threshold):
        return [[Match("smic", 0.9)] for _ in texts]

    def logits(self, pairs):
        self.asked += pairs
        return np.tile(np.array([[2.0, 0.0, -1.0]], np.float32), (len(pairs), 1))

    def model(self) -> StanceModel:
        return StanceModel(Backend("stance-1", self.logits), self.calibration)


def enricher(folder, everything: Everything) -> Enricher:
    return Enricher(
        folds=FoldStore(folder / "folds.sqlite"),
        verdicts=VerdictStore(folder / "verdicts.sqlite"),
        embedder=everything,
        matcher=everything,
        stance=everything.model(),
        topics=None,
        voice=lambda author, proposal, epoch: record_id(author, proposal, epoch),
        recall=lambda ids: {},
        match_from=0.5,
        abstain_below=0.0,
        statements={"smic": "Le smic doit monter."},
    )


def said(number: int, source: str, text: str = TEXT) -> Envelope:
    name, now = record_id(number), datetime(2026, 3, 1, tzinfo=UTC)
    post = Post(id=name, source=source, kind=Kind.POST, text=text, created_at=now, received_at=now, at=now)
    return Envelope(id=name, source=source, epoch=1, author=record_id("author", number), post=post)


def favour(found) -> list[float]:
    return [position.p_favour for one in found for position in one.positions]


def test_a_copy_is_calibrated_as_its_source(tmp_path):
    everything = Everything(calibrated(consultation=4.0, social=0.5))
    reads = enricher(tmp_path, everything)
    sources = ["bluesky", "capcollectif-ville", "mastodon", "repnum"]
    post, argument, *again = favour(reads.enrich([said(n, source) for n, source in enumerate(sources)]))
    assert post > 0.9 > 0.6 > argument
    assert again == [post, argument]
    assert len(everything.asked) == 2


@pytest.mark.parametrize(
    ("before", "after", "again"),
    [
        (UNCALIBRATED, UNCALIBRATED, 0),
        (calibrated(social=2.0), calibrated(social=2.0), 0),
        (UNCALIBRATED, calibrated(social=2.0), 1),
        (calibrated(social=2.0), calibrated(social=2.5), 1),
    ],
)
def test_a_new_calibration_reads_again(tmp_path, before, after, again):
    first = enricher(tmp_path, Everything(before)).enrich([said(1, "bluesky")])
    everything = Everything(after)
    second = enricher(tmp_path, everything).enrich([said(1, "bluesky")])
    assert len(everything.asked) == again
    assert (favour(first) == favour(second)) is (again == 0)
    assert second[0].post.versions["calibration"] == after.version


def test_a_calibration_is_named_by_what_it_does():
    assert UNCALIBRATED.version == "none"
    named = calibrated(social=2.0)
    told_more = named.model_copy(update={"reader": "sha256:y"})
    assert named.version == told_more.version == calibrated(social=2.0).version
    assert named.version != calibrated(consultation=2.0).version
