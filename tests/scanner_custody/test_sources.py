"""A camera that looks all the time, and a folder of pictures: each label is one scan."""

import threading
from pathlib import Path
from queue import SimpleQueue

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from scanner.battery import battery
from scanner.label import Label, as_bytes
from scanner.sources import OUT_OF_VIEW_AFTER, CameraSource, FolderSource, HoldOff

OURS, STRANGER = "LS123456785NL", "LS473124829NL"


@given(st.lists(st.floats(0.0, 3.0), min_size=1, max_size=40))
def test_one_reading_while_a_code_stays_in_view(gaps):
    hold_off, now, found, expected = HoldOff(), 100.0, 0, 0
    for at, gap in enumerate(gaps):
        now += gap
        expected += at == 0 or gap >= OUT_OF_VIEW_AFTER
        found += hold_off.is_new("A", now)
    # what a clock cannot tell apart it may count either way
    assert abs(found - expected) <= sum(abs(gap - OUT_OF_VIEW_AFTER) < 1e-6 for gap in gaps)


def test_another_code_beside_it_is_another_reading():
    hold_off = HoldOff()
    assert [hold_off.is_new(code, now) for code, now in (("A", 0.0), ("B", 0.1), ("A", 0.2), ("B", 0.3))] == [
        True, True, False, False,
    ]  # fmt: skip
    assert not hold_off.is_empty(0.9)
    assert hold_off.is_empty(1.4)


def picture_of(number: str) -> bytes:
    return as_bytes([Label.for_number(number)], "png")


@pytest.fixture(scope="module")
def label(tmp_path_factory: pytest.TempPathFactory) -> Image.Image:
    path = tmp_path_factory.mktemp("label") / "one.png"
    path.write_bytes(picture_of(OURS))
    return Image.open(path).convert("L")


class Frames:
    """So many pictures, a tenth of a second apart by a clock of their own; then the cable is pulled."""

    def __init__(self, pictures: list[Image.Image]) -> None:
        self._pictures = pictures
        self.now = 0.0
        self.closed = 0

    def frame(self) -> Image.Image | None:
        self.now += 0.1
        return self._pictures.pop(0) if self._pictures else None

    def close(self) -> None:
        self.closed += 1


def test_a_label_held_to_the_camera_is_one_scan_and_shown_again_another(label):
    nothing = Image.new("L", label.size, 255)
    frames = Frames([label] * 4 + [nothing] * 12 + [label] * 3)
    seen: list[tuple[str, str]] = []
    ended = threading.Event()
    troubles: list[str | None] = []

    def trouble(words: str | None) -> None:
        troubles.append(words)
        if words:
            ended.set()

    camera = CameraSource(lambda: frames, lambda *what: seen.append(what), trouble, monotonic=lambda: frames.now)
    camera.start()
    assert ended.wait(20)
    camera.stop()
    assert [code for code, _ in seen if code == OURS] == [OURS, OURS]
    assert troubles[:2] == [None, "the camera shows nothing more"]
    assert frames.closed >= 1


def test_a_camera_that_does_not_open_says_so_and_is_tried_again(monkeypatch):
    monkeypatch.setattr("scanner.sources.OPEN_AGAIN_AFTER", 0.01)
    told: SimpleQueue[str | None] = SimpleQueue()

    def no_camera() -> Frames:
        raise OSError("camera 0 does not open")

    camera = CameraSource(no_camera, lambda *_: None, told.put)
    camera.start()
    assert [told.get(timeout=10) for _ in range(2)] == ["camera 0 does not open"] * 2
    camera.stop()


class Watched:
    """A folder under watch, and what was told of it."""

    def __init__(self, folder: Path) -> None:
        self.told: SimpleQueue[tuple[str, str | None]] = SimpleQueue()
        self._source = FolderSource(
            folder / "in",
            folder / "remembered",
            lambda code, _sym: self.told.put((code, None)),
            lambda name, why: self.told.put((name, why or "nothing")),
            lambda _words: None,
            look_every=0.02,
        )
        self._source.start()

    def tells(self) -> tuple[str, str | None]:
        return self.told.get(timeout=20)

    def stop(self) -> None:
        self._source.stop(10)


def test_each_picture_put_into_a_folder_is_read_once_also_after_a_restart(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "before.png").write_bytes(picture_of(OURS))
    watched = Watched(tmp_path)
    assert watched.tells() == (OURS, None)
    (tmp_path / "in" / "note.png").write_text("no picture")
    name, why = watched.tells()
    assert name == "note.png"
    assert why
    watched.stop()
    (tmp_path / "in" / "meanwhile.png").write_bytes(picture_of(STRANGER))
    again = Watched(tmp_path)
    assert again.tells() == (STRANGER, None)
    again.stop()
    assert again.told.empty()


def test_a_battery_is_shown_where_there_is_one(tmp_path):
    assert battery(tmp_path / "none") is None
    for name, kind, capacity in (("AC", "Mains", "0"), ("BAT0", "Battery", "71")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "type").write_text(kind + "\n")
        (tmp_path / name / "capacity").write_text(capacity + "\n")
    assert battery(tmp_path) == 0.71
    (tmp_path / "BAT0" / "capacity").write_text("?")
    assert battery(tmp_path) is None
