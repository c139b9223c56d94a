"""What a channel must be able to do. Each lives in a folder of its own under `channels/`, and knows no other."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from notify.delivery import Outcome
from notify.owed import OwedNotice, Recipient


@dataclass(frozen=True, slots=True)
class Message:
    """A notice in the form of a channel: what its provider is handed, and where it goes."""

    address: str
    language: str
    body: bytes


class UnsayableError(ValueError):
    """The notice cannot be put into this channel's form, now or later; the text says which part of it is to mend."""


class Channel(Protocol):
    """One way to reach people."""

    @property
    def remembers_keys(self) -> bool:
        """Whether its provider takes a message once however often we hand it over under one key."""
        ...

    def address(self, recipient: Recipient) -> str | None:
        """Where it would reach this person; None if it cannot."""
        ...

    def compose(self, notice: OwedNotice, *, key: str, written_at: datetime) -> Message:
        """The message for this notice. `key` goes into it, the same in every attempt. May raise UnsayableError."""
        ...

    def send(self, message: Message, *, key: str) -> Outcome:
        """Hands it over, once, within 45 s, less than a lease. It raises nothing a provider or a network can cause."""
        ...


@runtime_checkable
class TellsIncidents(Protocol):
    """A channel that can tell one reader in one message what an incident does to all their pieces."""

    def compose_incident(self, notices: Sequence[OwedNotice], *, key: str, written_at: datetime) -> Message:
        """The message for all of them, which share an incident; otherwise as `Channel.compose`."""
        ...


@runtime_checkable
class Joins(Protocol):
    """A channel that can put several notices to one reader into one message."""

    def compose_joined(self, notices: Sequence[OwedNotice], *, key: str, written_at: datetime) -> Message:
        """The message for all of them, in this order; otherwise as `Channel.compose`."""
        ...
