"""A page in ZPL II, the language of thermal printers.

We use this much of it: `^XA ^XZ` (a label), `^PW ^LL` (its size), `^FO` (place), `^GB` (a box), `^GFA` (dots: all
letters and QR codes, so that paper shows what the screen did, in any language), `^FR` (white on black), `^BY` (module
width and ratio), `^BC` (Code 128, its subsets named by us), `^B2` (Interleaved 2 of 5), `^FH_` (hex escapes), `^FD`
and `^FS` (a field). The printer's own line under the bars is off: ours stands there.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from PIL import Image

from scanner.label.bars import symbols
from scanner.label.ink import ink
from scanner.label.page import Bars, Line, Page, Rectangle, Square
from scanner.symbology import Symbology

_STARTS = {103: ">9", 104: ">:", 105: ">;"}
_FNC1, _TO_C, _TO_B, _TO_A = 102, 99, 100, 101


def zpl(pages: Sequence[Page], font: Path | None = None) -> bytes:
    """ASCII, one label after another. Nothing of a text but its bars' is in it, and that is escaped, so no text can
    hold a command. Print it at the resolution the pages were drawn for.

    Raises UnprintableLabelError when no typeface has a page's letters.
    """
    return "".join(_label(page, font) for page in pages).encode("ascii")


def _label(page: Page, font: Path | None) -> str:
    fields = []
    for item in page.items:
        match item:
            case Rectangle():
                fields.append(_box(item))
            case Line():
                letters = ink(item, font)
                black = letters.picture.point(_HALF_OR_MORE, mode="1")
                fields.append(_dots(black, letters.x, letters.y, reverse=item.white))
            case Square():
                fields.append(_dots(_picture(item), item.x, item.y))
            case Bars():
                fields.append(_bars(item))
    return f"^XA\n^PW{page.width}\n^LL{page.height}\n{''.join(fields)}^XZ\n"


_HALF_OR_MORE = [255 * (ink >= 128) for ink in range(256)]


def _box(black: Rectangle) -> str:
    thick = min(black.width, black.height)
    return f"^FO{black.x},{black.y}^GB{black.width},{black.height},{thick}^FS\n"


def _bars(bars: Bars) -> str:
    """Bars turned upside down keep their field's top left corner where it was."""
    turn = "I" if bars.upside_down else "N"
    if bars.symbology is Symbology.ITF:
        command, text = f"^B2{turn},{bars.height},N,N,N", bars.text
    else:
        command, text = f"^BC{turn},{bars.height},N,N,N,N", invoked(symbols(bars.text, bars.symbology))
    boxes = "".join(map(_box, bars.bearers()))
    return f"{boxes}^FO{bars.x},{bars.y}^BY{bars.module},3.0,{bars.height}{command}^FH_^FD{_escaped(text)}^FS\n"


def invoked(values: Sequence[int]) -> str:
    """Code 128 symbols as ZPL spells them: `>:` begins in subset B, `>5` goes on in C, `>8` is FNC1, `>0` is `>`.

    Left to itself a printer picks subsets by its firmware, and the bars would not be as wide as we laid them out.
    """
    subset, spelled = values[0], _STARTS[values[0]]
    for value in values[1:]:
        if value == _FNC1:
            spelled += ">8"
        elif subset == 105 and value < 100:
            spelled += f"{value:02}"
        elif value == _TO_C:
            subset, spelled = 105, spelled + ">5"
        elif value == _TO_B:
            subset, spelled = 104, spelled + ">6"
        elif value == _TO_A:
            subset, spelled = 103, spelled + ">7"
        else:
            letter = chr(value + 32) if value < 64 or subset == 104 else chr(value - 64)
            spelled += ">0" if letter == ">" else letter
    return spelled


def _picture(code: Square) -> Image.Image:
    side = len(code.rows)
    cells = bytes(255 * (dot == "1") for row in code.rows for dot in row)
    return (
        Image.frombytes("L", (side, side), cells)
        .resize((code.width, code.height), Image.Resampling.NEAREST)
        .convert("1")
    )


def _dots(picture: Image.Image, x: int, y: int, *, reverse: bool = False) -> str:
    """A picture of mode `1`, ink is white. ZPL knows no negative places: what would stand there is cut."""
    left, top = max(-x, 0), max(-y, 0)
    if left or top:
        picture = picture.crop((left, top, picture.width, picture.height))
    wide = (picture.width + 7) // 8
    raw = picture.tobytes()
    rows = [raw[at : at + wide].hex().upper() for at in range(0, len(raw), wide)]
    packed = "".join(_packed(row, same) for row, same in zip(rows, _repeats(rows), strict=True))
    total = wide * picture.height
    return f"^FO{x + left},{y + top}{'^FR' if reverse else ''}^GFA,{total},{total},{wide},{packed}^FS\n"


def _repeats(rows: Sequence[str]) -> list[bool]:
    return [place > 0 and row == rows[place - 1] for place, row in enumerate(rows)]


def _packed(row: str, same: bool) -> str:
    """A row as ZPL packs it: `:` the row above again, `,` nought to its end, `!` ones to its end, `G` to `Y` one to
    nineteen times the next digit, `g` to `z` twenty to four hundred times."""
    if same:
        return ":"
    runs = [(digit, len(list(run))) for digit, run in groupby(row)]
    last = {"0": ",", "F": "!"}.get(runs[-1][0], "")
    if last:
        runs.pop()
    return "".join(_count(times) + digit for digit, times in runs) + last


def _count(times: int) -> str:
    if times == 1:
        return ""
    hundreds, rest = divmod(times, 400)
    twenties, ones = divmod(rest, 20)
    return "z" * hundreds + (chr(ord("f") + twenties) if twenties else "") + (chr(ord("F") + ones) if ones else "")


def _escaped(text: str) -> str:
    return "".join(
        letter
        if letter.isascii() and (letter.isalnum() or letter in " >:;")
        else "".join(f"_{byte:02X}" for byte in letter.encode("utf-8", "replace"))
        for letter in text
    )
