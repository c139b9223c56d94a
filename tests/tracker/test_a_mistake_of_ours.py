"""A rule that trips over one piece holds up nobody else, and loses nothing of that piece."""

from datetime import timedelta

import pytest

from tests.tracker.world import World, at
from tracker.domain.handling import Kind
from tracker.domain.judge import judge
from tracker.domain.notices import Judgement
from tracker.domain.situation import Situation
from tracker.domain.timeline import State
from tracker.project import rebuild, settle


def test_one_piece_trips_and_the_others_go_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.with_network()
    unlucky, lucky = world.books_parcel(), world.books_parcel()
    world.fold()

    def tripping(situation: Situation) -> Judgement:
        if situation.piece.number == unlucky:
            raise ZeroDivisionError("a rule nobody foresaw")
        return judge(situation)

    monkeypatch.setattr(settle, "judge", tripping)
    world.scans(unlucky, Kind.ACCEPT, "sea-st", at(1.0))
    world.scans(lucky, Kind.ACCEPT, "sea-st", at(1.1))
    world.fold()
    assert world.queries.card(lucky).state is State.ACCEPTED  # type: ignore[union-attr]
    stuck = world.queries.card(unlucky)
    assert stuck is not None
    assert (stuck.state, [e.kind for e in stuck.entries]) == (State.BOOKED, ["book", "accept"])

    monkeypatch.setattr(settle, "judge", judge)
    world.scans(unlucky, Kind.SORT, "sea-st", at(1.2))
    world.fold()
    mended = world.queries.card(unlucky)
    assert mended is not None
    assert mended.state is State.MOVING
    assert rebuild(world.store, world.clock) == {}


def test_a_piece_we_tripped_over_is_tried_again_though_nothing_is_heard(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.with_network()
    number = world.books_parcel()
    world.fold()
    monkeypatch.setattr(settle, "judge", lambda _: 1 / 0)
    world.scans(number, Kind.ACCEPT, "sea-st", at(1.0))
    world.fold()
    monkeypatch.setattr(settle, "judge", judge)
    world.clock.instant += timedelta(hours=2)
    world.fold()
    assert world.queries.card(number).state is State.ACCEPTED  # type: ignore[union-attr]


def test_a_piece_we_tripped_over_before_it_was_ever_judged_is_tried_again_too(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.with_network()
    number = world.books_parcel()
    world.scans(number, Kind.ACCEPT, "sea-st", at(1.0))
    monkeypatch.setattr(settle, "judge", lambda _: 1 / 0)
    world.fold()
    stuck = world.queries.card(number)
    assert stuck is not None
    assert (stuck.state, len(stuck.entries)) == (State.BOOKED, 2)
    monkeypatch.setattr(settle, "judge", judge)
    world.clock.instant += timedelta(hours=2)
    world.fold()
    mended = world.queries.card(number)
    assert mended is not None
    assert (mended.state, len(mended.legs)) == (State.ACCEPTED, 4)
