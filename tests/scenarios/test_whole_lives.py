"""One parcel and one bag from booking to the customer's hands: every piece of the machine is the real one."""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from lastscan import mailbox
from lastscan.cli import lastscan
from notify.channels.email.channel import EmailChannel
from notify.channels.email.settings import MailServer, MailSettings
from notify.dispatch import Clocks, Dispatcher
from notify.preferences import Preferences
from notify.store.deliveries import DeliveryStore
from tests.tracker.world import (
    BAG_TAG,
    FEEDER,
    LATER,
    ONWARD,
    VAN_IN,
    VAN_OUT,
    World,
    at,
    new_database,
)
from tracker.domain.card import LOCAL_DELIVERY, Milestone, PieceCard, public
from tracker.domain.handling import Kind
from tracker.domain.rules import IrregularityKind
from tracker.domain.timeline import State


class Life:
    """A network with its tracker, its notifier, and a mail server that keeps every letter."""

    def __init__(self, folder: Path) -> None:
        self.world = World(new_database(folder / "lastscan.db")).with_network()
        self.letters_in = folder / "letters"
        self.smtp_url, self.close_post_office = mailbox.start(self.letters_in)
        channel = EmailChannel(MailServer.parse(self.smtp_url), MailSettings(pages="http://track.example"))
        self.notifier = Dispatcher(
            self.world.outbox,
            DeliveryStore(self.world.engine),
            {"email": channel},
            Clocks(business=self.world.clock, real=lambda: datetime.now(UTC)),
            preferences=Preferences(self.world.engine, b"a key"),
            proof_key=b"another",
            chance=random.Random(1),
        )

    def scanned(self, code: str, kind: Kind, site: str, hours: float, into: str | None = None) -> None:
        """One scan by a handheld of this site, and everything that follows from it."""
        self.world.scans(code, kind, site, at(hours), into=into)
        self.goes_on()

    def goes_on(self) -> None:
        self.world.fold()
        while self.notifier.step():
            pass

    def letters(self) -> list[mailbox.Letter]:
        return sorted(mailbox.letters(self.letters_in), key=lambda letter: letter.subject)

    def card(self, number: str) -> PieceCard:
        found = self.world.queries.card(number, with_notices=True)
        assert found is not None
        return found

    def end(self) -> None:
        self.close_post_office()
        self.world.close()


@pytest.fixture
def life(tmp_path: Path) -> Iterator[Life]:
    life = Life(tmp_path)
    yield life
    life.end()


def test_a_parcel_goes_from_seattle_to_boston_and_ada_hears_of_its_start_the_van_and_the_door(life: Life) -> None:
    number = life.world.books_parcel()
    life.goes_on()
    card = life.card(number)
    assert card.state is State.BOOKED
    assert card.next_expected is not None
    assert (card.next_expected.kind, card.next_expected.facility) == (Kind.ACCEPT, "SEA-ST")

    life.scanned(number, Kind.ACCEPT, "sea-st", 1.0)
    life.scanned(number, Kind.LOAD, "sea-st", 1.8, into=VAN_OUT)
    life.scanned(VAN_OUT, Kind.DEPART, "sea-st", 2.0)
    life.scanned(VAN_OUT, Kind.ARRIVE, "sea", 3.0)
    life.scanned(number, Kind.ARRIVE, "sea", 3.1)
    life.scanned(number, Kind.LOAD, "sea", 3.8, into=FEEDER)
    life.scanned(FEEDER, Kind.DEPART, "sea", 4.0)
    assert life.card(number).aboard == FEEDER
    assert [letter.to for letter in life.letters()] == ["ada@example.org"]  # that it is on its way

    life.scanned(FEEDER, Kind.ARRIVE, "den", 7.0)
    life.scanned(number, Kind.UNLOAD, "den", 7.1)
    life.scanned(number, Kind.LOAD, "den", 7.8, into=ONWARD)
    life.scanned(ONWARD, Kind.DEPART, "den", 8.0)
    life.scanned(ONWARD, Kind.ARRIVE, "bos", 12.0)
    life.scanned(number, Kind.UNLOAD, "bos", 12.3)
    life.scanned(number, Kind.LOAD, "bos", 19.5, into=VAN_IN)
    life.scanned(VAN_IN, Kind.DEPART, "bos", 20.0)
    life.scanned(VAN_IN, Kind.ARRIVE, "bos-st", 21.0)
    life.scanned(number, Kind.ARRIVE, "bos-st", 21.1)
    card = life.card(number)
    assert card.irregularities == ()
    assert all(leg.ridden for leg in card.legs)
    assert card.eta is not None
    assert card.eta.latest <= card.due_by

    life.scanned(number, Kind.OUT_FOR_DELIVERY, "bos-st", 25.5)
    assert len(life.letters()) == 2
    life.scanned(number, Kind.DELIVER, "bos-st", 28.0)

    card = life.card(number)
    assert card.delivered
    assert [step.milestone for step in card.milestones if step.reached_at] == [
        Milestone.BOOKED,
        Milestone.ACCEPTED,
        Milestone.ON_ITS_WAY,
        Milestone.OUT_FOR_DELIVERY,
        Milestone.DELIVERED,
    ]
    assert len({(e.kind, e.facility.code) for e in card.entries if e.kind != Kind.BOOK}) >= 6
    assert len(life.letters()) == 3
    assert {letter.language for letter in life.letters()} == {"en"}
    assert all(letter.number == number and "Ada" in letter.text for letter in life.letters())
    assert sorted((notice.kind, notice.outcome) for notice in card.notices) == [
        ("booked", "cancelled"),  # it was on its way before the day's letter went out
        ("delivered", "accepted"),
        ("out_for_delivery", "accepted"),
        ("picked_up", "accepted"),
    ]
    life.goes_on()
    assert len(life.letters()) == 3

    shown = public(card)
    assert shown.destination.code == LOCAL_DELIVERY
    assert shown.notices == ()
    assert all(entry.event_key is None for entry in shown.entries)


def test_a_bag_misses_its_connection_xiaoming_is_told_once_in_chinese_and_it_comes_with_the_next(life: Life) -> None:
    life.world.books_bag()
    life.scanned(BAG_TAG, Kind.ACCEPT, "sea", 1.0)
    life.scanned(BAG_TAG, Kind.LOAD, "sea", 3.5, into=FEEDER)
    life.scanned(FEEDER, Kind.DEPART, "sea", 4.9)  # 54 minutes late
    promised = life.card(BAG_TAG).due_by
    life.scanned(FEEDER, Kind.ARRIVE, "den", 7.95)
    life.scanned(ONWARD, Kind.DEPART, "den", 8.0)
    assert len(life.letters()) in (1, 2)  # that it is on its way; and of the miss, as soon as it is certain
    life.scanned(BAG_TAG, Kind.UNLOAD, "den", 8.5)

    card = life.card(BAG_TAG)
    (missed,) = [i for i in card.irregularities if i.kind is IrregularityKind.MISSED_CONNECTION]
    assert (missed.subject, missed.open) == (ONWARD, True)
    assert [(leg.departure.name, leg.missed) for leg in card.legs] == [(FEEDER, False), (ONWARD, True), (LATER, False)]
    assert card.eta is not None
    assert card.eta.latest > promised
    assert card.due_by == promised  # what was promised stays what was promised

    _, letter = life.letters()
    assert (letter.to, letter.language, letter.number) == ("xiaoming@example.org", "zh-Hans", BAG_TAG)
    assert "王小明" in letter.text
    assert "AS22" in letter.text  # what it goes with instead

    life.scanned(BAG_TAG, Kind.LOAD, "den", 10.5, into=LATER)
    life.scanned(LATER, Kind.DEPART, "den", 11.0)
    life.scanned(LATER, Kind.ARRIVE, "bos", 15.0)
    life.scanned(BAG_TAG, Kind.UNLOAD, "bos", 15.2)
    life.scanned(BAG_TAG, Kind.DELIVER, "bos", 15.4)
    card = life.card(BAG_TAG)
    assert card.delivered
    assert not any(i.open for i in card.irregularities)
    assert len(life.letters()) == 2  # it is half past ten in the evening at Boston
    life.world.clock.instant = at(25.5)
    life.goes_on()
    told = sorted((notice.kind, notice.outcome) for notice in life.card(BAG_TAG).notices)
    assert told == [("delivered", "accepted"), ("missed_connection", "accepted"), ("picked_up", "accepted")]
    assert len(life.letters()) == 3


def test_why_somebody_was_told_can_be_asked_by_number(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    number = life.world.books_parcel()
    monkeypatch.setenv("DATABASE_URL", life.world.engine.url.render_as_string(hide_password=False))
    asked = CliRunner().invoke(lastscan, ["notices", number])
    assert asked.exit_code == 0, asked.output
    assert "nothing was owed" in asked.output
    life.goes_on()
    for kind, site, hours in ((Kind.OUT_FOR_DELIVERY, "bos-st", 22.0), (Kind.DELIVER, "bos-st", 25.5)):
        life.scanned(number, kind, site, hours)
    told = json.loads(CliRunner().invoke(lastscan, ["notices", number, "--json"]).output)
    assert [(notice["kind"], notice["outcome"]) for notice in told][-1] == ("delivered", "accepted")
    (delivery,) = told[-1]["deliveries"]
    assert [(proof["outcome"], proof["why"]) for proof in delivery["proofs"]] == [("accepted", "the provider took it")]
    assert delivery["proofs"][0]["evidence"]
