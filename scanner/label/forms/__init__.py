"""Where things stand on each kind of label, one file a form. To add one: a file here, a line in `FORMS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from scanner.label.forms.card import departure_card
from scanner.label.forms.parcel import parcel_label
from scanner.label.forms.tag import bag_tag
from scanner.label.label import Kind, Label
from scanner.label.page import DOTS_PER_MM, Page

FORMS: Mapping[Kind, Callable[[Label, int], Page]] = {
    Kind.PARCEL: parcel_label,
    Kind.CONTAINER: parcel_label,
    Kind.DEPARTURE: departure_card,
    Kind.BAG: bag_tag,
}


def page_of(label: Label, dpi: int = 203) -> Page:
    """The label in dots of this resolution.

    Raises UnprintableLabelError when its bars or its link do not fit, and ValueError for another resolution.
    """
    if dpi not in DOTS_PER_MM:
        raise ValueError(f"{dpi} dpi is no printer's; choose one of {', '.join(map(str, DOTS_PER_MM))}")
    return FORMS[label.kind](label, DOTS_PER_MM[dpi])
