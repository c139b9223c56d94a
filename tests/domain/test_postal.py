"""EMSEVT codes, in and out."""

import pytest

from tests.world import AMS, FRA, OSL, OSL_ST, Story
from tracker.domain.handling import Kind
from tracker.domain.network import Facility, FacilityKind
from tracker.domain.postal import EMSEVT, postal_code

OSLO_HUB = Facility("OSL-H", FacilityKind.HUB, "Europe/Oslo", "NO")
TRANSIT = Facility("CPH", FacilityKind.GATEWAY, "Europe/Copenhagen", "DK")
PLACES = {
    **dict.fromkeys(("EMA", "EMB", "EMC", "EXA", "EXB", "EXC", "EXD"), AMS),
    **dict.fromkeys(("EMJ", "EMK"), TRANSIT),
    **dict.fromkeys(("EMD", "EMF", "EDA", "EDB", "EME", "EDC"), OSL),
    **dict.fromkeys(("EDD", "EDE"), OSLO_HUB),
    **dict.fromkeys(("EMG", "EDF", "EDG", "EDH", "EMH", "EMI"), OSL_ST),
}


def code_of(kind, place, reason=None):
    [event] = Story().scan(kind, place, "12:00", reason=reason).events
    return postal_code(event, place, origin_country="NL", destination_country="NO")


@pytest.mark.parametrize("code", [code for code, event in EMSEVT.items() if event.kind is not None])
def test_what_is_read_is_written_again_where_it_happens(code):
    event = EMSEVT[code]
    assert code_of(event.kind, PLACES[code], event.reason or None) == code


def test_what_has_no_code_is_not_told():
    assert code_of(Kind.DAMAGE, OSL) is None
    assert code_of("polish", OSL) is None
    assert code_of(Kind.ARRIVE, FRA) is None  # a hub abroad is no office of exchange


def test_at_home_there_are_no_offices_of_exchange():
    [event] = Story().scan(Kind.ARRIVE, OSL, "12:00").events
    assert postal_code(event, OSL, origin_country="NO", destination_country="NO") == "EMG"
