"""Labels and bag tags: drawn on the screen, printed, or as a strip of bars for the simulator's cameras.

`Label` says what stands on it, `layout` where, and one file each draws that as PNG, SVG, PDF and ZPL.
"""

from scanner.label.bars import UnprintableLabelError, strip
from scanner.label.layout import Label
from scanner.label.png import draw
from scanner.label.write import FORMATS, as_bytes, write

__all__ = ["FORMATS", "Label", "UnprintableLabelError", "as_bytes", "draw", "strip", "write"]
