"""The roles of a process group, each of which can run alone: broker, tracker, notify, web."""

import os
import signal
import threading
from collections.abc import Callable, Mapping
from typing import Any

from lastscan.broker import Choice, Login, Ports, choose, run_broker
from lastscan.home import Home
from tracker.devices import Devices
from tracker.domain.credentials import SALT_BYTES, hash_password

TRACKER = "tracker"
"""The name the tracker signs in at the broker with; no device may have it."""

Ready = Callable[[Mapping[str, Any]], None]


def stopped_by_signals() -> threading.Event:
    """An event that SIGTERM and SIGINT set; the second one ends the process at once."""
    stop = threading.Event()

    def _stop(_number: int, _frame: object) -> None:
        if stop.is_set():
            os._exit(130)
        stop.set()

    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    return stop


def broker(home: Home, *, choice: Choice, mqtt_port: int, ws_port: int, stop: threading.Event, ready: Ready) -> None:
    """Runs the broker of this home until told to stop; does nothing but wait where a URL names another."""
    devices = Devices(home.store(), home.clock)
    secret = hash_password(home.secret("tracker-mqtt"), salt=os.urandom(SALT_BYTES))

    def logins() -> list[Login]:
        return [
            Login(TRACKER, secret, None),
            *(Login(d.dev, d.password_hash, d.site) for d in devices.list() if d.revoked_at is None),
        ]

    def announce(ports: Ports) -> None:
        ready({"mqtt": ports.mqtt_url, "mqtt_ws": ports.ws_url, "pid": ports.pid})

    run_broker(
        home.path, mqtt_port=mqtt_port, ws_port=ws_port, logins=logins, choice=choice, stop=stop, on_ready=announce
    )


def tracker(home: Home, *, mqtt_url: str, stop: threading.Event, ready: Ready) -> None:
    from tracker.main import run_tracker

    engine = home.migrated()
    ready({})
    run_tracker(
        engine, home.clock, mqtt_url=mqtt_url, username=TRACKER, password=home.secret("tracker-mqtt"), stop=stop
    )


def chosen_broker() -> Choice:
    """By `MQTT_URL` and `LASTSCAN_BROKER`."""
    return choose(mqtt_url=os.environ.get("MQTT_URL"), asked=os.environ.get("LASTSCAN_BROKER", "auto"))
