"""Sentence vectors: unit length, in order, the same in any company; and what is said when a model is not there."""

from pathlib import Path

import numpy as np
import pytest

from nlp.embeddings import CHUNK, Embedder, load_embedder
from polyphonie.errors import ModelUnavailable


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return load_embedder(threads=2)


def test_vectors_are_units_and_name_their_model(embedder: Embedder) -> None:
    vectors = embedder.encode(["La chasse le dimanche", "Un smic à 1 800 euros"])
    assert vectors.shape == (2, embedder.size)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    assert embedder.version.startswith("use-multilingual-v3@")


def test_near_in_meaning_is_near_in_space(embedder: Embedder) -> None:
    asked, near, far = embedder.encode(
        ["Il faut supprimer le Sénat.", "Fermons la chambre haute du Parlement.", "Ma tarte aux poires est trop cuite."]
    )
    assert asked @ near > asked @ far + 0.1


@pytest.mark.parametrize("text", ["", "🔥", "https://exemple.fr", "@quelquun"])
def test_a_text_without_words_is_zero(embedder: Embedder, text: str) -> None:
    spoken, silent = embedder.encode(["Oui au train de nuit", text])
    assert np.linalg.norm(spoken) == pytest.approx(1.0, abs=1e-5)
    assert np.linalg.norm(silent) == pytest.approx(0.0 if text != "🔥" else np.linalg.norm(silent))


def test_addresses_and_mentions_say_nothing(embedder: Embedder) -> None:
    plain, dressed = embedder.encode(["Oui au train de nuit", "@quelquun Oui au train de nuit https://exemple.fr/a"])
    np.testing.assert_allclose(plain, dressed, atol=1e-5)


def test_order_and_company_do_not_matter(embedder: Embedder) -> None:
    texts = [f"Message numéro {n} " + "sur la vie chère " * (n % 9) for n in range(CHUNK + 20)]
    together = embedder.encode(texts)
    for place in (0, CHUNK - 1, CHUNK, CHUNK + 19):
        np.testing.assert_allclose(together[place], embedder.encode([texts[place]])[0], atol=1e-4)


def test_nothing_gives_nothing(embedder: Embedder) -> None:
    assert embedder.encode([]).shape == (0, embedder.size)


def test_an_absent_model_says_where_it_was_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelUnavailable, match=r"maison/modele-absent.*no copy in.*use-multilingual-v3"):
        load_embedder("maison/modele-absent", cache=tmp_path)
