"""Mosquitto as a supervised child, with a configuration and rules of our making."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import IO

import structlog

from lastscan.broker.registry import HOST, BrokerFailedError, Ports, Registry
from lastscan.broker.rules import acl_file, password_file

COME_UP_WITHIN_S = 5.0
STOP_WITHIN_S = 5.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 3.0
LOOK_EVERY_S = 0.1
# Or a device could cut the tracker off by taking its client id. Holds for the listener it stands under only.
IDENTITY = "use_username_as_clientid true"
LARGEST_LOG = 4 * 1024 * 1024

# Between fork and Mosquitto: asks the kernel to kill this process with its parent (1 is PR_SET_PDEATHSIG), then
# becomes Mosquitto. A `kill -9` of the launcher would else leave the port taken and old rules in force. Not Popen's
# preexec_fn, which may deadlock when the caller has threads.
_DIE_WITH_PARENT = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""

log = structlog.get_logger(__name__)


def configuration(folder: Path, ports: Ports, *, as_root: bool, connections: int) -> str:
    """`mosquitto.conf` for loopback: plain, with passwords, and nothing left to defaults that lose or leak."""
    lines = [
        *(["user root"] if as_root else []),  # it would else drop its rights and could not read our home
        "per_listener_settings false",
        f"listener {ports.mqtt} {HOST}",
        IDENTITY,
        f"listener {ports.ws} {HOST}",
        "protocol websockets",
        IDENTITY,
        "allow_anonymous false",
        f"password_file {folder / 'passwords'}",
        f"acl_file {folder / 'acl'}",
        "set_tcp_nodelay true",  # small packets wait on Nagle: 61 ms instead of 4 from scan to receipt
        "persistence true",  # shortens recovery; nothing relies on it
        f"persistence_location {folder}/",
        "autosave_interval 30",
        "persistent_client_expiration 7d",
        "max_queued_messages 100000",  # the stock 1000 drops silently
        "max_queued_bytes 268435456",
        "max_packet_size 65536",  # never message_size_limit: it acknowledges and throws away
        "max_inflight_messages 2000",  # one group commit of the tracker
        "max_keepalive 60",
        f"max_connections {connections}",
        "retain_available false",
        "sys_interval 0",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
        "log_type notice",
        "connection_messages false",
        "log_timestamp_format %Y-%m-%dT%H:%M:%S",
    ]
    return "\n".join(lines) + "\n"


def run_mosquitto(
    folder: Path,
    program: Path,
    ports: Ports,
    registry: Registry,
    stop: threading.Event,
    on_ready: Callable[[Ports], None],
) -> None:
    """Keeps Mosquitto running until `stop`: rules as registered, a new child within seconds when one dies."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    # In absolute words: both Mosquitto and whoever reads the file may stand elsewhere.
    folder = folder.resolve()
    # A fleet and a fifth, for the sessions of devices that reconnect before their old one is noticed dead.
    connections = max(600, len(registry.table.logins) * 6 // 5)
    _write(folder / "mosquitto.conf", configuration(folder, ports, as_root=_is_root(), connections=connections))
    began_at, was_up, pause = time.monotonic(), False, FIRST_PAUSE_S
    while not stop.is_set():
        registry.changed()
        _write_rules(folder, registry)
        child = _start(program, folder)
        started_at = time.monotonic()
        try:
            if _comes_up(child, ports, stop):
                was_up = True
                on_ready(replace(ports, pid=child.pid))
                _watch(child, folder, registry, stop)
        finally:
            _end(child)
        if stop.is_set():
            return
        if not was_up and time.monotonic() - began_at > COME_UP_WITHIN_S:
            raise BrokerFailedError(
                f"mosquitto does not come up on ports {ports.mqtt} and {ports.ws}: {_last_words(folder)}"
            )
        # One that had run well starts again at once; one that keeps dying is given more and more time.
        pause = FIRST_PAUSE_S if time.monotonic() - started_at > 10 else min(pause * 2, LONGEST_PAUSE_S)
        log.error("broker.died", status=child.returncode, said=_last_words(folder), again_in_s=pause)
        stop.wait(pause)


def _start(program: Path, folder: Path) -> subprocess.Popen[bytes]:
    command = [str(program), "-c", str(folder / "mosquitto.conf")]
    on_linux = sys.platform == "linux"
    if on_linux:
        command = [sys.executable, "-I", "-S", "-c", _DIE_WITH_PARENT, str(os.getpid()), *command]
    with _log(folder) as said:
        # A session of its own, so that Ctrl-C reaches it through us, after the roles that still talk to it.
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=on_linux)


def _comes_up(child: subprocess.Popen[bytes], ports: Ports, stop: threading.Event) -> bool:
    give_up_at = time.monotonic() + COME_UP_WITHIN_S
    waiting = [ports.mqtt, ports.ws]
    while waiting and child.poll() is None and not stop.is_set() and time.monotonic() < give_up_at:
        try:
            socket.create_connection((HOST, waiting[0]), timeout=1).close()
            waiting.pop(0)
        except OSError:
            stop.wait(0.01)
    # Somebody else's server may have answered for a child that just failed to bind.
    return not waiting and not stop.wait(0.02) and child.poll() is None


def _watch(child: subprocess.Popen[bytes], folder: Path, registry: Registry, stop: threading.Event) -> None:
    while child.poll() is None and not stop.wait(LOOK_EVERY_S):
        if registry.changed():
            _write_rules(folder, registry)
            # On this signal Mosquitto reads both files and cuts whoever could no longer sign in.
            child.send_signal(signal.SIGHUP)
            log.info("broker.rules_changed", logins=len(registry.table.logins))


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            child.kill()
    child.wait()


def _write_rules(folder: Path, registry: Registry) -> None:
    _write(folder / "acl", acl_file(registry.table))
    _write(folder / "passwords", password_file(registry.table))


def _write(path: Path, text: str) -> None:
    """The whole text or, after a crash, still the old one; readable for nobody else."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    fresh.replace(path)


def _log(folder: Path) -> IO[bytes]:
    path = folder / "mosquitto.log"
    if path.exists() and path.stat().st_size > LARGEST_LOG:
        path.replace(path.with_name("mosquitto.log.1"))
    return path.open("ab")


def _last_words(folder: Path) -> str:
    try:
        text = (folder / "mosquitto.log").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "it said nothing"
    return " / ".join(text.splitlines()[-3:]) or "it said nothing"


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0
