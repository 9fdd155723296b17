"""A list of sources is read whole or refused in one line that says what to write."""

from datetime import date, timedelta

import pytest

from crawlers import sources
from crawlers.sources import Source, Terms, read_sources
from crawlers.spider import SourceSpider
from polyphonie.errors import ConfigurationError

TODAY = date(2026, 11, 20)


class Licensed(Source):
    needs_terms = True


class Open(SourceSpider):
    source_model = Source


class Guarded(SourceSpider):
    source_model = Licensed


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home and shipped configuration of our own, with two platforms."""
    shipped = tmp_path / "configs"
    shipped.mkdir()
    monkeypatch.setattr(sources, "CONFIGS", shipped)
    monkeypatch.setattr(sources, "platforms", lambda: {"open": Open, "guarded": Guarded})
    return tmp_path


def read(home, text: str, shipped: str = ""):
    (home / "sources.yaml").write_text(text, encoding="utf-8")
    (home / "configs" / "sources.yaml").write_text(shipped, encoding="utf-8")
    return read_sources(home)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("source: {}", "unknown key 'source'; did you mean 'sources'?"),
        ("12: {}", "unknown key 12"),
        ("sources: [press]", "`sources:` must hold a name for each source"),
        ("sources: {press: }", "`sources:` must hold a name for each source"),
        ("sources: {press: {}}", "press: key 'platform': one of open, guarded is expected"),
        ("sources: {press: {platform: opem}}", "press: key 'platform': one of open, guarded is expected"),
        ("sources: {press: {platform: open, evry_s: 3}}", "press: unknown key 'evry_s'; did you mean 'every_s'?"),
        ("sources: {press: {platform: open, name: other}}", "press: unknown key 'name'"),
        ("sources: {press: {platform: open, 12: 3}}", "press: unknown key 12"),
        ("sources: {press: {platform: open, every_s: soon}}", "press: key 'every_s': Input should be a valid number"),
        ("sources: {press: {platform: open, budget_a_day: 0}}", "press: key 'budget_a_day'"),
        ("sources: {press: {platform: open, terms: {terms_url: x}}}", "press: key 'terms.terms_url'"),
        ("sources: {press: {platform: open, terms: {approved_by: Zoé}}}", "press: key 'terms.terms_url'"),
        ("sources: {Le Monde: {platform: open}}", "Le Monde: key 'name'"),
        ("sources: {12: {platform: open}}", "12: key 'name'"),
        ("sources: {a: [", "cannot be read as YAML"),
    ],
)
def test_a_mistake_is_one_line_with_its_place(home, text, said):
    with pytest.raises(ConfigurationError) as refused:
        read(home, text)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "sources.yaml" in str(refused.value)


def test_a_home_changes_single_keys_of_what_is_shipped(home):
    shipped = "sources: {press: {platform: open, every_s: 60, keywords: [a]}, other: {platform: open, enabled: false}}"
    found = read(home, "sources: {press: {every_s: 5}, own: {platform: guarded}}", shipped)
    assert set(found) == {"press", "other", "own"}
    assert (found["press"].every_s, found["press"].keywords) == (5, ("a",))
    assert not found["other"].enabled
    assert isinstance(found["own"], Licensed)


def test_no_list_is_no_source(home):
    assert read_sources(home) == {}
    assert read(home, "", "kept_for_ever: [x]") == {}


def terms(age_days: int) -> Terms:
    return Terms(
        terms_url="https://exemple.example/terms",
        terms_checked_at=TODAY - timedelta(days=age_days),
        approved_by="legal-officer",
    )


@pytest.mark.parametrize(
    ("model", "record", "said"),
    [
        (Source, None, ""),
        (Licensed, None, "no terms record"),
        (Licensed, terms(0), ""),
        (Licensed, terms(179), ""),
        (Licensed, terms(180), "were read 180 days ago; read https://exemple.example/terms again"),
        (Licensed, terms(-1), "lies in the future"),
        (Source, terms(180), "were read 180 days ago"),  # a record that is there must be young
    ],
)
def test_nothing_is_asked_without_terms_that_somebody_read_lately(model, record, said):
    refusal = model(name="s", platform="open", terms=record).refusal(TODAY)
    assert said in refusal
    assert bool(refusal) == bool(said)
    assert "\n" not in refusal
