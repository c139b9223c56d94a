"""What the tracker counts on of its database: the same sentences for SQLite in a file and for PostgreSQL."""

import hashlib
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from notify.store import schema as notify_schema
from tests.tracker.test_project import DEPARTED, MISSED, parcels_way, seen, tell
from tests.tracker.test_rebuild import damage
from tests.tracker.world import BAG_TAG, EP, FEEDER, NOON, ONWARD, World, acks, at
from tracker import wire
from tracker.clock import StoppedClock
from tracker.devices import Devices, Roll
from tracker.domain.errors import StoreError, UnkeepableError
from tracker.domain.gaps import Why
from tracker.domain.handling import Kind
from tracker.domain.notices import Notice, NoticeKind
from tracker.domain.why import because
from tracker.foresee import Foresight
from tracker.handovers import HandoverFiles
from tracker.ingest import Ingest
from tracker.network import DepartureUpdate, Network
from tracker.project import Projector, rebuild
from tracker.rounds import Rounds
from tracker.store import Store, Transaction
from tracker.store import schema as tracker_schema
from tracker.store.engine import open_engine, sqlite_url
from tracker.store.fact_log import PROJECT, NewAside, NewFact, Stream
from tracker.store.migrations import migrate
from tracker.store.owed import Debt
from tracker.store.schema import facts, outbox

SOON = 10.0

DATABASES = [pytest.param("sqlite"), pytest.param("postgres", marks=pytest.mark.needs_postgres)]


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of this test's own."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "lastscan.db")
    new: Callable[[], str] = request.getfixturevalue("new_postgres_url")
    return new()


@pytest.fixture
def engine(url: str) -> Iterator[sa.Engine]:
    engine = open_engine(url)
    migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def store(engine: sa.Engine) -> Store:
    return Store(engine)


def a_fact(q: int, code: str = "LS123456785NL", **more: Any) -> NewFact:
    values = {"kind": "sort", "code": code, "facility": "AMS", "happened_at": NOON, "recorded_at": NOON} | more
    return NewFact(q=q, digest=bytes([q % 256]) * 16, **values)


def append(tx: Transaction, *qs: int, dev: str = "h-1") -> Stream:
    tx.log.lock()
    stream = tx.log.stream(f"dev:{dev}", EP)
    tx.log.append([(stream, a_fact(q)) for q in qs])
    (moved,) = tx.log.move_watermarks({stream: qs})
    return moved


def read_all(store: Store) -> list[tuple[int, str]]:
    with store.reading() as tx:
        return [(fact.pos, str(fact.event.event_key)) for fact in tx.log.after(0, 10_000)]


# --- the log --------------------------------------------------------------------------------------------------------


def test_a_scan_id_is_in_the_log_once_whatever_a_writer_believes(store: Store) -> None:
    with store.writing() as tx:
        append(tx, 1, 2)
    with pytest.raises(UnkeepableError), store.writing() as tx:
        append(tx, 3, 2)
    assert len(read_all(store)) == 2
    with store.reading() as tx:
        assert tx.log.streams_of("dev:h-1")[0].upto == 2


def test_the_same_batch_again_is_ignored_and_receipted(engine: sa.Engine) -> None:
    world = World(engine)
    device = world.device()
    batch = device.says(device.scans(*(device.scan(f"{n}") for n in range(5))))
    assert [acks(world.hears(batch)) for _ in range(3)] == [[5], [5], [5]]
    assert len(world.log()) == 5


def test_a_key_is_in_the_log_once(store: Store) -> None:
    fact = msgspec.structs.replace(a_fact(1), q=None, key="desk-1")
    with store.writing() as tx:
        assert tx.log.append_once("desk:ada", fact) is not None
    with store.writing() as tx:
        assert tx.log.append_once("desk:ada", fact) is None
        assert tx.log.append_once("desk:bob", fact) is not None


def test_the_watermark_is_the_gapless_prefix_of_facts_and_refused_records(store: Store) -> None:
    def come(*qs: int, refused: tuple[int, ...] = ()) -> tuple[int, list[tuple[int, int]]]:
        with store.writing() as tx:
            stream = tx.log.stream("dev:h-1", EP)
            tx.log.append([(stream, a_fact(q)) for q in qs])
            tx.log.refuse({(stream.id, q) for q in refused})
            (moved,) = tx.log.move_watermarks({stream: [*qs, *refused]})
            return moved.upto, tx.log.missing(moved, moved.upto + 1, moved.highest)

    assert come(2, 3) == (0, [(1, 1)])
    assert come(refused=(5,)) == (0, [(1, 1), (4, 4)])
    assert come(1) == (3, [(4, 4)])
    assert come(7, refused=(4,)) == (5, [(6, 6)])
    assert come(refused=(6,)) == (7, [])


def test_what_is_written_off_is_passed_once_something_came_behind_it(store: Store) -> None:
    def come(*qs: int) -> int:
        with store.writing() as tx:
            stream = tx.log.stream("dev:h-1", EP)
            tx.log.append([(stream, a_fact(q)) for q in qs])
            (moved,) = tx.log.move_watermarks({stream: qs})
            return moved.upto

    assert come(1, 5, 9) == 1
    with store.writing() as tx:
        stream = tx.log.stream("dev:h-1", EP)
        opened = tx.gaps.open(stream, [(2, 4), (6, 8), (10, 2**53)], why=Why.UNANSWERED, site="sea", now=NOON)
        assert [incident.missing for incident in opened] == [((2, 4),), ((6, 8),), ((10, 2**53),)]
        for incident in opened[1:]:
            tx.gaps.close(incident, now=NOON, by="Mo", reason="burnt")
        assert tx.gaps.untold(stream, 20) == []
    assert come() == 1
    assert come(2, 3) == 3
    assert come(4) == 9
    assert come(12, 7) == 12
    with store.reading() as tx:
        (still,) = tx.gaps.incidents()
        assert (still.first, still.missing) == (2, ())


def test_two_writers_on_one_stream_leave_one_gapless_watermark(engine: sa.Engine) -> None:
    world = World(engine)
    device = world.device()
    batches = [device.says(device.scans(*(device.scan(f"{n}.{m}") for m in range(3)))) for n in range(16)]
    receipts: list[list[int]] = [[], []]

    def write(me: int) -> None:
        store = Store(engine)
        ingest = Ingest(store, Roll(store), world.clock, time.monotonic)
        for n, batch in enumerate(batches):
            if n % 2 == me or n % 5 == 0:  # every fifth batch is written by both
                receipts[me] += acks(ingest.take([batch]))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, range(2)))
    assert sorted(q for _, _, q, _ in world.log()) == list(range(1, 49))
    assert world.watermark(device) == 48
    assert all(mine == sorted(mine) for mine in receipts)
    assert max(receipts[0][-1], receipts[1][-1]) == 48


def test_reading_by_position_skips_no_fact_that_commits_late(store: Store) -> None:
    """The first writer has its position before the second, and commits after the second has asked for one."""
    appended, asked = threading.Event(), threading.Event()

    def slow() -> None:
        with store.writing() as tx:
            append(tx, 1, dev="slow")
            appended.set()
            asked.wait(SOON)
            time.sleep(0.1)

    def quick() -> None:
        appended.wait(SOON)
        asked.set()
        with store.writing() as tx:
            append(tx, 1, dev="quick")

    seen: list[int] = []
    with ThreadPoolExecutor(2) as pool:
        writers = [pool.submit(slow), pool.submit(quick)]
        give_up_at = time.monotonic() + SOON
        while len(seen) < 2 and time.monotonic() < give_up_at:
            with store.reading() as tx:
                seen += [fact.pos for fact in tx.log.after(seen[-1] if seen else 0, 10)]
        for writer in writers:
            writer.result()
    assert seen == [pos for pos, _ in read_all(store)]
    assert len(seen) == 2


def test_a_reader_that_follows_many_writers_sees_every_fact_once_and_in_order(store: Store) -> None:
    done = threading.Event()

    def write(n: int) -> None:
        for q in range(1, 11):
            with store.writing() as tx:
                append(tx, q, dev=f"h-{n}")

    def follow() -> list[int]:
        got: list[int] = []
        while True:
            last_look = done.is_set()
            with store.reading() as tx:
                new = [fact.pos for fact in tx.log.after(got[-1] if got else 0, 3)]
            got += new
            if last_look and not new:
                return got

    with ThreadPoolExecutor(4) as pool:
        reader = pool.submit(follow)
        list(pool.map(write, range(3)))
        done.set()
        got = reader.result()
    assert got == [pos for pos, _ in read_all(store)]
    assert len(got) == 30


def test_an_invitation_is_taken_by_one_of_many_and_a_signature_kept_once(store: Store) -> None:
    devices, clock = Devices(store, StoppedClock(NOON)), StoppedClock(NOON)
    token = devices.invite("c-17", site="sea")
    with ThreadPoolExecutor(4) as phones:
        taken = [each for each in phones.map(devices.take_up, [token] * 4) if each is not None]
    assert [(each.dev, each.site) for each in taken] == [("c-17", "sea")]
    assert devices.site_of("c-17", password=taken[0].password) == "sea"
    drawn = b"\x89PNG\r\n\x1a\n" + bytes(9)
    files, digest = HandoverFiles(store, clock), hashlib.sha256(drawn).hexdigest()
    assert [files.keep(drawn, named=digest, dev="c-17") for _ in range(2)] == [True, False]
    assert files.named(digest) == ("image/png", drawn)


def test_a_van_holds_what_its_device_scanned_out_and_nobody_has_delivered(engine: sa.Engine) -> None:
    world = World(engine).with_network()
    numbers = [world.books_parcel() for _ in range(3)]
    for number in numbers:
        world.scans(number, Kind.OUT_FOR_DELIVERY, "bos-st", at(22))
    world.scans(numbers[1], Kind.DELIVER, "bos-st", at(22.5))
    world.fold()
    rounds = Rounds(world.store, world.clock)
    assert [stop.number for stop in rounds.stops("h-bos-st")] == [numbers[0], numbers[2]]
    assert [stop.out_at for stop in rounds.stops("h-bos-st")] == [at(22), at(22)]
    assert list(rounds.stops("h-other")) == []


def test_what_is_rolled_back_leaves_nothing(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.writing() as tx:  # noqa: PT012
        append(tx, 1)
        tx.log.put_aside([NewAside("t", "w", "d", b"p", NOON)])
        tx.meta.put("generation", "7")
        raise ZeroDivisionError
    assert read_all(store) == []
    with store.reading() as tx:
        assert (tx.log.streams_of("dev:h-1"), tx.log.count_aside(), tx.meta.generation) == ([], 0, 1)


def test_a_readers_position_moves_with_its_effects_or_not_at_all(store: Store) -> None:
    with store.writing() as tx:
        append(tx, 1, 2, 3)
    with pytest.raises(ZeroDivisionError), store.writing() as tx:  # noqa: PT012
        tx.log.move(PROJECT, tx.log.after(tx.log.claim(PROJECT), 2)[-1].pos)
        tx.meta.put("effect", "1")
        raise ZeroDivisionError
    with store.writing() as tx:
        assert (tx.log.claim(PROJECT), tx.meta.get("effect")) == (0, None)
        last = tx.log.after(0, 2)[-1].pos
        tx.log.move(PROJECT, last)
        tx.meta.put("effect", "1")
    with store.reading() as tx:
        assert (tx.log.position(PROJECT), tx.meta.get("effect")) == (last, "1")
        assert len(tx.log.after(last, 10)) == 1


def test_of_two_readers_under_one_name_the_second_waits_for_the_first(store: Store) -> None:
    with store.writing() as tx:
        append(tx, *range(1, 21))
        tx.log.claim(PROJECT)
    taken: list[int] = []

    def read() -> None:
        while True:
            with store.writing() as tx:
                new = tx.log.after(tx.log.claim(PROJECT), 3)
                if not new:
                    return
                tx.log.move(PROJECT, new[-1].pos)
                positions = [fact.pos for fact in new]
            taken.extend(positions)

    with ThreadPoolExecutor(2) as pool:
        for reader in [pool.submit(read), pool.submit(read)]:
            reader.result()
    assert sorted(taken) == [pos for pos, _ in read_all(store)]


def test_of_two_that_claim_a_new_reader_the_second_goes_on_where_the_first_ended(store: Store) -> None:
    claimed, go_on = threading.Event(), threading.Event()

    def first() -> None:
        with store.writing() as tx:
            assert tx.log.claim(PROJECT) == 0
            tx.log.move(PROJECT, 5)
            claimed.set()
            go_on.wait(0.2)

    with ThreadPoolExecutor(1) as pool:
        one = pool.submit(first)
        claimed.wait(SOON)
        with store.writing() as tx:
            assert tx.log.claim(PROJECT) == 5
        one.result()


def test_a_reading_sees_one_moment(store: Store) -> None:
    with store.writing() as tx:
        append(tx, 1)
    with store.reading() as tx:
        assert tx.log.head() == 1
        with store.writing() as other:
            append(other, 2)
        assert tx.log.head() == 1
        assert len(tx.log.after(0, 10)) == 1
    assert len(read_all(store)) == 2


# --- what is kept is what was given ---------------------------------------------------------------------------------

TEXTS = [
    "",
    "\0",
    "\\0",
    "\\\0\\",
    "\\\\0",
    "a\0b\\n\n\r\t\x1d\x7f",
    "'; DROP TABLE facts; --",
    "%s %(x)s :x ? $1",
    "\ufeff\u200b e\u0301 é 王小明 \U0001f4e6 \ufffe\uffff",
    "x" * 4096,
    "\0" * 4096,
]


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: ascii(text)[:24])
def test_text_from_strangers_comes_back_to_the_letter(store: Store, text: str) -> None:
    with store.writing() as tx:
        stream = tx.log.stream("dev:h-1", EP)
        fact = a_fact(1, text, sym=text, sort_point=text, into=text, reason=text, operator=text)
        tx.log.append([(stream, fact)])
        tx.log.put_aside([NewAside(text, "w", text, text.encode() + b"\0\xff", NOON)])
    with store.reading() as tx:
        (fact,) = tx.log.after(0, 1)
        (aside,) = tx.log.aside()
    event = fact.event
    assert [event.code, fact.sym, event.sort_point, event.into, event.reason, event.operator] == [text] * 6
    assert aside.payload == text.encode() + b"\0\xff"


@pytest.mark.parametrize(
    "instant",
    [
        datetime(2026, 11, 21, 12, 0, 0, 1, UTC),
        datetime(2026, 11, 21, 12, 0, 0, 999_999, UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC),
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC),
        datetime(2026, 3, 29, 2, 30, 0, 123_456, timezone(timedelta(hours=5, minutes=45))),
    ],
)
def test_an_instant_comes_back_to_the_microsecond_in_utc(store: Store, instant: datetime) -> None:
    with store.writing() as tx:
        stream = tx.log.stream("dev:h-1", EP)
        tx.log.append([(stream, msgspec.structs.replace(a_fact(1), happened_at=instant, recorded_at=instant))])
    with store.reading() as tx:
        (fact,) = tx.log.after(0, 1)
    assert fact.event.happened_at == fact.event.recorded_at == instant
    assert fact.event.happened_at.tzinfo is UTC


def test_an_instant_without_its_zone_is_a_mistake(store: Store) -> None:
    bare = msgspec.structs.replace(a_fact(1), happened_at=datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(ValueError, match="needs its zone"), store.writing() as tx:
        tx.log.append([(tx.log.stream("dev:h-1", EP), bare)])
    assert read_all(store) == []


def test_the_largest_numbers_a_device_may_send_are_kept(engine: sa.Engine) -> None:
    world = World(engine)
    device = world.device()
    largest = device.scan("A", q=wire.MAX_SEQ, wall=wire.MAX_MILLIS, mono=wire.MAX_UPTIME, boot=wire.MAX_MILLIS)
    status = wire.Status(
        v=1, ep=EP, last=wire.MAX_SEQ, acked=0, depth=wire.MAX_MILLIS, mono=wire.MAX_UPTIME, boot=7, sent=0
    )
    hello = device.hello().replace(b'"fw":"1.4.2"', b'"fw":"\\u0000\\ud83d\\udce6"')
    batch = device.scans(largest, device.scan("B", q=1, lat=-1e308, lon=1e-308, x={"n": "\0"}))
    world.hears(device.says(batch), device.says(wire.encode(status)), device.says(hello))
    assert world.aside() == []
    assert world.watermark(device) == 1


# --- trouble --------------------------------------------------------------------------------------------------------


def test_a_database_that_is_locked_raises_store_error_and_works_again_after(url: str, engine: sa.Engine) -> None:
    impatient = open_engine(url)
    words = "PRAGMA busy_timeout=50" if impatient.dialect.name == "sqlite" else "SET lock_timeout = '50ms'"

    @sa.event.listens_for(impatient, "connect")
    def _hurry(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute(words)
        cursor.close()
        connection.commit()

    store = Store(impatient)
    with Store(engine).writing() as tx:
        tx.log.lock()
        with pytest.raises(StoreError, match="did not take it"), store.writing() as other:
            append(other, 1)
    with store.writing() as tx:
        append(tx, 1)
    assert len(read_all(store)) == 1
    impatient.dispose()


def test_no_connection_free_is_a_store_error_like_any_other(url: str, engine: sa.Engine) -> None:
    narrow = sa.create_engine(engine.url, pool_size=1, max_overflow=0, pool_timeout=0.05)
    store = Store(narrow)
    with store.reading():
        with pytest.raises(StoreError, match="free"), store.reading():
            pass
        with pytest.raises(StoreError, match="free"), store.writing():
            pass
    narrow.dispose()


def test_a_full_disk_raises_store_error_and_keeps_nothing_of_the_batch(tmp_path: Path) -> None:
    engine = open_engine(sqlite_url(tmp_path / "full.db"))
    migrate(engine)
    world = World(engine)
    device = world.device()
    engine.dispose()

    @sa.event.listens_for(engine, "connect")
    def _limit(connection: Any, _record: Any) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count={pages + 2}")

    batch = device.says(device.scans(*(device.scan("x" * 1500) for _ in range(20))))
    with pytest.raises(StoreError, match="full"):
        world.hears(batch)
    with pytest.raises(StoreError, match="full"):
        world.hears(batch)
    assert world.log() == []
    assert world.watermark(device) == 0
    sa.event.remove(engine, "connect", _limit)
    engine.dispose()
    assert acks(world.hears(batch)) == [20]
    engine.dispose()


@pytest.mark.needs_postgres
def test_a_connection_cut_in_the_middle_raises_store_error_and_the_next_works(
    new_postgres_url: Callable[[], str],
) -> None:
    engine = open_engine(new_postgres_url())
    migrate(engine)
    store = Store(engine)
    with pytest.raises(StoreError), store.writing() as tx:  # noqa: PT012
        append(tx, 1)
        mine = tx.connection.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
        with engine.connect() as other:
            other.execute(sa.text("SELECT pg_terminate_backend(:pid)"), {"pid": mine})
        append(tx, 2)
    with store.writing() as tx:
        append(tx, 1)
    assert len(read_all(store)) == 1
    engine.dispose()


def test_sqlite_flushes_each_commit_writes_ahead_and_holds_foreign_keys(tmp_path: Path) -> None:
    engine = open_engine(sqlite_url(tmp_path / "a.db"))
    migrate(engine)
    for _ in range(3):
        with engine.connect() as one, engine.connect().execution_options(reading=True) as two:
            for connection in (two, one):
                found = {
                    name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                    for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
                }
                assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10_000}
        engine.dispose()


def test_a_fact_without_its_stream_cannot_be(store: Store) -> None:
    with pytest.raises(UnkeepableError), store.writing() as tx:
        tx.connection.execute(
            sa.insert(facts).values(stream=99, kind="k", code="c", facility="A", happened_at=NOON, recorded_at=NOON)
        )


# --- owed notices ---------------------------------------------------------------------------------------------------


def test_a_notice_is_owed_once_for_a_cause_and_a_person(engine: sa.Engine) -> None:
    world = World(engine).with_network()
    world.books_bag()
    with world.store.reading() as tx:
        (piece,) = tx.booked.pieces_after(0, 1000)
        person = tx.booked.consignee(piece)[0].id
    notice = Notice(NoticeKind.DELIVERED, "delivered:x/1", because("It is there."), ())
    debt = Debt(notice, person, "ada", piece, ("email",), owed_at=NOON, expires_at=at(1))
    with world.store.writing() as tx:
        assert tx.owed.owe([debt, debt]) == 1
        assert tx.owed.owe([debt, replace(debt, person=person - 1, pseudonym="charles")]) == 1
    with pytest.raises(UnkeepableError), world.store.writing() as tx:  # noqa: PT012
        row = tx.connection.execute(sa.select(outbox).limit(1)).one()._asdict()
        tx.connection.execute(sa.insert(outbox).values(**row | {"id": "another"}))
    assert len(world.outbox.unplanned()) == 2


def test_what_is_owed_again_after_a_restore_has_the_key_it_had(engine: sa.Engine) -> None:
    world = World(engine).with_network()
    world.books_bag()
    with world.store.reading() as tx:
        (piece,) = tx.booked.pieces_after(0, 1000)
        person = tx.booked.consignee(piece)[0].id
    notice = Notice(NoticeKind.DELIVERED, "delivered:x/1", because("It is there."), ())
    debt = Debt(notice, person, "ada", piece, ("email",), owed_at=NOON, expires_at=at(1))
    keys = []
    for owed_at in (NOON, at(2)):
        with world.store.writing() as tx:
            tx.owed.owe([replace(debt, owed_at=owed_at)])
        keys += [row.id for row in world.outbox.unplanned()]
        with world.store.writing() as tx:
            tx.connection.execute(sa.delete(outbox))  # an older backup takes the place of the database
    assert len(keys) == 2
    assert len(set(keys)) == 1


def test_what_was_muted_and_stands_no_longer_is_told_should_it_come_true_again(engine: sa.Engine) -> None:
    world = World(engine).with_network()
    world.books_bag()
    with world.store.reading() as tx:
        (piece,) = tx.booked.pieces_after(0, 1000)
        person = tx.booked.consignee(piece)[0].id
    missed = Notice(NoticeKind.MISSED_CONNECTION, "missed:x/1", because("It left without it."), ())
    back = Notice(NoticeKind.WITHDRAWN, "withdrawn:missed:x/1", because("It did not."), (), withdraws=missed.cause)
    debts = [
        Debt(notice, person, "ada", piece, ("email",), owed_at=NOON, expires_at=at(1)) for notice in (missed, back)
    ]
    with world.store.writing() as tx:
        assert tx.owed.owe(debts[:1], muted=True) == 1
    with world.store.writing() as tx:
        assert tx.owed.owe(debts[1:]) == 0  # nobody was told, so nothing is taken back
    with world.store.writing() as tx:
        assert [tx.owed.owe(debts[:1]), tx.owed.owe(debts[1:])] == [1, 1]
    assert {(row.cause, row.kind) for row in world.outbox.unplanned()} == {(n.cause, n.kind) for n in (missed, back)}


def test_a_notice_waits_for_its_time_and_a_newer_one_of_its_strand_takes_its_place(engine: sa.Engine) -> None:
    world = World(engine).with_network()
    world.books_bag()
    with world.store.reading() as tx:
        (piece,) = tx.booked.pieces_after(0, 1000)
        person = tx.booked.consignee(piece)[0].id
    kinds = (NoticeKind.CONNECTION_AT_RISK, NoticeKind.ETA_CHANGED, NoticeKind.MISSED_CONNECTION)
    risk, moved, missed = (Notice(kind, f"{kind}:x/1", because("It is so."), (), not_before=at(3)) for kind in kinds)
    debts = [
        Debt(notice, person, "ada", piece, ("email",), owed_at=at(n), expires_at=at(9))
        for n, notice in enumerate((risk, moved, missed))
    ]
    with world.store.writing() as tx:
        tx.owed.owe(debts)
        rows = {row.notice.kind: row for row in tx.owed.about(piece)}
        assert [kind for kind in kinds if tx.owed.superseded(rows[kind])] == [NoticeKind.CONNECTION_AT_RISK]
        tx.owed.told(rows[NoticeKind.MISSED_CONNECTION].id, "cancelled")
        assert not tx.owed.superseded(rows[NoticeKind.CONNECTION_AT_RISK])
        assert [each.notice for each in tx.owed.said([piece])[piece]] == [risk, moved, missed]
    assert world.outbox.unplanned(by=at(2.9)) == []
    assert len(world.outbox.unplanned(by=at(3))) == len(world.outbox.unplanned()) == 3


# --- several at once ------------------------------------------------------------------------------------------------


def test_two_projectors_at_once_do_no_harm(engine: sa.Engine) -> None:
    world = World(engine).with_network()
    number = world.books_parcel()
    world.books_bag()
    tell(world, [*parcels_way(number), *DEPARTED, *MISSED])

    def project(n: int) -> None:
        projector = Projector(Store(engine), world.clock)
        idle = 0
        while idle < 3:
            idle = 0 if projector.step(limit=1 + n) + projector.judge_due() else idle + 1

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(project, range(3)))
    world.fold()
    together, owed = seen(world), world.owed()
    assert len({cause for cause, _ in owed}) == len(owed)
    assert together[number][1] == "delivered"
    assert rebuild(world.store, world.clock) == {}
    assert seen(world) == together
    assert [row for row in world.owed() if row[1] != "muted"] == owed


def test_one_that_judges_by_time_cannot_put_an_older_fold_back(engine: sa.Engine) -> None:
    world = World(engine).with_network()
    world.books_bag()
    world.fold()
    due_by = world.queries.card(BAG_TAG).due_by  # type: ignore[union-attr]
    world.clock.instant = due_by + timedelta(hours=1)
    world.scans(BAG_TAG, Kind.ACCEPT, "sea", due_by)
    read, folded = threading.Event(), threading.Event()

    class SlowClock:
        looked = 0

        def now(self) -> datetime:
            self.looked += 1
            if self.looked == 2:  # the first look is whether anything is due; this one is with the log claimed
                read.set()
                folded.wait(0.3)  # the other cannot come between, so nobody sets it
            return world.clock.now()

    others = Projector(Store(engine), SlowClock())
    with ThreadPoolExecutor(1) as pool:
        judging = pool.submit(others.judge_due)
        read.wait(SOON)
        world.projector.step()
        folded.set()
        judging.result()
    card = world.queries.card(BAG_TAG)
    assert card is not None
    assert card.state == "accepted"


def test_a_piece_the_database_refuses_holds_up_no_other(engine: sa.Engine) -> None:
    world = World(engine).with_network()
    unlucky, lucky = world.books_parcel(), world.books_parcel()
    world.fold()
    refusing = {
        "sqlite": "CREATE TRIGGER no BEFORE UPDATE ON timelines WHEN new.piece = 1 AND new.state = 'accepted'"
        " BEGIN SELECT RAISE(ABORT, 'not this one'); END",
        "postgresql": "ALTER TABLE timelines ADD CONSTRAINT no CHECK (piece <> 1 OR state <> 'accepted')",
    }
    with engine.begin() as connection:
        connection.execute(sa.text(refusing[engine.dialect.name]))
    world.scans(unlucky, Kind.ACCEPT, "sea-st", at(1.0))
    world.scans(lucky, Kind.ACCEPT, "sea-st", at(1.1))
    world.fold()
    assert [world.queries.card(number).state for number in (unlucky, lucky)] == ["booked", "accepted"]  # type: ignore[union-attr]
    world.scans(unlucky, Kind.SORT, "sea-st", at(1.2))  # taken, and from all its facts
    world.fold()
    card = world.queries.card(unlucky)
    assert card is not None
    assert (card.state, [entry.kind for entry in card.entries]) == ("moving", ["book", "accept", "sort"])
    assert rebuild(world.store, world.clock) == {}


@pytest.mark.parametrize("seed", range(3))
def test_damage_to_what_is_derived_is_mended(engine: sa.Engine, seed: int) -> None:
    world = World(engine).with_network()
    world.books_bag()
    tell(world, [*MISSED, *DEPARTED])
    world.fold()
    before, owed, standings = seen(world), world.owed(), world.standings()
    damage(world, random.Random(seed))
    rebuild(world.store, world.clock)
    assert (seen(world), world.owed(), world.standings()) == (before, owed, standings)


# --- the schema -----------------------------------------------------------------------------------------------------


def test_the_migrations_make_the_tables_of_tracker_and_notify_and_nothing_else(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": False})
        both = [tracker_schema.metadata, notify_schema.metadata]
        assert compare_metadata(context, both) == []  # type: ignore[arg-type]


def test_migrating_again_changes_nothing(engine: sa.Engine) -> None:
    with Store(engine).writing() as tx:
        append(tx, 1)
    migrate(engine)
    assert len(read_all(Store(engine))) == 1


def test_a_schema_of_a_later_version_is_refused_and_left_alone(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match="9999 of a later version"):
        migrate(engine)
    with engine.begin() as connection:
        assert connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() == "9999"


def test_three_that_migrate_at_once_make_one_schema(url: str) -> None:
    engines = [open_engine(url) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(migrate, engines))
    store = Store(engines[0])
    with store.writing() as tx:
        append(tx, 1)
    assert len(read_all(store)) == 1
    for engine in engines:
        engine.dispose()


def test_three_processes_of_one_home_migrate_one_after_the_other(tmp_path: Path) -> None:
    home = tmp_path / "50% off"
    start = f"from lastscan.home import Home; Home.at({str(home)!r}).store().close()"
    running = [subprocess.Popen([sys.executable, "-c", start], stderr=subprocess.PIPE) for _ in range(3)]
    assert [process.communicate(timeout=30)[1] for process in running] == [b""] * 3
    assert [process.returncode for process in running] == [0, 0, 0]
    store = Store(open_engine(sqlite_url(home / "lastscan.db")))
    with store.writing() as tx:
        append(tx, 1)
    store.close()


# --- the generation -------------------------------------------------------------------------------------------------


def test_one_backup_restored_twice_raises_the_generation_twice_even_within_a_second_or_by_a_slow_clock(
    store: Store,
) -> None:
    raised = []
    for now in (NOON, NOON, NOON - timedelta(days=1)):
        with store.writing() as tx:
            raised.append(tx.meta.raise_generation(now))
        with store.reading() as tx:
            assert tx.meta.generation == raised[-1]
    second = int(NOON.timestamp())
    assert raised == [second, second + 1, second + 2]


def test_connections_are_foreseen_and_incidents_found(engine: sa.Engine) -> None:
    world = World(engine).with_network()
    world.books_bag()
    for minute in range(0, 60, 5):
        world.scans("LS123456785NL", Kind.SORT, "den", at(1 + minute / 60))
    world.fold()
    network, foresight = Network(world.store, world.clock), Foresight(world.store, world.clock)
    network.tell("ops", [DepartureUpdate(FEEDER, world.clock.now(), {"estimated_departure": at(6.5)})])
    world.fold()
    assert foresight.step() == 1
    network.tell("ops", [DepartureUpdate(ONWARD, world.clock.now(), {"cancelled": True})])
    world.fold()
    world.clock.instant = at(10)
    assert [(i.kind, i.root, i.pieces) for i in world.queries.incidents()] == [
        ("cancelled", ONWARD, (BAG_TAG,)),
        ("silent_hub", "DEN", ()),
    ]
