"""Colours that everybody can read, and that a proposal keeps."""

import pytest

from dashboard.palette import DARK, LIGHT, contrast, palette, series_style


@pytest.mark.parametrize("chosen", [LIGHT, DARK], ids=["light", "dark"])
def test_text_reaches_aa_and_marks_reach_three_to_one(chosen):
    for name in ("ink", "muted", "accent", "favour_text", "against_text"):
        for ground in (chosen.paper, chosen.raised):
            assert contrast(getattr(chosen, name), ground) >= 4.5, name
    for name in ("favour", "against", "unclear"):
        assert contrast(getattr(chosen, name), chosen.paper) >= 3.0, name


@pytest.mark.parametrize("chosen", [LIGHT, DARK], ids=["light", "dark"])
def test_favour_and_against_differ_by_more_than_hue(chosen):
    # Told apart in a black and white print too.
    assert contrast(chosen.favour, chosen.against) > 1.1


def test_contrast_of_black_and_white_is_twenty_one():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


def test_a_proposal_keeps_its_style_whatever_is_shown_beside_it():
    known = [f"p{number:02d}" for number in range(28)]
    styles = [series_style(name, known, LIGHT) for name in known]
    assert len(set(styles)) == 28
    assert styles == [series_style(name, list(reversed(known)), LIGHT) for name in known]


def test_an_unknown_proposal_has_a_style():
    assert series_style("nouvelle", ["a"], DARK)[0] in DARK.series


def test_light_when_the_browser_has_not_said():
    assert palette(None) is LIGHT
    assert palette("dark") is DARK
