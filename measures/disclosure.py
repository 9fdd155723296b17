"""What may be shown of a group: enough voices, not all of one mind, and counts that are not exact.

k-anonymity alone lets a reader learn what everybody in a unanimous group thinks; the homogeneity rule closes that
(l-diversity: Machanavajjhala et al. 2007, doi:10.1145/1217299.1217302). Both hold for votes that are public too: what
an open file says of one person is not ours to repeat.
"""

from math import isnan

HOMOGENEOUS = 0.95
# From this many voices on, a unanimous group is a fact about a proposal and no longer about its members.
CROWD = 100
UNANIMOUS = "avis presque unanimes de moins de 100 voix"


def masked(voices: float, favour_share: float, k: int) -> str:
    """Why a cell may not be shown, in French, or "" when it may.

    voices: how many stand behind what would be shown; favour_share: of those that take a side, NaN when none does.
    """
    # Voices are sums of fractions: eleven thirds of three voices each must still be eleven.
    voices = round(voices, 6)
    if voices < k:
        return f"moins de {k} voix"
    if voices < CROWD and not isnan(favour_share) and max(favour_share, 1 - favour_share) >= HOMOGENEOUS:
        return UNANIMOUS
    return ""


def rounded(count: float) -> int:
    """A count as it is shown: whole under 100, then to 5, then to 10 from 1,000; 0 when unknown."""
    if isnan(count):
        return 0
    step = 1 if count < 100 else 5 if count < 1_000 else 10
    return int(count / step + 0.5) * step
