"""What the demo remembers over a restart: its seed and days, and the credentials of its devices."""

import os
from datetime import date, datetime
from pathlib import Path

import msgspec

from firmware_sim.device import Registration


class State(msgspec.Struct):
    """`business`: no business time up to here may be used again."""

    seed: int
    first_day: date
    business: datetime
    seconds: float = 0.0  # how long a `--once` took

    @classmethod
    def read(cls, home: Path) -> "State":
        return msgspec.json.decode(_path(home).read_bytes(), type=cls)

    @classmethod
    def exists(cls, home: Path) -> bool:
        return _path(home).exists()

    def keep(self, home: Path) -> None:
        _replace(_path(home), msgspec.json.encode(self))


def read_devices(home: Path) -> list[Registration]:
    path = home / "demo" / "devices.json"
    return msgspec.json.decode(path.read_bytes(), type=list[Registration]) if path.exists() else []


def keep_devices(home: Path, devices: list[Registration]) -> None:
    """Their keys and passwords, for nobody but the owner to read."""
    _replace(home / "demo" / "devices.json", msgspec.json.encode(devices))


def _path(home: Path) -> Path:
    return home / "demo" / "state.json"


def _replace(path: Path, content: bytes) -> None:
    fresh = path.with_suffix(".new")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    os.replace(fresh, path)
