"""Leaving and coming back by the link in a mail: what a link is good for, and what every database must keep."""

import base64
import re
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from notify.preferences import LONGEST, Preferences, Wish
from notify.store.opt_outs import OptOutStore
from notify.store.schema import opt_outs
from tests.notify.world import AT, memory_engine
from tracker.domain.notices import NOTICE_RULES, NoticeKind

ADA, XIAOMING = "ada@example.org", "xiaoming@example.org"
MISSED, WITHDRAWN, DELIVERED = NoticeKind.MISSED_CONNECTION, NoticeKind.WITHDRAWN, NoticeKind.DELIVERED

URL_SAFE = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@pytest.fixture
def preferences(engine: sa.Engine) -> Preferences:
    return Preferences(engine, b"a key")


def token(preferences: Preferences, address: str = ADA, kind: NoticeKind = DELIVERED) -> str:
    made = preferences.token_for(address, kind)
    assert made is not None
    return made


# --- What a link is good for --------------------------------------------------------------------------------

HERE = Preferences(memory_engine(), b"a key")
LINK = token(HERE)


@given(address=st.emails(), kind=st.sampled_from(NoticeKind))
def test_every_link_opens_and_is_safe_in_an_address(address, kind):
    made = token(HERE, address, kind)
    assert re.fullmatch(r"[A-Za-z0-9_-]{50,80}", made)
    wish = HERE.read(made)
    assert wish is not None
    assert (wish.kind, wish.left) == (NOTICE_RULES[kind].left_with, False)


def test_a_link_names_nobody():
    shown = LINK + base64.urlsafe_b64decode(LINK + "==").decode("latin-1")
    assert "ada" not in shown.lower()
    assert "example" not in shown


@pytest.mark.parametrize("place", range(len(LINK)))
def test_a_link_changed_in_any_letter_is_none_of_ours(place):
    for letter in URL_SAFE:
        if letter != LINK[place]:
            assert HERE.read(LINK[:place] + letter + LINK[place + 1 :]) is None


@given(st.one_of(st.text(max_size=LONGEST + 10), st.text(URL_SAFE + "=.", max_size=LONGEST + 10)))
def test_anything_else_is_none_of_ours(said):
    assert HERE.read(said) is HERE.leave(said, AT) is HERE.come_back(said) is None


@pytest.mark.parametrize("near", [LINK[:-1], LINK + "A", LINK + "=", LINK + " ", " " + LINK, LINK + "\n", LINK.lower()])
def test_a_link_cut_or_lengthened_is_none_of_ours(near):
    assert HERE.read(near) is None


def test_a_link_made_with_another_key_is_none_of_ours():
    assert Preferences(memory_engine(), b"another key").read(LINK) is None


def test_without_a_key_there_are_no_links():
    with pytest.raises(ValueError, match="empty"):
        Preferences(memory_engine(), b"")


def test_the_parts_of_two_links_do_not_make_a_third():
    raw = [base64.urlsafe_b64decode(one + "=" * (-len(one) % 4)) for one in (LINK, token(HERE, XIAOMING, MISSED))]
    mixed = [raw[0][:16] + raw[1][16:], raw[0][:32] + raw[1][32:], raw[1][:16] + raw[0][16:]]
    assert [HERE.read(base64.urlsafe_b64encode(one).rstrip(b"=").decode()) for one in mixed] == [None] * 3


def test_what_was_signed_for_another_purpose_opens_nothing():
    digest = HERE._digest(ADA)
    for purpose in ("address", "leave ", ""):
        signature = HERE._mac(purpose, digest + DELIVERED.encode())
        forged = base64.urlsafe_b64encode(digest + signature + DELIVERED.encode()).rstrip(b"=").decode()
        assert HERE.read(forged) is None


def test_an_address_is_the_same_however_it_is_written():
    assert token(HERE, " Ada@Example.ORG ") == LINK


def test_the_withdrawal_of_a_miss_is_left_with_the_misses():
    assert token(HERE, ADA, WITHDRAWN) == token(HERE, ADA, MISSED) != LINK


def test_a_kind_nobody_may_leave_has_no_link_and_old_links_to_it_open_nothing(monkeypatch):
    preferences = Preferences(memory_engine(), b"a key")
    preferences.leave(LINK, AT)
    assert preferences.has_left(ADA, DELIVERED)
    must = replace(NOTICE_RULES[DELIVERED], off=frozenset(), left_with=None)
    monkeypatch.setitem(NOTICE_RULES, DELIVERED, must)
    assert preferences.token_for(ADA, DELIVERED) is None
    assert preferences.read(LINK) is None
    assert not preferences.has_left(ADA, DELIVERED)


# --- What every database keeps ------------------------------------------------------------------------------


def test_leaving_is_for_one_address_and_one_kind(preferences):
    preferences.leave(token(preferences), AT)
    assert preferences.has_left(ADA, DELIVERED)
    assert not preferences.has_left(ADA, MISSED)
    assert not preferences.has_left(XIAOMING, DELIVERED)


def test_reading_changes_nothing_and_leaving_and_coming_back_say_what_stands(preferences):
    link = token(preferences)
    assert preferences.read(link).left is False
    assert preferences.read(link).left is False
    assert preferences.leave(link, AT).left is True
    assert preferences.read(link).left is True
    assert preferences.come_back(link).left is False
    assert preferences.read(link) == Wish(preferences.read(link).address, DELIVERED, left=False)
    assert not preferences.has_left(ADA, DELIVERED)


def test_leaving_twice_is_leaving_once_and_coming_back_twice_too(preferences, engine):
    link = token(preferences)
    preferences.leave(link, AT)
    preferences.leave(link, AT + timedelta(days=1))
    assert OptOutStore(engine).since(address=preferences.read(link).address, kind=DELIVERED) == AT
    preferences.come_back(link)
    preferences.come_back(link)
    assert not preferences.has_left(ADA, DELIVERED)


def test_another_process_with_the_same_key_sees_it_at_once(preferences, engine):
    preferences.leave(token(preferences), AT)
    assert Preferences(engine, b"a key").has_left(ADA, DELIVERED)


def test_no_address_is_kept(preferences, engine):
    preferences.leave(token(preferences), AT)
    with engine.connect() as tx:
        row = tx.execute(sa.select(opt_outs)).one()
    assert "ada" not in str(row).lower()


def test_many_at_once_leave_once(preferences, engine):
    link = token(preferences)
    leaving = [threading.Thread(target=preferences.leave, args=(link, AT)) for _ in range(8)]
    for one in leaving:
        one.start()
    for one in leaving:
        one.join(20)
    with engine.connect() as tx:
        assert len(tx.execute(sa.select(opt_outs)).all()) == 1
