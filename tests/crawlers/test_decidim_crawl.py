"""Decidim: a real GraphQL server with its types is crawled by the real command, killed, refused, and asked again."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace

import pytest

from polyphonie.pseudonyms import Keyring
from polyphonie.records import Kind, Origin, Stance
from polyphonie.spool import Spool
from tests.servers.decidim import COORDINATES, MOST_COMPLEX, World, populated, served

COMMAND = [sys.executable, "-m", "polyphonie.cli.app", "crawl"]
OLD = frozenset(
    f"Proposal.{name}" for name in ("withdrawn", "category", "scope", "url", "translations", "singleCommentId")
)


def listed(home, **sources):
    home.mkdir(exist_ok=True)
    common = {"platform": "decidim", "delay_s": 0}
    listed = {name: common | one for name, one in sources.items()} | {"bluesky": {"enabled": False}}
    (home / "sources.yaml").write_text(json.dumps({"sources": listed}))


def environment():
    quick = {"POLYPHONIE_TEST_CRAWL_DELAY_S": "0", "POLYPHONIE_TEST_CRAWL_BACKOFF_S": "0"}
    return os.environ | quick | {"POLYPHONIE_CRAWL__CONTACT": "https://polyphonie.test/contact"}


def crawl(home, *names):
    """Exit code, what was counted of each source, and everything that was said."""
    words = [*COMMAND, *names, "--json", "--home", str(home)]
    done = subprocess.run(words, env=environment(), capture_output=True, text=True, timeout=120)
    answer = json.loads(done.stdout)["sources"] if done.stdout else {}
    return done.returncode, answer, done.stdout + done.stderr


def kept(home):
    """What waits in the spool, by id."""
    spool = Spool(home / "spool.sqlite")
    found = {one.id: one for one in spool.peek(10_000)}
    spool.close()
    return found


def digests(home):
    with sqlite3.connect(home / "spool.sqlite") as base:
        return dict(base.execute("SELECT id, digest FROM items").fetchall())


def cursor(home, name="ville"):
    with sqlite3.connect(home / "spool.sqlite") as base:
        [found] = base.execute("SELECT cursor FROM cursors WHERE source = ?", (f"crawl:{name}",)).fetchone()
    return json.loads(found)


def everything_written(home):
    return b"".join(path.read_bytes() for path in sorted(home.glob("spool.sqlite*")))


def names_of(home, kind, *numbers):
    keys = Keyring(home / "keys")
    return {keys.record("decidim", f"127.0.0.1:{kind}:{number}") for number in numbers}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A home that crawled a platform without anything happening to it, and the questions that this took."""
    home, world = tmp_path_factory.mktemp("decidim") / "whole", populated()
    with served(world):
        listed(home, ville={"site": world.address})
        code, counts, said = crawl(home)
    assert code == 0, said
    assert counts["ville"]["new"] == len(world.proposals) + len(world.comments)
    return home, world


def again(whole, folder):
    """An empty home with the same keys, which give the same ids."""
    folder.mkdir()
    shutil.copytree(whole / "keys", folder / "keys")
    return folder


def test_everything_that_is_public_is_kept_with_the_sides_that_were_declared(whole):
    home, world = whole
    posts = kept(home)
    expected = names_of(home, "proposal", *world.proposals) | names_of(home, "comment", *world.comments)
    assert posts.keys() == expected
    kinds = Counter(one.post.kind for one in posts.values())
    roots = [one for one in world.comments.values() if one.depth == 0]
    assert kinds == {
        Kind.PROPOSAL: len(world.proposals), Kind.ARGUMENT: len(roots), Kind.REPLY: len(world.comments) - len(roots),
    }  # fmt: skip
    assert max(one.depth for one in world.comments.values()) == 3
    declared = Counter(position.stance for one in posts.values() for position in one.positions)
    sides = {1: Stance.FAVOUR, 0: Stance.UNCLEAR, -1: Stance.AGAINST}
    assert declared == Counter(sides[one.alignment] for one in roots)
    assert {position.origin for one in posts.values() for position in one.positions} == {Origin.DECLARED}
    [proposal] = (posts[one] for one in names_of(home, "proposal", 3))
    assert (proposal.proposal.title, proposal.proposal.sector) == ("Proposition 3", "Mobilité")


def test_no_name_and_no_coordinate_is_written_or_asked_for(whole):
    home, world = whole
    stored = everything_written(home) + repr([one.model_dump() for one in kept(home).values()]).encode()
    for secret in ("Ixtlan", "ixtlan", COORDINATES):
        assert secret.encode() not in stored
    questions = " ".join(one["query"] for one in world.asked)
    assert not {"coordinates", "address", "latitude"} & set(questions.replace("{", " ").split())


def test_pages_shrink_to_what_the_server_accepts_and_are_followed_to_the_end(whole):
    _, world = whole
    pages = [one for one in world.asked if "proposals(" in one["query"]]
    assert [f"first: {size}," in one["query"] for one, size in zip(pages, (100, 50, 25), strict=False)] == [True] * 3
    assert all(f"first: {MOST_COMPLEX}," in one["query"] for one in pages[2:])
    assert {(one["variables"]["component"], bool(one["variables"]["after"])) for one in pages} == {
        ("3", False), ("4", False), ("4", True), ("11", False), ("11", True),
    }  # fmt: skip


@pytest.mark.slow
def test_the_zip_and_the_api_give_the_same_records_and_never_repeat_each_other(whole, tmp_path):
    first, _ = whole
    home, world = again(first, tmp_path / "both"), populated()
    with served(world):
        listed(home, archive={"site": world.address, "open_data": True}, ville={"site": world.address})
        code, counts, said = crawl(home, "archive")
        assert (code, counts["archive"]["new"]) == (0, len(digests(first))), said
        assert digests(home) == digests(first)
        assert b"xtlan" not in everything_written(home)
        hidden = max(one.id for one in world.comments.values() if one.depth == 3)
        world.comments[hidden].hidden, world.tag = True, "2"
        code, counts, said = crawl(home)
        assert code == 0, said
        assert not any(counts[name].get("new") for name in ("archive", "ville"))
        assert counts["archive"]["seen"] == counts["ville"]["seen"] == len(digests(first)) - 1
        code, counts, said = crawl(home, "archive")
        told = {name: number for name, number in counts["archive"].items() if number}
        assert (code, told) == (0, {"unchanged": 1}), said
        # What two zips in a row do not hold is gone; one may be an accident.
        world.tag = "3"
        world.proposals[1].text = "Je propose le point 1, autrement."
        code, counts, said = crawl(home, "archive")
        assert (code, counts["archive"]["gone"], counts["archive"]["new"]) == (0, 1, 2), said
    assert {one.deletion.id for one in kept(home).values() if one.deletion} == names_of(home, "comment", hidden)


@pytest.mark.slow
def test_a_killed_listing_goes_on_where_it_was_and_ends_as_one_that_was_not(whole, tmp_path):
    first, _ = whole
    home, world = again(first, tmp_path / "cut"), populated()
    with served(world):
        world.slow_s = 0.05
        listed(home, ville={"site": world.address})
        process = subprocess.Popen(
            [*COMMAND, "--home", str(home)], env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while not any(one["variables"].get("after") for one in world.asked) and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert 0 < len(digests(home)) < len(digests(first))
        left = cursor(home)
        world.slow_s = 0
        world.asked.clear()
        code, _, said = crawl(home)
        assert code == 0, said
    opening = next(one["variables"] for one in world.asked if "proposals(" in one["query"])
    assert (opening["component"], opening["after"]) == (left["component"], left["after"])
    assert digests(home) == digests(first)


def test_what_is_edited_is_replaced_and_what_is_gone_is_deleted_once_nobody_can_doubt_it(whole, tmp_path):
    home, world = tmp_path / "home", populated()
    shutil.copytree(whole[0], home)
    with served(world):
        listed(home, ville={"site": world.address})
        world.proposals[3].text = "Je propose le point 3, autrement."
        world.proposals[4].withdrawn = True  # still listed, and its comments are still there
        world.proposals[7].hidden = True
        comments_of_8 = [number for number, one in world.comments.items() if one.root == 8]
        del world.proposals[8]
        deep = max(one.id for one in world.comments.values() if one.depth == 3)
        world.comments[deep].hidden = True
        world.broken = 12  # the server fails at it: the listing is not whole, so its absences prove nothing
        code, counts, said = crawl(home)
        assert code == 0, said
        assert (counts["ville"]["gone"], counts["ville"]["not readable"], counts["ville"]["new"]) == (1, 1, 2)
        [edited] = (kept(home)[one] for one in names_of(home, "proposal", 3))
        assert edited.post.text == "Je propose le point 3, autrement."
        world.broken = 0
        world.asked.clear()
        code, counts, said = crawl(home)
        assert code == 0, said
    gone = (
        names_of(home, "proposal", 7, 8)
        | names_of(home, "comment", deep, *comments_of_8)
        | names_of(home, "comment", *(number for number, one in world.comments.items() if one.root == 7))
    )
    assert counts["ville"]["gone"] == counts["ville"]["new"] == len(gone)
    deleted = {one.deletion.id for one in kept(home).values() if one.deletion}
    assert deleted == gone | names_of(home, "proposal", 4)
    assert not deleted & kept(home).keys()
    # Nothing was deleted for its absence alone: each was asked for by its number.
    confirmed = [one["variables"]["proposal"] for one in world.asked if "proposal(id: $proposal) { id " in one["query"]]
    assert sorted(confirmed) == sorted(["7", "8", str(world.comments[deep].root)])


def test_an_old_version_is_asked_for_less_and_a_server_that_cannot_answer_is_told_in_one_line(whole, tmp_path):
    home = again(whole[0], tmp_path / "home")
    html = "<html>Zoé Ixtlan</html>"
    worlds = {
        "old": populated(),
        "busy": World(refuses=(429, "text/plain", "")),
        "failing": World(refuses=(500, "application/json", '{"errors": [{"message": "Ixtlan"}], "data": {}}')),
        "page": World(refuses=(200, "text/html", html)),
        "closed": World(refuses=(401, "application/json", "{}")),
        "nameless": populated(),
        "lost": World({"bus": [3]}, {900: replace(populated().proposals[3], id=900)}),
    }
    worlds["old"].lacks, worlds["nameless"].lacks = OLD, frozenset({"Proposal.authors"})
    with served(*worlds.values()):
        sources = {name: {"site": world.address} for name, world in worlds.items()}
        sources["zip"] = {"site": worlds["page"].address, "open_data": True}
        sources["lost"]["processes"] = ["bus", "absent"]
        listed(home, **sources)
        code, counts, said = crawl(home)
    assert code == 8
    assert "Ixtlan" not in said
    errors = {name: one["error"] for name, one in counts.items()}
    assert errors.pop("old") is None
    for name, words in {
        "busy": "429", "failing": "500", "page": "no GraphQL API", "closed": "wants an account",
        "nameless": "its API has no Proposal.authors", "lost": "'absent'", "zip": "its open data is no zip",
    }.items():  # fmt: skip
        assert words in errors[name], errors[name]
        assert "\n" not in errors[name]
    reached = [number for number, one in worlds["old"].comments.items() if one.depth < 2]
    proposals = names_of(home, "proposal", 900, *worlds["old"].proposals)  # 900: the process that is there is followed
    assert digests(home).keys() == proposals | names_of(home, "comment", *reached)
    comments = names_of(home, "comment", *reached)
    assert {one: digests(home)[one] for one in comments} == {one: digests(whole[0])[one] for one in comments}
