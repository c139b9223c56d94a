"""UPS: 1Z numbers and the older waybills, by public descriptions of the check digit and tracking_number_data (MIT).

A MaxiCode bears shipper and last eight digits in separate fields; the 1Z number is not rebuilt from them.
"""

from tracker.domain.ids.checks import doubled_mod10
from tracker.domain.ids.scheme import Parts, Scheme


def _agrees(parts: Parts) -> bool:
    return doubled_mod10(parts["protected"]) == parts["check"]


SCHEMES = (
    Scheme(
        name="ups1z", carrier="ups", lengths=[18], shape=r"1Z(?P<protected>[0-9A-Z]{15})(?P<check>\d)",
        says="UPS: 1Z, shipper, service, package, and a check digit", passes=_agrees, marked=True,
    ),
    Scheme(
        name="ups_waybill", carrier="ups", lengths=[11], shape=r"[AHJKTV](?P<protected>\d{9})(?P<check>\d)",
        says="UPS waybill: one of A H J K T V, nine digits, and a check digit", passes=_agrees, marked=True,
    ),
)  # fmt: skip
