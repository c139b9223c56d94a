"""Postal events: the codes of the Universal Postal Union's EMSEVT, version 3, read and written.

The codes and their meaning as two public lists agree on them; the standard itself is sold.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tracker.domain.handling import HandlingEvent, Kind
from tracker.domain.network import Facility, FacilityKind


@dataclass(frozen=True, slots=True)
class PostalEvent:
    """What a code means here."""

    kind: Kind | None  # None: for staff to judge
    says: str
    reason: str = ""


_HELD = "customs"

EMSEVT: Mapping[str, PostalEvent] = {
    "EMA": PostalEvent(Kind.ACCEPT, "posted"),
    "EMB": PostalEvent(Kind.ARRIVE, "arrived at the outward office of exchange"),
    "EXA": PostalEvent(Kind.CUSTOMS_IN, "presented to export customs or security"),
    "EXB": PostalEvent(Kind.HOLD, "held by export customs or security", _HELD),
    "EXC": PostalEvent(Kind.CUSTOMS_OUT, "returned by export customs or security"),
    "EXD": PostalEvent(Kind.HOLD, "held at the outward office of exchange"),
    "EXX": PostalEvent(None, "export cancelled"),
    "EMC": PostalEvent(Kind.DEPART, "left the outward office of exchange"),
    "EMJ": PostalEvent(Kind.ARRIVE, "arrived at the transit office of exchange"),
    "EMK": PostalEvent(Kind.DEPART, "left the transit office of exchange"),
    "EMD": PostalEvent(Kind.ARRIVE, "arrived at the inward office of exchange"),
    "EDA": PostalEvent(Kind.HOLD, "held at the inward office of exchange"),
    "EDB": PostalEvent(Kind.CUSTOMS_IN, "presented to import customs"),
    "EME": PostalEvent(Kind.HOLD, "held by import customs", _HELD),
    "EDC": PostalEvent(Kind.CUSTOMS_OUT, "returned by import customs"),
    "EDX": PostalEvent(None, "import ended"),
    "EMF": PostalEvent(Kind.DEPART, "left the inward office of exchange"),
    "EDD": PostalEvent(Kind.SORT, "in at a sorting centre"),
    "EDE": PostalEvent(Kind.DEPART, "out of a sorting centre"),
    "EMG": PostalEvent(Kind.ARRIVE, "arrived at the delivery office"),
    "EDF": PostalEvent(Kind.HOLD, "held at the depot"),
    "EDG": PostalEvent(Kind.OUT_FOR_DELIVERY, "out for delivery"),
    "EDH": PostalEvent(Kind.READY_FOR_PICKUP, "at the collection point"),
    "EMH": PostalEvent(Kind.ATTEMPT, "not delivered"),
    "EMI": PostalEvent(Kind.DELIVER, "delivered"),
}

_ANYWHERE = {code.kind: name for name, code in EMSEVT.items() if name in ("EMA", "EDG", "EDH", "EMH", "EMI")}
_OUTWARD = {Kind.ARRIVE: "EMB", Kind.DEPART: "EMC", Kind.CUSTOMS_IN: "EXA", Kind.CUSTOMS_OUT: "EXC", Kind.HOLD: "EXD"}
_TRANSIT = {Kind.ARRIVE: "EMJ", Kind.DEPART: "EMK"}
_INWARD = {Kind.ARRIVE: "EMD", Kind.DEPART: "EMF", Kind.CUSTOMS_IN: "EDB", Kind.CUSTOMS_OUT: "EDC", Kind.HOLD: "EDA"}
_SORTING = {Kind.ARRIVE: "EDD", Kind.SORT: "EDD", Kind.DEPART: "EDE", Kind.HOLD: "EDF"}
_DELIVERY = {Kind.ARRIVE: "EMG", Kind.HOLD: "EDF"}

_OFFICES_OF_EXCHANGE = frozenset({FacilityKind.GATEWAY, FacilityKind.CUSTOMS})


def postal_code(event: HandlingEvent, place: Facility, *, origin_country: str, destination_country: str) -> str | None:
    """The code that tells this event to another post; None where EMSEVT has none for it.

    A gateway or customs house is an office of exchange: outward in the country of origin, inward in that of
    destination, transit elsewhere. At a hub mail is sorted; a station is where it is delivered from.
    """
    try:
        kind = Kind(event.kind)
    except ValueError:
        return None
    if kind in _ANYWHERE:
        return _ANYWHERE[kind]
    outward, inward = place.country == origin_country, place.country == destination_country
    by_customs = kind == Kind.HOLD and event.reason == _HELD
    if place.kind in _OFFICES_OF_EXCHANGE and origin_country != destination_country:
        if outward:
            return "EXB" if by_customs else _OUTWARD.get(kind)
        if inward:
            return "EME" if by_customs else _INWARD.get(kind)
        return _TRANSIT.get(kind)
    if not inward:
        return None
    return (_SORTING if place.kind == FacilityKind.HUB else _DELIVERY).get(kind)
