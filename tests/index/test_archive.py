"""The raw archive survives a kill, forgets what must be forgotten, and remakes the index on both engines."""

import os
import signal
import stat
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.archive import Archive
from index.documents import position_document, post_document, proposal_document, tally_document, tally_from
from index.engine import Engine
from index.rebuild import rebuild
from index.retention import expire
from polyphonie.errors import InputError
from polyphonie.records import Deletion, Kind, Origin, Position, Post, Proposal, Stance, Tally, position_id, record_id

START = datetime(2026, 3, 1, 9, tzinfo=UTC)
PROPOSALS = [Proposal(id=name, title=name, statement=f"Il faut {name}.", sector="s") for name in ("velo", "train")]


def post(number: int, *, day: int = 0, source: str = "mastodon", text: str = "") -> Post:
    at = START + timedelta(days=day, minutes=number)
    return Post(
        id=record_id(number), source=source, kind=Kind.POST, text=text or f'texte "id":"{number}"',
        created_at=at, received_at=at, at=at,
    )  # fmt: skip


def position(of: Post, proposal: str = "velo") -> Position:
    return Position(
        id=position_id(of.id, proposal, Origin.PREDICTED), post=of.id, proposal=proposal, stance=Stance.FAVOUR,
        p_favour=1, p_against=0, p_unclear=0, origin=Origin.PREDICTED, voice=record_id(of.id, proposal), epoch=1,
        created_at=of.at, at=of.at, source=of.source,
    )  # fmt: skip


def test_records_come_back_in_the_order_of_days(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    first, second = post(1, day=1), post(2, day=0)
    archive.append([first, position(first)])
    archive.append([second, *PROPOSALS])
    assert list(archive.replay()) == [*PROPOSALS, second, first, position(first)]
    files = sorted(path.name for path in (tmp_path / "archive").glob("*.zst"))
    assert files == ["2026-03-01.jsonl.zst", "2026-03-02.jsonl.zst", "proposals.jsonl.zst"]
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in (tmp_path / "archive").glob("*.zst"))


def test_a_deletion_takes_away_what_came_before_it(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    gone, back, kept = post(1), post(2), post(3)
    archive.append([gone, position(gone), back, kept, position(kept)])
    archive.append(
        Deletion(id=one.id, source="mastodon", received_at=START + timedelta(hours=8)) for one in (gone, back)
    )
    archive.append([post(2, text="publié de nouveau")])
    assert list(archive.replay()) == [kept, position(kept), post(2, text="publié de nouveau")]


def test_erasing_leaves_no_trace(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    posts = [post(number, day=number % 3) for number in range(9)]
    for one in posts:
        archive.append([one, position(one)])
    assert archive.erase({posts[0].id, posts[4].id, "absent"}) == 4
    assert archive.erase({posts[0].id}) == 0
    archive.append([post(20)])
    left = {record.id for record in archive.replay() if isinstance(record, Post)}
    assert left == {one.id for one in [*posts[1:4], *posts[5:], post(20)]}
    assert not list(tmp_path.glob(".*"))
    assert archive.erase({one.id for one in posts} | {post(20).id}) == 15
    assert not list(tmp_path.glob("*.zst"))


def test_a_proposal_is_erased_by_its_slug(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    archive.append([post(1), position(post(1)), *PROPOSALS])
    assert archive.erase({"velo"}) == 1
    # What was said about it is not its text.
    assert list(archive.replay()) == [PROPOSALS[1], post(1), position(post(1))]
    assert archive.erase({"train"}) == 1
    assert not (tmp_path / "proposals.jsonl.zst").exists()


def test_a_position_alone_lies_in_the_day_of_its_reception(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    vote = position(post(1)).model_copy(update={"received_at": START + timedelta(days=400)})
    archive.append([vote])
    assert [path.name for path in tmp_path.glob("*.zst")] == ["2027-04-05.jsonl.zst"]
    assert archive.expire(START + timedelta(days=399)) == 0
    assert list(archive.replay()) == [vote]


def test_kept_tallies_are_added_once_and_outlive_everything(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    first, second = tally("velo"), tally("train")
    assert list(archive.tallies()) == []
    assert archive.keep_tallies([]) == 0
    assert archive.keep_tallies([first]) == 1
    size = (tmp_path / "tallies.jsonl.zst").stat().st_size
    assert archive.keep_tallies([first]) == 0
    assert (tmp_path / "tallies.jsonl.zst").stat().st_size == size
    assert Archive(tmp_path).keep_tallies([first, second]) == 1
    assert archive.expire(datetime(2100, 1, 1, tzinfo=UTC)) == 0
    assert list(archive.tallies()) == [first, second]
    assert list(archive.replay()) == []


def tally(proposal: str, votes: float = 1.0) -> Tally:
    return Tally(
        id=record_id("tally", proposal), proposal=proposal, source="mastodon", origin=Origin.VOTE, day=date(2026, 3, 1),
        epoch=2930, counts={"voices": (votes, 0.0, 0.0)}, replicates={"voices": "AAAA"},
    )  # fmt: skip


def test_lost_tallies_come_back_and_newer_ones_stay(engine: Engine, tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    archive.keep_tallies([tally("velo", 1), tally("train", 1)])
    archive.keep_tallies([tally("velo", 2)])
    assert [(one.proposal, one.counts["voices"][0]) for one in archive.tallies()] == [("train", 1), ("velo", 2)]
    assert rebuild(engine, archive)["tallies"] == 2
    assert {t.proposal: t.counts["voices"][0] for t in map(tally_from, engine.scan("tallies"))} == {
        "velo": 2, "train": 1
    }  # fmt: skip
    engine.write("tallies", [tally_document(tally("velo", 3))])
    rebuild(engine, archive)
    assert {t.proposal: t.counts["voices"][0] for t in map(tally_from, engine.scan("tallies"))} == {
        "velo": 3, "train": 1
    }  # fmt: skip


def test_old_days_expire_but_for_consultations_and_proposals(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    kept = [post(2, source="consultation"), post(3, day=2)]
    archive.append([post(1), position(post(1)), *kept, *PROPOSALS])
    assert archive.expire(datetime(2026, 3, 3, 17, 45, tzinfo=UTC), keep_sources=["consultation"]) == 2
    assert list(archive.replay()) == [*PROPOSALS, *kept]


@given(st.integers(min_value=0))
@settings(max_examples=60, deadline=None)
def test_a_torn_last_frame_loses_only_itself(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    folder = tmp_path_factory.mktemp("torn")
    Archive(folder).append([post(1), post(2)])
    path = folder / "2026-03-01.jsonl.zst"
    whole = path.stat().st_size
    Archive(folder).append([post(3)])
    os.truncate(path, whole + cut % (path.stat().st_size - whole))
    assert list(Archive(folder).replay()) == [post(1), post(2)]
    Archive(folder).append([post(4)])
    assert list(Archive(folder).replay()) == [post(1), post(2), post(4)]


def test_a_damaged_file_is_said_so(tmp_path: Path) -> None:
    Archive(tmp_path).append([post(1)])
    Archive(tmp_path).append([post(2)])
    path = tmp_path / "2026-03-01.jsonl.zst"
    content = bytearray(path.read_bytes())
    content[40] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(InputError, match="2026-03-01"):
        list(Archive(tmp_path).replay())


APPENDER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_archive import Archive, post
archive = Archive(Path(sys.argv[1]))
for number in range(10**6):
    archive.append([post(number)])
    print(number, flush=True)
"""


def test_a_killed_appender_loses_nothing_it_had_said_was_written(tmp_path: Path) -> None:
    command = [sys.executable, "-c", APPENDER, str(tmp_path), str(Path(__file__).parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [int(process.stdout.readline()) for _ in range(25)]
        process.send_signal(signal.SIGKILL)
        said += [int(line) for line in process.stdout if line.endswith("\n")]
    Archive(tmp_path).append([post(10**6)])
    found = [record.id for record in Archive(tmp_path).replay()]
    assert found[: len(said)] == [record_id(number) for number in said]
    assert len(found) <= len(said) + 2
    assert found[-1] == record_id(10**6)


def test_a_rebuild_gives_the_same_index(engine: Engine, tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    posts = [post(number, day=number % 3, source="ab"[number % 2]) for number in range(40)]
    positions = [
        position(one, name) for one in posts[::2] for name in ("velo", "train")[: 1 + posts.index(one) % 4 // 2]
    ]
    vote = position(post(99)).model_copy(update={"origin": Origin.VOTE})
    by_id = {one.id: one for one in posts}
    sectors = {one.id: one for one in PROPOSALS}
    about = {one.id: [position.proposal for position in positions if position.post == one.id] for one in posts}
    engine.write("posts", (post_document(one, about[one.id]) for one in posts))
    engine.write(
        "positions", (position_document(p, by_id.get(p.post), sectors[p.proposal]) for p in [*positions, vote])
    )
    engine.write("proposals", map(proposal_document, PROPOSALS))
    archive.append([post(3, text="une version plus ancienne", source="b")])
    archive.append([*positions, vote], received=START.date())
    archive.append([*posts, *PROPOSALS])
    before = contents(engine)
    engine.write("posts", [post_document(post(77))])
    engine.delete("positions", [positions[0].id])
    steps: list[int] = []
    assert rebuild(engine, archive, steps.append) == {
        "posts": 40, "positions": len(positions) + 1, "proposals": 2, "tallies": 0
    }  # fmt: skip
    assert contents(engine) == before
    assert steps[-1] == 43 + len(positions) + 1
    # Both cut at the midnight before, so a rebuild finds what the index had kept.
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    expire(engine, noon, keep_sources=["a"])
    after = contents(engine)
    archive.expire(noon, keep_sources=["a"])
    rebuild(engine, archive)
    assert contents(engine) == after != before


def contents(engine: Engine) -> dict[str, dict[str, object]]:
    return {one["id"]: one for name in ("posts", "positions", "proposals") for one in engine.scan(name)}
