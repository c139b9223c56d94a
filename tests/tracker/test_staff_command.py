"""`lastscan staff` and `lastscan audit`, and the heads that are noted elsewhere."""

import json
import os
import sqlite3
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lastscan.cli import lastscan
from lastscan.commands.staff import first_link
from lastscan.heads import Heads, HeadsError, note_now_and_then
from lastscan.home import Home
from tests.tracker.world import NOON
from tracker.audit import Audit
from tracker.domain.audit import Action
from tracker.domain.chain import Head


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("LASTSCAN_AUDIT_HEADS", raising=False)
    return Home.at(tmp_path)


def call(home: Home, *words: str) -> Result:
    return CliRunner().invoke(lastscan, [*words, "--home", str(home.path)])


def test_accounts_are_made_shown_changed_and_taken_back(home: Home) -> None:
    made = call(home, "staff", "add", "ann", "--role", "support", "--site", "lej", "--json")
    assert "/staff/link/" in json.loads(made.stdout)["link"]
    assert call(home, "staff", "role", "ann", "--role", "supervisor").exit_code == 0
    (ann,) = json.loads(call(home, "staff", "list", "--json").stdout)
    assert (ann["user"], ann["role"], ann["site"], ann["ways"]) == ("ann", "supervisor", None, ["open link"])
    assert call(home, "staff", "revoke", "ann").exit_code == 0
    assert "revoked" in call(home, "staff", "list").stdout
    assert call(home, "staff", "reset", "nobody-here").exit_code == 1


def test_the_first_link_is_printed_as_long_as_it_is_wanted(home: Home) -> None:
    first = first_link(home)
    assert first is not None
    assert call(home, "staff", "first-link").stdout.strip().rpartition("/")[0] == first.rpartition("/")[0]


def rows(home: Home, count: int) -> Audit:
    audit = Audit(home.store())
    for n in range(count):
        audit.note(Action.EXPORTED, f"audit {n}", by=None)
    return audit


def test_a_whole_chain_verifies_and_so_does_its_export(home: Home, tmp_path: Path) -> None:
    rows(home, 3)
    assert json.loads(call(home, "audit", "verify", "--json").stdout) == {"rows": 3, "heads": 0, "broken": None}
    file = tmp_path / "audit.jsonl"
    assert call(home, "audit", "export", str(file)).exit_code == 0
    assert call(home, "audit", "verify", str(file)).stdout.startswith("whole: 4 rows")
    file.write_bytes(file.read_bytes().replace(b"audit 1", b"audit 7"))
    broken = call(home, "audit", "verify", str(file))
    assert (broken.exit_code, broken.stdout) == (1, "broken at row 2: its content does not fit its hash\n")


def test_an_end_that_was_cut_off_is_found_by_the_head_noted_before(home: Home) -> None:
    audit, heads = rows(home, 3), Heads.of(home)
    heads.note(audit.head(), NOON)
    heads.note(audit.head(), NOON + timedelta(minutes=10))
    assert len(heads.read()) == 1
    with sqlite3.connect(home.path / "lastscan.db") as database:
        database.execute("DROP TRIGGER audit_delete")
        database.execute("DELETE FROM audit WHERE n = 3")
    found = call(home, "audit", "verify", "--json")
    assert found.exit_code == 1
    assert json.loads(found.stdout)["broken"]["row"] == 3


def test_a_head_cannot_be_written_anew_without_the_key(home: Home) -> None:
    heads = Heads.of(home)
    heads.note(Head(1, "a" * 64), NOON)
    assert heads.path.stat().st_mode & 0o777 == 0o600
    for harm in (("a" * 64, "b" * 64), ('"n":1', '"n":2'), ("{", ""), ('"mac"', '"cam"')):
        written = heads.path.read_text()
        heads.path.write_text(written.replace(*harm))
        with pytest.raises(HeadsError, match="line 1"):
            heads.read()
        heads.path.write_text(written)
    assert heads.read() == [Head(1, "a" * 64)]


def test_heads_are_noted_where_one_says_and_once_more_at_the_end(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LASTSCAN_AUDIT_HEADS", str(tmp_path / "elsewhere"))
    heads, stop, times = Heads.of(home), threading.Event(), []

    def note() -> None:
        times.append(1)
        if len(times) == 2:
            stop.set()
            raise OSError(os.strerror(28))
        heads.note(Head(len(times), "a" * 64), NOON)

    note_now_and_then(note, stop, every_s=0.001)
    assert [head.n for head in Heads(tmp_path / "elsewhere", home.secret("audit").encode()).read()] == [1, 3]


def test_devices_and_feeds_are_in_the_audit(home: Home) -> None:
    for words in (
        ("device", "add", "h-1", "--site", "lej", "--json"),
        ("device", "add", "h-1", "--site", "fra", "--move", "--json"),
        ("device", "revoke", "h-1"),
        ("feed", "add", "ops"),
        ("feed", "revoke", "ops"),
    ):
        assert call(home, *words).exit_code == 0
    rows = [(row["who"], row["action"], row["object"]) for row in reversed(Audit(home.store()).newest())]
    assert rows == [
        ("operator", "device-added", "h-1"),
        ("operator", "device-moved", "h-1"),
        ("operator", "device-revoked", "h-1"),
        ("operator", "feed-added", "ops"),
        ("operator", "feed-revoked", "ops"),
    ]
