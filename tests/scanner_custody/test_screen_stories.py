"""The handheld's screen, at a real terminal: what a courier does, sees and hears."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scanner.disk import FileDisk
from scanner.journal import Journal
from tests.scanner_custody.person import Person
from tests.scanner_custody.test_link import Broker, TrackerOnTheWire
from tests.scanner_custody.test_scan_command import registered
from tests.scanner_custody.world import codes
from tracker import wire

LH716 = "LH716/2026-11-12"
OURS, THEIRS, STRANGER = "LS123456785NL", "0220456789", "LS473124829NL"


@pytest.fixture
def sits_down(tmp_path: Path) -> Iterator[Callable[..., Person]]:
    people: list[Person] = []
    registered(tmp_path)

    def person(*arguments: str, **how: object) -> Person:
        people.append(Person(tmp_path, *arguments, **how))  # type: ignore[arg-type]
        return people[-1]

    yield person
    for each in people:
        each.leaves()


def journal_of(home: Path) -> list[wire.ScanRecord]:
    disk = FileDisk(home / "scanner" / "my-handheld" / "journal")
    journal = Journal(disk, new_epoch=lambda: "0" * 32)
    epoch = journal.epochs[0]
    records = [wire.hear_record(journal.record(epoch, q)) for q in range(1, epoch.given + 1)]
    assert [record.code for record in records] == codes(journal)
    disk.close()
    return records


class Pages:
    """The web of an installation, as far as a handheld asks it."""

    def __init__(self, *numbers: str) -> None:
        pages = self
        self.numbers = numbers
        self.asked: list[str | None] = []

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                pages.asked.append(self.headers["Authorization"])
                body = json.dumps(pages.manifest()).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def manifest(self) -> dict[str, object]:
        return {
            "departure": LH716,
            "origin": "AMS",
            "destination": "FRA",
            "departs_at": "2026-11-12T10:00:00Z",
            "as_of": "2026-11-12T09:00:00Z",
            "pieces": [{"number": number, "destination": "OSL"} for number in self.numbers],
        }

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def test_off_line_all_day_scanned_and_typed_and_nothing_is_lost(sits_down, tmp_path):
    ada = sits_down()
    ada.sees("SORT", "AMS", "Ready", "nothing waits", "OFF LINE", "F10 end")
    ada.scans(OURS)
    ada.sees("✓ RECORDED", "LS 1234 5678 5 NL", "1 waiting, oldest")
    assert ada.rings == 1
    ada.scans("]C1" + STRANGER, end="\t")
    ada.sees("LS 4731 2482 9 NL", "2 waiting")
    ada.scans(OURS)
    ada.sees("✓ RECORDED AGAIN", "again: ", "3 waiting")
    ada.hears(4)
    ada.types("LS123456784")
    ada.sees("2 more")
    ada.types("NL")
    ada.sees("WRONG: check digit does not agree")
    ada.presses("ENTER")
    ada.sees("ENTER again records it")
    ada.presses("Ctrl-U")
    ada.sees_typed("")
    ada.types(OURS[:3])
    ada.scans(THEIRS)
    ada.sees("0220 4567 89", f"> {OURS[:3]}", "4 waiting")
    ada.types(OURS[3:])
    ada.sees("ok: check digit right")
    ada.presses("ENTER")
    ada.sees("5 waiting")
    ada.presses("Ctrl-C")
    exit_code, said = ada.ends()
    assert (exit_code, ada.is_as_before()) == (75, True)
    assert "5 recorded in this round" in said
    assert "5 wait to be sent; safe in the journal" in said
    assert [(each.code, each.sym) for each in journal_of(tmp_path)] == [
        (OURS, "keyed"),
        (STRANGER, "gs1-128"),
        (OURS, "keyed"),
        (THEIRS, "keyed"),
        (OURS, "keyed"),
    ]


def test_kind_place_and_container_are_chosen_once_and_stand_on_top(sits_down, tmp_path):
    ada = sits_down("--kind", "arrive", columns=40, rows=12)
    ada.sees("ARRIVE", "Ready")
    ada.presses("F2")
    ada.sees("Kind: its letter, then ENTER")
    ada.types("damage")
    ada.presses("ENTER")
    ada.sees("DAMAGE")
    ada.presses("F3")
    ada.sees("Sort point: scan or type it")
    ada.scans("BELT-7")
    ada.sees("AMS BELT-7")
    ada.scans(OURS)
    ada.sees("DAMAGED, RECORDED", "set it aside", "1 waiting")
    ada.presses("F2")
    ada.types("pack")
    ada.presses("ENTER")
    ada.presses("F4")
    ada.sees("Into: scan or type it")
    ada.scans(STRANGER)  # a parcel all the same
    ada.sees("PACK", "LS 4731 2482 9 NL")
    ada.presses("F4")
    ada.scans("00340123451234567895")
    ada.sees("PACK → 00340123451234567895")
    ada.scans(OURS)
    ada.sees("3 waiting")
    ada.presses("Ctrl-C")
    assert ada.ends()[0] == 75
    assert [(each.k, each.at, each.into) for each in journal_of(tmp_path)] == [
        ("damage", "BELT-7", None),
        ("pack", "BELT-7", None),
        ("pack", "BELT-7", "00340123451234567895"),
    ]


def test_a_load_list_is_checked_off_closed_and_there_again_without_a_network(sits_down):
    pages = Pages(OURS, THEIRS, "LS100000003NL")
    ada = sits_down("--kind", "load", "--web", pages.url)
    ada.sees("LOAD", "Ready")
    ada.scans(LH716)  # the card at the door
    ada.sees("Now loading into LH716", "nothing waits")
    ada.sees("LOAD → LH716/2026-11-12", "0 of 3 · missing 3 · surplus 0", "Missing 3", "0220456789  OSL")
    assert pages.asked[0] == "Basic bXktaGFuZGhlbGQ6cA=="  # my-handheld:p
    ada.scans(OURS)
    ada.sees("✓ RECORDED", "1 of 3 · missing 2 · surplus 0")
    ada.scans(STRANGER)
    ada.sees("NOT EXPECTED HERE", "not on the list of LH716", "Surplus 1")
    ada.hears(4)
    ada.presses("F5")
    ada.sees("missing 0220 4567 89 to OSL", "surplus LS 4731 2482 9 NL", "loaded  LS 1234 5678 5 NL")
    ada.presses("F10")
    ada.sees("End here?", "LH716/2026-11-12: 1 of 3 loaded")
    ada.presses("ENTER")
    said = ada.ends()[1]
    assert "missing 2: 0220456789, LS100000003NL" in said
    assert f"surplus 1: {STRANGER}" in said
    pages.close()

    again = sits_down("--load", LH716.lower(), "--web", pages.url)
    again.sees("1 of 3 · missing 2 · surplus 1", " old")
    again.scans(THEIRS)
    again.sees("2 of 3 · missing 1 · surplus 1", "3 waiting")


def test_what_could_not_be_kept_says_so_in_word_and_sound(sits_down, tmp_path):
    ada = sits_down(disk_full=True)
    ada.sees("Ready")
    ada.scans(OURS)
    ada.sees("NOT RECORDED", "write it down", "nothing waits")
    ada.hears(6)
    ada.presses("Ctrl-C")
    exit_code, said = ada.ends()
    assert exit_code == 1
    assert "1 NOT RECORDED: write them down" in said


def test_any_terminal_any_size_and_a_window_that_is_closed(sits_down, tmp_path):
    ada = sits_down(columns=40, rows=12, encoding="ascii", NO_COLOR="1")
    ada.sees("Ready", "nothing waits | OFF LINE")
    ada.scans(OURS)
    ada.sees("+ RECORDED")
    ada.resizes(80, 24)
    ada.sees("F10 end", "--------------------------------------------------------------------------------")
    ada.resizes(12, 3)
    ada.sees("+ RECORD")
    assert "\x1b[38" not in ada.raw
    assert "\x1b[42" not in ada.raw
    assert ada.raw.isascii()
    ada.hangs_up()
    assert ada.ends()[0] == 75
    assert [each.code for each in journal_of(tmp_path)] == [OURS]


@pytest.mark.needs_mosquitto
def test_when_the_network_comes_what_waited_goes_by_itself(tmp_path, mosquitto_path):
    broker = Broker(mosquitto_path, tmp_path)
    ada = Person(registered(tmp_path, mqtt=broker.url))
    try:
        ada.sees("OFF LINE")
        ada.scans(OURS)
        ada.sees("1 waiting, oldest", "OFF LINE")
        broker.start()
        tracker = TrackerOnTheWire(broker)
        ada.sees("nothing waits · on line")
        assert tracker.tracker.codes == [OURS]
        ada.presses("Ctrl-C")
        assert ada.ends()[0] == 0
        tracker.stop()
    finally:
        ada.leaves()
        broker.kill()
