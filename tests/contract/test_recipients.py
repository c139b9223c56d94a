"""What recipients count on of the database: the same for SQLite in a file and for PostgreSQL."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.tracker.test_recipients import ADA, KEY
from tests.tracker.world import World
from tracker.asks import Asks, Wanted
from tracker.desk import Desk
from tracker.domain.asks import Ask, Outcome
from tracker.domain.decisions import Answer
from tracker.domain.errors import DecisionError
from tracker.domain.follows import groups
from tracker.domain.notices import NoticeKind
from tracker.domain.staff import Role, Staff
from tracker.follows import ONCE_IN, Followers
from tracker.recipients import Grant, Recipients, TooManyTriesError
from tracker.store.engine import open_engine, sqlite_url
from tracker.store.migrations import migrate
from tracker.store.schema import people


@pytest.fixture(params=[pytest.param("sqlite"), pytest.param("postgres", marks=pytest.mark.needs_postgres)])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    if request.param == "sqlite":
        url = sqlite_url(tmp_path / "lastscan.db")
    else:
        new: Callable[[], str] = request.getfixturevalue("new_postgres_url")
        url = new()
    engine = open_engine(url)
    migrate(engine)
    world = World(engine).with_network()
    yield world
    world.close()


@pytest.fixture
def recipients(world: World) -> Recipients:
    return Recipients(world.store, world.clock, key=KEY)


@pytest.fixture
def ada(world: World, recipients: Recipients) -> Grant:
    number = world.books(consignee=ADA).numbers[0]
    world.fold()
    with world.store.reading() as tx:
        person = tx.connection.execute(sa.select(people.c.pseudonym).where(people.c.name == ADA.name)).scalar_one()
    found = recipients.open(recipients.link(person, number) or "")
    assert found is not None
    return found.grant


def test_links_sessions_and_proofs(world: World, recipients: Recipients, ada: Grant) -> None:
    first = recipients.open(recipients.share(ada))
    assert first is not None
    proved = recipients.prove(ada.number, "1012 ab", session=first.session)
    assert proved is not None
    assert recipients.grants(proved.session) == (proved.grant,)
    assert recipients.grants(first.session) == ()
    renewed = recipients.open(recipients.renew(ada), session=proved.session)
    assert renewed is not None
    assert recipients.mine(renewed.session) == (ada,)
    recipients.unshare(ada)
    recipients.forget(renewed.session)
    assert recipients.grants(renewed.session) == ()


def test_of_many_who_guess_at_once_no_more_than_five_are_heard(recipients: Recipients, ada: Grant) -> None:
    def guess(n: int) -> bool:
        try:
            return recipients.prove(ada.number, f"wrong{n}") is None
        except TooManyTriesError:
            return False

    with ThreadPoolExecutor(4) as pool:
        heard = list(pool.map(guess, range(16)))
    assert 1 <= sum(heard) <= 5 + 3  # those at work at the same instant may not see each other's try


def test_an_address_given_by_many_at_once_is_asked_once(world: World, ada: Grant) -> None:
    followers = Followers(world.store, world.clock, key=KEY)
    others = [world.books(consignee=ADA).numbers[0] for _ in range(4)]

    def give(n: int) -> None:
        followers.ask(others[n % 4], 1, "eve@example.org", groups(), language="en")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(give, range(12)))
    questions = [one for one in world.outbox.unplanned() if one.kind is NoticeKind.CONFIRM_CONTACT]
    assert len(questions) == 1
    token = followers.link(questions[0].recipient.person) or ""
    confirmed = followers.confirm(token, [(number, 1) for number in others[:2]]) or []
    assert sorted(one.confirmed for one in confirmed) == [False, False, True, True]
    with world.store.reading() as tx:
        (hears,) = tx.follows.followers([tx.booked.journey(others[0], 1)]).values()
        assert [one.kinds for one in hears] == [frozenset(groups())]
    assert [one.number for one in followers.decline(token) or [] if not one.confirmed] == []
    world.clock.instant += ONCE_IN
    followers.ask(others[3], 1, "grace@example.org", groups(), language="en")
    assert len(followers.asked(token) or []) == 2


def test_of_many_who_ask_and_answer_at_once_one_is_taken(world: World, recipients: Recipients, ada: Grant) -> None:
    asks, desk = Asks(world.store, world.clock), Desk(world.store, world.clock)

    def ask(n: int) -> Outcome | None:
        return asks.ask(ada, Wanted(Ask.RETURN), key=f"k{n}").outcome

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(ask, range(6)), key=str) == [None, *[Outcome.REFUSED] * 5]
    (waiting,) = asks.waiting()

    def answer(n: int) -> bool:
        decision = Answer(number=ada.number, asked=waiting.key, grant=bool(n % 2), reason="so")
        try:
            return not desk.decide(decision, by=Staff("ann", Role.SUPPORT), key=f"a{n}").again
        except DecisionError:
            return False

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(answer, range(6))) == 1
    world.fold()
    card = world.queries.card(ada.number)
    assert card is not None
    words = [entry.word for entry in card.entries if entry.word is not None]
    assert len([word for word in words if word.outcome is None]) == 6
    assert len([word for word in words if word.outcome is not None]) == 6
