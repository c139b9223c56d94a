"""Deciding from a case: one decision or a macro, once under the key of its form, and undone for ten seconds."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from flask import Blueprint, abort, redirect, request
from werkzeug.wrappers import Response

from locales import Words, sentence
from tracker.cases import CaseFile, Cases, Name
from tracker.desk import Desk
from tracker.domain.card import PieceCard
from tracker.domain.cases import UNTOUCHED
from tracker.domain.decisions import (
    MAY_DECIDE,
    UNDO_WITHIN,
    Apologise,
    Decision,
    DeclareFound,
    DeclareLost,
    Expedite,
    HeldFor,
    Hold,
    Readdress,
    Release,
    Reroute,
    Undo,
    Withdraw,
)
from tracker.domain.errors import DecidedMeanwhileError, DecisionError
from tracker.domain.handling import EventKey, Kind, said_by_desk
from tracker.domain.itinerary import Itinerary
from tracker.domain.roles import Act, may_do
from web import places
from web.desk import view
from web.desk.macros import MACROS, SAYS, Macro, Step, macro_for
from web.desk.path import CASE, name_of
from web.staff.door import me, needs

Answer = str | Response | tuple[str, int]
Show = Callable[..., str]

_KEY = re.compile(r"[0-9a-f]{32}")
UNDONE = "undone by whoever decided it"


@dataclass(frozen=True, slots=True)
class Offer:
    """One decision as the case page offers it."""

    name: str
    label: str
    says: str
    decides: type[Decision]
    fields: tuple[str, ...] = ()  # what its form asks for besides a reason
    shortcut: str = ""


OFFERS = (
    Offer(
        "reroute",
        sentence("Send it another way"),
        sentence("It gets the way that arrives first from where it can be had next, or the departures you name."),
        Reroute,
        ("legs",),
    ),
    Offer("expedite", sentence("Put it first"), SAYS[Step.EXPEDITE], Expedite, shortcut="x"),
    Offer(
        "hold",
        sentence("Hold it"),
        sentence("It stops where it is, or where its departure brings it. Its recipient is told if they can end it."),
        Hold,
        ("held_for",),
    ),
    Offer("release", sentence("Let it go on"), SAYS[Step.RELEASE], Release),
    Offer(
        "address",
        sentence("Correct the address"),
        sentence("It goes to the new address. The log says only that it was corrected; this cannot be undone."),
        Readdress,
        ("address",),
    ),
    Offer("apologise", sentence("Apologise"), SAYS[Step.APOLOGISE], Apologise, shortcut="r"),
    Offer(
        "withdraw",
        sentence("Withdraw a scan"),
        sentence(
            "The piece stands as if that scan had not been. "
            "Who was told by it what is not so is told once that it was wrong."
        ),
        Withdraw,
        ("scan",),
    ),
    Offer(
        "lost",
        sentence("Declare it lost"),
        sentence("Its recipient is told that it is lost, and who makes the claim."),
        DeclareLost,
    ),
    Offer(
        "found",
        sentence("Declare it found"),
        sentence("It is not lost any more; who was told hears of it."),
        DeclareFound,
    ),
)

HELD_FOR: dict[HeldFor, str] = {
    HeldFor.REQUEST: sentence("on request"),
    HeldFor.PAYMENT: sentence("for a payment"),
    HeldFor.ADDRESS: sentence("for its address"),
    HeldFor.CUSTOMS: sentence("for customs"),
    HeldFor.DAMAGE: sentence("for damage"),
    HeldFor.SECURITY: sentence("for security"),
}

_MADE: dict[str, Callable[[Name, str, Mapping[str, str]], Decision]] = {
    "reroute": lambda name, reason, said: Reroute(
        number=name[0], reason=reason, legs=tuple(said.get("legs", "").replace(",", " ").split())
    ),
    "expedite": lambda name, reason, _: Expedite(number=name[0], reason=reason),
    "hold": lambda name, reason, said: Hold(number=name[0], reason=reason, held_for=_held_for(said)),
    "release": lambda name, reason, _: Release(number=name[0], reason=reason),
    "address": lambda name, reason, said: Readdress(
        number=name[0],
        reason=reason,
        lines=tuple(said.get("lines", "").splitlines()[:4]),
        city=said.get("city", ""),
        postcode=said.get("postcode", ""),
        country=said.get("country", "").strip().upper(),
    ),
    "apologise": lambda name, reason, _: Apologise(number=name[0], kind=name[1], subject=name[2], reason=reason),
    "withdraw": lambda name, reason, said: Withdraw(number=name[0], scan=_key_of(said.get("scan", "")), reason=reason),
    "lost": lambda name, reason, _: DeclareLost(number=name[0], reason=reason),
    "found": lambda name, reason, _: DeclareFound(number=name[0], reason=reason),
}


def act_pages(pages: Blueprint, cases: Cases, desk: Desk, show: Show) -> None:
    """`show` draws the page of a case, with what an act has to say about itself."""

    def file(name: Name) -> CaseFile:
        found = cases.file(name, me().staff)
        if found is None:
            abort(404)
        return found

    @pages.post(f"/decide/{CASE}")
    @needs(Act.DECIDE)
    def decide(number: str, kind: str, subject: str) -> Answer:
        name, said = name_of(number, kind, subject), request.form
        key, upto = said.get("key", ""), said.get("upto", "")
        if not _KEY.fullmatch(key) or not (upto.isascii() and upto.isdigit() and len(upto) < 6):
            abort(400)
        if just_decided(file(name).card, me().staff.user, key, standing=False):
            return redirect(f"{view.href(name)}?done={key}", 303)  # sent twice
        decisions = list(_decisions(name, said, desk))
        if not decisions:
            abort(400)
        try:
            for at, decision in enumerate(decisions):
                desk.decide(decision, by=me().staff, key=f"{key}-{at}", seen=int(upto) + at)
        except DecidedMeanwhileError:
            return show(file(name), meanwhile=True), 409
        except DecisionError as wrong:
            return show(file(name), refused=str(wrong)), 422
        if said.get("macro") and (seen := file(name).worked) == UNTOUCHED:
            cases.take(name, by=me().staff, seen=seen)
        return redirect(f"{view.href(name)}?done={key}", 303)

    @pages.post(f"/undo/{CASE}")
    @needs(Act.DECIDE)
    def undo(number: str, kind: str, subject: str) -> Answer:
        name, key = name_of(number, kind, subject), request.form.get("key", "")
        if not _KEY.fullmatch(key):
            abort(400)
        try:
            for each in reversed(just_decided(file(name).card, me().staff.user, key)):
                again = f"undo:{each.key}"
                desk.decide(Undo(number=number, decided=each, reason=UNDONE), by=me().staff, key=again)
        except DecisionError:
            return show(file(name), too_late=True), 409
        return redirect(f"{view.href(name)}?done={key}", 303)


@dataclass(frozen=True, slots=True)
class Done:
    """What was just decided from this page, and for how many seconds more it can be undone."""

    what: tuple[str, ...]
    undone: bool
    seconds: int
    key: str


def done(file: CaseFile, desk: Desk, words: Words, key: str) -> Done | None:
    """What the form with this key brought about; None where it was nothing."""
    keys = set(just_decided(file.card, me().staff.user, key, standing=False)) if _KEY.fullmatch(key) else set()
    entries = [each for each in file.card.entries if each.event_key in keys]
    if not entries:
        return None
    since = file.card.seen_by - min(each.recorded_at for each in entries)
    left = 1 - since / desk.undo_within
    return Done(
        what=tuple(view.text(file.card, each, words) for each in entries),
        undone=all(each.withdrawn for each in entries),
        seconds=max(0, int(left * UNDO_WITHIN.seconds)),
        key=key,
    )


def just_decided(card: PieceCard, user: str, key: str, *, standing: bool = True) -> Sequence[EventKey]:
    """The facts of one form, in their order; `standing`: those that are not undone yet."""
    return [
        each.event_key
        for each in card.entries
        if each.event_key is not None
        and each.event_key.origin == f"desk:{user}"
        and each.event_key.key.rpartition("-")[0] == key
        and each.kind != Kind.VOID
        and not (standing and each.withdrawn)
    ]


@dataclass(frozen=True, slots=True)
class Acts:
    """What the reader of a case may decide."""

    macro: Macro | None
    does: tuple[str, ...]  # what the macro would do, step by step
    offers: tuple[Offer, ...]
    way: str | None  # the one that arrives first, in words; None: planned on it already, or there is none
    upto: int  # how many decisions of the desk this page shows
    held_for: tuple[tuple[str, str], ...]
    may_look: bool  # at whose it is


def acts(file: CaseFile, desk: Desk, words: Words) -> Acts:
    role = me().staff.role
    may = MAY_DECIDE[role]
    macro = macro_for(file.case.found.kind, may) if file.case.found.open else None
    way = desk.suggest(file.card.number) if Reroute in may and not file.card.delivered else None
    said = _said(way, words) if way is not None else None
    shown = tuple(each for each in OFFERS if each.decides in may and _makes_sense(each, file))
    return Acts(
        macro=macro,
        does=tuple(_does(macro, said, words)) if macro is not None else (),
        offers=shown,
        way=said,
        upto=decided_so_far(file.card),
        held_for=tuple((each.value, label) for each, label in HELD_FOR.items()),
        may_look=may_do(role, Act.LOOK),
    )


def decided_so_far(card: PieceCard) -> int:
    """How many decisions of the desk a card shows, for whoever decides on the strength of it."""
    return sum(each.event_key is not None and said_by_desk(each.event_key) for each in card.entries)


def _makes_sense(offer: Offer, file: CaseFile) -> bool:
    card, lost = file.card, any(i.kind.value == "lost" and i.open for i in file.card.irregularities)
    match offer.name:
        case "release":
            return card.held is not None
        case "hold":
            return card.held is None and not card.delivered
        case "lost":
            return not lost and not card.delivered
        case "found":
            return lost
        case "apologise":
            return file.case.found.open
        case "reroute" | "expedite":
            return not card.delivered
    return True


def _does(macro: Macro, way: str | None, words: Words) -> Iterator[str]:
    for step in macro.steps:
        if step is not Step.TAKE_PLAN:
            yield words.say(SAYS[step])
        elif way is not None:
            yield words.say("It goes on with {way}.", way=way)
        else:
            yield words.say("It stays on the way it is planned on.")


def _said(way: Itinerary, words: Words) -> str:
    return ", ".join(
        f"{places.run(leg.departure)} {leg.origin} → {leg.destination} {words.instant(leg.departs_at, 'UTC')} UTC"
        for leg in way.legs
    )


def _decisions(name: Name, said: Mapping[str, str], desk: Desk) -> Iterator[Decision]:
    """What a form asks for: a decision, or the steps of a macro."""
    macro = next((each for each in MACROS if each.name == said.get("macro")), None)
    if macro is None:
        made = _MADE.get(said.get("act", ""))
        if made is not None:
            yield made(name, said.get("reason", ""), said)
        return
    for step in macro.steps:
        if step is Step.TAKE_PLAN:
            way = desk.suggest(name[0])
            if way is not None:
                yield Reroute(number=name[0], reason=macro.reason, legs=tuple(leg.departure for leg in way.legs))
        else:
            yield _MADE[step.value](name, macro.reason, said)


def _held_for(said: Mapping[str, str]) -> HeldFor:
    chosen = said.get("held_for", "")
    return HeldFor(chosen) if chosen in set(HeldFor) else HeldFor.REQUEST


def _key_of(spelled: str) -> EventKey:
    origin, _, key = spelled.partition("#")
    return EventKey(origin, key)
