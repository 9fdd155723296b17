"""Popularity with few labels: what the evaluation says of the model's errors, updated by the proposal's own labels.

Parameters: the true share, the true and false positive rates of the model on this proposal, and the rate of errors of
labels. Prior: Jeffreys on the share; on the rates, the evaluation's counts cut to the rows that it is worth for one
new proposal (`Confusion.rows`), Jeffreys where there is no evaluation; on labels, `LabelError`. Likelihood: what the
model answered on everything, and what labels say among posts with the same answer; given the answer, posts are drawn
independently of their side, so the probabilities of drawing matter only between scores and enter as weights, each cell
being worth as many labels as are independent (Kish 1965). The posterior of the share is a sum over a grid of shares
and a fixed set of low-discrepancy draws of the rest: no seed and no chain to watch (for the model without labels,
Joseph, Gyorkos & Coupal 1995, doi:10.1093/oxfordjournals.aje.a117428).
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, betaln

from measures.bootstrap import strata
from measures.estimators import POSTERIOR, TAILS, Confusion, Counts, Estimate, rates, unit_of
from measures.labelled import AGAINST, FAVOUR, NEITHER, LabelError, Labels

Array = NDArray[np.float64]
_SHARES, _DRAWS = 127, 512
_SAFE = 1e-9
# A model's answer on two pseudo-labels says how often posts take a side, whatever it answered.
_PSEUDO_LABELS = 2.0


def updated_share(
    counts: Counts, labels: Labels | None, confusion: Confusion | None, error: LabelError | None = None
) -> Estimate:
    """Share of favour among those that take a side: posterior mean and 95 % interval of equal tails.

    counts: what the model answered on everything. labels: people's, possibly none. confusion: None when this model
    was not evaluated on such sources. error: of labels (None: the default of LabelError).
    Posts that people say take no side leave the counts of the answers in which they were found.
    """
    labels = labels or _NONE
    known = confusion and (np.asarray(confusion.counts, np.float64).tobytes(), confusion.rows, confusion.together)
    answered, said = _logarithms(known, error or LabelError())
    unit = unit_of(counts)
    favour = counts.favour / unit * _sides_kept(labels, FAVOUR)
    against = counts.against / unit * _sides_kept(labels, AGAINST)
    # Each draw has its own number of sided answers: a density, or the smallest number would be the likeliest.
    likelihood = favour * answered[0] + against * answered[1] - betaln(favour + 1, against + 1)
    for answer in (FAVOUR, AGAINST, NEITHER):
        said_favour, said_against = _cell(labels, answer)
        if said_favour + said_against:
            likelihood += said_favour * said[answer][0] + said_against * said[answer][1]
    return _posterior(_shares(), likelihood, counts.sided)


# A page asks for many windows under one evaluation: these grids are all that costs.
@lru_cache(maxsize=8)
def _logarithms(known: tuple[bytes, float | None, float] | None, error: LabelError) -> tuple[Array, Array]:
    """Over (_SHARES, _DRAWS): logarithms of the probability of each sided answer of the model, (2, ...), and of each
    sided label given the model's answer, (3, 2, ...)."""
    confusion = Confusion(np.frombuffer(known[0]).reshape(3, 3), "", *known[1:]) if known else None
    shares = _shares()[:, None]
    tpr, fpr = rates(confusion, *_sequence()[:2])
    wrong = error.rates(_sequence()[2])
    answered = shares * tpr + (1 - shares) * fpr
    among = (
        shares * tpr / (answered + _SAFE),
        shares * (1 - tpr) / (1 - answered + _SAFE),
        np.broadcast_to(shares, answered.shape),  # abstentions come as often from both sides
    )
    said = [true * (1 - wrong) + (1 - true) * wrong for true in among]
    sides = np.log(np.stack([answered, 1 - answered]) + _SAFE)
    return sides, np.log(np.stack([[each, 1 - each] for each in said]) + _SAFE)


@lru_cache(maxsize=1)
def _shares() -> Array:
    """(_SHARES,) shares at which the posterior is computed, as the prior spreads them."""
    found: Array = betaincinv(0.5, 0.5, (np.arange(_SHARES) + 0.5) / _SHARES)
    return found


_NONE = Labels(np.zeros(0, np.int64), np.zeros(0, np.int64), np.ones(0), np.zeros(0, np.uint64))


def _posterior(shares: Array, likelihood: Array, sided: float) -> Estimate:
    mass = np.exp(likelihood - likelihood.max()).sum(axis=1)
    mass /= mass.sum()
    reached = np.cumsum(mass) - mass / 2
    low, high = np.interp(TAILS, reached, shares)
    draws = np.interp(strata(POSTERIOR), reached, shares)
    return Estimate(float(mass @ shares), float(low), float(high), "bayes", sided, draws)


def _sides_kept(labels: Labels, answer: int) -> Array:
    """Draws of the share of posts with this answer of the model that take a side, (_DRAWS,); 1 without labels."""
    every = labels.weights.sum()
    if not every:
        return np.ones(_DRAWS)
    kept = float(labels.weights[labels.answer != NEITHER].sum() / every)
    if kept in (0.0, 1.0):
        return np.full(_DRAWS, kept)
    here = labels.below == answer
    independent = _independent(labels, here)
    weights = labels.weights * here
    found = float(weights[labels.answer != NEITHER].sum() / weights.sum()) if independent else kept
    size = independent + _PSEUDO_LABELS
    mean = (found * independent + kept * _PSEUDO_LABELS) / size
    drawn: Array = betaincinv(mean * size, (1 - mean) * size, _sequence()[3 + answer])
    return drawn


def _cell(labels: Labels, answer: int) -> tuple[float, float]:
    """Labels in favour and against where the model gave that answer, in independent labels."""
    here = (labels.below == answer) & (labels.answer != NEITHER)
    independent = _independent(labels, here)
    if not independent:
        return 0.0, 0.0
    weights = labels.weights[here]
    favour = float(weights[labels.answer[here] == FAVOUR].sum() / weights.sum())
    return favour * independent, (1 - favour) * independent


def _independent(labels: Labels, chosen: NDArray[np.bool_]) -> float:
    if not chosen.any():
        return 0.0
    _, owner = np.unique(labels.units[chosen], return_inverse=True)
    by_unit = np.bincount(owner, labels.weights[chosen])
    return float(by_unit.sum() ** 2 / (by_unit**2).sum())


@lru_cache(maxsize=1)
def _sequence() -> Array:
    """(5, _DRAWS) points that fill the unit cube evenly: multiples of powers of the root of x^6 = x + 1, modulo 1."""
    root = 1.0
    for _ in range(60):
        root = (1 + root) ** (1 / 6)
    steps = root ** -np.arange(1.0, 6.0)
    filled: Array = (0.5 + steps[:, None] * np.arange(1, _DRAWS + 1)) % 1.0
    return filled
