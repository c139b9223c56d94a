"""Labels into files, by format."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scanner.label.forms import page_of
from scanner.label.label import Label
from scanner.label.pdf import pdf
from scanner.label.png import png
from scanner.label.sheet import on_a4
from scanner.label.svg import svg
from scanner.label.zpl import zpl

FORMATS = ("png", "svg", "pdf", "zpl")
SEVERAL_PAGES = ("pdf", "zpl")


def as_bytes(
    labels: Sequence[Label], format: str, *, dpi: int = 203, sheet: bool = False, font: Path | None = None
) -> bytes:
    """The labels as the content of one file: one a page, or with `sheet` as many to an A4 page as fit.

    A roll has no sheets: ZPL is one label after another. `font` is a file for letters our typeface lacks. Raises
    UnprintableLabelError when a label cannot be drawn, and ValueError for a format, resolution or number of labels we
    do not do.
    """
    if format not in FORMATS:
        raise ValueError(f"{format!r} is no format of ours; choose one of {', '.join(FORMATS)}")
    pages = [page_of(label, dpi) for label in labels]
    if sheet and format != "zpl":
        pages = on_a4(pages)
    if not pages or (len(pages) > 1 and format not in SEVERAL_PAGES):
        pdf_or_zpl = " or ".join(SEVERAL_PAGES)
        raise ValueError(f"{len(labels)} labels do not go into one {format}; choose {pdf_or_zpl}, or a sheet of fewer")
    match format:
        case "png":
            return png(pages[0], font)
        case "svg":
            return svg(pages[0])
        case "pdf":
            return pdf(pages, font)
        case _:
            return zpl(pages, font)


def write(label: Label, format: str, path: str | Path) -> None:
    """One label into a file, replaced if it is there. Raises as `as_bytes`, and OSError."""
    Path(path).write_bytes(as_bytes([label], format))
