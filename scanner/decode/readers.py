"""The two readers: zxing-cpp, always there, and zbar, the second voter where libzbar is installed.

They fail in different places (zbar shrugs off a missing quiet zone and JPEG, zxing-cpp noise and low light),
which is what makes them worth voting. Both are guarded: whatever they raise is no read.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

import zxingcpp
from PIL import Image

from scanner.decode.readings import Box, Sighting
from scanner.symbology import Symbology

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Pixels = Image.Image | npt.NDArray[np.uint8]

log = logging.getLogger(__name__)

LONGEST_TEXT = 4096  # bytes; a scan's `code` may not be longer (scan protocol)


class BarReader(Protocol):
    """Finds codes in grey pixels. Never raises; an empty list is an answer."""

    name: str

    def read(self, pixels: Pixels, symbologies: frozenset[Symbology], *, rough: bool = False) -> list[Sighting]:
        """All codes of `symbologies` in sight. `rough`: one threshold for the whole view, not a local one."""


_ZXING_FORMATS: dict[Symbology, tuple[str, ...]] = {
    Symbology.CODE128: ("Code128",),
    Symbology.GS1_128: ("Code128",),
    Symbology.ITF: ("ITF",),
    Symbology.CODE39: ("Code39",),
    Symbology.CODE93: ("Code93",),
    Symbology.CODABAR: ("Codabar",),
    Symbology.EAN: ("EAN13", "EAN8", "UPCA", "UPCE"),
    Symbology.QR: ("QRCode", "MicroQRCode"),
    Symbology.DATAMATRIX: ("DataMatrix",),
    Symbology.PDF417: ("PDF417", "MicroPDF417"),
    Symbology.AZTEC: ("Aztec",),
    Symbology.MAXICODE: ("MaxiCode",),
}

_ZBAR_NAMES: dict[Symbology, tuple[str, ...]] = {
    Symbology.CODE128: ("CODE128",),
    Symbology.GS1_128: ("CODE128",),
    Symbology.ITF: ("I25",),
    Symbology.CODE39: ("CODE39",),
    Symbology.CODE93: ("CODE93",),
    Symbology.CODABAR: ("CODABAR",),
    Symbology.EAN: ("EAN13", "EAN8", "UPCA", "UPCE"),
    Symbology.QR: ("QRCODE",),
}

# zxing-cpp names the variant it met; the AIM letter after the bracket names the symbology whatever the variant.
_BY_AIM = {
    "C": Symbology.CODE128, "I": Symbology.ITF, "A": Symbology.CODE39, "G": Symbology.CODE93, "F": Symbology.CODABAR,
    "E": Symbology.EAN, "Q": Symbology.QR, "d": Symbology.DATAMATRIX, "L": Symbology.PDF417, "z": Symbology.AZTEC,
    "U": Symbology.MAXICODE,
}  # fmt: skip
_BY_ZBAR_NAME = {
    "CODE128": Symbology.CODE128, "I25": Symbology.ITF, "CODE39": Symbology.CODE39, "CODE93": Symbology.CODE93,
    "CODABAR": Symbology.CODABAR, "EAN13": Symbology.EAN, "EAN8": Symbology.EAN, "UPCA": Symbology.EAN,
    "UPCE": Symbology.EAN, "QRCODE": Symbology.QR,
}  # fmt: skip


class Zxing:
    """zxing-cpp: every symbology we know, one wheel, nothing from the system."""

    name = "zxing-cpp"

    def __init__(self, *, white_on_black: bool = False) -> None:
        """`white_on_black`: look at the negative too; in the cascade that is a view of its own."""
        self._white_on_black = white_on_black

    def read(self, pixels: Pixels, symbologies: frozenset[Symbology], *, rough: bool = False) -> list[Sighting]:
        binarizer = zxingcpp.Binarizer.GlobalHistogram if rough else zxingcpp.Binarizer.LocalAverage
        try:
            found = zxingcpp.read_barcodes(
                pixels,
                formats=_zxing_formats(symbologies),
                text_mode=zxingcpp.TextMode.Plain,
                binarizer=binarizer,
                try_invert=self._white_on_black,
            )
        except (RuntimeError, ValueError, TypeError, MemoryError, UnicodeError) as failure:
            log.debug("zxing-cpp gave up on a view: %s", failure)
            return []
        return [sighting for code in found if (sighting := _from_zxing(code)) is not None]


@functools.cache
def _zxing_formats(symbologies: frozenset[Symbology]) -> zxingcpp.BarcodeFormats:
    names = {name for symbology in symbologies for name in _ZXING_FORMATS.get(symbology, ())}
    return zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat[name] for name in sorted(names)])


def _from_zxing(code: Any) -> Sighting | None:
    if not code.valid or not _bearable(code.text):
        return None
    aim = code.symbology_identifier
    symbology = _BY_AIM.get(aim[1:2])
    if symbology is None:
        return None
    if aim == "]C1":
        symbology = Symbology.GS1_128
    at = code.position
    corners = (at.top_left, at.top_right, at.bottom_right, at.bottom_left)
    return Sighting(symbology, code.text, _box((corner.x, corner.y) for corner in corners))


class Zbar:
    """zbar through pyzbar: bars and QR only, and only where libzbar is installed."""

    name = "zbar"

    def __init__(self, *, ascii_only: bool = True) -> None:
        """Raises ImportError or OSError where pyzbar or libzbar is missing.

        `ascii_only`: beyond ASCII zbar guesses the character set, and guesses wrong.
        """
        from pyzbar import pyzbar

        self._pyzbar = pyzbar
        self._encoding = "ascii" if ascii_only else "utf-8"

    def read(self, pixels: Pixels, symbologies: frozenset[Symbology], *, rough: bool = False) -> list[Sighting]:
        names = sorted({name for symbology in symbologies for name in _ZBAR_NAMES.get(symbology, ())})
        if not names:
            return []
        wanted = [self._pyzbar.ZBarSymbol[name] for name in names]
        try:
            found = self._pyzbar.decode(pixels, symbols=wanted)
        except (ValueError, RuntimeError, MemoryError, OSError, self._pyzbar.PyZbarError) as failure:
            log.debug("zbar gave up on a view: %s", failure)  # e.g. a structured-append QR: ValueError
            return []
        return [sighting for code in found if (sighting := _from_zbar(code, self._encoding)) is not None]


def _from_zbar(code: Any, encoding: str) -> Sighting | None:
    symbology = _BY_ZBAR_NAME.get(code.type)
    try:
        text = code.data.decode(encoding)
    except UnicodeDecodeError:
        return None
    if symbology is None or not _bearable(text):
        return None
    left, top, width, height = code.rect
    right, bottom = left + width, top + height
    return Sighting(symbology, text, _box([(left, top), (right, top), (right, bottom), (left, bottom)]))


def _box(corners: Iterable[tuple[float, float]]) -> Box:
    first, second, third, fourth = ((float(x), float(y)) for x, y in corners)
    return (first, second, third, fourth)


def _bearable(text: str) -> bool:
    return bool(text) and len(text.encode("utf-8", "replace")) <= LONGEST_TEXT


@functools.cache
def second_voter() -> Zbar | None:
    """zbar, or None where it is not installed: then two-vote codes need two crops or two frames. Says so once."""
    try:
        return Zbar()
    except (ImportError, OSError):
        log.warning(
            "libzbar is not installed: bag tags then need a second frame. "
            "Debian: apt-get install libzbar0; macOS: brew install zbar; and pip install pyzbar"
        )
        return None
