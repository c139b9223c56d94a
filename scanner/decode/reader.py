"""Following one label over the frames of a camera, or reading one picture for all it is worth."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from PIL import Image

from scanner.decode.cascade import Mode, Readers, read_frame
from scanner.decode.readers import Zxing, second_voter
from scanner.decode.readings import Read
from scanner.decode.votes import Votes
from scanner.symbology import BY_WORD, COURIER, Symbology, readable


def installed_readers() -> Readers:
    """zxing-cpp, and zbar where libzbar is installed."""
    return Readers(first=Zxing(), second=second_voter())


class Reader:
    """Reads one label after another from frames of a camera; the votes of a label add up over its frames.

    `symbologies` and `lengths` are those of the device's configuration, e.g. `{"itf": [10]}`; `expected` are
    texts due at this place, of which one read is enough. One Reader belongs to one thread.
    """

    def __init__(
        self,
        symbologies: Iterable[str] = COURIER,
        lengths: Mapping[str, Collection[int]] | None = None,
        *,
        expected: Collection[str] = (),
        wanted: Iterable[str] = (),
        mode: Mode = Mode.LIVE,
        readers: Readers | None = None,
    ) -> None:
        """`wanted`: what the label bears for certain; a frame is searched until each of them is accepted."""
        self._symbologies = readable(symbologies)
        self._lengths = {
            BY_WORD[word]: frozenset(allowed) for word, allowed in (lengths or {}).items() if word in BY_WORD
        }
        self._expected = frozenset(expected)
        self._wanted = frozenset(Symbology(word) for word in wanted)
        self._mode = mode
        self._readers = readers or installed_readers()
        self.next_label()

    def next_label(self) -> None:
        """Forget the votes: what comes now is another label."""
        self._votes = Votes(self._lengths, self._expected)
        self._frame = 0
        self._last: Image.Image | None = None

    @property
    def has_second_voter(self) -> bool:
        """Whether zbar votes too; without it a bag tag needs two crops or two frames."""
        return self._readers.second is not None

    def look(self, frame: Image.Image) -> list[Read]:
        """The codes seen in this frame that count by now, earlier frames of the label included.

        Any mode of picture will do, grey is fastest. An empty list asks for another frame. Never raises for what
        is in the picture.
        """
        self._frame += 1
        self._last = frame if frame.mode == "L" else frame.convert("L")
        read_frame(
            self._last,
            self._votes,
            frame=self._frame,
            mode=self._mode,
            readers=self._readers,
            symbologies=self._symbologies,
            wanted=self._wanted,
        )
        return self._votes.accepted(self._frame)

    def glimpsed(self) -> list[Read]:
        """Codes of this label still short of a vote: for the courier's eyes, not for the journal."""
        return self._votes.glimpsed()

    def advice(self) -> str | None:
        """What would help: "too dark", "closer", "hold it still", "turn it" or "another angle".

        None when the last frame read, showed no bars, or OpenCV is not installed. Takes some milliseconds, once a
        courier waits for it; not for every frame.
        """
        if self._last is None or self._votes.accepted(self._frame):
            return None
        try:
            import numpy as np

            from scanner.decode.advice import advice_for
        except ImportError:
            return None
        return advice_for(np.asarray(self._last))


def read_picture(
    picture: Image.Image,
    symbologies: Iterable[str] = COURIER,
    lengths: Mapping[str, Collection[int]] | None = None,
    *,
    expected: Collection[str] = (),
    readers: Readers | None = None,
) -> list[Read]:
    """Everything that counts in one still picture, by the whole cascade, in this process.

    Strangers' pictures go through `ReadingChild` instead.
    """
    reader = Reader(symbologies, lengths, expected=expected, mode=Mode.STILL, readers=readers)
    return reader.look(picture)
