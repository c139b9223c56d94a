"""DHL: Express waybills, piece ids, and eCommerce.

By tracking_number_data (MIT); piece ids are licence plates of ISO 15459.
"""

from tracker.domain.ids.checks import mod7
from tracker.domain.ids.scheme import Parts, Scheme


def _agrees(parts: Parts) -> bool:
    return mod7(parts[0][:-1]) == parts[0][-1]


SCHEMES = (
    Scheme(
        name="dhl10", carrier="dhl", lengths=[10, 11], shape=r"\d{10,11}",
        says="DHL Express: nine or ten digits and the remainder modulo 7", passes=_agrees,
    ),
    Scheme(
        name="dhl_piece", carrier="dhl", lengths=range(10, 36), shape=r"(?:JD|JJD|JVGL)[0-9A-Z]{2,29}\d{4}",
        says="DHL piece: JD, JJD or JVGL, then letters and digits (ISO 15459)", marked=True,
    ),
    Scheme(
        name="dhl_piece", carrier="dhl", lengths=range(12, 15), shape=r"J[A-Z]{2,3}\d{9,10}",
        says="DHL piece: J and two or three letters, nine or ten digits",
    ),
    Scheme(
        name="dhl_ecommerce", carrier="dhl", lengths=range(12, 42),
        shape=r"(?=[A-Z]+\d)(?:GM|LX|RX|UV|CN|SG|TH|IN|HK|MY)[0-9A-Z]{10,39}",
        says="DHL eCommerce: two letters such as GM, then letters and digits", marked=True, last=True,
    ),
    Scheme(
        name="dhl_ecommerce14", carrier="dhl", lengths=[14], shape=r"\d{14}",
        says="DHL eCommerce: any 14 digits", last=True,
    ),
)  # fmt: skip
