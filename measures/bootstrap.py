"""Bootstrap weights that anyone can make again from the name of a unit, without a seed to keep.

A unit is what is resampled whole: a voice, or a group of copies. Replicate b gives each unit a standard exponential
weight (Bayesian bootstrap: Rubin 1981, doi:10.1214/aos/1176345338), and every position of the unit takes that weight
(one-way cluster bootstrap: Field & Welsh 2007, doi:10.1111/j.1467-9868.2007.00593.x). The weight is a hash of
(unit, b), so sums under the weights add up over days and sources as the counts do: a unit that spans two cells has
the same weight in both, whoever computed them and whenever.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

REPLICATES = 256

# Increment and multipliers of SplitMix64 (Steele, Lea & Flood 2014, doi:10.1145/2660193.2660195).
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def mix(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Finaliser of SplitMix64: a bijection of 64-bit words whose output bits look independent. Same shape."""
    mixed = words ^ (words >> np.uint64(30))
    mixed *= _FIRST
    mixed ^= mixed >> np.uint64(27)
    mixed *= _SECOND
    mixed ^= mixed >> np.uint64(31)
    return mixed


def replicate_weights(units: NDArray[np.uint64]) -> NDArray[np.float32]:
    """Standard exponential weights of each unit in each replicate.

    units: (n,) 64-bit names of the units. Returns (n, REPLICATES), the same for ever for the same name.
    """
    # Each 64-bit hash serves two replicates: 32 bits are plenty, and hashing is the cost.
    counters = np.arange(1, REPLICATES // 2 + 1, dtype=np.uint64) * _GOLDEN
    words = mix(mix(units)[:, None] + counters[None, :])
    weights = words.astype("<u8", copy=False).view("<u4").astype(np.float32)
    weights += np.float32(0.5)
    weights *= np.float32(2.0**-32)
    np.log(weights, out=weights)
    return np.negative(weights, out=weights)


@lru_cache(maxsize=256)
def strata(row: int) -> NDArray[np.float64]:
    """The midpoints of REPLICATES equal slices of [0, 1], in an order that depends on `row` only.

    What a quantile function makes of them is a sample without sampling noise; two rows are as good as independent.
    """
    middles = (np.arange(REPLICATES) + 0.5) / REPLICATES
    keys = mix(np.arange(1, REPLICATES + 1, dtype=np.uint64) + np.uint64(row * REPLICATES))
    shuffled: NDArray[np.float64] = middles[np.argsort(keys)]
    shuffled.flags.writeable = False
    return shuffled
