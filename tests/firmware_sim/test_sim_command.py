"""`lastscan sim` at the command line, with a broker and tracker of its own."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from firmware_sim.switchboard import Switchboard
from lastscan.commands import sim as command
from lastscan.commands.sim import sim
from tests.firmware_sim.world import Exchange, exchange

ROUTE = """
on sea-h1 sea
scan 0027123456 sort
wait
expect waiting 0
"""


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Exchange]:
    with exchange() as made:
        monkeypatch.setenv("MQTT_URL", made.url)
        monkeypatch.delenv("DATABASE_URL", raising=False)
        made.key_of = lambda dev: key_in(tmp_path / "sim" / "devices.json", dev)
        yield made


def key_in(file: Path, dev: str) -> str:
    (found,) = [each["key"] for each in json.loads(file.read_text()) if each["dev"] == dev]
    return str(found)


def run(home: Path, *arguments: str, said: str = "") -> Result:
    return CliRunner().invoke(sim, ["--home", str(home), *arguments], input=said)


def test_a_script_ends_well_or_with_the_line_that_was_not_as_expected(tmp_path: Path, at: Exchange) -> None:
    well = run(tmp_path, "--script", "-", "--seed", "7", said=ROUTE)
    assert (well.exit_code, at.codes) == (0, ["0027123456"]), well.output
    assert "seed 7" in well.stderr
    badly = run(tmp_path, "--script", "-", "--seed", "7", said=ROUTE + "expect waiting 3\n")
    assert badly.exit_code == 1
    assert "line 6: expected waiting 3, found 0 (seed 7)" in badly.stderr


def test_a_script_that_leaves_scans_behind_says_so(tmp_path: Path, at: Exchange) -> None:
    left = run(tmp_path, "--script", "-", "--seed", "7", said="on sea-h1 sea\ncut\ntype 0027123456\n")
    assert left.exit_code == 75
    assert "1 scans waited at the end" in left.stderr


def test_what_waits_at_the_terminal_is_sent_the_next_time(tmp_path: Path, at: Exchange) -> None:
    first = run(tmp_path, "--seed", "7", said="cut\ntype 0027123456\nsing\n")  # a seed without a slip of the finger
    assert first.exit_code == 0
    assert "'sing' is no command" in first.stderr
    assert run(tmp_path, said="wait\nquit\n").exit_code == 0
    assert at.codes == ["0027123456"]


def test_a_fleet_prints_its_figures_and_keeps_its_devices(
    tmp_path: Path, at: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "Orders", lambda *given: command_orders(*given))
    arguments = ("--devices", "12", "--seconds", "0.5", "--rate", "60", "--seed", "1", "--json")
    first = run(tmp_path, *arguments)
    assert first.exit_code == 0, first.output
    found = json.loads(first.stdout)
    assert found["receipted"] == found["beeped"] == len(at.codes) > 5
    assert (found["lost"], found["doubled"], found["waiting"], found["on_line"]) == (0, 0, 0, 12)
    assert "registered 12 devices" in first.stderr
    assert "registered" not in run(tmp_path, *arguments).stderr
    assert (tmp_path / "sim" / "devices.json").stat().st_mode & 0o077 == 0


def command_orders(seconds: float, rate: float, seed: int, rough: bool) -> object:
    """With few labels, for the sake of a quick test."""
    from firmware_sim.shift import Orders

    return Orders(seconds, rate, seed, rough, labels=2)


def test_without_a_broker_it_says_what_to_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MQTT_URL", raising=False)
    result = run(tmp_path)
    assert result.exit_code == 1
    assert "lastscan up" in result.stderr


def test_a_fleet_goes_to_a_plain_broker_only() -> None:
    import random

    with pytest.raises(ValueError, match="plain broker"):
        Switchboard("wss://example.org/mqtt", random.Random(1))
