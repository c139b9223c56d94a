"""Hearing of a piece by its number alone: one question to an address, and nothing before its yes."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.tracker.test_project import parcels_way, tell
from tests.tracker.world import World, new_database
from tracker.domain.booking import Party
from tracker.domain.follows import groups, told_to_followers
from tracker.domain.notices import NOTICE_RULES, NoticeKind
from tracker.follows import MOST_WAITING, Followers, NoAddressError, TooManyFollowersError
from tracker.outbox import OwedNotice
from tracker.store.schema import contacts, follows, people

KEY = b"0" * 32
EVE = "eve@example.org"
ALL = groups()
MONTH = timedelta(days=30)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(new_database(tmp_path / "lastscan.db")).with_network()
    yield world
    world.close()


@pytest.fixture
def followers(world: World) -> Followers:
    return Followers(world.store, world.clock, key=KEY)


def questions(world: World) -> list[OwedNotice]:
    return [one for one in world.outbox.unplanned(1000) if one.kind is NoticeKind.CONFIRM_CONTACT]


def link(world: World, followers: Followers) -> str:
    """That of the newest question."""
    token = followers.link(questions(world)[-1].recipient.person)
    assert token is not None
    return token


def says_yes(world: World, followers: Followers, number: str, email: str = EVE) -> None:
    followers.ask(number, 1, email, ALL, language="en")
    assert followers.confirm(link(world, followers), [(number, 1)]) is not None


def told(world: World, email: str = EVE) -> list[OwedNotice]:
    found = [one for one in world.outbox.unplanned(1000) if one.recipient.email == email]
    return [one for one in found if one.kind is not NoticeKind.CONFIRM_CONTACT]


def goes_its_way(world: World, number: str) -> None:
    tell(world, parcels_way(number)[:-1])
    world.fold()
    tell(world, parcels_way(number)[-1:])
    world.fold()


def test_an_address_is_asked_once_however_often_and_for_however_much_it_is_given(
    world: World, followers: Followers
) -> None:
    numbers = [world.books_parcel() for _ in range(6)]
    for number in numbers:
        for written in (EVE, " Eve@Example.ORG "):
            followers.ask(number, 1, written, ALL, language="zh-Hans")
    (question,) = questions(world)
    assert (question.recipient.email, question.recipient.name, question.recipient.language) == (EVE, "", "zh-Hans")
    assert world.outbox.verdict(question.id, world.clock.now()) == "stands"
    assert world.outbox.unnoted() == []  # no machine hears of it
    asked = followers.asked(link(world, followers))
    assert asked is not None
    assert [one.number for one in asked] == numbers[::-1]
    assert not any(one.confirmed for one in asked)


def test_nothing_else_goes_to_an_address_before_its_yes(world: World, followers: Followers) -> None:
    number = world.books_parcel()
    followers.ask(number, 1, EVE, ALL, language="en")
    tell(world, parcels_way(number))
    world.fold()
    assert told(world) == []
    assert {one.recipient.email for one in world.news()} >= {"ada@example.org"}


def test_after_thirty_days_it_may_be_asked_once_more_by_another_link(world: World, followers: Followers) -> None:
    number = world.books_parcel()
    followers.ask(number, 1, EVE, ALL, language="en")
    first = link(world, followers)
    followers.confirm(first, [(number, 1)])
    other = world.books_parcel()
    world.clock.instant += MONTH - timedelta(seconds=1)
    followers.ask(other, 1, EVE, ALL, language="en")
    assert len(questions(world)) == 1
    world.clock.instant += timedelta(seconds=1)
    followers.ask(other, 1, EVE, ALL, language="en")
    assert len(questions(world)) == 2
    assert followers.asked(first) is None
    assert [one.confirmed for one in followers.asked(link(world, followers)) or []] == [False, True]


def test_what_is_not_answered_in_thirty_days_is_forgotten_with_its_address(world: World, followers: Followers) -> None:
    number = world.books_parcel()
    followers.ask(number, 1, EVE, ALL, language="en")
    world.clock.instant += MONTH
    followers.ask(number, 1, "grace@example.org", ALL, language="en")
    with world.store.reading() as tx:
        assert EVE not in repr(tx.connection.execute(sa.select(people)).all())
        assert len(tx.connection.execute(sa.select(contacts)).all()) == 1
        assert len(tx.connection.execute(sa.select(follows)).all()) == 1


def test_after_a_yes_they_hear_what_the_number_alone_shows_and_machines_hear_it_once(
    world: World, followers: Followers
) -> None:
    number = world.books_parcel()
    says_yes(world, followers, number)
    goes_its_way(world, number)
    to_them, to_ada = told(world), [one for one in world.news() if one.recipient.email == "ada@example.org"]
    kinds = [one.kind for one in to_ada if told_to_followers(one.kind, ALL)]
    assert [one.kind for one in to_them] == kinds
    assert {*kinds} >= {NoticeKind.OUT_FOR_DELIVERY, NoticeKind.DELIVERED}
    for one in to_them:
        assert one.coarse
        assert (one.recipient.name, one.destination.code, one.channels) == ("", "LOCAL", ("email",))
    assert not any(one.coarse for one in to_ada)
    noted = world.outbox.unnoted(1000)
    assert sorted(one.seq for one in noted) == [*range(1, len(noted) + 1)]
    assert {one.recipient.email for one in noted} == {"ada@example.org"}
    with world.store.reading() as tx:
        assert len(tx.owed.news_of(1)) == len(noted)


def test_they_hear_of_what_comes_after_their_yes_alone(world: World, followers: Followers) -> None:
    number = world.books_parcel()
    tell(world, parcels_way(number)[:-1])
    world.fold()
    says_yes(world, followers, number)
    tell(world, parcels_way(number)[-1:])
    world.fold()
    assert [one.kind for one in told(world)] == [NoticeKind.DELIVERED]


def test_only_the_kinds_they_chose(world: World, followers: Followers) -> None:
    number = world.books_parcel()
    followers.ask(number, 1, EVE, [NoticeKind.OUT_FOR_DELIVERY], language="en")
    followers.confirm(link(world, followers), [(number, 1)])
    goes_its_way(world, number)
    assert [one.kind for one in told(world)] == [NoticeKind.OUT_FOR_DELIVERY]


@pytest.mark.parametrize("kind", [kind for kind, rule in NOTICE_RULES.items() if rule.left_with is None])
def test_what_the_consignee_has_to_see_to_is_not_for_them(kind: NoticeKind) -> None:
    assert told_to_followers(kind, ALL) is (kind is NoticeKind.CORRECTION)


def test_who_is_told_anyway_is_not_told_twice(world: World, followers: Followers) -> None:
    number = world.books_parcel()
    says_yes(world, followers, number, "ADA@example.org")
    tell(world, parcels_way(number))
    world.fold()
    assert not any(one.coarse for one in world.news() if one.kind is not NoticeKind.CONFIRM_CONTACT)


def test_what_reached_a_follower_alone_is_put_right_for_them_alone(world: World, followers: Followers) -> None:
    number = world.books(consignee=Party("Nobody")).numbers[0]
    says_yes(world, followers, number)
    tell(world, parcels_way(number)[:-1])
    world.fold()
    outs = [one for one in world.news() if one.kind is NoticeKind.OUT_FOR_DELIVERY]
    assert sorted(one.coarse for one in outs) == [False, True]
    world.outbox.told([(one.id, "accepted" if one.coarse else "failed") for one in outs])
    with world.store.reading() as tx:
        (said,) = tx.owed.said([1]).values()
    assert [each.told for each in said if each.notice.kind is NoticeKind.OUT_FOR_DELIVERY] == [True]


def test_no_forgets_what_was_not_answered_and_keeps_the_yes_before(world: World, followers: Followers) -> None:
    first, second = world.books_parcel(), world.books_parcel()
    says_yes(world, followers, first)
    followers.ask(second, 1, EVE, ALL, language="en")
    left = followers.decline(link(world, followers))
    assert [one.number for one in left or []] == [first]
    (question,) = questions(world)
    assert world.outbox.verdict(question.id, world.clock.now()) == "overtaken"


def test_a_link_is_not_in_the_database_and_names_nobody(world: World, followers: Followers) -> None:
    followers.ask(world.books_parcel(), 1, EVE, ALL, language="en")
    token = link(world, followers)
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", token)
    with world.store.reading() as tx:
        kept = repr(tx.connection.execute(sa.select(contacts)).all())
    assert token not in kept
    assert EVE not in kept
    for other in ("", "x", token[:-1], token + "A", Followers(world.store, world.clock, key=b"1").link("x")):
        assert followers.asked(other or "") is None


@pytest.mark.parametrize(
    "said",
    [
        "",
        "eve",
        "eve@",
        "@b.org",
        "eve@b",
        "a@b.org\r\nBcc: c@d.org",
        "a@b.org, c@d.org",
        "é@b.org",
        "<a@b.org>",
        "a" * 250 + "@b.org",
    ],
)
def test_what_is_no_address_is_refused(world: World, followers: Followers, said: str) -> None:
    with pytest.raises(NoAddressError):
        followers.ask(world.books_parcel(), 1, said, ALL, language="en")


def test_a_piece_does_not_make_us_write_to_half_the_world(world: World, followers: Followers) -> None:
    number = world.books_parcel()
    for n in range(MOST_WAITING):
        followers.ask(number, 1, f"victim{n}@example.org", ALL, language="en")
    with pytest.raises(TooManyFollowersError):
        followers.ask(number, 1, EVE, ALL, language="en")
    world.clock.instant += timedelta(days=2)
    followers.ask(number, 1, EVE, ALL, language="en")
