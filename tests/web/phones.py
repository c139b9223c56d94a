"""A station whose couriers scan with phones: a real tracker behind real pages, and films for cameras to see."""

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from PIL import Image

from scanner.label.label import Label
from scanner.label.png import draw
from tests.tracker.world import World
from tracker.devices import Roll
from tracker.door import Door
from tracker.handovers import HandoverFiles
from tracker.ingest import Ingest
from tracker.rounds import Rounds
from web.app import WebSettings, create_app
from web.serve import serve

FRAME = (1280, 720)
BLANK = Image.new("L", FRAME, 200)


@dataclass
class Station:
    """The pages of a world, served on a port of its own until it is closed; `open` serves them there again."""

    world: World
    port: int
    _stop: threading.Event = field(default_factory=threading.Event)
    _serving: threading.Thread | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def open(self) -> None:
        world = self.world
        ingest = Ingest(world.store, Roll(world.store, lambda: world.real[0]), world.clock, lambda: world.real[0])
        app = create_app(
            world.queries,
            world.bookings,
            clock=world.clock,
            devices=world.registry,
            invitations=world.registry,
            rounds=Rounds(world.store, world.clock),
            handovers=HandoverFiles(world.store, world.clock),
            door=Door(ingest, world.clock),
            settings=WebSettings(lookups_per_minute=None),
        )
        self._stop, taken = threading.Event(), threading.Event()

        words = {"ready": lambda _: taken.set(), "threads": 16}
        self._serving = threading.Thread(target=serve, args=(app, "127.0.0.1", self.port, self._stop), kwargs=words)
        self._serving.start()
        assert taken.wait(10)

    def close(self) -> None:
        self._stop.set()
        if self._serving is not None:
            self._serving.join(15)

    def invitation(self, dev: str = "c-17", site: str = "sea") -> str:
        """The address that a station's QR code shows."""
        return f"{self.address}/courier/#pair={dev}:{self.world.registry.invite(dev, site=site, move=True)}"


@contextmanager
def station(world: World) -> Iterator[Station]:
    with socket.socket() as probe:  # named before it is bound: only such a port can be bound again at once
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    found = Station(world, port)
    found.open()
    try:
        yield found
    finally:
        found.close()


def shown(*numbers: str) -> Image.Image:
    """Labels side by side, as a camera at arm's length sees them."""
    frame = BLANK.copy()
    for at, number in enumerate(numbers):
        label = draw(Label(number), dpi=203)
        width = 600 if len(numbers) > 1 else 480
        small = label.resize((width, round(label.height * width / label.width)), Image.Resampling.LANCZOS)
        frame.paste(small, (20 + at * FRAME[0] // len(numbers), FRAME[1] - small.height))
    return frame


def film(path: Path, scenes: Sequence[tuple[Image.Image, float]]) -> Path:
    """A film of these pictures and seconds for Chromium's camera, which plays 30 frames a second and begins anew."""
    with path.open("wb") as file:
        for picture, seconds in scenes:
            jpeg = BytesIO()
            picture.convert("RGB").save(jpeg, "JPEG", quality=88)
            file.write(jpeg.getvalue() * round(seconds * 30))
    return path
