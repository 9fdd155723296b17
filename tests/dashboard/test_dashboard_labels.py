"""What people labelled reaches the figures of every page, and the pages say how, in French."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
import streamlit as st

from dashboard.annotation import make_round
from dashboard.french import day
from index.opening import open_engine
from measures.drift import Shift
from measures.drifting import keep_shifts, shifts_path
from measures.window import View
from polyphonie.labels import LabelStore, labels_path
from polyphonie.records import Label, label_id
from polyphonie.settings import load
from tests.dashboard.opening import opened, told

pytestmark = pytest.mark.usefixtures("forgetful")


def labelled(home, n, roles=("annotatrice-1",), reader=0):
    """Have n messages about rents read by people, who find each of them against, and some by a stronger reader."""
    today = datetime.now(UTC).date()
    engine = open_engine(load(home))
    made = make_round(
        home, engine, "loyers", {"loyers"}, View(today - timedelta(days=29), today + timedelta(days=1)), max(n, reader)
    )
    engine.close()
    assert made is not None
    with LabelStore(labels_path(home)) as store:
        draws = store.draws(made.id)
        asked = [(one, role) for one in draws[:n] for role in roles] + [(o, "reader:juge") for o in draws[:reader]]
        store.keep(
            Label(
                id=label_id(one.post, one.proposal, role), post=one.post, proposal=one.proposal, answer="against",
                drawn_with=one.drawn_with, answered_by=role, at=datetime.now(UTC), round=made.id,
            )
            for one, role in asked
        )  # fmt: skip


def plain(html):
    return re.sub(r"[\s\u00a0\u202f]+", " ", re.sub(r"<[^>]+>", " ", html)).replace("&#x27;", "'")


def shown(html):
    """The share of the first interval of some HTML, in per cent."""
    return int(re.search(r'class="po-figure">(\d+)', html)[1])


@pytest.mark.parametrize(
    ("n", "said"),
    [
        (0, "Personne n'a encore lu de messages tirés au sort"),
        (12, "Avec moins de 30 réponses qui prennent parti, elles mettent à jour"),
        (80, "À partir de 30 réponses qui prennent parti, ce sont elles qui font la part"),
    ],
)
def test_the_page_of_a_proposal_says_how_its_share_was_corrected(home, n, said):
    if n:
        labelled(home, n)
    html = plain(told(opened("proposal", p="loyers")))
    assert said in html
    assert ("avec le modèle seul" in html) is bool(n)
    share = int(re.search(r"Approuvée par (\d+) %", html)[1])
    assert share > 50 if n == 0 else share < 50  # everybody found them against
    if n == 80:
        assert share < 15
        assert re.search(r"Des personnes ont lu \d\d messages de cette période", html)


def test_the_overview_the_table_and_the_file_have_the_same_share(home):
    labelled(home, 80)
    overview, table = opened(), opened("proposals", tri="titre", filtre="loyers")
    rows = [row for row in told(overview).split("<tr>") if "po-figure" in row]
    line = next(row for row in rows if "Encadrer les loyers" in row)
    assert shown(line) < 15
    assert shown(told(table)) == shown(line)
    assert re.search(r"\d\d réponses de personnes", plain(line))


def test_a_stronger_reader_between_is_told_with_what_it_brought(home):
    labelled(home, 40, reader=150)
    html = plain(told(opened("proposal", p="loyers")))
    assert re.search(r"un lecteur plus fort en a lu 1\d\d", html)
    assert "avec le lecteur plus fort en plus" in html


def test_the_page_of_the_method_shows_how_far_the_tiers_agree(home):
    assert "Pas encore de relecture" in told(opened("method"))
    st.cache_resource.clear()
    labelled(home, 40, roles=("annotatrice-1", "annotateur-1"), reader=60)
    html = plain(told(opened("method")))
    for words in (
        "Le petit modèle et les personnes",
        "Le lecteur plus fort et les personnes",
        "Le petit modèle et le lecteur plus fort",
        "ce que disent les messages lus deux fois",
    ):
        assert words in html


def test_a_shift_that_is_established_widens_what_pages_show_and_is_said(home):
    today = datetime.now(UTC).date()
    before = told(opened("proposal", p="loyers"))
    assert "intervalles de cette page sont élargis" not in before
    st.cache_resource.clear()
    keep_shifts(shifts_path(home), today, [Shift("words", 0.2, 1.0, 0.6, 0.001), Shift("scores", 0.2, 1.0, 0.5, 0.4)])
    for page in ("overview", "proposals", "proposal"):
        html = plain(told(opened(page, p="loyers")))
        assert f"le vocabulaire a bougé à partir du {day(today - timedelta(days=7))}" in html
        assert "intervalles de cette page sont élargis" in html
    wider = bounds(html)
    assert wider[1] - wider[0] > bounds(plain(before))[1] - bounds(plain(before))[0]
    assert "fois plus d'une proposition à l'autre" in plain(told(opened("method")))


def test_a_change_that_lasts_still_widens_when_it_is_compared_with_itself(home):
    today = datetime.now(UTC).date()
    seen = today - timedelta(days=40)
    keep_shifts(shifts_path(home), seen, [Shift("words", 0.2, 1.0, 0.6, 0.001)])
    keep_shifts(shifts_path(home), today, [Shift("words", 0.0, 0.0, 0.0, 0.9)])
    html = plain(told(opened("proposal", p="loyers")))
    assert f"le vocabulaire a bougé à partir du {day(seen - timedelta(days=7))}" in html
    method = plain(told(opened("method")))
    assert "fois plus d'une proposition à l'autre" in method
    assert "Rien n'a bougé" not in method


def bounds(text):
    low, high = re.search(r"Approuvée par \d+ % .*?\(entre (\d+) et (\d+)\)", text).groups()
    return int(low), int(high)


def test_a_window_before_the_shift_is_as_it_was(home):
    today = datetime.now(UTC).date()
    keep_shifts(shifts_path(home), today, [Shift("words", 0.2, 1.0, 0.6, 0.001)])
    past = f"{today - timedelta(days=40)}..{today - timedelta(days=10)}"
    assert "sont élargis" not in told(opened("overview", periode=past))


def test_what_was_kept_in_another_shape_is_not_believed(home):
    shifts_path(home).write_text(json.dumps({"until": "2026-01-01", "shifts": [{"kind": "words"}]}))
    assert "sont élargis" not in told(opened())
