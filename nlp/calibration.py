"""Makes a model's probabilities mean what they say: a map for each family of sources, which changes no answer.

A map moves only how sure an answer is: the likeliest class stays the likeliest, so error rates counted before it hold
after it, and an abstention threshold is the only thing to choose again.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from nlp.scores import Probabilities, Truth, calibration_error

FITTED = Path(__file__).parent / "quality" / "calibration.json"
Family = Literal["consultation", "social"]
# Long arguments filed under a proposal; everything else is read like a post.
_CONSULTATIONS = ("capcollectif", "consultation", "decidim", "repnum", "rua", "simulated-decidim")
# Each must beat what is simpler by this much out of sample: less is noise on some hundreds of rows.
_WORTH = 0.005
_KNOTS = 8
_SLOPE = 0.05
_FOLDS = 5
Share = Annotated[float, Field(ge=0, le=1)]


class _Fitted(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Map(_Fitted):
    """From the top probability of a model to one that is true.

    temperature: divides the logits (Guo et al. 2017). knots: where isotonic regression was kept, (top probability,
    share of right answers) between which it is linear, and constant outside (Zadrozny & Elkan 2002, on the top class).
    """

    temperature: float = Field(1.0, gt=0)
    knots: tuple[tuple[Share, Share], ...] = ()

    def apply(self, probabilities: Probabilities) -> Probabilities:
        """(n, 3) probabilities, each row with the same likeliest class, and the others in their proportions."""
        if not len(probabilities):
            return probabilities
        found = probabilities.astype(np.float64)
        if self.temperature != 1:
            powers = np.maximum(found, 1e-12) ** (1 / self.temperature)
            found = powers / powers.sum(axis=1, keepdims=True)
        if self.knots:
            found = _with_top(found, np.interp(found.max(axis=1), *np.array(self.knots).T))
        return np.asarray(found, np.float32)


class Fit(_Fitted):
    """A map with what it was fitted on, and its calibration error on proposals that it was not fitted on."""

    map: Map
    kind: str
    fitted_on: str
    n: int
    tried: dict[str, float]  # cross-validated error of each kind, by proposal


class Calibration(_Fitted):
    """The maps of one model, by family; a family without one keeps its probabilities. reader: digest of its file."""

    reader: str = ""
    families: dict[Family, Fit] = {}

    @property
    def version(self) -> str:
        """Short digest of what it does to probabilities: the same maps, the same version; "none" without a map."""
        maps = {family: fit.map.model_dump_json() for family, fit in sorted(self.families.items())}
        return blake2b(repr(maps).encode(), digest_size=8).hexdigest() if maps else "none"

    def apply(self, probabilities: Probabilities, families: Sequence[Family] | None = None) -> Probabilities:
        """(n, 3) probabilities, each row by the map of its family (None: all social)."""
        found = np.array(probabilities, np.float32)
        asked = np.array(families if families is not None else ["social"] * len(found))
        for family, fit in self.families.items():
            here = asked == family
            found[here] = fit.map.apply(found[here])
        return found


UNCALIBRATED = Calibration()


def family_of(source: str) -> Family:
    """The family of a source, by its name: open consultations, or everything that reads like posts."""
    return "consultation" if source.lower().startswith(_CONSULTATIONS) else "social"


def read_calibration(reader: str, path: Path = FITTED) -> Calibration:
    """The maps fitted for the model whose file has the digest `reader`; none where they are another's."""
    if not path.is_file():
        return UNCALIBRATED
    found = Calibration.model_validate_json(path.read_text("utf-8"))
    return found if found.reader == reader else UNCALIBRATED


def fit(truth: Truth, probabilities: Probabilities, groups: Truth, fitted_on: str, seed: int = 0) -> Fit:
    """The simplest map that is worth it: none, temperature, isotonic, each kept only where it lowers the calibration
    error by _WORTH on proposals (groups) that it was not fitted on. Raises ValueError with fewer than two groups."""
    if not len(groups) or groups.max() < 1:
        raise ValueError("calibration needs texts on at least two proposals")
    tried = {
        kind: calibration_error(truth, cross_fitted(kind, truth, probabilities, groups, seed)) for kind in _FITTERS
    }
    kept = "none"
    for kind, error in tried.items():
        kept = kind if error < tried[kept] - _WORTH else kept
    rounded = {kind: round(error, 4) for kind, error in tried.items()}
    fitted = _FITTERS[kept](truth, probabilities)
    return Fit(map=fitted, kind=kept, fitted_on=fitted_on, n=len(truth), tried=rounded)


def cross_fitted(kind: str, truth: Truth, probabilities: Probabilities, groups: Truth, seed: int = 0) -> Probabilities:
    """(n, 3) probabilities, each mapped by what was fitted on the proposals of the other folds."""
    found = np.zeros_like(probabilities)
    for test in _folds(groups, seed):
        found[test] = _FITTERS[kind](truth[~test], probabilities[~test]).apply(probabilities[test])
    return found


def _folds(groups: Truth, seed: int) -> Iterator[NDArray[np.bool_]]:
    number = int(groups.max()) + 1
    folds = np.random.default_rng(seed).permutation(number) % min(_FOLDS, number)
    for fold in range(folds.max() + 1):
        yield folds[groups] == fold


def fit_temperature(truth: Truth, probabilities: Probabilities) -> Map:
    """The temperature between 0.5 and 5 under which the truths are likeliest (Guo et al. 2017)."""
    logs = np.log(np.maximum(probabilities.astype(np.float64), 1e-12))
    temperatures = np.geomspace(0.5, 5, 181)
    losses = []
    for temperature in temperatures:
        scaled = logs / temperature
        norms = np.log(np.exp(scaled).sum(axis=1))
        losses.append(float((norms - scaled[np.arange(len(truth)), truth]).mean()))
    return Map(temperature=round(float(temperatures[int(np.argmin(losses))]), 3))


def fit_isotonic(truth: Truth, probabilities: Probabilities) -> Map:
    """Isotonic regression of being right on the top probability, over _KNOTS bins of as many rows.

    It rises by _SLOPE everywhere, so that the surest of two answers stays so and a threshold can tell them apart.
    """
    from sklearn.isotonic import IsotonicRegression

    top = probabilities.max(axis=1).astype(np.float64)
    right = (probabilities.argmax(axis=1) == truth).astype(np.float64)
    bins = np.array_split(np.argsort(top, kind="stable"), min(_KNOTS, len(top)))
    x = np.array([top[rows].mean() for rows in bins])
    y = np.array([right[rows].mean() for rows in bins])
    sizes = [len(rows) for rows in bins]
    rising = IsotonicRegression().fit_transform(x, y - _SLOPE * x, sample_weight=sizes)
    ends = np.array([1 / 3, *x, 1.0])
    shares = np.clip(np.array([rising[0], *rising, rising[-1]]) + _SLOPE * ends, 0, 1)
    return Map(
        knots=tuple((round(float(end), 4), round(float(share), 4)) for end, share in zip(ends, shares, strict=True))
    )


_FITTERS: Mapping[str, Callable[[Truth, Probabilities], Map]] = {
    "none": lambda truth, probabilities: Map(),  # noqa: ARG005 (the same shape as the others)
    "temperature": fit_temperature,
    "isotonic": fit_isotonic,
}


def _with_top(probabilities: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rows with `wanted` as top probability, or the least that keeps it on top."""
    rows, best = np.arange(len(probabilities)), probabilities.argmax(axis=1)
    rest = np.maximum(probabilities, 1e-9)
    rest[rows, best] = 0
    share = rest / rest.sum(axis=1, keepdims=True)
    least = share.max(axis=1) / (1 + share.max(axis=1))
    # A hair above the second, so that rounding to float32 does not swap them.
    held = np.clip(wanted, least + 1e-6, 1.0)
    found: NDArray[np.float64] = share * (1 - held)[:, None]
    found[rows, best] = held
    return found
