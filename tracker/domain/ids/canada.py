"""Canada: Canada Post inside the country, Purolator, Canpar. By tracking_number_data (MIT)."""

from tracker.domain.ids.checks import gs1_mod10, luhn
from tracker.domain.ids.scheme import Parts, Scheme


def _agrees_gs1(parts: Parts) -> bool:
    return gs1_mod10(parts[0][:-1]) == parts[0][-1]


def _agrees_luhn(parts: Parts) -> bool:
    return luhn(parts[0][:-1]) == parts[0][-1]


SCHEMES = (
    Scheme(
        name="canada_post16", carrier="canada_post", lengths=[16], shape=r"\d{16}",
        says="Canada Post: 15 digits and a check digit (GS1 modulo 10)", passes=_agrees_gs1,
    ),
    Scheme(
        name="purolator12", carrier="purolator", lengths=[12], shape=r"[0-5]\d{11}",
        says="Purolator: 11 digits, the first 0 to 5, and a check digit (Luhn)", passes=_agrees_luhn,
    ),
    Scheme(
        name="purolator_alpha", carrier="purolator", lengths=[12], shape=r"[A-Z]{3}\d{9}",
        says="Purolator: three letters, nine digits",
    ),
    Scheme(
        name="canpar22", carrier="canpar", lengths=[22], shape=r"[CDKLSUXZ]\d{21}",
        says="Canpar: one of C D K L S U X Z, 21 digits", marked=True,
    ),
)  # fmt: skip
