"""What a flood of connections does to those who scan: idle ones, half-open ones, and packets without end."""

import json
import multiprocessing
import os
import resource
import secrets
import socket
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from firmware_sim import mqtt_packets as packets
from lastscan.bench.harness import peak_mb, percentile
from lastscan.bench.load import Account, Fleet, StalledError, signed_in
from lastscan.home import Home
from lastscan.roles import TRACKER
from lastscan.up import Supervisor, announcer, port_or_free
from tracker.domain.credentials import hash_password
from tracker.domain.ids import facility_of_site

HOST = "127.0.0.1"
LIVE, IDLE = "live", "idle"  # sites
LIVE_DEVICES = 10
GREEDY_BYTES = 50_000_000
GREEDY_PACKET = b"\x30\x80\xe1\xeb\x17"  # a PUBLISH that says it is that long
_FILES_BESIDE = 200
_CALM_AT_MOST_S = 3.0
_STEP_S = 1.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of what. Half of the half-open say nothing at all, the others begin a CONNECT and fall silent."""

    idle: int
    half_open: int
    seconds: float  # with all of it there
    rate: float  # live scans a second
    broker: str
    within: float  # seconds to open all of it


def measure(plan: Plan) -> dict[str, Any]:
    """Live scans before, while the flood rises, and in it, from when each was due to its receipt."""
    files = _allowed_files(plan.idle + plan.half_open + _FILES_BESIDE)
    idle = max(0, min(plan.idle, files - plan.half_open - _FILES_BESIDE))
    with tempfile.TemporaryDirectory(prefix="lastscan-bench-") as scratch, ExitStack() as ends:
        home, port = Home.at(scratch), port_or_free(0, HOST, insist=True)
        live, idlers = _register(home, LIVE, LIVE_DEVICES), _register(home, IDLE, idle)
        supervisor = _house(home, port, plan.broker, ends)
        fleet = Fleet(live, HOST, port)
        ends.callback(fleet.close)
        sent, calm, rising, flooded = 0, list[float](), list[float](), list[float]()

        def scan(seconds: float, into: list[float]) -> int:
            count = fleet.load(max(LIVE_DEVICES, int(plan.rate * seconds)))
            fleet.pace(plan.rate)
            into += fleet.latencies
            return count

        sent += fleet.load(LIVE_DEVICES)
        fleet.drain()  # until the tracker is there
        sent += scan(min(_CALM_AT_MOST_S, plan.seconds), calm)
        with _flood(idlers, port, plan) as said:
            began = time.monotonic()
            while not said.poll() or not rising:
                sent += scan(_STEP_S, rising)
            up, took = said.recv(), time.monotonic() - began
            sent += scan(plan.seconds, flooded)
            said.send("enough")
            up |= said.recv()
        kept = _kept(home)
        pids = {name: _pid(home, name) for name in ("broker", TRACKER)}
        return {
            "broker": plan.broker,
            "files_allowed": files,
            "fewer_than_asked": plan.idle - idle,
            **up,
            "opened_in_s": round(took, 1),
            "live_scans": sent,
            "live_per_s": plan.rate,
            **{f"calm_{name}": value for name, value in _spread(calm).items()},
            **{f"rising_{name}": value for name, value in _spread(rising).items()},
            **{f"flooded_{name}": value for name, value in _spread(flooded).items()},
            **{f"{name}_peak_mb": peak_mb(pid) for name, pid in pids.items()},
            "restarts": sum(role.restarts for role in supervisor.roles.values()),
            "lost": sent - kept.get(facility_of_site(LIVE), 0),
            "foreign": sum(count for place, count in kept.items() if place != facility_of_site(LIVE)),
        }


def _allowed_files(wanted: int) -> int:
    """How many files each process may have open now, raised towards what is wanted as far as this machine allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for limit in (max(hard, wanted), hard):  # only root may go above the hard one
        with suppress(ValueError, OSError):
            if soft < wanted:
                resource.setrlimit(resource.RLIMIT_NOFILE, (min(limit, max(soft, wanted)), limit))
                break
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def _register(home: Home, site: str, count: int) -> list[Account]:
    """So many devices in one transaction: one for each would take longer than the flood."""
    home.migrated().dispose()
    made = [Account(f"{site}-{n}", site, secrets.token_urlsafe(32), secrets.token_bytes(32)) for n in range(count)]
    store = home.store()
    with store.writing() as tx:
        tx.network.know(facility_of_site(site))
        for each in made:
            hashed = hash_password(each.password, salt=secrets.token_bytes(12))
            tx.devices.add(each.dev, site=site, password_hash=hashed, mac_key=each.key, now=home.clock.now())
    store.close()
    return made


def _house(home: Home, port: int, broker: str, ends: ExitStack) -> Supervisor:
    """Broker and tracker as they run in earnest."""
    before = os.environ.get("LASTSCAN_BROKER")
    os.environ["LASTSCAN_BROKER"] = broker
    ends.callback(lambda: os.environ.pop("LASTSCAN_BROKER") if before is None else _put_back(before))
    supervisor = Supervisor(home)
    ends.callback(supervisor.shut_down)
    supervisor.start("broker", "--mqtt-port", str(port))
    supervisor.wait_for("broker")
    supervisor.start(TRACKER, "--mqtt", f"mqtt://{HOST}:{port}")
    supervisor.wait_for(TRACKER)
    return supervisor


def _put_back(broker: str) -> None:
    os.environ["LASTSCAN_BROKER"] = broker


def _pid(home: Home, role: str) -> int:
    return int(json.loads(announcer(home, role).read_text())["pid"])


def _kept(home: Home) -> dict[str, int]:
    store = home.store()
    with store.reading() as tx:
        kept = tx.log.scans_by_facility()
    store.close()
    return kept


def _spread(latencies: Sequence[float]) -> dict[str, float]:
    shares = {"p50_ms": 0.5, "p99_ms": 0.99, "max_ms": 1.0}
    return {name: round(percentile(latencies, share) * 1000, 1) for name, share in shares.items()}


@contextmanager
def _flood(idlers: Sequence[Account], port: int, plan: Plan) -> Iterator[Connection]:
    """In a process of its own, so that it does not slow those who measure; says when it is up, ends when told to."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_pour, args=(theirs, idlers, port, plan), daemon=True)
    process.start()
    try:
        yield ours
    finally:
        process.join(5)
        process.kill()


def _pour(said: Connection, idlers: Sequence[Account], port: int, plan: Plan) -> None:
    idle: list[socket.socket] = []
    half_open: list[socket.socket] = []
    give_up_at = time.monotonic() + plan.within
    stop, greedy_sent = threading.Event(), [0]
    greedy = threading.Thread(target=_gorge, args=(idlers[0], port, stop, greedy_sent), daemon=True)
    if idlers:
        greedy.start()
    for n in range(plan.half_open):
        with suppress(OSError):
            half_open.append(socket.create_connection((HOST, port), timeout=5))
            half_open[-1].sendall((b"", packets.connect("nobody", "at all", keep_alive=60)[:9])[n % 2])
    for each in idlers[1:]:
        if time.monotonic() > give_up_at:
            break
        with suppress(OSError, StalledError):
            idle.append(signed_in(each.dev, each.password, HOST, port))
    said.send({"idle": len(idle), "half_open": len(half_open)})
    said.recv()
    stop.set()
    said.send({"idle_held": _held(idle), "half_open_held": _held(half_open), "greedy_packets": greedy_sent[0]})


def _gorge(account: Account, port: int, stop: threading.Event, sent: list[int]) -> None:
    """One registered device sends fifty megabytes in one packet, as far as it is let, again and again."""
    more = bytes(1 << 20)
    while not stop.wait(0.05):
        with suppress(OSError, StalledError), signed_in(account.dev, account.password, HOST, port) as sock:
            sent[0] += 1
            sock.sendall(GREEDY_PACKET)
            for _ in range(GREEDY_BYTES // len(more)):
                sock.sendall(more)


def _held(socks: Sequence[socket.socket]) -> int:
    """How many of them the broker has not closed."""
    held = 0
    for sock in socks:
        sock.setblocking(False)
        try:
            held += bool(sock.recv(1))
        except BlockingIOError:
            held += 1
        except OSError:
            pass
    return held
