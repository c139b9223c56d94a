"""Unit load devices by air (IATA form: type, serial, owner), and the bags, cages and vans of our own."""

from tracker.domain.ids.scheme import Parts, Scheme


def _spelled(parts: Parts) -> str:
    return f"{parts['what']}-{parts['serial']}"


SCHEMES = (
    Scheme(
        name="uld", carrier=None, lengths=range(9, 12),
        shape=r"[A-Z][A-Z0-9][A-Z]\d{4,5}(?:[A-Z]{2,3}|[A-Z]\d|\d[A-Z])",
        says="a unit load device: type, serial of 4 or 5 digits, owner",
    ),
    Scheme(
        name="own_container", carrier=None, lengths=range(4, 13), shape=r"(?P<what>BAG|CAGE|VAN)(?P<serial>\d{1,8})",
        says="a bag, cage or van of our own", number=_spelled, marked=True,
    ),
)  # fmt: skip
