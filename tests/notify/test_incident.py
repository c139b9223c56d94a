"""What an incident does to all pieces of a person: one message an edition, in whole sentences of both languages."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from locales import words
from notify import incident
from notify.channel import Message
from notify.channels.email.letter import compose_incident
from notify.channels.email.settings import MailSettings
from notify.owed import OwedNotice
from notify.routing import BAG_LEFT_BEHIND, PROMISED_TODAY, THE_REST, plan
from tests.notify.test_wishes_kept import PostOffice, World
from tests.notify.world import AT, owed
from tracker.domain.network import Closure
from tracker.domain.notices import NoticeKind
from tracker.domain.storms import Storm

NOON = AT + timedelta(hours=3)
CLOSED = Storm("facility:LEJ@1", "facility:LEJ", AT)
FLIGHT = Storm("departure:LH716@1", "departure:LH716/2026-11-21", AT)
NUMBERS = ("LS123456785NL", "LS223456785NL", "LS323456785NL")


class Office(PostOffice):
    def compose_incident(self, notices: Sequence[OwedNotice], *, key: str, written_at: object) -> Message:
        return Message("ada@example.org", "en", " ".join(sorted(one.number for one in notices)).encode())


def held_up(n: int, storm: Storm = CLOSED, kind: NoticeKind = NoticeKind.LEG_CANCELLED, **more: object) -> OwedNotice:
    notice = owed(kind, id=f"n{n}", number=NUMBERS[n])
    return replace(notice, incident=storm, root=storm.root, **more)  # type: ignore[arg-type]


def test_one_message_an_edition_and_editions_ten_minutes_apart() -> None:
    office = Office()
    world = World(held_up(0), held_up(1), at=NOON, email=office)
    world.goes_on()
    assert office.said == [" ".join(NUMBERS[:2])]
    world.owe(held_up(2))
    world.goes_on(minutes=9)
    assert len(office.said) == 1
    world.goes_on(minutes=2)
    assert [len(office.said), len(set(office.took))] == [2, 2]
    assert set(world.outbox.outcomes.values()) == {"accepted"}


@pytest.mark.parametrize("storm", [CLOSED, FLIGHT])
@pytest.mark.parametrize(("tag", "no"), [("en", "件"), ("zh-Hans", "held up")])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_it_says_what_happened_and_when_each_piece_is_expected(storm: Storm, tag: str, no: str, count: int) -> None:
    notices = [held_up(n, storm) for n in range(count)]
    said = incident.write(notices, words(tag))
    assert no not in " ".join((said.subject, *said.happened, *said.do, said.again, said.short))
    assert [label.replace(" ", "") for label, _ in said.means] == list(NUMBERS[:count])
    assert len(said.short) <= (160 if tag == "en" else 134)
    assert ("LH716" if storm is FLIGHT else words(tag).place(notices[0].places["LEJ"])) in said.happened[0]


def test_words_of_support_take_the_place_of_ours_in_their_language_or_in_english() -> None:
    storm = replace(CLOSED, words=(("en", "Water in the hub."), ("zh-Hans", "枢纽进水。")))
    assert [incident.write([held_up(0, storm)], words(tag)).happened for tag in ("en", "zh-Hans")] == [
        ("Water in the hub.",),
        ("枢纽进水。",),
    ]
    only_english = replace(CLOSED, words=(("en", "Water in the hub."),))
    assert incident.write([held_up(0, only_english)], words("zh-Hans")).happened == ("Water in the hub.",)
    assert incident.is_told_as_one([held_up(0, storm)])
    assert not incident.is_told_as_one([held_up(0)])


def test_a_closed_place_is_said_to_be_closed() -> None:
    notice = held_up(0)
    closure = Closure(AT, AT + timedelta(days=1), AT)
    places = {**notice.places, "LEJ": replace(notice.places["LEJ"], closures=(closure,))}
    assert incident.write([replace(notice, places=places)], words("en")).happened == ("Leipzig hub is closed for now.",)


@pytest.mark.parametrize("tag", ["en", "zh-Hans"])
def test_the_letter_links_to_the_page_of_each_piece(tag: str) -> None:
    settings = MailSettings(sender="notices@lastscan.example", pages="https://lastscan.example")
    notices = [replace(one, recipient=replace(one.recipient, language=tag)) for one in (held_up(0), held_up(1))]
    letter = compose_incident(notices, settings, key="k", written_at=AT)
    for part in letter.iter_parts():
        text = part.get_content()
        assert all(f"https://lastscan.example/t/{number}?lang={tag}" in text for number in NUMBERS[:2])
    assert letter["Message-ID"] == f"<k@{settings.domain}>"


def test_whose_owner_stands_at_a_belt_goes_first_then_what_is_promised_today() -> None:
    bag = replace(owed(NoticeKind.MISSED_CONNECTION, bag=True), incident=FLIGHT)
    today, later = (held_up(0, due_by=AT + timedelta(days=days)) for days in (0, 3))
    priorities = [found.priority for one in (bag, today, later) if (found := plan(one, {"email"})) is not None]
    assert priorities == [BAG_LEFT_BEHIND, PROMISED_TODAY, THE_REST]
