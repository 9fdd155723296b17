"""HTML: what a stranger wrote never becomes markup, what is masked is said, what is unknown is not drawn."""

from base64 import b64decode
from datetime import UTC, date, datetime, timedelta

import pytest

from dashboard import cells
from dashboard.palette import DARK, LIGHT
from dashboard.posts import card, underlined
from dashboard.provenance import Provenance, footer
from dashboard.style import sheet
from polyphonie.records import Origin, position_id

NOW = datetime(2026, 3, 2, tzinfo=UTC)
HOSTILE = "<script>alert('lu')</script> & \"x\" onload=y"
POSITION = {
    "id": "a" * 32,
    "post": "b" * 32,
    "proposal": "loyers",
    "stance": "favour",
    "p_favour": 0.8,
    "p_against": 0.15,
    "p_unclear": 0.05,
    "origin": "predicted",
    "source": HOSTILE,
    "span": "<script>alert",
    "match": 0.87,
    "model": HOSTILE,
    "at": "2026-03-03T10:00:00Z",
    "text": HOSTILE,
    "flags": [],
}


@pytest.mark.parametrize(
    "html",
    [
        cells.link(HOSTILE, HOSTILE, key=HOSTILE),
        cells.mask(HOSTILE),
        cells.bar(0.5, "red", HOSTILE),
        cells.spark([(date(2026, 3, 1), 0.5)], LIGHT, HOSTILE),
        cells.table([(HOSTILE, "num")], [["1"]], HOSTILE),
        cells.reading(HOSTILE, HOSTILE),
        cells.notice(HOSTILE, "texte"),
        cells.emphasised(HOSTILE),
        card(POSITION, {}, copies=48, about=HOSTILE),
        footer(Provenance((HOSTILE,), date(2026, 3, 1), date(2026, 3, 1)), NOW, "m"),
    ],
)
def test_hostile_text_stays_text(html):
    assert "<script" not in html
    assert '"x" onload' not in html


def test_a_post_underlines_what_decided_and_folds_its_copies():
    html = card(POSITION, {}, copies=48)
    assert "<u>&lt;script&gt;alert</u>" in html
    assert "×48" in html
    assert "Pourquoi\u202f?" in html
    assert "80\u202f%" in html
    assert "0,87 sur 1" in html
    assert "aucune" in html  # no human answer


def test_a_declared_post_shows_the_prediction_and_the_human_answer_beside_it():
    declared = POSITION | {"origin": "declared", "span": "", "model": "", "p_favour": 1.0, "source": "consultation"}
    known = {
        position_id(declared["post"], "loyers", Origin.PREDICTED): POSITION | {"p_favour": 0.31, "model": "modèle 7"},
        position_id(declared["post"], "loyers", Origin.HUMAN): POSITION | {"origin": "human", "stance": "against"},
    }
    html = card(declared, known)
    assert "31\u202f%" in html
    assert "modèle 7" in html
    assert "<dt>Réponse humaine</dt><dd>contre</dd>" in html


@pytest.mark.parametrize(
    ("text", "span", "html"),
    [
        ("un deux trois", "deux", "un <u>deux</u> trois"),
        ("un deux", "absent", "un deux"),
        ("un deux", "", "un deux"),
        ("a < b & c", "b &", "a &lt; <u>b &amp;</u> c"),
    ],
)
def test_underlined(text, span, html):
    assert underlined(text, span) == html


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("est à **61 %**.", "est à <strong>61 %</strong>."),
        (r"\*\*non\*\* \<b\>", "**non** &lt;b&gt;"),
        ("ouvert **sans fin", "ouvert <strong>sans fin</strong>"),
    ],
)
def test_emphasised(text, html):
    assert cells.emphasised(text) == html


def test_a_spark_does_not_cross_a_gap():
    day = date(2026, 3, 1)
    shares = [0.4, 0.5, None, 0.6, 0.7]
    html = cells.spark([(day + timedelta(days=n), share) for n, share in enumerate(shares)], DARK, "tendance")
    drawing = b64decode(html.split("base64,")[1].split('"')[0]).decode()
    assert drawing.count("<polyline") == 2
    assert drawing.count("<rect") == 1


def test_a_spark_without_a_figure_says_so():
    assert "trop peu de voix" in cells.spark([(date(2026, 3, 1), None)], LIGHT, "tendance")


def test_a_short_row_spans_the_table():
    html = cells.table([("a", ""), ("b", ""), ("c", "")], [["1", "masqué"]], "x")
    assert 'colspan="2"' in html or "colspan=2" in html


def test_the_sheet_holds_the_palette():
    assert f"--po-paper:{DARK.paper};" in sheet(DARK)
