"""The address holds the view: what is written is read back, and what is wrong is ignored in words."""

from datetime import date
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.addresses import PAGES, address
from dashboard.view import ORIGINS, WEIGHTINGS, Choice, read

TODAY = date(2026, 3, 10)
names = st.lists(st.text(alphabet="abcdefgé' ,;&=%+#?/éà-", min_size=1).filter(str.strip), unique=True, max_size=3)
periods = st.sampled_from(
    [
        Choice(period="7j"),
        Choice(),
        Choice(period="tout"),
        Choice(period="dates", first=date(2019, 5, 2), last=date(2019, 6, 30)),
    ]
)


@given(
    periods,
    names,
    names,
    st.sampled_from(list(WEIGHTINGS)),
    st.sampled_from(list(ORIGINS)),
    st.sampled_from(list(PAGES)),
)
def test_a_copied_address_shows_the_same_view(period, sources, sectors, weighting, origin, page):
    choice = Choice(period.period, period.first, period.last, tuple(sources), tuple(sectors), weighting, origin)
    copied = dict(parse_qsl(urlsplit(address(page, choice, p="a b")).query))
    assert copied.pop("p") == "a b"
    assert read(copied, sources, sectors) == (choice, [])


def test_the_usual_view_has_a_bare_address():
    assert Choice().query() == {}
    assert address("overview", Choice()) == "./"


@pytest.mark.parametrize(
    ("parameters", "word"),
    [
        ({"periode": "31j"}, "période"),
        ({"periode": "dates"}, "période"),
        ({"periode": "2026-03-10..2026-03-01"}, "période"),  # ends before it begins
        ({"periode": "2026-02-30..2026-03-01"}, "période"),
        ({"periode": "0001-01-01..9999-12-31"}, "période"),
        ({"ponderation": "poids"}, "pondération"),
        ({"origine": "../../etc"}, "origine"),
        ({"sources": "inconnue"}, "source"),
        ({"secteurs": "<script>"}, "secteur"),
    ],
)
def test_a_bad_value_is_ignored_with_a_notice(parameters, word):
    choice, notices = read(parameters, ["connue"], ["logement"])
    assert choice == Choice()
    assert len(notices) == 1
    assert word in notices[0]
    assert next(iter(parameters.values())) in notices[0]


def test_known_values_survive_beside_unknown_ones():
    choice, notices = read({"sources": "connue~inconnue", "ponderation": "messages"}, ["connue"], [])
    assert choice == Choice(sources=("connue",), weighting="messages")
    assert len(notices) == 1


@pytest.mark.parametrize(
    ("choice", "since", "until"),
    [
        (Choice(period="7j"), date(2026, 3, 4), date(2026, 3, 11)),
        (Choice(), date(2026, 2, 9), date(2026, 3, 11)),
        (Choice(period="tout"), date(2019, 5, 2), date(2026, 3, 2)),
        (
            Choice(period="dates", first=date(2025, 1, 1), last=date(2025, 1, 1)),
            date(2025, 1, 1),
            date(2025, 1, 2),
        ),
    ],
)
def test_window(choice, since, until):
    window = choice.window(TODAY, (date(2019, 5, 2), date(2026, 3, 1)))
    assert (window.since, window.until) == (since, until)


def test_window_carries_filters():
    window = Choice(sources=("a",), sectors=("b",), weighting="portee", origin="votes").window(TODAY, None)
    assert (window.sources, window.sectors, window.weighting, window.origins) == (("a",), ("b",), "reach", ("vote",))
