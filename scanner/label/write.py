"""Labels into files, by format."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scanner.label.layout import Label
from scanner.label.pdf import pdf
from scanner.label.png import png
from scanner.label.svg import svg
from scanner.label.zpl import zpl

FORMATS = ("png", "svg", "pdf", "zpl")
SHEET_FORMATS = ("pdf", "zpl")  # those that hold several labels


def as_bytes(labels: Sequence[Label], format: str) -> bytes:
    """The labels as the content of one file. Several need a format of SHEET_FORMATS.

    Raises UnprintableLabelError when one cannot be drawn, and ValueError for a format or number we do not do.
    """
    if format not in FORMATS:
        raise ValueError(f"{format!r} is no format of ours; choose one of {', '.join(FORMATS)}")
    if not labels or (len(labels) > 1 and format not in SHEET_FORMATS):
        raise ValueError(f"{len(labels)} labels do not go into one {format}; choose one of {', '.join(SHEET_FORMATS)}")
    match format:
        case "png":
            return png(labels[0])
        case "svg":
            return svg(labels[0])
        case "pdf":
            return pdf(labels)
        case _:
            return zpl(labels)


def write(label: Label, format: str, path: str | Path) -> None:
    """One label into a file, replaced if it is there. Raises as `as_bytes`, and OSError."""
    Path(path).write_bytes(as_bytes([label], format))
