"""The two sides of a run: the shipped processes, and the control's; and the roads between them."""

import os
import secrets
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

from lastscan.broker import Login, free_port
from lastscan.home import Home
from lastscan.prove.databases import Bench
from lastscan.prove.handheld import Orders
from lastscan.prove.history import Tail
from lastscan.prove.processes import Process, state
from lastscan.prove.proxy import FaultProxy, Network
from lastscan.up import announcer
from tracker.devices import Devices
from tracker.domain.credentials import SALT_BYTES, hash_password
from tracker.store import Store
from tracker.store.engine import open_engine
from tracker.store.migrations import migrate

Broker = Literal["mosquitto", "amqtt"]

SITE = "sea"
CONTROL_SITE = "control"


@dataclass(frozen=True, slots=True)
class Load:
    """How many devices, and how many scans a second all of them make together."""

    devices: int
    rate: float
    seed: int


@dataclass
class Side:
    """Broker, reader, devices and what the oracle hears from them."""

    home: Home
    broker: Process
    reader: Process  # the tracker, or the control's consumer
    devices: list[Process]
    roads: dict[str, FaultProxy]  # from the devices, and from the reader, to the broker
    oracle: Process
    tail: Tail
    others: list[Process] = field(default_factory=list)  # notify, web

    @property
    def processes(self) -> Iterator[Process]:
        yield self.broker
        yield self.reader
        yield from self.others
        yield from self.devices

    def broker_pid(self) -> int | None:
        """The process that serves connections now: Mosquitto's, or the role's own."""
        try:
            pid = int(msgspec.json.decode(announcer(self.home, "broker").read_bytes())["pid"])
        except (FileNotFoundError, KeyError, msgspec.DecodeError):
            return None
        return pid if state(pid) not in ("", "Z") else None

    def journal(self, device: int) -> Path:
        return self.home.path / "journals" / self.devices[device].name


def environment(broker: Broker, database_url: str) -> dict[str, str]:
    """Ours, less what would lead to live data."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LASTSCAN_")}
    kept.pop("MQTT_URL", None)
    kept.pop("PORT", None)
    return {**kept, "DATABASE_URL": database_url, "LASTSCAN_BROKER": broker}


def _ours(home: Home, role: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "lastscan", role, "--home", str(home.path), *arguments]


def _module(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", f"lastscan.prove.{name}", *arguments]


def shipped(place: Path, network: Network, bench: Bench, broker: Broker, load: Load) -> Side:
    """The processes that are sold: each role by its own command, and handhelds that run the shipped code."""
    home = Home.at(place)
    env = environment(broker, bench.ours)
    port = free_port()
    roads = {"devices": network.proxy(port), "reader": network.proxy(port)}
    oracle = _oracle(place, env)

    engine = open_engine(bench.ours)
    migrate(engine)
    devices = Devices(Store(engine), home.clock)
    orders = []
    for name in _names("h", load.devices):
        given = devices.add(name, site=SITE)
        orders.append(
            Orders(
                dev=name,
                site=SITE,
                password=given.password,
                url=_url(roads["devices"]),
                oracle=str(place / "heard"),
                seed=load.seed,
                rate=load.rate / load.devices,
                key=given.key,
                journal=str(place / "journals" / name),
            )
        )
    engine.dispose()

    def role(name: str, *arguments: str) -> Process:
        return Process(name, lambda _: _ours(home, name, *arguments), env, home.logs / f"{name}.log")

    return Side(
        home,
        broker=role("broker", "--mqtt-port", str(port)),
        reader=role("tracker", "--mqtt", _url(roads["reader"])),
        devices=[_device(home, env, "handheld", each) for each in orders],
        roads=roads,
        oracle=oracle,
        tail=Tail(place / "heard.tsv"),
        others=[role("notify"), role("web", "--port", "0")],
    )


def control(place: Path, network: Network, bench: Bench, broker: Broker, load: Load) -> Side:
    """Scanning as it is mostly written, on a broker of the same kind."""
    home = Home.at(place)
    env = environment(broker, bench.control)
    port = free_port()
    roads = {"devices": network.proxy(port), "reader": network.proxy(port)}
    oracle = _oracle(place, env)

    def orders(name: str, site: str, road: str) -> Orders:
        return Orders(
            dev=name,
            site=site,
            password=secrets.token_urlsafe(32),
            url=_url(roads[road]),
            oracle=str(place / "heard"),
            seed=load.seed,
            rate=load.rate / load.devices,
        )

    consumer = orders("consumer", "", "reader")
    devices = [orders(name, CONTROL_SITE, "devices") for name in _names("c", load.devices)]
    logins = [Login(each.dev, _hash(each.password), each.site or None) for each in (consumer, *devices)]
    _write(place / "logins.json", msgspec.json.encode(logins))

    def run(name: str, command: Sequence[str]) -> Process:
        return Process(name, lambda _: command, env, home.logs / f"{name}.log")

    return Side(
        home,
        broker=run("broker", _module("control", "broker", str(place), str(port), str(place / "logins.json"))),
        reader=run("consumer", _module("control", "consumer", str(_spelled(home, consumer)), bench.control)),
        devices=[_device(home, env, "control", each) for each in devices],
        roads=roads,
        oracle=oracle,
        tail=Tail(place / "heard.tsv"),
    )


def _names(letter: str, count: int) -> list[str]:
    return [f"{letter}{n}" for n in range(1, count + 1)]


def _url(road: FaultProxy) -> str:
    return f"mqtt://127.0.0.1:{road.port}"


def _hash(password: str) -> str:
    return hash_password(password, salt=os.urandom(SALT_BYTES))


def _device(home: Home, env: dict[str, str], module: str, orders: Orders) -> Process:
    spelled = str(_spelled(home, orders))
    first = [spelled] if module == "handheld" else ["device", spelled]
    log = home.logs / f"{orders.dev}.log"
    return Process(orders.dev, lambda start: _module(module, *first, str(start)), env, log)


def _spelled(home: Home, orders: Orders) -> Path:
    path = home.keys / f"{orders.dev}.json"
    _write(path, msgspec.json.encode(orders))
    return path


def _write(path: Path, content: bytes) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)


def _oracle(place: Path, env: dict[str, str]) -> Process:
    os.mkfifo(place / "heard", 0o600)
    command = _module("oracle", str(place / "heard"), str(place / "heard.tsv"))
    return Process("oracle", lambda _: command, env, place / "logs" / "oracle.log")


def wipe(folder: Path) -> str:
    """Removes what a broker keeps; `FOLDER empty` once it is."""
    had = sum(1 for _ in folder.glob("*")) if folder.exists() else 0
    shutil.rmtree(folder, ignore_errors=True)
    return "" if folder.exists() else f"{folder.name}: {had} files removed, directory gone"
