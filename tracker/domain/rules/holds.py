"""Holds: that a piece was stopped where it is, for one reason or another, and when it went on."""

from collections.abc import Callable, Iterator

from tracker.domain.handling import Kind
from tracker.domain.rules.irregularity import Irregularity, IrregularityKind
from tracker.domain.situation import Situation
from tracker.domain.timeline import Mark
from tracker.domain.why import Facts, Why

KIND_BY_REASON = {
    "customs": IrregularityKind.HELD_AT_CUSTOMS,
    "payment": IrregularityKind.HELD_FOR_PAYMENT,
    "address": IrregularityKind.HELD_FOR_ADDRESS,
}
"""Any other reason, or none, is HELD."""

_ON_AGAIN = frozenset({Kind.RELEASE, Kind.DELIVER, Kind.CUSTOMS_OUT})


def holds(situation: Situation, kind: IrregularityKind, why: Callable[[Facts], Why]) -> Iterator[Irregularity]:
    """The latest hold of this kind at each place. It ends with a release, a hand-over, or a scan further on."""
    marks = situation.progress.marks
    said = situation.once(_said)
    if not said:
        return
    latest = {m.facility: m for m in said if m.kind == Kind.HOLD and kind_of(m) is kind}
    for hold in latest.values():
        goes_on = [
            moment
            for m in said
            if m.kind in _ON_AGAIN or (m in marks and m.facility != hold.facility and not m.estimated)
            if (moment := m.next_after(hold.last_at)) is not None
        ]
        yield Irregularity(
            kind,
            subject=hold.facility,
            since=hold.first_at,
            why=why({"facility": hold.facility, "held_at": hold.first_at}),
            evidence=(hold.key,),
            cleared_at=min(goes_on, default=None),
        )


def _said(situation: Situation) -> list[Mark]:
    """All that was said of a piece, in order; nothing, if nobody ever stopped it."""
    said = (*situation.progress.marks, *situation.progress.remarks)
    if not any(m.kind == Kind.HOLD for m in said):
        return []
    return sorted(said, key=lambda m: m.last_at)


def kind_of(hold: Mark) -> IrregularityKind:
    return KIND_BY_REASON.get(hold.reason or "", IrregularityKind.HELD)
