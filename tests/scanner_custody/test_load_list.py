"""Load lists: whatever comes first and however often, the same pieces are there, missing and too many."""

import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.load_list import (
    Checklist,
    Fetching,
    ListedPiece,
    LoadList,
    NoListError,
    Shelf,
    fetch,
    loaded_before,
)
from tests.scanner_custody.world import Flash, a_handheld
from tracker.domain.ids import S10Number

RUN = "LH716/2026-11-12"
NOON = datetime(2026, 11, 12, 12, tzinfo=UTC)
NUMBERS = st.sampled_from([str(S10Number("LS", f"{serial:08}", "NL")) for serial in range(12)] + ["0220456789", "ODD"])


def load_list(numbers, *, departure: str = RUN, fetched: int = 0) -> LoadList:
    pieces = tuple(ListedPiece(number, "OSL") for number in dict.fromkeys(numbers))
    return LoadList(departure, "AMS", "FRA", NOON, NOON, pieces, fetched)


def outcome(checklist: Checklist) -> tuple[set[str], set[str], set[str]]:
    return set(checklist.scanned), {piece.number for piece in checklist.missing}, set(checklist.surplus)


def spelled(number: str, rng) -> str:
    """As a label or a person may write it."""
    if number.isalpha():
        return number
    return rng.choice(
        [number, number.lower(), f"]C1{number}", f"{number[:4]} {number[4:]}", f"{number[:2]}-{number[2:]}"]
    )


@given(st.lists(NUMBERS), st.lists(NUMBERS), st.randoms(use_true_random=False))
def test_every_piece_is_scanned_or_missing_and_the_rest_is_surplus(listed, loaded, rng):
    checklist = Checklist(RUN, load_list(listed))
    for number in loaded:
        assert checklist.check(spelled(number, rng)) is (number in listed)
    assert outcome(checklist) == (
        set(listed) & set(loaded),
        set(listed) - set(loaded),
        set(loaded) - set(listed),
    )
    assert checklist.loaded == len(set(loaded))
    assert len(checklist.scanned) + len(checklist.missing) == len(checklist.expected)


@given(st.lists(NUMBERS), st.lists(NUMBERS), st.lists(NUMBERS), st.randoms(use_true_random=False))
def test_order_repeats_and_when_the_list_came_do_not_matter(older, listed, loaded, rng):
    plain = Checklist(RUN, load_list(listed))
    for number in loaded:
        plain.check(number)

    shuffled = Checklist(RUN)
    scans = loaded + rng.choices(loaded, k=3) if loaded else []
    rng.shuffle(scans)
    turns: list[object] = [*scans, load_list(older)]
    rng.shuffle(turns)
    for turn in [*turns, load_list(listed)]:
        if isinstance(turn, LoadList):
            shuffled.renew(turn)
        else:
            shuffled.check(str(turn))
    assert outcome(shuffled) == outcome(plain)


@given(st.lists(NUMBERS), st.lists(NUMBERS, min_size=1), st.randoms(use_true_random=False))
def test_a_withdrawn_scan_was_never_made(listed, loaded, rng):
    withdrawn = rng.choice(loaded)
    checklist, without = Checklist(RUN, load_list(listed)), Checklist(RUN, load_list(listed))
    for number in loaded:
        checklist.check(number)
        if number != withdrawn:
            without.check(number)
    checklist.uncheck(withdrawn)
    assert outcome(checklist) == outcome(without)


def test_the_long_barcode_of_a_listed_number_is_that_piece():
    checklist = Checklist(RUN, load_list(["9101026837331000039521"]))
    assert checklist.check("420221539101026837331000039521") is True
    assert (checklist.scanned, checklist.surplus) == (("9101026837331000039521",), ())


def test_without_a_list_nobody_says_what_belongs():
    checklist = Checklist(RUN)
    assert checklist.check("LS123456785NL") is None
    assert (checklist.loaded, checklist.surplus, checklist.missing) == (1, (), ())


def test_the_card_of_the_departure_itself_is_no_surplus():
    checklist = Checklist(RUN, load_list([]))
    assert checklist.check(RUN) is None
    assert checklist.surplus == ()


# --- kept on the device ---


def test_a_list_is_kept_and_a_spoilt_one_is_none(tmp_path):
    shelf = Shelf(tmp_path / "lists")
    assert shelf.find(RUN) is None
    shelf.keep(load_list(["LS123456785NL"], fetched=7))
    assert shelf.find(RUN) == load_list(["LS123456785NL"], fetched=7)
    assert shelf.find("LH716/2026-11-13") is None
    (file,) = (tmp_path / "lists").iterdir()
    file.write_bytes(file.read_bytes()[:-5])
    assert shelf.find(RUN) is None


def test_the_journal_remembers_what_was_loaded():
    handheld = a_handheld(Flash())
    for code, kind, into in (
        ("A", "load", RUN),
        ("B", "load", RUN),
        ("C", "sort", RUN),
        ("D", "load", "LH717/2026-11-12"),
        ("E", "load", None),
    ):
        last = handheld.record(code, "code128", kind, now=0.0, into=into)
    handheld.record("B", "code128", "void", now=0.0, x={"void": [last.ep, 2]})
    handheld.record("A", "code128", "void", now=0.0, x={"void": "nonsense"})
    assert loaded_before(handheld.journal, RUN) == ["A"]


# --- fetched ---


class Page:
    """An address that answers one thing."""

    def __init__(self, status: int, body: bytes, **headers: str) -> None:
        self.asked = 0
        page = self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                page.asked += 1
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def __enter__(self) -> "Page":
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (401, b"", "not let in"),
        (404, b"", "no such departure"),
        (429, b"", "asked too often"),
        (500, b"", "answered 500"),
        (200, b"<html>", "no load list"),
        (200, b'{"departure": 1}', "no load list"),
    ],
)
def test_what_is_no_list_says_why(status, body, words):
    with Page(status, body) as page, pytest.raises(NoListError, match=words):
        fetch(page.url, RUN, username="h-1", password="p")


def test_a_password_follows_no_redirect():
    with Page(200, b"{}") as elsewhere, Page(302, b"", Location=elsewhere.url) as page:
        with pytest.raises(NoListError, match="302"):
            fetch(page.url, RUN, username="h-1", password="p")
        assert elsewhere.asked == 0


@pytest.mark.parametrize("web", ["", "127.0.0.1:8080", "file:///etc/passwd", "http://"])
def test_an_address_of_another_kind_is_refused(web):
    with pytest.raises(NoListError, match="write the address"):
        fetch(web, RUN, username="h-1", password="p")


def test_without_a_network_it_asks_again_until_the_list_comes():
    answers = [NoListError("no network"), load_list([]), load_list(["ODD"])]
    failed, came = [], []
    renewed = threading.Event()

    def get(departure: str) -> LoadList:
        if not answers:
            renewed.set()
            raise NoListError("no network")
        answer = answers.pop(0)
        if isinstance(answer, NoListError):
            raise answer
        return answer

    fetching = Fetching(get, came.append, lambda *why: failed.append(why), again_after=0.01, retry_after=0.01)
    fetching.want(RUN)
    assert renewed.wait(10)
    fetching.stop()
    assert failed[0] == (RUN, "no network")
    assert [len(listed.pieces) for listed in came] == [0, 1]
