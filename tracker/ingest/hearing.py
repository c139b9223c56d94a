"""What a message says, and whether its sender may say it: all that needs no transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from tracker.devices import Roll
from tracker.store.device_registry import DeviceRow
from tracker.wire import (
    Address,
    ScanRecord,
    Scans,
    UnfitMessageError,
    Up,
    address_of,
    batch_mac,
    canonical,
    hear_record,
    hear_up,
    raw_records,
    same_mac,
    seq_of,
)


@dataclass(frozen=True, slots=True)
class Heard:
    """One message as it came off the wire, and when, by the business clock."""

    topic: str
    payload: bytes
    heard_at: datetime


@dataclass(slots=True)
class Record:
    """One scan of a batch, the digest of all its fields, and its bytes as sent."""

    scan: ScanRecord
    digest: bytes
    raw: bytes


@dataclass(slots=True)
class Misfit:
    """What came as a record and is none: its number if it has one, the word for why, and its bytes."""

    q: int | None
    why: str
    raw: bytes


@dataclass(slots=True)
class Understood:
    """A message of a device that may speak, taken apart."""

    heard: Heard
    address: Address
    device: DeviceRow
    said: Up
    stream: tuple[str, str]  # the name of the one it is about: origin and epoch
    heard_ms: int  # since 1970
    records: Sequence[Record] = ()
    misfits: Sequence[Misfit] = ()

    @property
    def wall_error_ms(self) -> int:
        """How far ahead the device's wall clock is, as far as queueing lets us see."""
        return self.said.sent - self.heard_ms

    @property
    def delay_ms(self) -> int:
        """How long after its sending it was heard, but for an amount that is the same for all of one start."""
        return self.heard_ms - self.said.mono


@dataclass(slots=True)
class NotUnderstood:
    """A message to be put aside whole, under the word `why`."""

    heard: Heard
    why: str
    detail: str


def understand(heard: Heard, roll: Roll) -> Understood | NotUnderstood:
    """Takes a message apart, whatever a stranger may send. StoreError where the roll cannot be read."""
    try:
        address, device = _speaker(heard.topic, roll)
        said = hear_up(heard.payload)
        stream = (f"dev:{device.dev}", said.ep)
        understood = Understood(heard, address, device, said, stream, millis(heard.heard_at))
        if isinstance(said, Scans):
            if device.mac_key is not None and not same_mac(batch_mac(device.mac_key, said.ep, bytes(said.s)), said.mac):
                raise UnfitMessageError("bad_mac")
            understood.records, understood.misfits = _sift(raw_records(said))
    except UnfitMessageError as unfit:
        return NotUnderstood(heard, unfit.why, str(unfit))
    return understood


def essence(payload: bytes) -> bytes:
    """What stays the same when a device sends it again every few seconds, stamped anew each time."""
    try:
        said = hear_up(payload)
    except UnfitMessageError:
        return payload
    return said.ep.encode() + (bytes(said.s) if isinstance(said, Scans) else type(said).__name__.encode())


def millis(instant: datetime) -> int:
    """Milliseconds since 1970."""
    return int(instant.timestamp() * 1000)


def instant(millis: int) -> datetime:
    """The instant so many milliseconds after 1970 began; OverflowError or ValueError where the calendar ends."""
    return datetime.fromtimestamp(millis / 1000, UTC)


_known_address = lru_cache(maxsize=4096)(address_of)


def _speaker(topic: str, roll: Roll) -> tuple[Address, DeviceRow]:
    address = _known_address(topic)
    device = roll.find(address.dev)
    if device is None:
        raise UnfitMessageError("unknown_device")
    if device.revoked_at is not None:
        raise UnfitMessageError("revoked")
    if device.site != address.site:
        raise UnfitMessageError("foreign_site")
    return address, device


def _sift(raws: list[bytes]) -> tuple[list[Record], list[Misfit]]:
    records: list[Record] = []
    misfits: list[Misfit] = []
    for raw in raws:
        try:
            scan = hear_record(raw)
        except UnfitMessageError as unfit:
            misfits.append(Misfit(seq_of(raw), unfit.why, raw))
        else:
            records.append(Record(scan, canonical(scan), raw))
    return records, misfits
