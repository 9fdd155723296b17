"""`polyphonie labels`: what is exported is what evaluation reads; ids come back, names and the erased do not."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from index.documents import post_document, proposal_document
from index.opening import open_engine
from nlp.evaluation import read_rows
from polyphonie.cli.app import app
from polyphonie.cli.erasing import erase
from polyphonie.cli.workspace import Workspace
from polyphonie.errors import PolyphonieError
from polyphonie.labels import LabelStore, labels_path
from polyphonie.records import Kind, Label, Post, Proposal, label_id, record_id, words_of
from polyphonie.settings import load

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
TEXTS = (
    "Encadrer les loyers, enfin !",
    "Encore une usine à gaz.",
    "Le débat commence quand ?",
    "Il fait beau à Nantes.",
    "Je n'en pense rien de bon, ni de mauvais.",
    "Bah non.",
)
POSTS = [record_id("post", number) for number in range(len(TEXTS))]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Six posts about the rents in the index; the last answers the first."""
    monkeypatch.setenv("POLYPHONIE_HOME", str(tmp_path))
    engine = open_engine(load(tmp_path))
    proposal = Proposal(id="loyers", title="Loyers", statement="Il faut encadrer les loyers.", sector="logement")
    engine.write("proposals", [proposal_document(proposal)])
    engine.write("posts", [post_document(post(number), ["loyers"]) for number in range(len(TEXTS))])
    engine.close()
    return tmp_path


def post(number):
    above = POSTS[0] if number == 5 else None
    kind = Kind.REPLY if above else Kind.POST
    return Post(
        id=POSTS[number], source="essai", kind=kind, text=TEXTS[number], lang="fr", created_at=NOON, received_at=NOON,
        at=NOON, reply_to=above,
    )  # fmt: skip


def answer(number, said, by="annotatrice-1", after_s=0):
    return Label(
        id=label_id(POSTS[number], "loyers", by),
        post=POSTS[number],
        proposal="loyers",
        answer=said,
        drawn_with=0.5,
        answered_by=by,
        at=NOON + timedelta(days=1, seconds=after_s),
        words=words_of(TEXTS[number]),
    )


def keep(home, *labels):
    with LabelStore(labels_path(home)) as store:
        store.keep(labels, set)


def kept(home, **asked):
    with LabelStore(labels_path(home)) as store:
        return store.labels(**asked)


def run(*words):
    ended = CliRunner().invoke(app, ["labels", *map(str, words), "--json"])
    if isinstance(ended.exception, PolyphonieError):
        raise ended.exception
    assert ended.exit_code == 0, ended.output
    return json.loads(ended.stdout)


SAID = ("favour", "against", "neither", "not_about")


def test_an_export_is_what_evaluation_reads(home, tmp_path):
    keep(home, *(answer(number, said) for number, said in enumerate(SAID)), answer(5, "against"))
    file = tmp_path / "labelled.jsonl"
    assert run("export", file) == {"written": 5, "left_out": {}}
    labelled = read_rows(file)
    assert labelled.refused == ()
    found = {row.pair.text: (row.pair.proposal, row.pair.parent, row.truth) for row in labelled.rows}
    statement = "Il faut encadrer les loyers."
    assert found == {
        TEXTS[0]: (statement, None, 0),
        TEXTS[1]: (statement, None, 1),
        TEXTS[2]: (statement, None, 2),
        TEXTS[3]: (statement, None, 2),
        TEXTS[5]: (statement, TEXTS[0], 1),
    }
    assert file.stat().st_mode & 0o777 == 0o600


def test_what_cannot_be_trusted_or_read_is_left_out_and_said(home, tmp_path):
    keep(
        home,
        answer(0, "favour"),
        answer(0, "against", by="annotatrice-2"),  # disputed
        answer(1, "favour"),
        answer(1, "against", by="annotatrice-2"),
        answer(1, "against", by="arbitre-1"),  # decided
        answer(2, "neither"),  # reworded below
        answer(3, "not_about"),  # gone below
        answer(4, "skipped"),
    )
    engine = open_engine(load(home))
    engine.write("posts", [post_document(post(2).model_copy(update={"text": "Le débat est clos."}), ["loyers"])])
    engine.delete("posts", [POSTS[3]])
    engine.close()
    file = tmp_path / "labelled.jsonl"
    assert run("export", file) == {"written": 1, "left_out": {"disputed": 1, "gone": 1, "reworded": 1}}
    [row] = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert (row["text"], row["stance"], len(row["answers"])) == (TEXTS[1], "against", 3)


def test_answers_of_readers_are_not_exported(home, tmp_path):
    keep(home, answer(0, "favour", by="reader:nli"))
    assert run("export", tmp_path / "labelled.jsonl")["written"] == 0
    assert run("list")["readers"] == {"reader:nli": 1}
    assert run("list")["answers"] == 0


def test_an_export_comes_back_as_it_was_and_once(home, tmp_path):
    labels = [answer(number, said) for number, said in enumerate(SAID)]
    keep(home, *labels)
    file = tmp_path / "labelled.jsonl"
    run("export", file)
    labels_path(home).unlink()
    assert run("import", file) == {"read": 4, "kept": 4, "unchanged": 0, "refused": 0}
    assert sorted(kept(home), key=lambda label: label.id) == sorted(labels, key=lambda label: label.id)
    assert run("import", file)["kept"] == 0


@pytest.mark.parametrize("between", ["\u2028", "\u2029", "\u0085", "\n", "\r\n", "\x1e"])
def test_what_ends_a_line_inside_a_text_does_not_end_a_row(home, tmp_path, between):
    engine = open_engine(load(home))
    reworded = post(0).model_copy(update={"text": f"Encadrer{between}les loyers"})
    engine.write("posts", [post_document(reworded, ["loyers"])])
    engine.close()
    label = answer(0, "favour").model_copy(update={"words": words_of(reworded.text)})
    keep(home, label)
    file = tmp_path / "labelled.jsonl"
    assert run("export", file)["written"] == 1
    labels_path(home).unlink()
    assert run("import", file) == {"read": 1, "kept": 1, "unchanged": 0, "refused": 0}
    assert kept(home) == [label]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"answered_by": "zelie-1"}, "not the role of a person"),
        ({"answered_by": "reader:nli"}, "not the role of a person"),
        ({"answer": "maybe"}, "answer"),
        ({"at": "hier"}, "at"),
        ({"drawn_with": 0}, "drawn_with"),
    ],
)
def test_a_line_that_cannot_be_an_answer_is_refused_with_its_number(home, tmp_path, change, reason):
    told = {"answer": "favour", "answered_by": "annotatrice-1", "at": NOON.isoformat(), "drawn_with": 0.5}
    row = {"post": POSTS[0], "proposal_id": "loyers", "answers": [told | change]}
    file = tmp_path / "labelled.jsonl"
    file.write_text(json.dumps(row) + "\nnot json\n{}\n", encoding="utf-8")
    ended = CliRunner().invoke(app, ["labels", "import", str(file), "--json"])
    assert json.loads(ended.stdout) == {"read": 0, "kept": 0, "unchanged": 0, "refused": 3}
    for words in (reason, "line 1", "line 2", "line 3: answers is missing"):
        assert words in " ".join(ended.stderr.split())
    assert kept(home) == []


def test_what_was_erased_has_no_label_and_cannot_come_back(home, tmp_path):
    keep(home, answer(0, "favour"), answer(1, "against"), answer(0, "against", by="reader:nli"))
    file = tmp_path / "labelled.jsonl"
    run("export", file)
    with Workspace(home) as work:
        erase(work, [POSTS[0]])
    assert [label.post for label in kept(home)] == [POSTS[1]]
    assert kept(home, readers=True) == []
    assert run("import", file) == {"read": 2, "kept": 0, "unchanged": 1, "refused": 1}
    assert [label.post for label in kept(home)] == [POSTS[1]]


def test_erasing_where_nothing_was_labelled_makes_no_store(home):
    with Workspace(home) as work:
        erase(work, [POSTS[0]])
    assert not labels_path(home).exists()


def test_agreement_has_intervals(home):
    keep(home, *(answer(number, SAID[number % 2]) for number in range(6)))
    keep(home, *(answer(number, SAID[number % 2 if number < 5 else 0], by="annotatrice-2") for number in range(6)))
    told = run("agreement")
    [pair] = told["pairs"]
    assert (told["n"], pair["n"], pair["same"]) == (6, 6, pytest.approx(5 / 6))
    assert pair["kappa"]["low"] <= pair["kappa"]["value"] <= pair["kappa"]["high"]
    assert told["alpha"]["value"] == pytest.approx(0.69, abs=0.01)
    assert run("agreement", "--proposal", "chasse")["n"] == 0


def test_with_one_person_there_is_no_agreement_to_measure(home):
    keep(home, answer(0, "favour"))
    ended = CliRunner().invoke(app, ["labels", "agreement"])
    assert "No post was answered by two roles yet" in ended.stdout
    assert run("agreement")["alpha"]["value"] is None


def test_a_list_counts_by_proposal_role_and_answer(home):
    keep(home, answer(0, "favour"), answer(1, "skipped"), answer(0, "against", by="annotatrice-2"))
    told = run("list")
    assert told["by_proposal"] == {"loyers": 3}
    assert told["by_role"] == {"annotatrice-1": 2, "annotatrice-2": 1}
    assert told["by_answer"] == {"against": 1, "favour": 1, "skipped": 1}
    assert told["draws"] == []


@pytest.mark.parametrize("command", ["list", "export", "import", "agreement"])
def test_every_command_has_an_example(command):
    assert "Example: polyphonie labels" in CliRunner().invoke(app, ["labels", command, "--help"]).stdout
