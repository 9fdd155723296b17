"""Training: what it may see, what it writes, and that any encoder can take the same steps."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast
from typer.testing import CliRunner

from nlp.evaluation_sets import read_held, read_robust
from nlp.models.pairs import Pair
from nlp.stance import load_stance
from nlp.train.consultations import part_of
from nlp.train.development import development_sets, judge_logits
from nlp.train.examples import (
    AGAINST,
    CORPUS,
    FAVOUR,
    HELD_SEED,
    HELD_SHARE,
    UNCLEAR,
    Example,
    read_corpus,
    split_corpus,
)
from nlp.train.learners import any_encoder, mean_state
from nlp.train.steps import Plan, french_epochs, train_stance
from polyphonie.cli.app import app
from polyphonie.errors import InputError


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


@pytest.fixture
def english(tmp_path):
    rows = [
        {"proposal": f"We should ban zoo {number}", "text": text, "stance": stance}
        for number in range(8)
        for text, stance in (("Animals suffer there.", "favour"), ("Children learn a lot.", "against"))
    ]
    return write(tmp_path / "english.jsonl", rows)


@pytest.fixture
def arguments(tmp_path):
    """Two arguments on each of twenty proposals; one of the authors voted against their own argument."""
    rows = [
        {
            "proposal_id": f"p{number}",
            "proposal": f"Proposition {number}",
            "text": text,
            "stance": side,
            "own_vote": vote,
        }
        for number in range(20)
        for text, side, vote in ((f"C'est juste {number}.", "FOR", "YES"), (f"C'est cher {number}.", "AGAINST", "NO"))
    ]
    rows[0]["own_vote"] = "NO"
    return write(tmp_path / "arguments.jsonl", rows)


@pytest.fixture
def corpus(tmp_path):
    folder = tmp_path / "corpus"
    folder.mkdir()
    proposals = [
        {
            "id": f"mini-p{number}",
            "sector": f"secteur {number % 3}",
            "statement": f"Statut{number} obligatoire{number}.",
            "negation": f"Statut{number} facultatif{number}.",
            "paraphrases": [f"Que le statut{number} soit exigé{number}."],
        }
        for number in range(40)
    ]
    write(folder / "mini_proposals.jsonl", proposals)
    posts = [
        {
            "id": f"{row['id']}-{stance}",
            "proposal": row["id"],
            "text": text,
            "parent": None,
            "stance": stance,
            "hard": hard,
        }
        for row in proposals
        for text, stance, hard in (("Enfin !", "favour", []), ("Quelle honte.", "against", ["irony"]))
    ]
    write(folder / "mini_posts.jsonl", posts)
    return folder


def plan(tmp_path, english, corpus=CORPUS, consultations=(), **more):
    return Plan(english, corpus, tuple(consultations), tmp_path / "checkpoints", **more)


def test_training_sees_no_proposal_that_choices_or_scores_rest_on(tmp_path, english):
    training, held = split_corpus(read_corpus(CORPUS), HELD_SHARE, HELD_SEED)
    epochs = french_epochs(training, [], plan(tmp_path, english))
    asked = {example.pair.proposal for epoch in epochs for example in epoch}
    judged = [held_set for held_set in (read_held(hard=True), read_held(hard=False), read_robust()) if held_set]
    scored = {row.pair.proposal for held_set in judged for row in held_set.rows}
    chosen_on = {example.pair.proposal for examples in development_sets(held, ()).values() for example in examples}
    assert len(epochs[0]) > 5_000
    assert not asked & scored
    assert not asked & chosen_on
    assert not scored & chosen_on


def test_arguments_teach_only_on_training_proposals_and_only_when_the_vote_agrees(tmp_path, english, arguments, corpus):
    told = [json.loads(line) for line in arguments.read_text("utf-8").splitlines()]
    may = {row["text"] for row in told[1:] if part_of(row["proposal_id"]) == "training"}
    training, _ = split_corpus(read_corpus(corpus), 0.1, 17)
    epochs = french_epochs(training, [], plan(tmp_path, english, corpus, [arguments], arguments=100))
    seen = [example for example in epochs[0] if example.pair.proposal.startswith("Proposition")]
    assert seen
    assert {example.pair.text for example in seen} <= may
    assert sum(one.label == FAVOUR for one in seen) == sum(one.label == AGAINST for one in seen)


def test_the_command_trains_keeps_the_best_moment_and_writes_a_reader_that_opens(
    tmp_path, english, arguments, corpus, monkeypatch
):
    monkeypatch.setenv("POLYPHONIE_HOME", str(tmp_path / "home"))
    told = CliRunner().invoke(
        app,
        [
            *("train", "stance", "--english", str(english), "--corpus", str(corpus), "--consultations", str(arguments)),
            *("--to", str(tmp_path / "mine"), "--name", "mine-1", "--checkpoints", str(tmp_path / "checkpoints")),
            *("--epochs", "2", "--replayed", "4", "--arguments", "4", "--threads", "1", "--json"),
        ],
    )
    assert told.exit_code == 0, told.output
    answer = json.loads(told.stdout)
    means = {
        moment: np.mean([score for score in scores.values() if score is not None])
        for moment, scores in answer["development"].items()
    }
    assert list(means) == ["epoch 1", "epoch 2", "mean of the last two"]
    assert means[answer["kept"]] == max(means.values())
    model = load_stance(str(tmp_path / "mine"), "onnx", tmp_path, 1)
    assert model.version == "mine-1"
    assert model.predict([Pair("Statut obligatoire.", "Enfin !")]).shape == (1, 3)


ENGLISH = '{"proposal": "Ban zoos", "text": "Yes", "stance": "favour"}'
ARGUMENT = '{"proposal_id": "p", "proposal": "P", "text": "t", "stance": "FOR"}'


@pytest.mark.parametrize(
    ("english", "argument", "says"),
    [
        ("{not json", ARGUMENT, "no usable row"),
        ('{"proposal": "a", "text": "b", "stance": "perhaps"}', ARGUMENT, "no usable row"),
        ("\udcff", ARGUMENT, "cannot be read as UTF-8"),
        (ENGLISH, "{not json", "line 1"),
        (ENGLISH, '["a list"]', "line 1: expected an object"),
        (ENGLISH, ARGUMENT.replace("FOR", "favour"), "row 1: stance"),
        (ENGLISH, ARGUMENT.replace("proposal_id", "id"), "row 1: proposal_id"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line_and_an_exit_code(tmp_path, monkeypatch, english, argument, says):
    monkeypatch.setenv("POLYPHONIE_HOME", str(tmp_path / "home"))
    files = {"english": tmp_path / "english.jsonl", "consultations": tmp_path / "arguments.jsonl"}
    for name, line in (("english", english), ("consultations", argument)):
        files[name].write_bytes((line + "\n").encode("utf-8", "surrogateescape"))
    given = [part for name, path in files.items() for part in (f"--{name}", str(path))]
    told = CliRunner().invoke(app, ["train", "stance", *given, "--checkpoints", str(tmp_path / "checkpoints")])
    assert told.exit_code != 0
    assert isinstance(told.exception, InputError)
    assert says in str(told.exception)


def test_a_checkpoint_of_another_shape_is_refused(tmp_path, english, arguments, corpus, encoder):
    torch.save({"other": torch.zeros(2)}, tmp_path / "other.pt")
    for start, says in ((tmp_path / "other.pt", "does not fit"), (english, "not a checkpoint")):
        with pytest.raises(InputError, match=says):
            train_stance(any_encoder(encoder, 0), plan(tmp_path, english, corpus, [arguments], start=start), print)


def test_labels_of_a_home_teach_but_on_the_proposals_that_choose(tmp_path, english, arguments, corpus, encoder):
    rows = [{"proposal": f"Demande {number}", "text": "Oui.", "stance": "favour"} for number in range(40)]
    more = plan(tmp_path, english, corpus, [arguments], epochs=1, labels=write(tmp_path / "labels.jsonl", rows))
    judged, _ = train_stance(any_encoder(encoder, 0), more, print)
    assert "labels" in judged[0].macro_f1


@pytest.fixture
def encoder(tmp_path):
    """A BERT of two layers that knows twenty words: real classes of transformers, no download."""
    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        *"statut enfin quelle honte obligatoire ban zoo animals suffer".split(),
    ]
    tokenizer = Tokenizer(models.WordLevel({word: place for place, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    folder = tmp_path / "encoder"
    BertModel(BertConfig(vocab_size=len(words), **sizes)).save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


def test_any_encoder_takes_the_same_steps_and_is_read_back_as_it_was_trained(
    tmp_path, english, corpus, encoder, monkeypatch
):
    monkeypatch.setenv("POLYPHONIE_HOME", str(tmp_path / "home"))
    told = CliRunner().invoke(
        app,
        [
            *("train", "stance", "--english", str(english), "--corpus", str(corpus), "--base", str(encoder)),
            *("--to", str(tmp_path / "mine"), "--checkpoints", str(tmp_path / "checkpoints"), "--epochs", "1"),
            *("--replayed", "4", "--threads", "1", "--json"),
        ],
    )
    assert told.exit_code == 0, told.output
    pairs = [Pair("statut obligatoire", "quelle honte"), Pair("ban zoo", "animals suffer", "enfin")]
    read = load_stance(str(tmp_path / "mine"), "torch", tmp_path, 1).predict(pairs)
    learner = any_encoder(tmp_path / "mine", seed=0)
    learner.module.eval()
    with torch.inference_mode():
        logits = learner.logits(learner.encode(pairs, 128))
    np.testing.assert_allclose(read, torch.softmax(logits, 1).numpy(), atol=1e-5)


def test_the_mean_of_two_moments_is_the_mean_of_their_weights():
    first, second = {"w": torch.tensor([1.0, 3.0])}, {"w": torch.tensor([3.0, 5.0])}
    assert mean_state([first, second])["w"].tolist() == [2.0, 4.0]


def test_a_reader_too_fond_of_unclear_is_made_reluctant():
    labels = [FAVOUR, AGAINST, UNCLEAR] * 20
    examples = [Example(Pair(f"Proposition {place % 5}", "texte"), label) for place, label in enumerate(labels)]
    logits = np.eye(3, dtype=np.float32)[labels]
    logits[:, UNCLEAR] += 1.5  # right on every side, but unclear comes first everywhere
    judged = judge_logits({"set": logits}, {"set": examples}, "epoch 1")
    assert 0.5 <= judged.reluctance < 2.5
    assert judged.macro_f1["set"] == 1.0
    assert judged.temperature < 1
