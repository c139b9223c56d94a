"""Planted faults, to show that the simulation finds faults: `python -m tests.mutants` hunts them, the suite replays.

Importing this plants nothing.
"""

from tests.mutants import in_devices, in_notify, in_the_tracker
from tests.mutants.planting import MUTANTS, Mutant

__all__ = ["MUTANTS", "Mutant", "in_devices", "in_notify", "in_the_tracker"]
