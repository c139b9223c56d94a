"""Finding pieces by what somebody who calls says of themselves: each thing kept in one spelling, and found by index."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from tracker.domain.persons import normalised
from tracker.domain.rules import IrregularityKind
from tracker.store.among import WANTED, among
from tracker.store.schema import caller_keys, irregularities, pieces, shipments, timelines

NAME, PHONE, EMAIL = "name", "phone", "email"
MOST_WORDS = 6
_SHORTEST = 2


@dataclass(frozen=True, slots=True)
class Heard:
    """A piece somebody may mean: nothing of it is personal."""

    id: int
    number: str
    origin: str
    destination: str
    state: str | None
    booked_at: datetime
    open: tuple[tuple[IrregularityKind, str], ...]  # kind and subject of what is open of it


def keys_of(name: str, *, email: str | None, phone: str | None, country: str | None) -> frozenset[str]:
    """Under what somebody is found: their whole name and each word of it, mail address and phone number."""
    keys = {f"{NAME}:{word}" for word in names(name)}
    if email and email.strip():
        keys.add(email_key(email))
    return frozenset(keys.union(phone_keys(phone, country) if phone else ()))


def names(said: str) -> list[str]:
    """The words of a name, without case and accents, and all of them as one; a word of one letter finds nobody."""
    words = [normalised(word) for word in said.split()[:MOST_WORDS]]
    return [word for word in dict.fromkeys((*words, "".join(words))) if len(word) >= _SHORTEST]


def email_key(said: str) -> str:
    return f"{EMAIL}:{said.strip().casefold()}"


def phone_keys(said: str, country: str | None = None) -> tuple[str, ...]:
    """A phone number in one spelling with its country's prefix and in one without, `phone:+31612345678` and
    `phone:612345678`; only the second where nobody can say which country's it is; none where it can be none.

    `country` (ISO 3166) is whose prefix it has if it has none of its own.
    """
    import phonenumbers

    plain = "".join(letter for letter in said if letter.isdigit())
    if not 6 <= len(plain) <= 20:
        return ()
    try:
        number = phonenumbers.parse(f"+{plain[2:]}" if plain.startswith("00") else said, country)
    except phonenumbers.NumberParseException:
        return (f"{PHONE}:{plain.lstrip('0')}",)
    whole = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return (f"{PHONE}:{whole}", f"{PHONE}:{phonenumbers.national_significant_number(number)}")


class CallerTables:
    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def people(self, keys: Collection[str], most: int) -> list[int]:
        """Those found under all of these keys, who came last first."""
        first, *rest = keys
        query = sa.select(caller_keys.c.person).where(caller_keys.c.key == first)
        for key in rest:
            other = caller_keys.alias()
            query = query.where(sa.exists().where(other.c.key == key, other.c.person == caller_keys.c.person))
        return list(self._connection.execute(query.order_by(caller_keys.c.person.desc()).limit(most)).scalars())

    def of_people(self, people: Collection[int], most: int) -> list[int]:
        """The newest pieces that these send or receive."""
        if not people:
            return []
        found: set[int] = set()
        for query in (_RECEIVED, _SENT):
            found.update(self._connection.execute(query.limit(most), {WANTED: people}).scalars())
        return sorted(found, reverse=True)[:most]

    def of_reference(self, reference: str, most: int) -> list[int]:
        """The newest pieces of shipments booked under this reference of the shipper's own."""
        query = sa.select(pieces.c.id).join(shipments, pieces.c.shipment == shipments.c.id)
        query = query.where(shipments.c.reference == reference).order_by(pieces.c.id.desc()).limit(most)
        return list(self._connection.execute(query).scalars())

    def heard(self, of: Collection[int]) -> dict[int, Heard]:
        """These pieces without anything personal."""
        open_ones: dict[int, list[tuple[IrregularityKind, str]]] = {}
        for row in self._connection.execute(_OPEN, {WANTED: of}):
            open_ones.setdefault(row.piece, []).append((IrregularityKind(row.kind), row.subject))
        return {
            row.id: Heard(
                row.id,
                row.number,
                row.origin,
                row.destination,
                row.state,
                row.booked_at,
                tuple(open_ones.get(row.id, ())),
            )
            for row in self._connection.execute(_HEARD, {WANTED: of})
        }


def _of(whose: sa.Column[int]) -> sa.Select[Any]:
    joined = sa.select(pieces.c.id).join(shipments, pieces.c.shipment == shipments.c.id)
    return joined.where(among(whose)).order_by(pieces.c.id.desc())


_RECEIVED, _SENT = _of(shipments.c.consignee), _of(shipments.c.shipper)
_OPEN = sa.select(irregularities).where(among(irregularities.c.piece), irregularities.c.cleared_at.is_(None))
_HEARD = (
    sa.select(
        pieces.c.id, pieces.c.number, pieces.c.origin, pieces.c.destination, pieces.c.booked_at, timelines.c.state
    )
    .select_from(sa.outerjoin(pieces, timelines, timelines.c.piece == pieces.c.id))
    .where(among(pieces.c.id))
)
