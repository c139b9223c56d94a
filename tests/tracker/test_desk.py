"""What staff decide: one fact each, by role, once; and a piece as it stood at any past instant."""

import hashlib
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tracker.test_project import DEPARTED, FEW, MISSED, card, missed, parcels_way, tell
from tests.tracker.world import (
    BAG_TAG,
    FEEDER,
    LATER,
    LATEST,
    ONWARD,
    World,
    at,
)
from tracker.audit import Audit
from tracker.desk import Desk
from tracker.domain.card import PieceCard, public
from tracker.domain.decisions import (
    MAY_DECIDE,
    Decision,
    DeclareFound,
    DeclareLost,
    Expedite,
    HeldFor,
    Hold,
    HoldDeparture,
    Readdress,
    Release,
    Reroute,
    Undo,
    Withdraw,
)
from tracker.domain.errors import DecisionError, NotAllowedError
from tracker.domain.handling import EventKey, Kind
from tracker.domain.rules import IrregularityKind
from tracker.domain.staff import Role, Staff
from tracker.project import rebuild

ANN = Staff("ann", Role.SUPPORT)
BOB = Staff("bob", Role.SUPERVISOR)
NORA = Staff("nora", Role.NETWORK_MANAGER)
WHY = "the sender called"


def decide(world: World, decision: Decision, by: Staff = BOB, key: str | None = None) -> EventKey:
    taken = Desk(world.store, world.clock).decide(
        decision, by=by, key=key or hashlib.sha256(repr(decision).encode()).hexdigest()
    )
    world.fold()
    world.clock.instant += timedelta(seconds=1)
    return taken.event_key


def legs(world: World, number: str) -> list[str]:
    return [leg.departure.name for leg in card(world, number).legs if not leg.missed]


def at_denver(world: World) -> str:
    """A parcel that waits in Denver for its flight to Boston."""
    number = world.with_network().books_parcel()
    tell(world, [*parcels_way(number)[:6], *DEPARTED[:4]])
    world.fold()
    return number


def test_a_held_piece_stands_until_it_is_released_and_the_timeline_names_the_role(world: World) -> None:
    number = at_denver(world)
    decide(world, Hold(number=number, reason=WHY, held_for=HeldFor.PAYMENT), ANN)
    held = card(world, number)
    assert (held.held, held.eta, held.facility and held.facility.code) == ("payment", None, "DEN")
    assert [i.kind for i in held.irregularities if i.open] == [IrregularityKind.HELD_FOR_PAYMENT]
    assert [(e.role, e.reason) for e in held.entries if e.kind == Kind.HOLD] == [(Role.SUPPORT, WHY)]
    assert [(e.role, e.reason, e.event_key) for e in public(held).entries if e.role] == [(Role.SUPPORT, None, None)]
    decide(world, Release(number=number, reason=WHY), ANN)
    assert card(world, number).held is None
    assert [i.open for i in card(world, number).irregularities] == [False]


def test_a_hold_by_the_desk_is_no_evidence_of_where_the_piece_is(world: World) -> None:
    number = at_denver(world)
    tell(world, DEPARTED[4:5])
    world.clock.instant = at(9)
    decide(world, Hold(number=number, reason=WHY))
    assert missed(world, number) == []


def test_a_piece_in_the_air_is_held_where_it_lands(world: World) -> None:
    number = world.with_network().books_parcel()
    tell(world, [*parcels_way(number)[:5], *DEPARTED[:3]])
    world.fold()
    decide(world, Hold(number=number, reason=WHY))
    tell(world, [*DEPARTED[3:4], *parcels_way(number)[5:6]])
    world.fold()
    assert card(world, number).held == "request"


def test_re_routing_takes_the_departures_named_and_what_was_given_up_is_not_missed(world: World) -> None:
    number = at_denver(world)
    decide(world, Reroute(number=number, reason=WHY, legs=(LATEST, "TR8/2026-11-22")), ANN)
    assert legs(world, number)[-2:] == [LATEST, "TR8/2026-11-22"]
    tell(world, [DEPARTED[4], (number, Kind.SORT, "den", 9.0, {})])
    world.fold()
    assert missed(world, number) == []
    with world.store.reading() as tx:
        assert [row[1] for row in tx.network.load_of(LATEST)] == [number]
        assert tx.network.load_of(ONWARD) == []
    assert rebuild(world.store, world.clock) == {}


def test_re_routing_finds_the_way_that_arrives_first(world: World) -> None:
    number = at_denver(world)
    decide(world, Reroute(number=number, reason=WHY, legs=(LATEST, "TR8/2026-11-22")), ANN)
    decide(world, Reroute(number=number, reason=WHY), NORA)
    assert legs(world, number)[-2:] == [ONWARD, "TR9/2026-11-22"]


def test_a_re_route_that_is_undone_leaves_the_way_and_the_room_as_they_were(world: World) -> None:
    number = at_denver(world)
    key = decide(world, Reroute(number=number, reason=WHY, legs=(LATEST, "TR8/2026-11-22")), ANN)
    decide(world, Undo(number=number, decided=key, reason=WHY), ANN)
    assert legs(world, number)[-2:] == [ONWARD, "TR9/2026-11-22"]
    with world.store.reading() as tx:
        assert tx.network.load_of(LATEST) == []
        assert [row[1] for row in tx.network.load_of(ONWARD)] == [number]
    assert rebuild(world.store, world.clock) == {}


def test_only_who_decided_undoes_it_once_and_for_ten_seconds(world: World) -> None:
    number = at_denver(world)
    key = decide(world, Expedite(number=number, reason=WHY), ANN)
    for decided, by, says in (
        (key, BOB, "no decision of yours"),
        (EventKey("desk:ann", "none"), ANN, "no decision of yours"),
    ):
        with pytest.raises(DecisionError, match=says):
            decide(world, Undo(number=number, decided=decided, reason=WHY), by)
    decide(world, Undo(number=number, decided=key, reason=WHY), ANN)
    with pytest.raises(DecisionError, match="undone already"):
        decide(world, Undo(number=number, decided=key, reason=WHY), ANN, key="again")
    late = decide(world, Hold(number=number, reason=WHY), ANN)
    world.clock.instant += timedelta(seconds=10)
    with pytest.raises(DecisionError, match="within 10 seconds"):
        decide(world, Undo(number=number, decided=late, reason=WHY), ANN)


@pytest.mark.parametrize(
    ("chosen", "says"),
    [
        (("AS99/2026-11-21",), "no departure"),
        ((FEEDER,), "left at"),
        ((ONWARD,), "must lead from DEN to BOS-ST"),
        (("TR9/2026-11-22",), "must lead from DEN"),
        ((ONWARD, "TR9/2026-11-22"), "planned on already"),
    ],
)
def test_a_way_that_cannot_be_is_refused_and_says_why(world: World, chosen: tuple[str, ...], says: str) -> None:
    number = at_denver(world)
    with pytest.raises(DecisionError, match=says):
        decide(world, Reroute(number=number, reason=WHY, legs=chosen))
    assert legs(world, number)[-2:] == [ONWARD, "TR9/2026-11-22"]


def test_who_is_expedited_gets_the_room_and_stands_first_on_the_load_list(world: World) -> None:
    world.with_network()
    first, second = world.books_bag(), world.books_bag("0220123457")
    decide(world, Expedite(number=second, reason="a violin for tonight", rank=2), ANN)
    assert [(p.number, p.rank) for p in world.queries.load_list(ONWARD).pieces] == [(second, 2), (first, 0)]  # type: ignore[union-attr]
    late = [(bag, Kind.UNLOAD, "den", 8.5, {}) for bag in (first, second)]
    tell(world, [*((bag, Kind.LOAD, "sea", 3.5, {"into": FEEDER}) for bag in (first, second)), *DEPARTED[2:5], *late])
    world.fold()
    assert legs(world, second)[-1] == LATER  # which takes one only
    assert legs(world, first)[-1] == LATEST
    assert [e.reason for e in card(world, second).entries if e.role] == ["a violin for tonight"]
    assert [e.kind for e in public(card(world, second)).entries if e.role] == []


def test_a_full_departure_takes_who_was_expedited(world: World) -> None:
    number = at_denver(world)
    world.books_bag()
    with world.store.writing() as tx:
        tx.timelines.keep_rides({2: {LATER: True}})
    wish = Reroute(number=number, reason=WHY, legs=(LATER, "TR9/2026-11-22"))
    with pytest.raises(DecisionError, match="is full"):
        decide(world, wish)
    decide(world, Expedite(number=number, reason=WHY))
    decide(world, wish)
    assert LATER in legs(world, number)


def test_an_address_is_corrected_in_its_own_table_and_the_log_knows_nothing_of_it(world: World) -> None:
    import sqlalchemy as sa

    from tracker.store.schema import facts, people

    number = at_denver(world)
    home = Readdress(number=number, reason=WHY, lines=("Ockham 1",), city="Ripley", postcode="GU23", country="GB")
    decide(world, home, ANN)
    with world.store.reading() as tx:
        addresses = tx.connection.execute(sa.select(people.c.address)).scalars().all()
        logged = str(tx.connection.execute(sa.select(facts.c.body, facts.c.reason, facts.c.key)).all())
    assert any("Ockham 1" in (address or "") for address in addresses)
    assert "Ockham" not in logged
    assert [e.kind for e in card(world, number).entries if e.role] == [Kind.READDRESS]


def test_a_piece_is_lost_by_decision_and_found_by_another(world: World) -> None:
    number = at_denver(world)
    decide(world, DeclareLost(number=number, reason=WHY))
    assert [i.kind for i in card(world, number).irregularities if i.open] == [IrregularityKind.LOST]
    decide(world, DeclareFound(number=number, reason=WHY), ANN)
    assert [i.kind for i in card(world, number).irregularities if i.open] == []


def test_a_departure_that_is_held_leaves_later_whatever_a_feed_estimated(world: World) -> None:
    number = at_denver(world)
    before = card(world, number).eta
    decide(world, HoldDeparture(departure=ONWARD, minutes=25, reason="12 bags from AS10"), NORA)
    with world.store.reading() as tx:
        assert tx.network.departures([ONWARD])[ONWARD].leaves_at == at(8 + 25 / 60)
    assert before is not None
    assert rebuild(world.store, world.clock) == {}
    with pytest.raises(DecisionError, match="left at"):
        decide(world, HoldDeparture(departure=FEEDER, minutes=5, reason=WHY), NORA)


def test_the_desk_withdraws_any_scan_and_what_rests_on_it_falls_away(world: World) -> None:
    world.with_network().books_bag()
    tell(world, [*MISSED, *DEPARTED[2:5]])
    world.fold()
    assert missed(world) == [(ONWARD, True)]
    assert legs(world, BAG_TAG)[-1] == LATER
    scan = next(e.event_key for e in card(world, BAG_TAG).entries if e.kind == Kind.UNLOAD)
    assert scan is not None
    decide(world, Withdraw(number=BAG_TAG, scan=scan, reason="read at the wrong belt"))
    assert missed(world) == []
    assert legs(world, BAG_TAG)[-1] == ONWARD
    assert [e.withdrawn for e in card(world, BAG_TAG).entries if e.event_key == scan] == [True]
    with world.store.reading() as tx:
        assert tx.network.room([LATER]) == {LATER: 1}
    with pytest.raises(DecisionError, match="withdrawn already"):
        decide(world, Withdraw(number=BAG_TAG, scan=scan, reason=WHY))
    tell(world, [(BAG_TAG, Kind.SORT, "den", 9.5, {})])
    world.fold()
    assert missed(world) == [(ONWARD, True)]  # other evidence: another miss, another way
    assert legs(world, BAG_TAG)[-1] == LATER
    assert rebuild(world.store, world.clock) == {}


def test_a_wrong_card_scan_is_withdrawn_from_its_departure(world: World) -> None:
    world.with_network()
    tell(world, DEPARTED[2:3])
    world.fold()
    with world.store.reading() as tx:
        (fact,) = tx.log.of_departures([FEEDER])[FEEDER]
    decide(world, Withdraw(number=FEEDER, scan=fact.event.event_key, reason=WHY))
    with world.store.reading() as tx:
        assert tx.network.departures([FEEDER])[FEEDER].left_at is None


def test_a_decision_is_taken_once_under_its_key(world: World) -> None:
    number = at_denver(world)
    desk = Desk(world.store, world.clock)
    hold = Hold(number=number, reason=WHY)
    assert [desk.decide(hold, by=ANN, key="k").again for _ in range(3)] == [False, True, True]
    with pytest.raises(DecisionError, match="use a new key"):
        desk.decide(replace(hold, reason="other"), by=ANN, key="k")
    world.fold()
    assert len([e for e in card(world, number).entries if e.role]) == 1


SOME = "0220123456"
EACH: tuple[Decision, ...] = (
    Hold(number=SOME, reason=WHY),
    Release(number=SOME, reason=WHY),
    Reroute(number=SOME, reason=WHY),
    Expedite(number=SOME, reason=WHY),
    Readdress(number=SOME, reason=WHY, lines=("1",), city="x", postcode="", country="NL"),
    Withdraw(number=SOME, reason=WHY, scan=EventKey("dev:h", "e:1")),
    DeclareLost(number=SOME, reason=WHY),
    DeclareFound(number=SOME, reason=WHY),
    HoldDeparture(departure=ONWARD, reason=WHY, minutes=5),
)


@pytest.mark.parametrize("role", Role)
def test_each_role_decides_what_the_table_says_and_nothing_else(world: World, role: Role) -> None:
    desk = Desk(world.store, world.clock)
    for decision in EACH:
        with pytest.raises(DecisionError) as refused:
            desk.decide(decision, by=Staff("ann", role), key="k")
        assert isinstance(refused.value, NotAllowedError) is (type(decision) not in MAY_DECIDE[role])
    assert world.queries.backlog().facts == 0


@pytest.mark.parametrize("reason", ["", "  ", "x" * 301])
def test_nothing_is_decided_without_a_reason(world: World, reason: str) -> None:
    with pytest.raises(DecisionError, match="say why"):
        decide(world, Hold(number=at_denver(world), reason=reason))


@pytest.mark.parametrize("kind", [Kind.REPLAN, Kind.BOOK, Kind.EXPEDITE, Kind.READDRESS, Kind.LOST])
def test_what_only_the_desk_may_say_is_a_word_like_any_other_from_a_device(world: World, kind: Kind) -> None:
    number = at_denver(world)
    before = card(world, number)
    tell(world, [(number, kind, "den", 7.5, {})])
    world.fold()
    after = card(world, number)
    assert (after.state, after.held, legs(world, number)) == (before.state, before.held, [*legs(world, number)])
    assert [e for e in after.entries if e.role] == []
    assert [i for i in after.irregularities if i.open] == []


# --- laws ---


def told(world: World, number: str) -> tuple[object, ...]:
    """A piece as people see it, but for what was withdrawn and the withdrawals."""
    found = card(world, number)
    entries = [(e.kind, e.facility.code, e.happened_at) for e in found.entries if not e.withdrawn and e.role is None]
    shown = (found.state, found.held, found.damaged, found.facility, found.aboard, found.milestones)
    wrong = [(i.kind, i.subject, i.since, i.cleared_at) for i in found.irregularities]
    return (*shown, entries, wrong, found.eta, found.legs, found.next_expected)


@FEW
@given(data=st.data(), chance=st.randoms(use_true_random=False))
def test_a_withdrawn_scan_leaves_the_world_as_if_it_had_not_been(
    new_world: Callable[[], World], data: st.DataObject, chance: random.Random
) -> None:
    steps = sorted([*MISSED, (BAG_TAG, Kind.HOLD, "den", 8.7, {}), *DEPARTED[2:5]], key=lambda step: step[3])
    wrong = data.draw(st.sampled_from([step for step in steps if step[0] == BAG_TAG]))
    each = chance.random() < 0.5
    there, never = new_world().with_network(), new_world().with_network()
    for world, story in ((there, steps), (never, [step for step in steps if step != wrong])):
        world.books_bag()
        tell(world, story, fold_each=each)
        world.fold()
    scan = next(e.event_key for e in card(there, BAG_TAG).entries if e.kind == wrong[1])
    assert scan is not None
    there.clock.instant = never.clock.instant = at(10)
    decide(there, Withdraw(number=BAG_TAG, scan=scan, reason=WHY))
    never.fold()
    assert told(there, BAG_TAG) == told(never, BAG_TAG)
    assert rebuild(there.store, there.clock) == {}


def shown(found: PieceCard) -> PieceCard:
    return replace(found, notices=(), position=0)


@FEW
@given(rng=st.randoms(use_true_random=False))
def test_a_piece_as_of_an_instant_is_what_was_shown_then(new_world: Callable[[], World], rng: random.Random) -> None:
    world = new_world().with_network()
    world.books_bag()
    steps = [*MISSED, *DEPARTED[2:6], (BAG_TAG, Kind.LOAD, "den", 10.5, {"into": LATER})]
    decisions: list[tuple[float, Decision, Staff]] = [
        (5.0, Expedite(number=BAG_TAG, reason=WHY), ANN),
        (6.0, HoldDeparture(departure=ONWARD, minutes=20, reason=WHY), NORA),
        (9.0, Hold(number=BAG_TAG, reason=WHY), ANN),
        (9.5, Release(number=BAG_TAG, reason=WHY), ANN),
        (9.8, Reroute(number=BAG_TAG, reason=WHY, legs=(LATEST,)), ANN),
    ]
    heard = [(step[3] + rng.choice([0, 0, 0, 1.1, 3.0]), step) for step in steps]
    remembered = []
    for moment, what in sorted(
        [*heard, *((hour, (decision, by)) for hour, decision, by in decisions)], key=lambda each: each[0]
    ):
        world.clock.instant = max(world.clock.instant, at(moment))
        if len(what) == 2:
            decide(world, *what)
        else:
            tell(world, [what])
        world.fold()  # and the sweep, at the instant that is remembered
        remembered.append((world.clock.instant, shown(card(world, BAG_TAG))))
    for instant, then in remembered:
        later = [found for known, found in remembered if known == instant][-1]
        if then is later:
            assert world.queries.as_of(BAG_TAG, instant) is not None
            assert shown(world.queries.as_of(BAG_TAG, instant)) == then  # type: ignore[arg-type]
    assert world.queries.as_of(BAG_TAG, at(-1)) is None


def test_each_decision_is_a_row_of_the_audit_once(world: World) -> None:
    number = at_denver(world)
    for _ in range(2):
        decide(world, Hold(number=number, reason=WHY), ANN, key="k")
    with pytest.raises(NotAllowedError):
        decide(world, DeclareLost(number=number, reason=WHY), ANN, key="l")
    rows = Audit(world.store).newest()
    assert [(r["who"], r["role"], r["action"], r["object"], r["reason"]) for r in rows] == [
        ("ann", "support", "decided", f"Hold {number}", WHY)
    ]
