"""What both brokers we run share: where they listen, and who is registered."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog

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
