"""From what a home holds of labels to the tiers of an estimate: for one proposal and one window, who read what, and
with what probability it was drawn.

A draw speaks for the posts among which it was made, so for whole days before it, of its sources, received by then
(`Tiers.covers`): what came later, or elsewhere, is corrected without labels until a new draw. Within it, an answer
counts in every window that holds its day (a domain of the sample: Särndal, Swensson & Wretman 1992, chapter 10).

Reading stops anywhere, so the probability is that of having been read: in each stratum the answers before the first
missing one, over its size (`measures.answered`). Strata of a proposal in which nothing was read yet are taken to be
like those in which something was. Several draws of one seed share their random numbers, so a post is in one of them
with the largest of its probabilities.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from measures.labelled import AGAINST, FAVOUR, NEITHER, LabelError, Labels
from measures.reads import Draw, Read
from measures.window import WEIGHTINGS, View
from polyphonie.labels import Asked, Place, by_question, is_arbiter
from polyphonie.pseudonyms import epoch_of
from polyphonie.records import Label, Origin, Stance

# Pairs of answers on one post under which they do not say yet how often people err.
LEAST_PAIRS = 20
SIDES = ("favour", "against")
_STANCES = {Stance.FAVOUR: FAVOUR, Stance.AGAINST: AGAINST, Stance.UNCLEAR: NEITHER}


@dataclass(frozen=True)
class Tier:
    """What one kind of reader read of one proposal: parallel arrays, one row a post.

    weights: (m, 3) what each counts for as voices, posts and reach.
    """

    posts: tuple[str, ...]
    days: NDArray[np.int64]  # ordinals
    sources: NDArray[np.str_]
    below: NDArray[np.int64]  # what the small model answers
    answer: NDArray[np.int64]
    drawn_with: NDArray[np.float64]
    units: NDArray[np.uint64]
    weights: NDArray[np.float64]

    def within(self, view: View) -> NDArray[np.bool_]:
        """(m,) which of them the view holds."""
        inside = (self.days >= view.since.toordinal()) & (self.days < view.until.toordinal())
        return inside & np.isin(self.sources, view.sources) if view.sources else inside


@dataclass(frozen=True)
class Reading:
    """The tiers of one proposal in one window, people last; empty where no person read anything there.

    error: of people's labels. reader: who is the tier between, "" where there is none; alone: people's labels with
    the small model below, as if there were none.
    """

    labels: tuple[Labels, ...] = ()
    error: LabelError | None = None
    reader: str = ""
    alone: Labels | None = None

    @property
    def people(self) -> Labels | None:
        return self.labels[-1] if self.labels else None


NOBODY = Reading()


@dataclass(frozen=True)
class Tiers:
    """All that was answered in a home, and where each drawn post stands. Labels of people and of readers."""

    draws: tuple[Draw, ...] = ()
    people: tuple[Label, ...] = ()
    readers: tuple[Label, ...] = ()
    places: Mapping[Asked, Place] = field(default_factory=dict)
    epoch_days: int = 7

    def covers(self, proposal: str, source: str, day: int, epoch: int) -> bool:
        """Whether what was said there (day: ordinal; epoch: of reception) was among what people's answers were drawn
        from."""
        return any(
            self._holds(each, proposal, source, day, epoch) and self._people.read(each, proposal) for each in self.draws
        )

    def reading(self, proposal: str, view: View) -> Reading:
        """What was read of a proposal in a window, in the weighting of the view.

        The reader is left out where it did not read all that people did: each tier must have been read by the one
        under it.
        """
        people = self._tier(proposal, self._people)
        if people is None or (view.origins and Origin.PREDICTED not in view.origins):
            return NOBODY
        inside = people.within(view) & (people.weights[:, WEIGHTINGS.index(view.weighting)] > 0)
        if not inside.any():
            return NOBODY
        alone = _labels(people, inside, view, people.below)
        said = self._answers_of_reader
        between = self._tier(proposal, self._reader) if self._reader else None
        below = [said.get((post, proposal)) for post in np.array(people.posts)[inside]]
        if between is None or None in below:
            return Reading((alone,), self.error, alone=alone)
        known = np.full(len(inside), NEITHER)
        known[inside] = [each for each in below if each is not None]
        weighs = between.weights[:, WEIGHTINGS.index(view.weighting)] > 0
        sample = _labels(between, between.within(view) & weighs, view, between.below)
        above = _labels(people, inside, view, known)
        return Reading((sample, above), self.error, self.reader, alone)

    @cached_property
    def reader(self) -> str:
        """The stronger reader that is used: the one that was understood the most, "" where none was."""
        told = Counter(label.answered_by for label in self.readers if label.answer != "skipped")
        return min(told, key=lambda role: (-told[role], role), default="")

    @property
    def measures_error(self) -> bool:
        """Whether enough posts were read twice to say how often people err."""
        return len(self._pairs) >= LEAST_PAIRS

    @cached_property
    def error(self) -> LabelError:
        """How often an answer of one person is wrong, from posts that two people read; the usual rate before."""
        if not self.measures_error:
            return LabelError()
        different = sum(first != second for first, second in self._pairs)
        try:
            return LabelError.of_pairs(len(self._pairs) - different, different)
        except ValueError:
            return LabelError(0.45, len(self._pairs))  # they differ as by chance

    @cached_property
    def _pairs(self) -> list[tuple[str, str]]:
        """The first two answers on each post that two people or more gave a side; an arbiter is asked about the posts
        on which people err most."""
        told = [
            [answer for role, answer in given.items() if answer in SIDES and not is_arbiter(role)][:2]
            for given in self.answers_of_people.values()
        ]
        return [(given[0], given[1]) for given in told if len(given) == 2]

    @cached_property
    def answers_of_people(self) -> dict[Asked, dict[str, str]]:
        """What each role answered, skipped ones left out."""
        return by_question(self._standing(self.people))

    @property
    def answers_of_reader(self) -> dict[Asked, dict[str, str]]:
        """What the stronger reader answered, where it was understood."""
        return by_question(label for label in self._standing(self.readers) if label.answered_by == self.reader)

    def _standing(self, labels: Iterable[Label]) -> list[Label]:
        """Those whose post still says what was read: another wording is another question."""
        found = []
        for label in labels:
            place = self.places.get((label.post, label.proposal))
            if not (label.words and place and place.words and label.words != place.words):
                found.append(label)
        return found

    @cached_property
    def _people(self) -> Read:
        return Read(self.draws, self.places, self._standing(self.people))

    @cached_property
    def _reader(self) -> Read | None:
        # An answer that was not understood takes no side: what matters is that the same post always gets the same.
        own = [label for label in self._standing(self.readers) if label.answered_by == self.reader]
        unread = {"answer": "neither"}
        heard = [each.model_copy(update=unread) if each.answer == "skipped" else each for each in own]
        return Read(self.draws, self.places, heard) if heard else None

    @property
    def _answers_of_reader(self) -> dict[Asked, int]:
        return self._reader.codes if self._reader else {}

    def _holds(self, each: Draw, proposal: str, source: str, day: int, epoch: int) -> bool:
        made = each.made
        last = min(made.until.toordinal(), made.made_at.date().toordinal())  # its own day was not over
        return (
            proposal in made.frame
            and made.since.toordinal() <= day < last
            and (not made.sources or source in made.sources)
            and epoch <= epoch_of(made.made_at, self.epoch_days)
        )

    def _tier(self, proposal: str, read: Read) -> Tier | None:
        asked = (proposal, read is self._people)
        if asked not in self._made:
            self._made[asked] = self._make(proposal, read)
        return self._made[asked]

    @cached_property
    def _made(self) -> dict[tuple[str, bool], Tier | None]:
        return {}

    def _make(self, proposal: str, read: Read) -> Tier | None:
        rows = [
            (place, code, chance)
            for place, code in read.of.get(proposal, ())
            if (chance := self._chance(place, read)) > 0
        ]
        if not rows:
            return None
        return Tier(
            tuple(place.post for place, _, _ in rows),
            np.array([place.day.toordinal() for place, _, _ in rows]),
            np.array([place.source for place, _, _ in rows]),
            np.array([_STANCES[place.stance] for place, _, _ in rows]),
            np.array([code for _, code, _ in rows]),
            np.array([chance for _, _, chance in rows]),
            np.array([_unit(place) for place, _, _ in rows], np.uint64),
            np.array([(place.voices, 1.0, place.reach) for place, _, _ in rows]),
        )

    def _chance(self, place: Place, read: Read) -> float:
        """Probability that a post was drawn and read, over the draws that hold it, where people's answers speak."""
        where = (place.proposal, place.source, place.day.toordinal(), place.epoch)
        asked = (place.post, place.proposal)
        holding = [each for each in self.draws if self._holds(each, *where)]
        if not self.covers(*where) or not any(read.counts(each, asked) for each in holding):
            return 0.0
        largest: dict[str, float] = defaultdict(float)
        for each in holding:
            largest[each.made.seed] = max(largest[each.made.seed], read.chance(each, asked))
        missed = 1.0
        for chance in largest.values():
            missed *= 1 - chance
        return 1 - missed


NO_LABELS = Tiers()


def _unit(place: Place) -> int:
    if place.unit:
        return int(place.unit, 16)
    return int.from_bytes(blake2b(f"{place.post} {place.proposal}".encode(), digest_size=8).digest())


def _labels(tier: Tier, chosen: NDArray[np.bool_], view: View, below: NDArray[np.int64]) -> Labels:
    sizes = tier.weights[chosen, WEIGHTINGS.index(view.weighting)]
    return Labels(below[chosen], tier.answer[chosen], tier.drawn_with[chosen], tier.units[chosen], sizes)
