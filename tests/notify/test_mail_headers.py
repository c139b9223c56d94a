"""Two thousand nasty strings in every field of a letter: its headers are exactly those that are meant."""

import email
import itertools
import random
from dataclasses import replace
from email.policy import default

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notify.channel import UnsayableError
from notify.channels.email.channel import EmailChannel
from notify.channels.email.letter import recipient
from notify.channels.email.settings import MailServer, MailSettings
from notify.owed import OwedNotice
from tests.notify.world import ADA, AT, XIAOMING, owed
from tracker.domain.network import Facility
from tracker.domain.notices import NoticeKind

MEANT = [
    "From", "To", "Subject", "Date", "Message-ID", "References", "Auto-Submitted", "List-Unsubscribe",
    "List-Unsubscribe-Post", "MIME-Version", "Content-Type", "Content-Language",
]  # fmt: skip

LEAVE = "https://track.example/u/" + "t" * 90

CHANNEL = EmailChannel(MailServer("127.0.0.1", 25), MailSettings(sender="notices@example.org", wishes=lambda _: LEAVE))

BREAKS = [
    "\r\n",
    "\n",
    "\r",
    "\x0b",
    "\x0c",
    "\x1c",
    "\x85",
    "\u2028",
    "\u2029",
    "\x00",
    "%0d%0a",
    "\\r\\n",
    "=0D=0A",
    "\r\n\t",
]
HEADERS = [
    "Bcc: all@example.org",
    "Content-Type: text/html",
    "To: b@example.org",
    "Subject: won",
    "X-Evil: 1",
    "\r\nBody",
]
SHELLS = [
    "{b}{h}", "Ada{b}{h}", "Ada <a@example.org>{b}{h}", "=?utf-8?q?{b}{h}?=", '"{b}{h}"', "Ada,{b} {h}",
    "({b}{h})", "王{b}{h}", "{h}{b}", "<{b}{h}>", ";{b}{h}", "@{b}{h}",
]  # fmt: skip
ODD = [
    "", " ", ".", "..", "\u202eadA", "a" * 1000, "é" * 200, "😀" * 60, "=?utf-8?b?QmNjOiB4?=", "=?x", "a@b", '"', "\\",
    "'",     "<script>alert(1)</script>", "{{ 7*7 }}", "{number}", "{% raw %}", "a\tb", "A, B", "A; B",
    "undisclosed-recipients:;",     "--part-4711", "\r\n--part-4711--\r\n", ".", "\r\n.\r\n",
]  # fmt: skip


def nasty() -> list[str]:
    made = [shell.format(b=b, h=h) for shell, b, h in itertools.product(SHELLS, BREAKS, HEADERS)]
    chance = random.Random(4711)
    mixed = ["".join(chance.choices(ODD[2:] + BREAKS + HEADERS, k=3)) for _ in range(2000 - len(made) - len(ODD))]
    return [*made, *ODD, *mixed]


def all_over(text: str) -> OwedNotice:
    """The same text in every field at once that people or machines can fill."""
    place = Facility("AMS", names={"en": text, "zh-Hans": text})
    reader = replace(ADA, name=text, language=text, zone=text)
    return replace(
        owed(to=reader, number=text),
        origin=place,
        destination=place,
        places={"AMS": place, "LEJ": place},
        departure=text,
    )


def held_to(notice: OwedNotice) -> bool:
    """True if there is a letter, with just the headers that are meant; False if it is refused as unsayable."""
    try:
        message = CHANNEL.compose(notice, key="key-1", written_at=AT)
    except UnsayableError:
        return False
    letter = email.message_from_bytes(message.body, policy=default)
    assert letter.keys() == MEANT
    assert [address.addr_spec for address in letter["To"].addresses] == [message.address]
    assert letter["From"].addresses[0].addr_spec == "notices@example.org"
    assert letter["Message-ID"] == "<key-1@example.org>"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["List-Unsubscribe"] == f"<{LEAVE}>"
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert [part.get_content_type() for part in letter.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    head, _, _ = message.body.partition(b"\r\n\r\n")
    assert all(len(line) <= 998 for line in head.split(b"\r\n"))  # RFC 5322, section 2.1.1
    assert not any(b"\r" in line or b"\n" in line for line in head.split(b"\r\n"))
    return True


def test_2000_nasty_strings_in_every_field_add_no_header_and_stop_no_letter() -> None:
    strings = nasty()
    assert len(strings) >= 2000
    for text in strings:
        assert held_to(all_over(text)), text


def test_2000_nasty_addresses_are_refused_or_are_that_address_alone() -> None:
    for text in nasty():
        notice = owed(to=replace(ADA, email=text))
        try:
            address = recipient(notice)
        except UnsayableError:
            continue
        assert held_to(notice) or not address.addr_spec


@given(st.text(max_size=60))
@settings(max_examples=50)
def test_any_text_adds_no_header(text: str) -> None:
    held_to(all_over(text))
    held_to(owed(to=replace(ADA, email=text)))


def test_letters_about_one_piece_are_one_thread_and_about_another_another() -> None:
    def references(notice: OwedNotice, key: str) -> tuple[str, str]:
        letter = email.message_from_bytes(CHANNEL.compose(notice, key=key, written_at=AT).body, policy=default)
        return letter["References"], letter["Message-ID"]

    first, second = references(owed(), "key-1"), references(owed(NoticeKind.DELIVERED), "key-2")
    assert first[0] == second[0]
    assert first[1] != second[1]
    assert references(owed(number="LS123456799NL"), "key-3")[0] != first[0]


@pytest.mark.parametrize(("to", "tag"), [(ADA, "en"), (XIAOMING, "zh-Hans")])
def test_the_language_of_a_letter_is_in_its_header(to, tag: str) -> None:
    letter = email.message_from_bytes(CHANNEL.compose(owed(to=to), key="k", written_at=AT).body, policy=default)
    assert letter["Content-Language"] == tag


def test_a_letter_is_the_same_to_the_byte_in_every_attempt() -> None:
    assert len({CHANNEL.compose(owed(), key="key-1", written_at=AT).body for _ in range(3)}) == 1
