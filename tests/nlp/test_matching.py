"""The catalogue and the gate: obvious messages find their proposal, talk of something else finds none."""

from pathlib import Path

import numpy as np
import pytest

from nlp.catalogue import read_catalogue
from nlp.embeddings import Embedder, load_embedder
from nlp.matching import MOST, Matcher, stems
from polyphonie.errors import ConfigurationError
from polyphonie.records import Proposal

CATALOGUE = Path(__file__).resolve().parents[2] / "configs" / "proposals.yaml"


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return load_embedder()


@pytest.fixture(scope="module")
def matcher(embedder: Embedder) -> Matcher:
    return Matcher(read_catalogue(CATALOGUE), embedder)


def best(matcher: Matcher, embedder: Embedder, text: str, parent: str | None = None) -> str | None:
    [matches] = matcher.match([text], embedder.encode([text]), [parent])
    return matches[0].proposal if matches else None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Je suis pour l'interdiction de la chasse le dimanche, on veut se promener.", "chasse-dimanche"),
        ("Encore un accident de chasse un dimanche, stop !", "chasse-dimanche"),
        ("#StopCorrida", "corrida"),
        ("#stopcorrida", "corrida"),
        ("Le 49.3 encore une fois, quelle honte", "article-49-3"),
        ("À quoi sert le Sénat ? Supprimez-moi ça.", "senat"),
        ("Les mégabassines pompent la nappe pour trois exploitations.", "megabassines"),
        ("Ces MEGABASSINES, c'est non", "megabassines"),
        ("Un smic à 1 800 euros net, enfin de quoi vivre", "smic-1800"),
        ("La reconnaissance faciale dans la rue, jamais de la vie", "reconnaissance-faciale"),
        ("Voter devrait être une obligation, avec une amende pour ceux qui s'abstiennent.", "vote-obligatoire"),
        ("Parcoursup m'a volé une année", "parcoursup"),
    ],
)
def test_obvious_messages_find_their_proposal(matcher: Matcher, embedder: Embedder, text: str, expected: str) -> None:
    assert best(matcher, embedder, text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Ma tarte aux poires est trop cuite, je recommence demain.",
        "Quel but magnifique à la dernière minute, le stade était en feu !",
        "Il pleut depuis trois jours, le chat ne veut plus sortir.",
        "Bonne nuit à tous",
        "Qui a vu le dernier épisode ? Pas de révélations svp",
        "La France n'oublie pas.",
        "The weather is lovely here, we went swimming all afternoon.",
        "🔥🔥🔥",
        "",
    ],
)
def test_talk_of_something_else_is_rejected(matcher: Matcher, embedder: Embedder, text: str) -> None:
    assert best(matcher, embedder, text) is None


def test_a_reply_inherits_the_subject_of_its_parent(matcher: Matcher, embedder: Embedder) -> None:
    reply, parent = "Tout à fait, et depuis longtemps !", "Il faut interdire la corrida partout en France."
    assert best(matcher, embedder, reply) is None
    assert best(matcher, embedder, reply, parent) == "corrida"


def test_scores_are_probabilities_best_first(matcher: Matcher, embedder: Embedder) -> None:
    texts = ["Supprimons le Sénat et le 49.3, et qu'on vote à 16 ans !", "Bonjour"]
    for matches in matcher.match(texts, embedder.encode(texts), threshold=0.0, margin=np.inf):
        scores = [match.score for match in matches]
        assert scores == sorted(scores, reverse=True)
        assert all(0.0 <= score <= 1.0 for score in scores)
        assert len(matches) == MOST
    [two, none] = matcher.match(texts, embedder.encode(texts))
    assert {"senat", "article-49-3", "vote-16-ans"} <= {match.proposal for match in two}
    assert none == []


def test_a_rival_far_under_the_best_goes_unless_it_is_named(matcher: Matcher, embedder: Embedder) -> None:
    text = "Il faut interdire la chasse le dimanche, tout le monde veut se promener en forêt."
    vectors = embedder.encode([text])
    [everything] = matcher.match([text], vectors, threshold=0.0, margin=np.inf)
    [kept] = matcher.match([text], vectors, threshold=0.0)
    assert [match.proposal for match in kept] == ["chasse-dimanche"]
    assert everything[: len(kept)] == kept
    assert len(everything) == MOST
    named = f"{text} Et la corrida avec."
    [both] = matcher.match([named], embedder.encode([named]))
    assert {match.proposal for match in both} == {"chasse-dimanche", "corrida"}


def test_a_parent_names_a_rival_too(matcher: Matcher, embedder: Embedder) -> None:
    reply, parent = "Pareil pour la corrida, à interdire partout.", "Il faut supprimer le Sénat."
    [found] = matcher.match([reply], embedder.encode([reply]), [parent])
    assert {match.proposal for match in found} == {"corrida", "senat"}


def test_a_word_of_many_proposals_tells_them_apart_less(embedder: Embedder) -> None:
    catalogue = read_catalogue(CATALOGUE)
    pair = [proposal for proposal in catalogue if proposal.id in ("senat", "article-49-3")]
    places = [catalogue.index(proposal) for proposal in pair]
    texts = ["Il faut supprimer le Sénat."]
    few = Matcher(pair, embedder).scores(texts, embedder.encode(texts))[0]
    many = Matcher(catalogue, embedder).scores(texts, embedder.encode(texts))[0, places]
    np.testing.assert_allclose(many[0], few[0], atol=0.01)  # « Sénat » is still its own
    assert many[1] < few[1]  # « supprimer » is now everyone's


def test_an_empty_catalogue_matches_nothing(embedder: Embedder) -> None:
    assert Matcher([], embedder).match(["Le Sénat"], embedder.encode(["Le Sénat"])) == [[]]


def test_a_proposal_without_keywords_is_found_by_its_words(embedder: Embedder) -> None:
    bare = Proposal(id="phares", title="Phares", statement="Il faut éteindre les phares des côtes bretonnes la nuit.")
    assert best(Matcher([bare], embedder), embedder, "Éteindre les phares bretons la nuit, drôle d'idée") == "phares"


@pytest.mark.parametrize(
    ("one", "other"), [("éleveurs", "eleveur"), ("interdire", "INTERDIRE"), ("#LoupsDesAlpes", "loup des alpe")]
)
def test_stems(one: str, other: str) -> None:
    assert stems(one) == stems(other)


def test_the_shipped_catalogue_covers_several_sectors() -> None:
    proposals = read_catalogue(CATALOGUE)
    assert len(proposals) >= 30
    assert len({proposal.sector for proposal in proposals}) >= 8
    assert all(proposal.keywords and proposal.negation and proposal.title for proposal in proposals)


GOOD = "- {id: senat, title: Sénat, statement: Il faut supprimer le Sénat.}\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("proposals:\n" + GOOD + GOOD, r"proposals\.yaml: proposal 2: id 'senat' is already taken"),
        (
            "proposals:\n- {id: a, title: A, statment: Oui.}",
            r"proposal 1 \(a\): unknown key 'statment'; did you mean 'statement'",
        ),
        ("proposals:\n- {id: a, title: A}", r"proposal 1 \(a\): key 'statement': Field required"),
        ("proposals:\n- {id: Trop Long, title: A, statement: B}", r"key 'id'"),
        ("proposals:\n- senat", r"proposal 1: expected `id:`"),
        ("proposals: senat", r"must be a list"),
        ("proposal:\n" + GOOD, r"unknown key 'proposal'; did you mean 'proposals'"),
        ("- a\n", r"expected `key: value`"),
        ("a: [", r"cannot be read as YAML"),
    ],
)
def test_a_wrong_catalogue_says_where(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "proposals.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=said):
        read_catalogue(path)


def test_an_empty_catalogue_is_allowed(tmp_path: Path) -> None:
    path = tmp_path / "proposals.yaml"
    path.write_text("proposals: []\n", encoding="utf-8")
    assert read_catalogue(path) == []
