"""What a device made and did not bring: people hear of it, decide, and what comes all the same is kept (T7)."""

import random
from collections.abc import Callable
from datetime import timedelta

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lastscan.cli import lastscan
from scanner.handheld import Handheld
from tests.scanner_custody.world import Clock, Epochs, Flash, open_journal
from tests.tracker.world import EP, OTHER_EP, Device, World, acks, at, needs
from tracker import wire
from tracker.devices import Roll
from tracker.domain.errors import GapDecisionError
from tracker.domain.gaps import Range, Why
from tracker.gaps import GapIncidents
from tracker.ingest import Ingest
from tracker.store.gaps import GapIncident


def incidents(world: World, *, closed: bool = False) -> list[GapIncident]:
    return GapIncidents(world.store, world.clock).all(closed=closed)


def ranges(world: World) -> list[Range]:
    return [(incident.first, incident.last) for incident in incidents(world)]


def close(world: World, incident: int, reason: str = "the device burnt") -> GapIncident:
    return GapIncidents(world.store, world.clock).close(incident, by="Mo", reason=reason)


def status(device: Device, *, last: int | None = None) -> bytes:
    last = device.made if last is None else last
    said = wire.Status(v=1, ep=device.ep, last=last, acked=0, depth=0, mono=1, boot=7, sent=1, battery=0.5)
    return wire.encode(said)


def minutes_pass(world: World, minutes: int, *on_line: Device) -> list[list[Range]]:
    """Devices on line say their word each minute; answers what was asked for meanwhile."""
    asked = []
    for _ in range(minutes):
        for device in on_line:
            world.hears(device.says(status(device)))
        for _ in range(2):
            world.real[0] += 30
            asked += needs(world.ingest.overdue())
    return asked


def loses(device: Device, *lost: int, of: int) -> list[wire.ScanRecord]:
    """What is left of so many scans."""
    return [record for n in range(1, of + 1) if (record := device.scan(f"{n}", op=f"c{n}")) and n not in lost]


# --- when people are told -------------------------------------------------------------------------------------------


def test_a_gap_of_15_minutes_on_line_names_device_site_range_and_operator(world: World) -> None:
    device = world.device()
    world.hears(device.says(device.scans(*loses(device, 3, 4, of=6))))
    assert [(3, 4)] in minutes_pass(world, 14, device)
    assert incidents(world) == []
    minutes_pass(world, 2, device)
    (incident,) = incidents(world)
    assert (incident.dev, incident.site, incident.ep) == ("h-sea-st", "sea-st", EP)
    assert (incident.first, incident.last, incident.missing) == (3, 4, ((3, 4),))
    assert (incident.operator, incident.why, incident.opened_at) == ("c2", Why.UNANSWERED, world.clock.now())


def test_a_reported_gap_is_reported_once_and_a_new_one_has_its_own_15_minutes(world: World) -> None:
    device = world.device()
    world.hears(device.says(device.scans(*loses(device, 3, of=4))))
    minutes_pass(world, 17, device)
    device.scan("lost")  # 5
    world.hears(device.says(device.scans(device.scan("6"))))
    asked = minutes_pass(world, 14, device)
    assert set(map(tuple, asked)) == {((5, 5),)}
    assert ranges(world) == [(3, 3)]
    minutes_pass(world, 20, device)
    assert ranges(world) == [(3, 3), (5, 5)]


def test_while_a_device_is_off_line_nobody_is_told_and_it_is_not_asked(world: World) -> None:
    device = world.device()
    world.hears(device.says(device.scans(*loses(device, 3, of=4))))
    minutes_pass(world, 3)
    assert minutes_pass(world, 20) == []
    world.real[0] += 24 * 3600
    assert minutes_pass(world, 1) == []
    assert incidents(world) == []
    minutes_pass(world, 14, device)
    assert incidents(world) == []
    minutes_pass(world, 2, device)
    assert ranges(world) == [(3, 3)]


def test_what_a_device_says_it_no_longer_has_is_told_at_once_and_only_once(world: World) -> None:
    device = world.device()
    world.hears(device.says(device.scans(device.scan("1", op="c17"))))
    device.made = 12
    for _ in range(3):
        world.hears(device.says(device.hello(first=9, last=12)))
    (incident,) = incidents(world)
    assert (incident.first, incident.last, incident.operator, incident.why) == (2, 8, "c17", Why.GONE)


def test_the_end_of_a_journal_that_was_lost_is_told_when_its_device_is_back_with_a_new_one(world: World) -> None:
    device = world.device()
    world.hears(device.says(device.scans(device.scan("1", op="c17"))))
    device.made = 5
    world.hears(device.says(status(device)))  # its last word before the factory reset
    reborn = Device(device.credentials, ep=OTHER_EP)
    world.start()  # and the tracker forgot what it did not write down
    world.hears(reborn.says(reborn.hello()), reborn.says(reborn.scans(reborn.scan("A", op="c18"))))
    minutes_pass(world, 17, reborn)
    (incident,) = incidents(world)
    assert (incident.ep, incident.first, incident.last, incident.operator) == (EP, 2, 5, "c17")


def test_a_whole_journal_that_was_lost_names_who_scanned_last(world: World) -> None:
    device = world.device()
    world.hears(device.says(device.hello(first=1, last=3)))
    reborn = Device(device.credentials, ep=OTHER_EP)
    world.hears(reborn.says(reborn.scans(reborn.scan("A", op="c18"))))
    minutes_pass(world, 17, reborn)
    assert [(i.ep, i.first, i.last, i.operator) for i in incidents(world)] == [(EP, 1, 3, "c18")]


def test_several_trackers_open_one_incident(world: World) -> None:
    device = world.device()
    first = world.ingest
    second = Ingest(world.store, Roll(world.store, lambda: world.real[0]), world.clock, lambda: world.real[0])
    told = device.says(device.scans(*loses(device, 3, of=4)))
    for ingest in (first, second):
        ingest.take([told])
    for _ in range(20):
        world.real[0] += 60
        for ingest in (first, second):
            ingest.take([device.says(status(device))])
            ingest.overdue()
    for ingest in (first, second):
        ingest.take([device.says(device.hello(first=4))])
    assert ranges(world) == [(3, 3)]


def test_a_revoked_device_is_asked_for_nothing(world: World) -> None:
    device = world.device()
    world.hears(device.says(device.scans(*loses(device, 3, of=4))))
    world.registry.revoke("h-sea-st")
    assert minutes_pass(world, 17, device) == []
    assert incidents(world) == []


# --- what becomes of it ---------------------------------------------------------------------------------------------


def told(world: World) -> Device:
    """A device that lost 3 to 5 of its eight scans, and people know."""
    device = world.device()
    world.hears(device.says(device.scans(*loses(device, 3, 4, 5, of=8))))
    minutes_pass(world, 17, device)
    assert ranges(world) == [(3, 5)]
    return device


def late(device: Device, q: int) -> wire.ScanRecord:
    return wire.ScanRecord(q=q, code=f"{q}", sym="code128", k="sort", wall=0, mono=device.mono(at(0)), boot=7)


def test_late_scans_shrink_it_and_the_last_of_them_closes_it(world: World) -> None:
    device = told(world)
    assert acks(world.hears(device.says(device.scans(late(device, 4))))) == [2]
    assert incidents(world)[0].missing == ((3, 3), (5, 5))
    assert acks(world.hears(device.says(device.scans(late(device, 3), late(device, 5))))) == [8]
    minutes_pass(world, 1, device)
    assert incidents(world) == []
    (over,) = incidents(world, closed=True)
    assert (over.came, over.missing, over.closed_by) == (True, (), None)
    with pytest.raises(GapDecisionError, match="everything came"):
        close(world, over.id)


def test_a_decision_is_kept_and_receipts_go_on_behind_it(world: World) -> None:
    device = told(world)
    world.clock.instant += timedelta(hours=1)
    decided = close(world, 1)
    assert (decided.closed_by, decided.reason, decided.closed_at) == ("Mo", "the device burnt", world.clock.now())
    assert decided.missing == ((3, 5),)
    assert world.watermark(device) == 8
    assert acks(world.hears(device.says(device.scans(device.scan("9"))))) == [9]
    assert minutes_pass(world, 20, device) == []
    assert incidents(world) == []


def test_what_was_written_off_and_comes_all_the_same_is_kept_once(world: World) -> None:
    device = told(world)
    close(world, 1)
    batch = device.says(device.scans(late(device, 4)))
    assert acks(world.hears(batch)) == [8]
    assert acks(world.hears(batch)) == [8]
    assert sorted(q for _, _, q, _ in world.log()) == [1, 2, 4, 6, 7, 8]
    assert world.aside() == []


def test_two_gaps_are_decided_in_any_order(world: World) -> None:
    device = world.device()
    world.hears(device.says(device.scans(*loses(device, 2, 5, of=6))))
    minutes_pass(world, 17, device)
    close(world, 2)
    assert world.watermark(device) == 1
    close(world, 1)
    assert world.watermark(device) == 6


def test_a_later_gap_written_off_first_is_passed_when_the_earlier_one_fills(world: World) -> None:
    device = world.device()
    world.hears(device.says(device.scans(*loses(device, 2, 5, of=6))))
    minutes_pass(world, 17, device)
    close(world, 2)
    assert acks(world.hears(device.says(device.scans(late(device, 2))))) == [6]


def test_writing_off_what_nothing_stands_behind_frees_nothing(world: World) -> None:
    """Greetings carry no signature: whoever forges one must not make a device forget what it still has."""
    device = world.device()
    world.hears(device.says(device.hello(first=wire.MAX_MILLIS, last=wire.MAX_MILLIS)))
    close(world, 1)
    assert world.watermark(device) == 0
    for n in (1, 2):
        assert acks(world.hears(device.says(device.scans(device.scan(f"{n}"))))) == [n]


@pytest.mark.parametrize(("by", "reason"), [("", "why"), ("Mo", " "), (" ", " ")])
def test_nothing_is_decided_without_a_name_and_a_reason(world: World, by: str, reason: str) -> None:
    told(world)
    with pytest.raises(GapDecisionError):
        GapIncidents(world.store, world.clock).close(1, by=by, reason=reason)
    assert ranges(world) == [(3, 5)]


def test_what_is_decided_or_unknown_cannot_be_decided_again(world: World) -> None:
    told(world)
    close(world, 1)
    with pytest.raises(GapDecisionError, match="by Mo: the device burnt"):
        close(world, 1)
    with pytest.raises(GapDecisionError, match="no gap 7"):
        close(world, 7)


# --- with the handheld we ship --------------------------------------------------------------------------------------


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(made=st.integers(3, 40), data=st.data())
def test_after_the_decision_the_handheld_frees_what_stood_behind_the_gap(
    new_world: Callable[[], World], made: int, data: st.DataObject
) -> None:
    world = new_world()
    device = world.device()
    flash, epochs, clock = Flash(), Epochs(), Clock()

    def started() -> Handheld:
        journal = open_journal(flash, epochs, segment_bytes=400)
        clock.boot = journal.boot
        return Handheld(journal, clock, random.Random(1), key=device.key)

    handheld = started()
    for n in range(made):
        handheld.record(f"C{n}", "code128", "sort", now=0.0)
    name = data.draw(st.sampled_from(flash.segments))
    flash.flip(name, data.draw(st.integers(12 * 8, len(flash.durable[name]) * 8 - 1)))
    handheld = started()
    lost = made - len(
        {q for e in handheld.journal.epochs for q in range(1, e.given + 1) if handheld.journal.record(e, q)}
    )

    def talk(up: list) -> None:  # type: ignore[type-arg]
        while up:
            down = world.hears(*(device.says(payload) for payload in up if isinstance(payload, bytes)))
            up = [e for reply in down for e in handheld.heard(wire.encode(reply.message), world.real[0])]

    def minutes(n: int) -> None:
        for _ in range(n * 2):
            world.real[0] += 30
            clock.passes(30_000)
            talk(handheld.tick(world.real[0]))
            for reply in world.ingest.overdue():
                talk(handheld.heard(wire.encode(reply.message), world.real[0]))

    talk(handheld.connected(world.real[0]))
    minutes(17)
    assert sum(last - first + 1 for i in incidents(world) for first, last in i.missing) == lost
    for incident in incidents(world):
        close(world, incident.id)
    minutes(1)
    assert (handheld.waiting_count, handheld.stranded) == (0, 0)
    assert len(world.log()) == made - lost


# --- the command ----------------------------------------------------------------------------------------------------


def test_the_command_lists_and_closes(world: World) -> None:
    told(world)
    home = str(world.engine.url.database).rsplit("/", 1)[0]
    run = CliRunner(env={"LASTSCAN_HOME": home, "DATABASE_URL": str(world.engine.url)}).invoke
    listed = run(lastscan, ["gap", "list"])
    assert "h-sea-st at sea-st, journal 9f3c9f3c: 3-5 missing (unanswered) by c2" in listed.stdout
    closed = run(lastscan, ["gap", "close", "1", "--reason", "burnt", "--by", "Mo"])
    assert (closed.exit_code, closed.stdout) == (0, "")
    assert "3 scans of h-sea-st are written off" in closed.stderr
    assert run(lastscan, ["gap", "list"]).stdout == ""
    assert "written off by Mo: burnt" in run(lastscan, ["gap", "list", "--all"]).stdout
    assert '"missing": [\n      [\n        3,\n        5' in run(lastscan, ["gap", "list", "--all", "--json"]).stdout
