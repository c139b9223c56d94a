"""Labels, bag tags and departure cards: on the screen, printed, or as a strip of bars for the simulator's cameras.

`Label` says what stands on one, `forms/` where, and one file each draws that as PNG, SVG, PDF and ZPL; told in
`docs/labels.md`.
"""

from scanner.label.bars import UnprintableLabelError, strip
from scanner.label.label import Kind, Label, tracking_link
from scanner.label.page import DOTS_PER_MM
from scanner.label.png import draw
from scanner.label.words import LANGUAGES
from scanner.label.write import FORMATS, as_bytes, write

RESOLUTIONS = tuple(DOTS_PER_MM)

__all__ = [
    "FORMATS",
    "LANGUAGES",
    "RESOLUTIONS",
    "Kind",
    "Label",
    "UnprintableLabelError",
    "as_bytes",
    "draw",
    "strip",
    "tracking_link",
    "write",
]
