"""The stance reader as shipped: it reads plain French, the same way whatever the backend and the batch."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nlp.calibration import UNCALIBRATED
from nlp.models.backends import label_order
from nlp.quality import read_quality
from nlp.stance import Pair, load_stance, sentences
from polyphonie.errors import ConfigurationError, ModelUnavailable

SHIPPED = "polyphonie/stance-fr"
FREE_BUS = "Les transports en commun doivent être gratuits."
NUCLEAR = "Il faut construire de nouveaux réacteurs nucléaires."
UNIFORM = "L'uniforme doit être obligatoire à l'école."
SLOW_CITY = "Il faut limiter la vitesse en ville à 30 km/h."
FAVOUR, AGAINST, UNCLEAR = range(3)

# Subjects that the corpus does not hold.
PLAIN = [
    (FREE_BUS, "Je suis pour : la gratuité du bus, c'est de la justice sociale.", FAVOUR),
    (FREE_BUS, "Excellente idée, tout le monde laisserait sa voiture au garage.", FAVOUR),
    (FREE_BUS, "Bonne mesure pour les familles modestes et pour l'air que l'on respire.", FAVOUR),
    (FREE_BUS, "Je suis contre, c'est encore le contribuable qui paiera.", AGAINST),
    (FREE_BUS, "Mauvaise idée : sans recettes, le réseau va se dégrader.", AGAINST),
    (FREE_BUS, "Non à la gratuité, elle ruine les villes et remplit les rames.", AGAINST),
    (NUCLEAR, "Oui, le nucléaire est indispensable pour sortir du gaz et du charbon.", FAVOUR),
    (NUCLEAR, "Je soutiens ce projet, il nous faut une électricité sans carbone.", FAVOUR),
    (NUCLEAR, "Enfin une bonne décision pour notre indépendance énergétique.", FAVOUR),
    (NUCLEAR, "Non, les déchets resteront dangereux pendant des siècles.", AGAINST),
    (NUCLEAR, "Je m'y oppose : c'est trop cher, trop lent et trop risqué.", AGAINST),
    (NUCLEAR, "Une folie, il vaut mieux investir dans le solaire et l'éolien.", AGAINST),
    (UNIFORM, "Tout à fait d'accord, l'uniforme gomme les différences entre élèves.", FAVOUR),
    (UNIFORM, "Absurde, les enfants doivent pouvoir s'habiller comme ils veulent.", AGAINST),
    (SLOW_CITY, "Oui, à 30 la ville est plus calme et plus sûre pour nos enfants.", FAVOUR),
    (SLOW_CITY, "Encore une mesure contre les automobilistes, je refuse.", AGAINST),
]


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    return load_stance(SHIPPED, "onnx", tmp_path_factory.mktemp("models"), 1)


@pytest.fixture(scope="module")
def pairs():
    plain = [Pair(proposal, text) for proposal, text, _ in PLAIN]
    long = Pair(FREE_BUS, " ".join(text for _, text, _ in PLAIN), "Qui va payer ?")
    return [*plain, long, Pair(NUCLEAR, ""), Pair(NUCLEAR, "😄"), Pair("", "Oui")]


def test_probabilities(reader, pairs):
    probabilities = reader.predict(pairs)
    assert probabilities.shape == (len(pairs), 3)
    assert probabilities.dtype == np.float32
    assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert reader.predict([]).shape == (0, 3)
    assert reader.version.startswith("stance-fr-")


def test_better_than_majority_on_plain_french(reader):
    answers = reader.predict([Pair(proposal, text) for proposal, text, _ in PLAIN]).argmax(axis=1)
    right = (answers == [truth for _, _, truth in PLAIN]).sum()
    assert right >= 12, f"{right} of {len(PLAIN)}; the majority gives {len(PLAIN) // 2}"


def test_an_answer_does_not_depend_on_its_batch(reader, pairs):
    together = reader.predict(pairs)
    np.testing.assert_array_equal(together, reader.predict(pairs))
    alone = np.concatenate([reader.predict([pair]) for pair in pairs])
    np.testing.assert_allclose(alone, together, atol=0.005)
    np.testing.assert_allclose(reader.predict(pairs[::-1])[::-1], together, atol=0.005)


def test_invisible_characters_change_nothing(reader):
    seen, hidden = reader.predict([Pair(FREE_BUS, "Je suis contre."), Pair(FREE_BUS, "Je suis con\u200btre.\ufeff")])
    np.testing.assert_allclose(seen, hidden, atol=1e-5)


def test_both_backends_read_the_same_file(reader, pairs, tmp_path):
    other = load_stance(SHIPPED, "torch", tmp_path, 1)
    assert other.version == reader.version
    # Before calibration, whose steps stretch what the arithmetic changes.
    plain = [replace(model, calibration=UNCALIBRATED).predict(pairs) for model in (other, reader)]
    gap = np.abs(plain[0] - plain[1])
    # ONNX Runtime rounds each token to 8 bits, torch does not.
    assert gap.mean() < 0.01
    assert gap.max() < 0.1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("Non", ["Non"]),
        ("Oui. Mais non ! 😄", ["Oui.", "Mais non ! 😄"]),
        ("Un\n\ndeux… trois", ["Un", "deux…", "trois"]),
        ("Il a dit « jamais ! » Moi, si.", ["Il a dit « jamais !", "» Moi, si."]),
        ("Le taux est de 5.5 % ici.", ["Le taux est de 5.5 % ici."]),
    ],
)
def test_sentences(text, expected):
    assert sentences(text) == expected


def test_the_span_is_the_sentence_that_decides(reader):
    text = "Bonjour à tous. Hier il pleuvait. Je suis totalement contre la gratuité des transports."
    pair = Pair(FREE_BUS, text)
    probabilities, ranks = reader.read([pair, Pair(FREE_BUS, "Pourquoi pas"), pair])
    assert probabilities[0].argmax() == AGAINST
    assert ranks == [2, 0, 2]
    assert reader.span(pair) == "Je suis totalement contre la gratuité des transports."
    np.testing.assert_array_equal(probabilities, reader.predict([pair, Pair(FREE_BUS, "Pourquoi pas"), pair]))


@pytest.mark.parametrize(
    ("labels", "order"),
    [
        ({0: "AGAINST", 1: "favour", 2: "none"}, [1, 0, 2]),
        ({0: "entailment", 1: "neutral", 2: "contradiction"}, [0, 2, 1]),
    ],
)
def test_labels_of_other_classifiers(labels, order):
    assert label_order(labels) == order


@pytest.mark.parametrize("labels", [{0: "LABEL_0", 1: "LABEL_1"}, {0: "entailment", 1: "not_entailment"}])
def test_labels_that_say_nothing_are_refused(labels):
    with pytest.raises(ConfigurationError, match="labels"):
        label_order(labels)


def test_any_transformers_classifier_runs_with_torch(tmp_path):
    folder = _tiny_classifier(tmp_path / "tiny")
    with pytest.raises(ConfigurationError, match="torch"):
        load_stance(str(folder), "onnx", tmp_path, 1)
    model = load_stance(str(folder), "torch", tmp_path, 1)
    probabilities = model.predict([Pair("a b", "b c", "d"), Pair("a", "a b c d")])
    assert model.version == "tiny"
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert (probabilities.argmax(axis=1) == FAVOUR).all()  # its bias says entailment, which is its third output


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(ModelUnavailable, match="not a classifier"):
        load_stance(str(tmp_path), "torch", tmp_path, 1)


def test_the_quality_file_speaks_of_the_shipped_model(reader):
    quality = read_quality()
    assert quality.model == reader.version
    assert {measured.name for measured in quality.sets} >= {"repnum", "rua", "xstance-fr", "corpus-held"}
    for measured in quality.sets:
        assert sum(map(sum, measured.confusion)) == measured.n
        assert measured.interval[0] <= measured.macro_f1 <= measured.interval[1]
        assert set(measured.baselines) == {"majority", "tfidf", "anchors"}
        assert measured.macro_f1 > measured.baselines["majority"]


def _tiny_classifier(folder: Path) -> Path:
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    words = {word: number for number, word in enumerate(["[PAD]", "[UNK]", "a", "b", "c", "d"])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(folder)
    labels = {0: "contradiction", 1: "neutral", 2: "entailment"}
    model = BertForSequenceClassification(
        BertConfig(
            vocab_size=6,
            hidden_size=8,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=8,
            id2label=labels,
            label2id={label: number for number, label in labels.items()},
        )
    )
    with torch.no_grad():
        model.classifier.bias.copy_(torch.tensor([0.0, 0.0, 9.0]))
    model.save_pretrained(folder)
    return folder
