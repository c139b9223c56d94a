"""What is heard about departures: estimates, actual times, cancellations, diversions, other tails."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from tracker.domain.network import Departure

Said = Mapping[str, datetime | str | bool | None]
"""One update: the fields of `Known` it names. None takes back what was said before.

`held_until`: staff let it wait until then. It leaves no sooner, and when it lands is to be estimated anew.
"""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one departure beside its timetable."""

    tail: str | None = None
    estimated_departure: datetime | None = None
    estimated_arrival: datetime | None = None
    left_at: datetime | None = None
    landed_at: datetime | None = None
    cancelled: bool = False
    diverted_to: str | None = None
    disrupted_at: datetime | None = None  # since when it is known as cancelled or diverted
    told_arrival: datetime | None = None

    def of(self, departure: Departure) -> Departure:
        """The departure with what is known of it, and nothing that was known before."""
        return replace(
            departure,
            tail=self.tail or departure.tail,
            estimated_departure=self.estimated_departure,
            estimated_arrival=self.estimated_arrival,
            left_at=self.left_at,
            landed_at=self.landed_at,
            cancelled=self.cancelled,
            diverted_to=self.diverted_to,
            disrupted_at=self.disrupted_at,
            told_arrival=self.told_arrival,
        )


def known(
    updates: Iterable[tuple[datetime, Said]], *, left_at: datetime | None = None, landed_at: datetime | None = None
) -> Known:
    """All updates with when each was true, in that order: of each field the last counts.

    `left_at` and `landed_at` are what scans of the departure's card say; who flies it knows better.
    """
    merged: dict[str, object] = {}
    for true_at, said in updates:
        disrupted = bool(merged.get("cancelled") or merged.get("diverted_to"))
        _hear(merged, said)
        if not (merged.get("cancelled") or merged.get("diverted_to")):
            merged["disrupted_at"] = None
        elif not disrupted:
            merged["disrupted_at"] = true_at
    found = _known(merged)
    if found.cancelled:  # it never left, whatever card was scanned
        return found
    return replace(found, left_at=found.left_at or left_at, landed_at=found.landed_at or landed_at)


def told_arrival(departure: Departure, updates: Iterable[tuple[datetime, Said]], found: Known) -> datetime | None:
    """The arrival that windows are reckoned with: first the timetable's, then an expected one that is worth telling
    beside the one told before, in the order in which they were true. None while the timetable's stands.

    `found`: all that is known in the end, of those updates and by scans.
    """
    merged: dict[str, object] = {}
    told = departure.arrives_at
    for _, said in updates:
        _hear(merged, said)
        told = replace(_known(merged), told_arrival=told).of(departure).told
    told = replace(found, told_arrival=told).of(departure).told
    return told if told != departure.arrives_at else None


def _hear(merged: dict[str, object], said: Said) -> None:
    if "held_until" in said:
        merged.pop("estimated_arrival", None)
    merged.update(said)


def _known(merged: Mapping[str, object]) -> Known:
    fields = {name: value for name, value in merged.items() if value is not None}
    held_until, estimated = fields.pop("held_until", None), fields.get("estimated_departure")
    if isinstance(held_until, datetime):
        fields["estimated_departure"] = max(held_until, estimated) if isinstance(estimated, datetime) else held_until
    return Known(**fields)  # type: ignore[arg-type]
