"""How far the tiers agree: the small model, the stronger reader, people, on the posts that were drawn."""

from collections.abc import Mapping

from measures.agreement import Agreement, agreement
from measures.tiers import Tiers
from polyphonie.labels import Asked, is_arbiter
from polyphonie.records import Stance

MODEL, READER, PEOPLE = "model", "reader", "people"
_SAID = {Stance.FAVOUR: "favour", Stance.AGAINST: "against", Stance.UNCLEAR: "neither"}


def between(tiers: Tiers) -> Agreement:
    """Agreement of each two tiers; « not about » is taken as neither side, and one answer stands for people.

    Drawn posts are those on which the small model is least sure: on all posts it agrees more than here.
    """
    answers: dict[Asked, dict[str, str]] = {}
    for name, given in ((READER, tiers.answers_of_reader), (PEOPLE, tiers.answers_of_people)):
        for asked, told in given.items():
            said = stands(told)
            answers.setdefault(asked, {})[name] = "neither" if said == "not_about" else said
    for asked, found in answers.items():
        if asked in tiers.places:
            found[MODEL] = _SAID[tiers.places[asked].stance]
    return agreement(answers)


def stands(answers: Mapping[str, str]) -> str:
    """The answer nearest to the truth: the arbiter's, else the first that was given."""
    decided = [answer for role, answer in sorted(answers.items()) if is_arbiter(role)]
    return decided[0] if decided else next(iter(answers.values()))
