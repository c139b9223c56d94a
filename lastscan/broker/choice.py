"""Which broker runs: somebody's own, Mosquitto, or the one in Python that is always there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

Asked = Literal["auto", "url", "mosquitto", "amqtt"]
Kind = Literal["url", "mosquitto", "amqtt"]

# Debian installs daemons where a plain user's PATH does not look.
SYSTEM_PLACES = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")
OLDEST_MOSQUITTO = (2, 0)  # 1.x cannot read passwords kept as PBKDF2


class UnknownBrokerError(ValueError):
    """The setting names no broker we know, or lacks what that broker needs. Correct the setting (exit 78)."""


class BrokerUnavailableError(RuntimeError):
    """The broker that was asked for cannot be started on this machine. Install it or let `auto` choose (exit 69)."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The broker to use and, for whoever wonders, why that one. `str()` is the line to print at start."""

    kind: Kind
    because: str
    url: str | None = None  # kind "url": where it is
    program: Path | None = None  # kind "mosquitto": what to run

    def __str__(self) -> str:
        return f"broker: {self.kind} ({self.because})"


def choose(*, mqtt_url: str | None, asked: str = "auto", find: Callable[[], Path | None] | None = None) -> Choice:
    """What `broker = auto` means here and now. Starts nothing, except Mosquitto once to ask for its version.

    `mqtt_url` and `asked` are the settings `MQTT_URL` and `LASTSCAN_BROKER`; `find` looks for the Mosquitto program.
    """
    if asked not in get_args(Asked):
        raise UnknownBrokerError(f"LASTSCAN_BROKER={asked}: expected one of {', '.join(get_args(Asked))}")
    if mqtt_url:
        if asked in ("mosquitto", "amqtt"):
            raise UnknownBrokerError(
                f"MQTT_URL names a broker and LASTSCAN_BROKER={asked} asks to start one: unset either"
            )
        return Choice("url", because="MQTT_URL is set; nothing is started", url=mqtt_url)
    if asked == "url":
        raise UnknownBrokerError("LASTSCAN_BROKER=url, but MQTT_URL is empty: set it, or use LASTSCAN_BROKER=auto")
    if asked == "amqtt":
        return Choice("amqtt", because="LASTSCAN_BROKER=amqtt; in this process, on loopback only")
    program = (find or find_mosquitto)()
    fault = "no mosquitto on this machine" if program is None else _too_old(program)
    if program is not None and fault is None:
        reason = "LASTSCAN_BROKER=mosquitto" if asked == "mosquitto" else "found on this machine"
        return Choice("mosquitto", because=f"{reason}: {program}", program=program)
    if asked == "mosquitto":
        raise BrokerUnavailableError(
            f"LASTSCAN_BROKER=mosquitto, but {fault}. "
            "Install it (apt-get install mosquitto), or use LASTSCAN_BROKER=auto"
        )
    return Choice("amqtt", because=f"{fault}; in this process, on loopback only")


def find_mosquitto() -> Path | None:
    """Mosquitto's program, on PATH or where systems put daemons."""
    places = os.pathsep.join((os.environ.get("PATH", os.defpath), *SYSTEM_PLACES))
    found = shutil.which("mosquitto", path=places)
    return Path(found) if found else None


def _too_old(program: Path) -> str | None:
    """Why this Mosquitto will not do, or None."""
    try:
        said = subprocess.run([program, "-h"], capture_output=True, text=True, timeout=5, check=False).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{program} does not start ({error})"
    version = re.search(r"mosquitto version (\d+)\.(\d+)", said)
    if version is None:
        return f"{program} does not tell its version"
    if (int(version[1]), int(version[2])) < OLDEST_MOSQUITTO:
        return f"{program} is version {version[1]}.{version[2]}, and 2.0 is the oldest that will do"
    return None
