"""The demo: a network of real places, people who send parcels and check in bags, and handhelds that scan them.

`prepare` makes clock, network and devices before anything else starts; `run_once` plays one day to its end and
`run_forever` day after day; `report` says what became of it all, and `promises_held` what was broken.
"""

from lastscan.demo.conductor import prepare, run_forever, run_once
from lastscan.demo.report import promises_held, report

__all__ = ["prepare", "promises_held", "report", "run_forever", "run_once"]
