"""A cause that many share: who is held up by it hears of it once, of all their pieces, and support has a word first."""

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from lastscan.cli import lastscan
from locales import words
from notify.channel import Message
from notify.delivery import Outcome
from notify.dispatch import Clocks, Dispatcher
from notify.owed import OwedNotice
from notify.preferences import Preferences
from notify.store.deliveries import DeliveryStore
from tests.notify.world import Provider
from tests.tracker.test_closing import AROUND, MANAGER, closes
from tests.tracker.world import ADA, DEPARTURES, FEEDER, ONWARD, World, at, new_database
from tracker.domain.booking import BookedPiece
from tracker.domain.errors import DecisionError, NotAllowedError
from tracker.domain.handling import Kind
from tracker.domain.network import Facility
from tracker.domain.notices import Notice, NoticeKind, cause
from tracker.domain.shipment import PieceKind
from tracker.domain.staff import Role, Staff
from tracker.domain.storms import A_STORM
from tracker.domain.why import because
from tracker.project import rebuild
from tracker.store.owed import Debt
from tracker.storms import Counted, Storms
from web.view import track_view

SUE = Staff("sue", Role.SUPPORT)
BAGS = ("0220123456", "0220123457")


class Office(Provider):
    """Takes letters, and keeps what each says: the numbers in it."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[tuple[str, ...]] = []

    def compose(self, notice: OwedNotice, *, key: str, written_at: datetime) -> Message:
        return self.compose_incident([notice], key=key, written_at=written_at)

    def compose_incident(self, notices: Sequence[OwedNotice], *, key: str, written_at: datetime) -> Message:
        said = " ".join(sorted(notice.number for notice in notices))
        return Message(notices[0].recipient.email or "", "en", said.encode())

    def send(self, message: Message, *, key: str) -> Outcome:
        self.said.append(tuple(message.body.decode().split()))
        return super().send(message, key=key)


class Notifier:
    def __init__(self, world: World) -> None:
        self.world, self.office = world, Office()
        self.deliveries = DeliveryStore(world.engine)
        self.preferences = Preferences(world.engine, b"key")

    def step(self) -> list[tuple[str, ...]]:
        """What it says in one round; each round is another process."""
        before = len(self.office.said)
        Dispatcher(
            self.world.outbox,
            self.deliveries,
            {"email": self.office},
            Clocks(self.world.clock, self.world.clock.now),
            preferences=self.preferences,
            proof_key=b"proof",
            chance=random.Random(1),
        ).step()
        return self.office.said[before:]


def waits(world: World, seconds: float) -> None:
    world.clock.instant += timedelta(seconds=seconds)


@pytest.fixture
def bags_in_seattle(world: World) -> World:
    """Two bags of one passenger; whoever was told of their start heard it long ago."""
    with world.store.writing() as tx:
        tx.network.describe(Facility("ORD"))
    world.with_network([*DEPARTURES, *AROUND])
    bags = [BookedPiece(PieceKind.BAG, number) for number in BAGS]
    zone = replace(ADA, zone="UTC")
    world.books(*bags, legs=(FEEDER, ONWARD), consignee=zone, origin="SEA", destination="BOS")
    for number in BAGS:
        world.scans(number, Kind.ACCEPT, "sea", at(1))
    world.clock.instant = at(1.5)
    world.fold()
    begun(world)
    return world


def begun(world: World) -> None:
    world.outbox.planned([notice.id for notice in world.outbox.unplanned(1000)])


def test_all_bags_of_a_person_are_in_one_message_after_twenty_seconds(bags_in_seattle: World) -> None:
    world, notifier = bags_in_seattle, Notifier(bags_in_seattle)
    closes(world, 6, 20)
    world.fold()
    assert notifier.step() == []
    waits(world, 20)
    assert [notifier.step() for _ in range(3)] == [[BAGS], [], []]
    assert [(name.partition(":")[0], outcome) for name, outcome in world.owed()] == [("leg_cancelled", "accepted")] * 2
    assert rebuild(world.store, world.clock) == {}
    waits(world, 3600)
    assert notifier.step() == []


def test_a_few_of_one_root_are_no_incident_and_very_many_are(bags_in_seattle: World) -> None:
    world = bags_in_seattle
    owes(world, "departure:AS1", NoticeKind.MISSED_CONNECTION, causes=A_STORM)
    assert len(world.outbox.unplanned(1000, by=world.clock.now())) == A_STORM
    owes(world, "departure:AS1", NoticeKind.MISSED_CONNECTION, first=A_STORM)
    assert world.outbox.unplanned(1000, by=world.clock.now()) == []
    (storm,) = counted(world)
    assert (storm.storm.root, storm.waiting) == ("departure:AS1", A_STORM + 1)
    waits(world, 20)
    assert len(world.outbox.unplanned(1000, by=world.clock.now())) == A_STORM + 1


def test_the_others_wait_ten_minutes_unless_support_releases_them(bags_in_seattle: World) -> None:
    world = bags_in_seattle
    closes(world, 6, 20)
    world.fold()
    owes(world, "facility:DEN", NoticeKind.REPLANNED)
    waits(world, 30)
    assert {notice.kind for notice in due(world)} == {NoticeKind.LEG_CANCELLED}
    (found,) = counted(world)
    support(world).release(found.storm.id, by=SUE)
    assert NoticeKind.REPLANNED in {notice.kind for notice in due(world)}
    begun(world)
    owes(world, "facility:DEN", NoticeKind.REPLANNED, first=1)
    waits(world, 20)
    assert [notice.kind for notice in due(world)] == [NoticeKind.REPLANNED]


def test_what_support_stops_is_told_to_nobody_now_or_later(bags_in_seattle: World) -> None:
    world, notifier = bags_in_seattle, Notifier(bags_in_seattle)
    closes(world, 6, 20)
    world.fold()
    (found,) = counted(world)
    support(world).stop(found.storm.id, by=SUE, reason="a wrong decision; it opens again")
    owes(world, "facility:DEN", NoticeKind.REPLANNED)
    waits(world, 3600)
    world.fold()
    assert (notifier.step(), due(world)) == ([], [])
    assert [(one.waiting, one.stopped, one.decided_by) for one in counted(world)] == [(0, 3, "sue")]
    assert rebuild(world.store, world.clock) == {}


def test_that_a_piece_lies_at_a_silent_place_is_told_when_the_place_speaks_again(bags_in_seattle: World) -> None:
    world = bags_in_seattle
    for n in range(24):
        world.scans(f"other-{n}", Kind.SORT, "den", at(2) + timedelta(minutes=5 * n))
    world.fold()
    world.clock.instant = at(8.5)  # the bags came in at seven, by plan; nobody there has scanned since four
    owes(world, "facility:DEN", NoticeKind.STALLED)
    assert NoticeKind.STALLED not in {notice.kind for notice in due(world)}
    (found,) = [each for each in counted(world) if each.storm.root == "facility:DEN"]
    assert found.waiting == 1
    waits(world, 600)
    assert NoticeKind.STALLED not in {notice.kind for notice in due(world)}
    world.scans("again", Kind.SORT, "den", world.clock.now())
    waits(world, 600)
    assert NoticeKind.STALLED in {notice.kind for notice in due(world)}


def test_support_decides_from_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    world = World(new_database(tmp_path / "lastscan.db")).with_network()
    world.books_bag(BAGS[0])
    owes(world, "facility:DEN", NoticeKind.LEG_CANCELLED)
    (found,) = counted(world)
    world.close()

    def call(*words: str) -> str:
        told = CliRunner().invoke(lastscan, ["incidents", *words, "--home", str(tmp_path)], catch_exceptions=False)
        assert told.exit_code == 0, told.output
        return told.stdout

    assert json.loads(call("notices", "--json")) == []  # by the clock on the wall it is over
    assert "1 wait" in call("edit", found.storm.id, "--text", "en=Water in the hub.", "--by", "sue")
    assert "released by sue" in call("release", found.storm.id, "--by", "sue")
    assert "1 stopped, stopped by sue" in call("stop", found.storm.id, "--reason", "dry", "--by", "sue")


def due(world: World) -> list[OwedNotice]:
    return world.outbox.unplanned(1000, by=world.clock.now())


def test_the_page_of_every_piece_says_it_in_words_of_ours_or_of_support(bags_in_seattle: World) -> None:
    world = bags_in_seattle
    assert banners(world) == [None, None]
    closes(world, 6, 20)
    world.fold()
    assert banners(world) == ["Denver hub is closed for now."] * 2
    position = world.queries.last_update()
    (found,) = counted(world)
    written = support(world).write(found.storm.id, {"en": " Water in\nthe hub. ", "zh-Hans": "枢纽进水。"}, by=SUE)
    assert written.storm.said("zh-Hans") == "枢纽进水。"
    assert banners(world) == ["Water in the hub."] * 2
    assert {update.number for update in world.queries.updates_after(position)} == set(BAGS)
    support(world).write(found.storm.id, {"en": ""}, by=SUE)
    assert support(world).standing()[0].storm.words == (("zh-Hans", "枢纽进水。"),)


def test_who_decides_is_support_and_the_audit_says_who(bags_in_seattle: World) -> None:
    world, desk = bags_in_seattle, support(bags_in_seattle)
    closes(world, 6, 20)
    world.fold()
    (found,) = counted(world)
    with pytest.raises(NotAllowedError, match="support or supervisor"):
        desk.release(found.storm.id, by=MANAGER)
    for wrong in ({"English!": "x"}, {"en": "x" * 301}):
        with pytest.raises(DecisionError):
            desk.write(found.storm.id, wrong, by=SUE)
    with pytest.raises(DecisionError, match="say why"):
        desk.stop(found.storm.id, by=SUE, reason=" ")
    with pytest.raises(DecisionError, match="no incident"):
        desk.release("facility:XXX@1", by=SUE)
    desk.release(found.storm.id, by=SUE)
    desk.stop(found.storm.id, by=SUE, reason="it opens again")
    with pytest.raises(DecisionError, match="stopped"):
        desk.release(found.storm.id, by=SUE)
    with world.store.reading() as tx:
        rows = [(row["who"], row["role"], row["object"], row["reason"]) for row in tx.audit.newest(2)]
    assert rows == [
        ("sue", "support", f"incident stop {found.storm.id}", "it opens again"),
        ("sue", "support", f"incident release {found.storm.id}", None),
    ]


def banners(world: World) -> list[str | None]:
    cards = [world.queries.card(number) for number in BAGS]
    return [track_view(card, words("en")).banner for card in cards if card is not None]


def counted(world: World) -> list[Counted]:
    return support(world).standing()


def support(world: World) -> Storms:
    return Storms(world.store, world.clock, world.clock)


def cause_of(n: int, kind: NoticeKind) -> str:
    return cause(kind, piece=f"X{n}/1", departure=f"D{n}", number=n, facility="DEN")


def owes(world: World, root: str, kind: NoticeKind, *, causes: int = 1, first: int = 0) -> None:
    """So many notices of one root, all owed to the passenger of the bags."""
    now = world.clock.now()
    with world.store.writing() as tx:
        (piece,) = tx.booked.numbered([BAGS[0]])
        who, _ = tx.booked.consignee(piece)
        tx.owed.owe(
            [
                Debt(
                    Notice(kind, cause_of(n, kind), because("{departure} left.", {"departure": "AS1"}), (), root=root),
                    who.id,
                    who.pseudonym,
                    piece,
                    ("email",),
                    now,
                    now + timedelta(hours=24),
                )
                for n in range(first, first + causes)
            ]
        )
