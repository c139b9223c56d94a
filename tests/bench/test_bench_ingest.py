"""`lastscan bench ingest` runs to its end, and keeps what it sent."""

import json
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from lastscan.bench import ingest
from lastscan.bench.harness import percentile, provenance
from lastscan.commands.bench import bench


def test_a_short_run_keeps_every_scan_and_says_what_it_reached_of_its_limits() -> None:
    words = ["ingest", "--json", "--rows", "64", "--seconds", "0.1", "--devices", "2", "--broker", "amqtt"]
    ran = CliRunner().invoke(bench, words, catch_exceptions=False)
    found = json.loads(ran.stdout)
    assert found["rows_sent"] == found["rows_kept"] == 1 + 64 + 128 + 100
    assert found["live_of_broker_limit"] == pytest.approx(found["live_per_s"] / found["broker_limit_per_s"], abs=0.01)
    assert 0 < found["paced_p50_ms"] <= found["paced_p99_ms"]
    assert {"machine", "commit", "command", "live_cpu_us", "tracker_peak_mb"} <= found.keys()


def test_a_run_that_lost_a_scan_gives_no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    house = SimpleNamespace(round=lambda: {"live_per_s": 1.0}, tracker_pid=0, sent=5, count=lambda: 14)
    monkeypatch.setattr(ingest, "_house", lambda *_: nullcontext(house))
    plan = ingest.Plan(
        rows=1, seconds=0, rounds=1, devices=1, broker="amqtt", database_url=None, prefill=10, fold=False
    )
    with pytest.raises(ingest.RowsMissingError, match="15 scans were sent and 14 are in the log"):
        ingest.measure(plan)


def test_the_command_is_told_without_the_passwords_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["x", "bench", "--database-url", "postgresql://ada:s3cret@db/bench"])
    assert provenance()["command"] == "lastscan bench --database-url postgresql://ada:...@db/bench"


def test_a_percentile_is_a_value_that_was_measured() -> None:
    assert (percentile([3, 1, 2], 0.5), percentile([1, 2], 0.99), percentile([5], 0.0)) == (2, 2, 5)
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)
