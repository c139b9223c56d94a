"""How a status says why: one sentence of the trade with named places for its facts."""

from dataclasses import dataclass
from datetime import datetime

Facts = dict[str, str | int | datetime]


@dataclass(frozen=True, slots=True)
class Why:
    """A whole sentence in English, which is also its key in `locales/`, and the facts that fill it.

    By name, a fact is read as: `…_at` or `…_by` an instant (RFC 3339, UTC), shown in the local time of the fact
    `facility`; `facility`, `origin`, `destination` and `…_facility` a facility's code, shown by its name; `departure`
    and `inbound` a departure's name, shown by its run, `AA1234`; anything else as it stands.
    """

    sentence: str
    facts: tuple[tuple[str, str], ...] = ()

    @property
    def values(self) -> dict[str, str]:
        return dict(self.facts)


def because(sentence: str, facts: Facts | None = None) -> Why:
    """A `Why`, its facts spelled as text and put in order, so that equal reasons are equal values."""
    return Why(sentence, tuple(sorted([(name, _spelled(value)) for name, value in (facts or {}).items()])))


def _spelled(value: str | int | datetime) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
