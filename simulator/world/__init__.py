"""Sixty days of an invented public conversation in French, as native payloads, with the truth beside them."""

from simulator.world.truth import Truth
from simulator.world.world import Emission, World

__all__ = ["Emission", "Truth", "World"]
