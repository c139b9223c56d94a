"""Handhelds worked by words: the terminal and scripts."""

import random
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest

from firmware_sim.beeper import Beeper
from firmware_sim.console import COMMANDS, Console, NotAsExpectedError, NotUnderstoodError, play
from firmware_sim.device import Habits, VirtualHandheld, linked_to
from firmware_sim.engine import Engine
from firmware_sim.flash import Flash
from firmware_sim.radio import Radio
from firmware_sim.shift import Figures
from firmware_sim.sight import Sight
from firmware_sim.storage import Soldered
from tests.firmware_sim.world import Exchange, exchange, registered
from tracker.wire import Hello, hear_up

MANUAL = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text(encoding="utf-8")


class Sharp:
    """Eyes that need no light; every fifth pull sees nothing."""

    def __init__(self) -> None:
        self.pulls = 0

    def trigger(self, code: str, sym: str) -> Sight | None:
        self.pulls += 1
        return None if self.pulls % 5 == 0 else Sight(code, code, sym, 1)


class Desk:
    """A console with its words on paper."""

    def __init__(self, at: Exchange) -> None:
        self.at = at
        self.said: list[str] = []
        self.console = Console(self._new, self.said.append)

    def _new(self, dev: str, site: str) -> VirtualHandheld:
        chance = random.Random(dev)
        return VirtualHandheld(
            registered(dev, site),
            Soldered(Flash(chance)),
            Habits(Radio(1, dev)),
            new_rim=linked_to(self.at.url),
            business=lambda: datetime.now(UTC),
            chance=chance,
            beeper=Beeper(lambda said: self.said.append(said.words)),
            engine=cast(Engine, Sharp()),
        )

    def plays(self, script: str) -> None:
        play(script.splitlines(), self.console, self.said.append)

    @property
    def heard_firmware(self) -> list[str | None]:
        return [each.fw for each in map(hear_up, self.at.hellos) if isinstance(each, Hello)]


@pytest.fixture
def desk() -> Iterator[Desk]:
    with exchange() as at:
        made = Desk(at)
        yield made
        made.console.close()


def test_a_route_over_two_stations_with_a_cut_in_between(desk: Desk) -> None:
    desk.plays("""
        on sea-h1 sea        # the first of two
        scan LS123456785NL accept
        wait
        cut
        scan LS123456785NL load LH716/2026-11-22
        expect waiting 1
        restore
        on ord-h1 ord
        scan LS123456785NL unload
        wait
        expect waiting 0
    """)
    assert desk.at.codes == ["LS123456785NL"] * 3


def test_a_battery_pulled_out_and_a_torn_write_cost_no_beep(desk: Desk) -> None:
    desk.plays("""
        on sea-h1 sea
        cut
        scan LS123456785NL
        power cut
        expect off
        scan LS123456785NL
        power on
        fail 90
        scan 0027123456
        expect off
        power on
        expect recorded 1
        fail flush
        scan 0027123456
        expect refused 1
        restore
        wait
        expect waiting 0
    """)
    assert desk.at.codes == ["LS123456785NL"]
    assert any("is off" in line for line in desk.said)


def test_a_flat_battery_switches_it_off_and_another_brings_it_back(desk: Desk) -> None:
    desk.plays(
        "on sea-h1 sea\ncut\ntype 0027123456\nbattery 0\nexpect off\npower on\nexpect off\nbattery swap\nexpect on"
    )
    desk.plays("expect waiting 1\nrestore\nwait\nexpect waiting 0")
    assert any("flat" in line for line in desk.said)


def test_new_firmware_runs_from_the_restart_on_and_the_journal_stays(desk: Desk) -> None:
    desk.plays('on sea-h1 sea\ntype 0027123456\nwait\ncut\ntype 0027123456\nupdate "virtual 9"\nrestore\nwait\nstatus')
    assert desk.heard_firmware[0] == "virtual 2.0"
    assert desk.heard_firmware[-1] == "virtual 9"
    assert len(desk.at.codes) == 2


def test_the_story_in_the_manual_plays(desk: Desk) -> None:
    desk.plays(MANUAL.split("```text\n")[1].split("```")[0])
    assert len(desk.at.codes) == 3


@pytest.mark.parametrize("word", [*COMMANDS, "quit"])
def test_every_command_is_in_the_manual_and_in_the_help(desk: Desk, word: str) -> None:
    assert f"`{word}" in MANUAL
    console = Console(lambda dev, site: pytest.fail("made"), desk.said.append)
    console.obey("help")
    assert any(line.split()[0] == word for line in desk.said)


def test_every_figure_of_a_fleet_is_in_the_manual() -> None:
    told = {"devices", "on_line", "seconds", "scans_per_second", "receipt_max_ms", "drained_s"}  # speak for themselves
    assert [each.name for each in fields(Figures) if each.name not in told and f"`{each.name}`" not in MANUAL] == []


def test_an_expectation_that_fails_names_its_line(desk: Desk) -> None:
    with pytest.raises(NotAsExpectedError, match=r"line 3: expected waiting 7, found 0"):
        desk.plays("on sea-h1 sea\n\nexpect waiting 7")


@pytest.mark.parametrize(
    "line", ["sing", "power", "power maybe", "battery much", "on unknown-h1", "scan 'x", "fail often", "cradle x y"]
)
def test_what_is_not_understood_is_said_to_be(desk: Desk, line: str) -> None:
    desk.plays("on sea-h1 sea")
    with pytest.raises(NotUnderstoodError):
        desk.console.obey(line)


def test_nothing_can_be_done_without_a_handheld() -> None:
    console = Console(lambda dev, site: pytest.fail("made"), lambda line: None)
    with pytest.raises(NotUnderstoodError, match="no handheld in hand"):
        console.obey("scan 0027123456")


def test_a_label_that_does_not_read_is_pulled_at_again(desk: Desk) -> None:
    desk.plays(
        "on sea-h1 sea\n" + "scan 0027123456\n" * 4 + "trigger\ntrigger\nexpect recorded 5\njump 60\ndrift 50\nhelp"
    )
    assert desk.console.prompt.startswith("sea-h1 (")
    assert not desk.console.obey("quit")
