"""From the index and the labels to the figure of the page: it holds the truth of simulated worlds, though the small
model is wrong far more often than its evaluation says, and always on the same side."""

import hashlib
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from index.documents import position_document, post_document
from index.embedded import EmbeddedEngine
from index.engine import Where
from measures.overview import curve, overview
from measures.placing import places, read_tiers, settle_places
from measures.popularity import Confusion, choose
from measures.sampling import draw, frame, read_candidates
from measures.tallies import measure
from measures.window import View
from polyphonie.labels import LabelStore, labels_path
from polyphonie.pseudonyms import epoch_of
from polyphonie.records import (
    Drawn,
    Kind,
    Label,
    Origin,
    Position,
    Post,
    Reach,
    Round,
    Stance,
    label_id,
    position_id,
    record_id,
)
from simulator.world import World
from simulator.world.clock import instant

UNTIL = datetime(2026, 5, 4, tzinfo=UTC)
DRAWN = UNTIL + timedelta(hours=1)
VIEW = View((UNTIL - timedelta(days=28)).date(), UNTIL.date())
SEEDS = range(2)
# Its evaluation says that it is right nine times in ten on both sides; here it reads half of the favour as against.
EVALUATED = Confusion(np.array([[900, 100, 0], [100, 900, 0], [0, 0, 0]], float), "", 40.0)
RIGHT = {Stance.FAVOUR: 0.55, Stance.AGAINST: 0.9, Stance.UNCLEAR: 0.7}
READER = "reader:juge"


def chance(*parts):
    return int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()) / 2**64


def other(stance, number):
    return next(each for each in sorted(Stance, key=lambda each: chance(each, number)) if each != stance)


def said(seed, message, proposal):
    """What the index keeps of a simulated message, the small model having read it."""
    at, key = instant(message.at), record_id("message", seed, message.number)
    truth = message.stance or Stance.UNCLEAR
    answer = truth if chance("small", key) < RIGHT[truth] else other(truth, key)
    sure = 0.4 + 0.5 * chance("sure", key)
    chances = {f"p_{each}": sure if each == answer else (1 - sure) / 2 for each in Stance}
    source = f"simulated-{message.author.platform}"
    fold = record_id("copy", seed, message.campaign) if message.campaign >= 0 else key
    reach = Reach(reposts=0 if message.kind is Kind.REPOST else message.seen_reposts)
    post = Post(id=key, source=source, kind=Kind.POST, text=key, created_at=at, received_at=at, at=at, fold=fold,
                reach=reach)  # fmt: skip
    epoch = epoch_of(at, 7)
    position = Position(
        id=position_id(key, proposal, Origin.PREDICTED), post=key, proposal=proposal, stance=answer, **chances,
        origin=Origin.PREDICTED, voice=record_id(seed, message.author.number, proposal, epoch), epoch=epoch,
        created_at=at, at=at, source=source,
    )  # fmt: skip
    return post, position_document(position, post, None), truth


class Home:
    """An index and labels, and what is true."""

    def __init__(self, path):
        self.path = path
        self.engine = EmbeddedEngine(path / "index")
        self.truth: dict[str, float] = {}
        self.drawn: list[list[Drawn]] = []
        rows = []
        for seed in SEEDS:
            world = World(seed=seed, posts=1_200, until=UNTIL)
            truth = world.truth()
            for message in truth.script.messages:
                if message.stance is None or message.deleted_at:
                    continue
                name = world.proposals[message.subject].id
                rows.append(said(seed, message, f"{name}-{seed}"))
            since = UNTIL - timedelta(days=28)
            self.truth |= {f"{each.id}-{seed}": truth.favour_share(each.id, since) for each in world.proposals}
        self.engine.write("posts", [post_document(post) for post, _, _ in rows])
        self.engine.write("positions", [position for _, position, _ in rows])
        self.sides = {post.id: truth for post, _, truth in rows}
        measure(self.engine, UNTIL, 30, 7, everything=True)

    def open_rounds(self, number):
        """One draw a proposal, as the page and the command make them."""
        drawn = []
        self.drawn.append(drawn)
        with LabelStore(labels_path(self.path)) as store:
            for proposal in self.truth:
                found = read_candidates(self.engine, proposal, VIEW)
                some = draw(found, number)
                made = Round(
                    id=some[0].round, proposal=proposal, since=VIEW.since, until=VIEW.until, seed="annotation",
                    made_at=DRAWN, size=len(found), drawn=len(some), frame=frame(found),
                )  # fmt: skip
                store.open_round(made, some)
                store.put_places(places(self.engine, [(one.post, one.proposal) for one in some]).values())
                drawn += some
        return drawn

    def answer(self, drawn, role, wrong):
        """Have a draw answered, wrongly at a known rate."""
        told = []
        for one in drawn:
            truth = self.sides[one.post]
            if truth is not Stance.UNCLEAR and chance(role, one.post) < wrong:
                truth = Stance.AGAINST if truth is Stance.FAVOUR else Stance.FAVOUR
            told.append(
                Label(
                    id=label_id(one.post, one.proposal, role), post=one.post, proposal=one.proposal,
                    answer="neither" if truth is Stance.UNCLEAR else truth.value, drawn_with=one.drawn_with,
                    answered_by=role, at=DRAWN + timedelta(seconds=one.turn), round=one.round,
                )
            )  # fmt: skip
        with LabelStore(labels_path(self.path)) as store:
            store.keep(told)

    def rows(self):
        tiers = read_tiers(labels_path(self.path), 7)
        return [row for row in overview(self.engine, VIEW, 11, EVALUATED, tiers) if not row.masked]

    def covered(self, rows):
        return [row.corrected.low <= self.truth[row.proposal.id] <= row.corrected.high for row in rows]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    built = Home(tmp_path_factory.mktemp("home"))
    yield built
    built.engine.close()


def error_of(home, rows):
    return np.mean([abs(row.corrected.share - home.truth[row.proposal.id]) for row in rows])


def test_labels_bring_the_figure_of_the_page_back_to_the_truth(home):
    alone = home.rows()
    assert {row.corrected.estimator for row in alone} == {"adjusted"}
    assert np.mean(home.covered(alone)) < 0.8  # an evaluation that does not hold misleads
    home.answer(home.open_rounds(50), "annotatrice-1", 0.1)
    rows = home.rows()
    assert len(rows) == len(alone) >= 20
    for row in rows:
        assert row.bought is not None
        assert row.corrected.estimator == choose(row.bought.sided, evaluated=True)
        assert row.bought.within > 0.95
    assert {row.corrected.estimator for row in rows} == {"bayes", "ppi"}
    # 25 proposals of coverage 0.95: fewer than 0.88 happens once in 15; the seeds are fixed.
    assert np.mean(home.covered(rows)) >= 0.88
    assert error_of(home, rows) < 0.5 * error_of(home, alone)
    # A step of the curve has the estimator that its own labels allow.
    found = curve(home.engine, rows[0].proposal.id, VIEW, 1, EVALUATED, 14, read_tiers(labels_path(home.path), 7))
    assert {point.corrected.estimator for point in found if point.corrected} <= {"bayes", "ppi"}


def test_a_stronger_reader_between_stays_true_and_says_what_it_brings(home):
    two = {row.proposal.id: row for row in home.rows()}
    home.answer(home.open_rounds(90), READER, 0.12)
    home.answer([one for made in home.drawn for one in made], READER, 0.12)  # it reads what people read, too
    rows = home.rows()
    assert {row.bought.reader for row in rows} == {READER}
    assert np.mean(home.covered(rows)) >= 0.88
    for row in rows:
        assert row.bought.read >= row.bought.answers
        before = two[row.proposal.id].corrected
        assert row.bought.people == pytest.approx((before.high - before.low) / 2)
    by_people = [row for row in rows if row.corrected.estimator == "ppi"]
    assert np.mean([row.bought.whole for row in by_people]) <= np.mean([row.bought.people for row in by_people])


def test_labels_go_on_counting_when_positions_have_expired(home):
    before = {row.proposal.id: row.corrected.share for row in home.rows()}
    with LabelStore(labels_path(home.path)) as store:
        held = len(store.places())
        home.engine.delete_where("positions", Where(until=UNTIL))
        assert settle_places(home.engine, store, UNTIL.date()) == held
        assert {place.unit for place in store.places().values()} == {""}
    after = {row.proposal.id: row.corrected.share for row in home.rows()}
    assert after == pytest.approx(before, abs=0.05)
    with LabelStore(labels_path(home.path)) as store:
        # Gone although nothing had expired: the model reads it otherwise by now, or its author took it back.
        assert settle_places(home.engine, store, VIEW.since) == 0
    assert {row.corrected.estimator for row in home.rows()} == {"adjusted"}
