"""The ledger out of its database: whoever touches a row of it is found at that row."""

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from lastscan.cli import lastscan
from lastscan.home import Home
from notify.delivery import Delivery, Settlement, State
from notify.proofs import proof_of
from notify.store import ledger
from notify.store.ledger import Ledger
from tests.notify.test_delivery_store import planned
from tests.notify.world import AT, memory_engine
from tracker.domain.chain import Broken, Head, canonical, verify_lines

said = st.builds(
    Settlement,
    state=st.sampled_from(State),
    why=st.text(max_size=20),
    answer=st.text(st.characters(codec="utf-8"), max_size=20),
)


def proofs_of(settlements):
    one = planned()
    held = Delivery(
        one.id, one.notice, one.channel, one.cause, one.person, one.kind, one.thread, one.owed_at, one.shared,
        one.priority, State.LEASED, None, None, 0, 0, None,
    )  # fmt: skip
    return [
        proof_of(replace(held, fence=number), settlement, AT + timedelta(microseconds=number), evidence="dev:h-1#e:7")
        for number, settlement in enumerate(settlements)
    ]


def exported(settlements) -> list[bytes]:
    engine = memory_engine()
    with engine.begin() as tx:
        ledger.append(tx, proofs_of(settlements))
    return [canonical(row) + b"\n" for row in Ledger(engine).rows()]


@given(st.lists(said, min_size=1, max_size=4))
@settings(max_examples=20, deadline=None)
def test_what_is_exported_verifies_and_is_what_was_written(settlements):
    lines = exported(settlements)
    found = verify_lines(lines)
    assert isinstance(found, Head)
    assert found.n == len(settlements)


@given(st.lists(said, min_size=2, max_size=4), st.data())
@settings(max_examples=40, deadline=None)
def test_any_byte_flipped_any_row_dropped_or_swapped_is_found_at_its_row(settlements, data):
    lines = exported(settlements)
    head = verify_lines(lines)
    assert isinstance(head, Head)
    at = data.draw(st.integers(0, len(lines) - 1))
    match data.draw(st.sampled_from(["flip", "drop", "swap"])):
        case "flip":
            line = bytearray(lines[at])
            line[data.draw(st.integers(0, len(line) - 2))] ^= 1 << data.draw(st.integers(0, 7))
            lines[at] = bytes(line)
        case "drop":
            del lines[at]
        case _:
            at = min(at, len(lines) - 2)
            lines[at], lines[at + 1] = lines[at + 1], lines[at]
    found = verify_lines(lines, [head])
    assert isinstance(found, Broken)
    assert found.n == at + 1


def called(*words: str) -> Result:
    return CliRunner().invoke(lastscan, ["proofs", *words])


@pytest.fixture
def home(tmp_path):
    made = Home.at(tmp_path / "home")
    engine = made.migrated()
    with engine.begin() as tx:
        ledger.append(tx, proofs_of([Settlement(State.ACCEPTED, "已接收"), Settlement(State.EXPIRED, "too late")]))
    engine.dispose()
    return made


def test_exported_and_verified_without_a_database(home, tmp_path):
    file = tmp_path / "ledger.jsonl"
    wrote = called("export", str(file), "--home", str(home.path))
    assert wrote.exit_code == 0
    head = wrote.output.split()[-1]
    assert head.startswith("2:")
    assert called("verify", str(file), "--head", head).exit_code == 0
    file.write_bytes(file.read_bytes().replace(b"too late", b"too soon"))
    found = called("verify", str(file))
    assert (found.exit_code, "row 2" in found.output) == (1, True)
    file.write_bytes(file.read_bytes().splitlines(keepends=True)[0])
    assert called("verify", str(file)).exit_code == 0  # what was cut off only a head can show
    assert called("verify", str(file), "--head", head).exit_code == 1


def test_a_row_changed_in_the_database_is_found_in_its_export(home, tmp_path):
    with home.database() as engine, engine.begin() as tx:
        tx.execute(sa.text("UPDATE proofs SET outcome = 'accepted' WHERE n = 2"))
    assert called("export", str(tmp_path / "f"), "--home", str(home.path)).exit_code == 1
