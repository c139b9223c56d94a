"""Facts of the log read as values of the domain, and a piece as it stood at any instant, from them alone."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

import msgspec

from tracker import transit
from tracker.containers import told
from tracker.domain.containment import Followed, follow
from tracker.domain.handling import MOVEMENT, Kind, said_by_desk
from tracker.domain.ids import MATCHING, identify
from tracker.domain.itinerary import Foreseen, Itinerary, Plan, Replan
from tracker.domain.movements import Known, Said, known, told_arrival
from tracker.domain.network import ClosureWord, Departure
from tracker.domain.situation import Situation
from tracker.domain.timeline import Timeline, progress, timeline
from tracker.store import Transaction
from tracker.store.bodies import Movement, PlannedLegs, SaidOfConnection, StaffDecided
from tracker.store.fact_log import KeptFact


def planned_legs(fact: KeptFact) -> PlannedLegs:
    return msgspec.json.decode(fact.body or "{}", type=PlannedLegs)


def replan_of(fact: KeptFact) -> Replan:
    planned, event = planned_legs(fact), fact.event
    legs, evidence = tuple(planned.legs), tuple(planned.evidence)
    return Replan(planned.missed, legs, event.happened_at, event.event_key, evidence, planned.left)


def foreseen_of(fact: KeptFact) -> tuple[int, Foreseen]:
    """Of which piece, and what."""
    said = msgspec.json.decode(fact.body or "{}", type=SaidOfConnection)
    at, key = fact.event.happened_at, fact.event.event_key
    return said.piece, Foreseen(said.inbound, said.outbound, said.chance, said.stands, said.warned, at, key)


def closure_word_of(fact: KeptFact) -> ClosureWord:
    """What a fact of kind `CLOSURE` decided about a place."""
    said = msgspec.json.decode(fact.body or "{}", type=StaffDecided)
    return ClosureWord(fact.event.happened_at, said.closed, said.reason)


def plan_of(booked: Itinerary, facts: Iterable[KeptFact], told: Timeline) -> Plan:
    """The plan by all facts of a piece: re-plans that rest on withdrawn scans alone have fallen away."""
    plan = Plan(booked)
    for fact in facts:
        if fact.event.kind == Kind.REPLAN and fact.body is not None:
            plan = plan.with_replan(replan_of(fact))
        elif fact.event.kind == Kind.ALERT and fact.body is not None:
            plan = plan.with_foreseen(foreseen_of(fact)[1])
    return plan.without({entry.event.event_key for entry in told.entries if entry.withdrawn_by is not None})


def known_of(departure: Departure, facts: Sequence[KeptFact]) -> Known:
    """What all facts of a departure say of it: its card's scans, those who run it, and the desk."""
    told = sorted((fact for fact in facts if _is_told(fact)), key=lambda fact: fact.event.order)
    seen = progress(timeline(fact.event for fact in facts if not _is_told(fact)))
    left = seen.seen(Kind.DEPART, departure.origin)
    landed = seen.seen(Kind.ARRIVE, departure.destination)
    updates = [(fact.event.happened_at, _said(fact)) for fact in told]
    found = known(
        updates,
        left_at=left.first_at if left else None,
        # A landing only known by when we heard of it may be hours old: taken at its word it would call pieces late.
        landed_at=landed.first_at if landed and not landed.estimated else None,
    )
    return replace(found, told_arrival=told_arrival(departure, updates, found))


def situation_at(tx: Transaction, piece: int, at: datetime) -> tuple[Situation, Timeline]:
    """A piece as it stood at an instant, by all that was recorded until then of it and of its departures.

    Timetable, facilities and what was learned of legs are taken as they are now: they are no facts of the log.
    """
    booked, legs = tx.booked.piece(piece)
    facts = _until(at, tx.log.of_pieces([piece])[piece])
    all_told = timeline(_followed(tx, facts, at).events)
    plan, reached = plan_of(Itinerary(legs), facts, all_told), progress(all_told)
    departures = departures_at(tx, plan.departures | reached.runs, at)
    learned = transit.in_force(tx)
    return Situation(booked, plan, reached, departures, tx.network.facilities(), at, learned), all_told


def departures_at(tx: Transaction, names: Collection[str], at: datetime) -> dict[str, Departure]:
    """These departures as they were known at an instant; without those that no timetable has."""
    about = tx.log.of_departures(names)
    return {
        name: known_of(departure, _until(at, about[name])).of(departure)
        for name, departure in tx.network.departures(names).items()
    }


def pieces_called(tx: Transaction, number: str) -> list[int]:
    """Every piece that any reading of this number may mean, by the likeliest first, then the newest."""
    names = dict.fromkeys(name for found in identify(number, context=MATCHING) for _, name in found.aliases)
    return tx.booked.numbered(list(names))


def _until(at: datetime, facts: Iterable[KeptFact]) -> list[KeptFact]:
    return [fact for fact in facts if fact.event.recorded_at <= at]


def _followed(tx: Transaction, facts: Sequence[KeptFact], at: datetime) -> Followed:
    own = [fact.event for fact in facts]
    around = {name: [event for event in each if event.recorded_at <= at] for name, each in told(tx, own).items()}
    return follow(own, around)


def _is_told(fact: KeptFact) -> bool:
    return fact.event.kind == MOVEMENT and fact.body is not None


def _said(fact: KeptFact) -> Said:
    said = msgspec.json.decode(fact.body or "", type=Movement).said
    if said_by_desk(fact.event.event_key):
        return said
    return {name: value for name, value in said.items() if name != "held_until"}
