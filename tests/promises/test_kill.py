"""A crash loses nothing and repeats nothing: processes are really killed, at random moments, then compared."""

import csv
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from index.archive import Archive
from index.opening import open_engine
from polyphonie.records import Position, Post
from polyphonie.settings import load

POLYPHONIE = [sys.executable, "-m", "polyphonie.cli.app"]
STANCES = ("pour", "contre", "sans avis")
SENTENCES = (
    "La cantine gratuite aiderait toutes les familles du quartier.",
    "Encore une dépense que personne ne sait financer, je suis contre.",
    "Combien cela coûterait-il à la commune, quelqu'un a le chiffre ?",
    "Mes enfants mangent mal le midi, il faut y aller sans attendre.",
    "Ceux qui peuvent payer doivent payer, c'est une question de justice.",
)
MAPPING = """
source: essai
kind: argument
id: id
text: texte
date: {column: date, zone: Europe/Paris}
author: auteur
proposal: proposition
stance: {column: avis, values: {pour: favour, contre: against, sans avis: unclear}}
trust_date: true
"""


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    (folder / "mapping.yaml").write_text(MAPPING, encoding="utf-8")
    with (folder / "avis.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, delimiter=";")
        rows.writerow(["id", "texte", "date", "auteur", "proposition", "avis"])
        for number in range(12_000):
            text = f"{SENTENCES[number % 5]} Avis numéro {number % 700}."
            rows.writerow(
                [number, text, f"2025-03-{1 + number % 28:02}", number % 900, f"p{number % 3}", STANCES[number % 3]]
            )
    return folder


def run(*words: str, home: Path, kill_after_s: float | None = None) -> int:
    """Exit code of a command, or -9 when it was killed."""
    environment = os.environ | {"POLYPHONIE_HOME": str(home), "HF_HUB_OFFLINE": "1"}
    process = subprocess.Popen([*POLYPHONIE, *words], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        _, errors = process.communicate(timeout=kill_after_s)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return -signal.SIGKILL
    assert process.returncode == 0, errors.decode()
    return process.returncode


def run_with_kills(*words: str, home: Path, seed: int, kills: int) -> int:
    """Start the command, kill it at a random moment of its usual length, `kills` times, then let it end."""
    moments = random.Random(seed)
    before = time.monotonic()
    killed = sum(run(*words, home=home, kill_after_s=moments.uniform(1.0, 8.0)) != 0 for _ in range(kills))
    run(*words, home=home)
    assert time.monotonic() > before
    return killed


def items(home: Path) -> list[tuple[str, bytes, str]]:
    with sqlite3.connect(home / "spool.sqlite") as base:
        return base.execute("SELECT id, digest, state FROM items ORDER BY id").fetchall()


def waiting_in_order(home: Path) -> list[str]:
    with sqlite3.connect(home / "spool.sqlite") as base:
        return [row[0] for row in base.execute("SELECT id FROM items ORDER BY seq")]


def test_a_killed_import_resumes_without_repeating(export, tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    words = ("import", str(export / "avis.csv"), "--mapping", str(export / "mapping.yaml"), "--json")
    run(*words, home=whole)
    cut.mkdir()
    shutil.copytree(whole / "keys", cut / "keys")  # the same keys give the same ids
    assert run_with_kills(*words, home=cut, seed=1, kills=4) >= 1
    assert len(items(whole)) == 12_000
    assert items(cut) == items(whole)
    assert waiting_in_order(cut) == waiting_in_order(whole)
    with sqlite3.connect(cut / "spool.sqlite") as base:
        [counts] = base.execute("SELECT counts FROM cursors").fetchone()
    assert json.loads(counts) == {"rows": 12_000, "imported": 12_000, "repaired": 0, "quarantined": 0}


def indexed(home: Path) -> dict[str, dict[str, dict]]:
    engine = open_engine(load(home))
    try:
        return {name: {row["id"]: row for row in engine.scan(name)} for name in ("posts", "positions", "tallies")}
    finally:
        engine.close()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_killed_enrichment_ends_as_one_that_was_not(export, tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    run("import", str(export / "avis.csv"), "--mapping", str(export / "mapping.yaml"), home=whole)
    with sqlite3.connect(whole / "spool.sqlite") as base:
        base.execute("DELETE FROM items WHERE seq > 3000")
    settings = "nlp: {batch_size: 128, topics: false}\n"
    (whole / "settings.yaml").write_text(settings)
    shutil.copytree(whole, cut)
    run("enrich", home=whole)
    assert run_with_kills("enrich", home=cut, seed=2, kills=5) >= 1
    assert indexed(cut) == indexed(whole)
    assert len(indexed(cut)["posts"]) == 3000
    assert len(indexed(cut)["tallies"]) > 50
    assert {state for *_, state in items(cut)} == {"done"}
    # A batch may be in the archive twice after a kill; read back, it is the same records.
    archived = {(type(record), record.id) for record in Archive(load(cut).archive_path).replay()}
    assert sum(kind is Post for kind, _ in archived) == 3000
    assert {found for kind, found in archived if kind is Position} == set(indexed(cut)["positions"])
