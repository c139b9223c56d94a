"""DPD: the parcel label's 28 places, and the 14 digits within that customers know. By tracking_number_data (MIT)."""

from tracker.domain.ids.checks import mod37_36
from tracker.domain.ids.scheme import Alias, Parts, Scheme


def _agrees(parts: Parts) -> bool:
    return mod37_36(parts[0][:-1]) == parts[0][-1]


def _short(parts: Parts) -> str:
    """The parcel number, with a check of its own: the label's protects all of it."""
    return parts["parcel"] + mod37_36(parts["parcel"])


def _known_short(parts: Parts) -> tuple[Alias, ...]:
    return (("dpd14", _short(parts)),)


_CHECK = "a check letter or digit (ISO 7064 modulo 37,36)"

SCHEMES = (
    Scheme(
        name="dpd14", carrier="dpd", lengths=[15], shape=r"\d{14}[0-9A-Z]",
        says=f"DPD: 14 digits and {_CHECK}", passes=_agrees,
    ),
    Scheme(
        name="dpd28", carrier="dpd", lengths=[28], shape=r"\d{7}(?P<parcel>\d{14})\d{3}\d{3}[0-9A-Z]",
        says=f"DPD label: postcode, parcel number, service, country, and {_CHECK}",
        passes=_agrees, number=_short, known_by=_known_short,
    ),
)  # fmt: skip
