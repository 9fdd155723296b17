"""What touches nothing that is followed is dropped; accents, case, plurals and lost spaces hide nothing."""

from datetime import UTC, datetime

import pytest

from crawlers.criteria import Criteria, words
from polyphonie.native import NativePost
from polyphonie.records import Kind, Proposal


def message(text: str, title: str = "", tags: tuple[str, ...] = (), proposal: str | None = None) -> NativePost:
    return NativePost(
        source="essai",
        uri="1",
        kind=Kind.POST,
        text=text,
        title=title,
        hashtags=tags,
        created_at=datetime(2026, 11, 20, tzinfo=UTC),
        proposal=proposal,
    )


def followed(title: str, *keywords: str) -> Proposal:
    return Proposal(id="p", title=title, statement=title, keywords=keywords)


FOLLOWED = Criteria(
    [
        followed("Abaisser l'âge de la retraite", "réforme des retraites", "âge légal", "pensionné"),
        followed("Rétablir le vote obligatoire aux élections"),
        followed("Un RIC ?"),
        followed("Nationaliser"),
    ],
    keywords=("main-d'œuvre", "prix"),
    hashtags=("#CantineGratuite", "RIC2026"),
)


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ("La réforme des retraites, encore.", True),
        ("LA REFORME DES RETRAITES !", True),
        ("re\u0301forme des retraites", True),  # an accent of its own
        ("les réformes des retraites", True),
        ("la réforme de l'école", False),
        ("des retraites de la réforme", False),  # a phrase has an order
        ("réforme, des retraites", True),  # punctuation is not a word
        ("Les âges légaux", False),
        ("Deux pensionnés dans la rue", True),
        ("un pensionne de l’État", True),  # accents are not compared
        ("une pensionnette", False),  # whole words
        ("#ReformeDesRetraites", True),
        ("je dis #RéformeDesRetraites !", True),
        ("la reformedesretraites", True),
        ("la main d’œuvre manque", True),
        ("la main d'oeuvre manque", True),
        ("le prix du pain", True),
        ("#cantinegratuite pour tous", True),
        ("#cantinegratuites", True),
        ("la cantine gratuite", False),  # a tag that is listed is a tag
        ("Rendre le vote obligatoire", False),  # one long word of the title is not two
        ("Rétablissons-le : le vote obligatoire aux élections", True),
        ("une élection obligatoire", True),
        ("Un RIC, vite", True),  # a title without long words is looked for whole
        ("le RIC", False),
        ("Nationaliser, mais quoi ?", True),  # a title that has one long word asks for it
        ("", False),
    ],
)
def test_what_is_said(text, accepted):
    assert FOLLOWED.accepts(message(text)) is accepted


@pytest.mark.parametrize(
    ("tags", "accepted"),
    [(("CantineGratuite",), True), (("cantinegratuite",), True), (("ric2026",), True), (("Cantine",), False)],
)
def test_tags_that_the_platform_gives_apart(tags, accepted):
    assert FOLLOWED.accepts(message("regardez", tags=tags)) is accepted


def test_a_title_is_read_like_a_text():
    assert FOLLOWED.accepts(message("", title="Âge légal : le débat"))


def test_what_stands_under_a_proposal_of_its_platform_is_always_wanted():
    assert FOLLOWED.accepts(message("bof", proposal="12"))


def test_without_criteria_nothing_is_wanted():
    assert not Criteria(()).accepts(message("La réforme des retraites"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("L'Été à Nîmes, c’est chaud", ["l", "ete", "a", "nimes", "c", "est", "chaud"]),
        ("1 800 € net_et_brut", ["1", "800", "net", "et", "brut"]),
        ("Œdème, æquo, ﬁn", ["oedeme", "aequo", "fin"]),
    ],
)
def test_words(text, expected):
    assert words(text) == expected
