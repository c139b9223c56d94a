"""Letters: how wide they are, and which typeface has them.

Ours has Europe's letters and the words of our labels (`scanner/label/fonts`). A name in Chinese is drawn with a
typeface of the machine, or one given by the caller. Where none has a letter the label is refused: a box where a name
should be would be found out at the door.
"""

from __future__ import annotations

import functools
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from PIL import ImageFont

from scanner.label.bars import UnprintableLabelError

OURS = Path(__file__).parent / "fonts" / "LabelSans-Bold.ttf"
CAPITALS = 0.714  # of the size: how tall capitals and digits stand
SQUARES_UP, SQUARES_DOWN = 0.86, 0.08  # of the size: how far Chinese letters reach above and below the baseline
SQUARES_TALLER = 1.15  # than capitals in the same place: their strokes are finer
FIRST_SQUARE = 0x2E80  # where Chinese, Japanese and Korean letters begin
LONGEST_LINE = 60  # characters of any line of text
_MISSING = "\uffff"
_MEASURED_AT = 1000

THE_MACHINES = (  # (file, which of its faces): bold ones first
    ("/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc", 2),
    ("/usr/share/fonts/google-noto-cjk/NotoSansCJK-Bold.ttc", 2),
    ("/usr/share/fonts/noto-cjk/NotoSansCJK-Bold.ttc", 2),
    ("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc", 2),
    ("/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc", 0),
    ("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc", 0),
    ("/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf", 0),
    ("/System/Library/Fonts/STHeiti Medium.ttc", 1),
    ("/System/Library/Fonts/Hiragino Sans GB.ttc", 2),
    ("C:/Windows/Fonts/msyhbd.ttc", 0),
    ("C:/Windows/Fonts/simhei.ttf", 0),
)


@dataclass(frozen=True, slots=True)
class Face:
    """A font file and which of its faces."""

    path: Path
    index: int = 0

    def at(self, size: int) -> ImageFont.FreeTypeFont:
        return _loaded(self.path, self.index, size)

    def has(self, text: str) -> bool:
        """Whether it can draw every letter. A letter that looks as a missing one does is missing."""
        return all(letter.isspace() or _has(self.path, self.index, letter) for letter in text)


OUR_FACE = Face(OURS)


def plain(text: str) -> str:
    """A line for people: composed letters, control characters as blanks, cut off where no label could hold it."""
    composed = unicodedata.normalize("NFC", text)
    visible = "".join(letter if letter.isprintable() else " " for letter in composed)
    line = " ".join(visible.split())
    return line if len(line) <= LONGEST_LINE else line[: LONGEST_LINE - 1] + "…"


def reach(text: str) -> tuple[float, float, float]:
    """How far the letters that must be read stand above and below the baseline, of the size, and how much taller they
    are printed than capitals would be. Tails do not count."""
    if any(ord(letter) >= FIRST_SQUARE for letter in text):
        return SQUARES_UP, SQUARES_DOWN, SQUARES_TALLER
    return CAPITALS, 0, 1


def extent(text: str) -> tuple[float, float]:
    """How far a line's ink goes above and below the baseline, of the size: Å and J go further than L does."""
    up, down, _ = reach(text)
    ours = "".join(letter for letter in text if OUR_FACE.has(letter))
    _, top, _, bottom = OUR_FACE.at(_MEASURED_AT).getbbox(ours, anchor="ls")
    return max(up, -top / _MEASURED_AT), max(down, bottom / _MEASURED_AT)


def width(text: str, size: float) -> float:
    """How wide a line is. Letters that are not ours count as the square that Chinese ones are."""
    ours = "".join(letter for letter in text if OUR_FACE.has(letter))
    return (OUR_FACE.at(_MEASURED_AT).getlength(ours) / _MEASURED_AT + len(text) - len(ours)) * size


def face_for(text: str, font: Path | None = None) -> Face:
    """The face to draw a line with: ours, the caller's, or one of the machine's that has all of its letters.

    Raises UnprintableLabelError that says what to install when none has.
    """
    if OUR_FACE.has(text):
        return OUR_FACE
    chosen = [Face(font)] if font else _machine_faces()
    for face in chosen:
        try:
            if face.has(text):
                return face
        except OSError as unreadable:
            raise UnprintableLabelError(f"{face.path.name} is no font file we can open") from unreadable
    lacking = next((letter for letter in text if not OUR_FACE.has(letter)), text)
    where = f"{font.name} does not have it either" if font else "no font of this machine has it"
    raise UnprintableLabelError(
        f"{text!r} cannot be drawn: our typeface lacks {lacking!r}, and {where}. For Chinese install one "
        "(apt-get install fonts-noto-cjk) or name a file with --font; else write it in Latin letters"
    )


@functools.cache
def _machine_faces() -> tuple[Face, ...]:
    return tuple(Face(Path(path), index) for path, index in THE_MACHINES if Path(path).exists())


@functools.lru_cache(maxsize=64)
def _loaded(path: Path, index: int, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(path), size, index, layout_engine=ImageFont.Layout.BASIC)


@functools.lru_cache(maxsize=4096)
def _has(path: Path, index: int, letter: str) -> bool:
    return _shape(path, index, letter) != _shape(path, index, _MISSING)


def _shape(path: Path, index: int, letter: str) -> tuple[tuple[int, int], bytes]:
    mask = _loaded(path, index, 24).getmask(letter)
    return mask.size, bytes(mask)
