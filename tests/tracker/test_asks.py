"""What recipients ask for: kept once as a fact, answered at once or by staff, and nothing personal in the log."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.tracker.test_recipients import ADA, KEY
from tests.tracker.world import World, at, new_database
from tracker.asks import Asks, IncompleteAskError, Wanted
from tracker.desk import Desk
from tracker.domain.asks import Ask, Closed, Outcome, Word
from tracker.domain.decisions import Answer
from tracker.domain.errors import DecisionError, NotAllowedError
from tracker.domain.handling import Kind
from tracker.domain.staff import Role, Staff
from tracker.project import rebuild
from tracker.recipients import By, Grant, Recipients
from tracker.rounds import Rounds
from tracker.store.schema import facts, people

ANN = Staff("ann", Role.SUPPORT)
NEW = {"lines": ("Secret Lane 9",), "city": "Boston", "postcode": "02139", "country": "US"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(new_database(tmp_path / "lastscan.db")).with_network()
    yield world
    world.close()


@pytest.fixture
def asks(world: World) -> Asks:
    return Asks(world.store, world.clock)


@pytest.fixture
def ada(world: World) -> Grant:
    number = world.books(consignee=ADA).numbers[0]
    world.fold()
    recipients = Recipients(world.store, world.clock, key=KEY)
    with world.store.reading() as tx:
        person = tx.connection.execute(sa.select(people.c.pseudonym).where(people.c.name == ADA.name)).scalar_one()
    found = recipients.open(recipients.link(person, number) or "")
    assert found is not None
    return found.grant


def entries(world: World, grant: Grant) -> list[str]:
    world.fold()
    card = world.queries.card(grant.number)
    assert card is not None
    return [str(entry.word) for entry in card.entries if entry.word is not None]


def log_of(world: World) -> str:
    with world.store.reading() as tx:
        return repr(tx.connection.execute(sa.select(facts)).all())


def address(world: World) -> str:
    with world.store.reading() as tx:
        found = tx.connection.execute(sa.select(people.c.address).where(people.c.name == ADA.name)).scalar_one()
        return str(found)


def test_another_day_is_granted_at_once_and_the_window_moves(world: World, asks: Asks, ada: Grant) -> None:
    day = next(offer.days[1] for offer in asks.offers(ada) if offer.ask is Ask.OTHER_DAY)
    before = world.queries.last_update()
    assert asks.ask(ada, Wanted(Ask.OTHER_DAY, day), key="k1") == Word(Ask.OTHER_DAY, day, Outcome.GRANTED)
    assert entries(world, ada) == [f"other_day {day}", f"granted other_day {day}"]
    assert world.queries.last_update() > before
    card = world.queries.card(ada.number)
    assert card is not None
    assert card.eta is not None
    assert card.eta.earliest.date() == day
    assert [cause for cause, _ in world.owed() if cause.startswith("late")] == []
    standings = world.standings()
    rebuild(world.store, world.clock)
    assert world.standings() == standings


def test_the_same_ask_under_one_key_is_taken_once(world: World, asks: Asks, ada: Grant) -> None:
    wanted = Wanted(Ask.NEIGHBOUR, note="Grace, 2nd floor")
    assert asks.ask(ada, wanted, key="k1") == asks.ask(ada, wanted, key="k1")
    assert len(entries(world, ada)) == 2
    with pytest.raises(IncompleteAskError):
        asks.ask(ada, Wanted(Ask.NEIGHBOUR, note="Somebody else"), key="k1")


def test_what_is_written_beside_it_stays_out_of_the_log(world: World, asks: Asks, ada: Grant) -> None:
    asks.ask(ada, Wanted(Ask.NEIGHBOUR, note="Grace Hopper"), key="k1")
    asks.ask(ada, Wanted(Ask.REDIRECT, **NEW), key="k2")  # type: ignore[arg-type]
    for secret in ("Grace", "Secret Lane", "02139", "Ada"):
        assert secret not in log_of(world)


def test_a_correction_in_the_same_postcode_is_done_at_once_and_another_waits(
    world: World, asks: Asks, ada: Grant
) -> None:
    near = Wanted(Ask.ADDRESS, lines=("Pike Street 3",), city="Boston", postcode="1012ab", country="US")
    assert asks.ask(ada, near, key="k1").outcome is Outcome.GRANTED
    assert "Pike Street 3" in address(world)
    assert asks.ask(ada, Wanted(Ask.ADDRESS, **NEW), key="k2").outcome is None  # type: ignore[arg-type]
    assert "Secret" not in address(world)
    assert asks.ask(ada, Wanted(Ask.ADDRESS, **NEW), key="k3").because is Closed.ASKED  # type: ignore[arg-type]


@pytest.mark.parametrize("grant", [True, False])
def test_staff_answer_what_waits_once(world: World, asks: Asks, ada: Grant, grant: bool) -> None:
    asks.ask(ada, Wanted(Ask.REDIRECT, **NEW), key="k1")  # type: ignore[arg-type]
    (waiting,) = asks.waiting()
    assert (waiting.number, waiting.ask, waiting.asked_for.city) == (ada.number, Ask.REDIRECT, "Boston")
    desk = Desk(world.store, world.clock)
    decision = Answer(number=ada.number, asked=waiting.key, grant=grant, reason="the station can")
    desk.decide(decision, by=ANN, key="a1")
    desk.decide(decision, by=ANN, key="a1")
    with pytest.raises(DecisionError):
        desk.decide(decision, by=ANN, key="a2")
    assert entries(world, ada) == ["redirect", "granted redirect" if grant else "refused redirect staff"]
    assert ("Secret Lane" in address(world)) is grant
    assert asks.waiting() == []
    with pytest.raises(NotAllowedError):
        desk.decide(decision, by=Staff("cy", Role.COURIER), key="a3")


def test_too_late_is_kept_as_refused_because(world: World, asks: Asks, ada: Grant) -> None:
    world.scans(ada.number, Kind.OUT_FOR_DELIVERY, "bos-st", at(27))
    world.fold()
    said = asks.ask(ada, Wanted(Ask.SAFE_PLACE, note="shed"), key="k1")
    assert said == Word(Ask.SAFE_PLACE, None, Outcome.REFUSED, Closed.ON_THE_VAN)
    assert entries(world, ada) == ["safe_place", "refused safe_place on_the_van"]


def test_the_courier_is_told_with_whom_or_where_it_may_be_left(world: World, asks: Asks, ada: Grant) -> None:
    asks.ask(ada, Wanted(Ask.NEIGHBOUR, note="Grace, 2nd floor"), key="k1")
    world.scans(ada.number, Kind.OUT_FOR_DELIVERY, "bos-st", at(27))
    world.fold()
    asks.ask(ada, Wanted(Ask.SAFE_PLACE, note="shed"), key="k2")  # too late
    (stop,) = Rounds(world.store, world.clock).stops("h-bos-st")
    assert (stop.number, stop.wish, stop.note) == (ada.number, "neighbour", "Grace, 2nd floor")


def test_only_who_came_by_the_link_may_ask(world: World, asks: Asks, ada: Grant) -> None:
    before = log_of(world)
    with pytest.raises(NotAllowedError):
        asks.ask(Grant(ada.number, ada.journey, ada.form, By.PROOF), Wanted(Ask.PICKUP), key="k1")
    assert log_of(world) == before


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(Ask.OTHER_DAY),
        Wanted(Ask.NEIGHBOUR),
        Wanted(Ask.SAFE_PLACE, note=" "),
        Wanted(Ask.SAFE_PLACE, note="x" * 201),
        Wanted(Ask.SAFE_PLACE, note="a\x00b"),
        Wanted(Ask.ADDRESS, lines=("Pike Street",), city="Boston", country="U"),
        Wanted(Ask.REDIRECT, city="Boston", country="US"),
    ],
)
def test_what_lacks_something_is_not_asked(world: World, asks: Asks, ada: Grant, wanted: Wanted) -> None:
    with pytest.raises(IncompleteAskError):
        asks.ask(ada, wanted, key="k1")
    assert entries(world, ada) == []


def test_a_handheld_that_says_ask_asks_for_nothing(world: World, asks: Asks, ada: Grant) -> None:
    world.scans(ada.number, "ask", "sea-st", at(1))
    world.scans(ada.number, "answer", "sea-st", at(1.1))
    assert entries(world, ada) == []
    assert asks.waiting() == []
