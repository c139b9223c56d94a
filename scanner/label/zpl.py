"""A label in ZPL II, the language of thermal printers.

We use this much of it: `^XA ^XZ` (a label), `^CI28` (texts are UTF-8), `^PW ^LL` (its size), `^FO` (place),
`^A0N` (scalable font), `^FH_` (hex escapes), `^FD ^FS` (a field), `^BY` (module width and ratio), `^BC` (Code 128,
the printer chooses the subsets), `^B2` (Interleaved 2 of 5) and `^GB` (a box: bearer bars). The human-readable
number is a text of ours, so the printer's own is off.
"""

from __future__ import annotations

from collections.abc import Sequence

from scanner.label.bars import UnprintableLabelError
from scanner.label.layout import HEIGHT, WIDTH, Bars, Label, layout
from scanner.symbology import Symbology


def zpl(labels: Sequence[Label]) -> bytes:
    """One `^XA … ^XZ` a label. A text can hold no command: all but letters, digits and blanks is escaped.

    Raises UnprintableLabelError.
    """
    return "".join(_label(label) for label in labels).encode("ascii")


def _label(label: Label) -> str:
    plan = layout(label)
    lines = "".join(
        f"^FO{line.x},{line.y}^A0N,{line.size},{line.size}^FH_^FD{_escaped(line.text)}^FS\n" for line in plan.lines
    )
    return f"^XA^CI28^PW{WIDTH}^LL{HEIGHT}\n{lines}{_bars(plan.bars)}^XZ\n"


def _bars(bars: Bars) -> str:
    if ">" in bars.text or bars.symbology is Symbology.GS1_128:
        raise UnprintableLabelError(f"{bars.text!r} cannot be said in our ZPL; print it from the PDF")
    boxes = "".join(f"^FO{box.x},{box.y}^GB{box.width},{box.height},{box.height}^FS\n" for box in bars.bearers())
    command = f"^B2N,{bars.height},N,N,N" if bars.symbology is Symbology.ITF else f"^BCN,{bars.height},N,N,N,A"
    field = f"^FH_^FD{_escaped(bars.text)}^FS\n"
    return f"{boxes}^FO{bars.x},{bars.y}^BY{bars.module},3.0,{bars.height}{command}{field}"


def _escaped(text: str) -> str:
    return "".join(
        letter
        if letter.isascii() and (letter.isalnum() or letter == " ")
        else "".join(f"_{byte:02X}" for byte in letter.encode("utf-8", "replace"))
        for letter in text
    )
