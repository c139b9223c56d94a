"""Runs the chosen broker in the foreground, and keeps its rules the same as the registry's."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import structlog

from lastscan.broker.choice import Choice
from lastscan.broker.registry import HOST, Ports, Registry
from lastscan.broker.rules import Login

log = structlog.get_logger(__name__)


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
