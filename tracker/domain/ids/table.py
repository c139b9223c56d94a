"""Every scheme we know, one line a family. The order decides only between readings that are otherwise equal."""

from tracker.domain.ids import canada, china, dhl, dpd, fedex, gs1, plate, regional, s10, uld, ups, usps
from tracker.domain.ids.scheme import by_length

SCHEMES = (
    *s10.SCHEMES,
    *gs1.SCHEMES,
    *usps.SCHEMES,
    *ups.SCHEMES,
    *fedex.SCHEMES,
    *canada.SCHEMES,
    *regional.SCHEMES,
    *dhl.SCHEMES,
    *dpd.SCHEMES,
    *china.SCHEMES,
    *plate.SCHEMES,
    *uld.SCHEMES,
)

BY_LENGTH = by_length(SCHEMES)

CARRIERS = frozenset(scheme.carrier for scheme in SCHEMES if scheme.carrier is not None)
"""Whose numbers we can tell, by the names that pins and bookings use."""
