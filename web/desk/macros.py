"""The usual remedies, as data: each is a row of steps, decided one after the other under one key."""

from dataclasses import dataclass
from enum import StrEnum

from locales import sentence
from tracker.domain.decisions import Apologise, Decision, Expedite, Release, Reroute
from tracker.domain.rules import BREAKS_THE_PLAN, IrregularityKind

K = IrregularityKind


class Step(StrEnum):
    EXPEDITE = "expedite"
    TAKE_PLAN = "take_plan"  # the way that arrives first; nothing where it is planned on that already
    RELEASE = "release"
    APOLOGISE = "apologise"


DECIDES: dict[Step, type[Decision]] = {
    Step.EXPEDITE: Expedite,
    Step.TAKE_PLAN: Reroute,
    Step.RELEASE: Release,
    Step.APOLOGISE: Apologise,
}

SAYS: dict[Step, str] = {
    Step.EXPEDITE: sentence("It goes before others wherever room is short."),
    Step.TAKE_PLAN: sentence("It gets the way that arrives first."),
    Step.RELEASE: sentence("It goes on."),
    Step.APOLOGISE: sentence(
        "The recipient gets an apology that says why and when it comes, in their language, ten seconds later."
    ),
}
"""What each step does, for the preview."""


@dataclass(frozen=True, slots=True)
class Macro:
    """One remedy. `reason` is kept with each decision; it is ours, in English, and names nobody."""

    name: str
    label: str
    kinds: frozenset[IrregularityKind]
    steps: tuple[Step, ...]
    reason: str


MACROS = (
    Macro(
        "apologise_and_plan",
        sentence("Apologise, put it first, take the best way"),
        BREAKS_THE_PLAN,
        (Step.EXPEDITE, Step.TAKE_PLAN, Step.APOLOGISE),
        "could not go as planned; put first and apologised",
    ),
    Macro(
        "first",
        sentence("Put it first"),
        frozenset({K.CONNECTION_AT_RISK, K.DWELLING, K.MISSORTED}),
        (Step.EXPEDITE,),
        "put first, so that it makes up for lost time",
    ),
    Macro(
        "apologise",
        sentence("Apologise"),
        frozenset({K.LATE, K.DAMAGED, K.ATTEMPT_FAILED, K.DELIVERED_ELSEWHERE, K.LOST}),
        (Step.APOLOGISE,),
        "apologised for what went wrong",
    ),
    Macro(
        "release",
        sentence("Let it go on"),
        frozenset({K.HELD, K.HELD_FOR_PAYMENT, K.HELD_FOR_ADDRESS, K.HELD_AT_CUSTOMS}),
        (Step.RELEASE,),
        "what it was held for is settled",
    ),
)
"""The first that fits a case and whose every step its reader may decide is the one key away."""


def macro_for(kind: IrregularityKind, may: frozenset[type[Decision]]) -> Macro | None:
    fitting = (macro for macro in MACROS if kind in macro.kinds)
    return next((macro for macro in fitting if all(DECIDES[step] in may for step in macro.steps)), None)
