"""The settings of the simulated world: its proposals, what its communities think of them and whom they hear."""

from dataclasses import dataclass
from functools import cache
from math import exp, log
from pathlib import Path
from typing import Any

import yaml

from polyphonie.records import Proposal

HERE = Path(__file__).resolve().parent
DAYS = 60


@dataclass(frozen=True)
class Opinion:
    """What the communities think of a proposal: `favour` on day 0, in their order; then the log-odds drift."""

    favour: tuple[float, ...]
    interest: float
    drift_days: tuple[float, float] = (0.0, 0.0)
    drift_logit: float = 0.0

    def favour_on(self, community: int, day: float) -> float:
        """Probability, in [0, 1], that a member of `community` is in favour `day` days after the beginning."""
        share = self.favour[community]
        if not self.drift_logit:
            return share
        first, last = self.drift_days
        progress = min(max((day - first) / (last - first), 0.0), 1.0)
        return 1 / (1 + exp(-(log(share / (1 - share)) + self.drift_logit * progress)))


@dataclass(frozen=True)
class Burst:
    """`proposal` is talked about `times` as much from day `first` (included) to day `last` (excluded)."""

    proposal: str
    first: int
    last: int
    times: float


@dataclass(frozen=True)
class Society:
    """The world before anybody speaks. `hears`: row = who repeats, column = who is repeated; rows sum to 1."""

    proposals: tuple[Proposal, ...]
    communities: tuple[str, ...]
    sizes: tuple[float, ...]
    hears: tuple[tuple[float, ...], ...]
    opinions: tuple[Opinion, ...]  # in the order of the proposals
    burst: Burst
    site: str
    consulted: dict[str, int]  # proposal -> its number on the consultation's site


def read_yaml(name: str) -> dict[str, Any]:
    """A YAML mapping that lies beside this module."""
    content = yaml.load((HERE / name).read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506  # a safe loader
    if not isinstance(content, dict):
        raise TypeError(f"{name}: expected a mapping")
    return content


# The loader in C reads the texts ten times faster, and every world reads them.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def society() -> Society:
    """The world of `communities.yaml` and `proposals.yaml`."""
    content = read_yaml("communities.yaml")
    communities = content["communities"]
    proposals = tuple(Proposal.model_validate(each) for each in read_yaml("proposals.yaml")["proposals"])
    burst = content["burst"]
    return Society(
        proposals=proposals,
        communities=tuple(communities),
        sizes=tuple(each["size"] for each in communities.values()),
        hears=tuple(tuple(each["hears"][other] for other in communities) for each in communities.values()),
        opinions=tuple(_opinion(content["opinions"][proposal.id]) for proposal in proposals),
        burst=Burst(burst["proposal"], burst["days"][0], burst["days"][1], burst["times"]),
        site=content["consultation"]["site"],
        consulted=content["consultation"]["proposals"],
    )


def _opinion(content: dict[str, Any]) -> Opinion:
    drift = content.get("drift", {"days": (0.0, 0.0), "logit": 0.0})
    return Opinion(tuple(content["favour"]), content["interest"], tuple(drift["days"]), drift["logit"])
