"""Cuts our typeface again, after a word was added to `scanner.label.words`.

    uv run --with fonttools python -m scanner.label.fonts.subset NotoSans-Bold.ttf NotoSansCJK-Bold.ttc

Outlines become quadratic curves, the only ones reportlab embeds.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from scanner.label.typeface import OURS
from scanner.label.words import LANGUAGES, letters

EUROPE = (*range(0x20, 0x7F), *range(0xA0, 0x180), *range(0x218, 0x21C), *range(0x384, 0x3CF), *range(0x400, 0x460))
VIETNAM = (*range(0x1A0, 0x1A2), *range(0x1AF, 0x1B1), *range(0x1EA0, 0x1EFA))
SIGNS = tuple(map(ord, "ẞ‐‑–—‘’‚“”„†•…‰‹›€№™−"))
ARROWS = tuple(map(ord, "←→"))  # only the Chinese face has them
SIMPLIFIED = "Noto Sans CJK SC Bold"


def cut(latin: Path, chinese: Path) -> None:
    """Writes the file at `OURS`."""
    from fontTools.fontBuilder import FontBuilder
    from fontTools.ttLib import TTCollection, TTFont

    western = TTFont(latin)
    eastern = next(face for face in TTCollection(chinese).fonts if face["name"].getDebugName(4) == SIMPLIFIED)
    theirs = {ord(letter) for tag in LANGUAGES for letter in letters(tag)}
    codes = {code: western for code in (*EUROPE, *VIETNAM, *SIGNS) if code in western.getBestCmap()}
    codes |= dict.fromkeys({*theirs, *ARROWS} - codes.keys(), eastern)

    glyphs, widths, names = {".notdef": _outline(western, ".notdef")}, {".notdef": 600}, {}
    for code, font in sorted(codes.items(), key=lambda each: each[0]):
        source = font.getBestCmap()[code]
        names[code] = f"uni{code:04X}"
        glyphs[names[code]] = _outline(font, source)
        widths[names[code]] = font["hmtx"][source][0]
    built = FontBuilder(1000, isTTF=True)
    built.setupGlyphOrder(list(glyphs))
    built.setupCharacterMap(names)
    built.setupGlyf(glyphs)
    built.setupHorizontalMetrics({name: (wide, getattr(glyphs[name], "xMin", 0)) for name, wide in widths.items()})
    built.setupHorizontalHeader(ascent=1069, descent=-293)
    built.setupOS2(sTypoAscender=1069, sTypoDescender=-293, usWinAscent=1069, usWinDescent=293, sCapHeight=714)
    built.setupNameTable(
        {
            "copyright": "Adobe, with Reserved Font Name 'Source'; The Noto Project Authors",
            "familyName": "Label Sans",
            "styleName": "Bold",
            "fullName": "Label Sans Bold",
            "psName": "LabelSans-Bold",
            "licenseDescription": "SIL Open Font License, Version 1.1",
        }
    )
    built.setupPost(keepGlyphNames=False)
    built.font["head"].created = built.font["head"].modified = 0  # the same cut is the same file
    built.font.recalcTimestamp = False
    built.save(OURS)


def _outline(font: Any, name: str) -> Any:
    """One letter, its accents drawn in, in curves of TrueType's kind."""
    from fontTools.pens.cu2quPen import Cu2QuPen
    from fontTools.pens.recordingPen import DecomposingRecordingPen
    from fontTools.pens.ttGlyphPen import TTGlyphPen

    glyphs = font.getGlyphSet()
    recorded, pen = DecomposingRecordingPen(glyphs), TTGlyphPen(None)
    glyphs[name].draw(recorded)
    recorded.replay(pen if "glyf" in font else Cu2QuPen(pen, max_err=1.0, reverse_direction=True))
    return pen.glyph()


if __name__ == "__main__":
    cut(Path(sys.argv[1]), Path(sys.argv[2]))
