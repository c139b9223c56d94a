"""Who is calling: found in any spelling, shown to nobody without a reason, and every opening written down."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tracker.test_desk import ANN, NORA
from tests.tracker.world import BAG_TAG, World
from tracker.audit import Audit
from tracker.callers import By, Callers
from tracker.domain.booking import Party
from tracker.domain.errors import DecisionError, NotAllowedError
from tracker.store.callers import keys_of, phone_keys

ADA = Party("Ada María Lovelace", email="Ada@Example.org", phone="06 1234 5678", country="NL", city="Amsterdam")


@pytest.fixture
def number(world: World) -> str:
    world.with_network()
    asked = replace(world.asked(consignee=ADA), reference="PO 4711/b")
    return world.bookings.book(replace(asked, shipper=Party("Babbage & Söhne 24 GmbH")), account="demo").numbers[0]


def callers(world: World) -> Callers:
    return Callers(world.store, Audit(world.store, world.clock))


@pytest.mark.parametrize(
    ("said", "by"),
    [
        ("po 4711/b", None),
        ("PO 4711/b", By.REFERENCE),
        ("lovelace", By.NAME),
        ("Lovelace Ada", By.NAME),
        ("ADA MARIA LOVELACE", By.NAME),
        ("Ada Byron", None),
        ("babbage sohne", By.NAME),
        ("Söhne 24 gmbh", By.NAME),
        ("ada@example.ORG", By.EMAIL),
        ("eve@example.org", None),
        ("0612345678", By.PHONE),
        ("+31 6 1234-5678", By.PHONE),
        ("0031 (6) 12345678", By.PHONE),
        ("612345679", None),
        ("", None),
        ("%", None),
        ("'; DROP TABLE people; --", None),
        ("0" * 5000, None),
    ],
)
def test_a_caller_is_found_in_any_spelling(world: World, number: str, said: str, by: By | None) -> None:
    found = callers(world).find(said)
    assert [(each.piece.number, each.by) for each in found] == ([(number, {by})] if by is not None else [])


def test_a_number_is_found_as_it_is_written_on_the_label(world: World, number: str) -> None:
    spelled = f"{number[:2]} {number[2:6]} {number[6:10]} {number[10]} {number[11:]}".lower()
    (found,) = callers(world).find(spelled)
    assert (found.piece.number, found.by) == (number, {By.NUMBER})


def test_a_name_without_blanks_is_found_and_the_newest_comes_first(world: World) -> None:
    world.with_network()
    bags = [world.books_bag(tag) for tag in (BAG_TAG, "0220123457")]
    assert [each.piece.number for each in callers(world).find("王小明")] == bags[::-1]


def test_contacts_open_for_a_reason_and_for_whom_it_is(world: World, number: str) -> None:
    desk, audit = callers(world), Audit(world.store, world.clock)
    opened = desk.contacts(number, by=ANN, reason="she calls")
    assert opened is not None
    assert (opened.recipient.name, opened.recipient.email, opened.reference) == (ADA.name, ADA.email, "PO 4711/b")
    (row,) = audit.newest(1)
    assert (row["action"], row["object"], row["reason"]) == ("looked", f"piece {number}", "she calls")
    with pytest.raises(DecisionError):
        desk.contacts(number, by=ANN, reason=" ")
    with pytest.raises(NotAllowedError):
        desk.contacts(number, by=NORA, reason="curious")
    assert desk.contacts("LS000000000NL", by=ANN, reason="she calls") is None
    assert len(audit.newest(10)) == 1


@given(st.text(max_size=80), st.text(max_size=40), st.text(max_size=40), st.sampled_from([None, "NL", "CN", "XX"]))
def test_whatever_was_booked_has_keys(name: str, email: str, phone: str, country: str | None) -> None:
    keys = keys_of(name, email=email, phone=phone, country=country)
    assert all(key.partition(":")[0] in ("name", "phone", "email") and key.partition(":")[2] for key in keys)
    assert len(phone_keys(phone, country)) <= 2
