"""One way to read a code, and what is known where it is read."""

from collections.abc import Iterable
from dataclasses import dataclass

from tracker.domain.ids.scheme import Alias


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A number that a customer would know, under a scheme, and why the code may be read so."""

    scheme: str
    carrier: str | None
    """Whose number it is; None where the number does not say."""
    number: str
    valid: bool = True
    why: str
    aliases: tuple[Alias, ...] = ()
    """Scheme and number of every form, short and long, that the same piece may have been booked under."""
    ambiguous: bool = False
    """Whether another candidate is as likely: then a person picks, or the caller pins a carrier."""
    confirm: bool = False
    """Whether it needs a second key, a name or a flight: nothing in the number shows a slip of the finger."""


@dataclass(frozen=True, slots=True)
class Context:
    """What is known where a code is read. It ranks the readings, and never makes one valid or removes one."""

    carriers: frozenset[str] = frozenset()
    """Carriers whose parcels pass here; `sandbox` among them lets numbers of country ZZ be read."""
    expected: frozenset[str] = frozenset()
    """Numbers on the list of what should come, in any of their forms, without blanks and in capitals."""
    pinned: str | None = None
    """The carrier that the caller, or a pin remembered for the shipper, names."""
    any_form: bool = False
    """Whether to read also what is too weak unless its carrier is named: where only a booked number counts."""

    def names(self, carrier: str | None) -> bool:
        return self.any_form or (carrier is not None and (carrier == self.pinned or carrier in self.carriers))


ANYWHERE = Context()
MATCHING = Context(any_form=True)
"""For looking up what was booked: whatever the code may be, for only a booked number is found."""


def is_ambiguous(candidates: Iterable[Candidate]) -> bool:
    """Whether the readings leave open whose number it is."""
    return any(candidate.ambiguous for candidate in candidates)
