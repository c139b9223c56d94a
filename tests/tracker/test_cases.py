"""The queue of the desk from a real log, and two agents at one case."""

from datetime import timedelta

import pytest

from tests.tracker.test_desk import ANN, BOB, at_denver, decide
from tests.tracker.test_project import DEPARTED, tell
from tests.tracker.world import ONWARD, World, at
from tracker.cases import LOOKS_FOR, Cases, CaseTakenError, Name, Wanted
from tracker.domain.cases import UNTOUCHED, Ending, View, Worked
from tracker.domain.decisions import Hold, Release
from tracker.domain.errors import DecisionError, NotAllowedError
from tracker.domain.handling import Kind
from tracker.domain.rules import IrregularityKind
from tracker.domain.staff import Role, Staff

MISSED = IrregularityKind.MISSED_CONNECTION


def desk(world: World) -> Cases:
    return Cases(world.store, world.clock, world.clock)


def missed_at_denver(world: World) -> Name:
    number = at_denver(world)
    tell(world, [DEPARTED[4], (number, Kind.SORT, "den", 9.0, {})])
    world.clock.instant = at(9)
    world.fold()
    return number, MISSED, ONWARD


def names(cases: Cases, view: View = View.ALL, **more: object) -> list[Name]:
    return [each.case.name for each in cases.queue(ANN, Wanted(view, **more)).cases]  # type: ignore[arg-type]


def worked(cases: Cases, name: Name) -> Worked:
    found = cases.file(name, BOB)
    assert found is not None
    return found.worked


def test_a_case_opens_and_closes_with_its_irregularity(world: World) -> None:
    cases = desk(world)
    name = missed_at_denver(world)
    assert names(cases) == [name]
    assert names(cases, kind=MISSED) == [name]
    assert names(cases, kind=IrregularityKind.LOST) == []
    tell(world, [(name[0], Kind.SORT, "bos", 13.0, {})])
    world.fold()
    assert names(cases) == []
    found = cases.file(name, ANN)
    assert found is not None
    assert not found.open
    assert cases.file(("LS000000000NL", MISSED, ONWARD), ANN) is None


def test_of_two_who_take_a_case_one_gets_it_and_the_other_sees_who(world: World) -> None:
    cases = desk(world)
    name = missed_at_denver(world)
    cases.take(name, by=ANN, seen=UNTOUCHED)
    with pytest.raises(CaseTakenError) as quicker:
        cases.take(name, by=BOB, seen=UNTOUCHED)
    assert quicker.value.now == Worked("ann")
    assert (names(cases, View.MINE), names(cases, View.UNASSIGNED)) == ([name], [])
    cases.take(name, by=ANN, seen=UNTOUCHED)  # pressed twice
    cases.take(name, by=BOB, seen=worked(cases, name))  # now Bob has seen that Ann has it
    assert worked(cases, name).owner == "bob"
    cases.leave(name, by=BOB, seen=worked(cases, name))
    assert names(cases, View.UNASSIGNED) == [name]


def test_a_closed_case_stays_closed_until_the_same_thing_happens_anew(world: World) -> None:
    number, cases = at_denver(world), desk(world)
    name = (number, IrregularityKind.HELD, "DEN")

    decide(world, Hold(number=number, reason="asked"), ANN)
    assert names(cases) == [name]
    world.clock.instant += timedelta(minutes=1)
    cases.end(name, Ending.SOLVED, by=ANN, seen=UNTOUCHED)
    assert names(cases) == []
    assert worked(cases, name).ending is Ending.SOLVED
    decide(world, Release(number=number, reason="asked"), ANN)
    world.clock.instant += timedelta(minutes=1)
    decide(world, Hold(number=number, reason="asked again"), ANN)
    assert names(cases) == [name]
    cases.end(name, Ending.TOLD, by=ANN, seen=worked(cases, name))
    cases.reopen(name, by=BOB, seen=worked(cases, name))
    assert names(cases) == [name]


def test_who_looks_is_seen_for_a_minute(world: World) -> None:
    cases = desk(world)
    name = missed_at_denver(world)
    assert cases.file(name, ANN) is not None
    assert cases.still_looking(name, BOB) == {"ann"}
    found = cases.file(name, ANN)
    assert found is not None
    assert found.looking == {"bob"}
    world.clock.instant += LOOKS_FOR + timedelta(seconds=1)
    assert cases.still_looking(name, BOB) == set()


def test_a_note_is_kept_once_and_an_empty_one_never(world: World) -> None:
    cases = desk(world)
    name = missed_at_denver(world)
    for _ in range(2):
        cases.note(name, " called back ", by=ANN, key="k1")
    found = cases.file(name, ANN)
    assert found is not None
    assert [(note.user, note.text) for note in found.notes] == [("ann", "called back")]
    with pytest.raises(DecisionError):
        cases.note(name, "  ", by=ANN, key="k2")
    with pytest.raises(NotAllowedError):
        cases.take(name, by=Staff("carl", Role.COURIER), seen=UNTOUCHED)


def test_all_cases_beneath_an_incident_are_taken_at_once_but_those_somebody_has(world: World) -> None:
    cases = desk(world)
    name = missed_at_denver(world)
    other = (name[0], IrregularityKind.LATE, "2026-11-22")
    assert cases.take_all([name, other], by=ANN) == 1
    assert cases.take_all([name], by=BOB) == 0
