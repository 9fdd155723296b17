"""A stronger reader behind a real address: texts stay here, nothing is asked twice, and its errors are paid for."""

import hashlib
import json
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from index.documents import position_document, post_document, proposal_document
from index.embedded import EmbeddedEngine
from measures.bootstrap import replicate_weights
from measures.estimators import Counts
from measures.labelled import AGAINST, EXACT, FAVOUR, NEITHER, Labels, labelled_share
from nlp.models.pairs import Pair
from nlp.readers.chat import ChatReader, Prompt
from polyphonie.cli.app import app
from polyphonie.cli.asking import ChatServer, ReaderUnavailable, checked, is_loopback, retry_after
from polyphonie.cli.erasing import erase
from polyphonie.cli.workspace import Workspace
from polyphonie.errors import ConfigurationError, PolyphonieError
from polyphonie.labels import LabelStore, labels_path
from polyphonie.records import Kind, Label, Origin, Position, Post, Proposal, Stance, label_id, position_id, record_id

STATEMENT = "Il faut encadrer les loyers."
WORDS = {"favour": "POUR", "against": "CONTRE", "unclear": "NEUTRE"}
PROMPT = Prompt("Tu lis.", '{"message": "Oui (favour)"}\nPOUR-0417 CONTRE-0417 NEUTRE-0417')


def chance(*parts):
    """A number in [0, 1) that depends on its parts only."""
    return int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()) / 2**64


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.asked.append((self.path, body, self.headers))
            told = self.server.script.pop(0) if self.server.script else None
        if isinstance(told, tuple):
            return self.say(told[0], b'{"error": {"message": "about (favour)"}}', told[1])
        if isinstance(told, bytes):
            return self.say(200, told, {})
        said = told if isinstance(told, str) else self.server.answer(body["messages"][1]["content"])
        message = {"role": "assistant", "content": said}
        return self.say(200, json.dumps({"object": "chat.completion", "choices": [{"message": message}]}).encode(), {})

    def say(self, status, body, headers):
        self.send_response(status)
        for name, value in (headers | {"Content-Length": len(body)}).items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Judge(ThreadingHTTPServer):
    """Speaks the protocol. It reads the truth in the text, and is wrong for a known share of each side.

    script: what the first requests get: (status, headers), the bytes of a body, or the words of an answer.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, wrong=(0.0, 0.0), script=()):
        super().__init__(("127.0.0.1", 0), Handler)
        self.wrong = dict(zip(("favour", "against"), wrong, strict=True))
        self.script = list(script)
        self.asked: list[tuple[str, dict, Message]] = []
        self.lock = threading.Lock()
        self.address = f"http://127.0.0.1:{self.server_address[1]}/v1"

    def answer(self, question):
        message = json.JSONDecoder().raw_decode(question)[0]["message"]
        truth = re.search(r"\((favour|against|unclear)\)", message)[1]
        if chance("wrong", message) < self.wrong.get(truth, 0.0):
            truth = {"favour": "against", "against": "favour"}[truth]
        return re.search(rf"{WORDS[truth]}-\d{{4}}", question)[0]


@contextmanager
def judging(*args, **more) -> Iterator[Judge]:
    judge = Judge(*args, **more)
    thread = threading.Thread(target=judge.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield judge
    finally:
        judge.shutdown()
        thread.join()
        judge.server_close()


def asking(judge, **more):
    slept: list[float] = []
    return ChatServer(judge.address, "juge", sleep=slept.append, **more), slept


@pytest.mark.parametrize(
    ("script", "pauses"),
    [
        ([], []),
        ([(500, {}), (503, {})], [(0.5, 1), (1, 2)]),
        ([(429, {"Retry-After": 7})], [(7, 7)]),
        ([(408, {}), (502, {}), (504, {}), (429, {})], [(0.5, 1), (1, 2), (2, 4), (4, 8)]),
    ],
)
def test_a_busy_server_is_asked_again_later_and_later(script, pauses):
    with judging(script=script) as judge:
        server, slept = asking(judge)
        assert server.ask(PROMPT) == "POUR-0417"
        assert len(judge.asked) == len(script) + 1
    assert len(slept) == len(pauses)
    assert all(low <= pause <= high for pause, (low, high) in zip(slept, pauses, strict=True))


@pytest.mark.parametrize(
    ("script", "requests", "said"),
    [
        ([(401, {})], 1, "check readers.key"),
        ([(404, {})], 1, "readers.model"),
        ([(500, {})] * 9, 3, "did not answer (HTTP 500, 3 tries)"),
        ([(429, {"Retry-After": 3600})], 1, "asks to wait 3600 s"),
        ([(302, {"Location": "http://192.0.2.1/v1/chat/completions"})], 1, "HTTP 302"),  # texts would go elsewhere
    ],
)
def test_a_server_that_will_not_answer_is_left_alone_and_its_words_are_not_shown(script, requests, said):
    with judging(script=script) as judge:
        server, _ = asking(judge, retries=2)
        with pytest.raises(ReaderUnavailable, match=re.escape(said)) as raised:
            server.ask(PROMPT)
        assert len(judge.asked) == requests
    assert "favour" not in str(raised.value)


@pytest.mark.parametrize("body", [b"", b"{}", b"<html>", b'{"choices": []}', b'{"choices": [{"message": {}}]}'])
def test_what_is_not_a_completion_is_an_answer_that_is_not_understood(body):
    with judging(script=[body]) as judge:
        reader = ChatReader("juge", asking(judge)[0].ask, b"key")
        assert reader.read([Pair(STATEMENT, "Oui (favour)")])[0].answer is None


@pytest.mark.parametrize("body", [b'{"choices": [' + b" " * 2_000_000 + b"]}"])
def test_an_answer_without_end_is_cut(body):
    with judging(script=[body] * 2) as judge, pytest.raises(ReaderUnavailable, match="without end"):
        asking(judge, retries=1)[0].ask(PROMPT)


def test_what_is_sent_is_the_protocol_and_the_key_is_in_its_header():
    with judging() as judge:
        asking(judge, key=SecretStr("secret"), max_tokens=12)[0].ask(PROMPT)
        [(path, body, headers)] = judge.asked
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == "Bearer secret"
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("juge", 0, 12)
    assert [message["role"] for message in body["messages"]] == ["system", "user"]


def test_a_proxy_of_the_environment_never_sees_a_text(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://192.0.2.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    with judging() as judge:
        assert asking(judge, retries=0, timeout_s=5.0)[0].ask(PROMPT) == "POUR-0417"


@pytest.mark.parametrize(
    ("address", "here"),
    [
        ("http://127.0.0.1:11434/v1", True),
        ("http://127.8.9.1/v1", True),
        ("http://[::1]:8000/v1", True),
        ("http://localhost:8000/v1", True),
        ("http://localhost.example.org/v1", False),
        ("http://127.0.0.1.example.org/v1", False),
        ("http://0.0.0.0:8000/v1", False),
        ("http://192.168.1.20:8000/v1", False),
        ("https://api.example.org/v1", False),
    ],
)
def test_only_this_machine_may_read_unless_the_settings_say_otherwise(address, here):
    assert is_loopback(address) is here
    if here:
        assert checked(address, SecretStr("k"), False) == address
    else:
        with pytest.raises(ConfigurationError, match=r"readers\.allow_remote"):
            checked(address, None, False)
        assert checked(address, None, True) == address


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "127.0.0.1:8000",
        "http://",
        "http://[::1",
        "http://127.0.0.1:abc/v1",
        "http://127.0.0.1:99999/v1",
        "http://127.0.0.1:0/v1",
    ],
)
def test_only_http_addresses_are_asked(address):
    with pytest.raises(ConfigurationError, match="not an http address"):
        checked(address, None, True)


@pytest.mark.parametrize(
    "address",
    [
        "http://u:secret@127.0.0.1:9/v1",
        "http://secret@127.0.0.1/v1",
        "http://127.0.0.1@secret.example.org/v1",  # where the text would go is what follows the @
        "http://u:secret/v1",
        "ftp://u:secret@127.0.0.1/",
        "http://u:secret@[::1/v1",
        "http://127.0.0.1:9/v1?key=secret",
        "http://127.0.0.1:9/v1#secret",
    ],
)
def test_a_secret_in_an_address_is_refused_and_never_shown(address):
    with pytest.raises(ConfigurationError, match=r"^setting readers\.address") as raised:
        checked(address, None, True)
    assert "secret" not in str(raised.value)
    assert "\n" not in str(raised.value)
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


def test_a_key_does_not_cross_the_network_in_clear():
    with pytest.raises(ConfigurationError, match=r"readers\.key"):
        checked("http://192.0.2.1/v1", SecretStr("k"), True)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (None, None),
        ("12", 12.0),
        ("Sun, 01 Mar 2026 12:01:30 GMT", 90.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(said, expected):
    headers = Message()
    if said is not None:
        headers["Retry-After"] = said
    assert retry_after(headers, datetime(2026, 3, 1, 12, tzinfo=UTC)) == expected


# A home whose small model has read 120 posts on two proposals, and is often wrong.

PROPOSALS = [
    Proposal(id="loyers", title="Encadrer les loyers", statement=STATEMENT, sector="logement"),
    Proposal(id="velos", title="Pistes cyclables", statement="Il faut des pistes cyclables.", sector="transport"),
]


def spoken(number):
    at = datetime(2026, 3, 1, 9, tzinfo=UTC) + timedelta(days=number % 50)
    proposal = PROPOSALS[number % 2]
    truth = "favour" if chance("truth", number) < 0.6 else "against"
    favour = min(max((0.75 if truth == "favour" else 0.25) + 0.5 * (chance("p", number) - 0.5), 0.02), 0.98)
    key = record_id("post", number)
    post = Post(
        id=key, source="forum", kind=Kind.POST, text=f"Message {number} ({truth})", fold=key, lang="fr",
        created_at=at, received_at=at, at=at,
    )  # fmt: skip
    position = Position(
        id=position_id(key, proposal.id, Origin.PREDICTED), post=key, proposal=proposal.id,
        stance=Stance.FAVOUR if favour >= 0.5 else Stance.AGAINST, p_favour=favour, p_against=1 - favour, p_unclear=0.0,
        origin=Origin.PREDICTED, voice=record_id("voice", number), epoch=2900, created_at=at, at=at, source="forum",
    )  # fmt: skip
    return post, position_document(position, post, proposal)


@pytest.fixture
def home(tmp_path):
    told = [spoken(number) for number in range(120)]
    engine = EmbeddedEngine(tmp_path / "index")
    engine.write("posts", [post_document(post) for post, _ in told])
    engine.write("positions", [position for _, position in told])
    engine.write("proposals", [proposal_document(each) for each in PROPOSALS])
    engine.close()
    return tmp_path


def read(home, judge, *words, **settings):
    chosen = {"address": judge.address, "model": "Juge 7B", "retries": 0} | settings
    (home / "settings.yaml").write_text(json.dumps({"readers": chosen}))
    ended = CliRunner().invoke(app, ["read", "--reader", "chat", "--home", str(home), "--json", *words])
    if isinstance(ended.exception, PolyphonieError):
        return ended.exception.exit_code, str(ended.exception)
    assert ended.exit_code == 0, ended
    return 0, json.loads(ended.stdout)


def kept(home):
    with LabelStore(labels_path(home)) as store:
        return store.labels(readers=True), store.rounds(), store


def test_a_sample_is_drawn_read_and_kept_with_its_probabilities(home):
    with judging(wrong=(0.1, 0.1)) as judge:
        _, answer = read(home, judge, "--number", "40", at_once=4)
        asked = list(judge.asked)
    labels, rounds, _ = kept(home)
    assert (answer["drawn"], answer["asked"], answer["unreadable"], answer["left"]) == (40, 40, 0, 0)
    assert len(labels) == len(asked) == 40
    assert {label.answered_by for label in labels} == {answer["answered_by"]}
    assert answer["answered_by"].startswith("reader:juge-7b.")
    assert {label.round for label in labels} == {rounds[0].id} == {answer["round"]}
    assert sum(1 / label.drawn_with for label in labels) == pytest.approx(120, rel=0.05)
    [pair] = answer["agreement"]
    assert pair["n"] == 40
    assert 0.3 < pair["kappa"]["value"] <= 1.0


def test_nothing_is_asked_twice_and_a_larger_sample_asks_what_is_missing(home):
    with judging() as judge:
        read(home, judge, "--number", "30")
        assert len(judge.asked) == 30
        _, again = read(home, judge, "--number", "30")
        assert (again["asked"], again["known"], len(judge.asked)) == (0, 30, 30)
        _, more = read(home, judge, "--number", "60")
        assert more["asked"] + more["known"] == 60
        read(home, judge, "--number", "60", model="Another")  # another reader has said nothing yet
        said = Counter(
            body["messages"][1]["content"].split('"message": ')[1].split("\n")[0] for _, body, _ in judge.asked
        )
    assert len(judge.asked) == 30 + more["asked"] + 60
    assert max(said.values()) == 2


def test_a_run_that_fails_keeps_what_was_answered_and_goes_on(home):
    with judging() as judge:
        judge.script = [None] * 7 + [(503, {})]
        code, said = read(home, judge, "--number", "30")
        assert (code, len(kept(home)[0])) == (8, 7)
        assert "the same command" in " ".join(said.split())
        _, answer = read(home, judge, "--number", "30")
        assert (answer["known"], answer["asked"]) == (7, 23)


def test_answers_that_cannot_be_read_are_counted_and_not_used(home):
    with judging(script=["POUR", "Je ne peux pas répondre.", b"{}"]) as judge:
        _, answer = read(home, judge, "--number", "20")
    assert (answer["asked"], answer["unreadable"]) == (20, 3)
    assert answer["agreement"][0]["n"] == 17
    assert Counter(label.answer for label in kept(home)[0])["skipped"] == 3


@pytest.mark.parametrize("at_once", [1, 4])
@pytest.mark.parametrize("said", ["<think>On dirait", b'{"error": {"message": "out of memory"}}'])
def test_a_reader_that_is_never_understood_is_left_and_nothing_of_it_is_kept(home, said, at_once):
    with judging(script=[said] * 120) as judge:
        code, told = read(home, judge, "--number", "60", at_once=at_once)
        assert (code, kept(home)[0]) == (8, [])
        assert "10 answers in a row" in told
        assert "memory" not in told
        assert "\n" not in told
        assert 10 <= len(judge.asked) < 10 + at_once
        judge.script = []
        _, answer = read(home, judge, "--number", "60", at_once=at_once)  # it was mended
    assert (answer["asked"], answer["known"], answer["unreadable"]) == (60, 0, 0)


def test_a_reader_that_is_understood_no_more_is_left_and_what_it_said_before_is_kept(home):
    with judging(script=[None, "POUR", None] + [b"{}"] * 50) as judge:
        code, _ = read(home, judge, "--number", "40")
        assert (code, len(judge.asked)) == (8, 13)
        assert Counter(label.answer == "skipped" for label in kept(home)[0]) == {False: 2, True: 1}
        judge.script = []
        _, answer = read(home, judge, "--number", "40")
    assert (answer["known"], answer["asked"]) == (3, 37)


def test_a_few_answers_are_doubted_of_a_reader_that_was_never_understood_only(home):
    with judging(script=["POUR"] * 5) as judge:
        assert read(home, judge, "--number", "5")[0] == 8
        assert kept(home)[0] == []
        read(home, judge, "--number", "5")
        judge.script = ["POUR"] * 60
        _, more = read(home, judge, "--number", "60", budget=5)
    assert (more["asked"], more["unreadable"]) == (5, 5)


def test_a_model_that_may_say_more_is_asked_again(home):
    with judging() as judge:
        judge.script = [None] + ["<think>On dirait"] * 3
        _, cut = read(home, judge, "--number", "20")
        _, whole = read(home, judge, "--number", "20", max_tokens=4_000)
        _, again = read(home, judge, "--number", "20", max_tokens=4_000)
    assert (cut["unreadable"], whole["known"], whole["unreadable"], again["known"]) == (3, 0, 0, 20)


def test_a_run_stops_at_its_budget(home):
    with judging() as judge:
        _, first = read(home, judge, "--number", "30", budget=12)
        _, last = read(home, judge, "--number", "30", budget=100)
    assert (first["asked"], first["left"]) == (12, 18)
    assert (last["known"], last["asked"], last["left"]) == (12, 18, 0)


@pytest.mark.parametrize("at_once", [1, 4])
def test_what_is_erased_during_a_run_is_neither_sent_nor_kept(home, at_once):
    with judging() as judge:
        told, gone = judge.answer, []

        def answer(question):
            with judge.lock:
                if not gone:
                    _, [round_], _ = kept(home)
                    with LabelStore(labels_path(home)) as store, Workspace(home) as work:
                        drawn = store.draws(round_.id)
                        gone.extend([drawn[0].post, drawn[-1].post])  # one whose answer is on its way, one to be asked
                        erase(work, gone)
            return told(question)

        judge.answer = answer
        _, answered = read(home, judge, "--number", "20", at_once=at_once)
        sent = " ".join(body["messages"][1]["content"] for _, body, _ in judge.asked)
    texts = {post.id: post.text for post, _ in map(spoken, range(120))}
    assert (answered["gone"], answered["left"]) == (1, 0)
    assert texts[gone[0]] in sent
    assert texts[gone[1]] not in sent
    assert len(kept(home)[0]) == 18
    assert not {label.post for label in kept(home)[0]} & set(gone)


def test_what_people_labelled_is_read_first_and_compared(home):
    labelled = [spoken(number) for number in range(0, 60, 2)]
    at = datetime(2026, 5, 1, tzinfo=UTC)
    with LabelStore(labels_path(home)) as store:
        store.keep((
            Label(
                id=label_id(post.id, "loyers", "annotatrice-1"), post=post.id, proposal="loyers", drawn_with=0.5,
                answer="favour" if "(favour)" in post.text else "against", answered_by="annotatrice-1", at=at,
            )
            for post, _ in labelled
        ), set)  # fmt: skip
    with judging() as judge:
        _, answer = read(home, judge, "--number", "4", "--proposal", "loyers", budget=30)
        first = [body["messages"][1]["content"] for _, body, _ in judge.asked]
    people = next(pair for pair in answer["agreement"] if "people" in (pair["first"], pair["second"]))
    assert (people["n"], people["kappa"]["value"]) == (30, 1.0)
    assert {post.text for post, _ in labelled} == {re.search(r"Message \d+ \(\w+\)", asked)[0] for asked in first}


@pytest.mark.parametrize(
    ("words", "settings", "code", "said"),
    [
        (["--number", "5"], {"address": None}, 2, "setting readers.address"),
        (["--number", "5"], {"model": None}, 2, "setting readers.model"),
        (["--number", "5"], {"address": "http://192.0.2.1/v1"}, 2, "readers.allow_remote"),
        (["--number", "5", "--proposal", "absente"], {}, 3, "absente"),
    ],
)
def test_a_reader_that_is_off_or_has_nothing_to_read_is_one_line(home, words, settings, code, said):
    with judging() as judge:
        ended, message = read(home, judge, *words, **settings)
        assert judge.asked == []
    assert ended == code
    assert said in message


# What the second tier is for: its answers shorten the interval, its errors do not move it.

POOL, WORLDS, VOICES = 1_200, 150, 500


@pytest.mark.parametrize("wrong", [(0.15, 0.15), (0.05, 0.35)], ids=["equally", "mostly one side"])
def test_the_interval_still_covers_when_the_reader_is_wrong_at_a_known_rate(wrong):
    truth = np.array([FAVOUR if chance("side", i) < 0.62 else AGAINST for i in range(POOL)])
    truth[[chance("none", i) < 0.1 for i in range(POOL)]] = NEITHER
    names = {FAVOUR: "favour", AGAINST: "against", NEITHER: "unclear"}
    with judging(wrong=wrong) as judge:
        reader = ChatReader("juge", asking(judge)[0].ask, b"key")
        told = reader.read([Pair(STATEMENT, f"Message {i} ({names[each]})") for i, each in enumerate(truth.tolist())])
        second = np.array([("favour", "against", "neither").index(one.answer) for one in told])
    # The small model is wrong three times in ten, and more often for one side.
    small = np.array([each if chance("small", i) < (0.65, 0.75, 0.7)[each] else (each + 1) % 2
                      for i, each in enumerate(truth.tolist())])  # fmt: skip
    share = (truth == FAVOUR).sum() / (truth != NEITHER).sum()
    rng = np.random.default_rng(7)
    covered, widths, alone = [], [], []
    for world in range(WORLDS):
        voices = rng.integers(POOL, size=VOICES)
        units = (np.arange(VOICES) + world * VOICES).astype(np.uint64) + np.uint64(1)
        weights = replicate_weights(units)
        counts = Counts(
            *(float((small[voices] == side).sum()) for side in (FAVOUR, AGAINST, NEITHER)),
            weights[small[voices] == FAVOUR].sum(axis=0),
            weights[small[voices] == AGAINST].sum(axis=0),
        )
        order = rng.permutation(VOICES)
        read, people = order[:200], order[:60]  # people read among what the reader read
        tiers = [
            Labels(small[voices[read]], second[voices[read]], np.full(200, 200 / VOICES), units[read]),
            Labels(second[voices[people]], truth[voices[people]], np.full(60, 60 / VOICES), units[people]),
        ]
        found = labelled_share(counts, tiers, EXACT)
        without = labelled_share(counts, [Labels(small[voices[people]], truth[voices[people]],
                                                 np.full(60, 60 / VOICES), units[people])], EXACT)  # fmt: skip
        covered.append(found.estimate.low <= share <= found.estimate.high)
        widths.append(found.estimate.high - found.estimate.low)
        alone.append(without.estimate.high - without.estimate.low)
    # 150 worlds of coverage 0.95: fewer than 0.90 happens once in 250.
    assert np.mean(covered) >= 0.90
    assert np.mean(widths) < 0.9 * np.mean(alone)
