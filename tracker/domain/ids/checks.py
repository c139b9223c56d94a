"""Check digits: what a number carries so that a slip of the finger or of the reader shows.

Each function takes the text that is protected and answers the digit it should end in. Which slips each lets through,
measured: docs/numbers.md.
"""

from collections.abc import Sequence

_MOD_37_36 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def gs1_mod10(digits: str) -> str:
    """Modulo 10, weights 3 1 3 ... from the right, then what is missing to the next ten (GS1 General Specifications).

    SSCC, USPS, FedEx Ground and Canada Post all use it: they differ in what they protect.
    """
    total = 3 * sum(map(int, digits[::-2])) + sum(map(int, digits[-2::-2]))
    return str(-total % 10)


def doubled_mod10(text: str) -> str:
    """Odd places once, even places twice without summing the digits of the product; a letter counts (ASCII - 3) mod 10.

    UPS and OnTrac; worked through in public descriptions of 1Z numbers, where A is 2, H is 9 and I is 0.
    """
    values = [int(sign) if sign.isdigit() else (ord(sign) - 3) % 10 for sign in text]
    return str(-(sum(values[::2]) + 2 * sum(values[1::2])) % 10)


def weighted_mod11(digits: str, weights: Sequence[int]) -> str:
    """The weighted sum modulo 11, where 10 becomes 0: FedEx Express, by the public mapping tracking_number_data.

    The weights are repeated as far as the digits go.
    """
    total = sum(weights[at % len(weights)] * int(digit) for at, digit in enumerate(digits))
    return str(total % 11 % 10)


def mod7(digits: str) -> str:
    """The number itself modulo 7: DHL Express waybills, airlines' tickets and air waybills."""
    return str(int(digits) % 7)


def luhn(digits: str) -> str:
    """Every second digit from the right doubled, the digits of the products summed (Luhn; ISO/IEC 7812-1, annex B)."""
    doubled = sum(divmod(2 * int(digit), 10)[0] + 2 * int(digit) % 10 for digit in digits[::-2])
    return str(-(doubled + sum(map(int, digits[-2::-2]))) % 10)


def mod37_36(text: str) -> str:
    """ISO 7064 modulo 37,36: digits and letters are protected by a digit or a letter. DPD."""
    rest = 36
    for sign in text:
        rest = (rest + _MOD_37_36.index(sign)) % 36 or 36
        rest = rest * 2 % 37
    return _MOD_37_36[(37 - rest) % 36]
