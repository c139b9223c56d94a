"""What the last messages said of a device: when it was heard, how it is, and how its clocks run.

Kept in memory, and written when it changed in a way that matters to somebody else: a scan should not cost three rows.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from tracker.domain.drift import BootClock, first_heard
from tracker.ingest.hearing import Understood
from tracker.store import Transaction
from tracker.store.device_registry import Boot, Contact, DeviceRow
from tracker.wire import Hello, Scans, Status

HEARD_EVERY = timedelta(seconds=5)
"""How old `heard_at` in the register may be."""

_WALL_ERROR_MS = 1000
_LISTENED_EVERY = timedelta(minutes=1)
_MOST_DEPTH = 2**31 - 1  # what its column holds
_MOST_REMEMBERED = 100_000


class Contacts:
    """What this process knows of devices and of each of their starts, less than the register by none of it."""

    def __init__(self) -> None:
        self._clocks: dict[Boot, BootClock] = {}
        self._kept_clocks: dict[Boot, BootClock] = {}
        self._kept: dict[str, Contact] = {}

    def hearing(self, tx: Transaction, messages: Iterable[Understood]) -> "Hearing":
        """The messages of one batch, heard. `keep` writes what is worth it; `committed` once that is sure."""
        return Hearing(self, tx, list(messages))

    def boot_clocks(self, tx: Transaction, boots: set[Boot]) -> dict[Boot, BootClock]:
        known = {boot: self._clocks[boot] for boot in boots if boot in self._clocks}
        new = boots - known.keys()
        return known | tx.devices.boot_clocks(new) if new else known

    def wall_error_ms(self, device: DeviceRow) -> int | None:
        """How far ahead the device's wall clock was when last heard; None when it never was."""
        kept = self._kept.get(device.dev)
        return kept.wall_error_ms if kept is not None else device.wall_error_ms

    def is_news(self, contact: Contact) -> bool:
        kept = self._kept.get(contact.dev)
        return (
            kept is None
            or contact.says_more
            or contact.at - kept.at >= HEARD_EVERY
            or contact.at < kept.at
            or abs(contact.wall_error_ms - kept.wall_error_ms) >= _WALL_ERROR_MS
        )

    def is_worth_keeping(self, boot: Boot, clock: BootClock) -> bool:
        kept = self._kept_clocks.get(boot)
        if kept is None or (clock.now, clock.before) != (kept.now, kept.before):
            return True
        if clock.heard_last is None or kept.heard_last is None:
            return clock.heard_last != kept.heard_last
        return clock.heard_last - kept.heard_last >= _LISTENED_EVERY

    def adopt(
        self, clocks: dict[Boot, BootClock], kept: dict[str, Contact], kept_clocks: dict[Boot, BootClock]
    ) -> None:
        if len(self._clocks) > _MOST_REMEMBERED:  # starts of long ago; those of today are read again
            self._clocks.clear()
            self._kept_clocks.clear()
        self._clocks |= clocks
        self._kept_clocks |= kept_clocks
        self._kept |= kept


class Hearing:
    """One batch's view of the clocks: what was known, and what its own messages tell."""

    def __init__(self, contacts: Contacts, tx: Transaction, messages: list[Understood]) -> None:
        self._contacts = contacts
        self._tx = tx
        spoken = {(m.device.dev, m.said.boot) for m in messages}
        scanned = {(m.device.dev, record.scan.boot) for m in messages for record in m.records}
        self.clocks = contacts.boot_clocks(tx, spoken | scanned)
        self._wall_errors = {m.device.dev: contacts.wall_error_ms(m.device) for m in messages}
        self._heard: dict[Boot, BootClock] = {}
        self._news: dict[str, Contact] = {}
        self._kept_clocks: dict[Boot, BootClock] = {}
        self._kept: dict[str, Contact] = {}
        quickest: dict[Boot, Understood] = {}
        latest: dict[Boot, Understood] = {}
        for message in messages:
            boot = (message.device.dev, message.said.boot)
            latest[boot] = message
            if boot not in quickest or message.delay_ms < quickest[boot].delay_ms:
                quickest[boot] = message
            if not isinstance(message.said, Scans):
                self._note(message)
        for boot, message in latest.items():  # those between tell a clock nothing, nor anybody
            self._hear(boot, quickest[boot])
            self._hear(boot, message)
            self._note(message)

    def wall_error_ms(self, message: Understood) -> int:
        """As last known before this batch, which may have queued for hours; else by the message itself."""
        known = self._wall_errors[message.device.dev]
        return message.wall_error_ms if known is None else known

    def keep(self) -> None:
        """Writes what changed in a way that matters."""
        contacts = self._contacts
        self._kept = {dev: news for dev, news in self._news.items() if contacts.is_news(news)}
        self._kept_clocks = {boot: c for boot, c in self._heard.items() if contacts.is_worth_keeping(boot, c)}
        self._tx.devices.heard(sorted(self._kept.values(), key=lambda news: news.dev))
        self._tx.devices.keep_boot_clocks(self._kept_clocks)

    def committed(self) -> None:
        self._contacts.adopt(self._heard, self._kept, self._kept_clocks)

    def _hear(self, boot: Boot, message: Understood) -> None:
        known = self.clocks.get(boot)
        hear = known.hearing if known is not None else first_heard
        self.clocks[boot] = self._heard[boot] = hear(mono=message.said.mono, heard_at=message.heard.heard_at)

    def _note(self, message: Understood) -> None:
        said = message.said
        contact = Contact(message.device.dev, message.heard.heard_at, message.wall_error_ms)
        match said:
            case Hello():
                contact = replace(contact, firmware=said.fw and said.fw[:64], says_more=True)
            case Status():
                depth = min(said.depth, _MOST_DEPTH)
                contact = replace(contact, depth=depth, battery=said.battery, says_more=True)
        earlier = self._news.get(contact.dev)
        self._news[contact.dev] = contact if earlier is None else earlier.then(contact)
