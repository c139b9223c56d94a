"""What people wish, kept: their hours, their channels, their pauses, and no more than is good for them."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notify.channel import Message
from notify.delivery import Accepted, ForGood, Later, NoAnswer
from notify.dispatch import Clocks, Dispatcher
from notify.owed import OwedNotice
from notify.preferences import Choice, Preferences
from notify.routing import AT_LEAST_ONCE
from notify.store.deliveries import DeliveryStore
from tests.notify.world import ADA, Provider, TestOutbox, memory_engine, owed
from tracker.clock import StoppedClock
from tracker.domain.notices import NOTICE_RULES, NoticeKind, Urgency

NIGHT = datetime(2026, 11, 21, 14, tzinfo=UTC)  # 22:00 at Shanghai
MORNING = datetime(2026, 11, 22, 0, tzinfo=UTC)  # 8:00
A_QUARTER = timedelta(minutes=15)
DELIVERED, MISSED, OUT = NoticeKind.DELIVERED, NoticeKind.MISSED_CONNECTION, NoticeKind.OUT_FOR_DELIVERY


class PostOffice(Provider):
    """A provider that joins, as mail does, and keeps each message by its key."""

    def __init__(self, *answers: Any, remembers_keys: bool = False) -> None:
        super().__init__(*answers, remembers_keys=remembers_keys)
        self.said: list[str] = []

    def compose_joined(self, notices: Sequence[OwedNotice], *, key: str, written_at: datetime) -> Message:
        assert notices[0].recipient.email is not None
        return Message(notices[0].recipient.email, "en", " ".join(one.id for one in notices).encode())

    def compose(self, notice: OwedNotice, *, key: str, written_at: datetime) -> Message:
        return replace(super().compose(notice, key=key, written_at=written_at), body=notice.id.encode())

    def send(self, message: Message, *, key: str) -> Any:
        answer = super().send(message, key=key)
        if isinstance(answer, Accepted | NoAnswer):
            self.said.append(message.body.decode())
        return answer


class World:
    """Business time and real time, which go on together here."""

    def __init__(self, *notices: OwedNotice, at: datetime = NIGHT, **channels: Provider) -> None:
        self.outbox = TestOutbox(*notices)
        self.email = channels.setdefault("email", PostOffice())
        self.channels = channels
        engine = memory_engine()
        self.store = DeliveryStore(engine)
        self.preferences = Preferences(engine, b"a key")
        self.business = StoppedClock(at)
        self.notifier = self.another()

    def another(self, **instead: Any) -> Dispatcher:
        return Dispatcher(
            instead.get("outbox", self.outbox),
            instead.get("store", self.store),
            instead.get("channels", self.channels),
            Clocks(self.business, lambda: self.business.instant),
            preferences=self.preferences,
            proof_key=b"k",
            chance=random.Random(4711),
        )

    def owe(self, *notices: OwedNotice) -> None:
        for notice in notices:
            self.outbox.owe(notice)
        self.goes_on()

    def goes_on(self, **much: float) -> None:
        self.business.instant += timedelta(**much)
        while self.notifier.step():
            pass

    def until(self, at: datetime) -> None:
        self.business.instant = at
        self.goes_on()

    @property
    def said(self) -> list[str]:
        return self.email.said

    def wish(self, choice: Choice, address: str = "ada@example.org") -> None:
        token = self.preferences.token_for(address, DELIVERED)
        assert token is not None
        self.preferences.save(token, choice, self.business.instant)


def at(when: datetime, kind: NoticeKind = DELIVERED, **more: Any) -> OwedNotice:
    expires_at = more.pop("expires_at", when + timedelta(days=2))
    return replace(owed(kind, **more), owed_at=when, window=None, expires_at=expires_at)


# --- Quiet hours --------------------------------------------------------------------------------------------


def test_at_night_nobody_is_told_and_in_the_morning_everything_in_one_letter():
    world = World(*(at(NIGHT, id=f"n{n}", number=f"LS{n}") for n in range(3)))
    world.goes_on()
    assert world.said == []
    assert world.store.counts().notices_held == 3
    assert world.store.counts().notices_due == 0
    assert world.store.idle(world.business.instant)
    world.until(MORNING - timedelta(seconds=1))
    assert world.said == []
    world.until(MORNING + A_QUARTER)
    (letter,) = world.said
    assert sorted(letter.split()) == ["n0", "n1", "n2"]
    assert world.outbox.outcomes == dict.fromkeys(("n0", "n1", "n2"), "accepted")
    assert world.store.counts().notices_sent == world.store.counts().notices_due == 3


def test_what_became_untrue_in_the_night_is_not_in_the_letter():
    world = World(at(NIGHT, id="still"), at(NIGHT, id="gone"), at(NIGHT, id="short", expires_at=MORNING))
    world.goes_on()
    world.outbox.overtaken.add("gone")
    world.until(MORNING + A_QUARTER)
    assert world.said == ["still"]
    assert world.outbox.outcomes == {"still": "accepted", "gone": "cancelled", "short": "expired"}


@pytest.mark.parametrize(
    ("notice", "told_at_once"),
    [
        (at(NIGHT, MISSED, expires_at=NIGHT + timedelta(hours=4)), True),  # of no use in the morning
        (at(NIGHT, MISSED), False),
        (replace(at(NIGHT, MISSED), window=(NIGHT + timedelta(hours=3), NIGHT + timedelta(hours=4))), True),
        (at(NIGHT, OUT, expires_at=NIGHT + timedelta(hours=4)), False),  # not urgent
    ],
)
def test_only_what_cannot_wait_and_would_come_too_late_is_told_at_night(notice, told_at_once):
    world = World(notice)
    world.goes_on()
    assert bool(world.said) is told_at_once


def test_quiet_hours_are_those_of_the_reader_in_their_own_zone():
    world = World()
    world.wish(Choice(zone="Europe/Berlin", quiet_from=time(13), quiet_until=time(15, 30)))  # it is 15:00 there
    world.owe(at(NIGHT))
    assert world.said == []
    world.goes_on(minutes=46)
    assert world.said == ["notice-1"]


def test_a_repetition_waits_for_the_morning_too():
    world = World(at(NIGHT, MISSED), at=NIGHT - timedelta(hours=3), email=PostOffice(*[NoAnswer("reset")] * 4))
    world.goes_on()
    for _ in range(60):
        world.goes_on(minutes=10)
    assert len(world.said) == 4  # at once, after 5 s, 5 min and half an hour; two hours later it is night
    assert world.outbox.outcomes == {"notice-1": "unknown"}
    world.until(MORNING + A_QUARTER)
    assert world.outbox.outcomes == {"notice-1": "accepted"}
    assert len(set(world.email.asked)) == 1


def test_a_pause_is_a_long_night():
    world = World(at=MORNING)
    world.wish(Choice(zone="Asia/Shanghai", paused_until=date(2026, 11, 24)))
    world.owe(at(MORNING), at(MORNING, MISSED, id="missed"))
    world.goes_on(days=1, hours=12)
    assert world.said == []
    world.until(MORNING + timedelta(days=2) + A_QUARTER)
    assert world.outbox.outcomes == {"notice-1": "expired", "missed": "expired"}


def test_of_two_of_one_matter_that_wait_for_the_morning_only_the_newer_is_told():
    older, newer = at(NIGHT, MISSED, id="older"), at(NIGHT + timedelta(hours=1), MISSED, id="newer")
    world = World(older, newer, at(NIGHT, id="other"))
    world.goes_on()
    world.until(MORNING + A_QUARTER)
    assert sorted(" ".join(world.said).split()) == ["newer", "other"]
    assert world.outbox.outcomes["older"] == "superseded"


# --- Channels -----------------------------------------------------------------------------------------------

BOTH = replace(ADA, phone="+8613800000000")


class Texts(PostOffice):
    def address(self, recipient):
        return recipient.phone

    def compose(self, notice, *, key, written_at):
        return Message(notice.recipient.phone, "en", notice.id.encode())


def two(**more: Any) -> OwedNotice:
    return at(MORNING, OUT, to=BOTH, channels=("email", "sms"), **more)


def test_told_once_by_the_first_way_that_reaches():
    world = World(two(), at=MORNING, sms=Texts())
    world.goes_on()
    assert (world.said, world.channels["sms"].said) == (["notice-1"], [])


def test_who_has_no_address_for_the_first_is_told_by_the_second():
    nowhere = replace(two(), recipient=replace(BOTH, email=None))
    world = World(nowhere, at=MORNING, sms=Texts())
    world.goes_on()
    assert world.channels["sms"].said == ["notice-1"]


def test_who_switched_the_first_off_is_told_by_the_second():
    world = World(at=MORNING, sms=Texts())
    world.wish(Choice(off=frozenset({(OUT, "email")}), on=frozenset({(OUT, "sms")})))
    world.owe(two())
    assert (world.said, world.channels["sms"].said) == ([], ["notice-1"])


def test_who_asks_for_all_ways_is_told_by_all_and_the_tracker_hears_the_best():
    world = World(at=MORNING, sms=Texts(ForGood("no such number")))
    world.wish(Choice(everywhere=True))
    world.owe(two())
    assert world.said == ["notice-1"]
    assert world.outbox.outcomes == {"notice-1": "accepted"}
    assert world.store.idle(world.business.instant)
    assert world.store.counts().notices_sent == world.store.counts().notices_due == 1


def test_after_stop_a_number_is_silent_and_mail_goes_on():
    world = World(at=MORNING, sms=Texts())
    world.preferences.answered(BOTH.phone, "Stop", MORNING)
    world.owe(replace(two(), channels=("sms", "email")))
    assert (world.said, world.channels["sms"].said) == (["notice-1"], [])
    world.preferences.answered(BOTH.phone, "start", MORNING)
    world.owe(replace(two(id="later"), channels=("sms", "email")))
    assert world.channels["sms"].said == ["later"]


def test_what_nobody_may_switch_off_passes_everything_but_stop(monkeypatch):
    must = replace(NOTICE_RULES[OUT], left_with=None, off=frozenset())
    world = World(at=MORNING, sms=Texts())
    world.wish(Choice(off=frozenset({(OUT, "email"), (DELIVERED, "email")})))
    monkeypatch.setitem(NOTICE_RULES, OUT, must)
    world.owe(two())
    assert world.said == ["notice-1"]


def test_nothing_more_about_one_piece():
    world = World(at=MORNING)
    token = world.preferences.token_for("ada@example.org", DELIVERED, "LS1/1")
    world.preferences.mute(token, MORNING)
    world.owe(at(MORNING, number="LS1"), at(MORNING, id="other", number="LS2"))
    world.owe(replace(at(MORNING, id="later", number="LS1"), journey=2))  # the number, used again
    assert world.outbox.outcomes == {"notice-1": "muted", "other": "accepted", "later": "accepted"}
    assert (world.store.counts().notices_due, world.store.counts().notices_muted) == (2, 1)


def test_the_language_that_was_chosen_is_spoken():
    class Polyglot(PostOffice):
        def compose(self, notice, *, key, written_at):
            return replace(
                super().compose(notice, key=key, written_at=written_at), body=notice.recipient.language.encode()
            )

    world = World(at=MORNING, email=Polyglot())
    world.wish(Choice(language="zh-Hans"))
    world.owe(at(MORNING))
    assert world.said == ["zh-Hans"]


# --- Enough is enough ---------------------------------------------------------------------------------------


def test_after_three_a_day_the_rest_comes_with_the_next_digest():
    world = World(at=MORNING + timedelta(hours=2))
    world.owe(*(at(MORNING, id=f"n{n}", number=f"LS{n}") for n in range(6)))
    assert len(world.said) == 3
    assert world.store.counts().notices_held == 3
    world.until(MORNING + timedelta(days=1) + A_QUARTER)
    assert len(world.said) == 4
    assert len(world.said[3].split()) == 3
    assert set(world.outbox.outcomes.values()) == {"accepted"}


def test_what_a_cap_held_until_it_was_too_late_says_so():
    world = World(at=MORNING + timedelta(hours=2))
    world.owe(*(at(MORNING, id=f"n{n}", expires_at=MORNING + timedelta(hours=9)) for n in range(4)))
    world.until(MORNING + timedelta(days=1) + A_QUARTER)
    assert sorted(world.outbox.outcomes.values()) == ["accepted", "accepted", "accepted", "capped"]
    assert world.store.counts().notices_due == world.store.counts().notices_sent == 3


def test_a_victim_of_many_shippers_gets_five_an_hour_and_twenty_a_day_at_most(monkeypatch):
    monkeypatch.setitem(NOTICE_RULES, MISSED, replace(NOTICE_RULES[MISSED], left_with=None, off=frozenset()))
    world = World(at=MORNING)
    world.owe(*(at(MORNING, MISSED, id=f"n{n}", expires_at=MORNING + timedelta(days=9)) for n in range(30)))
    heard = []
    for _ in range(24 * 12):
        heard.append(len(world.said))
        world.goes_on(minutes=5)
    assert heard[11] <= 5
    assert max(after - before for before, after in zip(heard, heard[12:], strict=False)) <= 5
    assert heard[-1] <= 20


def test_two_notifiers_together_keep_the_caps():
    world = World(at=MORNING)
    world.outbox = TestOutbox(*(at(MORNING, id=f"n{n}") for n in range(8)))
    one, other = world.another(), world.another()
    one.plan()
    for _ in range(8):
        for notifier in (one, other):
            notifier.send("email", 1)
    assert len(world.said) == 3


# --- Digests and joined letters -----------------------------------------------------------------------------


@pytest.fixture
def digests(monkeypatch):
    monkeypatch.setitem(NOTICE_RULES, OUT, replace(NOTICE_RULES[OUT], urgency=Urgency.DIGEST))


@pytest.mark.usefixtures("digests")
def test_digests_come_once_a_local_day():
    world = World(at=MORNING + timedelta(hours=1))
    for n in range(60):
        world.owe(replace(at(world.business.instant, OUT, id=f"n{n}", number=f"LS{n}"), urgency=Urgency.DIGEST))
        world.goes_on(hours=1)
    assert len(world.said) == 2
    assert [len(letter.split()) for letter in world.said] == [24, 24]


def test_a_letter_is_for_one_name_even_where_several_share_an_address():
    grace = replace(ADA, person="person-grace", name="Grace Hopper")
    world = World(at(NIGHT, id="a1"), at(NIGHT, id="g1", to=grace), at(NIGHT, id="a2"), at(NIGHT, id="g2", to=grace))
    world.goes_on()
    world.until(MORNING + A_QUARTER)
    assert sorted(sorted(letter.split()) for letter in world.said) == [["a1", "a2"], ["g1", "g2"]]


def test_a_joined_letter_without_an_answer_is_repeated_under_its_key_with_what_may_be_repeated():
    world = World(
        at(NIGHT, id="delivered"), at(NIGHT, MISSED, id="missed", number="LS2"), email=PostOffice(NoAnswer("reset"))
    )
    world.goes_on()
    world.until(MORNING + A_QUARTER)
    assert sorted(world.said[0].split()) == ["delivered", "missed"]
    assert world.outbox.outcomes == {"delivered": "unknown", "missed": "unknown"}
    world.goes_on(seconds=10)
    assert world.said[1] == "missed"
    assert world.outbox.outcomes == {"delivered": "unknown", "missed": "accepted"}
    assert len(set(world.email.asked)) == 1


def test_a_joined_letter_refused_for_now_comes_again_whole():
    world = World(at(NIGHT, id="n1"), at(NIGHT, id="n2"), email=PostOffice(Later("451")))
    world.goes_on()
    world.until(MORNING + A_QUARTER)
    assert world.said == []
    world.goes_on(seconds=10)
    assert sorted(world.said[0].split()) == ["n1", "n2"]
    assert len(set(world.email.asked)) == 1


class CrashError(BaseException):
    """The process is gone."""


CHANGING = frozenset({"plan", "wake", "join", "others_of", "hand", "settle", "reported", "planned", "told", "send"})


class Brittle:
    """Dies before or after the nth call that changes something."""

    def __init__(self, real: Any, fuse: Any) -> None:
        self._real, self._fuse = real, fuse

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if name not in CHANGING:
            return found

        def call(*args: Any, **named: Any) -> Any:
            self._fuse()
            answer = found(*args, **named)
            self._fuse()
            return answer

        return call


@settings(max_examples=30, deadline=None)
@given(
    kinds=st.lists(st.sampled_from([DELIVERED, MISSED, OUT]), min_size=2, max_size=4),
    crashes=st.lists(st.integers(1, 14), max_size=3),
    replies=st.lists(st.sampled_from([Accepted("250"), Later("451"), NoAnswer("reset")]), max_size=3),
    remembers=st.booleans(),
)
def test_killed_anywhere_a_joined_letter_loses_nothing_and_has_one_key(kinds, crashes, replies, remembers):
    post = PostOffice(*replies, remembers_keys=remembers)
    notices = [at(NIGHT, kind, id=f"n{n}", number=f"LS{n}") for n, kind in enumerate(kinds)]
    world = World(*notices, email=post)
    world.goes_on()
    world.business.instant = MORNING + A_QUARTER
    for after in crashes:
        left = [after]

        def fuse(left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] == 0:
                raise CrashError

        brittle = {"email": Brittle(post, fuse)}
        dying = world.another(outbox=Brittle(world.outbox, fuse), store=Brittle(world.store, fuse), channels=brittle)
        try:
            while dying.step():
                pass
        except CrashError:
            world.business.instant += timedelta(seconds=61)
    for _ in range(8):
        world.goes_on(minutes=40)
    for notice in notices:
        outcome = world.outbox.outcomes[notice.id]
        assert outcome in ("accepted", "unknown")
        if remembers or notice.kind in AT_LEAST_ONCE:
            assert outcome == "accepted"
        times = sum(notice.id in letter.split() for letter in post.said)
        assert times >= 1 or outcome == "unknown"
        if not remembers and notice.kind not in AT_LEAST_ONCE:
            assert times <= 1
    assert world.store.idle(world.business.instant)
