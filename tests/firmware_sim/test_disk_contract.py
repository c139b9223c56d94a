"""What a journal may count on, from files and from the simulator's flash alike."""

import random
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmware_sim.chip import Chip
from firmware_sim.flash import Flash
from firmware_sim.storage import Directory, Soldered, Storage
from scanner.disk import Disk

MakeStorage = Callable[[], Storage]


@pytest.fixture(params=["files", "flash"])
def new_storage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> MakeStorage:
    def new() -> Storage:
        if request.param == "files":
            return Directory(tmp_path_factory.mktemp("disk") / "journal")
        chance = random.Random(4711)
        return Soldered(Flash(chance, chip=Chip(chance, blocks=32)))

    return new


@pytest.fixture
def storage(new_storage: MakeStorage) -> Storage:
    return new_storage()


def contents(disk: Disk) -> dict[str, bytes]:
    return {name: disk.read(name) for name in disk.names()}


def test_a_new_disk_is_empty(storage: Storage) -> None:
    assert storage.open().names() == []


def test_what_was_appended_is_read_at_once(storage: Storage) -> None:
    disk = storage.open()
    disk.append("a", b"one ")
    disk.append("b", b"")
    disk.append("a", b"two")
    assert contents(disk) == {"a": b"one two", "b": b""}


def test_what_was_flushed_is_there_after_a_power_cut(storage: Storage) -> None:
    disk = storage.open()
    disk.append("a", b"kept")
    disk.flush("a")
    storage.power_cut()
    assert contents(storage.open()) == {"a": b"kept"}


def test_a_flushed_file_without_content_keeps_its_name(storage: Storage) -> None:
    disk = storage.open()
    disk.flush("a")
    storage.power_cut()
    assert contents(storage.open()) == {"a": b""}


def test_a_file_replaced_has_the_new_content_and_takes_more(storage: Storage) -> None:
    disk = storage.open()
    disk.append("a", b"x" * 3000)
    disk.flush("a")
    disk.replace("a", b"fresh")
    disk.append("a", b" and more")
    disk.flush("a")
    storage.power_cut()
    assert contents(storage.open()) == {"a": b"fresh and more"}


def test_a_file_removed_is_gone_and_may_begin_anew(storage: Storage) -> None:
    disk = storage.open()
    disk.replace("a", b"old")
    disk.remove("a")
    disk.remove("never there")
    storage.power_cut()
    disk = storage.open()
    assert disk.names() == []
    disk.append("a", b"new")
    disk.flush("a")
    storage.power_cut()
    assert contents(storage.open()) == {"a": b"new"}


def test_a_file_that_is_not_there_cannot_be_read(storage: Storage) -> None:
    with pytest.raises(FileNotFoundError):
        storage.open().read("a")


steps = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.sampled_from("ab"), st.integers(0, 1500)),
        st.tuples(st.sampled_from(["flush", "replace", "remove"]), st.sampled_from("ab"), st.integers(0, 1500)),
        st.tuples(st.just("cut"), st.just(""), st.just(0)),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps)
def test_a_power_cut_takes_nothing_that_was_flushed_and_adds_nothing_that_was_not_written(
    new_storage: MakeStorage, steps: list[tuple[str, str, int]]
) -> None:
    storage = new_storage()
    disk = storage.open()
    written: dict[str, bytes] = {}
    flushed: dict[str, bytes] = {}
    for at, (step, name, size) in enumerate([*steps, ("cut", "", 0)]):
        content = bytes([at + 1]) * size
        match step:
            case "append":
                disk.append(name, content)
                written[name] = written.get(name, b"") + content
            case "flush":
                disk.flush(name)
                flushed[name] = written.setdefault(name, b"")
            case "replace":
                disk.replace(name, content)
                written[name] = flushed[name] = content
            case "remove":
                disk.remove(name)
                written.pop(name, None)
                flushed.pop(name, None)
            case _:
                storage.power_cut()
                disk = storage.open()
                left = contents(disk)
                assert set(flushed) <= set(left) <= set(written)
                for name, content in left.items():
                    assert content.startswith(flushed.get(name, b""))
                    assert written[name].startswith(content)
                written, flushed = dict(left), dict(left)
    storage.close()
