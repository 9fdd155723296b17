"""No identity is ever stored: a world full of invented ones walks through, and none is found anywhere afterwards."""

import os
import re
import sqlite3
import subprocess
import sys
import zlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
import streamlit as st
import zstandard
from streamlit.testing.v1 import AppTest

from index.engine import COLLECTIONS
from index.opening import open_engine
from polyphonie.settings import load

POSTS, SEED = 2_500, 11
APP = Path(__file__).resolve().parents[2] / "dashboard" / "app.py"


def everything_kept(home: Path) -> dict[str, bytes]:
    """Every byte that a home holds: files as they lie, then read through compression and through the index."""
    kept = {}
    for path in sorted(home.rglob("*")):
        if path.is_file():
            kept[str(path.relative_to(home))] = path.read_bytes()
    for path in home.glob("archive/**/*.zst"):
        with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True) as text:
            kept[f"{path.name}, read"] = text.read()
    with sqlite3.connect(home / "spool.sqlite") as base:
        payloads = [row[0] for row in base.execute("SELECT payload FROM items WHERE payload IS NOT NULL")]
        kept["spool, read"] = b"\n".join(zlib.decompress(payload) for payload in payloads)
    engine = open_engine(load(home))
    for collection in COLLECTIONS:
        kept[f"index, {collection}"] = "\n".join(map(str, engine.scan(collection))).encode()
    engine.close()
    return kept


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    home = tmp_path_factory.mktemp("walked") / "home"
    environment = os.environ | {"POLYPHONIE_HOME": str(home), "HF_HUB_OFFLINE": "1", "POLYPHONIE_NLP__TOPICS": "false"}
    words = ["demo", "--posts", str(POSTS), "--seed", str(SEED), "--no-dashboard", "--json"]
    ended = subprocess.run(
        [sys.executable, "-m", "polyphonie.cli.app", *words], env=environment, capture_output=True, check=False
    )
    assert ended.returncode == 0, ended.stderr.decode()
    return home, ended.stdout + ended.stderr


@pytest.fixture(scope="module")
def identities():
    from simulator.world import World

    found = set(World(seed=SEED, posts=POSTS, until=datetime.now(UTC)).identities())
    # Shorter ones are ordinary words by chance ("lou"); they are counted so that the promise keeps its number.
    return {identity for identity in found if len(identity) > 5}


@pytest.mark.timeout(600)
def test_a_thousand_identities_are_found_nowhere(walked, identities):
    home, logs = walked
    assert len(identities) >= 1000
    kept = everything_kept(home) | {"logs": logs}
    assert sum(map(len, kept.values())) > 1_000_000
    assert found_in(kept, identities) == {}


def found_in(kept: dict[str, bytes], identities: set[str]) -> dict[str, list[str]]:
    """place -> some of the identities that it holds."""
    folded = {place: content.decode("utf-8", "replace").casefold() for place, content in kept.items()}
    # One pattern for all: a thousand searches in every file would take minutes.
    pattern = re.compile(
        "|".join(re.escape(identity.casefold()) for identity in sorted(identities, key=len, reverse=True))
    )
    return {place: sorted(set(pattern.findall(text)))[:3] for place, text in folded.items() if pattern.search(text)}


@pytest.mark.timeout(600)
def test_what_leaves_the_dashboard_and_the_command_line_holds_none(walked, identities, monkeypatch):
    home, _ = walked
    exported = exports(home, monkeypatch) | {
        f"search {query}": said(home, "search", query, "--size", "200", "--json") for query in ("retraites", "loyers")
    }
    assert len([name for name in exported if name.startswith("file")]) >= 4
    assert sum(map(len, exported.values())) > 10_000
    assert found_in(exported, identities) == {}


def exports(home: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Every file that the pages offer, made as a click makes it, and the pages themselves."""
    for name in [name for name in os.environ if name.startswith("POLYPHONIE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("POLYPHONIE_HOME", str(home))
    files: list[bytes] = []
    # AppTest has no click on a download: the button's own function is called, and the button left out.
    monkeypatch.setattr(st, "download_button", lambda _, data, *__, **___: files.append(data()))
    shown = {}
    for page, address in (("overview", {}), ("proposals", {}), ("proposal", {"p": most_spoken_of(home)}),
                          ("research", {"q": "retraites"}), ("method", {})):  # fmt: skip
        app = AppTest.from_file(str(APP), default_timeout=120)
        app.run()
        if page != "overview":
            app.switch_page(f"pages_/{page}.py")
        for name, value in address.items():
            app.query_params[name] = value
        app.run()
        assert not app.exception, app.exception
        shown[f"page {page}"] = "\n".join(element.proto.body for element in app.get("html")).encode()
    return shown | {f"file {number}": content for number, content in enumerate(files)}


def most_spoken_of(home: Path) -> str:
    engine = open_engine(load(home))
    buckets = engine.aggregate("positions", {"p": {"terms": {"field": "proposal", "size": 1}}})["p"]["buckets"]
    engine.close()
    return str(buckets[0]["key"])


def said(home: Path, *words: str) -> bytes:
    command = [sys.executable, "-m", "polyphonie.cli.app", *words, "--home", str(home)]
    ended = subprocess.run(command, capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr.decode()
    return ended.stdout


def test_none_waits_in_the_spool_either(tmp_path, identities):
    from polyphonie.cli.demo import listen, prepare
    from polyphonie.cli.workspace import Workspace
    from simulator.world import World

    prepare(tmp_path / "home", world := World(seed=SEED, posts=POSTS, until=datetime.now(UTC)))
    with Workspace(tmp_path / "home") as work:
        listen(work, world, POSTS)
    kept = everything_kept(tmp_path / "home")
    assert len(kept["spool, read"]) > 500_000
    assert found_in(kept, identities) == {}


def test_the_posts_are_there_all_the_same(walked):
    home, _ = walked
    engine = open_engine(load(home))
    assert engine.count("posts") > POSTS * 0.8
    assert engine.count("positions") > POSTS * 0.3
    engine.close()
