"""Leaving and coming back by the link in a mail: what a link is good for, and what every database must keep."""

import base64
import re
import threading
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from notify.preferences import LONGEST, Choice, Preferences, Wish
from notify.store.schema import switched_off, wishes
from notify.store.wishes import WishStore
from notify.wishes.wishes import PERSONAL, Wishes
from notify.wishes.words import Answer
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


@given(address=st.emails(), kind=st.sampled_from([kind for kind in NoticeKind if NOTICE_RULES[kind].left_with]))
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
    assert HERE.read(said) is HERE.leave(said, AT) is HERE.come_back(said, AT) is None


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


def test_a_kind_nobody_may_leave_is_left_by_no_link_old_or_new(monkeypatch):
    preferences = Preferences(memory_engine(), b"a key")
    preferences.leave(LINK, AT)
    assert preferences.has_left(ADA, DELIVERED)
    must = replace(NOTICE_RULES[DELIVERED], off=frozenset(), left_with=None)
    monkeypatch.setitem(NOTICE_RULES, DELIVERED, must)
    assert preferences.token_for(ADA, DELIVERED) == LINK
    assert not preferences.read(LINK).may_leave
    preferences.leave(LINK, AT)
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
    assert preferences.come_back(link, AT).left is False
    assert preferences.read(link) == Wish(preferences.digest(ADA), DELIVERED, "", Wishes())
    assert not preferences.has_left(ADA, DELIVERED)


def test_leaving_twice_is_leaving_once_and_coming_back_twice_too(preferences, engine):
    link = token(preferences)
    preferences.leave(link, AT)
    preferences.leave(link, AT + timedelta(days=1))
    with engine.connect() as tx:
        assert set(tx.execute(sa.select(switched_off.c.since)).scalars()) == {AT}
    preferences.come_back(link, AT)
    preferences.come_back(link, AT)
    assert not preferences.has_left(ADA, DELIVERED)


def test_another_process_with_the_same_key_sees_it_at_once(preferences, engine):
    preferences.leave(token(preferences), AT)
    assert Preferences(engine, b"a key").has_left(ADA, DELIVERED)


def test_no_address_is_kept(preferences, engine):
    preferences.leave(token(preferences), AT)
    with engine.connect() as tx:
        rows = tx.execute(sa.select(switched_off)).all()
    assert rows
    assert "ada" not in str(rows).lower()


def test_many_at_once_leave_once(preferences, engine):
    link = token(preferences)
    leaving = [threading.Thread(target=preferences.leave, args=(link, AT)) for _ in range(8)]
    for one in leaving:
        one.start()
    for one in leaving:
        one.join(20)
    with engine.connect() as tx:
        assert len(tx.execute(sa.select(switched_off)).all()) == len(PERSONAL)


# --- Everything else one may wish ---------------------------------------------------------------------------


CHOICE = Choice(
    language="zh-Hans",
    zone="Asia/Shanghai",
    quiet_from=time(22, 30),
    quiet_until=time(7),
    paused_until=date(2026, 12, 1),
    off=frozenset({(DELIVERED, "email"), (MISSED, "sms")}),
    on=frozenset({(MISSED, "email")}),
    everywhere=True,
)


def test_what_is_chosen_on_the_page_stands_for_the_address(preferences):
    saved = preferences.save(token(preferences, kind=MISSED), CHOICE, AT).wishes
    assert saved == preferences.read(token(preferences)).wishes
    assert (saved.language, saved.zone, saved.everywhere) == ("zh-Hans", "Asia/Shanghai", True)
    assert (saved.quiet_from, saved.quiet_until) == (time(22, 30), time(7))
    assert saved.paused_until == datetime(2026, 11, 30, 16, tzinfo=UTC)  # midnight by their clocks
    assert saved.has_left(DELIVERED)  # a line without a tick is left, by whatever channel
    assert saved.off >= {(MISSED, "sms")}
    assert not saved.has_left(MISSED)
    assert preferences.of([preferences.digest(XIAOMING)]) == {preferences.digest(XIAOMING): Wishes()}


def test_saving_again_takes_back_what_is_not_chosen_any_more(preferences):
    link = token(preferences)
    preferences.save(link, CHOICE, AT)
    again = Choice(on=CHOICE.off | CHOICE.on)
    assert preferences.save(link, again, AT).wishes == Wishes(off=frozenset({(DELIVERED, "sms"), (DELIVERED, "push")}))
    preferences.come_back(link, AT)
    assert preferences.read(link).wishes == Wishes()


def test_a_letter_about_a_piece_can_be_answered_with_nothing_more_about_it(preferences):
    link = preferences.token_for(ADA, DELIVERED, "LS123456785NL")
    assert preferences.read(link).muted is False
    assert preferences.mute(link, AT).muted is True
    assert preferences.mute(link, AT).wishes.muted == {"LS123456785NL"}
    assert preferences.mute(token(preferences), AT).wishes.muted == {
        "LS123456785NL"
    }  # a link about no piece mutes none
    assert preferences.unmute(token(preferences), "LS123456785NL").wishes.muted == frozenset()


@pytest.mark.parametrize(("words", "means"), [("Stop", Answer.STOP), ("帮助", Answer.HELP), ("where is it?", None)])
def test_a_text_message_says_what_its_number_wishes(preferences, words, means):
    assert preferences.answered("+491701234567", words, AT) is means
    stands = preferences.of([preferences.digest("+491701234567")]).popitem()[1]
    assert stands.stopped is (means is Answer.STOP)


def test_start_undoes_stop_and_nothing_else(preferences):
    preferences.save(token(preferences), CHOICE, AT)
    before = preferences.read(token(preferences)).wishes
    for words in ("STOP", "STOP", "START"):
        preferences.answered(ADA, words, AT)
    assert preferences.read(token(preferences)).wishes == before


def test_a_kind_of_another_release_is_passed_over(preferences, engine):
    WishStore(engine).switch(preferences.digest(ADA), AT, off={("telegram_sent", "email")})
    assert preferences.read(token(preferences)).wishes == Wishes()
    with engine.connect() as tx:
        assert not tx.execute(sa.select(wishes)).all()
