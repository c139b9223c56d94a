"""A broker of one's own by `mqtts://`: the certificate is checked, and everything goes through it.

`localhost.pem` is a key and its certificate, made for these tests alone, for localhost and a hundred years.
"""

import os
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from lastscan.broker import free_port
from lastscan.doctor import Level
from lastscan.home import Home
from lastscan.probes import examine
from scanner.disk import FileDisk
from scanner.handheld import Handheld
from scanner.journal import Journal
from scanner.link import Link, SystemClock
from tests.tracker.world import World, new_database
from tracker.domain.credentials import hash_password
from tracker.feeds import FeedDesk
from tracker.line import Line
from tracker.mqtt import Subscriber
from tracker.wire import Address

SOON = 10.0
CERTIFICATE = Path(__file__).with_name("localhost.pem")

pytestmark = pytest.mark.needs_mosquitto


@pytest.fixture
def port(mosquitto_path: str, tmp_path: Path) -> Iterator[int]:
    """A Mosquitto that takes TLS alone, with the users `tracker` and `h-1`, whose password is theirs twice."""
    port = free_port()
    names = ("tracker", "h-1")
    lines = [f"{name}:{hash_password(name * 2, salt=secrets.token_bytes(12))}" for name in names]
    (tmp_path / "passwords").write_text("\n".join(lines) + "\n")
    (tmp_path / "mosquitto.conf").write_text(
        ("user root\n" if os.geteuid() == 0 else "")
        + f"listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {tmp_path / 'passwords'}\n"
        + f"certfile {CERTIFICATE}\nkeyfile {CERTIFICATE}\nset_tcp_nodelay true\n"
    )
    with (tmp_path / "log").open("wb") as said:
        process = subprocess.Popen([mosquitto_path, "-c", str(tmp_path / "mosquitto.conf")], stderr=said, stdout=said)
    give_up_at = time.monotonic() + SOON
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except OSError:
            assert time.monotonic() < give_up_at, (tmp_path / "log").read_text()
            time.sleep(0.01)
    yield port
    process.terminate()
    process.wait(SOON)


def test_scans_go_up_and_receipts_come_down_by_tls(port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    url = f"mqtts://localhost:{port}"
    world = World(new_database(tmp_path / "lastscan.db"))
    drawn = world.registry.add("h-1", site="sea")
    feeds = FeedDesk(world.store, world.clock)
    subscriber = Subscriber(world.ingest, feeds, world.clock, url=url, username="tracker", password="tracker" * 2)
    journal = Journal(FileDisk(tmp_path / "h-1"), new_epoch=lambda: secrets.token_hex(16))
    handheld = Handheld(journal, SystemClock(journal.boot), Random(1), key=bytes.fromhex(drawn.key))
    link = Link(handheld, Address("sea", "h-1"), url, "h-1", "h-1" * 2, ca=CERTIFICATE)
    subscriber.start()
    assert subscriber.connected.wait(SOON)
    link.start()
    for n in range(200):
        link.record(f"parcel {n}", "code128", "sort", x={"note": "y" * 500})  # more than one TLS record at a time
    assert link.wait_until_empty(SOON)
    link.stop()
    subscriber.stop()
    assert len(world.log()) == 200
    world.close()


def test_a_certificate_that_nobody_vouches_for_or_of_another_name_is_refused(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = Line("tracker", "tracker" * 2, keep_alive_s=60, tls=True)
    with pytest.raises(OSError, match=r"self.signed"):
        line.open("localhost", port)
    line.close()
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    line = Line("tracker", "tracker" * 2, keep_alive_s=60, tls=True)
    with pytest.raises(OSError, match="not valid for"):
        line.open("127.0.0.1", port)
    line.close()


def test_doctor_looks_at_the_certificate(port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MQTT_URL", f"mqtts://localhost:{port}")
    home = Home.at(tmp_path / "home")
    found = {finding.name: finding for finding in examine(home)}
    assert (found["broker wire"].found, found["broker certificate"].level) == ("TLS", Level.FAIL)
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    found = {finding.name: finding for finding in examine(home)}
    assert found["broker certificate"].level is Level.OK
    assert found["broker, wrong password"].level is Level.OK
