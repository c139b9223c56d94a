"""Machines of shippers: told each thing once in effect, in order and signed; and what becomes of silent ones."""

import json
import random
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from standardwebhooks import Webhook

from notify.channels.webhook.body import MOST_BYTES, body
from notify.channels.webhook.channel import signatures
from notify.channels.webhook.endpoint import TELLS, Endpoint, Wanted
from notify.channels.webhook.endpoints import (
    MOST,
    BadWebhookError,
    Endpoints,
    RepeatConflictError,
    UnknownWebhookError,
)
from notify.channels.webhook.owner import switched_off
from notify.channels.webhook.sender import Sender
from notify.delivery import Accepted, Later, Outcome
from notify.guarded import Guard, wait_asked_for
from notify.owed import OwedNotice
from notify.routing import LADDER
from notify.store.webhooks import WebhookStore
from tests.notify.far_ends import FarEnd, far_end, free_port
from tests.notify.world import AT, RealTime, TestOutbox, owed
from tracker.clock import StoppedClock
from tracker.domain.notices import NoticeKind

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Owed(TestOutbox):
    """An outbox that two read from: who plans for people, and who notes for machines."""

    __test__ = False

    def __init__(self, *notices: OwedNotice) -> None:
        super().__init__(*notices)
        self.notes: set[str] = set()

    def unnoted(self, limit: int = 500) -> list[OwedNotice]:
        return [notice for notice in self.notices.values() if notice.id not in self.notes][:limit]

    def noted(self, ids) -> None:
        self.notes.update(ids)


class House:
    """An account with an endpoint, and time by hand."""

    def __init__(self, engine: sa.Engine, end: FarEnd) -> None:
        self.end, self.time, self.outbox = end, RealTime(), Owed()
        self.time.at = datetime.now(UTC)
        self.store = WebhookStore(engine)
        self.allowed = frozenset({end.url})
        self.endpoints = Endpoints(self.store, self.time, allowed=self.allowed)
        self.mails: list[Endpoint] = []
        self.answers: list[Outcome] = []
        self.hook = self.endpoints.add("shop", end.url + "/hook", owner="ops@shop.example")

    def sender(self) -> Sender:
        def mail(endpoint: Endpoint) -> Outcome:
            self.mails.append(endpoint)
            return self.answers.pop(0) if self.answers else Accepted("250 ok")

        return Sender(
            self.outbox,
            self.store,
            Guard(allowed=self.allowed, wait_s=0.3),
            pages="https://track.example",
            business=StoppedClock(AT),
            now=self.time,
            chance=random.Random(1),
            mail=mail,
        )

    def step(self) -> int:
        return self.sender().step()

    def log(self, hook: str = ""):
        return self.endpoints.attempts("shop", hook or self.hook.id, limit=100)

    @property
    def state(self) -> str:
        return self.log()[0].state

    def ids(self) -> list[str]:
        return [heard.headers["webhook-id"] for heard in self.end.heard]

    def bodies(self):
        return [json.loads(heard.body) for heard in self.end.heard]

    def passes(self, **much: float) -> None:
        self.time.passes(**much)


@pytest.fixture
def end() -> Iterator[FarEnd]:
    with far_end() as end:
        yield end


@pytest.fixture
def house(engine: sa.Engine, end: FarEnd) -> House:
    return House(engine, end)


# --- The signature ---


def test_the_vector_of_the_standard():
    at = datetime.fromtimestamp(1614265330, tz=UTC)
    said = signatures(a_hook(secret=SECRET), id="msg_p5jXN8AQM9LWM0D4loKWxJek", body='{"test": 2432232314}', now=at)
    assert said == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_receiver_verifies_what_it_is_sent(house):
    house.outbox.owe(owed())
    house.step()
    (heard,) = house.end.heard
    assert Webhook(house.hook.secret).verify(heard.body, heard.headers)["type"] == "missed_connection"
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(SECRET).verify(heard.body, heard.headers)


def test_after_a_rotation_both_secrets_verify_for_a_day_and_then_the_new_one_alone(house):
    fresh = house.endpoints.rotate("shop", house.hook.id)
    assert fresh.secret != house.hook.secret
    house.outbox.owe(owed())
    house.step()
    for secret in (house.hook.secret, fresh.secret):
        Webhook(secret).verify(house.end.heard[0].body, house.end.heard[0].headers)
    house.passes(hours=24)
    house.outbox.owe(owed(id="notice-2"))
    house.step()
    assert " " not in house.end.heard[1].headers["webhook-signature"]


# --- What is told, and to whom ---


def test_an_endpoint_is_told_what_is_owed_for_pieces_of_its_account_and_of_its_kinds(house):
    picky = house.endpoints.add("shop", house.end.url + "/picky", kinds=["delivered"])
    house.endpoints.add("other", house.end.url + "/other")
    house.outbox.owe(owed())
    house.outbox.owe(owed(NoticeKind.DELIVERED, id="notice-2"))
    house.outbox.owe(replace(owed(id="notice-3"), account="nobody"))
    house.step()
    told = sorted((heard.path, json.loads(heard.body)["type"]) for heard in house.end.heard)
    assert told == [("/hook", "delivered"), ("/hook", "missed_connection"), ("/picky", "delivered")]
    assert len(set(house.ids())) == 3
    assert [attempt.kind for attempt in house.log(picky.id)] == ["delivered"]


def test_it_is_told_once_however_often_that_is_put_down(house):
    house.outbox.owe(owed())
    sender = house.sender()
    sender.note()
    house.outbox.notes.clear()  # a crash before it was noted
    sender.note()
    house.step()
    assert len(house.end.heard) == 1
    assert house.step() == 0


def test_the_body_says_what_happened_in_order_and_nothing_of_the_person(house):
    notice = replace(owed(), seq=7, first_time=False)
    said = json.loads(body(notice, pages="https://track.example"))
    assert (said["type"], said["data"]["seq"], said["data"]["first_time"]) == ("missed_connection", 7, False)
    assert (said["data"]["number"], said["data"]["departure"]) == ("LS123456785NL", "LH718/2026-11-22")
    text = json.dumps(said)
    for personal in (notice.recipient.name, notice.recipient.email, notice.recipient.person):
        assert personal not in text


def test_the_body_is_under_20_kb_whatever_is_in_it():
    long = replace(owed(), number="9" * 500, departure="X" * 30)
    assert len(body(long, pages="https://track.example").encode()) < MOST_BYTES


def test_it_is_the_same_text_in_every_attempt(house):
    house.end.will(500, 204)
    house.outbox.owe(owed())
    house.step()
    house.passes(seconds=7)
    house.step()
    first, second = house.end.heard
    assert (first.body, first.headers["webhook-id"]) == (second.body, second.headers["webhook-id"])


def test_what_is_no_longer_true_is_not_told_and_what_is_too_late_for_people_is(house):
    house.outbox.owe(owed())
    house.outbox.overtaken.add("notice-1")
    house.outbox.owe(replace(owed(NoticeKind.DELIVERED, id="notice-2"), expires_at=AT - timedelta(hours=1)))
    house.step()
    assert [said["type"] for said in house.bodies()] == ["delivered"]


def test_what_is_taken_back_is_taken_back_where_it_was_told(house):
    told = owed()
    house.outbox.owe(told)
    house.outbox.owe(owed(NoticeKind.WITHDRAWN, id="notice-2", withdraws=told.cause))
    house.outbox.owe(owed(NoticeKind.WITHDRAWN, id="notice-3", withdraws="missed_connection:never:said"))
    house.end.will(503)
    house.step()
    assert [said["type"] for said in house.bodies()] == ["missed_connection"]  # refused: the other waits
    house.passes(seconds=7)
    house.step()
    house.passes(seconds=30)
    house.step()
    assert [said["type"] for said in house.bodies()] == ["missed_connection", "missed_connection", "withdrawn"]


# --- Who does not answer ---


@pytest.mark.parametrize("answer", [301, 302, 400, 401, 404, 418, 429, 500, 503, "dies", "half", "mute"])
def test_only_2xx_is_a_yes(house, answer):
    house.end.will(answer)
    house.outbox.owe(owed())
    house.step()
    assert house.state in ("retry", "unknown")
    house.passes(seconds=7)
    house.step()
    assert house.state == "accepted"
    assert len(set(house.ids())) == 1


def test_it_goes_up_the_ladder_to_its_end_and_may_be_replayed_from_the_first_rung(house):
    house.end.will(*[500] * (len(LADDER) + 1))
    house.outbox.owe(owed())
    house.step()
    for wait in LADDER[1:]:
        house.time.at += wait * 1.21
        house.step()
    assert len(house.end.heard) == len(LADDER)
    assert house.state == "failed"
    house.passes(hours=1)
    assert house.step() == 0
    assert house.endpoints.replay("shop", house.hook.id, Wanted(failed=True)) == 1
    house.step()
    house.passes(seconds=7)
    house.step()
    assert house.state == "accepted"
    assert len(set(house.ids())) == 1


def test_retry_after_is_honoured(house):
    house.end.will((429, {"Retry-After": "600"}))
    house.outbox.owe(owed())
    house.step()
    house.passes(minutes=9)
    assert house.step() == 0
    house.passes(minutes=2)
    assert house.step() == 1


def test_retry_after_as_it_may_be_written():
    at = datetime(2026, 11, 21, 8, tzinfo=UTC)
    assert wait_asked_for("120", at) == timedelta(minutes=2)
    assert wait_asked_for("Sat, 21 Nov 2026 08:10:00 GMT", at) == timedelta(minutes=10)
    assert wait_asked_for("Sat, 21 Nov 2020 08:10:00 GMT", at) == timedelta(0)
    assert wait_asked_for("999999999", at) == timedelta(days=1)
    for nonsense in (None, "", "soon", "-5", "1.5", "Sat, 21 Nov 2026 08:10:00", "9" * 40):
        assert wait_asked_for(nonsense, at) is None


def test_410_switches_it_off_and_a_test_it_takes_switches_it_on(house):
    house.end.will(410)
    for n in range(3):
        house.outbox.owe(owed(id=f"notice-{n}"))
    house.step()
    assert len(house.end.heard) == 1
    assert house.endpoints.find("shop", house.hook.id).off_why == "it answered 410 Gone"
    house.outbox.owe(owed(id="while-off"))
    house.step()
    assert len(house.end.heard) == 1
    house.end.will(500)
    house.endpoints.test("shop", house.hook.id)
    house.step()
    assert house.endpoints.find("shop", house.hook.id).off_at is not None
    house.endpoints.test("shop", house.hook.id)
    house.step()
    assert house.endpoints.find("shop", house.hook.id).off_at is None
    assert house.endpoints.replay("shop", house.hook.id, Wanted(failed=True)) == 4
    house.step()
    assert sum(said["type"] == "missed_connection" for said in house.bodies()) == 1 + 4


def test_five_days_of_failure_switch_it_off_and_its_owner_hears_of_it_once(house):
    def fails(id: str) -> None:
        house.end.will(*[500] * 9)
        house.outbox.owe(owed(id=id))
        house.step()

    fails("day-1")
    house.passes(days=4, hours=23)
    fails("day-5")
    assert house.endpoints.find("shop", house.hook.id).off_at is None
    house.sender().tend()
    assert house.mails == []
    house.passes(hours=2)
    fails("day-6")
    assert house.endpoints.find("shop", house.hook.id).off_why == "it took nothing for five days"
    house.answers = [Later("451")]
    house.sender().tend()
    house.sender().tend()
    house.sender().tend()
    assert [mail.owner for mail in house.mails] == ["ops@shop.example"] * 2  # refused, then taken, then never again
    subject, text, language = switched_off(house.mails[0])
    assert (subject, language) == ("Your webhook was switched off", "en")
    assert house.hook.id in text
    assert house.hook.url not in text


def test_one_that_takes_something_in_between_stays_on(house):
    house.end.will(500)
    house.outbox.owe(owed(id="one"))
    house.step()
    house.passes(seconds=7)
    house.step()
    house.passes(days=6)
    house.end.will(500)
    house.outbox.owe(owed(id="two"))
    house.step()
    assert house.endpoints.find("shop", house.hook.id).off_at is None


def test_one_that_is_slow_holds_up_no_other(house):
    house.end.will("mute")
    with far_end() as other:
        house.allowed |= {other.url}
        Endpoints(house.store, house.time, allowed=house.allowed).add("shop", other.url + "/quick")
        for n in range(4):
            house.outbox.owe(owed(id=f"notice-{n}"))
        stop = threading.Event()
        sender = house.sender()
        sender._guard = Guard(allowed=house.allowed, wait_s=5)
        running = threading.Thread(target=sender.run, args=(stop,))
        running.start()
        wait_for(lambda: len(other.heard) == 4)
        assert len(house.end.heard) <= 1
        stop.set()
        house.end.released.set()
        running.join(10)
        assert not running.is_alive()


def test_killed_after_it_was_sent_it_is_sent_again_under_its_id(house):
    house.outbox.owe(owed())
    sender = house.sender()
    sender.note()
    message = house.store.claim(house.time())
    assert message is not None
    assert house.store.hand(message, house.time())
    assert house.step() == 0  # somebody has it
    house.passes(seconds=61)
    house.outbox.overtaken.add("notice-1")  # it may have it already: no silence about it now
    assert house.step() == 1
    assert not house.store.hand(message, house.time())
    assert house.ids() == [message.id]


def test_an_address_that_leads_inside_is_not_sent_to(engine, end):
    house = House(engine, end)
    house.allowed = frozenset()
    house.outbox.owe(owed())
    house.step()
    assert end.heard == []
    assert "must begin with https" in house.log()[0].answer


# --- What owners may do ---


def test_a_replay_says_it_again_under_the_same_id(house):
    for n in range(3):
        house.outbox.owe(owed(id=f"notice-{n}"))
        house.step()
        house.passes(hours=1)
    began = house.hook.made_at
    house.outbox.overtaken.update(house.outbox.notices)  # it was told once: it is told again
    replay = house.endpoints.replay
    hour = timedelta(hours=1)
    assert replay("shop", house.hook.id, Wanted(since=began + hour / 2, until=began + 2.5 * hour)) == 2
    house.step()
    assert replay("shop", house.hook.id, Wanted(id=house.ids()[0])) == 1
    house.step()
    assert replay("shop", house.hook.id, Wanted(kinds=("delivered",))) == 0
    assert replay("shop", house.hook.id, Wanted(failed=True)) == 0
    first, second, third = house.ids()[:3]
    assert sorted(house.ids()[3:]) == sorted([second, third, first])
    assert [attempt.attempt for attempt in house.log() if attempt.message == first] == [2, 1]


def test_the_log_goes_back_page_by_page(house):
    for n in range(5):
        house.outbox.owe(owed(id=f"notice-{n}"))
    house.step()
    seen, before = [], None
    while page := house.endpoints.attempts("shop", house.hook.id, limit=2, before=before):
        seen += [attempt.message for attempt in page]
        before = (page[-1].at, page[-1].message)
    assert sorted(seen) == sorted(house.ids())


def test_an_account_sees_its_own_endpoints_only(house):
    for act in (house.endpoints.find, house.endpoints.remove, house.endpoints.rotate, house.endpoints.test):
        with pytest.raises(UnknownWebhookError):
            act("other", house.hook.id)
    with pytest.raises(UnknownWebhookError):
        house.endpoints.replay("other", house.hook.id, Wanted(failed=True))
    assert house.endpoints.all("other") == []


def test_what_is_removed_is_sent_nothing_more(house):
    house.outbox.owe(owed())
    house.sender().note()
    house.endpoints.remove("shop", house.hook.id)
    assert house.step() == 0
    assert house.end.heard == []


@pytest.mark.parametrize("url", ["http://shop.example/", "https://10.0.0.1/", "https://shop.example:25/", "nonsense"])
def test_an_address_not_to_send_to_is_refused_when_it_is_registered(house, url):
    with pytest.raises(BadWebhookError) as refused:
        house.endpoints.add("shop", url)
    assert refused.value.pointer == "/url"


def test_a_kind_no_webhook_is_told_of_and_one_endpoint_too_many_are_refused(house):
    with pytest.raises(BadWebhookError, match="is none of"):
        house.endpoints.add("shop", "https://shop.example/", kinds=["delivered", "pigeon"])
    for _ in range(MOST - 1):
        house.endpoints.add("shop", "https://shop.example/")
    with pytest.raises(BadWebhookError, match="at most"):
        house.endpoints.add("shop", "https://shop.example/")


def test_what_is_asked_under_one_key_is_done_once(house):
    done = []

    def act() -> str:
        done.append(1)
        return f"answer {len(done)}"

    def once(key: str | None, request: bytes = b"a"):
        return house.endpoints.once("shop", key, request, act)

    assert [once("k").answer, once("k").answer, once("k").replayed] == ["answer 1", "answer 1", True]
    with pytest.raises(RepeatConflictError, match="another request"):
        once("k", b"b")
    assert [once(None).answer, once(None).answer] == ["answer 2", "answer 3"]
    with pytest.raises(ZeroDivisionError):
        house.endpoints.once("shop", "z", b"a", lambda: str(1 / 0))
    assert once("z").answer == "answer 4"

    def again() -> str:
        with pytest.raises(RepeatConflictError, match="still being answered"):
            once("nested")
        return "done"

    assert house.endpoints.once("shop", "nested", b"a", again).answer == "done"
    house.passes(hours=25)
    assert once("k").answer == "answer 5"


def test_old_messages_are_forgotten(house):
    house.outbox.owe(owed())
    house.step()
    house.passes(days=29)
    house.sender().tend()
    assert len(house.log()) == 1
    house.passes(days=2)
    house.sender().tend()
    assert house.log() == []
    assert house.endpoints.replay("shop", house.hook.id, Wanted(since=AT)) == 0


def test_nobody_there_is_tried_again(engine, end):
    house = House(engine, end)
    end.url = f"http://127.0.0.1:{free_port()}"
    house = House(engine, end)
    house.outbox.owe(owed())
    house.step()
    assert (house.state, house.log()[0].outcome) == ("retry", "refused")


def test_every_kind_that_goes_by_webhook_is_one_an_endpoint_may_ask_for():
    assert set(TELLS) <= set(NoticeKind)
    assert NoticeKind.MISSED_CONNECTION in TELLS


def a_hook(*, secret: str) -> Endpoint:
    return Endpoint("wh_1", "shop", "https://x.example", (), secret, None, None, None, "en", AT, None, None, "")


def wait_for(true, seconds: float = 10) -> None:
    over = threading.Event()
    for _ in range(int(seconds / 0.01)):
        if true():
            return
        over.wait(0.01)
    raise AssertionError("it did not come to pass")
