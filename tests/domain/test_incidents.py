"""One incident instead of many alarms: what shares a root, when a place is silent, and that each stands once."""

import random
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.domain.laws import trade
from tests.world import FACILITIES, FRA, LH860, LH862, LH991, OSL, at
from tracker.domain.incidents import HOUR, Heard, Incident, IncidentKind, Trouble, incidents
from tracker.domain.network import Closure
from tracker.domain.rules import Irregularity, IrregularityKind
from tracker.domain.why import because

K = IrregularityKind
USUAL = Heard(at("10:00"), {at("10:00") - HOUR * back: 60 for back in range(1, 30)})  # a scan a minute


def trouble(number: str, kind: K, subject: str, **named: str) -> Trouble:
    return Trouble(number, Irregularity(kind, subject, at("10:00"), because("So it is.", dict(named))))


def found(*troubles: Trouble, when: str = "10:10", **more: object) -> list[tuple[IncidentKind, str, tuple[str, ...]]]:
    known = {"departures": {LH991.name: LH991}, "facilities": FACILITIES, "heard": {}, "due": {}, **more}
    return [(i.kind, i.root, i.pieces) for i in incidents(troubles, now=at(when), **known)]  # type: ignore[arg-type]


def cancelled(number: str) -> Trouble:
    return trouble(number, K.LEG_CANCELLED, LH860.name)


def missed(number: str, outbound: str = LH860.name) -> Trouble:
    return trouble(number, K.MISSED_CONNECTION, outbound, inbound=LH991.name)


def silent(number: str, place: str = "FRA") -> Trouble:
    return trouble(number, K.SILENT, LH991.name, facility=place)


def test_a_cancelled_departure_is_an_incident_at_once_with_its_pieces_beneath() -> None:
    assert found(cancelled("b"), cancelled("a")) == [(IncidentKind.CANCELLED, LH860.name, ("a", "b"))]


def test_a_late_inbound_is_the_root_of_what_it_breaks_whatever_goes_on_from_there() -> None:
    assert found(missed("a"), missed("b", LH862.name)) == [(IncidentKind.LATE, LH991.name, ("a", "b"))]
    assert found(missed("a")) == []  # one piece is its own matter
    diverted = {LH991.name: replace(LH991, diverted_to="CPH")}
    assert found(missed("a"), departures=diverted) == [(IncidentKind.DIVERTED, LH991.name, ("a",))]


def test_what_was_simply_left_behind_hangs_on_the_departure_that_left() -> None:
    behind = [trouble(number, K.MISSED_CONNECTION, LH860.name) for number in "ab"]
    assert found(*behind) == [(IncidentKind.LEFT_WITHOUT, LH860.name, ("a", "b"))]


def test_a_hub_is_silent_after_five_times_its_usual_gap_while_pieces_are_due_until_it_speaks() -> None:
    hub = {"heard": {"FRA": USUAL}, "due": {"FRA": at("10:02")}}
    assert found(silent("a"), when="10:05", **hub) == []
    assert found(silent("a"), silent("b", "OSL"), when="10:06", **hub) == [(IncidentKind.SILENT_HUB, "FRA", ("a",))]
    assert found(silent("a"), when="10:06", heard=hub["heard"], due={"FRA": at("09:58")}) == []
    spoke = {"FRA": replace(USUAL, last_at=at("10:05"))}
    assert found(silent("a"), when="10:06", heard=spoke, due=hub["due"]) == []


def test_a_place_heard_of_too_seldom_is_never_called_silent() -> None:
    seldom = {"FRA": Heard(at("04:00"), {at("04:00") - HOUR: 11})}
    assert found(silent("a"), heard=seldom, due={"FRA": at("10:00")}) == []


def test_what_is_usual_at_this_hour_counts_before_the_rest_of_the_day() -> None:
    nights = {at("02:00") - timedelta(days=day): 6 for day in (1, 2, 3)}
    heard = Heard(at("01:00"), {**nights, **{at("20:00") - HOUR * back: 600 for back in range(24, 30)}})
    assert heard.usual_gap(at("02:30")) == timedelta(minutes=10)


def test_a_closed_place_is_no_silent_one() -> None:
    closed = replace(FRA, closures=(Closure(at("09:00"), at("12:00"), at("08:00")),))
    hub = {"heard": {"FRA": USUAL}, "due": {"FRA": at("10:02")}, "facilities": {**FACILITIES, "FRA": closed}}
    assert found(silent("a"), when="10:30", **hub) == [(IncidentKind.CLOSED, "FRA", ("a",))]


@trade
@given(
    st.lists(
        st.builds(
            lambda number, make: make(number),
            st.sampled_from("abcdef"),
            st.sampled_from([cancelled, missed, silent, lambda n: trouble(n, K.LATE, OSL.code)]),
        )
    ),
    st.randoms(use_true_random=False),
)
def test_order_changes_nothing_and_each_stands_beneath_one_at_most(troubles: list[Trouble], rng: random.Random) -> None:
    def now(them: list[Trouble]) -> tuple[Incident, ...]:
        return incidents(
            them,
            departures={LH991.name: LH991},
            facilities=FACILITIES,
            heard={"FRA": USUAL},
            due={"FRA": at("10:02")},
            now=at("11:00"),
        )

    once = list(dict.fromkeys(troubles))
    beneath = [trouble for incident in now(once) for trouble in incident.troubles]
    assert len(beneath) == len(set(beneath))
    assert now(rng.sample(once, len(once))) == now(once)
    assert IncidentKind.SILENT_HUB in {incident.kind for incident in now(once)}
