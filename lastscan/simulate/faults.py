"""What may go wrong, and how often: one seed switches on some of it."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any


def _fault(least: float, most: float, why: str) -> Any:
    """A fault that a swarm draws between these rates; 0 is off."""
    from dataclasses import field

    return field(default=0.0, metadata={"between": (least, most), "why": why})


@dataclass(frozen=True, slots=True)
class Faults:
    """Rates: of each message, write, commit or sending where it says so, else how many a minute."""

    # the network
    drop: float = _fault(0.02, 0.5, "of messages: gone")
    repeat: float = _fault(0.02, 0.5, "of messages: delivered twice")
    delay: float = _fault(0.02, 0.5, "of messages: up to 20 s late, so that others overtake")
    cut: float = _fault(0.5, 4, "a device loses its connection for up to 20 s")
    half_open: float = _fault(0.5, 4, "one direction of a connection dies and nobody is told")
    # the broker
    forget: float = _fault(0.3, 3, "it starts again knowing nothing")
    full_queue: float = _fault(1, 1, "it keeps three messages for whoever is away, and drops the oldest or the newest")
    # a device
    kill: float = _fault(0.005, 0.1, "of disk calls: the program dies there")
    power_cut: float = _fault(0.3, 4, "the battery falls out, in the middle of a write or between two")
    flush_fails: float = _fault(0.02, 0.3, "of flushes")
    write_fails: float = _fault(0.02, 0.2, "of appends and replacements")
    disk_full: float = _fault(1, 1, "the flash is too small for the day")
    rot: float = _fault(0.3, 2, "a bit of the last record turns over")
    factory_reset: float = _fault(0.2, 1, "a device forgets its journal")
    clone: float = _fault(0.2, 1, "a second device with the same name and flash")
    # the database
    refuse: float = _fault(0.02, 0.4, "of commits: nothing is kept")
    unknown: float = _fault(0.02, 0.4, "of commits: kept, and an error all the same")
    restore: float = _fault(0.2, 1, "an older backup takes its place")
    rebuild: float = _fault(0.2, 1, "staff folds the log again")
    # processes
    tracker_dies: float = _fault(0.01, 0.2, "of commits: the tracker is killed before or after one")
    notify_dies: float = _fault(0.01, 0.2, "of commits and sendings: the notifier is killed there")
    pause: float = _fault(0.02, 0.3, "of commits and sendings: stopped for up to 30 s, or longer than a lease")
    two_trackers: float = _fault(1, 1, "both hear everything")
    two_notifiers: float = _fault(1, 1, "both look for what is due")
    # the provider
    refuse_later: float = _fault(0.05, 0.4, "of sendings: try again")
    refuse_ever: float = _fault(0.02, 0.2, "of sendings: never")
    no_answer: float = _fault(0.05, 0.5, "of sendings: taken or not, and then silence")
    forgetful: float = _fault(1, 1, "the provider takes a message as often as it is handed over")
    # clocks
    jump: float = _fault(0.3, 3, "a clock is set up to 24 h wrong: a device's, or ours")
    drift: float = _fault(1, 1, "the devices' crystals run up to 200 ppm wrong")
    # people
    twice: float = _fault(0.05, 0.3, "of scans: made again")
    withdraw: float = _fault(0.05, 0.3, "of scans: withdrawn")
    astray: float = _fault(0.05, 0.3, "of scans: made at another site")
    late: float = _fault(0.05, 0.4, "of scans: half an hour late, when the departure is gone")
    leave: float = _fault(0.3, 2, "a reader opts out, or comes back")
    # strangers
    forge: float = _fault(1, 6, "a scan without the device's key, or bytes that mean nothing")
    misfit: float = _fault(0.5, 3, "another maker's device sends a batch with something that is no record in it")

    @property
    def on(self) -> list[str]:
        return [one.name for one in fields(self) if getattr(self, one.name)]

    def only(self, names: Iterable[str]) -> "Faults":
        """The same without all others."""
        kept = set(names)
        return replace(self, **{name: 0.0 for name in self.on if name not in kept})


NAMES = tuple(one.name for one in fields(Faults))


def swarm(chance: random.Random) -> Faults:
    """A few faults or many: with everything on, one hides what another would show."""
    share = chance.choice((0.1, 0.25, 0.5))
    rates = {}
    for one in fields(Faults):
        least, most = one.metadata["between"]
        strikes, where = chance.random() < share, chance.random()
        if strikes:
            rates[one.name] = least * (most / least) ** where
    return Faults(**rates)
