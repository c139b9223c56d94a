"""One irregularity a file; a new one is its file, its test and a line in `RULES`."""

from collections.abc import Callable, Iterator

from tracker.domain.rules import held, late, missed_connection, missorted
from tracker.domain.rules.irregularity import Irregularity, IrregularityKind
from tracker.domain.situation import Situation

RULES: tuple[Callable[[Situation], Iterator[Irregularity]], ...] = (
    missed_connection.check,
    missorted.check,
    held.check,
    late.check,
)


def irregularities(situation: Situation) -> tuple[Irregularity, ...]:
    """All that went or goes wrong with a piece, cleared ones included, earliest first."""
    found = [irregularity for check in RULES for irregularity in check(situation)]
    return tuple(sorted(found, key=lambda i: (i.since, i.kind, i.subject)))


__all__ = ["RULES", "Irregularity", "IrregularityKind", "irregularities"]
