"""Letters over a real SMTP server: accepted, refused, and cut off at the worst moment."""

import asyncio
import mailbox
import socket
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from lastscan import mailbox as demo
from notify.channels.email.channel import GIVE_UP_S, WAIT_S, EmailChannel
from notify.channels.email.settings import BadMailSettingsError, MailServer, MailSettings
from notify.delivery import Accepted, ForGood, Later, NoAnswer
from notify.routing import LEASE
from tests.notify.test_dispatch import World
from tests.notify.world import AT, XIAOMING, owed

SETTINGS = MailSettings(sender="notices@example.org", pages="https://lastscan.example")


class Says:
    """A server that answers as told at one step of the conversation, and is kind at the others."""

    def __init__(self, rcpt: str = "", data: str = "", mail: str = "") -> None:
        self.answers = {"MAIL": mail, "RCPT": rcpt, "DATA": data}
        self.took: list[bytes] = []

    async def handle_MAIL(self, server, session, envelope, address, options):
        envelope.mail_from = address
        return self.answers["MAIL"] or "250 ok"

    async def handle_RCPT(self, server, session, envelope, address, options):
        if not self.answers["RCPT"]:
            envelope.rcpt_tos.append(address)
        return self.answers["RCPT"] or "250 ok"

    async def handle_DATA(self, server, session, envelope):
        if self.answers["DATA"] == "dies":
            self.took.append(envelope.content)
            self.answers["DATA"] = ""
            server.transport.abort()
            await asyncio.sleep(0)
            return "250 nobody hears this"
        if self.answers["DATA"] == "silent":
            await asyncio.sleep(2)
        if not self.answers["DATA"]:
            self.took.append(envelope.content)
        return self.answers["DATA"] or "250 kept"


@pytest.fixture
def serve() -> Iterator[Callable[[Says], MailServer]]:
    stops = []

    def start(server: Says) -> MailServer:
        url, stop = demo.serve(server)
        stops.append(stop)
        return MailServer.parse(url)

    yield start
    for stop in stops:
        stop()


def send(server: MailServer, wait_s: float = 5):
    channel = EmailChannel(server, SETTINGS, wait_s=wait_s)
    return channel.send(channel.compose(owed(), key="key-1", written_at=AT), key="key-1")


def test_a_letter_is_accepted_with_the_servers_words(serve):
    assert send(serve(Says())) == Accepted("250 kept")


@pytest.mark.parametrize("step", ["mail", "rcpt", "data"])
def test_a_4xx_is_tried_again_and_a_5xx_is_not(serve, step):
    assert isinstance(send(serve(Says(**{step: "451 come back later"}))), Later)
    assert isinstance(send(serve(Says(**{step: "550 no such user"}))), ForGood)


def test_a_server_that_wants_another_login_is_no_fault_of_the_address(serve):
    assert isinstance(send(serve(Says(mail="530 authentication required"))), Later)


def test_no_server_is_a_later():
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    assert isinstance(send(MailServer("127.0.0.1", port)), Later)


def test_a_server_that_never_greets_is_a_later():
    with socket.create_server(("127.0.0.1", 0)) as mute:
        assert isinstance(send(MailServer("127.0.0.1", mute.getsockname()[1]), wait_s=0.2), Later)


def test_a_server_that_dies_after_the_letter_leaves_no_answer(serve):
    assert isinstance(send(serve(Says(data="dies"))), NoAnswer)


def test_a_server_that_keeps_silent_after_the_letter_leaves_no_answer(serve):
    assert isinstance(send(serve(Says(data="silent")), wait_s=0.3), NoAnswer)


def test_every_copy_of_a_letter_has_one_message_id(serve):
    server = Says(data="dies")
    world = World(owed())
    channels = {"email": EmailChannel(serve(server), SETTINGS)}
    dispatcher = world.dispatcher(channels=channels)
    dispatcher.step()
    assert world.outbox.outcomes == {"notice-1": "unknown"}
    world.real.passes(seconds=7)
    dispatcher.step()
    assert world.outbox.outcomes == {"notice-1": "accepted"}
    ids = [line for copy in server.took for line in copy.splitlines() if line.startswith(b"Message-ID:")]
    assert len(ids) == 2
    assert ids[0] == ids[1]


def test_a_line_that_begins_with_a_dot_arrives_as_it_was(tmp_path):
    url, stop = demo.start(tmp_path / "mail")
    channel = EmailChannel(MailServer.parse(url), SETTINGS)
    message = channel.compose(owed(), key="key-1", written_at=AT)
    dotted = message.body.replace(b"Hello Ada", b".\r\n..Hello Ada", 1)
    channel.send(type(message)(message.address, message.language, dotted), key="key-1")
    stop()
    assert ".\n..Hello Ada" in demo.letters(tmp_path / "mail")[0].text.replace("\r\n", "\n")


def test_the_demos_mailbox_keeps_what_it_accepted(tmp_path: Path):
    folder = tmp_path / "mail"
    assert demo.letters(folder) == []
    url, stop = demo.start(folder)
    world = World(owed(id="one"), owed(id="two", to=XIAOMING))
    channels = {"email": EmailChannel(MailServer.parse(url), SETTINGS)}
    world.dispatcher(channels=channels).step()
    stop()
    kept = {letter.to: letter for letter in demo.letters(folder)}
    assert world.store.counts().notices_sent == len(kept) == 2
    letter = kept["xiaoming@example.org"]
    assert (letter.language, letter.number, letter.at) == ("zh-Hans", "LS123456785NL", AT)
    assert "您的包裹未赶上中转班次" in letter.subject
    assert letter.text.startswith("王小明，您好：")
    assert "<html" in letter.html


def test_the_mailbox_shows_the_newest_first_and_any_letter_at_all(tmp_path):
    box = mailbox.Maildir(tmp_path / "mail", create=True)
    box.add(b"Subject: bare\r\n\r\nno html, no link")
    (letter,) = demo.letters(tmp_path / "mail")
    assert (letter.subject, letter.html, letter.number, letter.to) == ("bare", "", "", "")


@pytest.mark.parametrize("url", ["", "example.org:25", "http://example.org", "smtp://", "smtp://example.org:x"])
def test_a_mail_server_that_makes_no_sense_is_refused_with_its_form(url):
    with pytest.raises(BadMailSettingsError, match="smtp://host:port"):
        MailServer.parse(url)


def test_the_parts_of_a_mail_servers_address():
    assert MailServer.parse("smtps://me:p%40ss@mail.example.org") == MailServer(
        "mail.example.org", 465, encrypted=True, user="me", password="p@ss"
    )
    assert MailServer.parse("smtp://localhost:2525").is_here
    assert not MailServer.parse("smtp://mail.example.org").is_here


def test_a_password_is_not_sent_in_the_open(serve, monkeypatch):
    here = serve(Says())
    monkeypatch.setattr(MailServer, "is_here", property(lambda _: False))
    outcome = send(MailServer(here.host, here.port, user="me", password="secret"))
    assert isinstance(outcome, Later)
    assert "smtps://" in outcome.answer


def test_a_lease_outlasts_a_letter():
    assert timedelta(seconds=GIVE_UP_S + WAIT_S) < LEASE
