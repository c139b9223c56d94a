"""Who somebody is, as far as a page needs it: what proves that a parcel is theirs, and names and addresses masked."""

import unicodedata
from dataclasses import dataclass

SHORTEST_PROOF = 3
"""A postcode of fewer letters and digits proves nothing."""

MOST_PROOFS = 6
"""How many words of a name may begin what is taken for a surname: `van der Berg` and `Berg` are the same person."""


@dataclass(frozen=True, slots=True)
class Person:
    """Shipper or consignee as booked. Personal: shown to themselves alone, and to others masked."""

    name: str
    email: str | None = None
    phone: str | None = None
    lines: tuple[str, ...] = ()
    city: str | None = None
    postcode: str | None = None
    country: str | None = None


def normalised(said: str) -> str:
    """Letters and digits alone, without accents and case: `1012 ab` is `1012AB`, `Müller` is `MULLER`."""
    spelled = unicodedata.normalize("NFKD", said).casefold()
    return "".join(letter for letter in spelled if letter.isalnum())


def proofs(person: Person) -> tuple[str, ...]:
    """What shows that somebody knows whose parcel it is, normalised: the postcode, and the surname with or without
    the words before it. A name written without blanks is one whole."""
    words = person.name.partition(",")[0].split()
    names = [normalised("".join(words[at:])) for at in range(max(0, len(words) - MOST_PROOFS + 1), len(words))]
    postcode = normalised(person.postcode or "")
    found = [name for name in names if len(name) > 1]
    return (*found, postcode) if len(postcode) >= SHORTEST_PROOF else tuple(found)


def masked_name(name: str) -> str:
    """`C. B.` of Charles Babbage; the first character of a name without blanks."""
    words = name.split()
    if len(words) == 1 and not words[0].isascii():
        return f"{words[0][0]}＊"
    return " ".join(f"{word[0]}." for word in words)


def masked_email(email: str) -> str:
    """`a…@example.org`."""
    box, _, domain = email.rpartition("@")
    return f"{box[:1]}…@{domain}"


def masked_phone(phone: str) -> str:
    """The last two digits."""
    digits = "".join(letter for letter in phone if letter.isdigit())
    return f"…{digits[-2:]}"


def masked_address(person: Person) -> str:
    """The street without its number and the first half of the postcode, enough to see whether it is right."""
    street = " ".join("…" if any(letter.isdigit() for letter in word) else word for word in _street(person))
    postcode = normalised(person.postcode or "").upper()
    town = " ".join(part for part in (f"{postcode[: len(postcode) // 2]}…" if postcode else "", person.city) if part)
    return ", ".join(part for part in (street, town) if part)


def _street(person: Person) -> list[str]:
    return person.lines[0].split() if person.lines else []
