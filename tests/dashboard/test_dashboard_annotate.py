"""Annoter: a draw, answers, second thoughts, two people, and who may not see the page."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import annotation
from dashboard.annotated import gone, halving, in_common
from index.opening import open_engine
from measures.readings import read_posts
from polyphonie.labels import LabelStore, labels_path
from polyphonie.records import Label, label_id
from polyphonie.settings import load
from tests.dashboard.opening import opened, told

ROOM = Path(__file__).resolve().parents[2] / "dashboard"


pytestmark = pytest.mark.usefixtures("forgetful")


def drawn(**parameters):
    """The page once something was drawn."""
    app = opened("annotate", **parameters)
    app.button(key="an-tirer").click().run()
    assert not app.exception, app.exception
    return app


def click(app, answer):
    app.button(key=f"an-{answer}").click().run()
    assert not app.exception, app.exception
    return app


def message(app):
    found = re.search(r"Le message</p><blockquote>(.*?)</blockquote>", told(app), re.DOTALL)
    return found and found[1]


def kept(home, **asked):
    with LabelStore(labels_path(home)) as store:
        return store.labels(**asked)


def test_without_a_draw_the_page_says_how_to_begin(home):
    html = told(opened("annotate"))
    assert "Aucun tirage pour l'instant" in html
    assert "Ceci n'est pas un sondage." in html
    assert 'aria-current="page">Annoter' in html


def test_a_draw_shows_one_message_under_its_statement_and_hides_what_the_model_read(home):
    app = drawn(p="loyers", n="50")
    html = told(app)
    assert "Il faut encadrer les loyers." in html
    assert message(app)
    assert "Ce que le modèle en lisait" not in html
    assert [app.button(key=f"an-{answer}").label for answer in ("favour", "against", "neither", "not_about")] == [
        "Pour",
        "Contre",
        "Ni l'un ni l'autre",
        "Pas sur ce sujet",
    ]
    assert str(app.query_params["tirage"]).strip("[']").startswith("tirage-")


def test_every_answer_has_a_key_of_its_own(home):
    app = drawn(p="loyers", n="20")
    answers = ("favour", "against", "neither", "not_about", "skipped")
    keys = [app.button(key=f"an-{answer}").proto.shortcut for answer in answers]
    assert keys == ["f", "d", "n", "h", "p"]


def test_an_answer_is_kept_with_the_probability_of_its_draw(home):
    app = drawn(p="loyers", n="50", role="annotatrice-2")
    first = message(app)
    html = told(click(app, "against"))
    [label] = kept(home)
    assert (label.answer, label.answered_by, label.proposal) == ("against", "annotatrice-2", "loyers")
    assert 0 < label.drawn_with < 1
    assert label.round == annotation.rounds(home)[0].id
    assert "Dernière réponse : <b>Contre</b>" in html
    assert "Ce que le modèle en lisait" in html
    assert first.split(" ", 2)[2][:20] in html  # what was answered is still there, as the last
    assert "1 réponse sur 50".replace(" ", "\u00a0", 1) in app.get("progress")[0].proto.text


def test_an_answer_about_a_message_that_was_erased_meanwhile_is_not_kept(home):
    app = drawn(p="loyers", n="50")
    shown = message(app)
    engine = open_engine(load(home))
    post = annotation.sit(home, engine, annotation.rounds(home)[0], "annotatrice-1").next.post
    engine.delete("posts", [post])
    engine.close()
    with LabelStore(labels_path(home)) as store:
        store.erase([post])
    click(app, "against")
    assert kept(home) == []
    assert message(app) not in (None, shown)


def test_undo_asks_again(home):
    app = drawn(p="loyers", n="50")
    first = message(app)
    click(app, "favour")
    second = message(app)
    click(app, "annuler")
    assert kept(home) == []
    assert message(app) == first
    assert "Dernière réponse" not in told(app)
    click(app, "against")
    assert message(app) == second
    assert [label.answer for label in kept(home)] == ["against"]


def test_a_skipped_message_is_not_asked_again_and_counts_for_nothing(home):
    app = drawn(p="loyers", n="20")
    first = message(app)
    click(app, "skipped")
    assert [label.answer for label in kept(home)] == ["skipped"]
    assert (message(app), app.get("progress")[0].proto.value) != (first, 0)
    assert "Trop tôt" in told(app)


def answered(home, n, roles, said=lambda drawn, role: "favour" if drawn.p_favour > 0.4 else "against"):
    """A draw of n posts about the rents, read by these roles."""
    engine = open_engine(load(home))
    view = annotation.View(datetime(1990, 1, 1).date(), datetime(2100, 1, 1).date())
    made = annotation.make_round(home, engine, "loyers", {"loyers"}, view, n)
    for role in roles:
        sitting = annotation.sit(home, engine, made, role)
        texts = {one: sitting.readings[one.post].text for one in sitting.draws}
        with LabelStore(labels_path(home)) as store:
            store.keep([annotation.label_of(one, role, said(one, role), text) for one, text in texts.items()])
    engine.close()
    return made.id


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        (gone(1), "1\u00a0message ne peut plus être lu : effacé, ou au terme de sa durée."),
        (gone(2), "2\u00a0messages ne peuvent plus être lus : effacés, ou au terme de leur durée."),
        (halving(1.4), "Environ 1\u00a0réponse de plus diviserait l'intervalle par deux"),
        (halving(1.6), "Environ 2\u00a0réponses de plus diviseraient l'intervalle par deux"),
        (halving(127.0), "Environ 130\u00a0réponses de plus diviseraient l'intervalle par deux"),
        (in_common(1), "du seul message que tous deux ont lu"),
        (in_common(12), "des 12\u00a0messages que tous deux ont lus"),
    ],
)
def test_verbs_and_participles_agree_with_what_they_count(sentence, expected):
    assert sentence == expected


def test_answers_say_how_far_the_interval_shrank_and_how_many_would_halve_it(home):
    app = opened("annotate", tirage=answered(home, 100, ["annotatrice-1"]))
    html = told(app)
    assert "100\u00a0réponses donnent ±" in html
    assert "diviseraient l'intervalle par deux" in html
    assert "Comment lire" in html
    assert "Ce tirage est lu" in html
    assert len(app.get("vega_lite_chart")) == 1
    assert "Pas encore d'accord à mesurer" in html
    # The share itself could sway those who read.
    assert not re.search(r"po-figure", html)


def test_two_people_see_their_agreement(home):
    # The second takes another view of every third message.
    def said(asked, role):
        side = "favour" if asked.p_favour > 0.4 else "against"
        return "neither" if role.endswith("2") and asked.turn % 3 == 0 else side

    html = told(
        opened("annotate", tirage=answered(home, 50, ["annotatrice-1", "annotatrice-2"], said), role="annotatrice-2")
    )
    assert "Annotatrice 1 et Annotatrice 2" in html
    assert "66\u202f%" in html
    assert "Alpha de Krippendorff" in html
    assert re.search(r"0,\d\d \(entre 0,\d\d et 0,\d\d\)", html)


def test_the_second_person_reads_the_same_messages_without_the_answers_of_the_first(home):
    app = drawn(p="loyers", n="20")
    first = message(app)
    click(app, "favour")
    again = opened("annotate", tirage=annotation.rounds(home)[0].id, role="annotatrice-2")
    assert message(again) == first
    assert "Dernière réponse" not in told(again)


def test_a_message_erased_meanwhile_is_not_shown_and_stops_nothing(home):
    app = drawn(p="loyers", n="20")
    first = message(app)
    engine = open_engine(load(home))
    with LabelStore(labels_path(home)) as store:
        gone = store.draws(annotation.rounds(home)[0].id)[0]
    engine.delete("posts", [gone.post])
    engine.close()
    made = annotation.rounds(home)[0]
    engine = open_engine(load(home))
    sitting = annotation.sit(home, engine, made, "annotatrice-1")
    engine.close()
    assert sitting.next.post != gone.post
    assert gone not in sitting.open
    assert first


def test_a_reworded_message_is_asked_again(home):
    tirage = answered(home, 20, ["annotatrice-1"])
    engine = open_engine(load(home))
    made = annotation.rounds(home)[0]
    [asked, *_] = annotation.sit(home, engine, made, "annotatrice-1").draws
    document = engine.get("posts", [asked.post])[asked.post]
    engine.write("posts", [document | {"text": "Tout compte fait, je ne sais plus."}])
    sitting = annotation.sit(home, engine, made, "annotatrice-1")
    engine.close()
    assert made.id == tirage
    assert sitting.next == asked
    assert len(sitting.standing) == 19


def test_a_reply_is_read_with_what_it_answers_and_a_repost_with_what_it_repeats(home):
    engine = open_engine(load(home))
    with_text = next(engine.scan("posts"))
    engine.write(
        "posts",
        [
            with_text | {"id": "a" * 32, "text": "Absolument pas.", "reply_to": with_text["id"], "kind": "reply"},
            with_text | {"id": "b" * 32, "text": "", "title": "", "repost_of": "a" * 32, "kind": "repost"},
        ],
    )
    found = read_posts(engine, ["a" * 32, "b" * 32, "c" * 32])
    engine.close()
    assert {post: (each.text, each.parent) for post, each in found.items()} == {
        "a" * 32: ("Absolument pas.", with_text["text"]),
        "b" * 32: ("Absolument pas.", with_text["text"]),
    }


def test_hostile_text_is_shown_as_text(home):
    answered(home, 1_000, [])
    engine = open_engine(load(home))
    made = annotation.rounds(home)[0]
    sitting = annotation.sit(home, engine, made, "annotatrice-1")
    hostile = next(one for one in sitting.draws if "<script>" in sitting.readings[one.post].text)
    texts = {one: sitting.readings[one.post].text for one in sitting.draws[: hostile.turn]}
    with LabelStore(labels_path(home)) as store:
        store.keep([annotation.label_of(one, "annotatrice-1", "skipped", text) for one, text in texts.items()])
    engine.close()
    shown = message(opened("annotate", tirage=made.id))
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown


def test_filters_are_in_the_address(home):
    app = opened("annotate")
    app.selectbox(key="an-p").set_value("train").run()
    app.selectbox(key="an-role").set_value("arbitre-1").run()
    app.selectbox(key="an-n").set_value(20).run()
    assert {name: app.query_params[name] for name in ("p", "role", "n")} == {
        "p": "train",
        "role": "arbitre-1",
        "n": "20",
    }
    again = opened("annotate", p="train", role="arbitre-1", n="20")
    assert again.selectbox(key="an-p").value == "train"
    assert again.selectbox(key="an-role").value == "arbitre-1"
    assert again.selectbox(key="an-n").value == 20


def test_an_address_that_makes_no_sense_is_not_believed(home):
    answered(home, 20, [])
    app = opened("annotate", p="inconnue", role="zelie", n="7", tirage="tirage-<b>rien")
    html = told(app)
    assert "Tirage inconnu" in html
    assert "&lt;b&gt;rien" in html
    assert app.selectbox(key="an-role").value == "annotatrice-1"


def test_a_proposal_of_six_voices_cannot_be_drawn(home):
    app = opened("annotate")
    assert not [option for option in app.selectbox(key="an-p").options if "place du marché" in option]
    assert [option for option in app.selectbox(key="an-p").options if "loyers" in option]


def test_a_period_without_predictions_has_nothing_to_draw(home):
    app = opened("annotate", periode="2019-05-01..2019-06-30")
    app.button(key="an-tirer").click().run()
    assert "Rien à tirer" in told(app)


def test_a_campaign_has_neither_the_page_nor_its_link(home, monkeypatch):
    monkeypatch.setenv("POLYPHONIE_DASHBOARD__TENANT", "campaign")
    app = AppTest.from_file(str(ROOM / "app.py"), default_timeout=60).run()
    assert ">Annoter</a>" not in told(app)
    answered(home, 20, [])
    # Even run by itself, the page refuses.
    alone = AppTest.from_file(str(ROOM / "pages_" / "annotate.py"), default_timeout=60)
    alone.query_params["tirage"] = annotation.rounds(home)[0].id
    html = told(alone.run())
    assert "Réservé au profil de recherche" in html
    assert "<blockquote" not in html
    assert not [button for button in alone.button if button.key.startswith("an-")]


def test_an_empty_home_says_how_to_begin(tmp_path, monkeypatch):
    monkeypatch.setenv("POLYPHONIE_HOME", str(tmp_path))
    assert "Aucune donnée pour l'instant" in told(opened("annotate"))


def test_answers_of_readers_are_no_persons(home):
    tirage = answered(home, 20, ["annotatrice-1"])
    with LabelStore(labels_path(home)) as store:
        machines = [
            Label(
                id=label_id(each.post, each.proposal, "reader:nli"), post=each.post, proposal=each.proposal,
                answer="against", drawn_with=each.drawn_with, answered_by="reader:nli", at=datetime.now(UTC),
            )
            for each in store.draws(tirage)
        ]  # fmt: skip
        store.keep(machines)
    html = told(opened("annotate", tirage=tirage))
    assert "Pas encore d'accord à mesurer" in html
    assert "20\u00a0réponses donnent" in html
