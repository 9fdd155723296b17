"""The page of the method says what moved, in French, and nothing more than chance moves."""

import re
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from measures import drifting
from measures.drift import Move, Shift

APP = Path(__file__).resolve().parents[2] / "dashboard" / "app.py"


def method(monkeypatch, shifts):
    """What the page tells under its heading, without tags; narrow and no-break spaces as plain ones."""
    st.cache_resource.clear()
    monkeypatch.setattr(drifting, "read_shifts", lambda engine, until: shifts)
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.run()
    app.switch_page("pages_/method.py")
    app.run()
    assert not app.exception, app.exception
    html = "\n".join(element.proto.body for element in app.get("html"))
    section = html.split("Ce qui est lu change-t-il", 1)[1].split("<h2", 1)[0]
    plain = re.sub(r"<[^>]+>", " ", section).replace("&#x27;", "'")
    return re.sub(r"[\s\u00a0\u202f]+", " ", plain)


NEW = Move("bluesky", 0.1, 0.45, 900.0)
FEW = Move("forum", 0.0, 0.01, 4.0)


@pytest.mark.parametrize(
    ("shifts", "said", "unsaid"),
    [
        ([Shift("scores", float("nan"), float("nan"), 0.0, float("nan"))], "Pas encore assez de recul", "hasard"),
        ([Shift("scores", 0.01, 0.05, 0.2, 0.4)], "Rien n'a bougé plus que le hasard", "ont changé"),
        ([Shift("scores", 0.1, 0.5, 0.22, 0.001)], "22 % de ses probabilités", "Rien n'a bougé"),
        ([Shift("words", 0.1, 0.5, 0.31, 0.001)], "31 % des mots employés", "Rien n'a bougé"),
        ([Shift("sources", 0.1, 0.5, 0.35, 0.001, (NEW,))], "passe de 10 % à 45 %", "Rien n'a bougé"),
        ([Shift("sources", 0.1, 0.5, 0.35, 0.001, (FEW,))], "35 % des positions", "passe de"),  # a few people's
    ],
)
def test_what_moved_is_one_sentence(at_home, monkeypatch, shifts, said, unsaid):
    told = method(monkeypatch, shifts)
    assert said in told
    assert unsaid not in told


def test_the_invented_world_is_read_for_real(at_home):
    st.cache_resource.clear()
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.run()
    app.switch_page("pages_/method.py")
    app.run()
    html = "\n".join(element.proto.body for element in app.get("html"))
    assert "Ce qui est lu change-t-il" in html
    assert "Pas encore assez de recul" not in html
