"""Whose parcel it is: links that can be ended, proofs that cannot be guessed, and sessions nobody else can plant."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from tests.tracker.world import NOON, World, new_database
from tracker.domain.booking import Party
from tracker.domain.card import Form
from tracker.domain.handling import Kind
from tracker.domain.persons import Person, masked_address, masked_email, masked_name, masked_phone, normalised, proofs
from tracker.recipients import By, Opened, Recipients, TooManyTriesError
from tracker.store.schema import links, people, tries, views

ADA = Party("Ada van der Berg", email="ada@example.org", postcode="1012 AB", city="Boston", lines=("Pike Street 1",))
KEY = b"0" * 32


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(new_database(tmp_path / "lastscan.db")).with_network()
    yield world
    world.close()


@pytest.fixture
def recipients(world: World) -> Recipients:
    return Recipients(world.store, world.clock, key=KEY)


def booked(world: World) -> tuple[str, str]:
    """A number, and the pseudonym of who receives it."""
    number = world.books(consignee=ADA).numbers[0]
    with world.store.reading() as tx:
        row = tx.connection.execute(sa.select(people.c.pseudonym).where(people.c.name == ADA.name)).first()
    assert row is not None
    return number, row[0]


def opened(recipients: Recipients, token: str | None, session: str | None = None) -> Opened:
    found = recipients.open(token or "", session=session)
    assert found is not None
    return found


def kept(world: World, table: sa.Table) -> str:
    with world.store.reading() as tx:
        return repr(tx.connection.execute(sa.select(table)).all())


def test_a_link_is_the_same_in_every_letter_and_the_database_cannot_make_it(
    world: World, recipients: Recipients
) -> None:
    number, person = booked(world)
    token = recipients.link(person, number)
    assert token is not None
    assert len(token) == 22  # 128 bits
    assert Recipients(world.store, world.clock, key=KEY).link(person, number) == token
    session = opened(recipients, token).session
    assert token not in kept(world, links)
    assert session not in kept(world, views)
    assert Recipients(world.store, world.clock, key=b"1" * 32).link(person, number) != token


def test_a_link_opens_its_own_piece_for_its_own_person(world: World, recipients: Recipients) -> None:
    number, person = booked(world)
    other = world.books_parcel()
    assert recipients.link(person, other) is None
    found = opened(recipients, recipients.link(person, number))
    (grant,) = recipients.grants(found.session)
    assert (grant.number, grant.form, grant.by, grant.may_act) == (number, Form.RECIPIENT, By.LINK, True)
    known = recipients.particulars(grant)
    assert (known.consignee.name, known.consignee.postcode) == (ADA.name, "1012 AB")


def test_a_renewed_link_ends_all_before_it(world: World, recipients: Recipients) -> None:
    number, person = booked(world)
    old = recipients.link(person, number)
    found = opened(recipients, old)
    new = recipients.renew(found.grant)
    assert recipients.open(old or "") is None
    assert recipients.grants(found.session) == ()
    assert recipients.link(person, number) == new
    opened(recipients, new)


def test_a_shared_link_shows_and_does_no_more_and_is_taken_back(world: World, recipients: Recipients) -> None:
    number, person = booked(world)
    mine = opened(recipients, recipients.link(person, number))
    token = recipients.share(mine.grant)
    assert recipients.share(mine.grant) == token
    theirs = opened(recipients, token)
    assert (theirs.grant.form, theirs.grant.may_act) == (Form.SHARED, False)
    recipients.unshare(mine.grant)
    assert recipients.open(token) is None
    assert recipients.grants(theirs.session) == ()
    assert recipients.grants(mine.session) == (mine.grant,)
    assert recipients.share(mine.grant) != token


def test_a_session_is_new_each_time_and_a_planted_one_shows_nothing(world: World, recipients: Recipients) -> None:
    number, person = booked(world)
    token = recipients.link(person, number)
    planted = opened(recipients, token).session
    victim = opened(recipients, token, session=planted)
    assert recipients.grants(planted) == ()
    assert len(recipients.grants(victim.session)) == 1
    recipients.forget(victim.session)
    assert recipients.grants(victim.session) == ()
    assert recipients.grants("whatever") == ()


def test_what_a_link_opened_is_not_lost_by_a_proof_or_a_shared_link(world: World, recipients: Recipients) -> None:
    number, person = booked(world)
    mine = opened(recipients, recipients.link(person, number))
    proved = recipients.prove(number, "1012ab", session=mine.session)
    assert proved is not None
    assert proved.grant.may_act
    again = opened(recipients, recipients.share(mine.grant), proved.session)
    assert again.grant.may_act


def test_a_link_ends_90_days_after_delivery_and_a_session_in_its_time(world: World, recipients: Recipients) -> None:
    number, person = booked(world)
    token = recipients.link(person, number)
    world.scans(number, Kind.DELIVER, "bos-st", NOON + timedelta(hours=30))
    world.fold()
    found = opened(recipients, token)
    world.clock.instant += timedelta(days=31)
    assert recipients.grants(found.session) == ()
    opened(recipients, token)
    world.clock.instant += timedelta(days=60)
    assert recipients.open(token or "") is None


@pytest.mark.parametrize(
    "said", ["1012AB", "1012 ab", "Berg", "van der berg", "VANDERBERG", "Bérg", "Ada van der Berg"]
)
def test_the_postcode_or_the_surname_in_any_spelling_proves_it(world: World, recipients: Recipients, said: str) -> None:
    number, _ = booked(world)
    found = recipients.prove(number, said)
    assert found is not None
    assert (found.grant.by, found.grant.may_act) == (By.PROOF, False)


@pytest.mark.parametrize(
    "said", ["", "Ada", "1012", "B", "1012AC", " ", "'", "\x00", "\ud800", "A" * 9000, "ada@example.org"]
)
def test_nothing_else_does(world: World, recipients: Recipients, said: str) -> None:
    number, _ = booked(world)
    assert recipients.prove(number, said) is None


def test_five_wrong_tries_a_number_and_hour_whatever_the_spelling(world: World, recipients: Recipients) -> None:
    number, _ = booked(world)
    spelled = [number, number.lower(), f"{number[:2]} {number[2:]}", number, number]
    for spelling in spelled:
        assert recipients.prove(spelling, "wrong") is None
    for _ in range(3):
        with pytest.raises(TooManyTriesError) as refused:
            recipients.prove(number, "1012AB")
        assert refused.value.after == 3600
    assert recipients.prove(world.books_parcel(), "Lovelace") is not None
    world.clock.instant += timedelta(minutes=61)
    assert recipients.prove(number, "1012AB") is not None


def test_what_was_right_is_no_try_and_an_unknown_number_is_limited_alike(world: World, recipients: Recipients) -> None:
    number, _ = booked(world)
    for _ in range(8):
        assert recipients.prove(number, "Berg") is not None
    for _ in range(5):
        assert recipients.prove("LS999999999NL", "Berg") is None
    with pytest.raises(TooManyTriesError):
        recipients.prove("LS999999999NL", "Berg")
    assert "LS9" not in kept(world, tries)


def test_an_unknown_number_costs_what_a_wrong_proof_costs(world: World, recipients: Recipients) -> None:
    """The same statements in the same order, and as many comparisons."""
    said: list[str] = []
    sa.event.listen(world.engine, "before_cursor_execute", lambda _c, _u, text, *_: said.append(text))
    booked_numbers = [world.books(consignee=ADA).numbers[0] for _ in range(3)]
    asked: dict[bool, list[str]] = {}
    for at, known in enumerate(booked_numbers):
        for number, is_known in ((known, True), (f"LS{200000000 + at}NL", False)):
            said.clear()
            assert recipients.prove(number, "wrong") is None
            asked[is_known] = list(said)
    assert asked[True] == asked[False]


def test_who_is_not_the_recipient_is_told_nothing_of_what_others_were_told(
    world: World, recipients: Recipients
) -> None:
    number, person = booked(world)
    found = opened(recipients, recipients.link(person, number))
    assert recipients.particulars(found.grant).told == ()


@given(st.text(max_size=40), st.text(max_size=12))
def test_masks_show_less_than_they_hide(name: str, digits: str) -> None:
    person = Person(name, lines=(f"Pike Street {digits}1",), postcode="1012 AB", city="Boston")
    assert "1012AB" not in masked_address(person)
    assert f"{digits}1" not in masked_address(person).split()
    assert len(masked_name(name)) <= 3 * len(name.split()) + 1
    assert all(len(proof) > 1 and proof == normalised(proof) for proof in proofs(person))


def test_masks_are_as_people_know_them() -> None:
    person = Person("Ada", lines=("Pike Street 12b",), postcode="1012 AB", city="Boston")
    assert masked_address(person) == "Pike Street …, 101… Boston"
    assert masked_email("ada@example.org") == "a…@example.org"
    assert masked_phone("+31 20 555 01 42") == "…42"
    assert masked_name("Charles Babbage") == "C. B."
    assert masked_name("王小明") == "王＊"
