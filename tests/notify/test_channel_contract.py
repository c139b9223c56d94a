"""What every channel promises of the far end, whatever that does: held against real servers on this machine."""

import asyncio
import email
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from lastscan import mailbox
from notify.channel import Channel
from notify.channels.email.channel import EmailChannel
from notify.channels.email.settings import MailServer, MailSettings
from notify.channels.push.channel import PushChannel, public_key
from notify.channels.sms.channel import BadSmsSettingsError, SmsChannel
from notify.channels.webhook.body import body
from notify.channels.webhook.channel import hand_over
from notify.channels.webhook.endpoint import Endpoint
from notify.delivery import Accepted, ForGood, Later, NoAnswer, Outcome
from notify.guarded import Guard
from notify.owed import OwedNotice
from notify.store.subscriptions import Subscriptions
from tests.notify.browser import Browser
from tests.notify.far_ends import far_end, free_port
from tests.notify.world import ADA, AT, XIAOMING, memory_engine, owed
from tracker.domain.notices import NoticeKind

WAIT_S = 0.3
HOSTILE = "Ada\r\nBcc: all@example.org\r\n\r\n<b>&\u2028\x00"


VAPID = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


class Subject(Protocol):
    """A channel with its far end. What that `will` do is said in words all far ends understand."""

    tells_when: bool  # the far end can say when to come again
    reaches_people: bool

    def will(self, *answers: str) -> None: ...
    def moves_away(self) -> None: ...
    def send(self, notice: OwedNotice, *, key: str = "key-1") -> Outcome: ...
    def arrived(self) -> list[tuple[str, frozenset[str], str]]:
        """Key, names of headers, and text, of each message that came in whole."""
        ...


class ByPost:
    """Shared by what sends over HTTP."""

    STATUS: dict[str, Any] = {
        "yes": (204, {}),
        "never": (410, {}),
        "later": (503, {}),
        "in ten minutes": (429, {"Retry-After": "600"}),
        "elsewhere": (302, {"Location": "http://169.254.169.254/"}),
        "dies": "dies",
        "half": "half",
        "mute": "mute",
    }

    def __init__(self, stack: ExitStack) -> None:
        self.end = stack.enter_context(far_end())
        self.url = self.end.url

    def will(self, *answers: str) -> None:
        self.end.will(*(self.STATUS[answer] for answer in answers))

    def moves_away(self) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"


class Webhook(ByPost):
    tells_when, reaches_people = True, False

    def send(self, notice: OwedNotice, *, key: str = "key-1") -> Outcome:
        secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        end = Endpoint("wh_1", "shop", self.url, (), secret, None, None, None, "en", AT, None, None, "")
        guard = Guard(frozenset({self.url}), wait_s=WAIT_S)
        text = body(notice, pages="https://track.example")
        return hand_over(guard, end, id=key, body=text, now=datetime.now(UTC))

    def arrived(self) -> list[tuple[str, frozenset[str], str]]:
        return [
            (heard.headers["webhook-id"], frozenset(heard.headers), json.loads(heard.body)["type"])
            for heard in self.end.heard
        ]


class OfPeople:
    reaches_people = True

    @property
    def channel(self) -> Channel:
        raise NotImplementedError

    def send(self, notice: OwedNotice, *, key: str = "key-1") -> Outcome:
        return self.channel.send(self.channel.compose(notice, key=key, written_at=AT), key=key)


class Sms(ByPost, OfPeople):
    tells_when = False

    @property
    def channel(self) -> Channel:
        address = self.url.replace("http://", "json://") + "/sms?:to={phone}&+X-Key={key}"
        return SmsChannel(f"{address}&rto={WAIT_S}&cto={WAIT_S}&redirect=no", region="NL")

    def arrived(self) -> list[tuple[str, frozenset[str], str]]:
        return [
            (heard.headers["x-key"], frozenset(heard.headers), json.loads(heard.body)["message"])
            for heard in self.end.heard
        ]


class Push(ByPost, OfPeople):
    tells_when = True

    def __init__(self, stack: ExitStack) -> None:
        super().__init__(stack)
        self.browser = Browser()
        self.subscriptions = Subscriptions(memory_engine())

    @property
    def channel(self) -> Channel:
        for person in (ADA.person, XIAOMING.person):
            self.subscriptions.keep(person, self.browser.subscription(self.url + "/push"), AT)
        return PushChannel(
            self.subscriptions,
            Guard(frozenset({self.url}), wait_s=WAIT_S),
            private_key=VAPID,
            contact="ops@example.org",
            pages="https://track.example",
            now=lambda: datetime.now(UTC),
        )

    def arrived(self) -> list[tuple[str, frozenset[str], str]]:
        shown = [(heard, json.loads(self.browser.opened(heard.body))) for heard in self.end.heard]
        return [(said["tag"], frozenset(heard.headers), said["body"]) for heard, said in shown]


class Mail(OfPeople):
    tells_when = False
    SAYS = {"never": "550 no such user", "later": "451 come back", "in ten minutes": "421 later", "elsewhere": "354 go"}

    def __init__(self, stack: ExitStack) -> None:
        self.answers: list[str] = []
        self.took: list[bytes] = []
        self.url, stop = mailbox.serve(self)
        stack.callback(stop)
        self.over = False
        stack.callback(lambda: setattr(self, "over", True))

    def will(self, *answers: str) -> None:
        self.answers = list(answers)

    def moves_away(self) -> None:
        self.url = f"smtp://127.0.0.1:{free_port()}"

    @property
    def channel(self) -> Channel:
        settings = MailSettings(sender="notices@example.org", wishes=lambda _: "https://track.example/u/x")
        return EmailChannel(MailServer.parse(self.url), settings, wait_s=WAIT_S)

    def arrived(self) -> list[tuple[str, frozenset[str], str]]:
        letters = [email.message_from_bytes(raw, policy=email.policy.default) for raw in self.took]
        return [
            (
                str(letter["Message-ID"]).strip("<>").partition("@")[0],
                frozenset(name.lower() for name in letter),
                str(letter["Subject"]),
            )
            for letter in letters
        ]

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.took.append(envelope.content)
        answer = self.answers.pop(0) if self.answers else "yes"
        if answer in ("dies", "half"):
            if answer == "half":
                server.transport.write(b"25")
            server.transport.close()
            await asyncio.sleep(0)
        while answer == "mute" and not self.over:
            await asyncio.sleep(0.01)
        return self.SAYS.get(answer, "250 kept")


@pytest.fixture(params=[Mail, Sms, Push, Webhook], ids=["email", "sms", "push", "webhook"])
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    with ExitStack() as stack:
        yield request.param(stack)


ADA_WITH_PHONE = replace(ADA, phone="06 1234 5678")
NOTICE = owed(to=ADA_WITH_PHONE)


def test_what_is_taken_is_accepted_and_arrives_once(subject: Subject) -> None:
    assert isinstance(subject.send(NOTICE), Accepted)
    assert len(subject.arrived()) == 1


def test_what_is_refused_for_good_is_not_tried_again(subject: Subject) -> None:
    subject.will("never")
    assert isinstance(subject.send(NOTICE), ForGood)


def test_what_is_refused_for_now_is_tried_later_and_when_the_far_end_wishes(subject: Subject) -> None:
    subject.will("later", "in ten minutes")
    assert subject.send(NOTICE) == Later(subject_answer(subject, NOTICE, "later"))
    subject.will("in ten minutes")
    outcome = subject.send(NOTICE)
    assert isinstance(outcome, Later)
    assert outcome.after == (timedelta(minutes=10) if subject.tells_when else None)


@pytest.mark.parametrize("silence", ["dies", "half", "mute"])
def test_what_was_sent_whole_and_not_answered_may_have_arrived(subject: Subject, silence: str) -> None:
    subject.will(silence)
    assert isinstance(subject.send(NOTICE), NoAnswer)
    assert len(subject.arrived()) == 1


def test_an_answer_that_is_neither_yes_nor_no_is_no_yes(subject: Subject) -> None:
    subject.will("elsewhere")
    assert isinstance(subject.send(NOTICE), Later | NoAnswer)


def test_nobody_there_is_surely_not_taken(subject: Subject) -> None:
    subject.moves_away()
    assert isinstance(subject.send(NOTICE), Later)


def test_every_attempt_bears_the_same_key(subject: Subject) -> None:
    subject.will("dies", "later", "yes")
    for _ in range(3):
        subject.send(NOTICE, key="key-4711")
    assert [key for key, _, _ in subject.arrived()] == ["key-4711"] * 3


def test_no_name_number_or_place_adds_a_header(subject: Subject) -> None:
    place = replace(NOTICE.origin, names={"en": HOSTILE})
    hostile = replace(NOTICE, number=HOSTILE, origin=place, recipient=replace(ADA_WITH_PHONE, name=HOSTILE))
    assert isinstance(subject.send(NOTICE), Accepted)
    assert isinstance(subject.send(hostile), Accepted)
    (_, meant, _), (_, found, _) = subject.arrived()
    assert found == meant


def test_no_answer_of_the_far_end_is_kept_with_a_number_or_a_line_end(subject: Subject) -> None:
    for answer in ("yes", "never", "later", "dies"):
        subject.will(answer)
        said = subject.send(NOTICE).answer
        assert "\n" not in said
        assert "31612345678" not in said


def test_a_person_is_told_in_their_language(subject: Subject) -> None:
    if not subject.reaches_people:
        assert isinstance(subject.send(replace(NOTICE, recipient=XIAOMING)), Accepted)
        return
    subject.send(replace(NOTICE, recipient=replace(XIAOMING, phone="+8613800138000")))
    assert "未赶上" in subject.arrived()[0][2]


@pytest.mark.parametrize("kind", [Mail, Sms])
def test_who_has_no_address_has_none(kind: Callable[[ExitStack], OfPeople]) -> None:
    with ExitStack() as stack:
        channel = kind(stack).channel
        assert channel.address(replace(ADA, email=None, phone=None)) is None
        assert channel.address(ADA_WITH_PHONE)


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("+31 6 12345678", "+31612345678"),
        ("06-12345678", "+31612345678"),
        ("0031612345678", "+31612345678"),
        ("+86 138 0013 8000", "+8613800138000"),
        ("+1 (206) 555-0100", "+12065550100"),
        ("12", None),
        ("+999 1234567", None),
        ("call me", None),
        ("", None),
    ],
)
def test_numbers_go_out_in_one_form(written: str, number: str | None) -> None:
    channel = SmsChannel("json://127.0.0.1/?:to={phone}", region="NL")
    assert channel.address(replace(ADA, phone=written)) == number


def test_a_service_remembers_keys_only_where_its_address_has_a_place_for_one() -> None:
    assert not SmsChannel("json://127.0.0.1/?:to={phone}").remembers_keys
    assert SmsChannel("json://127.0.0.1/?:to={phone}&+Idempotency-Key={key}").remembers_keys


@pytest.mark.parametrize("url", ["", "json://127.0.0.1/", "nosuchservice://{phone}", "{phone}"])
def test_an_address_of_no_service_is_refused_with_its_form(url: str) -> None:
    with pytest.raises(BadSmsSettingsError, match=r"twilio://"):
        SmsChannel(url)


def test_a_push_says_how_long_and_how_urgent_and_one_takes_the_place_of_another() -> None:
    with ExitStack() as stack:
        push = Push(stack)
        push.will("dies")
        push.send(NOTICE)
        push.send(NOTICE)
        push.send(owed(NoticeKind.DELIVERED, to=ADA))
        first, second, calm = (heard.headers for heard in push.end.heard)
        assert (first["urgency"], calm["urgency"], first["ttl"]) == ("high", "normal", str(24 * 3600))
        assert first["topic"] == second["topic"]
        assert 0 < len(first["topic"]) <= 32
        assert first["content-encoding"] == "aes128gcm"
        assert first["authorization"].endswith(f"k={public_key(VAPID)}")
        token = first["authorization"].removeprefix("vapid t=").partition(",")[0]
        claims = jwt.decode(
            token, load_pem_private_key(VAPID, None).public_key(), ["ES256"], audience="http://127.0.0.1"
        )
        assert claims["sub"] == "mailto:ops@example.org"


def test_a_browser_that_ended_its_subscription_is_forgotten_and_the_next_channel_has_its_turn() -> None:
    with ExitStack() as stack:
        push = Push(stack)
        push.will("never")
        assert isinstance(push.send(NOTICE), ForGood)
        assert push.subscriptions.of(ADA.person) is None


def subject_answer(subject: Subject, notice: OwedNotice, answer: str) -> str:
    subject.will(answer)
    return subject.send(notice).answer
