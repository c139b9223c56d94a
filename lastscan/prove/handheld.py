"""A handheld in a process of its own: the shipped journal, state machine and link, and somebody who scans.

`python -m lastscan.prove.handheld ORDERS START`. It scans until SIGUSR1, then only sends; SIGTERM ends it.
"""

import os
import secrets
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from random import Random

import msgspec

from lastscan.prove.oracle import pipe, say
from lastscan.up import die_with_parent
from scanner.disk import FileDisk
from scanner.handheld import Handheld
from scanner.journal import Journal, NotRecordedError
from scanner.link import Link, SystemClock
from tracker.wire import Address

KINDS = ("accept", "arrive", "sort", "load", "depart", "unload")


class Orders(msgspec.Struct, frozen=True):
    """What one device is told; the same for one of ours and for one of the control."""

    dev: str
    site: str
    password: str
    url: str
    oracle: str
    seed: int
    rate: float  # scans a second
    key: str = ""
    journal: str = ""


def orders_of(arguments: Sequence[str]) -> tuple[Orders, int]:
    """The orders, and which start of this device it is."""
    path, start = arguments
    return msgspec.json.decode(Path(path).read_bytes(), type=Orders), int(start)


def evening() -> tuple[threading.Event, threading.Event]:
    """Events that signals set: scan no more; end."""
    no_more, end = threading.Event(), threading.Event()
    signal.signal(signal.SIGUSR1, lambda *_: no_more.set())

    def stop(*_: object) -> None:
        no_more.set()
        end.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever started us
    return no_more, end


class Receipts:
    """Tells the oracle of each receipt once."""

    def __init__(self, oracle: int, dev: str) -> None:
        self._oracle = oracle
        self._dev = dev
        self._said: dict[str, int] = {}
        self.link: Link | None = None

    def look(self) -> None:
        assert self.link is not None
        depth, acked = self.link.ask(lambda handheld: (handheld.waiting_count, _acked(handheld)))
        for ep, upto in acked.items():
            if upto > self._said.get(ep, 0):
                self._said[ep] = upto
                say(self._oracle, "receipt", self._dev, ep, upto, depth)


def _acked(handheld: Handheld) -> dict[str, int]:
    return {epoch.ep: epoch.acked for epoch in handheld.journal.epochs}


def work(orders: Orders, start: int) -> None:
    no_more, end = evening()
    oracle = pipe(Path(orders.oracle))
    chance = Random(f"{orders.seed}/{orders.dev}/{start}")
    disk = FileDisk(orders.journal)
    journal = Journal(disk, new_epoch=lambda: secrets.token_hex(16))
    handheld = Handheld(journal, SystemClock(journal.boot), chance, key=bytes.fromhex(orders.key))
    receipts = Receipts(oracle, orders.dev)
    link = receipts.link = Link(
        handheld, Address(orders.site, orders.dev), orders.url, orders.dev, orders.password, on_change=receipts.look
    )
    link.start()
    pull = 0
    while not no_more.wait(chance.expovariate(orders.rate)):
        pull += 1
        code = f"{orders.dev}/{start}/{pull}"
        say(oracle, "pull", orders.dev, code)
        try:
            recorded = link.record(code, "code128", chance.choice(KINDS), at="s1")
        except NotRecordedError:
            say(oracle, "refused", orders.dev, code)
        else:
            say(oracle, "beep", orders.dev, code, recorded.ep, recorded.q)
    end.wait()
    link.stop()
    disk.close()
    os.close(oracle)


if __name__ == "__main__":
    die_with_parent()
    work(*orders_of(sys.argv[1:]))
