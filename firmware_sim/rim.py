"""How a virtual handheld reaches the broker: by the shipped link with its thread, or over a shared switchboard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from scanner.handheld import Handheld, Recorded
from scanner.link import Link
from tracker.wire import Address

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Registration:
    """What a device was given when it was registered."""

    dev: str
    site: str
    key: str
    password: str

    @property
    def address(self) -> Address:
        return Address(self.site, self.dev)


class Rim(Protocol):
    """What `scanner.link.Link` does, as far as a device asks for it."""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def record(
        self, code: str, sym: str, kind: str, *, at: str | None, into: str | None, x: dict[str, Any] | None
    ) -> Recorded: ...

    def cut(self) -> None: ...

    def restore(self) -> None: ...

    def ask(self, question: Callable[[Handheld], Answer]) -> Answer: ...

    def wait_until_empty(self, timeout: float) -> bool: ...

    @property
    def online(self) -> bool: ...

    @property
    def trouble(self) -> str | None: ...


NewRim = Callable[[Handheld, Registration], Rim]


def linked_to(url: str) -> NewRim:
    """Each device by a link of its own to this broker."""

    def new(handheld: Handheld, given: Registration) -> Rim:
        return Link(handheld, given.address, url, given.dev, given.password)

    return new
