"""What `lastscan doctor` says is in force, asked of real databases, brokers and files; and what is refused to start."""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from lastscan import doctor
from lastscan.broker import free_port
from lastscan.cli import lastscan
from lastscan.doctor import Finding, Level
from lastscan.home import Home
from lastscan.probes import UnsafeError, examine, refuse_unsafe
from tests.scenarios.test_killed_in_the_stream import BROKERS, broker
from tests.tracker.world import NOON, World, at
from tracker.gaps import GapIncidents
from tracker.store import health

CONFIGURATION = 78


def lines(home: Home) -> dict[str, Finding]:
    return {finding.name: finding for finding in examine(home)}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    for name in ("DATABASE_URL", "MQTT_URL"):
        monkeypatch.delenv(name, raising=False)
    found = Home.at(tmp_path / "home")
    found.secret("proof")
    found.migrated().dispose()
    return found


# --- in force --------------------------------------------------------------------------------------------------------


def test_sqlite_as_we_open_it_is_safe(home: Home) -> None:
    with home.database() as engine, engine.connect().execution_options(reading=True) as connection:
        settings = health.in_force(connection)
    assert settings == {"journal_mode": "wal", "synchronous": "full", "foreign_keys": "on"}
    assert health.unsafe(settings) == {}


def test_a_postgres_that_does_not_flush_is_found_out(
    home: Home, new_postgres_url: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one of our tests is such a one."""
    monkeypatch.setenv("DATABASE_URL", new_postgres_url())
    with home.database() as engine:
        with pytest.raises(UnsafeError, match="fsync: off"):
            refuse_unsafe(home, engine)
        found = lines(home)
    said = {name: found[f"database {name}"].level for name in ("fsync", "full_page_writes", "synchronous_commit")}
    assert said == {"fsync": Level.FAIL, "full_page_writes": Level.FAIL, "synchronous_commit": Level.OK}
    assert found["clock against database"].level is Level.OK
    assert found["database wire"].found == "on this machine"


@pytest.mark.parametrize(
    ("setting", "value"),
    [("synchronous", "normal"), ("synchronous", "off"), ("journal_mode", "memory"), ("synchronous_commit", "off")],
)
def test_anything_less_than_a_flush_at_each_commit_is_unsafe(setting: str, value: str) -> None:
    unsafe = health.unsafe({setting: value})
    assert list(unsafe) == [setting]
    assert [finding.level for finding in doctor.commits({setting: value}, unsafe)] == [Level.FAIL]


def test_keys_that_others_can_read_are_refused_at_start_with_what_to_do(home: Home) -> None:
    with home.database() as engine:
        refuse_unsafe(home, engine)
        (home.keys / "proof").chmod(0o644)
        with pytest.raises(UnsafeError, match=r"chmod go= .*proof"):
            refuse_unsafe(home, engine)
    command = [sys.executable, "-m", "lastscan", "up", "--port", "0", "--mqtt-port", "0", "--home", str(home.path)]
    refused = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert refused.returncode == CONFIGURATION
    told_by = CliRunner().invoke(lastscan, ["doctor", "--json", "--home", str(home.path)])
    assert told_by.exit_code == 1
    told = json.loads(told_by.stdout)
    assert told["fail"] == 1
    assert [each["name"] for each in told["findings"] if each["level"] == "fail"] == ["keys"]


def test_a_page_that_went_bad_is_found(home: Home) -> None:
    with home.database() as engine:
        World(engine).with_network().books_parcel()
    path = home.path / "lastscan.db"
    whole = bytearray(path.read_bytes())
    whole[4096 * 3 : 4096 * 9] = b"\xa5" * 4096 * 6
    path.write_bytes(whole)
    wrong = [finding for finding in examine(home) if finding.level is Level.FAIL]
    assert [finding.name for finding in wrong][:1] in (["database integrity"], ["database"])


def test_a_home_where_nothing_was_started_has_nothing_wrong_only_things_to_do(home: Home) -> None:
    found = lines(home)
    assert [name for name, finding in found.items() if finding.level is Level.FAIL] == []
    assert found["broker"].found == "none is known"
    assert found["last backup"].remedy == "lastscan backup FILE"
    assert all(finding.remedy for finding in found.values() if finding.level is not Level.OK)


@pytest.mark.parametrize("kind", BROKERS)
def test_our_brokers_refuse_strangers(kind: str, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with broker(home, kind) as url:
        monkeypatch.setenv("MQTT_URL", url)
        found = lines(home)
    named = ("broker", "broker wire", "broker, no name", "broker, wrong password")
    assert [found[name].level for name in named] == [Level.OK] * 4
    settings = ("broker persistence", "broker queues", "broker in flight", "broker size limit")
    shown = settings if kind == "mosquitto" else ("broker settings",)
    assert [found[name].level for name in shown] == [Level.OK] * len(shown)


def test_what_mosquitto_leaves_to_its_defaults_is_named() -> None:
    found = {finding.name: finding for finding in doctor.mosquitto("listener 1883\nmessage_size_limit 1000\n")}
    assert {name: finding.level for name, finding in found.items()} == {
        "broker persistence": Level.WARN,
        "broker queues": Level.WARN,  # the stock 1000
        "broker in flight": Level.WARN,
        "broker size limit": Level.FAIL,
    }
    assert [each.level for each in doctor.mosquitto("max_queued_messages 0")][1] is Level.OK


def test_a_broker_that_takes_anybody_is_found_out(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def welcome() -> None:
            for _ in range(3):
                client, _ = server.accept()
                if client.recv(100):
                    client.sendall(b"\x20\x02\x00\x00")
                client.close()

        host = threading.Thread(target=welcome, daemon=True)
        host.start()
        monkeypatch.setenv("MQTT_URL", f"mqtt://127.0.0.1:{server.getsockname()[1]}")
        found = lines(home)
        host.join(10)
    assert [found[name].level for name in ("broker, no name", "broker, wrong password")] == [Level.FAIL] * 2


def test_a_broker_that_is_away_is_found_out(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MQTT_URL", f"mqtt://127.0.0.1:{free_port()}")
    assert lines(home)["broker"].level is Level.FAIL


# --- what waits ------------------------------------------------------------------------------------------------------


def test_what_waits_is_counted(home: Home) -> None:
    with home.database() as engine:
        world = World(engine).with_network()
        device = world.device()
        first, _, third = (device.scan(code) for code in ("a", "b", "c"))
        world.hears(device.says(device.scans(first)), device.says(device.scans(third)))
        world.hears(device.says(device.scans(first, key=b"x" * 32)))
        with world.store.reading() as tx:
            found = health.vitals(tx.connection, at(1))
    assert found.facts_to_fold == 2
    assert found.missing == {"h-sea-st": 1}
    assert found.put_aside == {"bad_mac": 1}
    assert [finding.level for finding in doctor.custody(found.missing, {})] == [Level.WARN, Level.OK]


def test_scans_that_a_device_only_spoke_of_are_missing_until_somebody_writes_them_off(home: Home) -> None:
    with home.database() as engine:
        world = World(engine).with_network()
        device = world.device()
        world.hears(device.says(device.scans(device.scan("a"))), device.says(device.hello(last=4)))
        assert lines(home)["scans missing"].found == "3 of h-sea-st"
        world.hears(device.says(device.hello(first=5, last=4)))
        assert lines(home)["gaps"].found == "1 open; the worst is 1: 3 scans of h-sea-st at sea-st"
        listed = CliRunner().invoke(lastscan, ["device", "list", "--home", str(home.path)])
        assert "open gaps: 1" in listed.stdout
        GapIncidents(world.store, world.clock).close(1, by="Mo", reason="the device burnt")
    found = lines(home)
    assert [(found[name].level, found[name].found) for name in ("scans missing", "gaps")] == [
        (Level.OK, "none"),
        (Level.OK, "none is open"),
    ]
    told = CliRunner().invoke(lastscan, ["device", "list", "--json", "--home", str(home.path)])
    assert [row["gaps"] for row in json.loads(told.stdout)] == [0]


# --- judged ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("finding", "level"),
    [
        (doctor.waiting("", None, "r"), "ok"),
        (doctor.waiting("", timedelta(seconds=60), "r"), "ok"),
        (doctor.waiting("", timedelta(seconds=61), "r"), "warn"),
        (doctor.room(100 << 20, 1 << 40), "fail"),
        (doctor.room(2 << 30, 1 << 40), "warn"),
        (doctor.room(2 << 30, 10 << 30), "ok"),
        (doctor.flushes([1.0] * 100), "ok"),
        (doctor.flushes([1.0] * 98 + [60.0] * 2), "warn"),
        (doctor.zones("2026a", NOON), "ok"),
        (doctor.zones("2025b", NOON), "ok"),
        (doctor.zones("2024b", NOON), "warn"),
        (doctor.zones(None, NOON), "warn"),
        (doctor.certificate(NOON + timedelta(days=22), NOON), "ok"),
        (doctor.certificate(NOON + timedelta(days=20), NOON), "warn"),
        (doctor.certificate(NOON, NOON), "fail"),
        (doctor.certificate(None, NOON, "self-signed"), "fail"),
        (doctor.kept_by_ntp(True), "ok"),
        (doctor.kept_by_ntp(False), "warn"),
        (doctor.against_the_database(timedelta(seconds=-3)), "warn"),
        (doctor.against_the_database(timedelta(seconds=1)), "ok"),
        (doctor.database_wire(False), "fail"),
        (doctor.database_wire(True), "ok"),
        (doctor.business_clock(timedelta(hours=3), demo=False), "fail"),
        (doctor.business_clock(timedelta(hours=3), demo=True), "ok"),
        (doctor.owners_only("keys", {"a": 0o600, "b": 0o640}), "fail"),
        (doctor.put_aside({"conflict": 1})[0], "warn"),
        (doctor.put_aside({"bad_mac": 1})[0], "ok"),
        (doctor.broker("far.example", 1883, tls=False, loopback=False, reached=True)[1], "fail"),
        (doctor.broker("far.example", 8883, tls=True, loopback=False, reached=True)[1], "ok"),
        (doctor.backups({"backup": NOON}, NOON)[0], "ok"),
        (doctor.backups({"backup": NOON}, NOON + timedelta(days=2))[0], "warn"),
        (doctor.backups({"restore": NOON}, NOON)[1], "ok"),
        (doctor.backups({"rehearsal": NOON}, NOON + timedelta(days=32))[1], "warn"),
    ],
)
def test_each_line_is_judged_by_its_limit(finding: Finding, level: str) -> None:
    assert finding.level == level
    assert bool(finding.remedy) == (level != "ok")
