"""What was read of draws: the answers that count, and with what probability each post was drawn and read."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from measures.answered import counted
from measures.labelled import AGAINST, FAVOUR, NEITHER
from measures.sampling import Candidate, strata_of
from polyphonie.labels import Asked, Place, by_question, is_arbiter
from polyphonie.records import Drawn, Label, Round

_CODES = {"favour": FAVOUR, "against": AGAINST, "neither": NEITHER, "not_about": NEITHER, "skipped": NEITHER}


@dataclass(frozen=True)
class Draw:
    """A round and what it holds."""

    made: Round
    drawn: tuple[Drawn, ...]


class Read:
    """What people, or a reader, read: in each draw the answers that count, and the chance of every stratum."""

    def __init__(self, draws: Sequence[Draw], places: Mapping[Asked, Place], labels: Sequence[Label]) -> None:
        told: dict[Asked, dict[str, str]] = by_question(labels)
        self.codes = {asked: _CODES[first_of(answers)] for asked, answers in told.items()}
        answered = {(label.post, label.proposal) for label in labels}
        self._drawn = {each.made.id: {(one.post, one.proposal): one for one in each.drawn} for each in draws}
        self._made = {each.made.id: each.made for each in draws}
        self._chances: dict[str, dict[str, float]] = {}
        self._kept: dict[str, set[Asked]] = {}
        for each in draws:
            # What has gone before anybody read it stops nothing.
            open_ = [one for one in each.drawn if _open(one, answered, places)]
            read = [one.drawn for one in counted(open_, labels)]
            self._kept[each.made.id] = {(one.post, one.proposal) for one in read}
            self._chances[each.made.id] = _chances(each.drawn, read)
        self._about = {made: {proposal for _, proposal in kept} for made, kept in self._kept.items()}
        self.of: dict[str, list[tuple[Place, int]]] = defaultdict(list)
        for asked in sorted(set[Asked]().union(*self._kept.values())):
            if asked in places and asked in self.codes:
                self.of[asked[1]].append((places[asked], self.codes[asked]))

    def read(self, each: Draw, proposal: str) -> bool:
        """Whether something of the proposal was read in a draw."""
        return proposal in self._about[each.made.id]

    def counts(self, each: Draw, asked: Asked) -> bool:
        """Whether an answer counts in a draw."""
        return asked in self._kept[each.made.id]

    def chance(self, each: Draw, asked: Asked) -> float:
        """Probability that a post of the draw's population was drawn and read in it.

        Where another draw holds it and this one does not, its score is taken to have been that of the nearest draw.
        """
        chances, own = self._chances[each.made.id], self._drawn[each.made.id].get(asked)
        if own is not None:  # the model may have changed between two draws, and its stratum with it
            return chances[own.stratum]
        one = self._nearest(each.made.made_at, asked)
        seen = Candidate(one.post, one.proposal, one.month, one.p_favour, one.p_against, one.p_unclear)
        return next((chances[name] for name in strata_of(seen) if name in chances), 0.0)

    def _nearest(self, moment: datetime, asked: Asked) -> Drawn:
        holding = [made for name, made in self._made.items() if asked in self._drawn[name]]
        return self._drawn[min(holding, key=lambda made: abs(made.made_at - moment)).id][asked]


def _chances(drawn: Iterable[Drawn], read: Iterable[Drawn]) -> dict[str, float]:
    """Of each stratum of a draw: answers over posts, those of strata without an answer being shared among the others
    of the same proposals."""
    about: dict[str, set[str]] = defaultdict(set)
    size: dict[str, int] = {}
    for one in drawn:
        about[one.stratum].add(one.proposal)
        size[one.stratum] = one.stratum_size
    # A stratum of several proposals stands for all of them together.
    group = {name: next(iter(them)) if len(them) == 1 else "" for name, them in about.items()}
    answers = Counter(one.stratum for one in read)
    whole, heard = Counter[str](), Counter[str]()
    for name, count in size.items():
        whole[group[name]] += count
        heard[group[name]] += count if answers[name] else 0
    return {
        name: answers[name] / size[name] * heard[group[name]] / whole[group[name]] if answers[name] else 0.0
        for name in size
    }


def _open(one: Drawn, answered: set[Asked], places: Mapping[Asked, Place]) -> bool:
    """Whether a drawn post may still be counted: it was answered, or it can still be read."""
    asked = (one.post, one.proposal)
    return asked in answered or (asked in places and bool(places[asked].unit))


def first_of(answers: Mapping[str, str]) -> str:
    """The first answer that was given, an arbiter's only where nobody else answered: an estimate takes out the errors
    of one person, and a question that went to an arbiter is wrong less often (with 10 % each, 3 %)."""
    alone = [answer for role, answer in answers.items() if not is_arbiter(role)]
    return alone[0] if alone else next(iter(answers.values()))
