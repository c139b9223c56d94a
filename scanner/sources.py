"""Where codes come from besides keys: a camera that looks all the time, and a folder that pictures are put into.

Each runs in a thread of its own and hands on what it saw; only the screen's thread records.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from PIL import Image

from scanner.sure import sure_reads, whose

OUT_OF_VIEW_AFTER = 1.0
OPEN_AGAIN_AFTER = 2.0
OPEN_AGAIN_AT_MOST = 30.0  # a camera that is not there must not fill the log in days
LOOK_EVERY = 0.5  # at the folder


class HoldOff:
    """One reading while a code stays in view; out of view for a second, and it is a new scan."""

    def __init__(self, seconds: float = OUT_OF_VIEW_AFTER) -> None:
        self._seconds = seconds
        self._seen: dict[str, float] = {}

    def is_new(self, code: str, now: float) -> bool:
        """Call it for every sighting."""
        last = self._seen.get(code)
        self._seen[code] = now
        return last is None or now - last >= self._seconds

    def is_empty(self, now: float) -> bool:
        """Whether nothing is in view any more; what left it is forgotten."""
        self._seen = {code: last for code, last in self._seen.items() if now - last < self._seconds}
        return not self._seen


class FrameSource(Protocol):
    def frame(self) -> Image.Image | None:
        """The next picture; None when there is none any more."""

    def close(self) -> None: ...


class VideoFrames:
    """A camera by its number, or a file or address of a video, through OpenCV."""

    def __init__(self, which: str) -> None:
        import cv2  # takes a second to load: only for cameras

        self._video = cv2.VideoCapture(int(which) if which.isdigit() else which)
        self._grey = cv2.COLOR_BGR2GRAY
        self._convert = cv2.cvtColor
        if not self._video.isOpened():
            raise OSError(f"camera {which} does not open")

    def frame(self) -> Image.Image | None:
        has_one, picture = self._video.read()
        return Image.fromarray(self._convert(picture, self._grey)) if has_one else None

    def close(self) -> None:
        self._video.release()


class Source(ABC):
    """A thread that looks until stopped. `seen` and `trouble` are called from it; trouble None: all is well."""

    def __init__(self, name: str, trouble: Callable[[str | None], None]) -> None:
        self._stopping = threading.Event()
        self._tell_trouble = trouble
        self._thread = threading.Thread(target=self._run_for_ever, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float = 2.0) -> None:
        self._stopping.set()
        self._thread.join(timeout)

    def _run_for_ever(self) -> None:
        pause = OPEN_AGAIN_AFTER
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                self._run()
            except Exception as failure:  # noqa: BLE001  a camera or a driver that trips must not end the shift
                self._tell_trouble(str(failure) or type(failure).__name__)
                pause = OPEN_AGAIN_AFTER if time.monotonic() - began > OPEN_AGAIN_AT_MOST else pause
                self._stopping.wait(pause)
                pause = min(OPEN_AGAIN_AT_MOST, pause * 2)

    @abstractmethod
    def _run(self) -> None:
        """Looks until `_stopping` is set; an error is told, and it is called again after a while."""


class CameraSource(Source):
    """Looks at every frame, and says what it saw once for each time it comes into view."""

    def __init__(
        self,
        open_frames: Callable[[], FrameSource],
        seen: Callable[[str, str], None],
        trouble: Callable[[str | None], None],
        *,
        symbologies: Callable[[], Iterable[str] | None] = lambda: None,
        lengths: Callable[[], Mapping[str, list[int]] | None] = lambda: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`seen(code, sym)`. `symbologies` and `lengths` are asked for each time the camera opens."""
        super().__init__("camera", trouble)
        self._open_frames, self._seen, self._monotonic = open_frames, seen, monotonic
        self._symbologies, self._lengths = symbologies, lengths

    def _run(self) -> None:
        from scanner.decode import Reader
        from scanner.symbology import COURIER

        reader = Reader(self._symbologies() or COURIER, self._lengths())
        hold_off = HoldOff()
        frames = self._open_frames()
        self._tell_trouble(None)
        is_fresh = True
        try:
            while not self._stopping.is_set():
                frame = frames.frame()
                if frame is None:
                    raise OSError("the camera shows nothing more")
                reads = sure_reads(reader.look(frame))
                now = self._monotonic()
                if hold_off.is_empty(now) and not reads and not is_fresh:
                    reader.next_label()
                    is_fresh = True
                for sym, text in reads:
                    is_fresh = False
                    if hold_off.is_new(whose(text), now):
                        self._seen(text, sym)
        finally:
            frames.close()


class FolderSource(Source):
    """Reads each picture put into a folder once, also those put there while nobody looked.

    What was read is remembered in a file, after it was handed on: a crash between the two reads a picture again.
    """

    def __init__(
        self,
        folder: Path,
        remembered: Path,
        seen: Callable[[str, str], None],
        unread: Callable[[str, str | None], None],
        trouble: Callable[[str | None], None],
        *,
        look_every: float = LOOK_EVERY,
    ) -> None:
        """`unread(file name, why)` for a picture without a code that counts."""
        super().__init__("folder", trouble)
        self._folder, self._remembered = folder, remembered
        self._seen, self._unread = seen, unread
        self._look_every = look_every
        self._done = self._known()
        self._sizes: dict[str, tuple[int, int]] = {}

    def _run(self) -> None:
        from scanner.decode import ReadingChild

        with ReadingChild() as child:
            while not self._stopping.is_set():
                found = self._pictures()
                self._tell_trouble(None)
                for path, mark in found:
                    if self._sizes.get(path.name) == mark:  # it has stopped growing
                        self._read(path, child)
                        self._remember(path.name, mark)
                self._sizes = {path.name: mark for path, mark in found}
                self._stopping.wait(self._look_every)

    def _pictures(self) -> list[tuple[Path, tuple[int, int]]]:
        from scanner.decode.files import SUFFIXES

        found = []
        for path in sorted(self._folder.iterdir()):
            if path.suffix.lower() in SUFFIXES:
                with suppress(FileNotFoundError):
                    about = path.stat()
                    mark = (about.st_size, about.st_mtime_ns)
                    if _line(path.name, mark) not in self._done:
                        found.append((path, mark))
        return found

    def _read(self, path: Path, child: object) -> None:
        from scanner.decode import ReadingChild, decode_paths

        assert isinstance(child, ReadingChild)
        for report in decode_paths([path], child):
            sure = sure_reads(report.reads)
            if not sure:
                self._unread(path.name, report.error)
            for sym, text in sure:
                self._seen(text, sym)

    def _known(self) -> set[str]:
        try:
            return set(self._remembered.read_text(encoding="utf-8").splitlines())
        except (OSError, UnicodeDecodeError):
            return set()

    def _remember(self, name: str, mark: tuple[int, int]) -> None:
        line = _line(name, mark)
        self._done.add(line)
        with suppress(OSError), self._remembered.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def _line(name: str, mark: tuple[int, int]) -> str:
    return f"{mark[0]} {mark[1]} {name.encode('unicode_escape').decode('ascii')}"
