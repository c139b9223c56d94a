"""A notifier to be killed: the shipped `run_notify` in a process of its own, on a clock that can be moved on."""

import http.client
import logging
import struct
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from lastscan.prove.notices.owed import NOW, Outbox
from lastscan.prove.notices.provider import TIMEOUT_S
from notify.channel import Channel, Message
from notify.channels.email.channel import EmailChannel
from notify.channels.email.settings import MailServer, MailSettings
from notify.delivery import Accepted, ForGood, Later, NoAnswer, Outcome
from notify.dispatch import Clocks
from notify.main import run_notify
from notify.owed import OwedNotice, Recipient
from notify.pace import Pace
from notify.preferences import Preferences
from notify.store.deliveries import DeliveryStore
from tracker.clock import StoppedClock
from tracker.store.engine import open_engine

AT_ONCE = 16


class MovedOn:
    """Real time, ahead by what stands in a file that all notifiers read: nobody waits for hours of the ladder."""

    def __init__(self, file: Path) -> None:
        self._file = file

    @property
    def ahead(self) -> timedelta:
        return timedelta(seconds=struct.unpack("d", self._file.read_bytes())[0])

    def by(self, ahead: timedelta) -> None:
        whole = self._file.with_suffix(".new")
        whole.write_bytes(struct.pack("d", ahead.total_seconds()))
        whole.replace(self._file)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class HttpChannel:
    """A provider with keys, over HTTP."""

    remembers_keys = True

    def __init__(self, port: int) -> None:
        self._port = port

    def address(self, recipient: Recipient) -> str | None:
        return recipient.email

    def compose(self, notice: OwedNotice, *, key: str, written_at: datetime) -> Message:
        return Message(notice.recipient.email or "", "en", b'{"notice": "%s"}' % notice.id.encode())

    def send(self, message: Message, *, key: str) -> Outcome:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=TIMEOUT_S)
        try:
            connection.connect()
        except OSError as error:
            return Later(f"no connection: {error}")
        try:
            connection.request("POST", "/messages", message.body, {"Idempotency-Key": key})
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            return NoAnswer(f"{type(error).__name__}: {error}")
        finally:
            connection.close()
        if answer.status == 200:
            return Accepted("200")
        if answer.status == 429 or answer.status >= 500:
            return Later(str(answer.status), timedelta(seconds=int(answer.headers.get("Retry-After", "0"))))
        return ForGood(str(answer.status))


def run_notifier(database_url: str, port: int, smtp: bool, ahead: str) -> None:
    """The body of its process. It ends when it is killed."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable(logging.CRITICAL)
    engine = open_engine(database_url)
    mail = EmailChannel(MailServer("127.0.0.1", port), MailSettings(), wait_s=TIMEOUT_S)
    channel: Channel = mail if smtp else HttpChannel(port)
    run_notify(
        Outbox(engine),
        DeliveryStore(engine),
        {"provider": channel},
        Clocks(StoppedClock(NOW), MovedOn(Path(ahead))),
        threading.Event(),
        preferences=Preferences(engine, b"prove"),
        proof_key=b"prove",
        paces={"provider": Pace(AT_ONCE)},
    )
