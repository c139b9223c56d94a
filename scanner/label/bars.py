"""Texts as bars: modules, quiet zones, bearer bars.

A module is the narrowest bar. Quiet zones are ten modules, as Code 128 and Interleaved 2 of 5 ask for; the wide
bars of ITF are three modules, so that all edges fall on whole printer dots. Encoding is python-barcode's.
"""

from __future__ import annotations

import re
from itertools import groupby

from barcode.codex import Code128, Gs1_128
from barcode.errors import BarcodeError
from barcode.itf import ITF
from PIL import Image

from scanner.symbology import Symbology

QUIET_ZONE = 10  # modules on either side
BEARER = 2  # modules; bars above and below ITF, so that a skewed scan line leaves the code instead of cutting it short
LONGEST = 48  # characters; GS1-128 allows no more either, and no more fits a label

_CODE128_TEXT = re.compile(r"[ -~]+")
_GS1_TEXT = re.compile(r"[!-~]+(\xf1[!-~]+)*")
_ITF_TEXT = re.compile(r"([0-9]{2})+")


class UnprintableLabelError(Exception):
    """This text cannot stand on a label in this symbology; the message says what can."""


def symbols(text: str, symbology: str) -> list[int]:
    """The Code 128 symbols behind the bars, from the start on, without the check symbol and the stop."""
    modules(text, symbology)
    code = Gs1_128(text) if symbology == Symbology.GS1_128 else Code128(text)
    code.build()
    return [int(value) for value in code.encoded]


def modules(text: str, symbology: str) -> str:
    """The bars as `1` and `0`, one character a module, without quiet zones.

    Code 128: printable ASCII; GS1-128: element strings without brackets, `\\xf1` between them; ITF: digits, an even
    number of them, for an odd one would get a nought in front silently. Raises UnprintableLabelError.
    """
    if len(text) > LONGEST:
        raise UnprintableLabelError(f"{len(text)} characters do not fit; {LONGEST} at most")
    try:
        if symbology == Symbology.CODE128 and _CODE128_TEXT.fullmatch(text):
            return str(Code128(text).build()[0])
        if symbology == Symbology.GS1_128 and _GS1_TEXT.fullmatch(text):
            return str(Gs1_128(text).build()[0])
        if symbology == Symbology.ITF and _ITF_TEXT.fullmatch(text):
            return str(ITF(text, narrow=1, wide=3).build()[0])
    except (BarcodeError, ValueError, RuntimeError, KeyError, IndexError) as refusal:
        raise UnprintableLabelError(f"{text!r} cannot be drawn as {symbology}") from refusal
    wanted: dict[str, str] = {
        Symbology.CODE128: "one or more plain ASCII characters",
        Symbology.GS1_128: "element strings of plain ASCII without brackets or blanks",
        Symbology.ITF: "an even number of digits",
    }
    raise UnprintableLabelError(
        f"{text!r} cannot be drawn as {symbology}; expected {wanted.get(symbology, 'code128, gs1-128 or itf')}"
    )


def black_runs(pattern: str) -> list[tuple[int, int]]:
    """The bars of a module pattern as (first module, width), both in modules."""
    runs, at = [], 0
    for ink, stretch in groupby(pattern):
        width = len(list(stretch))
        if ink == "1":
            runs.append((at, width))
        at += width
    return runs


def strip(text: str, symbology: str, *, module: int = 3, height: int = 60) -> Image.Image:
    """The bars alone as a grey picture (mode `L`, black on white), with quiet zones and a white edge.

    `module` and `height` in pixels; the edge above and below is four modules. Well under a millisecond, so a
    simulated camera can afford one for each scan. Raises UnprintableLabelError.
    """
    pattern = modules(text, symbology)
    edge = 4 * module
    line = Image.frombytes("L", (len(pattern), 1), pattern.translate(_INK).encode("latin-1"))
    bars = line.resize((len(pattern) * module, height), Image.Resampling.NEAREST)
    bearer = BEARER * module if symbology == Symbology.ITF else 0
    quiet = QUIET_ZONE * module
    picture = Image.new("L", (bars.width + 2 * quiet, height + 2 * (edge + bearer)), 255)
    if bearer:
        picture.paste(0, (quiet, edge, quiet + bars.width, picture.height - edge))
    picture.paste(bars, (quiet, edge + bearer))
    return picture


_INK = str.maketrans({"1": "\x00", "0": "\xff"})
