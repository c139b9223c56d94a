"""What devices say becomes facts: each scan once, receipted only when committed, whatever arrives in whatever order."""

import json
import random
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scanner.handheld import Effect, Handheld
from tests.scanner_custody.world import Clock, Flash, open_journal
from tests.tracker.world import (
    EP,
    NOON,
    OTHER_EP,
    Device,
    World,
    acks,
    at,
    nacks,
    needs,
)
from tracker import hostile, wire
from tracker.domain.errors import StoreError, UnkeepableError
from tracker.gaps import GapIncidents
from tracker.ingest import Heard, Reply
from tracker.store.fact_log import MOST_EMPTY, FactLog
from tracker.store.schema import facts, streams

SLOW_BUT_FEW = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


class PowerCutError(BaseException):
    """The tracker's machine went off."""


def raw(record: wire.ScanRecord, **changed: Any) -> bytes:
    spelled = json.loads(wire.encode_record(record)) | changed
    return json.dumps({name: value for name, value in spelled.items() if value is not ...}).encode()


# --- keeping and receipting -----------------------------------------------------------------------------------------


def test_a_scan_is_kept_to_the_letter_and_receipted_with_the_devices_key(world: World) -> None:
    device = world.device()
    code = "LS 0\\0 \0 'x\" \u001d 王 \U0001f4e6 \\"
    replies = world.hears(device.says(device.scans(device.scan(code, "sort", at="S\\3", op="c\0", x={"n": "\0"}))))
    assert acks(replies) == [1]
    answer = replies[-1].message
    assert isinstance(answer, wire.Ack)
    assert wire.same_mac(wire.answer_mac(device.key, answer), answer.mac)
    assert replies[-1].address.down == "lastscan/v1/sea-st/h-sea-st/down"
    assert world.log() == [("h-sea-st", EP, 1, code)]
    with world.store.reading() as tx:
        (fact,) = tx.log.after(0, 10)
    assert (fact.event.sort_point, fact.event.operator, fact.event.facility) == ("S\\3", "c\0", "SEA-ST")


def test_a_duplicate_is_receipted_again_and_not_kept_again(world: World) -> None:
    device = world.device()
    batch = device.scans(*(device.scan(f"code {n}") for n in range(3)))
    assert acks(world.hears(device.says(batch))) == [3]
    assert acks(world.hears(device.says(batch), device.says(batch))) == [3]  # one receipt a device and epoch
    assert len(world.log()) == 3
    assert world.ingest.counts["repeats"] == 6
    assert world.aside() == []


def test_two_copies_of_a_scan_in_one_batch_are_one(world: World) -> None:
    device = world.device()
    record = device.scan("A")
    assert acks(world.hears(device.says(device.scans(record, record)))) == [1]
    assert len(world.log()) == 1


def test_a_scan_is_the_same_however_its_json_is_spaced(world: World) -> None:
    device = world.device()
    record = device.scan("A", x={"b": 1, "a": 2})
    turned = json.dumps(dict(reversed(json.loads(wire.encode_record(record)).items())), indent=1).encode()
    world.hears(device.says(device.scans(record)), device.says(device.scans(turned)))
    assert len(world.log()) == 1
    assert world.aside() == []


def test_of_two_bodies_under_one_id_the_first_stays_and_the_second_is_put_aside(world: World) -> None:
    device = world.device()
    first = device.scan("FIRST")
    second = msgspec.structs.replace(first, code="SECOND")
    assert acks(world.hears(device.says(device.scans(first)))) == [1]
    replies = world.hears(device.says(device.scans(second, device.scan("NEXT"))))
    assert acks(replies) == [2]
    assert [code for *_, code in world.log()] == ["FIRST", "NEXT"]
    assert world.aside() == ["conflict"]
    assert b"SECOND" in world.queries.quarantine()[0].payload


def test_every_conflict_of_a_batch_is_put_aside_and_its_resending_is_only_counted(world: World) -> None:
    device = world.device()
    good = [device.scan("A"), device.scan("B")]
    world.hears(device.says(device.scans(*good)))
    forged = [msgspec.structs.replace(record, op="other") for record in good]
    for minutes in range(3):  # the envelope is stamped anew each time
        sent = NOON + timedelta(minutes=minutes)
        world.hears(device.says(device.scans(*forged, sent=sent), sent))
    aside = world.queries.quarantine()
    assert sorted((thing.why, thing.detail, thing.times) for thing in aside) == [
        ("conflict", f"{EP}:1", 3),
        ("conflict", f"{EP}:2", 3),
    ]


def test_a_number_once_refused_is_not_taken_by_another_body(world: World) -> None:
    device = world.device()
    bad = raw(device.scan("A"), code=7)
    assert nacks(world.hears(device.says(device.scans(bad)))) == [(1, "not_a_record")]
    good = msgspec.structs.replace(device.scan("A"), q=1)
    assert acks(world.hears(device.says(device.scans(good)))) == [1]
    assert world.log() == []
    assert world.aside() == ["not_a_record", "conflict"]  # nothing is thrown away


def test_numbers_far_apart_and_as_high_as_json_carries_hold_nothing_up(world: World) -> None:
    device = world.device()
    high = msgspec.structs.replace(device.scan("HIGH"), q=wire.MAX_SEQ)
    assert acks(world.hears(device.says(device.scans(high)))) == [0]
    assert acks(world.hears(device.says(device.scans(msgspec.structs.replace(high, q=1))))) == [1]
    world.real[0] += 11
    assert needs(world.ingest.overdue()) == [[(2, wire.MAX_SEQ - 1)]]


def test_epochs_of_one_device_have_watermarks_of_their_own(world: World) -> None:
    device = world.device()
    world.hears(device.says(device.scans(device.scan("A"), device.scan("B"))))
    reborn = Device(device.credentials, ep=OTHER_EP)
    assert acks(world.hears(device.says(reborn.scans(reborn.scan("A"))))) == [1]
    assert acks(world.hears(device.says(device.scans(device.scan("C"))))) == [3]
    assert len(world.log()) == 4


# --- records that are none ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"code": 7}, "not_a_record"),
        ({"k": ...}, "not_a_record"),
        ({"code": "x" * 5000}, "too_long"),
        ({"x": {"note": "y" * 2000}}, "too_long"),
        ({"sym": "s" * 40}, "too_long"),
        ({"mono": -1}, "bad_field"),
        ({"wall": 2**60}, "bad_field"),
        ({"x": [1]}, "not_a_record"),
    ],
)
def test_a_bad_record_is_nacked_counts_as_committed_and_holds_up_nobody(
    world: World, changed: dict[str, Any], why: str
) -> None:
    device = world.device()
    before, bad, after = device.scan("A"), raw(device.scan("B"), **changed), device.scan("C")
    replies = world.hears(device.says(device.scans(before, bad, after)))
    assert nacks(replies) == [(2, why)]
    assert acks(replies) == [3]
    nack = next(reply.message for reply in replies if isinstance(reply.message, wire.Nack))
    assert wire.same_mac(wire.answer_mac(device.key, nack), nack.mac)
    assert [code for *_, code in world.log()] == ["A", "C"]
    assert [(thing.why, thing.payload) for thing in world.queries.quarantine()] == [(why, bad)]


def test_the_same_bad_bytes_again_are_nacked_again_and_only_counted(world: World) -> None:
    device = world.device()
    bad = raw(device.scan("B"), code=7)
    for _ in range(3):
        replies = world.hears(device.says(device.scans(bad)))
        assert (nacks(replies), acks(replies)) == ([(1, "not_a_record")], [1])
    assert [thing.times for thing in world.queries.quarantine()] == [3]


@pytest.mark.parametrize("q", [0, -1, 2**53, 1.5, True, "1", None])
def test_a_record_without_a_usable_number_is_put_aside_and_the_rest_goes_on(world: World, q: object) -> None:
    device = world.device()
    nameless = raw(device.scan("A"), q=q)
    good = msgspec.structs.replace(device.scan("B"), q=1)
    replies = world.hears(device.says(device.scans(nameless, good)))
    assert nacks(replies) == []
    assert acks(replies) == [1]
    assert len(world.aside()) == 1


def test_an_unknown_kind_or_symbology_is_kept_like_any_other(world: World) -> None:
    device = world.device()
    world.hears(device.says(device.scans(device.scan("A", "weigh"), device.scan("B", sym="runes"))))
    assert len(world.log()) == 2


# --- who may speak --------------------------------------------------------------------------------------------------


def refused(world: World, heard: Heard) -> list[str]:
    replies = world.hears(heard)
    assert replies == []
    assert world.log() == []
    return world.aside()


def test_a_batch_with_a_wrong_or_missing_mac_goes_aside_whole_and_is_not_answered(world: World) -> None:
    device = world.device()
    assert refused(world, device.says(device.scans(device.scan("A"), key=b"x" * 32))) == ["bad_mac"]
    unsigned = wire.signed_batch(None, [wire.encode_record(device.scan("B"))], ep=EP, sent=1, mono=1, boot=7)
    assert refused(world, device.says(unsigned)) == ["bad_mac", "bad_mac"]
    assert world.watermark(device) == 0


@pytest.mark.parametrize("why", ["bad_mac", "revoked"])
def test_a_refused_batch_sent_again_every_eight_seconds_is_kept_once_and_counted(world: World, why: str) -> None:
    device = world.device()
    key = b"x" * 32 if why == "bad_mac" else device.key
    record = device.scan("A")
    if why == "revoked":
        world.registry.revoke("h-sea-st")
    for seconds in range(0, 80, 8):
        sent = NOON + timedelta(seconds=seconds)
        world.hears(device.says(device.scans(record, sent=sent, key=key), sent))
    world.hears(device.says(device.scans(device.scan("B"), key=key)))
    kept = [(thing.why, thing.times) for thing in world.queries.quarantine()]
    assert kept == [(why, 1), (why, 10)]  # another scan is another thing


def test_a_signed_batch_cannot_be_moved_to_another_epoch(world: World) -> None:
    device = world.device()
    moved = device.scans(device.scan("A")).replace(EP.encode(), OTHER_EP.encode())
    assert refused(world, device.says(moved)) == ["bad_mac"]


def test_a_forged_batch_teaches_the_tracker_nothing_about_the_devices_clock(world: World) -> None:
    device = world.device()
    device.mono_off = 10**9
    world.hears(device.says(device.scans(device.scan("A"), key=b"x" * 32)))
    device.mono_off, device.made = 0, 0
    world.hears(device.says(device.scans(device.scan("A", when=at(-1)))))
    assert [scan.happened_at for scan in world.queries.committed_scans()] == [at(-1)]


def test_an_unknown_device_a_foreign_site_and_a_revoked_device_go_aside(world: World) -> None:
    device = world.device()
    batch = device.scans(device.scan("A"))
    assert refused(world, Heard("lastscan/v1/sea-st/h-9/up", batch, NOON)) == ["unknown_device"]
    assert refused(world, Heard("lastscan/v1/bos/h-sea-st/up", batch, NOON))[1:] == ["foreign_site"]
    world.registry.revoke("h-sea-st")
    world.real[0] += 3
    assert refused(world, device.says(batch))[2:] == ["revoked"]
    assert world.watermark(device) == 0


@pytest.mark.parametrize(
    "topic", ["", "lastscan/v1/sea-st/h-sea-st/down", "lastscan/v2/a/b/up", "lastscan/v1/../b/up", "\0", "\ufffd", "x"]
)
def test_a_topic_that_is_none_of_ours_goes_aside(world: World, topic: str) -> None:
    device = world.device()
    assert refused(world, Heard(topic, device.scans(device.scan("A")), NOON)) == ["topic"]


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"", "not_json"),
        (b"\xff\xfe", "not_json"),
        (b"[]", "not_json"),
        (b"{" * 20, "too_deep"),
        (b" " * 40_000, "too_long"),
        (b'{"t":"shrug","v":1}', "unknown_type"),
        (b'{"t":"scans","v":2,"ep":"' + EP.encode() + b'","sent":1,"mono":1,"boot":1,"s":[]}', "unknown_version"),
        (b'{"t":"hello","v":1,"ep":"short","first":1,"last":1,"boot":1,"mono":1,"wall":1,"sent":1}', "bad_field"),
        (b'{"t":"hello","v":1}', "bad_field"),
    ],
)
def test_what_cannot_be_understood_goes_aside_under_its_reason(world: World, payload: bytes, why: str) -> None:
    device = world.device()
    assert refused(world, device.says(payload)) == [why]
    assert refused(world, device.says(payload)) == [why]
    assert [(thing.times, thing.payload) for thing in world.queries.quarantine()] == [(2, payload)]


@pytest.mark.parametrize("s", [b"[]", b"{}", b"[" + b",".join([b"{}"] * 65) + b"]"])
def test_a_batch_that_is_no_list_of_1_to_64_goes_aside(world: World, s: bytes) -> None:
    device = world.device()
    mac = wire.batch_mac(device.key, EP, s)
    said = wire.Scans(v=1, ep=EP, sent=1, mono=1, boot=1, s=msgspec.Raw(s), mac=mac)
    assert refused(world, device.says(wire.encode(said))) == ["bad_batch"]


def test_2000_hostile_messages_crash_nothing_and_store_no_foreign_scan(tmp_path: Path) -> None:
    toll = hostile.run(tmp_path, count=2000, seed=4711)
    assert toll.held, toll.as_json()
    assert toll.honest_scans == 40
    assert {"bad_mac", "topic", "foreign_site", "unknown_device", "too_deep", "too_long"} <= toll.put_aside.keys()


# --- laws -----------------------------------------------------------------------------------------------------------


@SLOW_BUT_FEW
@given(data=st.data())
def test_whatever_arrives_in_whatever_order_the_log_holds_each_good_scan_once(
    new_world: Callable[[], World], data: st.DataObject
) -> None:
    world = new_world()
    streams = [(dev, ep) for dev in ("h-1", "h-2") for ep in (EP, OTHER_EP)]
    made: list[tuple[Device, int, bytes, bool]] = []
    for dev, ep in streams:
        device = Device(world.device("sea-st", dev).credentials, ep=ep)
        for q in range(1, data.draw(st.integers(0, 6)) + 1):
            record = device.scan(f"{dev}{ep[0]}{q}")
            fit = data.draw(st.booleans() | st.just(True))
            made.append((device, q, wire.encode_record(record) if fit else raw(record, code=None), fit))
    rng = data.draw(st.randoms(use_true_random=False))
    arrived: dict[tuple[str, str], set[int]] = {}
    receipted: dict[tuple[str, str], int] = {}
    pool = made * 2
    rng.shuffle(pool)
    lost = pool[: rng.randrange(len(pool) + 1)]
    pool = pool[len(lost) :]
    while pool:
        messages, group = [], pool[: rng.randint(1, 12)]
        pool = pool[len(group) :]
        for dev, ep in streams:
            own = [one for one in group if (one[0].credentials.dev, one[0].ep) == (dev, ep)]
            if own:
                messages.append(own[0][0].says(own[0][0].scans(*(body for _, _, body, _ in own))))
                arrived.setdefault((dev, ep), set()).update(q for _, q, _, _ in own)
        for reply in world.hears(*messages):
            if isinstance(reply.message, wire.Ack):
                name = (reply.address.dev, reply.message.ep)
                assert reply.message.upto >= receipted.get(name, 0)  # never falls
                assert set(range(1, reply.message.upto + 1)) <= arrived[name]  # never above what is committed
                receipted[name] = reply.message.upto
        if rng.random() < 0.2:
            world.start()
    fit_ones = [(device.credentials.dev, device.ep, q) for device, q, _, fit in made if fit]
    good = [(dev, ep, q) for dev, ep, q in fit_ones if q in arrived.get((dev, ep), ())]
    assert sorted(line[:3] for line in world.log()) == sorted(good)
    for (dev, ep), qs in arrived.items():
        upto = next(n for n in range(8) if n + 1 not in qs)
        assert receipted[(dev, ep)] == upto


@SLOW_BUT_FEW
@given(where=st.integers(0, 60), data=st.data())
def test_a_crash_between_any_two_statements_leaves_nothing(
    new_world: Callable[[], World], where: int, data: st.DataObject
) -> None:
    import sqlalchemy as sa

    world = new_world()
    device = world.device()
    bad = data.draw(st.booleans())
    first, second = device.scan("A"), device.scan("B", x={"note": "n"})
    messages = [
        device.says(device.hello()),
        device.says(device.scans(first, raw(second, code=3) if bad else second)),
        device.says(b"junk"),
    ]
    world.ingest._roll.find("h-sea-st")
    done = 0

    def cut(*_: object) -> None:
        nonlocal done
        done += 1
        if done > where:
            raise PowerCutError

    sa.event.listen(world.engine, "before_cursor_execute", cut)
    sa.event.listen(world.engine, "commit", cut)
    crashed = False
    try:
        world.hears(*messages)
    except PowerCutError:
        crashed = True
    finally:
        sa.event.remove(world.engine, "before_cursor_execute", cut)
        sa.event.remove(world.engine, "commit", cut)
    assert (world.log() == [] and world.aside() == [] and world.watermark(device) == 0) == crashed
    world.start()
    assert acks(world.hears(*messages))[-1] == 2
    assert len(world.log()) == 2 - bad
    assert [thing.times for thing in world.queries.quarantine() if thing.why == "not_json"] == [2 - crashed]


# --- trouble with the database --------------------------------------------------------------------------------------


def test_a_database_that_cannot_commit_means_no_answer_and_nothing_kept(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = world.device()
    batch = device.says(device.scans(device.scan("A")))

    def full(*_: object, **__: object) -> None:
        raise StoreError("database or disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(FactLog, "append", full)
        with pytest.raises(StoreError):
            world.hears(batch)
    assert world.log() == []
    assert acks(world.hears(batch)) == [1]


def trips_over(monkeypatch: pytest.MonkeyPatch, code: str, error: Exception) -> None:
    honest = FactLog.append

    def append(self: FactLog, new: Any) -> None:
        if any(fact.code == code for _, fact in new):
            raise error
        honest(self, new)

    monkeypatch.setattr(FactLog, "append", append)


@pytest.mark.parametrize("error", [UnkeepableError("never"), ZeroDivisionError("a mistake of ours")], ids=repr)
def test_bytes_that_trip_us_are_put_aside_and_hold_up_no_other_message(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    trips_over(monkeypatch, "POISON", error)
    one, two, three = (world.device("sea-st", f"h-{n}") for n in range(3))
    messages = [
        one.says(one.scans(one.scan("A"))),
        two.says(two.scans(two.scan("POISON"))),
        three.says(three.scans(three.scan("C"))),
    ]
    replies = world.hears(*messages)
    assert {reply.address.dev for reply in replies} == {"h-0", "h-1", "h-2"}
    assert [code for *_, code in world.log()] == ["A", "C"]
    assert world.aside() == ["unkeepable"]
    assert b"POISON" in world.queries.quarantine()[0].payload
    assert nacks(replies) == [(1, "unkeepable")]  # or its device would send it for ever
    assert acks(world.hears(two.says(two.scans(two.scan("NEXT"))))) == [2]


@pytest.mark.parametrize("error", [UnkeepableError("never"), ZeroDivisionError("a mistake of ours")], ids=repr)
def test_of_a_batch_that_trips_us_every_other_record_is_kept(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    trips_over(monkeypatch, "POISON", error)
    device = world.device()
    bad = raw(device.scan("B"), code=7)
    batch = device.says(device.scans(bad, device.scan("C"), device.scan("POISON"), device.scan("D")))
    replies = world.hears(batch)
    assert sorted(nacks(replies)) == [(1, "not_a_record"), (3, "unkeepable")]
    assert acks(replies)[-1] == 4
    assert [code for *_, code in world.log()] == ["C", "D"]
    assert sorted(world.aside()) == ["not_a_record", "unkeepable"]
    assert acks(world.hears(batch)) == [4]


def test_a_message_that_trips_us_and_has_no_record_is_put_aside_whole(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trip(*_: object) -> None:
        raise ZeroDivisionError

    device = world.device()
    with monkeypatch.context() as broken:
        broken.setattr("tracker.gaps.GapWatch.claims", trip)
        assert world.hears(device.says(device.hello())) == []
    assert world.aside() == ["unkeepable"]
    assert acks(world.hears(device.says(device.hello()))) == [0]


# --- after a restore ------------------------------------------------------------------------------------------------


def restored(world: World) -> int:
    """As `lastscan restore` leaves the database, and the tracker that starts on it."""
    with world.store.writing() as tx:
        generation = tx.meta.raise_generation(world.clock.now())
    world.start()
    return generation


def _down(device: Device) -> str:
    return wire.Address(device.credentials.site, device.credentials.dev).down


def said(replies: Sequence[Reply]) -> list[tuple[str, str, int, int]]:
    acks = [(reply.address.down, reply.message) for reply in replies if isinstance(reply.message, wire.Ack)]
    return [(down, ack.ep, ack.upto, ack.gen) for down, ack in acks]


def test_after_a_restore_every_device_on_line_hears_of_it_at_each_status(world: World) -> None:
    device = world.device()
    world.hears(device.says(device.scans(device.scan("A"))))
    generation = restored(world)
    word = device.says(wire.encode(wire.Status(v=1, ep=EP, last=1, acked=1, depth=0, mono=1, boot=7, sent=1)))
    (told,) = replies = world.hears(word)
    assert said(replies) == [(_down(device), EP, 1, generation)]
    assert isinstance(told.message, wire.Ack)
    assert wire.same_mac(wire.answer_mac(device.key, told.message), told.message.mac)
    assert said(world.hears(word)) == said(replies)  # the first may have been lost on its way


def test_a_device_that_was_receipted_more_than_is_known_is_told_at_each_status(world: World) -> None:
    device = world.device()
    generation = restored(world)
    world.hears(device.says(device.scans(device.scan("A"))))
    word = {"last": 5, "depth": 0, "mono": 1, "boot": 7, "sent": 1}
    status = wire.Status(v=1, ep=EP, acked=5, **word)
    assert said(world.hears(device.says(wire.encode(status)))) == [(_down(device), EP, 1, generation)]
    unknown = wire.Status(v=1, ep=OTHER_EP, acked=5, **word)
    assert said(world.hears(device.says(wire.encode(unknown)))) == [(_down(device), OTHER_EP, 0, generation)]


@settings(SLOW_BUT_FEW, max_examples=15)
@given(data=st.data())
def test_no_scan_is_lost_by_a_restore_within_72_hours(new_world: Callable[[], World], data: st.DataObject) -> None:
    """The handheld we ship, on line all the while or not, against a database that went back in time, and again."""
    world = new_world()
    device = world.device()
    clock = Clock()
    handheld = Handheld(open_journal(Flash(), segment_bytes=400), clock, random.Random(1), key=device.key)
    made = 0

    def talk(up: Sequence[Effect]) -> None:
        while up:
            down = world.hears(*(device.says(payload) for payload in up if isinstance(payload, bytes)))
            up = [e for reply in down for e in handheld.heard(wire.encode(reply.message), world.real[0])]

    def a_minute() -> None:
        for _ in range(4):
            world.real[0] += 16
            clock.passes(16_000)
            for reply in world.ingest.overdue():
                talk(handheld.heard(wire.encode(reply.message), world.real[0]))
            talk(handheld.tick(world.real[0]))

    talk(handheld.connected(world.real[0]))
    for _ in range(data.draw(st.integers(1, 3))):
        at_backup = data.draw(st.integers(0, made))
        for _ in range(data.draw(st.integers(1, 30))):
            made += 1
            handheld.record(f"C{made}", "code128", "sort", now=world.real[0])
        if data.draw(st.booleans()):
            handheld.journal.begin_epoch()
            handheld.journal.settle()
        talk(handheld.tick(world.real[0]))
        clock.passes(data.draw(st.integers(0, 71)) * 3_600_000 // 3)
        handheld.journal.keep_house(clock.stamp())
        forget(world, after=at_backup)
        restored(world)
        if data.draw(st.booleans()):
            talk(handheld.connected(world.real[0]))
        a_minute()
        a_minute()
    assert sorted(int(code[1:]) for *_, code in world.log()) == list(range(1, made + 1))
    assert handheld.waiting_count == 0
    assert GapIncidents(world.store, world.clock).all() == []


def forget(world: World, *, after: int) -> None:
    """The database as it was when the log ended there."""
    with world.store.writing() as tx:
        tx.connection.execute(sa.delete(facts).where(facts.c.pos > after))
        tx.connection.execute(sa.delete(streams).where(~streams.c.id.in_(sa.select(facts.c.stream))))
        highest = sa.select(sa.func.max(facts.c.q)).where(facts.c.stream == streams.c.id).scalar_subquery()
        tx.connection.execute(sa.update(streams).values(upto=highest, highest=highest, claimed=highest))


# --- hello, status, gaps --------------------------------------------------------------------------------------------


def test_a_hello_is_answered_by_receipt_time_and_settings(world: World) -> None:
    device = world.device()
    world.clock.instant = NOON + timedelta(seconds=1)
    ack, time, config = (reply.message for reply in world.hears(device.says(device.hello(last=0))))
    assert isinstance(ack, wire.Ack)
    assert (ack.ep, ack.upto, ack.gen) == (EP, 0, 1)
    sent = int(NOON.timestamp() * 1000)
    assert time == wire.Time(c0=sent, s1=sent, s2=sent + 1000)
    assert isinstance(config, wire.Config)
    assert "deliver" in config.kinds
    assert "book" not in config.kinds
    (row,) = world.registry.list()
    assert (row.heard_at, row.wall_error_ms, row.firmware) == (NOON, 0, "1.4.2")


def test_a_hello_with_any_text_for_its_firmware_is_still_answered(world: World) -> None:
    device = world.device()
    odd = json.dumps(json.loads(device.hello()) | {"fw": "1\0" + "x" * 20_000}).encode()
    assert acks(world.hears(device.says(odd))) == [0]


def test_greetings_for_made_up_epochs_are_answered_and_fill_nothing(world: World) -> None:
    """They bear no signature: whoever broke into the broker may name as many as he likes."""
    device = world.device()
    for n in range(40):
        forged = Device(device.credentials, ep=f"{n:032x}")
        replies = world.hears(forged.says(forged.hello(last=1000)), device.says(device.hello()))
        assert acks(replies) == [0, 0]
    device.ep = "ab" * 16  # a real journal, of which there was no room to speak
    assert acks(world.hears(device.says(device.hello()), device.says(device.scans(device.scan("A"))))) == [1]
    with world.store.reading() as tx:
        kept = tx.log.streams_of("dev:h-sea-st")
    assert len(kept) == MOST_EMPTY + 1
    assert sum(stream.highest == 0 for stream in kept) == MOST_EMPTY
    world.real[0] += 60
    assert len({reply.message.ep for reply in world.ingest.overdue() if isinstance(reply.message, wire.Need)}) < 9


def test_a_status_updates_what_is_known_of_a_device(world: World) -> None:
    device = world.device()
    status = wire.Status(v=1, ep=EP, last=0, acked=0, depth=3, mono=1, boot=7, sent=1, battery=0.71)
    world.hears(device.says(wire.encode(status)))
    (row,) = world.registry.list()
    assert (row.depth, row.battery) == (3, 0.71)


def test_a_gap_is_asked_for_after_ten_seconds_and_every_ten_until_it_closes(world: World) -> None:
    device = world.device()
    records = [device.scan(f"{n}") for n in range(1, 8)]
    world.hears(device.says(device.scans(records[0], records[3], records[5])))
    world.real[0] += 9.9
    assert world.ingest.overdue() == []
    world.real[0] += 0.2
    (asked,) = world.ingest.overdue()
    assert isinstance(asked.message, wire.Need)
    assert asked.message.ranges == [(2, 3), (5, 5)]
    assert wire.same_mac(wire.answer_mac(device.key, asked.message), asked.message.mac)
    assert world.ingest.overdue() == []
    world.real[0] += 10
    assert needs(world.ingest.overdue()) == [[(2, 3), (5, 5)]]
    world.hears(device.says(device.scans(records[1], records[2], records[4])))
    world.real[0] += 11
    assert world.ingest.overdue() == []


def test_what_a_hello_says_it_has_is_asked_for_until_all_of_it_came(world: World) -> None:
    device = world.device()
    records = [device.scan(f"{n}") for n in range(1, 11)]
    world.hears(device.says(device.hello()))
    world.hears(device.says(device.scans(*records[:3])))
    world.real[0] += 11
    assert needs(world.ingest.overdue()) == [[(4, 10)]]


def test_a_backlog_that_flows_is_not_asked_for(world: World) -> None:
    device = world.device()
    records = [device.scan(f"{n}") for n in range(1, 7)]
    world.hears(device.says(device.hello()))
    for record in records:
        world.real[0] += 6
        world.hears(device.says(device.scans(record)))
        assert world.ingest.overdue() == []


def test_a_gap_grows_with_what_the_device_says_it_has(world: World) -> None:
    device = world.device()
    world.hears(device.says(device.hello(last=2)))
    world.hears(device.says(device.hello(last=5)))
    world.real[0] += 11
    assert needs(world.ingest.overdue()) == [[(1, 5)]]


# --- time -----------------------------------------------------------------------------------------------------------


def happened(world: World) -> list[tuple[Any, bool]]:
    with world.store.reading() as tx:
        return [(fact.event.happened_at, fact.event.estimated) for fact in tx.log.after(0, 100)]


def test_a_scan_made_offline_keeps_its_own_time_by_the_running_of_the_device(world: World) -> None:
    device = world.device()
    world.hears(device.says(device.scans(device.scan("A", when=at(-5), wall=12345))))
    assert happened(world) == [(at(-5), False)]


def test_a_message_that_queued_does_not_shift_the_next(world: World) -> None:
    device = world.device()
    prompt = device.scan("A", when=at(0))
    world.hears(device.says(device.scans(prompt, sent=at(0)), at(0)))
    world.clock.instant = at(0.5)
    queued = device.scan("B", when=at(0.1))
    world.hears(device.says(device.scans(queued, sent=at(0.1)), at(0.5)))
    assert happened(world) == [(at(0), False), (at(0.1), False)]


def test_nothing_ever_happened_later_than_it_was_recorded(world: World) -> None:
    device = world.device()
    world.hears(device.says(device.scans(device.scan("A", when=at(5)))))
    ((instant, _),) = happened(world)
    assert instant == NOON


def test_a_scan_of_a_start_never_heard_goes_by_the_wall_clock_else_it_is_estimated(world: World) -> None:
    device = world.device()
    wall = int(at(-3).timestamp() * 1000)
    known = device.scan("A", boot=3, wall=wall)
    absurd = device.scan("B", boot=3, wall=0)
    future = device.scan("C", boot=3, wall=wire.MAX_MILLIS)
    world.hears(device.says(device.scans(known, absurd, future)))
    assert happened(world) == [(at(-3), False), (NOON, True), (NOON, True)]


def test_the_wall_clock_of_a_start_never_heard_is_corrected_as_last_known_and_not_by_a_message_that_queued(
    world: World,
) -> None:
    device = world.device()
    world.hears(device.says(device.hello(last=0)))
    world.start()  # what is known is in the database
    world.clock.instant = at(2)
    offline = device.scan("A", boot=3, wall=int(at(-3).timestamp() * 1000))
    world.hears(device.says(device.scans(offline, sent=at(1)), at(2)))  # an hour in the broker's queue
    assert happened(world) == [(at(-3), False)]


def test_a_scan_made_before_a_move_belongs_to_the_old_site(world: World) -> None:
    device = world.device("sea-st", "h-1")
    world.clock.instant = at(2)
    moved = Device(world.registry.add("h-1", site="bos-st", move=True))
    world.real[0] += 3
    before, after = moved.scan("A", when=at(1)), moved.scan("B", when=at(2))
    world.hears(moved.says(moved.scans(before, after, sent=at(2)), at(2)))
    assert [scan.site for scan in world.queries.committed_scans()] == ["sea-st", "bos-st"]
    assert device.credentials.key != moved.credentials.key
