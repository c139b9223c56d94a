"""From owed to sent: once in effect, whatever breaks."""

import contextlib
import random
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notify.channel import UnsayableError
from notify.delivery import Accepted, ForGood, Later, NoAnswer
from notify.dispatch import Clocks, Dispatcher
from notify.main import run_notify
from notify.pace import Pace
from notify.preferences import Preferences
from notify.routing import AT_LEAST_ONCE, delivery_id
from notify.store.deliveries import DeliveryStore
from notify.store.ledger import Ledger
from tests.notify.world import (
    ADA,
    AT,
    XIAOMING,
    Provider,
    RealTime,
    TestOutbox,
    memory_engine,
    owed,
    somebody,
    to_nobody,
)
from tracker.clock import StoppedClock
from tracker.domain.chain import Head
from tracker.domain.notices import NOTICE_RULES, NoticeKind, Urgency


class World:
    """An outbox, a provider, a database in memory, and time by hand."""

    def __init__(self, *notices, provider: Provider | None = None, **more: Provider) -> None:
        self.outbox = TestOutbox(*notices)
        self.email = provider or Provider()
        self.channels = {"email": self.email, **more}
        self.engine = engine = memory_engine()
        self.store = DeliveryStore(engine)
        self.ledger = Ledger(engine)
        self.preferences = Preferences(engine, b"a key")
        self.business = StoppedClock(AT)
        self.real = RealTime()

    @property
    def clocks(self) -> Clocks:
        return Clocks(self.business, self.real)

    def dispatcher(self, outbox: Any = None, store: Any = None, channels: Any = None, paces: Any = None) -> Dispatcher:
        return Dispatcher(
            outbox or self.outbox,
            store or self.store,
            channels or self.channels,
            self.clocks,
            preferences=self.preferences,
            proof_key=b"k",
            chance=random.Random(4711),
            paces=paces,
        )

    def step(self) -> int:
        return self.dispatcher().step()

    def whys(self) -> list[str]:
        return [proof.why for proof in self.ledger.proofs()]


def test_what_is_owed_is_sent_once_and_the_tracker_hears_of_it():
    world = World(owed())
    world.step()
    assert len(world.email.took) == 1
    assert world.outbox.outcomes == {"notice-1": "accepted"}
    assert world.step() == 0
    assert world.store.idle(world.real())


def test_refused_for_now_goes_up_the_ladder():
    world = World(owed(), provider=Provider(Later("451"), Later("451")))
    world.step()
    world.real.passes(seconds=3)
    world.step()
    assert len(world.email.asked) == 1
    world.real.passes(seconds=4)
    world.step()
    assert len(world.email.asked) == 2
    world.real.passes(minutes=7)
    world.step()
    assert world.outbox.outcomes == {"notice-1": "accepted"}
    assert len(set(world.email.asked)) == 1


def test_a_provider_that_names_a_time_is_not_asked_before():
    world = World(owed(), provider=Provider(Later("429", after=timedelta(minutes=10))))
    world.step()
    world.real.passes(minutes=9)
    assert world.step() == 0
    world.real.passes(minutes=2)
    world.step()
    assert len(world.email.took) == 1


def test_refused_for_good_is_the_next_channels_turn():
    sms = Provider()
    world = World(owed(channels=("email", "sms")), provider=Provider(ForGood("550 no such user")), sms=sms)
    world.step()
    assert len(sms.took) == 1
    assert world.outbox.outcomes == {"notice-1": "accepted"}


def test_refused_for_good_by_the_only_channel_has_failed():
    world = World(owed(), provider=Provider(ForGood("550 no such user")))
    world.step()
    assert world.outbox.outcomes == {"notice-1": "failed"}


def test_who_has_no_address_leaves_a_reason():
    world = World(owed(to=to_nobody(ADA)))
    world.step()
    assert world.outbox.outcomes == {"notice-1": "failed"}
    assert [proof.answer for proof in world.ledger.proofs()] == ["no address for email"]


def test_a_channel_that_does_not_exist_leaves_a_reason():
    world = World(owed(channels=("pigeon",)))
    world.step()
    assert [proof.answer for proof in world.ledger.proofs()] == ["there is no channel 'pigeon' here"]


def test_what_is_no_longer_true_is_not_said():
    world = World(owed())
    world.outbox.overtaken.add("notice-1")
    world.step()
    assert world.email.asked == []
    assert world.outbox.outcomes == {"notice-1": "cancelled"}


def test_what_became_untrue_while_it_waited_is_not_said():
    world = World(owed(), provider=Provider(Later("451")))
    world.step()
    world.outbox.overtaken.add("notice-1")
    world.real.passes(minutes=1)
    world.step()
    assert world.outbox.outcomes == {"notice-1": "cancelled"}


def test_expiry_is_by_business_time():
    world = World(owed(), provider=Provider(Later("451")))
    world.step()
    world.real.passes(minutes=1)
    world.business.instant += timedelta(hours=25)
    world.step()
    assert world.outbox.outcomes == {"notice-1": "expired"}


@pytest.mark.parametrize("kind", [NoticeKind.MISSED_CONNECTION, NoticeKind.WITHDRAWN])
def test_without_an_answer_what_people_act_on_is_repeated_under_its_key(kind):
    world = World(owed(kind), provider=Provider(NoAnswer("lost after DATA")))
    world.step()
    assert world.outbox.outcomes == {"notice-1": "unknown"}
    world.real.passes(seconds=7)
    world.step()
    assert world.outbox.outcomes == {"notice-1": "accepted"}
    assert len(world.email.took) == 2
    assert len(set(world.email.took)) == 1


@pytest.mark.parametrize("kind", [NoticeKind.OUT_FOR_DELIVERY, NoticeKind.DELIVERED])
def test_without_an_answer_the_rest_is_not_repeated_where_keys_are_forgotten(kind):
    world = World(owed(kind), provider=Provider(NoAnswer("lost after DATA")))
    world.step()
    world.real.passes(days=2)
    world.step()
    assert len(world.email.asked) == 1
    assert world.outbox.outcomes == {"notice-1": "unknown"}


def test_a_provider_that_remembers_keys_is_always_asked_again():
    world = World(owed(NoticeKind.DELIVERED), provider=Provider(NoAnswer("reset"), remembers_keys=True))
    world.step()
    world.real.passes(seconds=7)
    world.step()
    assert len(world.email.took) == 1
    assert world.outbox.outcomes == {"notice-1": "accepted"}


def test_without_an_answer_for_a_day_it_is_not_repeated():
    world = World(owed(), provider=Provider(*(NoAnswer("reset") for _ in range(20))))
    for _ in range(200):
        world.step()
        world.real.passes(hours=1)
    assert world.outbox.outcomes == {"notice-1": "unknown"}
    assert "too late to repeat" in world.whys()[-1]


def test_what_may_have_arrived_is_not_called_cancelled():
    world = World(owed(), provider=Provider(NoAnswer("reset")))
    world.step()
    world.outbox.overtaken.add("notice-1")
    world.real.passes(seconds=7)
    world.step()
    assert world.outbox.outcomes == {"notice-1": "unknown"}
    assert len(world.email.asked) == 1


def test_a_withdrawal_of_what_was_never_told_is_not_said():
    miss = owed(id="miss")
    world = World(miss, provider=Provider(Later("451")))
    world.step()
    world.outbox.overtaken.add("miss")
    world.outbox.owe(owed(NoticeKind.WITHDRAWN, id="back", withdraws=miss.cause))
    world.step()
    world.real.passes(minutes=1)
    world.step()
    assert world.email.took == []
    assert world.outbox.outcomes == {"miss": "cancelled", "back": "cancelled"}


def test_a_withdrawal_of_what_was_told_is_said():
    miss = owed(id="miss")
    world = World(miss)
    world.step()
    world.outbox.overtaken.add("miss")
    world.outbox.owe(owed(NoticeKind.WITHDRAWN, id="back", withdraws=miss.cause))
    world.step()
    assert world.outbox.outcomes == {"miss": "accepted", "back": "accepted"}


def test_a_withdrawal_does_not_wait_for_the_report_of_what_it_takes_back():
    miss = owed(id="miss")
    world = World(miss)
    world.dispatcher().step(limit=0)
    world.real.passes(seconds=1)
    world.outbox.owe(owed(NoticeKind.WITHDRAWN, id="back", withdraws=miss.cause))
    world.step()  # both in one round: the tracker hears of the first only afterwards
    assert world.outbox.outcomes == {"miss": "accepted", "back": "accepted"}


def test_a_withdrawal_waits_while_somebody_is_about_to_tell():
    miss = owed(id="miss")
    world = World(miss)
    world.dispatcher().step(limit=0)
    held = world.store.claim("email", world.real())  # another notifier has it in its hands
    assert held
    world.outbox.overtaken.add("miss")
    world.outbox.owe(owed(NoticeKind.WITHDRAWN, id="back", withdraws=miss.cause))
    world.step()
    assert world.outbox.outcomes == {}
    world.store.hand(held, world.real())  # and is killed here
    world.real.passes(seconds=62)
    world.step()
    world.real.passes(seconds=6)
    world.step()
    assert world.outbox.outcomes == {"miss": "unknown", "back": "accepted"}


def test_one_that_cannot_be_written_does_not_hold_up_the_others():
    class Broken(Provider):
        def compose(self, notice, *, key, written_at):
            if notice.id == "bad":
                raise KeyError("template")
            if notice.id == "hostile":
                raise UnsayableError("a line break in the address")
            return super().compose(notice, key=key, written_at=written_at)

    world = World(owed(id="bad"), owed(id="hostile"), owed(id="good"), provider=Broken())
    world.step()
    assert world.outbox.outcomes == {"hostile": "failed", "good": "accepted"}
    assert world.store.counts().notices_waiting == 1


def test_paused_for_longer_than_a_lease_nothing_is_handed_over():
    class Slow(Provider):
        def compose(self, notice, *, key, written_at):
            world.real.passes(seconds=61)
            return super().compose(notice, key=key, written_at=written_at)

    slow = Slow()
    world = World(owed(), provider=slow)
    world.step()
    assert slow.asked == []
    assert world.store.counts().notices_waiting == 1


def test_the_proofs_hold_no_address_and_no_name():
    world = World(owed())
    world.step()
    (proof,) = world.ledger.proofs()
    assert "ada" not in str(proof).replace("person-ada", "").lower()
    assert len(proof.address) == len(proof.body_sha256) == 64


def test_the_notifier_runs_until_it_is_told_to_stop():
    world = World(owed())
    stop = threading.Event()
    done = threading.Event()

    class Watched(TestOutbox):
        def told(self, outcomes):
            super().told(outcomes)
            done.set()

    outbox = Watched(owed())
    thread = threading.Thread(
        target=run_notify,
        args=(outbox, world.store, world.channels, world.clocks, stop),
        kwargs={"preferences": world.preferences, "proof_key": b"k"},
    )
    thread.start()
    assert done.wait(10)
    stop.set()
    thread.join(10)
    assert not thread.is_alive()
    assert outbox.outcomes == {"notice-1": "accepted"}


def test_as_many_are_sent_at_once_as_the_provider_bears():
    together = threading.Barrier(3)  # would wait for ever with fewer

    class Slow(Provider):
        def send(self, message, *, key):
            together.wait(10)
            return super().send(message, key=key)

    world = World(*(owed(id=f"notice-{n}", to=somebody(n)) for n in range(6)), provider=Slow())
    dispatcher = world.dispatcher(paces={"email": Pace(concurrency=3)})
    dispatcher.step()
    dispatcher.close()
    assert sorted(world.email.took) == sorted(_keys(world, 6))


def test_what_one_comes_to_too_late_is_left_to_the_others():
    class Slow(Provider):
        def send(self, message, *, key):
            world.real.passes(seconds=31)
            return super().send(message, key=key)

    world = World(*(owed(id=f"notice-{n}", number=f"LS{n}") for n in range(3)), provider=Slow())
    world.dispatcher().plan()
    world.dispatcher().send("email", 3, stopped=lambda: len(world.email.asked) == 1)
    assert len(world.email.took) == 1
    assert [one.attempts for one in world.store.claim("email", world.real(), 3)] == [1, 1]


def test_after_a_storm_of_failures_the_provider_is_left_alone():
    world = World(*(owed(id=f"notice-{n}", to=somebody(n)) for n in range(25)), provider=Provider(*[Later("421")] * 20))
    world.step()
    assert len(world.email.asked) == 20
    world.real.passes(seconds=59)
    world.step()
    assert len(world.email.asked) == 20
    world.real.passes(seconds=2)
    world.step()
    assert len(set(world.email.took)) == 25


def test_of_two_of_one_matter_the_newer_goes_first_and_alone_when_the_older_was_refused():
    world = World(owed(id="older"), provider=Provider(Later("451")))
    world.step()
    world.outbox.owe(replace(owed(id="newer"), owed_at=AT + timedelta(minutes=1)))
    world.step()
    world.real.passes(hours=1)
    world.step()
    assert world.outbox.outcomes == {"older": "superseded", "newer": "accepted"}


# --- Who has left -------------------------------------------------------------------------------------------


def left(world: World, kind: NoticeKind, address: str = "ada@example.org") -> str:
    token = world.preferences.token_for(address, kind)
    assert token is not None
    assert world.preferences.leave(token, AT) is not None
    return token


def test_who_has_left_is_not_written_to_and_everybody_hears_why():
    world = World(owed(NoticeKind.DELIVERED))
    left(world, NoticeKind.DELIVERED)
    world.step()
    assert world.email.asked == []
    assert world.outbox.outcomes == {"notice-1": "opted_out"}
    assert [(proof.outcome, proof.why) for proof in world.ledger.proofs()] == [
        ("opted_out", "its reader wants no more of this kind")
    ]
    assert world.step() == 0
    assert world.store.counts().notices_opted_out == 1
    assert world.store.counts().notices_due == 0


def test_others_and_other_kinds_go_on():
    world = World(
        owed(NoticeKind.DELIVERED),
        owed(NoticeKind.DELIVERED, id="to-xiaoming", to=XIAOMING),
        owed(NoticeKind.OUT_FOR_DELIVERY, id="another-kind"),
    )
    left(world, NoticeKind.DELIVERED)
    world.step()
    assert world.outbox.outcomes == {"notice-1": "opted_out", "to-xiaoming": "accepted", "another-kind": "accepted"}


def test_leaving_holds_for_whatever_is_booked_to_the_address_later():
    another_booking = replace(ADA, person="person-ada-again", email="Ada@Example.org")
    world = World(owed(NoticeKind.DELIVERED, to=another_booking))
    left(world, NoticeKind.DELIVERED)
    world.step()
    assert world.outbox.outcomes == {"notice-1": "opted_out"}


def test_who_comes_back_hears_what_is_owed_from_then_on_and_nothing_older():
    world = World(owed(NoticeKind.DELIVERED))
    token = left(world, NoticeKind.DELIVERED)
    world.step()
    world.preferences.come_back(token, AT)
    world.outbox.owe(owed(NoticeKind.DELIVERED, id="later"))
    world.step()
    assert world.outbox.outcomes == {"notice-1": "opted_out", "later": "accepted"}


def test_leaving_stops_a_repetition_too():
    world = World(owed(), provider=Provider(Later("451")))
    world.step()
    left(world, NoticeKind.MISSED_CONNECTION)
    world.real.passes(minutes=1)
    world.step()
    assert len(world.email.asked) == 1
    assert world.outbox.outcomes == {"notice-1": "opted_out"}


def test_what_may_have_arrived_before_leaving_is_not_sent_again_and_stays_unknown():
    world = World(owed(), provider=Provider(NoAnswer("silence")))
    world.step()
    left(world, NoticeKind.MISSED_CONNECTION)
    world.real.passes(minutes=1)
    world.step()
    assert len(world.email.asked) == 1
    assert world.outbox.outcomes == {"notice-1": "unknown"}
    assert world.store.idle(world.real())


def test_who_left_the_misses_is_not_written_to_about_their_withdrawal():
    miss = owed()
    world = World(miss)
    world.step()
    left(world, NoticeKind.WITHDRAWN)
    world.outbox.owe(owed(NoticeKind.WITHDRAWN, id="back", withdraws=miss.cause))
    world.outbox.owe(owed(id="another-miss"))
    world.step()
    assert world.outbox.outcomes == {"notice-1": "accepted", "back": "opted_out", "another-miss": "opted_out"}


def test_nobody_is_told_by_another_channel_what_they_have_left():
    sms = Provider()
    world = World(owed(channels=("email", "sms")), sms=sms)
    left(world, NoticeKind.MISSED_CONNECTION)
    world.step()
    assert sms.asked == []
    assert world.outbox.outcomes == {"notice-1": "opted_out"}


# --- The law ------------------------------------------------------------------------------------------------


class CrashError(BaseException):
    """The process is gone: nothing after this line is run."""


class Brittle:
    """Whatever it stands for, except that the process dies before or after the nth call that changes something."""

    def __init__(self, real: Any, fuse: Callable[[], None], changing: frozenset[str]) -> None:
        self._real, self._fuse, self._changing = real, fuse, changing

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if name not in self._changing:
            return found

        def call(*args: Any, **named: Any) -> Any:
            self._fuse()
            answer = found(*args, **named)
            self._fuse()
            return answer

        return call


def crashing(world: World, after: int) -> Dispatcher:
    left = [after]

    def fuse() -> None:
        left[0] -= 1
        if left[0] == 0:
            raise CrashError

    return world.dispatcher(
        Brittle(world.outbox, fuse, frozenset({"planned", "told"})),
        Brittle(world.store, fuse, frozenset({"plan", "claim", "hand", "settle", "reported"})),
        {"email": Brittle(world.email, fuse, frozenset({"send"}))},
    )


@pytest.mark.parametrize("kind", [NoticeKind.DELIVERED, NoticeKind.MISSED_CONNECTION])
def test_killed_with_the_answer_in_hand(kind):
    world = World(owed(kind))
    calls_until_it_is_sent = 10
    with pytest.raises(CrashError):
        crashing(world, calls_until_it_is_sent).step()
    assert len(world.email.took) == 1
    world.real.passes(seconds=61)
    world.step()
    if kind is NoticeKind.DELIVERED:
        assert (len(world.email.took), world.outbox.outcomes["notice-1"]) == (1, "unknown")
    else:
        assert (len(world.email.took), world.outbox.outcomes["notice-1"]) == (2, "accepted")
    assert len(set(world.email.took)) == 1


ANSWERS = (NoticeKind.WITHDRAWN, NoticeKind.CORRECTION)
SOON_SENT = [kind for kind, rule in NOTICE_RULES.items() if rule.urgency is not Urgency.DIGEST and kind not in ANSWERS]
answers = st.sampled_from([Accepted("250 ok"), Later("451 busy"), NoAnswer("reset")])


@settings(max_examples=40, deadline=None)
@given(
    kinds=st.lists(st.sampled_from(SOON_SENT), min_size=1, max_size=3),
    crashes=st.lists(st.integers(1, 16), max_size=2),
    replies=st.lists(answers, max_size=2),
    remembers=st.booleans(),
)
def test_killed_anywhere_nothing_is_lost_and_nothing_goes_under_two_keys(kinds, crashes, replies, remembers):
    world = World(
        *(owed(kind, id=f"notice-{index}") for index, kind in enumerate(kinds)),
        provider=Provider(*replies, remembers_keys=remembers),
    )
    for after in crashes:
        with contextlib.suppress(CrashError):
            crashing(world, after).step()
        world.real.passes(seconds=61)
    for _ in range(8):  # two deaths and two refusals climb the ladder to its wait of two hours
        world.step()
        world.real.passes(hours=1)

    keys = {f"notice-{index}": delivery for index, delivery in enumerate(_keys(world, len(kinds)))}
    for notice, key in keys.items():
        copies, outcome = world.email.took.count(key), world.outbox.outcomes[notice]
        kind = world.outbox.notices[notice].kind
        if remembers or kind in AT_LEAST_ONCE:
            assert (outcome, copies >= 1) == ("accepted", True)
        else:
            assert copies <= 1
            assert outcome in ("accepted", "unknown")
            assert copies == 1 or outcome == "unknown"
        if remembers:
            assert copies == 1
    assert set(world.email.took) <= set(keys.values())
    assert world.store.counts().notices_doubled == 0
    assert isinstance(world.ledger.verified(), Head)
    assert world.store.idle(world.real())


def _keys(world: World, many: int) -> list[str]:
    return [delivery_id(f"notice-{index}", "email") for index in range(many)]
