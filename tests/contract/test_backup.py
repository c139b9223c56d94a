"""A backup is the whole installation or nothing, from either database into either, and back without a scan lost."""

import json
import os
import resource
import stat
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from lastscan.backup import BackupError, keys_file, opened, rehearse, restore, write_backup
from lastscan.home import Home
from notify.delivery import Planned, Settlement, State
from notify.preferences import Preferences
from notify.proofs import proof_of
from notify.store.deliveries import DeliveryStore, Result
from notify.store.ledger import Ledger
from tests.tracker.test_project import DEPARTED, MISSED, parcels_way, tell
from tests.tracker.world import NOON, World, acks
from tracker.audit import Audit
from tracker.domain.chain import Head
from tracker.domain.notices import NoticeKind
from tracker.domain.staff import Role
from tracker.staff import StaffAccounts
from tracker.store.backup import NUMBERS_SKIPPED, InUseError, moment
from tracker.store.engine import sqlite_url
from tracker.store.schema import outbox

POSTGRES = pytest.param("postgres", marks=pytest.mark.needs_postgres)
DATABASES = ["sqlite", POSTGRES]
LATER = NOON + timedelta(hours=1)
SECOND = timedelta(seconds=1)

Installation = Callable[[str], Home]


@pytest.fixture
def installation(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """Makes a home on one of the databases; where it is not SQLite, `DATABASE_URL` names it from then on."""

    def make(database: str) -> Home:
        home = Home.at(tmp_path / f"home-{len(list(tmp_path.iterdir()))}")
        if database == "sqlite":
            monkeypatch.delenv("DATABASE_URL", raising=False)
        else:
            monkeypatch.setenv("DATABASE_URL", request.getfixturevalue("new_postgres_url")())
        return home

    return make


def everything(home: Home) -> dict[str, list[tuple[object, ...]]]:
    with home.database() as engine, moment(engine) as seen:
        return {
            table.name: sorted((row for some in seen.rows(table) for row in some), key=repr) for table in seen.tables
        }


def lived_in(home: Home) -> World:
    """Parcels and bags, somebody who missed a flight, somebody unreadable, bytes that were put aside."""
    for name in ("tracker-mqtt", "proof", "preferences", "api-key"):
        home.secret(name)
    world = World(home.migrated()).with_network()
    number = world.books_parcel()
    world.books_bag()
    tell(world, [*DEPARTED, *parcels_way(number), *MISSED])
    world.scans("odd \0 \\ 小 😀", "sort", "sea", NOON)
    world.hears(world.device().says(b"\xff\x00 no message"))
    world.fold()
    return world


def with_device_ahead(world: World, file: Path, home: Home) -> tuple[list[int], list[int]]:
    """A device is receipted five scans, a backup is made, it is receipted four more."""
    device = world.device()
    before = acks(world.hears(device.says(device.scans(*(device.scan(f"a{n}") for n in range(5))))))
    write_backup(home, file, now=NOON)
    after = acks(world.hears(device.says(device.scans(*(device.scan(f"b{n}") for n in range(4))))))
    return before, after


@pytest.mark.needs_postgres
@pytest.mark.parametrize(("source", "target"), [("sqlite", "postgres"), ("postgres", "sqlite")])
def test_what_is_restored_is_what_was_there(
    source: str, target: str, installation: Installation, tmp_path: Path
) -> None:
    home, file = installation(source), tmp_path / "monday.lastscan"
    world = lived_in(home)
    log = world.log()
    world.close()
    was = everything(home)
    write_backup(home, file, now=NOON)
    fresh = installation(target)
    restored = restore(fresh, file, now=LATER)
    now = everything(fresh)
    assert {name: rows for name, rows in now.items() if name not in ("meta", "deliveries")} == {
        name: rows for name, rows in was.items() if name not in ("meta", "deliveries")
    }
    assert restored.generation == int(LATER.timestamp())
    assert [path.name for path in sorted(fresh.keys.iterdir())] == ["api-key", "preferences", "proof", "tracker-mqtt"]
    assert fresh.secret("proof") == home.secret("proof")
    again = World(fresh.engine(), devices=world.devices)  # and life goes on: row numbers, our own numbers, the log
    again.clock.instant = LATER
    again.with_network().books_parcel()
    again.scans("one more", "sort", "sea", LATER)
    again.fold()
    assert [code for *_, code in again.log()] == [*(code for *_, code in log), "one more"]
    again.close()


@pytest.mark.parametrize("database", DATABASES)
def test_scans_receipted_after_the_backup_come_again_and_none_is_lost_or_doubled(
    database: str, installation: Installation, tmp_path: Path
) -> None:
    home, file = installation(database), tmp_path / "f"
    world = World(home.migrated())
    assert with_device_ahead(world, file, home) == ([5], [9])
    device, log = world.device(), world.log()
    world.close()
    first = restore(home, file, now=LATER)
    again = restore(home, file, now=LATER + SECOND)
    assert first.generation < again.generation
    restored = World(home.engine(), devices=world.devices)
    (greeted,) = acks(restored.hears(device.says(device.hello())))
    assert greeted == 5
    device.made = 5
    assert acks(restored.hears(device.says(device.scans(*(device.scan(f"b{n}") for n in range(4)))))) == [9]
    assert restored.log() == log
    assert restored.aside() == []
    restored.close()


@pytest.mark.parametrize("database", DATABASES)
def test_a_backup_made_while_scans_are_written_is_of_one_instant(
    database: str, installation: Installation, tmp_path: Path
) -> None:
    home = installation(database)
    world = World(home.migrated())
    device, stop, begun = world.device(), threading.Event(), threading.Event()

    def scan() -> None:
        while not stop.is_set():
            world.hears(device.says(device.scans(*(device.scan(f"{device.made}") for _ in range(3)))))
            begun.set()

    courier = threading.Thread(target=scan)
    courier.start()
    assert begun.wait(10)
    write_backup(home, tmp_path / "f", now=NOON)
    stop.set()
    courier.join()
    world.close()
    restore(home, tmp_path / "f", now=LATER)
    seen = World(home.engine(), devices=world.devices)
    assert [q for _, _, q, _ in seen.log()] == list(range(1, seen.watermark(device) + 1))
    seen.close()


def settle(home: Home, *, at: str) -> None:
    """Notify plans every notice owed, and one provider accepts them all but what is only planned."""
    with home.database() as engine:
        deliveries = DeliveryStore(engine)
        with engine.begin() as tx:
            rows = tx.execute(sa.select(outbox).where(~outbox.c.planned)).all()
            tx.execute(sa.update(outbox).values(planned=True))
        deliveries.plan(
            [
                Planned(f"d-{row.id}", row.id, "email", row.cause, f"p{row.person}", row.kind, row.id, row.owed_at, 0)
                for row in rows
            ],
            NOON,
        )
        for one in deliveries.claim("email", LATER, 100) if at == "accepted" else ():
            settlement = Settlement(State.ACCEPTED, "the provider took it", handed_at=LATER)
            assert not deliveries.settle([Result(one, settlement, proof_of(one, settlement, LATER))], LATER)
            with engine.begin() as tx:
                tx.execute(sa.update(outbox).where(outbox.c.id == one.notice).values(outcome="accepted"))


@pytest.mark.parametrize("database", DATABASES)
def test_nobody_is_told_again_what_the_database_before_knew_to_be_told(
    database: str, installation: Installation, tmp_path: Path
) -> None:
    home, file = installation(database), tmp_path / "f"
    world = World(home.migrated()).with_network()
    world.books_bag()
    write_backup(home, file, now=NOON)
    tell(world, [*DEPARTED, *MISSED])
    world.fold()
    told = world.owed()
    assert told == [(told[0][0], "due")]
    settle(home, at="accepted")
    with home.database() as engine:
        preferences = Preferences(engine, b"key")
        preferences.leave(preferences.token_for("ada@example.org", NoticeKind.DELIVERED) or "", LATER)
    world.close()

    restored = restore(home, file, now=LATER)

    assert restored.knows_what_was_sent
    lived = World(home.engine(), devices=world.devices)
    assert lived.log() == []
    for device in lived.devices.values():
        device.made = 0
    tell(lived, [*DEPARTED, *MISSED])  # every device sends again what it beeped
    lived.fold()
    assert lived.owed() == [(told[0][0], "accepted")]
    deliveries = DeliveryStore(lived.engine)
    proven = Ledger(lived.engine).verified()
    assert isinstance(proven, Head)
    assert proven.n == deliveries.counts().notices_sent
    assert deliveries.counts().notices_doubled == 0
    assert not deliveries.claim("email", LATER)
    assert Preferences(lived.engine, b"key").has_left("ada@example.org", NoticeKind.DELIVERED)
    lived.close()


def test_where_nobody_knows_what_was_sent_an_open_notice_counts_as_perhaps_told(
    installation: Installation, tmp_path: Path
) -> None:
    home, file = installation("sqlite"), tmp_path / "f"
    world = World(home.migrated()).with_network()
    world.books_bag()
    tell(world, [*DEPARTED, *MISSED])
    world.fold()
    settle(home, at="planned")
    given = world.books_parcel()
    write_backup(home, file, now=NOON)
    world.close()
    (home.path / "lastscan.db").write_bytes(b"a disk that went bad" * 1000)

    restored = restore(home, file, now=LATER)

    assert not restored.knows_what_was_sent
    assert restored.before is not None
    assert (home.path / restored.before / "lastscan.db").read_bytes().startswith(b"a disk that went bad")
    lived = World(home.engine(), devices=world.devices)
    (delivery,) = DeliveryStore(lived.engine).claim("email", LATER)
    assert delivery.handed_at == NOON
    with lived.store.reading() as tx:
        assert int(tx.meta.get("pieces_numbered") or 0) == NUMBERS_SKIPPED + 1
    assert lived.books_parcel() != given
    lived.close()


def test_a_device_revoked_after_the_backup_stays_revoked(installation: Installation, tmp_path: Path) -> None:
    home, file = installation("sqlite"), tmp_path / "f"
    world = World(home.migrated()).with_network()
    world.books_parcel()
    world.device(dev="h-stolen")
    write_backup(home, file, now=NOON)
    world.registry.revoke("h-stolen")
    world.close()
    restore(home, file, now=LATER)
    lived = World(home.engine())
    assert [d.revoked_at is not None for d in lived.registry.list()] == [True]
    lived.close()


def test_an_invitation_taken_up_after_the_backup_is_not_good_again(installation: Installation, tmp_path: Path) -> None:
    home, file = installation("sqlite"), tmp_path / "f"
    world = World(home.migrated()).with_network()
    token = world.registry.invite("c-17", site="sea")
    write_backup(home, file, now=NOON)
    assert world.registry.take_up(token) is not None
    world.close()
    restore(home, file, now=LATER)
    lived = World(home.engine())
    assert lived.registry.take_up(token) is None
    lived.close()


@pytest.mark.parametrize("database", DATABASES)
def test_staff_are_as_they_were_last_nobody_is_signed_in_and_the_audit_goes_on(
    installation: Installation, tmp_path: Path, database: str
) -> None:
    home, file = installation(database), tmp_path / "f"
    world = World(home.migrated()).with_network()
    world.books_parcel()
    accounts = StaffAccounts(world.store, b"k" * 32)
    for user in ("ann", "eve"):
        opened_by = accounts.use_link(accounts.add(user, role=Role.SUPPORT, by=None), "many bags of tea")
    write_backup(home, file, now=NOON)
    accounts.revoke("eve", by=None)
    accounts.change_role("ann", Role.COURIER, site=None, by=None)
    head = Audit(world.store).head()
    world.close()
    restore(home, file, now=LATER)
    lived = World(home.engine())
    accounts, audit = StaffAccounts(lived.store, b"k" * 32), Audit(lived.store)
    assert [(one.role, one.revoked_at is not None) for one in accounts.everybody()] == [
        (Role.COURIER, False),
        (Role.SUPPORT, True),
    ]
    assert accounts.session(opened_by.token) is None
    assert audit.verify([head]) == head
    assert accounts.sign_in("ann", "many bags of tea")
    assert isinstance(audit.verify([head]), Head)
    lived.close()


# --- what is refused, and what is left behind ------------------------------------------------------------------------


@pytest.fixture
def kept(installation: Installation, tmp_path: Path) -> tuple[Home, Path]:
    """A small home on SQLite that nobody has open, and a backup of it."""
    home, file = installation("sqlite"), tmp_path / "kept"
    home.secret("proof")
    world = World(home.migrated())
    with_device_ahead(world, file, home)
    world.close()
    return home, file


def as_found(home: Home) -> dict[str, bytes]:
    return {str(path.relative_to(home.path)): path.read_bytes() for path in home.path.rglob("*") if path.is_file()}


def test_file_and_keys_are_for_their_owner_only_and_keys_are_in_one_of_them_alone(kept: tuple[Home, Path]) -> None:
    home, file = kept
    assert [stat.S_IMODE(each.stat().st_mode) for each in (file, keys_file(file))] == [0o600, 0o600]
    secret = home.secret("proof").encode()
    with opened(file) as (archive, _, keys):
        assert keys.files["keys/proof"] == secret
        assert not any(secret in archive.read(name) for name in archive.namelist())


def test_any_byte_flipped_is_found_before_anything_is_touched(kept: tuple[Home, Path]) -> None:
    home, file = kept
    was = as_found(home)
    for each in (file, keys_file(file)):
        whole = each.read_bytes()
        for at in {0, 1, len(whole) // 3, len(whole) // 2, len(whole) - 65, len(whole) - 64, len(whole) - 1}:
            flipped = bytearray(whole)
            flipped[at] ^= 0x10
            each.write_bytes(flipped)
            with pytest.raises(BackupError, match=r"damaged"):
                restore(home, file, now=LATER)
        each.write_bytes(whole[:-1])
        with pytest.raises(BackupError, match=r"damaged"):
            restore(home, file, now=LATER)
        each.write_bytes(whole)
    assert as_found(home) == was


def test_a_file_without_its_keys_or_with_those_of_another_is_refused(kept: tuple[Home, Path], tmp_path: Path) -> None:
    home, file = kept
    other = tmp_path / "other"
    write_backup(home, other, now=LATER)
    os.replace(keys_file(other), keys_file(file))
    with pytest.raises(BackupError, match="another backup"):
        restore(home, file, now=LATER)
    with pytest.raises(BackupError, match="belong together"):
        restore(home, other, now=LATER)


def test_what_is_no_backup_is_refused(kept: tuple[Home, Path], tmp_path: Path) -> None:
    home, _ = kept
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    for file in (empty, home.path / "lastscan.db"):
        with pytest.raises(BackupError, match="no backup"):
            restore(home, file, now=LATER)


def test_a_database_that_somebody_has_open_is_not_replaced(kept: tuple[Home, Path]) -> None:
    home, file = kept
    world = World(home.engine())
    assert len(world.log()) == 9
    with pytest.raises(InUseError):
        restore(home, file, now=LATER)
    assert len(world.log()) == 9
    world.close()


@pytest.mark.needs_postgres
def test_a_postgres_that_somebody_is_connected_to_is_not_replaced(installation: Installation, tmp_path: Path) -> None:
    home, file = installation("postgres"), tmp_path / "f"
    world = World(home.migrated())
    with_device_ahead(world, file, home)
    with pytest.raises(InUseError):
        restore(home, file, now=LATER)
    assert len(world.log()) == 9
    world.close()


def test_a_restore_that_fails_midway_leaves_all_as_it_was(
    kept: tuple[Home, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    home, file = kept
    was, key = everything(home), home.secret("proof")

    def full(path: Path, content: bytes) -> None:
        path.write_bytes(content[:3])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr("lastscan.backup.replace_file", full)
        with pytest.raises(BackupError, match="No space left"):
            restore(home, file, now=LATER)
    assert everything(home) == was
    assert home.secret("proof") == key
    assert not [*home.path.glob("before*"), *home.path.glob("*.restoring*")]


def test_a_backup_for_which_there_is_no_room_leaves_nothing(kept: tuple[Home, Path], tmp_path: Path) -> None:
    home, _ = kept
    place = tmp_path / "full"
    place.mkdir()
    engine = home.engine()
    with engine.connect():  # its files are as large as they will get
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
        try:
            with pytest.raises(BackupError, match="nothing is left"):
                write_backup(home, place / "f", now=NOON)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    engine.dispose()
    assert list(place.iterdir()) == []


def test_a_backup_is_never_overwritten(kept: tuple[Home, Path]) -> None:
    home, file = kept
    whole = file.read_bytes()
    with pytest.raises(BackupError, match="never overwritten"):
        write_backup(home, file, now=LATER)
    assert file.read_bytes() == whole


def test_a_rehearsal_says_whether_a_backup_can_be_restored_and_touches_nothing(kept: tuple[Home, Path]) -> None:
    home, file = kept
    was = everything(home)
    assert rehearse(file, home, now=LATER).tables["facts"].rows == 5
    assert home.kept()["rehearsal"] == LATER
    assert everything(home) == was
    keys = json.loads(keys_file(file).read_bytes())
    keys_file(file).write_text(json.dumps(keys | {"made_at": "2020-01-01T00:00:00Z"}))
    with pytest.raises(BackupError):
        rehearse(file, home, now=LATER)


def test_the_next_restore_finds_a_name_of_its_own_for_what_was_there(kept: tuple[Home, Path]) -> None:
    home, file = kept
    names = [restore(home, file, now=LATER).before for _ in range(2)]
    assert None not in names
    assert len(set(names)) == 2
    assert home.database_url == sqlite_url(home.path / "lastscan.db")
