"""The tracking link in the QR code of our labels: `…/t/LS123456785NL`, with what else the label says behind a `#`."""

import re

from tracker.domain.errors import UnreadableLabelError
from tracker.domain.ids.s10 import S10Number

LONGEST = 400
_LINK = re.compile(r"https?://[^\s/?#]+(?:/[^\s/?#]+)*/t/([A-Za-z]{2}[0-9]{9}[A-Za-z]{2})(?:[?#]\S*)?", re.ASCII)


def linked_number(text: str) -> str | None:
    """The parcel's number a tracking link names, its check digit right; None for any other text.

    Other links end alike by chance, so numbers without letters and check digit are never taken from one.
    """
    found = _LINK.fullmatch(text) if len(text) <= LONGEST else None
    try:
        return str(S10Number.parse(found[1])) if found else None
    except UnreadableLabelError:
        return None
