"""What a letter says, in each language, and what it never lets through."""

import re
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser

import pytest

from locales import choose, languages, words
from notify.channel import UnsayableError
from notify.channels.email.letter import compose, compose_joined
from notify.channels.email.settings import MailSettings
from notify.owed import OwedNotice
from notify.texts import write
from tests.notify.world import ADA, AT, XIAOMING, owed
from tracker.domain.follows import groups, told_to_followers
from tracker.domain.network import Facility, FacilityKind
from tracker.domain.notices import NOTICE_RULES, NoticeKind
from tracker.domain.owed import GOES_AFTER_ALL
from tracker.domain.why import because

LINK = "https://lastscan.example/u/" + "abcdefgh-_" * 7  # as long as real ones

SETTINGS = MailSettings(sender="notices@example.org", pages="https://lastscan.example", wishes=lambda notice: LINK)

OWN = replace(SETTINGS, page=lambda notice: f"https://lastscan.example/l/{notice.number}")

HEADERS = [
    "From", "To", "Subject", "Date", "Message-ID", "References", "Auto-Submitted", "List-Unsubscribe",
    "List-Unsubscribe-Post", "MIME-Version", "Content-Type", "Content-Language",
]  # fmt: skip

MUST = [kind for kind, rule in NOTICE_RULES.items() if rule.left_with is None]
STOP = "To choose what you hear and when, or to stop these mails:"


def headers(kind: NoticeKind) -> list[str]:
    return sorted(name for name in HEADERS if kind not in MUST or not name.startswith("List-"))


POLYGLOTS = [
    "Ada\r\nBcc: everybody@example.org",
    "Ada\nSubject: won",
    "Ada\r\n\r\n<script>alert(1)</script>",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7*7 }}{% raw %}",
    "{name} {number}",
    "Ada\x00\x1b[31m",
    "Ada \u2028 Lovelace \u202e drawkcab",
    '"Ada" <other@example.org>',
    "x" * 5000,
    "",
]


class Visible(HTMLParser):
    """What a reader sees, and which elements there are."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.elements: list[str] = []
        self._hidden = 0
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)
        self._hidden += tag in ("style", "title")

    def handle_endtag(self, tag):
        self._hidden -= tag in ("style", "title")

    def handle_data(self, data):
        if not self._hidden and data.strip():
            self.texts.append(data.strip())


def letter(notice: OwedNotice, settings: MailSettings = SETTINGS) -> EmailMessage:
    """As it arrives, not as it was built."""
    sent = compose(notice, settings, key="key-1", written_at=AT).as_bytes()
    arrived = message_from_bytes(sent, policy=policy.default)
    assert isinstance(arrived, EmailMessage)
    return arrived


def text(message: EmailMessage) -> str:
    part = message.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def html(message: EmailMessage) -> str:
    part = message.get_body(("html",))
    assert part is not None
    return str(part.get_content())


def shown(message: EmailMessage) -> list[str]:
    return [str(message["Subject"]), text(message), *Visible(html(message)).texts]


every_letter = pytest.mark.parametrize(
    "notice",
    [
        replace(owed(kind, to=replace(XIAOMING, language=tag), bag=bag), **more)
        for kind in NoticeKind
        for bag in (False, True)
        for tag in languages()
        for more in ({}, {"window": None, "departure": None})
    ],
    ids=lambda notice: f"{notice.kind}-{notice.piece_kind}-{notice.recipient.language}-{bool(notice.window)}",
)


@every_letter
def test_a_letter_is_whole(notice):
    message = letter(notice)
    for seen in shown(message):
        assert not re.search(r"[{}]|None|Undefined|&(amp|lt|gt|#)", seen)
    assert "https://lastscan.example/t/LS123456785NL" in text(message)
    assert "https://lastscan.example/t/LS123456785NL" in html(message)
    assert f'<html lang="{notice.recipient.language}">' in html(message)
    assert sorted(message.keys()) == headers(notice.kind)


@every_letter
def test_no_english_word_stands_in_a_chinese_letter(notice):
    if notice.recipient.language != "zh-Hans":
        return
    names = r"Lastscan|English|LH71[68]|LH991|LS 1234 5678 5 NL|https?://\S+"
    for seen in shown(letter(notice)):
        assert re.findall(r"[A-Za-z]{2,}", re.sub(names, "", seen)) == []


def test_a_missed_connection_says_all_in_one_letter():
    said = text(letter(owed()))
    assert "LH716 left Leipzig hub at Sat 21 Nov, 02:40 without it" in said
    assert "Goes on with: LH718, Sun 22 Nov" in said
    assert "Now expected: Sun 22 Nov, 14:00–18:00" in said


@pytest.mark.parametrize("language", list(languages()))
def test_a_departure_called_off_and_on_again_is_not_answered_as_a_miss(language):
    withdraws = f"{NoticeKind.LEG_CANCELLED}:LS123456785NL/1:LH716/2026-11-21"
    notice = owed(NoticeKind.WITHDRAWN, to=replace(XIAOMING, language=language), withdraws=withdraws)
    notice = replace(notice, why=because(GOES_AFTER_ALL, {"departure": "LH716/2026-11-21"}))
    said = words(language)
    assert said.say("We wrote to you that {departure} would not take it.", departure="LH716") in text(letter(notice))
    assert said.say(GOES_AFTER_ALL, departure="LH716") in text(letter(notice))
    assert str(letter(notice)["Subject"]) != str(letter(owed(NoticeKind.WITHDRAWN, to=notice.recipient))["Subject"])


def test_a_chinese_letter_is_in_chinese():
    said = text(letter(owed(to=XIAOMING)))
    assert "LH716于11月21日周六 02:40离开莱比锡枢纽" in said
    assert "最新预计时间：11月22日周日 14:00–18:00" in said


def test_a_language_we_do_not_speak_is_english():
    assert letter(owed(to=replace(ADA, language="tlh")))["Content-Language"] == "en"


def test_letters_about_one_piece_are_one_thread_and_each_has_its_own_id():
    first, second = letter(owed()), letter(owed(NoticeKind.DELIVERED))
    assert first["References"] == second["References"] == "<piece-LS123456785NL@example.org>"
    assert first["Message-ID"] == "<key-1@example.org>"


def test_a_letter_is_the_same_to_the_byte_in_every_attempt():
    assert letter(owed()).as_bytes() == letter(owed()).as_bytes()


def test_one_click_unsubscribing_stands_in_the_headers_to_the_letter():
    sent = compose(owed(), SETTINGS, key="key-1", written_at=AT).as_bytes().split(b"\r\n")
    assert f"List-Unsubscribe: <{LINK}>".encode() in sent  # on one line, not encoded: programs read it as it is
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click" in sent


@every_letter
def test_the_link_to_leave_stands_at_the_foot_in_the_letters_own_language(notice):
    message, spoken = letter(notice), words(notice.recipient.language)
    address = f"{LINK}?lang={notice.recipient.language}"
    assert text(message).splitlines()[-2:] == [
        spoken.say("To choose what you hear and when:" if notice.kind in MUST else STOP),
        address,
    ]
    assert f'<a href="{address}"' in html(message)
    link = "Choose what you hear and when" + ("" if notice.kind in MUST else ", or stop these mails")
    assert spoken.say(link) in Visible(html(message)).texts


@pytest.mark.parametrize("kind", MUST)
def test_what_nobody_may_leave_has_the_link_to_all_wishes_and_no_button(kind):
    one, several = letter(owed(kind)), joined(owed(kind), owed(kind, number="RR123456785CN"))
    for message in (one, several):
        assert message["List-Unsubscribe"] is message["List-Unsubscribe-Post"] is None
        assert f"{LINK}?lang=en" in text(message)
        assert f'<a href="{LINK}?lang=en"' in html(message)
        assert "stop these mails" not in text(message) + html(message)


@pytest.mark.parametrize("lay_out", [lambda *n: letter(n[0], OWN), lambda *n: joined(*n, settings=OWN)])
def test_the_link_leads_to_the_readers_own_page_of_the_piece(lay_out):
    message = lay_out(owed(NoticeKind.DELIVERED), owed(number="RR123456785CN"))
    for seen in (text(message), html(message)):
        assert "https://lastscan.example/l/LS123456785NL?lang=en" in seen
        assert "https://lastscan.example/t/" not in seen


def test_leaving_is_not_offered_where_nobody_would_act_on_it():
    message = letter(owed(), replace(SETTINGS, wishes=None))
    assert message["List-Unsubscribe"] is message["List-Unsubscribe-Post"] is None
    assert not any("/u/" in seen or "stop these mails" in seen.lower() for seen in (text(message), html(message)))


def test_an_answer_is_asked_for_only_where_somebody_reads_it():
    assert "answer this message" not in text(letter(owed(NoticeKind.DELIVERED)))
    read = letter(owed(NoticeKind.DELIVERED), replace(SETTINGS, reply_to="desk@example.org"))
    assert "answer this message" in text(read)
    assert read["Reply-To"] == "desk@example.org"


@pytest.mark.parametrize("name", POLYGLOTS)
@pytest.mark.parametrize("kind", list(NoticeKind))
def test_a_hostile_name_is_a_name_and_nothing_else(kind, name):
    hostile, plain = letter(owed(kind, to=replace(ADA, name=name))), letter(owed(kind))
    assert sorted(hostile.keys()) == headers(kind)
    assert [address.addr_spec for address in hostile["To"].addresses] == ["ada@example.org"]
    assert Visible(html(hostile)).elements == Visible(html(plain)).elements
    assert "\x1b" not in text(hostile)
    assert "Hello ," not in text(hostile)


@pytest.mark.parametrize("number", POLYGLOTS[:-1])
def test_a_hostile_number_is_a_number_and_nothing_else(number):
    hostile = letter(owed(number=number[:200]))
    assert sorted(hostile.keys()) == sorted(HEADERS)
    assert Visible(html(hostile)).elements == Visible(html(letter(owed()))).elements


@pytest.mark.parametrize("departure", POLYGLOTS[:-1])
def test_a_hostile_departure_is_a_departure_and_nothing_else(departure):
    hostile = letter(replace(owed(), departure=departure))
    assert sorted(hostile.keys()) == sorted(HEADERS)
    assert Visible(html(hostile)).elements == Visible(html(letter(owed()))).elements


@pytest.mark.parametrize(
    "address",
    ["ada@example.org\r\nBcc: all@example.org", "ada", "ada@", "@example.org", "a@b\x00", "ada@example.org, all@x.org"],
)
def test_what_is_no_address_is_not_written_to(address):
    with pytest.raises(UnsayableError):
        compose(owed(to=replace(ADA, email=address)), SETTINGS, key="key-1", written_at=AT)


def test_without_a_name_nobody_is_called_by_an_empty_one():
    assert text(letter(owed(to=replace(ADA, name="  ")))).startswith("Hello,")
    assert text(letter(owed(to=replace(XIAOMING, name="")))).startswith(words("zh-Hans").say("Hello,"))


# --- Several in one letter ----------------------------------------------------------------------------------


def joined(*notices: OwedNotice, settings: MailSettings = SETTINGS) -> EmailMessage:
    raw = compose_joined(notices, settings, key="key-1", written_at=AT).as_bytes()
    return message_from_bytes(raw, policy=policy.default)


@pytest.mark.parametrize("to", [ADA, XIAOMING])
def test_a_joined_letter_says_of_each_piece_what_a_letter_of_its_own_would(to):
    notices = [owed(NoticeKind.DELIVERED, to=to), owed(to=to, number="RR123456785CN", bag=True)]
    whole, spoken = joined(*notices), words(choose([to.language]))
    assert whole["Subject"] == spoken.say("{count} messages about your parcels and bags", count=2)
    for notice in notices:
        said = write(notice, spoken)
        for seen in (text(whole), " ".join(Visible(html(whole)).texts)):
            assert all(line in seen for line in (said.headline, *said.happened, *said.do))
        assert f"/t/{notice.number}?lang={spoken.tag}" in text(whole)
    assert whole["References"].split() == ["<piece-LS123456785NL@example.org>", "<piece-RR123456785CN@example.org>"]


def test_a_joined_letter_has_the_button_only_if_it_stops_all_of_it_and_the_link_always():
    different = joined(owed(NoticeKind.DELIVERED), owed(number="RR123456785CN"))
    assert different["List-Unsubscribe"] is different["List-Unsubscribe-Post"] is None
    alike = joined(owed(NoticeKind.DELIVERED), owed(NoticeKind.DELIVERED, number="RR123456785CN"))
    assert alike["List-Unsubscribe"] == f"<{LINK}>"
    assert all(f"{LINK}?lang=en" in text(one) for one in (different, alike))


@pytest.mark.parametrize("name", POLYGLOTS)
def test_a_hostile_name_is_a_name_in_a_joined_letter_too(name):
    hostile, plain = (joined(*[owed(NoticeKind.DELIVERED, to=replace(ADA, name=to))] * 2) for to in (name, "Ada"))
    assert sorted(hostile.keys()) == sorted(HEADERS)
    assert Visible(html(hostile)).elements == Visible(html(plain)).elements
    assert hostile["Subject"] == "2 messages about LS 1234 5678 5 NL"


# --- To who has the number alone ----------------------------------------------------------------------------


@pytest.mark.parametrize("tag", languages())
@pytest.mark.parametrize("kind", [kind for kind in NoticeKind if told_to_followers(kind, groups())])
def test_who_has_the_number_alone_reads_no_reason_place_or_departure(kind, tag):
    known = owed(kind, to=replace(ADA, name="", language=tag))
    local = Facility("LOCAL", FacilityKind.STATION, "Asia/Shanghai", "CN")
    seen = " ".join(shown(letter(replace(known, coarse=True, destination=local))))
    reason = words(tag).why(known.why, known.places)
    assert reason not in seen
    assert not re.search(r"LH\d|Leipzig|莱比锡|Shanghai|上海|Ada", seen)
    assert words(tag).say("Its page shows when and where, as far as its number alone may show it.") in seen
    assert write(known, words(tag)).headline in seen
