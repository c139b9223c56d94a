"""Baggage messages: what airports and airlines tell each other about bags, without loss, in and out.

Forms as in IATA Recommended Practice 1745, whose text is sold: this rests on public samples and mappings of it.
"""

from tracker.domain.bags.elements import Flight, Processing, Reconciliation, Version
from tracker.domain.bags.meaning import BagFact, BagNews, FlightOn, meaning
from tracker.domain.bags.message import BagMessage, PartialMessages, parse
from tracker.domain.bags.telegram import BadBagMessageError, Element, Telegram, split
from tracker.domain.bags.write import written

__all__ = [
    "BadBagMessageError",
    "BagFact",
    "BagMessage",
    "BagNews",
    "Element",
    "Flight",
    "FlightOn",
    "PartialMessages",
    "Processing",
    "Reconciliation",
    "Telegram",
    "Version",
    "meaning",
    "parse",
    "split",
    "written",
]
