"""What a handheld says and when, under a clock we turn."""

import json

import pytest

from scanner.handheld import Handheld, Reconnect
from scanner.journal import NotRecordedError
from tests.scanner_custody.world import (
    HOUR,
    KEY,
    Clock,
    Epochs,
    Flash,
    Tracker,
    a_handheld,
    ack,
    hellos,
    need,
    scan,
    sent,
    understand,
)
from tracker import wire

A_HUNDRED = [f"C{number}" for number in range(1, 101)]


def on_line(*some: str, **how) -> tuple[Handheld, str]:
    """A handheld whose scans so far are receipted."""
    handheld = a_handheld(**how)
    scan(handheld, *some)
    handheld.connected(0.0)
    ep = handheld.journal.current.ep
    for upto in range(64, len(some) + 64, 64):
        handheld.heard(ack(ep, min(upto, len(some)), key=how.get("key", KEY)), 0.0)
    return handheld, ep


# --- greeting ---


def test_a_new_device_greets_with_nothing_to_send():
    handheld = a_handheld()
    [hello] = hellos(handheld.connected(0.0))
    assert (hello.first, hello.last, hello.boot, hello.fw) == (1, 0, 1, "test")


def test_the_greeting_comes_before_the_scans():
    handheld = a_handheld()
    scan(handheld, "A", "B")
    said = understand(handheld.connected(0.0))
    assert [type(each.message) for each in said] == [wire.Hello, wire.Scans]
    assert (said[0].message.first, said[0].message.last) == (1, 2)


def test_an_old_epoch_with_scans_greets_too_and_drains_first():
    flash, epochs = Flash(), Epochs()
    scan(a_handheld(flash, epochs=epochs), "A")
    flash.flip("journal.notes", 100)
    handheld = a_handheld(flash, epochs=epochs)
    scan(handheld, "B")
    said = handheld.connected(0.0)
    old, new = [epoch.ep for epoch in handheld.journal.epochs]
    assert [hello.ep for hello in hellos(said)] == [old, new]
    assert [each.message.ep for each in understand(said) if each.qs] == [old, new]
    assert hellos(handheld.connected(1.0))
    handheld.heard(ack(old, 1), 1.0)
    assert [hello.ep for hello in hellos(handheld.connected(2.0))] == [new]


def test_a_greeting_is_said_again_until_it_is_answered_and_then_never():
    handheld = a_handheld()
    handheld.connected(0.0)
    ep = handheld.journal.current.ep
    said, now = 0, 0.0
    while now < 20.0:
        now = handheld.next_tick(now) or now
        said += len(hellos(handheld.tick(now)))
    assert 3 <= said <= 6
    handheld.heard(ack(ep, 0), now)
    assert not hellos(handheld.tick(now + 10.0))


def test_nobody_answers_a_greeting_so_the_connection_is_made_anew():
    handheld = a_handheld()
    handheld.connected(0.0)
    said, now = [], 0.0
    while now < 31.0:
        now = max(now + 0.001, handheld.next_tick(now) or 0.0)
        said += handheld.tick(now)
    assert any(isinstance(each, Reconnect) for each in said)


def test_off_line_nothing_is_said():
    handheld = a_handheld()
    scan(handheld, "A")
    assert handheld.tick(0.0) == []
    assert handheld.next_tick(0.0) is None
    handheld.connected(1.0)
    assert handheld.disconnected(2.0) == []
    assert handheld.tick(100.0) == []


# --- sending ---


def test_a_live_scan_goes_at_once_and_alone():
    handheld, _ = on_line()
    for number, code in enumerate("ABC", 1):
        scan(handheld, code)
        assert handheld.next_tick(1.0) == 1.0
        assert sent(handheld.tick(1.0)) == [[number]]
    assert sent(handheld.tick(1.0)) == []


def test_a_backlog_drains_in_full_batches_and_in_order():
    handheld = a_handheld()
    scan(handheld, *A_HUNDRED, *A_HUNDRED)
    heard = sent(handheld.connected(0.0))
    ep = handheld.journal.current.ep
    while len(heard) < 4:
        heard += sent(handheld.heard(ack(ep, heard[-1][-1]), 0.1))
    assert [len(qs) for qs in heard] == [64, 64, 64, 8]
    assert [q for qs in heard for q in qs] == list(range(1, 201))


def test_never_more_than_64_are_without_receipt():
    handheld, ep = on_line()
    out = []
    for code in A_HUNDRED:
        scan(handheld, code)
        out += sent(handheld.tick(0.1))
    assert [q for qs in out for q in qs] == list(range(1, 65))
    assert sent(handheld.heard(ack(ep, 10), 0.2)) == []  # a backlog waits for a full batch
    assert [q for qs in sent(handheld.heard(ack(ep, 64), 0.2)) for q in qs] == list(range(65, 101))


def test_no_message_is_longer_than_32_kib():
    handheld = a_handheld()
    scan(handheld, *("\x1d" * 4000 + str(number) for number in range(10)), *("x" * 4090 for _ in range(20)))
    tracker = Tracker()
    queue = handheld.connected(0.0)
    while queue:
        payload = queue.pop(0)
        assert len(payload) <= 32 * 1024
        for answer in tracker.hear(payload):
            queue += handheld.heard(answer, 0.1)
    assert len(tracker.log) == 30
    assert handheld.waiting.count == 0


def test_records_travel_byte_for_byte_and_signed():
    handheld, ep = on_line()
    scan(handheld, "LS123456785NL")
    [first] = understand(handheld.tick(0.0))
    handheld.clock.passes(1500)
    [again] = understand(handheld.tick(1.5))
    raw = handheld.journal.record(handheld.journal.current, 1)
    assert first.raw == again.raw == [raw]
    assert first.message.mac == again.message.mac == wire.batch_mac(KEY, ep, b"[" + raw + b"]")
    assert again.message.sent - first.message.sent == 1500  # the envelope is stamped anew


def test_a_device_without_a_key_signs_nothing():
    handheld, _ = on_line(key=None)
    scan(handheld, "A")
    assert b"mac" not in handheld.tick(0.0)[0]


# --- again and again ---


def test_the_oldest_goes_again_after_1_2_4_8_8_seconds_more_or_less():
    handheld, _ = on_line()
    scan(handheld, "A")
    handheld.tick(0.0)
    times, now = [], 0.0
    while len(times) < 6:
        now = handheld.next_tick(now)
        if sent(handheld.tick(now)):
            times.append(now)
    waits = [after - before for before, after in zip([0.0, *times], times, strict=False)]
    for wait, meant in zip(waits, [1, 2, 4, 8, 8, 8], strict=True):
        assert 0.8 * meant <= wait <= 1.2 * meant


def test_the_same_records_go_together_again():
    handheld = a_handheld()
    scan(handheld, "A", "B", "C")
    assert sent(handheld.connected(0.0)) == [[1, 2, 3]]
    scan(handheld, "D")
    assert sent(handheld.tick(0.1)) == [[4]]
    handheld.heard(ack(handheld.journal.current.ep, 2), 0.2)
    assert sent(handheld.tick(1.5)) == [[1, 2, 3]]


def test_the_next_overdue_goes_as_soon_as_the_oldest_is_receipted():
    handheld, ep = on_line()
    for code in "ABC":
        scan(handheld, code)
        handheld.tick(0.0)
    assert sent(handheld.tick(2.0)) == [[1]]
    assert sent(handheld.heard(ack(ep, 1), 2.01)) == [[2]]


def test_thirty_seconds_without_progress_ask_for_a_new_connection():
    handheld, ep = on_line()
    scan(handheld, "A", "B")
    now, asked = 0.0, []
    while now < 65:
        asked += [now for effect in handheld.tick(now) if isinstance(effect, Reconnect)]
        now += 0.25
    assert asked == [30.0, 60.0]
    handheld.connected(70.0)
    handheld.heard(ack(ep, 1), 80.0)
    assert not any(isinstance(effect, Reconnect) for effect in handheld.tick(109.0))
    assert any(isinstance(effect, Reconnect) for effect in handheld.tick(110.0))


def test_an_idle_device_never_asks_for_a_new_connection():
    handheld, _ = on_line("A")
    assert not any(isinstance(effect, Reconnect) for now in range(300) for effect in handheld.tick(float(now)))


def test_after_a_new_connection_everything_without_receipt_goes_again():
    handheld, ep = on_line()
    for code in "ABC":
        scan(handheld, code)
        handheld.tick(0.0)
    handheld.heard(ack(ep, 1), 0.5)
    handheld.disconnected(1.0)
    assert sent(handheld.connected(2.0)) == [[2, 3]]


# --- receipts ---


def test_only_a_receipt_of_the_same_epoch_frees():
    handheld, ep = on_line()
    scan(handheld, "A", "B")
    handheld.tick(0.0)
    handheld.heard(ack("f" * 32, 2), 0.1)
    assert handheld.waiting.count == 2
    handheld.heard(ack(ep, 1), 0.1)
    assert (handheld.waiting.count, handheld.receipted(ep, 1), handheld.receipted(ep, 2)) == (1, True, False)
    handheld.heard(ack(ep, 0), 0.1)  # an old one, late
    assert handheld.waiting.count == 1


@pytest.mark.parametrize("key", [None, bytes(32)])
def test_answers_without_our_mac_are_ignored(key):
    handheld, ep = on_line()
    scan(handheld, "A")
    handheld.tick(0.0)
    handheld.heard(ack(ep, 1, key=key), 0.1)
    assert handheld.heard(need(ep, (1, 1), key=key), 0.1) == []
    assert (handheld.waiting.count, handheld.ignored) == (1, 2)


@pytest.mark.parametrize("payload", [b"", b"\xff", b"[]", b'{"t":"ack"}', b'{"t":"dance","v":1}', b"null", b"[" * 9999])
def test_what_cannot_be_understood_changes_nothing(payload):
    handheld, _ = on_line()
    assert handheld.heard(payload, 0.1) == []
    assert handheld.ignored == 1


def test_a_nack_is_kept_for_staff_and_frees_nothing():
    handheld, ep = on_line()
    scan(handheld, "A")
    handheld.tick(0.0)
    for _ in range(2):
        handheld.heard(wire.encode(wire.signed(KEY, wire.Nack(ep=ep, q=1, why="too_long", gen=1))), 0.1)
    assert len(handheld.nacked) == 1
    assert handheld.refused(ep, 1).why == "too_long"
    assert handheld.waiting.count == 1


# --- after a restore ---


def test_a_lower_generation_is_ignored():
    handheld, ep = on_line("A")
    scan(handheld, "B")
    handheld.tick(0.0)
    handheld.heard(ack(ep, 1, gen=9), 0.1)
    handheld.heard(ack(ep, 2, gen=8), 0.1)
    assert handheld.waiting.count == 1


def test_a_higher_generation_holds_even_when_it_knows_less():
    handheld, ep = on_line(*A_HUNDRED)
    assert handheld.waiting.count == 0
    out = handheld.heard(ack(ep, 20, gen=2), 1.0)
    assert sent(out) == [list(range(21, 85))]
    assert sent(handheld.heard(ack(ep, 100, gen=1), 1.1)) == []  # spoken before the restore
    assert sent(handheld.heard(ack(ep, 84, gen=2), 1.1)) == [list(range(85, 101))]
    handheld.heard(ack(ep, 100, gen=2), 1.2)
    assert handheld.waiting.count == 0


def talk(handheld, tracker, queue, now):
    """Until neither has anything to say."""
    while queue:
        for answer in tracker.hear(queue.pop(0)):
            queue += handheld.heard(answer, now)


def test_a_restored_tracker_hears_from_every_epoch_that_is_kept():
    flash, epochs = Flash(), Epochs()
    handheld = a_handheld(flash, epochs=epochs)
    tracker = Tracker()
    scan(handheld, "A")
    talk(handheld, tracker, handheld.connected(0.0), 0.0)
    handheld.journal.begin_epoch()
    scan(handheld, "B")
    talk(handheld, tracker, handheld.tick(1.0), 1.0)
    tracker.log.clear()
    tracker.gen = 77
    scan(handheld, "C")
    talk(handheld, tracker, handheld.tick(2.0), 2.0)
    assert sorted(tracker.codes) == ["A", "B", "C"]
    assert handheld.waiting.count == 0


def test_a_greeting_lost_after_a_restore_is_said_again_until_it_is_answered():
    handheld = a_handheld(Flash(), epochs=Epochs())
    tracker = Tracker()
    scan(handheld, "A")
    talk(handheld, tracker, handheld.connected(0.0), 0.0)
    handheld.journal.begin_epoch()
    scan(handheld, "B")
    talk(handheld, tracker, handheld.tick(1.0), 1.0)
    tracker.log.clear()
    tracker.gen = 77
    scan(handheld, "C")
    for message in handheld.tick(2.0):
        for answer in tracker.hear(message):
            handheld.heard(answer, 2.0)  # what it says to that never arrives
    talk(handheld, tracker, handheld.connected(3.0), 3.0)
    assert sorted(tracker.codes) == ["A", "B", "C"]


def test_asked_for_records_go_at_once_freed_or_not():
    handheld, ep = on_line(*A_HUNDRED)
    assert sent(handheld.heard(need(ep, (5, 6), (90, 90)), 1.0)) == [[5, 6, 90]]
    assert sent(handheld.tick(5.0)) == []


def test_much_that_is_asked_for_goes_batch_by_batch_and_holds_up_no_live_scan():
    handheld, ep = on_line(*A_HUNDRED)
    out = sent(handheld.heard(need(ep, (1, 100)), 1.0))
    scan(handheld, "live")
    out += sent(handheld.tick(handheld.next_tick(1.0)))
    now = 1.0
    while (now := handheld.next_tick(now)) < 2.0:
        out += sent(handheld.tick(now))
    assert out == [list(range(1, 65)), [101], list(range(65, 101))]


def test_a_restored_tracker_that_only_asks_gets_it_all_and_its_receipt_still_counts():
    handheld, ep = on_line("A", "B", "C", "D")
    out = sent(handheld.heard(need(ep, (3, 3), gen=2), 1.0))
    assert {q for qs in out for q in qs} == {3, 4}
    assert sent(handheld.heard(ack(ep, 1, gen=2), 1.1)) == [[2, 3, 4]]


def test_nonsense_ranges_are_passed_over():
    handheld, ep = on_line("A", "B")
    assert sent(handheld.heard(need(ep, (9, 3), (-5, 1), (2, 10**9), (7, 8)), 1.0)) == [[1, 2]]


def test_a_tracker_that_lacks_what_we_no_longer_keep_gets_the_rest_and_new_scans_a_new_epoch():
    clock = Clock()
    handheld, ep = on_line(*A_HUNDRED, clock=clock, segment_bytes=2000)
    clock.passes(80 * HOUR)
    handheld.journal.keep_house(clock.stamp())
    first = handheld.journal.current.first
    assert first > 1
    said = handheld.heard(ack(ep, 0, gen=2), 1.0)
    assert [hello.ep for hello in hellos(said)] == [handheld.journal.current.ep]
    out, now = sent(said), 1.0
    while now < 2.0:
        now = handheld.next_tick(now) + 0.001
        out += sent(handheld.tick(now))
    while now < 40.0:
        now += 1.0
        out += sent(handheld.tick(now))
    assert {q for qs in out for q in qs} == set(range(first, 101))
    assert handheld.stranded == 101 - first
    assert handheld.waiting.count == 0
    scan(handheld, "new")
    assert sent(handheld.tick(now))[-1] == [1]


def test_flash_that_lost_its_tail_is_found_out_by_the_first_receipt():
    handheld, ep = on_line("A")
    handheld.heard(ack(ep, 12), 1.0)
    assert handheld.record("B", "code128", "sort", now=1.0).q == 1
    assert handheld.waiting.count == 1


def test_records_behind_a_rotten_one_reach_the_tracker_too():
    flash, epochs = Flash(), Epochs()
    scan(a_handheld(flash, epochs=epochs), *"ABCDE")
    size = len(flash.durable[flash.segments[0]]) // 5
    flash.flip(flash.segments[0], (2 * size + 20) * 8)
    handheld, tracker = a_handheld(flash, epochs=epochs), Tracker()
    for payload in handheld.connected(0.0):
        for answer in tracker.hear(payload):
            handheld.heard(answer, 0.0)
    assert sorted(tracker.codes) == ["A", "B", "D", "E"]
    assert (handheld.waiting.count, handheld.stranded) == (0, 2)


def test_rot_under_way_holds_nothing_up():
    flash, epochs = Flash(), Epochs()
    handheld = a_handheld(flash, epochs=epochs, segment_bytes=300)
    tracker = Tracker()
    scan(handheld, *"ABCDEFGH")
    handheld.connected(0.0)  # all lost on the way
    flash.flip(flash.segments[0], 50 * 8)
    handheld.journal._last_read = ("", b"")
    now = 0.0
    while now < 40:
        now = handheld.next_tick(now) + 0.001
        for payload in handheld.tick(now):
            for answer in tracker.hear(payload):
                handheld.heard(answer, now)
    assert len(tracker.log) == 7
    assert handheld.waiting.count == 0


# --- what else is said ---


def test_a_status_each_minute():
    handheld, ep = on_line("A")
    handheld.battery = 0.5
    said = [each.message for now in range(181) for each in understand(handheld.tick(float(now)))]
    assert [(each.ep, each.last, each.acked, each.depth, each.battery) for each in said] == [(ep, 1, 1, 0, 0.5)] * 3


def test_time_and_config_are_remembered_and_change_no_record():
    handheld, _ = on_line()
    scan(handheld, "A")
    before = handheld.journal.record(handheld.journal.current, 1)
    wall = handheld.clock.wall
    handheld.heard(wire.encode(wire.Time(c0=wall, s1=wall + 6000, s2=wall + 6010)), 0.1)
    config = wire.Config(symbologies=["code128"], lengths={"itf": [14]}, kinds=["sort"])
    handheld.heard(wire.encode(config), 0.1)
    assert (handheld.clock_off_ms, handheld.config) == (6005, config)
    assert handheld.journal.record(handheld.journal.current, 1) == before


# --- recording ---


def test_the_same_code_again_is_a_hint_and_a_second_scan():
    handheld = a_handheld()
    assert handheld.record("A", "code128", "sort", now=10.0).again is None
    again = handheld.record("A", "code128", "sort", now=14.0)
    assert (again.q, again.again) == (2, 4.0)


def test_every_field_is_journaled():
    handheld = a_handheld()
    handheld.record(
        "A", "qr", "load", now=0.0, at="AMS-S3", into="LH716/2026-11-12", op="c17", x={"note": "wet"}, lat=52.3, lon=4.7
    )
    assert json.loads(handheld.journal.record(handheld.journal.current, 1)) == {
        "q": 1, "code": "A", "sym": "qr", "k": "load", "wall": handheld.clock.wall, "mono": 0, "boot": 1,
        "op": "c17", "at": "AMS-S3", "in": "LH716/2026-11-12", "lat": 52.3, "lon": 4.7, "x": {"note": "wet"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("code", "more"),
    [
        ("x" * 4097, {}),
        ("\ud800", {}),
        ("A", {"x": {"note": "n" * 2000}}),
        ("A", {"x": {"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}}}),
        ("A", {"x": {"a": object()}}),
        ("A", {"at": "s" * 65}),
    ],
)
def test_what_the_tracker_could_not_understand_is_refused_before_the_beep(code, more):
    handheld = a_handheld()
    with pytest.raises(NotRecordedError, match="not recorded"):
        handheld.record(code, "code128", "sort", now=0.0, **more)
    assert handheld.record("B", "code128", "sort", now=0.0).q == 1


def test_waiting_tells_how_many_and_since_when():
    handheld, ep = on_line("A")
    assert (handheld.waiting.count, handheld.waiting.oldest) == (0, None)
    handheld.clock.passes(5000)
    since = handheld.clock.wall
    scan(handheld, "B")
    handheld.clock.passes(5000)
    scan(handheld, "C")
    assert (handheld.waiting.count, handheld.waiting.oldest) == (2, since)
    assert ep == handheld.journal.current.ep
