"""The simulated world behind real protocols: local servers that show it as its platforms would."""

from simulator.live.servers import Servers
from simulator.live.stage import Stage

__all__ = ["Servers", "Stage"]
