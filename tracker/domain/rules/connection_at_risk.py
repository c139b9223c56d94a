"""The forecast says that a connection will probably be missed, and it is not decided yet.

What it said is a fact (`Foreseen`), so this rule only tells since when an alert stands and what ended it: another word
of the forecast, or what happened. How likely is likely enough, is the forecast's to say (`forecast/alert.py`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from tracker.domain.handling import Kind
from tracker.domain.itinerary import Foreseen
from tracker.domain.rules.irregularity import Irregularity, IrregularityKind
from tracker.domain.situation import Situation
from tracker.domain.why import Why, because

AT_RISK = "{inbound}, which brings it, may come in too late for {departure} from {facility}: {percent} % likely."


@dataclass(frozen=True, slots=True)
class Warned:
    """That customers are told of a risk. `revision` counts how often they were, of this departure."""

    departure: str
    revision: int
    why: Why
    open: bool
    passed: bool  # it is over, because the connection will be made, or was

    @property
    def name(self) -> str:
        return f"{self.departure}#{self.revision}"


@dataclass(frozen=True, slots=True)
class _Span:
    first: Foreseen
    last: Foreseen
    taken_back: Foreseen | None


def check(situation: Situation) -> Iterator[Irregularity]:
    """The latest alert of each connection."""
    for outbound, said in _by_departure(situation).items():
        spans = _spans(said, lambda word: word.stands)
        if spans:
            span = spans[-1]
            ends = [span.taken_back.said_at] if span.taken_back is not None else []
            settled_at = _settled_at(situation, outbound)
            ends += [max(settled_at, span.first.said_at)] if settled_at is not None else []
            yield Irregularity(
                IrregularityKind.CONNECTION_AT_RISK,
                subject=outbound,
                since=span.first.said_at,
                why=_why(situation, span.last),
                cleared_at=min(ends, default=None),
            )


def warnings(situation: Situation) -> tuple[Warned, ...]:
    """What customers are told of risks, in order."""
    found = []
    for outbound, said in _by_departure(situation).items():
        over = _settled_at(situation, outbound) is not None
        for revision, span in enumerate(_spans(said, lambda word: word.warned), 1):
            passed = span.taken_back is not None or (over and situation.rode(outbound))
            still = span.taken_back is None and not over
            found.append(Warned(outbound, revision, _why(situation, span.last), still, passed))
    return tuple(found)


def _by_departure(situation: Situation) -> dict[str, list[Foreseen]]:
    found: dict[str, list[Foreseen]] = {}
    for word in situation.plan.foreseen:
        found.setdefault(word.outbound, []).append(word)
    return found


def _spans(said: Sequence[Foreseen], holds: Callable[[Foreseen], bool]) -> list[_Span]:
    """Each time from the first word for which it holds to the word that takes it back."""
    spans: list[_Span] = []
    for word in said:
        running = bool(spans) and spans[-1].taken_back is None
        if running:
            first, last = spans[-1].first, spans[-1].last
            spans[-1] = _Span(first, word, None) if holds(word) else _Span(first, last, word)
        elif holds(word):
            spans.append(_Span(word, word, None))
    return spans


def _settled_at(situation: Situation, outbound: str) -> datetime | None:
    """When nothing was left to foresee: loaded, left, called off, planned anew, or the journey over."""
    known = situation.departure(outbound)
    moments = [known.left_at, known.disrupted_at] if known is not None else []
    if situation.rode(outbound) and (load := situation.progress.load_on(outbound)) is not None:
        moments.append(load.first_at)
    if not situation.itinerary.rides(outbound):
        moments += [replan.decided_at for replan in situation.plan.replans]
    moments += [m.first_at for m in situation.progress.marks if m.kind in (Kind.DELIVER, Kind.RETURN)]
    return min((moment for moment in moments if moment is not None), default=None)


def _why(situation: Situation, word: Foreseen) -> Why:
    known = situation.departure(word.outbound)
    return because(
        AT_RISK,
        {
            "inbound": word.inbound,
            "departure": word.outbound,
            "facility": known.origin if known is not None else "",
            "percent": round(100 * word.chance),
        },
    )
