"""French writing, as tables of cases."""

from datetime import UTC, date, datetime, timedelta
from math import nan

import pytest

from dashboard import french

T = french.THIN
B = french.BOUND


@pytest.mark.parametrize(
    ("value", "digits", "written"),
    [
        (1234.5, 1, f"1{T}234,5"),
        (1_000_000, 0, f"1{T}000{T}000"),
        (0, 0, "0"),
        (-3.2, 0, "\u22123"),
        (-0.2, 0, "0"),  # no minus zero
        (nan, 0, "–"),
    ],
)
def test_number(value, digits, written):
    assert french.number(value, digits) == written


@pytest.mark.parametrize(("share", "written"), [(0.613, f"61{T}%"), (0, f"0{T}%"), (1, f"100{T}%"), (nan, "–")])
def test_percent_is_never_finer_than_a_point(share, written):
    assert french.percent(share) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.041, f"+4{B}points"),
        (0.012, f"+1{B}point"),
        (-0.02, f"\u22122{B}points"),
        (0.004, f"0{B}point"),
        (-0.004, f"0{B}point"),
    ],
)
def test_signed_points(value, written):
    assert french.signed_points(value) == written


@pytest.mark.parametrize(
    ("value", "written"), [(1, f"1{B}message"), (1.9, f"2{B}messages"), (2, f"2{B}messages"), (0, f"0{B}message")]
)
def test_count(value, written):
    assert french.count(value, "message") == written


@pytest.mark.parametrize(
    ("first", "last", "written"),
    [
        (date(2026, 3, 3), date(2026, 3, 3), "le 3 mars 2026"),
        (date(2026, 3, 1), date(2026, 3, 9), "du 1er au 9 mars 2026"),
        (date(2026, 2, 28), date(2026, 3, 3), "du 28 février au 3 mars 2026"),
        (date(2025, 12, 31), date(2026, 1, 1), "du 31 décembre 2025 au 1er janvier 2026"),
    ],
)
def test_period(first, last, written):
    assert french.period(first, last) == written


@pytest.mark.parametrize(
    ("span", "written"),
    [
        (timedelta(seconds=40), f"40{B}s"),
        (timedelta(minutes=12), f"12{B}min"),
        (timedelta(hours=47), f"47{B}h"),
        (timedelta(days=3), f"3{B}jours"),
        (timedelta(days=100), f"3{B}mois"),
        (timedelta(days=2700), f"7{B}ans"),
        (timedelta(seconds=-5), f"0{B}s"),
    ],
)
def test_duration(span, written):
    assert french.duration(span) == written


def test_an_instant_is_told_in_paris_time():
    assert french.instant(datetime(2026, 3, 3, 13, 5, tzinfo=UTC)) == f"3 mars 2026, 14{B}h{B}05"
    assert french.instant(datetime(2026, 6, 30, 22, 5, tzinfo=UTC)) == f"1er juillet 2026, 0{B}h{B}05"


@pytest.mark.parametrize(
    ("probability", "words"), [(0.5, ""), (0.79, ""), (0.8, "probable"), (0.949, "probable"), (0.95, "très probable")]
)
def test_likelihood(probability, words):
    assert french.likelihood(probability) == words


@pytest.mark.parametrize(
    ("words", "written"), [([], ""), (["a"], "a"), (["a", "b"], "a et b"), (["a", "b", "c"], "a, b et c")]
)
def test_listed(words, written):
    assert french.listed(words) == written


def test_typeset_keeps_marks_with_their_word():
    assert french.typeset("Vrai ? « Oui » : 61 % ; fin !") == f"Vrai{T}? «{T}Oui{T}»\u00a0: 61{T}%{T}; fin{T}!"
    assert french.typeset('<a href="x?y=1;z">12:30</a>') == '<a href="x?y=1;z">12:30</a>'
