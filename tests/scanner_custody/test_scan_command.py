"""`lastscan scan`, from the fingers to the receipt."""

import json
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from lastscan.commands.scan import scan
from scanner.disk import FileDisk
from scanner.journal import Journal
from tests.scanner_custody.test_link import broker, tracker  # noqa: F401  (fixtures)
from tests.scanner_custody.world import KEY
from tracker import wire
from tracker.clock import SharedClock
from tracker.domain.errors import DeviceExistsError


def nowhere() -> str:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"mqtt://127.0.0.1:{free.getsockname()[1]}"


def registered(home: Path, dev: str = "my-handheld", mqtt: str | None = None) -> Path:
    directory = home / "scanner" / dev
    directory.mkdir(parents=True)
    credentials = {"dev": dev, "site": "ams", "key": KEY.hex(), "username": dev, "password": "p"}
    (directory / "device.json").write_text(json.dumps(credentials | {"mqtt": mqtt or nowhere()}))
    return home


def run(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(scan, ["--home", str(home), "--wait", "0.3", *arguments])


def test_without_a_device_it_says_how_to_register_one(tmp_path):
    result = run(tmp_path, "--code", "A")
    assert result.exit_code == 69
    assert "lastscan device add my-handheld --site ams --json >" in result.stderr


def test_a_name_that_is_no_device_opens_no_door(tmp_path):
    result = run(tmp_path, "--device", "../../etc", "--code", "A")
    assert result.exit_code == 69
    assert not (tmp_path / "scanner").exists()


def test_off_line_the_scan_is_safe_and_waits(tmp_path):
    home = registered(tmp_path)
    result = run(home, "--code", "LS123456785NL", "--json")
    assert result.exit_code == 75
    assert "LS123456785NL: recorded" in result.stderr
    assert "sent by the next `lastscan scan`" in result.stderr
    told = json.loads(result.stdout)
    assert (told["waiting"], told["recorded"][0]["q"], told["recorded"][0]["sym"]) == (1, 1, "keyed")
    assert json.loads(run(home, "--code", "B", "--json").stdout)["waiting"] == 2


def test_what_cannot_be_recorded_is_said_and_fails(tmp_path):
    result = run(registered(tmp_path), "--code", "x" * 5000, "--json")
    assert result.exit_code == 1
    assert "not recorded" in result.stderr
    assert json.loads(result.stdout)["recorded"] == []


def test_a_file_that_is_no_picture_fails_and_says_so(tmp_path):
    (tmp_path / "note.png").write_text("no picture")
    result = run(registered(tmp_path), str(tmp_path / "note.png"))
    assert result.exit_code == 1
    assert "note.png" in result.stderr


def test_a_journal_in_use_is_waited_for_and_then_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("lastscan.this_device.JOURNAL_FREE_WITHIN", 0.2)
    home = registered(tmp_path)
    disk = FileDisk(home / "scanner" / "my-handheld" / "journal")
    result = run(home, "--code", "A")
    disk.close()
    assert result.exit_code == 1
    assert "another program" in result.stderr


def test_with_a_local_installation_the_usual_device_registers_itself(tmp_path):
    (tmp_path / "run.json").write_text(json.dumps({"mqtt": nowhere()}))
    first = run(tmp_path, "--code", "A")
    assert (first.exit_code, "registered my-handheld at dfw" in first.stderr) == (75, True), first.output
    again = run(tmp_path, "--code", "B")
    assert (again.exit_code, "registered" in again.stderr) == (75, False)
    assert (tmp_path / "scanner" / "my-handheld" / "device.json").stat().st_mode & 0o077 == 0


def test_in_a_demo_scans_carry_the_business_day(tmp_path):
    day = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
    home = registered(tmp_path)
    (home / "run").mkdir()
    SharedClock(home / "run" / "clock").set(day, speed=600.0)
    assert run(home, "--code", "A").exit_code == 75
    disk = FileDisk(home / "scanner" / "my-handheld" / "journal")
    journal = Journal(disk, new_epoch=lambda: "0" * 32)
    scanned = wire.hear_record(journal.record(journal.epochs[0], 1))
    disk.close()
    assert 0 <= scanned.wall - day.timestamp() * 1000 < 3_600_000
    assert journal.boot == 2


def test_a_device_registered_elsewhere_is_not_taken_over(tmp_path, monkeypatch):
    (tmp_path / "run.json").write_text(json.dumps({"mqtt": nowhere()}))

    def register_here(home: Path, dev: str, site: str) -> dict[str, str]:
        raise DeviceExistsError("my-handheld is registered already")

    monkeypatch.setitem(sys.modules, "lastscan.commands.device", SimpleNamespace(register_here=register_here))
    result = run(tmp_path, "--code", "A")
    assert (result.exit_code, "registered already" in result.stderr) == (69, True)


@pytest.mark.needs_mosquitto
def test_on_line_the_tracker_has_it_and_what_waited_goes_along(tmp_path, broker, tracker):  # noqa: F811
    home = registered(tmp_path)
    assert run(home, "--code", "A").exit_code == 75
    (home / "run.json").write_text(json.dumps({"mqtt": broker.url}))  # it moved to another port since
    result = run(home, "--wait", "10", "--code", "B", "--kind", "load", "--in", "LH716/2026-11-12", "--json")
    assert result.exit_code == 0, result.output
    assert [each["receipted"] for each in json.loads(result.stdout)["recorded"]] == [True]
    assert tracker.tracker.codes == ["A", "B"]
    assert run(home).exit_code == 0


@pytest.mark.needs_mosquitto
def test_a_picture_of_a_label_is_read_and_recorded(tmp_path, broker, tracker):  # noqa: F811
    from scanner.label import Label, as_bytes

    picture = tmp_path / "label.png"
    picture.write_bytes(as_bytes([Label.for_number("LS123456785NL")], "png"))
    result = run(registered(tmp_path, mqtt=broker.url), "--wait", "10", str(picture), "--json")
    assert result.exit_code == 0, result.output
    assert [each["code"] for each in json.loads(result.stdout)["recorded"]] == ["LS123456785NL"]
