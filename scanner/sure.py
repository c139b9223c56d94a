"""What of the reads of one picture counts as scanned: sure ones, and one label once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tracker.domain.ids import linked_number

if TYPE_CHECKING:  # the readers take their time to load, and whoever types needs none
    from scanner.decode.readings import Read

SURE_ENOUGH = 0.9  # below it a weak code was seen once: shown, never taken


def sure_reads(reads: Iterable[Read]) -> list[tuple[str, str]]:
    """Symbology and text of each code to be scanned; the QR code that links to a number read beside it is none."""
    sure = [read for read in reads if read.confidence >= SURE_ENOUGH]
    texts = {read.text for read in sure}
    once = dict.fromkeys((str(r.symbology), r.text) for r in sure if linked_number(r.text) not in texts)
    return list(once)


def whose(text: str) -> str:
    """What tells one label from another, whichever of its codes was read."""
    return linked_number(text) or text
