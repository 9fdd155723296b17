"""How many events of a Jetstream are listened to on one core, how far behind that is, and how much memory it takes.

    python benchmarks/jetstream.py --rates 500 2000 5000 --seconds 30

The real command listens to a server on this machine that says a mix like the network's: 62 % likes, 15 % posts (two in
five are replies; one in fifty matches), 12 % reposts, 9 % deletions, profiles and identities; follows are left out by
the server. Lag is that of the newest event when its batch is stored. Rate 0 is as fast as it goes; the bare reader
beside it is `websockets` and `json.loads` and keeps nothing. The server has a core of its own.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from statistics import quantiles
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

ME = Path(__file__).resolve()
FEED = "app.bsky.feed"
KINDS = ["like"] * 62 + ["post"] * 15 + ["repost"] * 12 + ["delete"] * 9 + ["profile", "identity"]
TICK_S, WARM_S = 0.02, 5.0
WORDS = (
    "hier soir on a regardé la pluie tomber sur le jardin et personne ne voulait rentrer alors quelqu'un a dit que"
    " c'était bien ainsi puis nous avons mangé des crêpes avec les voisins du dessous qui jouent souvent de l'accordéon"
).split()
MATCHING = "zygomatique"
PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1024
TICKS = os.sysconf("SC_CLK_TCK")


def event(number: int, kind: str, draw: random.Random, at_us: int) -> str:
    """A frame of v1. Posts that match are by few people; one like in fifty is of one of them."""
    matches = number % 50 == 0
    who = f"did:plc:fr{draw.randrange(5_000):022d}" if matches else f"did:plc:{draw.randrange(500_000):024d}"
    if kind == "identity":
        told = f'"kind":"identity","identity":{{"did":"{who}","handle":"h{number}.test","seq":{number}}}'
        return f'{{"did":"{who}","time_us":{at_us},{told}}}'
    operation, collection, rkey = "create", f"{FEED}.{kind}", f"3m{number:011d}"
    record = f'"createdAt":"2026-11-01T08:00:00.000Z","langs":["fr"],"$type":"{collection}"'
    liked = f"at://did:plc:fr{0:022d}/{FEED}.post/3m{0:011d}" if matches else f"at://{who}/{FEED}.post/3l{number:011d}"
    subject = f'{{"uri":"{liked}","cid":"bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"}}'
    if kind == "post":
        words = draw.choices(WORDS, k=draw.randrange(5, 45)) + ([MATCHING] if matches else [])
        answer = f',"reply":{{"parent":{subject},"root":{subject}}}' if number % 5 < 2 and not matches else ""
        record += f',"text":"{" ".join(words)}"{answer}'
    elif kind == "profile":
        operation, collection, rkey = "update", "app.bsky.actor.profile", "self"
        record = '"$type":"app.bsky.actor.profile","displayName":"x"'
    elif kind == "delete":
        operation, collection = "delete", f"{FEED}.like"
    else:
        record += f',"subject":{subject}'
    content = "" if kind == "delete" else f',"record":{{{record}}},"cid":"bafyreigh2akiscaildcqabsyg3dfr6chu3fgpreg"'
    told = f'"rev":"3m{number:011d}","operation":"{operation}","collection":"{collection}","rkey":"{rkey}"{content}'
    return f'{{"did":"{who}","time_us":{at_us},"kind":"commit","commit":{{{told}}}}}'


async def offer(rate: int) -> None:
    """Serve events, and profiles, until killed."""

    async def told(connection: ServerConnection) -> None:
        draw, began = random.Random(7), time.time()
        try:
            for number in count():
                # Dated when it should have been said: if the listener makes us wait, that is lag.
                at = began + number / rate if rate else time.time()
                if at > time.time():
                    await asyncio.sleep(TICK_S)
                kind = draw.choice(KINDS) if number else "post"
                await connection.send(event(number, kind, draw, int(at * 1e6)))
        except ConnectionClosed:
            return

    def beside(connection: ServerConnection, request: Request) -> Response | None:
        parts = urlsplit(request.path)
        if parts.path == "/subscribe":
            return None
        if not parts.path.endswith("getProfiles"):
            return connection.respond(404, "")
        actors = parse_qs(parts.query)["actors"]
        return connection.respond(200, json.dumps({"profiles": [{"did": did, "handle": "x.test"} for did in actors]}))

    async with serve(told, "127.0.0.1", 0, process_request=beside, compression=None) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        await asyncio.Event().wait()


async def bare(port: int, seconds: float) -> float:
    """Events a second of a reader that keeps nothing."""
    async with connect(f"ws://127.0.0.1:{port}/subscribe", compression=None, max_queue=(1_024, 512)) as stream:
        began, heard = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            json.loads(await stream.recv())
            heard += 1
        return heard / (time.perf_counter() - began)


@contextmanager
def offering(rate: int) -> Iterator[int]:
    words = [sys.executable, str(ME), "--offer", str(rate)]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout
        yield int(server.stdout.readline())
    finally:
        server.kill()
        server.wait()


@contextmanager
def listening(home: Path, port: int) -> Iterator[int]:
    """The process that listens."""
    keys = {"platform": "bluesky", "endpoints": [f"ws://127.0.0.1:{port}"], "appview": f"http://127.0.0.1:{port}"}
    keys |= {"protocol": "v1", "keywords": [MATCHING]}
    (home / "sources.yaml").write_text(json.dumps({"sources": {"jet": keys}}))
    words = [sys.executable, "-m", "polyphonie.cli.app", "crawl", "jet", "--follow", "--home", str(home)]
    environment = os.environ | {"POLYPHONIE_CRAWL__CONTACT": "https://example.org/benchmark"}
    process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process.pid
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    finally:
        process.kill()


def usage(pid: int) -> tuple[float, int]:
    """Seconds of processor and mebibytes of memory of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS, int(fields[21]) * PAGE_KB // 1024


def heard(home: Path) -> tuple[int, int, float]:
    """Events seen and messages kept until now, and the lag."""
    spool = home / "spool.sqlite"
    try:
        with closing(sqlite3.connect(f"file:{spool}?mode=ro", uri=True)) as sql:
            rows = dict(sql.execute("SELECT outcome, sum(number) FROM outcomes GROUP BY outcome"))
            lag = sql.execute("SELECT lag_s FROM crawls").fetchone()
    except sqlite3.OperationalError:
        return 0, 0, 0.0
    return rows.get("seen", 0), rows.get("kept", 0), (lag and lag[0]) or 0.0


def measured(rate: int, seconds: float) -> float:
    """Listen to so many events a second, say how it went; returns how many were heard a second."""
    with tempfile.TemporaryDirectory() as folder, offering(rate) as port, listening(Path(folder), port) as pid:
        home = Path(folder)
        while not heard(home)[0]:
            time.sleep(0.1)
        time.sleep(WARM_S)
        began, (before, _, _), (spent, _) = time.perf_counter(), heard(home), usage(pid)
        lags, memory = [], []
        while time.perf_counter() - began < seconds:
            time.sleep(0.25)
            lags.append(heard(home)[2])
            memory.append(usage(pid)[1])
        took = time.perf_counter() - began
        after, kept, _ = heard(home)
        core = (usage(pid)[0] - spent) / took
    sustained = (after - before) / took
    cuts = quantiles(lags, n=20)
    curve = " ".join(f"{lags[at * (len(lags) - 1) // 5]:.1f}" for at in range(6))
    speed = f"{rate or 'most':>7} {sustained:9,.0f} {core:6.0%} {sustained / core:11,.0f} {kept:7,}"
    late = f"{cuts[9]:6.2f} {cuts[18]:6.2f} {max(lags):6.2f}  {curve:<24}"
    print(f"{speed} {late} {memory[0]:>5} {max(memory):>5} {memory[-1]:>5}", flush=True)
    return sustained


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", type=int, nargs="+", default=[500, 2_000, 5_000, 0], help="events a second; 0: most")
    parser.add_argument("--seconds", type=float, default=30.0, help="at each rate")
    parser.add_argument("--offer", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.offer is not None:
        asyncio.run(offer(asked.offer))
        return
    print(
        "offered   heard/s   core heard/core-s    kept    p50    p95  max s  lag over time, s           MiB   max   end"
    )
    most = [measured(rate, asked.seconds) for rate in asked.rates][-1]
    with offering(0) as port:
        alone = asyncio.run(bare(port, min(asked.seconds, 10.0)))
    print(f"bare reader, as fast as it goes: {alone:,.0f} events/s", end="")
    print(f"; ours: {most / alone:.0%} of that" if asked.rates[-1] == 0 else "")


if __name__ == "__main__":
    main()
