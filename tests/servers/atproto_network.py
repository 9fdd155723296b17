"""The atproto network of `tests/servers/atproto`, for as long as a test needs it."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

HERE = Path(__file__).parent / "atproto"
INSTALLED = Path(__file__).resolve().parents[2] / "build" / "atproto"
NODE = INSTALLED / "venv" / "bin" / "node"


def missing() -> str:
    """Why there is none; empty when it can be started."""
    if NODE.exists() and (INSTALLED / "installed.json").exists():
        return ""
    return "no atproto network: run tests/servers/atproto/install.sh (some minutes, 700 MB)"


@dataclass(frozen=True)
class Network:
    """`jetstream` and `appview` are of a bridge; `pds` and `plc` are the real servers."""

    jetstream: str
    appview: str
    pds: str
    plc: str

    def do(self, verb: str, **asked: Any) -> dict[str, Any]:
        """Something that somebody does through the real API: account, create, put, delete, deactivate, close."""
        body = json.dumps({"verb": verb, **asked}).encode()
        with urlopen(Request(f"{self.appview}/do", body, {"Content-Type": "application/json"}), timeout=30) as answer:
            found: dict[str, Any] = json.loads(answer.read())
        return found


@contextmanager
def running() -> Iterator[Network]:
    """The network, ready in some ten seconds."""
    process = subprocess.Popen(
        [str(NODE), str(HERE / "network.mjs"), str(INSTALLED)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout
        for line in process.stdout:
            if line.startswith('{"port"'):
                where = json.loads(line)
                host = f"127.0.0.1:{where['port']}"
                yield Network(f"ws://{host}", f"http://{host}", where["pds"], where["plc"])
                return
        raise AssertionError(f"the network ended with {process.wait()}")
    finally:
        process.kill()
        process.wait()
