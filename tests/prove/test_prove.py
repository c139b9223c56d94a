"""`lastscan prove` in small: real processes, a few faults, and a control beside them."""

import json
import os
import subprocess
import sys
from pathlib import Path

from lastscan.broker.choice import find_mosquitto

SECONDS_OF_FAULTS = 4


def prove(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """In an environment that would lead it to live data, if it looked."""
    live = {
        "LASTSCAN_HOME": str(tmp_path / "live"),
        "DATABASE_URL": "sqlite:////nowhere/live.db",
        "MQTT_URL": "mqtt://x",
    }
    return subprocess.run(
        [sys.executable, "-m", "lastscan", "prove", *arguments],
        env={**os.environ, **live, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


def processes_of(place: Path) -> list[str]:
    """Command lines that name this directory."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if str(place) in line:
            found.append(line)
    return found


def test_nothing_is_lost_doubled_or_invented_where_the_control_loses(tmp_path: Path) -> None:
    broker = "mosquitto" if find_mosquitto() else "amqtt"
    ran = prove(
        tmp_path, "--json", "--minutes", str(SECONDS_OF_FAULTS / 60), "--seed", "7",
        "--devices", "2", "--combination", f"sqlite+{broker}",
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    report = json.loads(ran.stdout)
    assert (report["lost"], report["doubled"], report["invented"]) == (0, 0, 0)
    assert report["committed"] >= report["beeped"] > 100
    assert sum(report["faults"].values()) >= 2
    assert 0 <= report["recovery_s_max"] < 60
    assert report["control"]["beeped"] > 100
    assert report["control"]["lost"] > 0
    assert report["broken"] == []
    assert list(tmp_path.iterdir()) == []
    assert processes_of(tmp_path) == []
