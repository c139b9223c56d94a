"""Many handhelds in one process, over real sockets: every beep is followed to its receipt."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim import mqtt_packets as mqtt
from firmware_sim.labels import numbers, symbology_of
from firmware_sim.shift import Figures, Orders, Shift
from tests.firmware_sim.world import BAG, PARCEL, Exchange, exchange, registered
from tracker.domain.ids import readings


def worked(at: Exchange, orders: Orders, devices: int) -> Figures:
    given = [registered(f"sim-{n}") for n in range(devices)]
    shift = Shift(given, at.url, orders, business=lambda: datetime.now(UTC), keep_on=lambda: True)
    try:
        return shift.work()
    finally:
        shift.close()


def test_a_hundred_handhelds_get_a_receipt_for_every_beep() -> None:
    with exchange() as at:
        figures = worked(at, Orders(seconds=1.0, rate=150, seed=1, labels=4), devices=100)
        assert figures.on_line == 100
        assert figures.beeped > 50
        assert (figures.receipted, figures.waiting, figures.lost, figures.doubled) == (figures.beeped, 0, 0, 0)
        assert len(at.codes) == figures.beeped
        assert set(at.codes) <= set(numbers(1, 4))
        assert figures.receipt_p99_ms is not None


def test_rough_times_cost_no_beep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firmware_sim.shift.POWER_CUT_EVERY", 8.0)
    with exchange() as at:
        figures = worked(at, Orders(seconds=3.0, rate=100, seed=3, rough=True, labels=3), devices=40)
        assert figures.power_cuts > 0
        assert (figures.receipted, figures.waiting, figures.lost, figures.doubled) == (figures.beeped, 0, 0, 0)
        assert figures.connections > 40


def test_a_tracker_that_is_away_makes_scans_wait_and_loses_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firmware_sim.shift.DRAINED_WITHIN", 0.2)
    with exchange() as at:
        at.deaf = True
        figures = worked(at, Orders(seconds=0.5, rate=60, seed=1, labels=2), devices=5)
        assert figures.beeped == figures.waiting > 5
        assert (figures.receipted, figures.lost) == (0, 0)


@given(st.binary(max_size=3000), st.integers(1, 65535), st.integers(1, 700))
def test_packets_come_out_whole_however_the_bytes_arrive(payload: bytes, number: int, step: int) -> None:
    sent = mqtt.publish("lastscan/v1/sea/h1/up", payload, number) + mqtt.PING
    heard, found = bytearray(), []
    for at in range(0, len(sent), step):
        heard += sent[at : at + step]
        found += list(mqtt.packets(heard))
    assert [packet.kind for packet in found] == [mqtt.PUBLISH, 12]
    assert mqtt.message(found[0])[:2] == ("lastscan/v1/sea/h1/up", payload)
    assert heard == b""


def test_what_is_no_mqtt_is_hung_up_on() -> None:
    with pytest.raises(mqtt.BadPacketError):
        list(mqtt.packets(bytearray(b"\x30\xff\xff\xff\xff\x01")))


def test_labels_are_numbers_that_are_recognised() -> None:
    found = numbers(5, 40)
    assert len(set(found)) == 40
    assert all(readings(number) for number in found)
    assert (symbology_of(PARCEL), symbology_of(BAG)) == ("code128", "itf")
