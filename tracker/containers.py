"""What the log tells of containers, for the pieces that were inside."""

from collections.abc import Iterable

from tracker.domain.containment import DEEPEST, mentioned, span_of
from tracker.domain.handling import HandlingEvent
from tracker.store import Transaction


def told(tx: Transaction, own: Iterable[HandlingEvent]) -> dict[str, list[HandlingEvent]]:
    """The facts of every container that something with these facts was put into, and of those around them: what
    `containment.follow` asks for, for many pieces at once. Reads nothing where there are none."""
    put_in = [event for event in own if event.into is not None]
    span = span_of(put_in)
    if span is None:
        return {}
    found: dict[str, list[HandlingEvent]] = {}
    level = mentioned(put_in)
    for _ in range(DEEPEST):
        if not level:
            break
        facts = tx.log.of_containers(level, first=span.first, last=span.last)
        found |= {name: [fact.event for fact in each] for name, each in facts.items()}
        level = mentioned(event for name in level for event in found[name]) - found.keys()
    return found
