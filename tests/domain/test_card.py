"""What a number alone shows: enough to see where a piece is, never where somebody lives or who is behind a scan."""

import dataclasses
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.laws import stories, trade
from tests.world import (
    ADAS_BAG,
    ADAS_PARCEL,
    AMS,
    AMS_ST,
    FACILITIES,
    FRA,
    LH860,
    LH991,
    OSL,
    OSL_ST,
    RT100,
    RT700,
    Story,
    at,
)
from tracker.domain.card import (
    BAG_MILESTONES,
    LOCAL_DELIVERY,
    PARCEL_MILESTONES,
    CardEntry,
    CardLeg,
    Milestone,
    MilestoneStep,
    PieceCard,
    ToldNotice,
    public,
    recipients,
)
from tracker.domain.expectation import next_expected
from tracker.domain.handling import Kind
from tracker.domain.network import Facility, FacilityKind
from tracker.domain.rules import IrregularityKind
from tracker.domain.shipment import PieceKind

OSLO = ZoneInfo("Europe/Oslo")
STAFF_ONLY = ("dev:", "h-osl", "9f3c", "AKE12345LH", "van-7", "door", "customs papers", "OSL-ST", "Majorstuen", "S3")


def card_of(story: Story, when: str = "23:00", *, day: int = 1) -> PieceCard:
    """Everything staff may see of a story."""
    situation, judged = story.situation(when, day=day), story.judged(when, day=day)
    delivered = judged.progress.delivered
    out = judged.progress.reached(Kind.OUT_FOR_DELIVERY)
    reached = {
        Milestone.BOOKED: story.piece.booked_at,
        Milestone.OUT_FOR_DELIVERY: out.first_at if out else None,
        Milestone.DELIVERED: delivered.first_at if delivered else None,
    }
    order = BAG_MILESTONES if story.piece.kind is PieceKind.BAG else PARCEL_MILESTONES
    return PieceCard(
        number=story.piece.number,
        journey=1,
        kind=story.piece.kind,
        origin=FACILITIES[story.piece.origin],
        destination=FACILITIES[story.piece.destination],
        booked_at=story.piece.booked_at,
        due_by=story.piece.promise.due_by,
        state=judged.progress.state,
        held=judged.progress.held,
        damaged=judged.progress.damaged,
        facility=FACILITIES.get(judged.progress.facility or ""),
        aboard=judged.progress.aboard,
        milestones=tuple(MilestoneStep(step, reached.get(step)) for step in order),
        entries=tuple(
            CardEntry(
                kind=line.event.kind,
                facility=FACILITIES[line.event.facility],
                happened_at=line.event.happened_at,
                recorded_at=line.event.recorded_at,
                event_key=line.event.event_key,
                sort_point="S3",
                into=line.event.into,
                reason=line.event.reason,
                withdrawn=line.withdrawn_by is not None,
            )
            for line in story.timeline.entries
        ),
        irregularities=judged.irregularities,
        eta=judged.eta,
        next_expected=next_expected(situation),
        legs=tuple(
            CardLeg(
                situation.departures[leg.departure],
                FACILITIES[leg.origin],
                FACILITIES[leg.destination],
                missed=False,
                ridden=situation.rode(leg.departure),
            )
            for leg in situation.itinerary.legs
        ),
        notices=(ToldNotice("delivered", "delivered:customs papers", at("12:00"), "accepted"),),
        facilities=dict(FACILITIES),
        seen_by=at(when, day=day),
        position=7,
    )


def values(thing: Any) -> Iterator[Any]:
    """Every value in a card, however deep, keys of mappings included."""
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        for field in dataclasses.fields(thing):
            yield from values(getattr(thing, field.name))
    elif isinstance(thing, dict):
        for key, value in thing.items():
            yield from values(key)
            yield from values(value)
    elif isinstance(thing, tuple | list) and not isinstance(thing, str):
        for each in thing:
            yield from values(each)
    else:
        yield thing


def texts(card: PieceCard) -> set[str]:
    return {value.value if isinstance(value, Enum) else value for value in values(card) if isinstance(value, str)}


def instants(card: PieceCard) -> set[datetime]:
    found = {value for value in values(card) if isinstance(value, datetime)}
    for text in texts(card):
        if text[:4].isdigit() and "T" in text:
            found.add(datetime.fromisoformat(text))
    return found


DELIVERED = (
    Story(ADAS_PARCEL)
    .scan(Kind.ACCEPT, AMS_ST, "05:17")
    .loads(RT100, "06:13")
    .scan(Kind.PACK, AMS, "08:03", into="AKE12345LH")
    .loads(LH991, "08:41")
    .scan(Kind.HOLD, FRA, "10:37", reason="customs papers")
    .scan(Kind.RELEASE, FRA, "10:43")
    .loads(LH860, "10:47")
    .scan(Kind.UNLOAD, OSL, "13:19")
    .loads(RT700, "13:51")
    .scan(Kind.ARRIVE, OSL_ST, "15:07")
    .scan(Kind.HOLD, OSL_ST, "15:13", reason="customs papers")
    .scan(Kind.RELEASE, OSL_ST, "15:17")
    .scan(Kind.OUT_FOR_DELIVERY, OSL_ST, "15:23", into="van-7")
    .scan(Kind.ATTEMPT, OSL_ST, "16:29", reason="nobody at the door")
    .scan(Kind.OUT_FOR_DELIVERY, OSL_ST, "08:11", day=1)
    .scan(Kind.DELIVER, OSL_ST, "10:53", day=1)
)


def assert_nothing_finer(card: PieceCard, story: Story) -> None:
    shown = public(card)
    for text in texts(shown):
        for secret in STAFF_ONLY:
            assert secret not in text, f"{secret} in {text}"
    assert shown.notices == ()
    assert all(entry.event_key is None and entry.sort_point is None and entry.reason is None for entry in shown.entries)
    last_mile = {
        moment
        for event in story.events
        if event.facility == OSL_ST.code or event.kind in (Kind.OUT_FOR_DELIVERY, Kind.ATTEMPT, Kind.DELIVER)
        for moment in (event.happened_at, event.recorded_at)
        if moment.minute % 30
    }
    elsewhere = {e.happened_at for e in story.events if e.facility != OSL_ST.code}
    assert not (instants(shown) & last_mile) - elsewhere


def test_of_a_delivered_parcel_nothing_finer_than_allowed_is_shown() -> None:
    assert_nothing_finer(card_of(DELIVERED), DELIVERED)


@pytest.mark.parametrize("told", range(len(DELIVERED.events) + 1))
def test_nor_at_any_moment_before(told: int) -> None:
    story = replace(DELIVERED, events=DELIVERED.events[:told])
    assert_nothing_finer(card_of(story), story)


@given(stories())
@trade
def test_nor_in_any_other_story(events: tuple[Any, ...]) -> None:
    odd = tuple(replace(e, happened_at=e.happened_at + timedelta(minutes=7, seconds=13), reason="door") for e in events)
    odd = tuple(replace(e, recorded_at=e.happened_at + timedelta(seconds=1)) for e in odd)
    story = Story(ADAS_PARCEL, events=odd).left(LH991, "09:00").left(LH860, "11:00")
    shown = public(card_of(story))
    for text in texts(shown):
        assert not any(secret in text for secret in STAFF_ONLY)
    handed_over = {e.happened_at for e in odd if e.kind == Kind.DELIVER}
    handed_over -= {e.happened_at for e in odd if e.kind != Kind.DELIVER}
    assert not instants(shown) & handed_over


HOUSE_ONLY = ("dev:", "h-osl", "9f3c", "AKE12345LH", "van-7", "S3")


@given(stories(), st.booleans())
@trade
def test_its_recipient_sees_places_and_minutes_but_nothing_of_the_house(events: tuple[Any, ...], bag: bool) -> None:
    card = card_of(Story(ADAS_BAG if bag else ADAS_PARCEL, events=events))
    seen = recipients(card)
    assert not [text for text in texts(seen) if any(secret in text for secret in HOUSE_ONLY)]
    assert all(entry.event_key is None and entry.reason is None for entry in seen.entries)
    assert [entry.happened_at for entry in seen.entries] == [entry.happened_at for entry in card.entries]
    assert (seen.notices, seen.inside) == ((), ())
    assert recipients(seen) == seen
    assert public(seen) == public(card)  # and whoever sees less sees what they always see


@given(stories(), st.booleans())
@trade
def test_what_is_public_already_stays_as_it_is(events: tuple[Any, ...], bag: bool) -> None:
    shown = public(card_of(Story(ADAS_BAG if bag else ADAS_PARCEL, events=events)))
    assert public(shown) == shown


@given(stories())
@trade
def test_every_place_named_on_a_public_card_is_described_on_it(events: tuple[Any, ...]) -> None:
    shown = public(card_of(Story(ADAS_PARCEL, events=events).left(LH991, "09:00").left(LH860, "11:00")))
    named = {shown.origin.code, shown.destination.code, *(entry.facility.code for entry in shown.entries)}
    named |= {code for leg in shown.legs for code in (leg.departure.origin, leg.departure.destination)}
    whys = [i.why for i in shown.irregularities] + ([shown.eta.why] if shown.eta else [])
    named |= {why.values["facility"] for why in whys if "facility" in why.values}
    assert named <= set(shown.facilities)


def test_the_delivery_is_a_part_of_a_day() -> None:
    shown = public(card_of(DELIVERED))
    delivered = shown.entries[-1]
    assert delivered.day_only
    assert delivered.happened_at.astimezone(OSLO).isoformat() == "2026-11-22T06:00:00+01:00"
    assert delivered.recorded_at == delivered.happened_at
    assert shown.milestones[-1].reached_at == delivered.happened_at


def test_the_last_station_is_local_delivery_in_its_country() -> None:
    shown = public(card_of(DELIVERED))
    assert (shown.destination.code, shown.destination.country) == (LOCAL_DELIVERY, "NO")
    assert (shown.destination.names, shown.destination.lat, shown.destination.lon) == ({}, None, None)
    assert shown.legs[-1].departure.destination == LOCAL_DELIVERY


def test_hubs_are_shown_by_city_and_minute() -> None:
    shown = public(card_of(DELIVERED))
    hub = next(entry for entry in shown.entries if entry.kind == Kind.RELEASE)
    assert (hub.facility.name("en"), hub.happened_at) == ("Frankfurt", at("10:43"))
    assert (hub.facility.lat, hub.facility.lon) == (50.0, 8.6)


def test_that_a_piece_is_held_is_shown_but_not_why() -> None:
    held = replace(DELIVERED, events=DELIVERED.events[:5])
    shown = public(card_of(held))
    assert shown.held == "held"
    (found,) = (i for i in shown.irregularities if i.kind is IrregularityKind.HELD)
    assert (found.subject, found.evidence) == ("FRA", ())


def test_a_bag_is_shown_at_its_airport_to_the_minute() -> None:
    story = Story(ADAS_BAG).scan(Kind.UNLOAD, OSL, "13:19").scan(Kind.DELIVER, OSL, "13:37")
    shown = public(card_of(story))
    assert shown.destination.code == "OSL"
    assert shown.entries[-1].happened_at == at("13:37")


def test_a_parcel_handed_over_at_a_gateway_still_shows_a_part_of_the_day_only() -> None:
    story = Story(replace(ADAS_PARCEL, destination="OSL")).scan(Kind.OUT_FOR_DELIVERY, OSL, "13:19")
    assert public(card_of(story)).entries[-1].day_only


@pytest.mark.parametrize(
    "kind", [FacilityKind.STATION, FacilityKind.DEPOT, FacilityKind.PICKUP_POINT, FacilityKind.UNKNOWN]
)
def test_no_kind_of_last_place_is_named(kind: FacilityKind) -> None:
    last = replace(OSL_ST, kind=kind)
    card = card_of(DELIVERED)
    places = {**card.facilities, last.code: last}
    shown = public(replace(card, destination=last, facilities=places))
    assert shown.destination.code == LOCAL_DELIVERY


def test_another_station_it_strayed_to_is_not_named_either() -> None:
    other = Facility("OSL-GR", FacilityKind.STATION, "Europe/Oslo", "NO", names={"en": "Grünerløkka station"})
    card = card_of(DELIVERED)
    stray = replace(card.entries[0], facility=other)
    shown = public(replace(card, entries=(*card.entries, stray), facilities={**card.facilities, other.code: other}))
    assert not any("OSL-GR" in text or "Grünerløkka" in text for text in texts(shown))


def test_a_window_has_no_minute_to_read_into() -> None:
    out = replace(DELIVERED, events=DELIVERED.events[:-3])
    shown = public(card_of(out, "15:30", day=0))
    assert shown.eta is not None
    assert (shown.eta.earliest, shown.eta.latest) == (at("15:00"), at("19:30"))
    assert shown.eta.why.values["facility"] == LOCAL_DELIVERY
