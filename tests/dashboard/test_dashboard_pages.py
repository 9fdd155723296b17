"""Each page, run by Streamlit itself over a home of invented records: figures, addresses, empty and error states."""

import json
import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import streamlit as st

import nlp.quality
from dashboard import frame, memory
from dashboard.french import count, percent
from dashboard.launch import command
from index.opening import open_engine
from measures.disclosure import rounded
from measures.overview import overview
from measures.quality import confusion_from
from measures.window import View
from polyphonie.errors import EngineUnreachable, InputError
from polyphonie.settings import load
from tests.dashboard.opening import opened, told

PAGES = ("overview", "proposals", "proposal", "research", "method")


pytestmark = pytest.mark.usefixtures("forgetful")


@pytest.mark.parametrize("page", PAGES)
def test_every_page_has_its_frame(at_home, page):
    html = told(opened(page, p="loyers", q="loyers"))
    assert 'class="po-mast"' in html
    assert "Ceci n'est pas un sondage." in html
    assert "Bluesky (simulé), Mastodon (simulé)" in html
    assert "stance-fr 0.1" in html
    assert "données simulées" in html
    assert "Méthode et qualité" in html


def test_the_overview_gives_the_figures_of_the_measures(at_home):
    engine = open_engine(load(at_home))
    today = datetime.now(UTC).date()
    view = View(today - timedelta(days=29), today + timedelta(days=1))
    shares = [
        row.corrected.share
        for row in overview(engine, view, 11, confusion_from("polyphonie/stance-fr", 0.0))
        if not row.masked
    ]
    engine.close()
    shown = re.findall(r'class="po-figure">(.*?)<', told(opened()))
    assert shown == [percent(share) for share in shares]
    assert len(shown) == 5


def test_the_overview_masks_six_voices(at_home):
    html = told(opened())
    assert "Encadrer les loyers dans les grandes villes" in html
    assert "voix qui prennent parti" in html
    assert "Santé de la collecte" in html
    # The proposal is there, its figure is not.
    assert "Changer le nom de la place du marché" in html
    assert '<div class="po-mask">moins de 11 voix</div>' in html


def test_an_address_gives_the_same_view_again(at_home):
    address = {"periode": "90j", "sources": "simulated-bluesky", "ponderation": "messages", "origine": "predites"}
    first, second = opened(**address), opened(**address)
    assert told(first) == told(second)
    assert first.segmented_control(key="periode").value == "90j"
    assert first.multiselect(key="sources").value == ["simulated-bluesky"]
    assert first.selectbox(key="ponderation").value == "messages"
    assert first.selectbox(key="origine").value == "predites"
    assert "Sources\u00a0: Bluesky (simulé) ·" in told(first)


def test_a_choice_in_the_top_bar_is_written_in_the_address(at_home):
    app = opened()
    app.selectbox(key="ponderation").set_value("portee").run()
    assert app.query_params["ponderation"] == "portee"
    assert "ponderation=portee" in told(app)  # and every link carries it
    app.selectbox(key="ponderation").set_value("voix").run()
    assert "ponderation" not in app.query_params


def test_choosing_dates_begins_with_the_days_on_screen(at_home):
    app = opened()
    app.segmented_control(key="periode").set_value("dates").run()
    assert len(app.date_input(key="dates").value) == 2
    assert ".." in str(app.query_params["periode"])


def test_a_bad_address_is_ignored_in_words(at_home):
    html = told(opened(periode="hier", sources="inconnue<b>"))
    assert html.count("Une partie de l'adresse a été ignorée") == 2
    assert "inconnue&lt;b&gt;" in html
    assert html.count('class="po-interval"') == 5


def test_a_vote_of_2019_says_when_its_data_exist_and_offers_them(at_home):
    app = opened("overview", sources="consultation-exemple")
    assert "Les données de ces sources vont du 2 mai au 30 juin 2019" in told(app)
    app.button(key="voir-tout").click().run()
    html = told(app)
    assert "Un repas végétarien par semaine à la cantine" in html
    assert html.count('class="po-interval"') == 1
    assert "données simulées" not in html


def test_a_proposal_without_recent_voice_says_when_it_was_discussed(at_home):
    assert "a été discutée du 2 mai au 30 juin 2019" in told(opened("proposal", p="vote-cantine"))
    html = told(opened("proposal", p="vote-cantine", periode="tout"))
    assert "il n'y a rien à corriger" in html
    assert "Du 28 au 30 juin 2019" in html


def test_proposals_are_compared_in_words(at_home):
    app = opened("proposals", comparer="train~senat", periode="tout")
    html = told(app)
    assert "<em>Rouvrir les petites lignes de train</em> devant <em>Supprimer le Sénat</em>" in html
    # Which of the two words depends on the day: the weeks that the draws share move with it.
    assert re.search("<strong>(très )?probable</strong> \\((plus de )?\\d\\d", html)
    assert len(app.get("vega_lite_chart")) == 1


def test_the_table_is_filtered_and_sorted_from_the_address(at_home):
    html = told(opened("proposals", filtre="TRAIN", tri="titre"))
    table = html[html.index("Toutes les propositions</h2>") :]
    assert "Rouvrir les petites lignes" in table
    assert "Supprimer le Sénat" not in table


def test_an_unknown_proposal_is_said_and_others_are_offered(at_home):
    html = told(opened("proposal", p="<i>rien"))
    assert "Aucune proposition ne s'appelle" in html
    assert "&lt;i&gt;rien" in html
    assert "Supprimer le Sénat" in html


def test_one_proposal_shows_arguments_places_and_why(at_home):
    html = told(opened("proposal", p="loyers"))
    for words in (
        "logement",
        "portée par Parti des exemples",
        "Pourquoi\u202f?",
        "Où l'on en discute",
        "journal.example",
    ):
        assert words in html
    assert html.count('class="po-post"') == 4
    assert "pouvoir d'achat" in html
    assert "×" in html  # copies are folded


def test_a_search_becomes_a_curve_a_mix_and_a_list(at_home):
    app = opened("research", q="loyers")
    html = told(app)
    assert "sans position nette" in html
    assert len(app.get("vega_lite_chart")) == 1
    assert "page 1 sur" in html


def test_a_hostile_message_is_shown_as_text(at_home):
    html = told(opened("research", q="gras OU loyers"))
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert" in html


@pytest.mark.parametrize("query", ["(loyers", "loyers ET", "inconnu:oui", '"sans fin'])
def test_a_query_that_is_not_understood_is_said_in_one_line(at_home, query):
    html = told(opened("research", q=query))
    assert "La requête n'est pas comprise" in html
    assert "Ceci n'est pas un sondage." in html


def test_a_query_of_few_voices_is_masked(at_home):
    html = told(opened("research", q="place marché"))
    assert "moins de 11 voix" in html
    assert 'class="po-post"' not in html


def test_an_evaluated_model_is_shown_with_its_intervals_and_corrects(at_home, tmp_path, monkeypatch):
    quality = {
        "model": "modèle d'essai 3",
        "date": "2026-03-03",
        "pairs_per_second": {"1": 20.0},
        "sets": [
            {
                "name": "essai",
                "title": "Arguments d'une consultation inventée",
                "n": 210,
                "proposals": 12,
                "digest": "sha256:" + "0" * 64,
                "macro_f1": 0.83,
                "interval": [0.78, 0.88],
                "macro_f1_sided": 0.86,
                "accuracy": 0.8,
                "calibration_error": 0.05,
                "confusion": [[80, 15, 5], [20, 75, 5], [3, 3, 4]],
                "baselines": {"mots": 0.58},
            }
        ],
    }
    path = tmp_path / "stance.json"
    path.write_text(json.dumps(quality), encoding="utf-8")
    monkeypatch.setattr(nlp.quality, "STANCE", path)
    monkeypatch.setattr(frame, "STANCE", path)
    html = told(opened("method"))
    for words in (
        "Arguments d'une consultation inventée",
        "83\u202f%",
        "entre 78 et 88",
        "mots 58",
        "modèle d'essai 3",
    ):
        assert words in html
    assert "avant correction des erreurs du modèle" in told(opened("proposal", p="loyers"))


def test_the_model_is_compared_with_declared_sides(at_home):
    html = told(opened("method"))
    live = html[html.index("ceux qui ont dit leur camp") : html.index("Sources, dates et retard")]
    assert "Decidim" in live
    # 31 of 40 agree; F1 is 0.80 and 0.79; 2 have no answer.
    cells = re.findall(r'<td class="num">(.*?)</td>', live)
    assert cells[-4:] == ["40", "79\u202f%", "78\u202f%", "5\u202f%"]
    assert "Cap Collectif" in live
    assert "moins de 11 positions" in live


def test_a_source_of_a_few_messages_has_neither_count_nor_date(at_home):
    method, overview = told(opened("method")), told(opened())
    row = re.search(r"<tr><td class=\"wide\"><b>Cap Collectif</b>.*?</tr>", method)
    assert row is not None
    assert "moins de 11 messages" in row[0]
    assert not re.search(r"\d{4}|>\d+<", row[0])
    health = re.search(r"<li><b>Cap Collectif</b>.*?</li>", overview)
    assert health is not None
    assert "moins de 11 messages, moins de 11 positions" in health[0]


def test_totals_hold_what_is_shown_only(at_home):
    engine = open_engine(load(at_home))
    today = datetime.now(UTC).date()
    rows = overview(
        engine,
        View(today - timedelta(days=29), today + timedelta(days=1)),
        11,
        confusion_from("polyphonie/stance-fr", 0.0),
    )
    engine.close()
    shown = [row for row in rows if not row.masked]
    assert len(shown) < len(rows)
    footer = told(opened()).split("<footer")[1]
    assert count(rounded(sum(row.voices for row in shown)), "voix", "voix") in footer
    assert "cumul de 5 propositions" in footer


@pytest.mark.parametrize(
    ("weighting", "unit"), [("voix", "voix"), ("messages", "messages"), ("portee", "publications et repartages")]
)
def test_words_follow_the_weighting(at_home, weighting, unit):
    for page, parameters in (("overview", {}), ("proposal", {"p": "loyers"})):
        html = told(opened(page, ponderation=weighting, **parameters))
        assert set(re.findall(r"(?:des|les) ([^<>]{3,30}) qui prennent parti", html)) == {unit}


def test_changed_settings_open_another_engine(at_home, tmp_path):
    settings = load(at_home)
    first, again = frame._engine(settings), frame._engine(load(at_home))
    assert first is again
    assert frame._engine(settings.model_copy(update={"home": tmp_path})) is not first


def test_an_expected_error_is_told_in_french(at_home, monkeypatch):
    def refused(*_):
        raise InputError("index/meta.json: cannot be read")

    monkeypatch.setattr(frame, "open_engine", refused)
    html = told(opened())
    assert "Vérifiez le dossier ou l'adresse de l'index" in html
    assert "index/meta.json: cannot be read" in html


def test_the_length_of_a_voice_follows_the_settings(at_home, monkeypatch):
    assert "changent tous les 7\u00a0jours" in told(opened("method"))
    monkeypatch.setenv("POLYPHONIE_PRIVACY__EPOCH_DAYS", "14")
    html = told(opened("method"))
    assert "changent tous les 14\u00a0jours" in html
    assert "par période de 14\u00a0jours" in html


def test_the_method_tells_sources_and_register(at_home):
    html = told(opened("method"))
    for words in ("Collecter", "Ce qui n'est pas mesuré", "Registre du traitement", "consultation-exemple", "11 voix"):
        assert words in html


@pytest.mark.parametrize("page", PAGES)
def test_an_empty_home_says_how_to_begin(tmp_path, monkeypatch, page):
    monkeypatch.setenv("POLYPHONIE_HOME", str(tmp_path))
    html = told(opened(page, p="loyers", q="loyers"))
    assert "Aucune donnée pour l'instant" in html
    assert "polyphonie import" in html
    assert "polyphonie demo" in html


@pytest.mark.parametrize("page", PAGES)
def test_an_unreachable_engine_says_which_and_since_when(tmp_path, monkeypatch, page):
    monkeypatch.setenv("POLYPHONIE_HOME", str(tmp_path))
    monkeypatch.setenv("POLYPHONIE_ENGINE", "elasticsearch")
    monkeypatch.setenv("POLYPHONIE_ELASTICSEARCH__URL", "http://127.0.0.1:9")
    html = told(opened(page, p="loyers", q="loyers"))
    assert "L'index ne répond pas" in html
    assert "http://127.0.0.1:9" in html
    assert "ne répond pas depuis le" in html


def test_the_last_known_view_stays_when_the_engine_falls_silent(at_home, monkeypatch):
    """The engine stops between two visits: same figures, their date, and the address that is silent."""
    app = opened()
    assert "Vue ancienne" not in told(app)
    monkeypatch.setattr(memory, "_minute", lambda moment: moment.timestamp())  # nothing stays fresh

    def silent(*_):
        raise EngineUnreachable("stopped")

    monkeypatch.setattr(frame, "open_engine", silent)
    frame._engine.clear()
    html = told(app.run())
    assert "Vue ancienne" in html
    assert "dernière vue connue" in html
    assert html.count('class="po-interval"') == 5


@pytest.mark.parametrize(("page", "address"), [("proposal", {"p": "loyers"}), ("research", {"q": "loyers"})])
def test_a_campaign_sees_no_text_of_a_message(at_home, monkeypatch, page, address):
    seen = told(opened(page, **address))
    assert 'class="po-post"' in seen
    assert "Il faut encadrer les loyers." in seen[seen.index("<article") :]
    monkeypatch.setenv("POLYPHONIE_DASHBOARD__TENANT", "campaign")
    st.cache_resource.clear()
    html = told(opened(page, **address))
    assert "agrégats seulement" in html
    assert 'class="po-post"' not in html
    assert "Pourquoi" not in html
    assert "<blockquote" not in html


def test_a_wrong_setting_is_one_line(dashboard_home, tmp_path, monkeypatch):
    home = tmp_path / "home"
    shutil.copytree(dashboard_home, home)
    (home / "settings.yaml").write_text("dashbord: {port: 1}\n", encoding="utf-8")
    monkeypatch.setenv("POLYPHONIE_HOME", str(home))
    html = told(opened())
    assert "La configuration ne peut pas être lue" in html
    assert "dashbord" in html
    assert "Corrigez le fichier" in html


def test_the_command_serves_on_loopback_only_and_tells_nobody():
    flags = command(8123)
    assert {"--server.address=127.0.0.1", "--server.port=8123", "--browser.gatherUsageStats=false"} <= set(flags)
    assert Path(flags[4]).name == "app.py"
