"""What providers say afterwards: confirmed, come back, complained of; and what of it has no effect."""

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from standardwebhooks import Webhook

from notify.delivery import Feedback, NoAnswer, Said
from notify.feedback import FeedbackDesk, UnreadableFeedbackError, read_returned, secret_of
from notify.proofs import address_digest
from notify.routing import delivery_id
from notify.store.feedback import FeedbackStore
from tests.notify.test_dispatch import World
from tests.notify.world import ADA, XIAOMING, Provider, owed
from tracker.domain.notices import NoticeKind
from web.hooks import hooks

KEY = delivery_id("notice-1", "email")
SECRET = secret_of("a key")
ADDRESS = address_digest(ADA.email, b"k")


def says(world: World, said: Said, id: str = "event-1", key: str = KEY) -> None:
    world.store.feedback.keep(Feedback("mail", id, key, said, "5.1.1 no such user"), world.real())
    world.dispatcher().heed()
    world.step()


def outcomes(world: World) -> list[str]:
    return [proof.outcome for proof in world.ledger.proofs()]


def test_a_confirmation_is_proven_once_however_often_it_comes():
    world = World(owed())
    world.step()
    says(world, Said.DELIVERED)
    says(world, Said.DELIVERED)
    assert outcomes(world) == ["accepted", "delivered"]
    assert world.store.counts().notices_sent == 1


def test_a_confirmation_answers_an_open_question():
    world = World(owed(), provider=Provider(NoAnswer("reset")))
    world.step()
    says(world, Said.DELIVERED)
    world.real.passes(hours=1)
    world.step()
    assert len(world.email.asked) == 1
    assert world.outbox.outcomes == {"notice-1": "accepted"}


def test_what_came_back_goes_by_the_next_channel_and_nothing_more_to_that_address():
    class Phone(Provider):
        def address(self, recipient):
            return "+31201234567"

    sms = Phone()
    world = World(owed(channels=("email", "sms")), sms=sms)
    world.step()
    says(world, Said.BOUNCED)
    world.step()
    assert len(sms.took) == 1
    world.outbox.owe(owed(id="next", number="LS2", channels=("email",)))
    world.outbox.owe(owed(id="other", number="LS3", to=XIAOMING))
    world.step()
    assert len(world.email.took) == 2  # the first, and to somebody else
    assert world.outbox.outcomes["next"] == "failed"
    assert "bounced" in world.whys()[-2] or "bounced" in world.whys()[-1]
    assert FeedbackStore(world.engine).forget(ADDRESS)
    assert not FeedbackStore(world.engine).forget(ADDRESS)


def test_a_mailbox_that_is_full_three_times_is_left_alone_for_a_day():
    world = World(*(owed(id=f"notice-{n}", number=f"LS{n}") for n in range(3)))
    world.step()
    for n in range(3):
        says(world, Said.RETURNED, f"event-{n}", delivery_id(f"notice-{n}", "email"))
        assert (world.store.feedback.suppressed(ADDRESS, world.real()) is not None) == (n == 2)
    assert world.store.feedback.suppressed(ADDRESS, world.real() + timedelta(hours=24)) is None


def test_a_complaint_ends_it_at_once_and_is_not_made_good_by_a_later_delivery():
    world = World(owed(NoticeKind.DELIVERED), owed(id="second", number="LS2"))
    world.step()
    says(world, Said.COMPLAINED)
    says(world, Said.DELIVERED, "event-2", delivery_id("second", "email"))
    found = world.store.feedback.suppressed(ADDRESS, world.real() + timedelta(days=400))
    assert found is not None
    assert found.cause == "complained"


def test_what_is_said_of_nothing_we_sent_has_no_effect():
    world = World(owed())
    world.step()
    says(world, Said.BOUNCED, key="00000000-0000-0000-0000-000000000000")
    assert outcomes(world) == ["accepted"]
    assert world.store.unheeded() == []


# --- By HTTP --------------------------------------------------------------------------------------------------


@pytest.fixture
def world() -> World:
    made = World(owed())
    made.step()
    return made


def posted(world: World, *, secret: str = SECRET, id: str = "msg-1", provider: str = "mailer", body: str = "") -> int:
    app = Flask(__name__)
    app.register_blueprint(hooks(FeedbackDesk(world.engine, {"mailer": SECRET})))
    body = body or f'{{"key": "{KEY}", "type": "bounced", "words": "550"}}'
    now = datetime.now(UTC)
    headers = {
        "webhook-id": id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(id, now, body),
    }
    return app.test_client().post(f"/hooks/{provider}", data=body, headers=headers).status_code


def test_a_signed_callback_is_kept_once(world):
    assert [posted(world), posted(world)] == [204, 204]
    assert len(world.store.unheeded()) == 1


def test_a_forged_one_and_one_of_a_stranger_have_no_effect(world):
    assert posted(world, secret=secret_of("another key")) == 401
    assert posted(world, provider="stranger") == 401
    assert world.store.unheeded() == []


def test_a_signed_one_that_makes_no_sense_is_refused(world):
    assert posted(world, body='{"type": "bounced"}') == 400
    assert posted(world, body="[]") == 400
    assert world.store.unheeded() == []


# --- By mail --------------------------------------------------------------------------------------------------


def report(action: str, status: str, *, key: str = KEY, kind: str = "delivery-status") -> bytes:
    return f"""\
From: MAILER-DAEMON@mx.example
To: notices@example.org
Message-ID: <bounce-1@mx.example>
MIME-Version: 1.0
Content-Type: multipart/report; report-type={kind}; boundary="b"

--b
Content-Type: text/plain

Sorry.
--b
Content-Type: message/{kind}

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; ada@example.org
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 550 5.1.1 no such user

--b
Content-Type: text/rfc822-headers

Message-ID: <{key}@example.org>
Subject: Your parcel

--b--
""".replace("\n", "\r\n").encode()


@pytest.mark.parametrize(
    ("action", "status", "said"),
    [
        ("failed", "5.1.1", Said.BOUNCED),
        ("failed", "4.2.2", Said.RETURNED),
        ("delivered", "2.0.0", Said.DELIVERED),
    ],
)
def test_a_mail_that_came_back_names_its_delivery(action, status, said):
    found = read_returned(report(action, status))
    assert found is not None
    assert (found.delivery, found.said, found.id) == (KEY, said, "<bounce-1@mx.example>")
    assert found.words.startswith(status)


def test_one_that_is_only_late_says_nothing_yet():
    assert read_returned(report("delayed", "4.4.1")) is None


def test_a_complaint_is_read():
    found = read_returned(report("", "", kind="feedback-report"))
    assert found is not None
    assert found.said is Said.COMPLAINED


@pytest.mark.parametrize("raw", [b"", b"Subject: hello\r\n\r\nhello", report("failed", "5.1.1", key="not-ours")])
def test_any_other_mail_is_not_taken(raw):
    with pytest.raises(UnreadableFeedbackError):
        read_returned(raw)
