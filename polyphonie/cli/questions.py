"""Gives questions to a reader: a text is taken from the index when it is asked, an answer is kept when it comes.

Nothing waits in between. A run lasts hours: what is erased meanwhile is not sent, but for a question that is on its
way, and no answer about it is kept.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from measures.readings import Reading, read_posts
from nlp.models.pairs import Pair
from nlp.readers import Answer, Reader, role_of
from polyphonie.cli.enrich import known_proposals
from polyphonie.cli.workspace import Workspace, progress
from polyphonie.errors import PolyphonieError
from polyphonie.labels import Asked, LabelStore
from polyphonie.records import Drawn, Label, label_id, words_of

UNREADABLE = "skipped"  # as for a person who could not tell: it was asked, and need not be asked again
DOUBTED = 10  # answers in a row that cannot be understood, after which it is not the posts


class Waiting(NamedTuple):
    """One thing to ask, and with what probability it was drawn."""

    post: str
    proposal: str
    round: str | None
    drawn_with: float


class NotUnderstood(PolyphonieError):
    """A reader answers, and nothing that it says is an answer; says what to do."""

    exit_code = 8


@dataclass(frozen=True)
class Question:
    """It, with its text."""

    about: Waiting
    pair: Pair


@dataclass
class Done:
    """What a run did, in posts. known: answered by an earlier run. gone: no text is left. left: not asked."""

    asked: int = 0
    unreadable: int = 0
    known: int = 0
    gone: int = 0
    left: int = 0


@dataclass
class Heard:
    """Keeps answers, and holds back those that are not understood until one is.

    What is kept is not asked again: a server that tells its errors as answers, or cuts a model that thinks aloud, would
    use up the sample. understood: whether the reader ever was, so that a few last answers may be what they seem.
    """

    name: str
    keep: Callable[[Sequence[Label]], None]
    understood: bool
    held: list[Label] = field(default_factory=list)

    def hear(self, label: Label) -> None:
        """Raises NotUnderstood when DOUBTED in a row were not understood, and from then on."""
        if len(self.held) < DOUBTED:
            self.held.append(label)
            if label.answer != UNREADABLE:
                self.understood = True
                self._keep()
        if len(self.held) >= DOUBTED:
            raise self._doubt()

    def end(self) -> None:
        """All was asked. Raises NotUnderstood when nothing ever was."""
        if self.held and not self.understood:
            raise self._doubt()
        self._keep()

    def _keep(self) -> None:
        self.keep(self.held)
        self.held = []

    def _doubt(self) -> NotUnderstood:
        return NotUnderstood(
            f"{self.name}: {len(self.held)} answers in a row could not be understood, and are not kept; see what "
            "serves it, and raise readers.max_tokens if it thinks aloud before it answers"
        )


def read_sample(
    work: Workspace, store: LabelStore, reader: Reader, drawn: Sequence[Drawn], proposal: str | None
) -> Done:
    """Ask all that has no answer yet, first what people labelled: each tier must have been read by the one under it."""
    role, done, settings = role_of(reader), Done(), work.settings.readers
    earlier = [one for one in store.labels(proposal, readers=True) if one.answered_by == role]
    known = {(one.post, one.proposal) for one in earlier}
    asked: dict[Asked, tuple[str | None, float]] = {}
    for label in store.labels(proposal):
        if label.answer != UNREADABLE:
            asked[label.post, label.proposal] = label.round, label.drawn_with
    asked |= {(one.post, one.proposal): (one.round, one.drawn_with) for one in drawn}
    waiting = [Waiting(*which, *how) for which, how in asked.items() if which not in known]
    done.known = len(asked) - len(waiting)

    def keep(labels: Sequence[Label]) -> None:
        store.keep(labels)
        done.asked += len(labels)
        done.unreadable += sum(label.answer == UNREADABLE for label in labels)
        advance(len(labels))

    def hear(some: Sequence[Question], answers: Sequence[Answer]) -> None:
        for question, answer in zip(some, answers, strict=True):
            heard.hear(_label(question, answer, role))

    heard = Heard(reader.name, keep, any(one.answer != UNREADABLE for one in earlier))
    questions = worded(work, waiting, settings.budget, reader.together, done)
    with (
        progress(f"read by {reader.name}", min(len(waiting), settings.budget)) as advance,
        suppress(KeyboardInterrupt),
    ):
        ask_all(reader, questions, settings.at_once, hear)
        heard.end()
    done.left = len(waiting) - done.gone - done.asked
    return done


def ask_all(
    reader: Reader,
    questions: Iterable[Sequence[Question]],
    at_once: int,
    keep: Callable[[Sequence[Question], Sequence[Answer]], None],
) -> None:
    """Ask, `at_once` at a time, and keep each answer when it comes. The first failure ends it, once every answer that
    came is kept, and is raised.

    questions: what is given at once to the reader; each is taken when the reader is free for it, and not before.
    """
    coming = iter(questions)
    asked: dict[Future[list[Answer]], Sequence[Question]] = {}
    failure: PolyphonieError | None = None
    with ThreadPoolExecutor(at_once) as pool:
        while True:
            try:
                while failure is None and len(asked) < at_once and (some := next(coming, None)):
                    asked[pool.submit(reader.read, [each.pair for each in some])] = some
            except PolyphonieError as error:  # the index does not answer: what is on its way is still kept
                failure = error
            if not asked:
                break
            for future in wait(asked, return_when=FIRST_COMPLETED).done:
                some = asked.pop(future)
                try:
                    keep(some, future.result())
                except PolyphonieError as error:
                    failure = failure or error
    if failure is not None:
        raise failure


def worded(
    work: Workspace, waiting: Sequence[Waiting], budget: int, together: int, done: Done
) -> Iterator[list[Question]]:
    """The questions of which the text and the statement are there when their turn comes, at most `together` at once.

    At most `budget` of them; those that are gone are counted in `done`.
    """
    known = known_proposals(work, {each.proposal for each in waiting})
    statements = {each.id: each.statement for each in work.catalogue} | {
        each.id: each.statement for each in known.values()
    }
    for start in range(0, len(waiting), together):
        some = waiting[start : start + together]
        found = read_posts(work.engine, {each.post for each in some})
        there = [each for each in some if each.post in found and each.proposal in statements]
        done.gone += len(some) - len(there)
        if there := there[:budget]:
            budget -= len(there)
            yield [Question(each, _pair(statements[each.proposal], found[each.post])) for each in there]
        if not budget:
            return


def _pair(statement: str, reading: Reading) -> Pair:
    return Pair(statement, reading.text, reading.parent or None)


def _label(question: Question, answer: Answer, role: str) -> Label:
    about = question.about
    return Label(
        id=label_id(about.post, about.proposal, role),
        post=about.post,
        proposal=about.proposal,
        answer=answer.answer or UNREADABLE,
        drawn_with=about.drawn_with,
        answered_by=role,
        at=datetime.now(UTC),
        round=about.round,
        words=words_of(question.pair.text),
    )
