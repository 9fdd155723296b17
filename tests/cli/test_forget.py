"""Who asks to be forgotten is: everywhere, for good, whatever name of theirs they give."""

import json
import os
import sqlite3
import subprocess
import sys

import pytest

from index.archive import Archive
from index.opening import open_engine
from polyphonie.records import Post
from polyphonie.settings import load

MAPPING = """
source: essai
kind: argument
id: id
text: texte
date: {column: date, zone: Europe/Paris}
author: auteur
handle: pseudo
proposal: proposition
stance: {column: avis, values: {pour: favour, contre: against}}
trust_date: true
"""
ROWS = """id;texte;date;auteur;pseudo;proposition;avis
1;La cantine gratuite aiderait toutes les familles du quartier;2026-03-01;u-1;@Zelie.Q;cantine;pour
2;Encore une dépense que personne ne sait financer cette année;2026-03-02;u-2;@Amaury;cantine;contre
3;Mes enfants mangent mal le midi et je ne suis pas la seule;2026-03-03;u-1;@Zelie.Q;cantine;pour
"""


def run(*words: str, home) -> dict:
    ended = subprocess.run(
        [sys.executable, "-m", "polyphonie.cli.app", *words, "--json"],
        env=os.environ | {"POLYPHONIE_HOME": str(home), "HF_HUB_OFFLINE": "1", "POLYPHONIE_NLP__TOPICS": "false"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest.fixture
def export(tmp_path):
    (tmp_path / "avis.csv").write_text(ROWS, encoding="utf-8")
    (tmp_path / "mapping.yaml").write_text(MAPPING, encoding="utf-8")
    return ("import", str(tmp_path / "avis.csv"), "--mapping", str(tmp_path / "mapping.yaml"))


@pytest.mark.parametrize("name", ["@zelie.q", "Zelie.Q", "u-1"])
def test_forget_reaches_every_store_and_lasts(tmp_path, export, name):
    home = tmp_path / "home"
    assert run(*export, home=home)["new"] == 3
    run("enrich", home=home)
    assert run("forget", name, "--source", "essai", home=home)["erased"] == 2
    engine = open_engine(load(home))
    assert [post["text"][:6] for post in engine.scan("posts")] == ["Encore"]
    assert {position["text"][:6] for position in engine.scan("positions")} == {"Encore"}
    engine.close()
    assert [record.text[:6] for record in Archive(load(home).archive_path).replay() if isinstance(record, Post)] == [
        "Encore"
    ]
    with sqlite3.connect(home / "spool.sqlite") as base:
        assert base.execute("SELECT count(*) FROM items WHERE state = 'done'").fetchone() == (1,)
    # The file is read again from its first row, as a new crawl would: nothing of theirs comes back.
    with sqlite3.connect(home / "spool.sqlite") as base:
        base.execute("DELETE FROM cursors")
    assert run(*export, home=home)["new"] == 0
    everything = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file()).lower()
    assert b"zelie" not in everything


def test_an_edit_takes_its_former_words_and_positions_away(tmp_path, export):
    home = tmp_path / "home"
    run(*export, home=home)
    run("enrich", home=home)
    edited = ROWS.replace("La cantine gratuite aiderait toutes les familles du quartier", "Finalement je ne sais plus")
    (tmp_path / "avis.csv").write_text(
        edited.replace("@Zelie.Q;cantine;pour\n2", "@Zelie.Q;transport;contre\n2"), encoding="utf-8"
    )
    assert run(*export, home=home)["new"] == 1
    run("enrich", home=home)
    run("measure", home=home)
    engine = open_engine(load(home))
    positions = [position for position in engine.scan("positions") if "Finalement" in position["text"]]
    assert {position["proposal"] for position in positions} >= {"essai:transport"}
    assert "essai:cantine" not in {position["proposal"] for position in positions}
    assert not [post for post in engine.scan("posts") if "quartier" in post["text"]]
    engine.close()
    archived = list(Archive(load(home).archive_path).replay())
    assert not [
        record for record in archived if "quartier" in getattr(record, "text", "") + getattr(record, "span", "")
    ]
