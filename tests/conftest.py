"""Real Elasticsearch servers for the tests: one for the whole run, and clusters for those that break them."""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"
RUN_NODE = SHARED / "elasticsearch" / "run-node"
FOLDER = "POLYPHONIE_TEST_SERVER_FOLDER"  # where the workers of one run find the server that the first of them started
NO_JAVA = 69


@dataclass(frozen=True)
class Node:
    url: str
    folder: Path

    def kill(self) -> None:
        """End it at once, as a power cut would; nothing when it does not run."""
        if (self.folder / "pid").exists():
            os.kill(int((self.folder / "pid").read_text()), signal.SIGKILL)
            (self.folder / "pid").unlink()


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        # Not under pytest's own folder: the server runs as another user, who may not enter a folder of mode 0700.
        os.environ[FOLDER] = _open_folder()


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        folder = Path(os.environ.pop(FOLDER))
        Node("", folder / "node-0").kill()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """POLYPHONIE_TEST_REQUIRE names what may not be missing ("chromium elasticsearch"): a skip for want of it fails."""
    report = yield
    reason = str(report.longrepr).casefold()
    if report.skipped and any(word in reason for word in os.environ.get("POLYPHONIE_TEST_REQUIRE", "").split()):
        report.outcome = "failed"
    return report


@pytest.fixture(scope="session")
def elasticsearch_url() -> str:
    """Address of a real server: POLYPHONIE_TEST_ELASTICSEARCH, else one that is started here."""
    if given := os.environ.get("POLYPHONIE_TEST_ELASTICSEARCH"):
        return given
    folder = Path(os.environ[FOLDER])
    address = folder / "address"
    with (folder / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not address.exists():
            address.write_text(_start(folder, 1, heap="512m")[0].url)
        return address.read_text()


@pytest.fixture
def elasticsearch_cluster() -> Iterator[Callable[[int], list[Node]]]:
    """Starts a cluster of so many nodes, gone at the end of the test."""
    folder = Path(_open_folder())
    nodes: list[Node] = []

    def start(count: int) -> list[Node]:
        nodes.extend(_start(folder, count, heap="400m"))
        return nodes

    yield start
    for node in nodes:
        node.kill()
    shutil.rmtree(folder, ignore_errors=True)


def _open_folder() -> str:
    folder = tempfile.mkdtemp(prefix="polyphonie-test-", dir="/tmp")
    Path(folder).chmod(0o755)
    return folder


def _start(folder: Path, count: int, heap: str) -> list[Node]:
    if not RUN_NODE.exists():
        pytest.skip("no Elasticsearch: set POLYPHONIE_TEST_ELASTICSEARCH to the address of one")
    port = _free_ports(count)
    # The quick compiler alone: three servers that start together on two cores are ready in half the time.
    environment = os.environ | {"ES_PORT": str(port), "ES_HEAP": heap, "ES_JAVA_OPTS": "-XX:TieredStopAtLevel=1"}
    launchers = []
    for number in range(count):
        with (folder / f"log-{number}").open("w") as log:
            command = [str(RUN_NODE), str(folder), str(number), str(count)]
            launchers.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True))
    nodes = [Node(f"http://127.0.0.1:{port + number}", folder / f"node-{number}") for number in range(count)]
    ready = f"{nodes[0].url}/_cluster/health?wait_for_nodes={count}&wait_for_status=green&timeout=5s"
    for _ in range(240):
        if any(launcher.poll() == NO_JAVA for launcher in launchers):
            pytest.skip("no Elasticsearch: its server needs a Java of 17 or more")
        if any(launcher.poll() is not None for launcher in launchers):
            break
        try:
            with urllib.request.urlopen(ready, timeout=10):
                return nodes
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.5)
    for node in nodes:
        node.kill()
    raise RuntimeError(f"Elasticsearch did not start: {(folder / 'log-0').read_text()[-2000:]}")


def _free_ports(count: int) -> int:
    """A port that is free with the ones after it, and so are those 100 above, for talk between nodes."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        wanted = [first + number for first in (port, port + 100) for number in range(count)]
        if wanted[-1] < 65_536 and all(_is_free(one) for one in wanted):
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
