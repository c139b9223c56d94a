"""Deterministic simulation: the shipped machines of device, tracker and notifier in a world that is all seed.

`play(Orders(seed))` is one day of a small carrier under faults drawn from the seed, and the minute after, in which all
must have come right. Only the rim is simulated: wires, flash, the database's commits, providers, clocks and people.
"""

from lastscan.simulate.faults import NAMES, Faults, swarm
from lastscan.simulate.oracle import BrokenError
from lastscan.simulate.runs import Report, Violation, mistakes_heard, shrink, simulate, simulate_on
from lastscan.simulate.world import Orders, Outcome, play

__all__ = [
    "NAMES",
    "BrokenError",
    "Faults",
    "Orders",
    "Outcome",
    "Report",
    "Violation",
    "mistakes_heard",
    "play",
    "shrink",
    "simulate",
    "simulate_on",
    "swarm",
]
