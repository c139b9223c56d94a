"""What a look-up takes: in process, and as JSON through the web server beside a hello-world on that same server."""

import gc
import os
import random
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lastscan.bench.filling import NOW, fill_database
from lastscan.bench.harness import Stopwatch, peak_mb, percentile
from lastscan.bench.scratch import scratch_database
from tracker.clock import StoppedClock
from tracker.queries import Queries
from tracker.store import Store

_ASKING = b"GET %s HTTP/1.1\r\nHost: bench\r\nAccept: application/json\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Plan:
    rows: int
    """Scans in the log."""
    lookups: int
    rounds: int
    seed: int
    database_url: str | None


def measure(plan: Plan) -> dict[str, Any]:
    """Looks up parcels delivered and under way, half and half, each at random among all there are."""
    with scratch_database(plan.database_url) as store:
        filled = fill_database(store, rows=plan.rows, live=min(20_000, plan.rows // 24), seed=plan.seed)
        gc.freeze()
        rng = random.Random(plan.seed)
        numbers = [rng.choice((filled.delivered, filled.moving)[n % 2]) for n in range(plan.lookups)]
        taken, cpu = _in_process(store, numbers)
        return {
            "rows": plan.rows,
            "lookups": plan.lookups,
            "database": store.engine.dialect.name,
            "p50_ms": round(percentile(taken, 0.5) * 1000, 3),
            "p99_ms": round(percentile(taken, 0.99) * 1000, 3),
            "cpu_us": cpu,
            **_through_the_web(store, numbers[: min(len(numbers), 1000)], plan.rounds),
            "peak_mb": peak_mb(),
        }


def _in_process(store: Store, numbers: Sequence[str]) -> tuple[list[float], float]:
    queries = Queries(store, StoppedClock(NOW))
    for number in numbers[:50]:
        queries.card(number)
    taken = []
    with Stopwatch() as all_of_them:
        for number in numbers:
            began = time.perf_counter()
            card = queries.card(number)
            taken.append(time.perf_counter() - began)
            assert card is not None
    return taken, all_of_them.cpu_us(len(numbers))


def _through_the_web(store: Store, numbers: Sequence[str], rounds: int) -> dict[str, Any]:
    """Hello, look-up, look-up, hello in each round, over one connection that is kept."""
    url = store.engine.url.render_as_string(hide_password=False)
    with subprocess.Popen(
        [sys.executable, "-m", "lastscan.bench.served"],
        env={**os.environ, "DATABASE_URL": url},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as web:  # whose end closes its input, at which it ends
        assert web.stdout is not None
        port = int(web.stdout.readline())
        hello, lookups = [b"/hello"] * len(numbers), [f"/api/v1/shipments/{n}".encode() for n in numbers]
        ratios, rates = [], []
        for _ in range(rounds):
            limit = _ask(port, hello)
            found = min(_ask(port, lookups), _ask(port, lookups))
            limit = min(limit, _ask(port, hello))
            ratios.append(limit / found)
            rates.append(len(numbers) / found)
        return {"json_per_s": round(statistics.median(rates)), "json_of_hello": round(statistics.median(ratios), 3)}


def _ask(port: int, paths: Sequence[bytes]) -> float:
    """Seconds until all of these are answered, one after the other."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as sock, sock.makefile("rb") as heard:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        began = time.perf_counter()
        for path in paths:
            sock.sendall(_ASKING % path)
            status, length = heard.readline(), 0
            while (line := heard.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            heard.read(length)
            if b" 200 " not in status:
                raise RuntimeError(f"{path.decode()}: {status.decode()}")
        return time.perf_counter() - began
