"""Runs the chosen broker in the foreground, and keeps its rules the same as the registry's."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import structlog

from lastscan.broker.choice import Choice
from lastscan.broker.rules import AccessTable, Login

HOST = "127.0.0.1"
REGISTRY_EVERY_S = 1.0  # a revoked device is off within this and one reload

log = structlog.get_logger(__name__)


class BrokerFailedError(RuntimeError):
    """The broker does not come up; the text holds its own words. Free the port or mend what it names, start again."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the broker now accepts connections, and the process that does so."""

    mqtt: int
    ws: int
    pid: int

    @property
    def mqtt_url(self) -> str:
        return f"mqtt://{HOST}:{self.mqtt}"

    @property
    def ws_url(self) -> str:
        return f"ws://{HOST}:{self.ws}"


class Registry:
    """The registered logins as the broker last heard them; a reading that fails leaves the rules as they were."""

    def __init__(self, logins: Callable[[], Iterable[Login]]) -> None:
        self._logins = logins
        self._read_at = time.monotonic()
        self.table = AccessTable.of(logins())
        self._tell_left_out()

    def is_due(self) -> bool:
        return time.monotonic() - self._read_at >= REGISTRY_EVERY_S

    def changed(self) -> bool:
        """Looks again once a second; True when the rules are no longer those of `table` before this call."""
        if not self.is_due():
            return False
        self._read_at = time.monotonic()
        try:
            table = AccessTable.of(self._logins())
        except Exception as error:  # noqa: BLE001  a locked database must not take the broker down with it
            log.warning("broker.registry_unread", error=str(error), meaning="the rules stay as they are")
            return False
        if table == self.table:
            return False
        self.table = table
        self._tell_left_out()
        return True

    def _tell_left_out(self) -> None:
        for why in self.table.left_out:
            log.error("broker.login_left_out", why=why)


def free_port() -> int:
    """A port of loopback that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def run_broker(
    home: Path,
    *,
    mqtt_port: int,
    ws_port: int,
    logins: Callable[[], Iterable[Login]],
    choice: Choice,
    stop: threading.Event,
    on_ready: Callable[[Ports], None],
) -> None:
    """Runs the broker on loopback until `stop` is set; returns when it is down and its ports are free.

    `on_ready` is called from this thread each time the broker has begun to accept connections: at first, and again
    with another pid after it had died and was started anew. `logins` is asked about once a second; whoever is no
    longer among them is cut off and can publish nothing more. A broker of somebody else's (`choice.kind == "url"`)
    is not ours to run: ValueError. One that never comes up: BrokerFailedError.
    """
    ports = Ports(mqtt_port, ws_port, pid=0)
    registry = Registry(logins)
    log.info("broker.starting", kind=choice.kind, because=choice.because, mqtt=mqtt_port, ws=ws_port)
    # Imported here: whoever runs the one need not have, nor wait for, the other (amqtt takes 0.3 s to import).
    if choice.kind == "mosquitto":
        from lastscan.broker.mosquitto import run_mosquitto

        if choice.program is None:
            raise ValueError("a Choice of mosquitto without its program: make it with choose()")
        run_mosquitto(home / "broker", choice.program, ports, registry, stop, on_ready)
    elif choice.kind == "amqtt":
        from lastscan.broker.embedded import run_embedded

        run_embedded(ports, registry, stop, on_ready)
    else:
        raise ValueError(f"{choice.url} runs elsewhere: there is nothing to start here")
