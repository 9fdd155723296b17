"""From position documents to tallies, by hand and through the embedded engine."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from index.documents import position_document, tally_from
from index.embedded import EmbeddedEngine
from index.engine import Document, Engine, Where
from measures.columns import pack, packed_of, unpack
from measures.popularity import raw_share
from measures.tallies import closed_tallies, measure, read_cells, read_counts, tally
from measures.window import WEIGHTINGS, View
from polyphonie.pseudonyms import epoch_of
from polyphonie.records import Kind, Origin, Position, Post, Reach, Stance, position_id, record_id

MONDAY = datetime(2026, 3, 2, 12, tzinfo=UTC)


def position(
    voice: str,
    stance: str,
    *,
    proposal: str = "loyers",
    source: str = "forum",
    origin: str = "predicted",
    day: int = 0,
    received: int | None = None,
    post: str | None = None,
    fold: str | None = None,
    reposts: int = 0,
    declared: str | None = None,
) -> Document:
    """A position document, as the index writes it; `day` and `received` (else the same) count from Monday 2 March."""
    at = MONDAY + timedelta(days=day)
    came = MONDAY + timedelta(days=day if received is None else received)
    epoch = epoch_of(came, 7)
    key = record_id("post", post or (voice, stance, proposal, source, origin, day))
    written = Post(
        id=key, source=source, kind=Kind.POST, text=f"Un avis {stance}", created_at=at, received_at=came, at=at,
        fold=record_id("post", fold) if fold else key, reach=Reach(reposts=reposts),
    )  # fmt: skip
    return position_document(
        Position(
            id=position_id(key, proposal, Origin(origin)), post=key, proposal=proposal, stance=Stance(stance),
            p_favour=0.8, p_against=0.1, p_unclear=0.1, origin=Origin(origin),
            voice=record_id(voice, proposal, epoch), epoch=epoch, created_at=at, at=at, received_at=came, source=source,
            declared=Stance(declared) if declared else None,
        ),
        None if origin == "vote" else written,
        None,
    )  # fmt: skip


def sums(positions: list[Document], weighting: str = "voices") -> dict[tuple[str, str, date], tuple[float, ...]]:
    return {(t.source, t.origin.value, t.day): t.counts[weighting] for t in tally(positions)}


FIRST, SECOND = date(2026, 3, 2), date(2026, 3, 3)


@pytest.mark.parametrize(
    ("positions", "expected"),
    [
        ([position("a", "favour")], {("forum", "predicted", FIRST): (1, 0, 0)}),
        (  # one voice in all, split over its positions, days and origins
            [position("a", "favour"), position("a", "against", day=1), position("a", "favour", origin="declared")],
            {
                ("forum", "predicted", FIRST): (1 / 3, 0, 0),
                ("forum", "predicted", SECOND): (0, 1 / 3, 0),
                ("forum", "declared", FIRST): (1 / 3, 0, 0),
            },
        ),
        (  # who voted is counted by the vote, whatever else they wrote
            [
                position("a", "favour", origin="vote"),
                position("a", "against", origin="declared"),
                position("b", "against"),
            ],
            {
                ("forum", "vote", FIRST): (1, 0, 0),
                ("forum", "declared", FIRST): (0, 0, 0),
                ("forum", "predicted", FIRST): (0, 1, 0),
            },
        ),
        (  # a prediction beside a declaration only measures the model
            [position("a", "favour", origin="declared"), position("a", "against", declared="favour", post="p")],
            {("forum", "declared", FIRST): (1, 0, 0)},
        ),
        (  # a human label wins over the prediction of the same post
            [position("a", "favour", post="p"), position("a", "against", post="p", origin="human")],
            {("forum", "human", FIRST): (0, 1, 0)},
        ),
        (  # the next epoch is another voice
            [position("a", "favour"), position("a", "unclear", day=7)],
            {("forum", "predicted", FIRST): (1, 0, 0), ("forum", "predicted", date(2026, 3, 9)): (0, 0, 1)},
        ),
        ([], {}),
    ],
)
def test_voices(positions: list[Document], expected: dict[tuple[str, str, date], tuple[float, ...]]) -> None:
    found = sums(positions)
    assert found.keys() == expected.keys()
    for key, counts in expected.items():
        assert found[key] == pytest.approx(counts)


def test_posts_and_reach() -> None:
    positions = [position("a", "favour", reposts=4), position("a", "favour", post="other"), position("b", "against")]
    assert sums(positions, "posts") == {("forum", "predicted", FIRST): (2, 1, 0)}
    assert sums(positions, "reach") == {("forum", "predicted", FIRST): (6, 1, 0)}


def test_a_tally_does_not_depend_on_order_nor_on_the_other_proposals() -> None:
    positions = [position(f"v{i}", "favour" if i % 3 else "against", day=i % 5) for i in range(60)]
    others = [position(f"v{i}", "against", proposal="velos", day=i % 5) for i in range(60)]
    alone = {t.id: t for t in tally(positions)}
    mixed = {t.id: t for t in tally([*others, *reversed(positions)]) if t.proposal == "loyers"}
    assert alone.keys() == mixed.keys()
    for key, one in alone.items():
        assert one.counts["voices"] == pytest.approx(mixed[key].counts["voices"])


def replicates(positions: list[Document]) -> np.ndarray:
    """(cells, 2, B) of voices, in order of day."""
    found = sorted(tally(positions), key=lambda t: (t.day, t.origin))
    return unpack([each.replicates["voices"] for each in found]).reshape(len(found), 2, -1)


def test_packed_sums_keep_three_digits() -> None:
    sums = np.random.default_rng(0).gamma(3, 1e6, (2, 256))
    np.testing.assert_allclose(unpack([pack(sums), pack(sums * 0)])[0], sums.ravel(), rtol=1e-3)
    assert not unpack([pack(sums * 0)]).any()
    assert unpack([]).shape == (0, 512)


def test_a_voice_has_one_weight_wherever_it_speaks() -> None:
    split = replicates([position("a", "favour"), position("a", "favour", day=1)])
    np.testing.assert_array_equal(split[0], split[1])
    whole = replicates([position("a", "favour")])
    np.testing.assert_allclose(split.sum(axis=0), whole[0], rtol=2e-3)


def test_copies_share_one_weight_and_other_voices_do_not() -> None:
    copies = [position(f"v{i}", "favour", day=i, fold="f") for i in range(3)]
    together = replicates(copies)
    np.testing.assert_array_equal(together[0, 0], together[1, 0])
    np.testing.assert_array_equal(together[0, 0], together[2, 0])
    # One voice that says the same thing twice is a voice, not a group of copies.
    alone = replicates([position("a", "favour", fold="f"), position("a", "favour", day=1, fold="f")])
    np.testing.assert_allclose(alone.sum(axis=0)[0], replicates([position("a", "favour")])[0, 0], rtol=2e-3)
    apart = replicates([position(f"v{i}", "favour", day=i) for i in range(2)])
    assert abs(np.corrcoef(apart[0, 0], apart[1, 0])[0, 1]) < 0.3


def test_a_voice_joins_its_largest_group_with_all_its_positions() -> None:
    small = [position("b", "favour", fold="small"), position("a", "favour", fold="small")]
    large = [position(v, "favour", day=1, fold="large") for v in ("a", "c", "d")]
    lone = [position("a", "against", day=2)]
    found = replicates([*small, *large, *lone])
    # a and c weigh the same on the second day; what a said alone on the third day weighs as they do.
    np.testing.assert_allclose(found[2, 1] * (1 / 3 + 2) / (1 / 3), found[1, 0], rtol=2e-3)


@pytest.mark.parametrize(
    ("positions", "weightings"),
    [
        ([position("a", "favour"), position("b", "against")], {"voices"}),
        ([position("a", "favour"), position("b", "against", reposts=2)], {"voices", "reach"}),
        ([position("a", "favour"), position("a", "against")], {"voices", "posts"}),
        ([position("a", "favour"), position("a", "against", reposts=2)], {"voices", "posts", "reach"}),
    ],
)
def test_equal_weightings_are_kept_once(positions: list[Document], weightings: set[str]) -> None:
    (found,) = tally(positions)
    assert found.replicates.keys() == weightings
    for weighting in WEIGHTINGS:
        sides = unpack([packed_of(found.replicates, weighting)]).reshape(2, -1)
        # Over 256 draws, the mean of an exponential weight is one within a fifth.
        assert sides.mean(axis=1) == pytest.approx(found.counts[weighting][:2], rel=0.25)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = EmbeddedEngine(tmp_path)
    yield opened
    opened.close()


NOW = MONDAY + timedelta(days=40)
WINDOW = View(since=date(2026, 2, 1), until=date(2026, 5, 1))


def run(engine: Engine, now: datetime = NOW, **options: object) -> object:
    return measure(engine, now, retention_days=30, epoch_days=7, **options)  # type: ignore[arg-type]


def share(engine: Engine, view: View = WINDOW) -> float:
    return raw_share(read_counts(engine, view)[("loyers",)].counts).share


def test_votes_are_counted_exactly(engine: Engine) -> None:
    votes = [position(f"v{i}", "favour" if i < 37 else "against", origin="vote", day=30 + i % 9) for i in range(60)]
    engine.write("positions", votes)
    done = run(engine)
    assert (done.positions, done.removed) == (60, 0)  # type: ignore[attr-defined]
    assert share(engine) == 37 / 60


def test_measuring_again_changes_nothing(engine: Engine) -> None:
    engine.write("positions", [position(f"v{i}", "favour", day=30 + i % 9) for i in range(40)])
    run(engine)
    before = {d["id"]: d for d in engine.scan("tallies")}
    run(engine)
    assert {d["id"]: d for d in engine.scan("tallies")} == before
    assert all(tally_from(document).id == key for key, document in before.items())


def test_a_deleted_position_leaves_its_tally(engine: Engine) -> None:
    kept, gone = position("a", "favour", day=35), position("b", "against", day=36)
    engine.write("positions", [kept, gone])
    run(engine)
    assert share(engine) == 0.5
    engine.delete("positions", [gone["id"]])
    assert run(engine).removed == 1  # type: ignore[attr-defined]
    assert share(engine) == 1.0


def test_tallies_outlive_raw_positions(engine: Engine) -> None:
    engine.write("positions", [position(f"v{i}", "favour" if i % 2 else "against", day=i) for i in range(28)])
    run(engine, MONDAY + timedelta(days=28))
    tallies = {d["id"]: d for d in engine.scan("tallies")}
    assert len(tallies) == 28
    # Two weeks later, the raw positions that are too old have gone, in the middle of an epoch.
    later = MONDAY + timedelta(days=45)
    engine.delete_where("positions", Where(until=later - timedelta(days=30)))
    run(engine, later)
    assert {d["id"]: d for d in engine.scan("tallies")} == tallies


def test_sources_kept_for_ever_are_measured_again(engine: Engine) -> None:
    engine.write("positions", [position("a", "favour", source="consultation"), position("b", "against")])
    late = MONDAY + timedelta(days=300)
    assert run(engine, late).tallies == 0  # type: ignore[attr-defined]
    assert run(engine, late, keep_sources=("consultation",)).tallies == 1  # type: ignore[attr-defined]
    assert share(engine) == 1.0
    # What is left of the other source was never counted; the consultation was, so its tally stays.
    assert run(engine, late, everything=True).tallies == 1  # type: ignore[attr-defined]
    assert share(engine) == 0.5


def test_an_old_export_received_today_is_counted_beside_what_came_in_time(engine: Engine) -> None:
    late = MONDAY + timedelta(days=300)
    engine.write("positions", [position("a", "favour", origin="vote")])
    run(engine, MONDAY + timedelta(days=7))
    closed = {d["id"]: d for d in engine.scan("tallies")}
    engine.delete_where("positions", Where())
    old = [position(f"v{i}", "against", origin="vote", received=299) for i in range(3)]
    engine.write("positions", old)
    assert run(engine, late).tallies == 1  # type: ignore[attr-defined]
    ((key, cell),) = read_counts(engine, WINDOW, ("proposal", "day")).items()
    assert key == ("loyers", FIRST)
    assert (cell.counts.favour, cell.counts.against) == (1, 3)
    # A deletion inside the open epoch leaves it, and leaves the closed one alone.
    engine.delete("positions", [each["id"] for each in old])
    assert run(engine, late).removed == 1  # type: ignore[attr-defined]
    assert {d["id"]: d for d in engine.scan("tallies")} == closed


@pytest.mark.parametrize("everything", [False, True])
def test_an_epoch_partly_expired_is_left_as_it_is(engine: Engine, everything: bool) -> None:
    engine.write("positions", [position(f"v{i}", "favour", day=i) for i in range(7)])
    run(engine, MONDAY + timedelta(days=20))
    tallies = {d["id"]: d for d in engine.scan("tallies")}
    now = MONDAY.replace(hour=0) + timedelta(days=33)
    engine.delete_where("positions", Where(until=now - timedelta(days=30)))
    assert engine.count("positions") == 4
    assert run(engine, now, everything=everything).tallies == 0  # type: ignore[attr-defined]
    assert {d["id"]: d for d in engine.scan("tallies")} == tallies
    assert {each.id for each in closed_tallies(engine, now, 30, 7)} == tallies.keys()
    assert list(closed_tallies(engine, now, 30, 7, keep_sources=["forum"])) == []


def test_an_epoch_is_whole_until_its_first_day_expires(engine: Engine) -> None:
    engine.write("positions", [position("a", "favour")])
    midnight = MONDAY.replace(hour=0) + timedelta(days=30)
    assert run(engine, midnight + timedelta(seconds=1)).tallies == 0  # type: ignore[attr-defined]
    assert run(engine, midnight).tallies == 1  # type: ignore[attr-defined]


def test_progress_adds_up(engine: Engine) -> None:
    engine.write("positions", [position(f"v{i}", "favour", day=35) for i in range(25)])
    steps: list[int] = []
    run(engine, progress=steps.append)
    assert sum(steps) == 25


def test_a_view_narrows_what_is_read(engine: Engine) -> None:
    engine.write(
        "positions",
        [
            position("a", "favour", day=35, source="forum"),
            position("b", "against", day=36, source="reseau"),
            position("c", "against", day=36, source="forum", origin="vote", reposts=9),
            position("d", "favour", day=37, proposal="velos"),
        ],
    )
    run(engine)
    for view, expected in [
        (WINDOW, {("loyers",): (1, 2), ("velos",): (1, 0)}),
        (View(WINDOW.since, WINDOW.until, sources=("forum",)), {("loyers",): (1, 1), ("velos",): (1, 0)}),
        (View(WINDOW.since, WINDOW.until, origins=("vote",)), {("loyers",): (0, 1)}),
        (View(date(2026, 4, 7), date(2026, 4, 8)), {("loyers",): (0, 2)}),
        (View(date(2027, 1, 1), date(2027, 2, 1)), {}),
    ]:
        found = read_counts(engine, view)
        assert {key: (cell.counts.favour, cell.counts.against) for key, cell in found.items()} == expected
    by_day = read_cells(engine, WINDOW).by("day", "source")
    assert by_day[date(2026, 4, 7), "reseau"].voices == 1
    steps = WINDOW.steps(45)
    assert sum(cell.posts for cell in read_cells(engine, WINDOW).by("proposal", steps=steps).values()) == 4
