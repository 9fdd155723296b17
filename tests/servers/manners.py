"""A server that notes who comes, when, on how many connections, and answers what a test says."""

import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise

from tests.servers.local import running


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: bytes = b"ok"
    headers: Mapping[str, str] = field(default_factory=dict)
    slow_s: float = 0.0


@dataclass(frozen=True)
class Visit:
    path: str
    agent: str
    began: float
    ended: float


class Server(ThreadingHTTPServer):
    """`answers` by path: given in their order, the last one again and again; 404 elsewhere."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, list[Answer]] = {}
        self.visits: list[Visit] = []
        self.most_at_once = 0
        self.most_connections = 0
        self._at_once = 0
        self._connections = 0
        self._asked: defaultdict[str, int] = defaultdict(int)
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def paths(self) -> list[str]:
        return [visit.path for visit in self.visits]

    def says(self, path: str, *answers: Answer) -> None:
        self.answers[path] = list(answers)

    def gaps(self, *paths: str) -> list[float]:
        """Seconds between the end of an answer and the next request, of all visits or of those of some paths."""
        visits = [visit for visit in self.visits if not paths or visit.path in paths]
        return [after.began - before.ended for before, after in pairwise(visits)]

    def connected(self, change: int) -> None:
        with self._lock:
            self._connections += change
            self.most_connections = max(self.most_connections, self._connections)

    def began(self, path: str) -> Answer:
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            answers = self.answers.get(path, [Answer(404, b"")])
            answer = answers[min(self._asked[path], len(answers) - 1)]
            self._asked[path] += 1
            return answer

    def ended(self, visit: Visit) -> None:
        with self._lock:
            self._at_once -= 1
            self.visits.append(visit)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def setup(self) -> None:
        super().setup()
        self.server.connected(1)

    def finish(self) -> None:
        self.server.connected(-1)
        super().finish()

    def do_GET(self) -> None:
        began = time.monotonic()
        answer = self.server.began(self.path)
        time.sleep(answer.slow_s)
        # Noted before it is sent: the next request may come before this thread wakes again.
        self.server.ended(Visit(self.path, self.headers.get("User-Agent", ""), began, time.monotonic()))
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, *_: object) -> None:
        """Nothing on the terminal of a test."""


def serving() -> AbstractContextManager[Server]:
    """A server on a free port, gone at the end."""
    return running(Server())
