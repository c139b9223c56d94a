"""What a change of a piece owes its consignee, and whether what was owed still stands.

Most notices say how a piece stands (`claims`): they are owed while it stands so, and once for each cause. The others
answer what was said before: that a window moved out of the one they were told, that a piece goes on after all, that
what they were told was never so.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from tracker.domain import pickup
from tracker.domain.decisions import UNDO_WITHIN
from tracker.domain.handling import Kind
from tracker.domain.notices import Judgement, Notice, NoticeKind, Quote, Said, Urgency, cause
from tracker.domain.rules.irregularity import BREAKS_THE_PLAN, Irregularity, IrregularityKind
from tracker.domain.shipment import Piece, PieceKind
from tracker.domain.timeline import Mark, State
from tracker.domain.why import Facts, because

Window = tuple[datetime, datetime]
K, Wrong = NoticeKind, IrregularityKind

STOOD = timedelta(minutes=10)
"""How long a new window must stand before anybody is told."""

AGAIN, CANCELLED = "~", "cancelled"

MOVED_BY = timedelta(hours=2)
TOLD_A_DAY = 3
"""How often in 24 hours somebody is told of a new window of one piece."""

BREAKS: dict[IrregularityKind, NoticeKind] = {
    Wrong.MISSED_CONNECTION: K.MISSED_CONNECTION,
    Wrong.LEG_CANCELLED: K.LEG_CANCELLED,
    Wrong.LEG_DIVERTED: K.LEG_CANCELLED,
    Wrong.PLACE_CLOSED: K.LEG_CANCELLED,
}
"""What breaks a plan, and by which notice customers hear of it."""

HOLDS: dict[IrregularityKind, NoticeKind] = {
    Wrong.HELD_AT_CUSTOMS: K.CUSTOMS_HOLD,
    Wrong.HELD_FOR_PAYMENT: K.PAYMENT_DUE,
    Wrong.HELD_FOR_ADDRESS: K.ADDRESS_PROBLEM,
}
"""Holds that customers hear of, because they can end them."""

BOOKED_BY = "It was booked from {origin} to {destination}, and is promised by {due_by}."
HANDED_IN = "It was handed in at {facility} at {handed_in_at}."
ON_THE_VAN = "It left {facility} on the van at {out_at}."
HANDED_OVER = "It was handed over at {delivered_at}."
ON_THE_BELT = "It was put on the belt in {facility} at {delivered_at}."
LAID_READY = "It waits at {facility} since {ready_at}, and is kept there until {kept_by}."
OVER_BY = "It was promised by {due_by}, and is expected only after that."
NOT_MISSED = "What showed that {departure} left without it no longer stands."
WILL_BE_MADE = "{departure} can be reached after all, as far as is known now."
GOES_AFTER_ALL = "{departure} goes as planned after all."
GOES_ON_WITH = "Another way was found: it goes on with {departure}."
LET_GO = "Customs at {facility} let it go at {released_at}."
HANDED_BACK = "It was handed back to who sent it at {returned_at}."
NEVER_SO = "The record it rested on was withdrawn."
FOUND_AGAIN = "It was found at {found_at}."


def notices_owed(
    before: Judgement | None,
    after: Judgement,
    piece: Piece,
    *,
    now: datetime,
    zone: str = "UTC",
    said: Sequence[Said] = (),
) -> tuple[Notice, ...]:
    """What the step from one judgement to the next owes, with what it owed already and still does.

    `said` is all that was owed before of this piece, in order; `zone` is where it goes, for days are days there.
    Causes are functions of facts and of what was said, so judging again owes nothing new.
    """
    known = {each.notice.cause for each in said}
    claimed = [_again(notice, said) for notice in claims(after, piece, now=now)]
    news = [notice for notice in claimed if notice.cause not in known]
    worth = [n for n in claimed if n.cause in known or _is_news(n, piece, news, said)]
    moved = (
        ()
        if any(notice.window is not None for notice in worth if notice in news)
        else _moved(after, piece, now, zone, said)
    )
    owed = (*worth, *moved, *_withdrawals(before, after, piece, said), *_corrections(after, piece, said))
    return tuple(notice for notice in owed if notice.ends(now) > now)


def stands(notice: Notice, after: Judgement, piece: Piece, *, now: datetime) -> bool:
    """Whether it would still be said of the piece now, by what is known of it."""
    match notice.kind:
        case K.ETA_CHANGED:
            window = _window(after)
            moved_on = window is None or notice.window is None or _apart(window, notice.window)
            return _is_expected(after) and not moved_on
        case K.WITHDRAWN:
            subject = _base(notice.cause).rsplit(":", 1)[1].partition("#")[0]
            broken = any(i.subject == subject and i.kind in BREAKS_THE_PLAN for i in after.irregularities)
            return not broken and not any(w.departure == subject and w.open for w in after.warned)
        case K.CORRECTION:
            return _base(notice.withdraws or "") not in _true(after, piece)
        case _:
            return _base(notice.cause) in {claim.cause for claim in claims(after, piece, now=now)}


def claims(after: Judgement, piece: Piece, *, now: datetime) -> Iterator[Notice]:
    """Everything that is worth saying of how a piece stands."""
    progress = after.progress
    if progress.state is State.DELIVERED:
        yield from _ended(after, piece)
    elif progress.state is State.RETURNING:
        yield from _sent_back(after, piece)
    else:
        yield from _under_way(after, piece, now)
        yield from _of_the_plan(after, piece, now)
        yield from _of_holds(after, piece)
        yield from _lost(after, piece)
    yield from _damage(after, piece)
    yield from _apologies(after, piece)


# how a piece stands


def _ended(after: Judgement, piece: Piece) -> Iterator[Notice]:
    delivered = after.progress.delivered
    back = _first(after, Wrong.RETURNED)
    if back is not None and back.cleared_at is not None:
        why = because(HANDED_BACK, {"facility": back.subject, "returned_at": back.cleared_at})
        yield Notice(K.RETURNED, cause(K.RETURNED, piece=piece.name), why, back.evidence)
    elif delivered is not None:
        facts: Facts = {"facility": delivered.facility, "delivered_at": delivered.first_at}
        by_belt = piece.kind is PieceKind.BAG and after.progress.reached(Kind.OUT_FOR_DELIVERY) is None
        why = because(ON_THE_BELT, facts) if by_belt else because(HANDED_OVER, facts)
        yield Notice(K.DELIVERED, cause(K.DELIVERED, piece=piece.name), why, (delivered.key,))


def _sent_back(after: Judgement, piece: Piece) -> Iterator[Notice]:
    back = _first(after, Wrong.RETURNED)
    if back is not None:
        yield Notice(K.RETURNING, cause(K.RETURNING, piece=piece.name), back.why, back.evidence)


def _under_way(after: Judgement, piece: Piece, now: datetime) -> Iterator[Notice]:
    progress, window = after.progress, _window(after)
    facts: Facts
    if not progress.marks:
        facts = {"origin": piece.origin, "destination": piece.destination, "due_by": piece.promise.due_by}
        why = because(BOOKED_BY, {**facts, "facility": piece.destination})
        yield Notice(K.BOOKED, cause(K.BOOKED, piece=piece.name), why, (), window)
    handed_in = min((m for m in progress.marks if m.kind == Kind.ACCEPT), key=lambda m: m.first_at, default=None)
    if handed_in is not None and progress.state in (State.ACCEPTED, State.MOVING, State.AT_CUSTOMS):
        why = because(HANDED_IN, {"facility": handed_in.facility, "handed_in_at": handed_in.first_at})
        named, old = cause(K.PICKED_UP, piece=piece.name), handed_in.first_at + timedelta(hours=24)
        yield Notice(K.PICKED_UP, named, why, (handed_in.key,), window, expires_at=old)
    if progress.state is State.OUT_FOR_DELIVERY and (out := progress.reached(Kind.OUT_FOR_DELIVERY)) is not None:
        why = because(ON_THE_VAN, {"facility": out.facility, "out_at": out.last_at})
        named = cause(K.OUT_FOR_DELIVERY, piece=piece.name, day=after.out_on or out.last_at.date())
        yield Notice(K.OUT_FOR_DELIVERY, named, why, (out.key,), window)
    if (ready := pickup.waiting(progress)) is not None:
        yield from _at_the_counter(ready, piece, now)
    for tried in (i for i in after.irregularities if i.kind in (Wrong.ATTEMPT_FAILED, Wrong.REFUSED) and i.open):
        named = cause(K.DELIVERY_ATTEMPTED, piece=piece.name, number=tried.subject)
        next_try = window if tried.kind is Wrong.ATTEMPT_FAILED else None
        yield Notice(K.DELIVERY_ATTEMPTED, named, tried.why, tried.evidence, next_try)


def _at_the_counter(ready: Mark, piece: Piece, now: datetime) -> Iterator[Notice]:
    kept_by, place = pickup.kept_by(ready), ready.facility
    why = because(LAID_READY, {"facility": place, "ready_at": ready.first_at, "kept_by": kept_by})
    named = cause(K.READY_FOR_PICKUP, piece=piece.name, facility=place)
    yield Notice(K.READY_FOR_PICKUP, named, why, (ready.key,), expires_at=kept_by)
    number = sum(now >= moment for moment in pickup.reminders(ready))
    if number:
        named = cause(K.PICKUP_REMINDER, piece=piece.name, facility=place, number=number)
        yield Notice(K.PICKUP_REMINDER, named, why, (ready.key,), expires_at=kept_by)


def _of_the_plan(after: Judgement, piece: Piece, now: datetime) -> Iterator[Notice]:
    """What becomes of connections and of the promise. Who is told that the plan broke needs no word that it is late."""
    window, goes_with = _window(after), after.next_departure
    broken = [i for i in after.irregularities if i.open and i.kind in BREAKS]
    for irregularity in broken:
        kind = BREAKS[irregularity.kind]
        named = cause(kind, piece=piece.name, departure=irregularity.subject)
        root = root_of(irregularity)
        yield Notice(kind, named, irregularity.why, irregularity.evidence, window, goes_with, root=root)
    if broken and goes_with is not None and after.replans:
        named = cause(K.REPLANNED, piece=piece.name, number=after.replans)
        on = because(GOES_ON_WITH, {"departure": goes_with})
        yield Notice(K.REPLANNED, named, on, (), window, goes_with, root=root_of(broken[-1]))
    for warned in after.warned:
        if warned.open:
            named = cause(K.CONNECTION_AT_RISK, piece=piece.name, departure=warned.name)
            root = f"departure:{warned.why.values.get('inbound', warned.departure)}"
            yield Notice(K.CONNECTION_AT_RISK, named, warned.why, (), root=root)
    if broken or not after.progress.marks:
        return
    due_by, late = after.due_by or piece.promise.due_by, _first(after, Wrong.LATE)
    day = due_by.date()
    if late is not None and late.open:
        named = cause(K.LATE, piece=piece.name, day=day)
        yield Notice(K.LATE, named, late.why, (), window, expires_at=due_by + timedelta(hours=24))
    elif window is not None and window[0] > due_by > now:
        why = because(OVER_BY, {"facility": piece.destination, "due_by": due_by})
        yield Notice(
            K.LATE_PREDICTED, cause(K.LATE_PREDICTED, piece=piece.name, day=day), why, (), window,
            not_before=min(now + STOOD, due_by), expires_at=due_by,
        )  # fmt: skip
    if after.progress.held is None:
        for lies in (i for i in after.irregularities if i.kind is Wrong.DWELLING and i.open):
            named, root = cause(K.STALLED, piece=piece.name, facility=lies.subject), root_of(lies)
            yield Notice(K.STALLED, named, lies.why, (), root=root)


def root_of(broken: Irregularity) -> str:
    """What is behind it, and behind others': a place that is closed or where it lies, or the departure that was late or
    did not go."""
    named = broken.why.values
    if broken.kind in (Wrong.PLACE_CLOSED, Wrong.DWELLING):
        return f"facility:{named.get('facility', broken.subject)}"
    if broken.kind is Wrong.MISSED_CONNECTION and "inbound" in named:
        return f"departure:{named['inbound']}"
    return f"departure:{broken.subject}"


def _of_holds(after: Judgement, piece: Piece) -> Iterator[Notice]:
    for hold in (i for i in after.irregularities if i.kind in HOLDS):
        kind = HOLDS[hold.kind]
        names = {"piece": piece.name, "facility": hold.subject, "number": _holds_at(hold.subject, after)}
        if hold.open:
            yield Notice(kind, cause(kind, **names), hold.why, hold.evidence)
        elif kind is K.CUSTOMS_HOLD and hold.cleared_at is not None:
            why = because(LET_GO, {"facility": hold.subject, "released_at": hold.cleared_at})
            named, window = cause(K.CUSTOMS_RELEASED, **names), _window(after)
            old = hold.cleared_at + timedelta(hours=24)
            yield Notice(K.CUSTOMS_RELEASED, named, why, (), window, withdraws=cause(kind, **names), expires_at=old)


def _lost(after: Judgement, piece: Piece) -> Iterator[Notice]:
    lost = _first(after, Wrong.LOST)
    if lost is not None and lost.open:
        yield Notice(K.LOST, cause(K.LOST, piece=piece.name), lost.why, lost.evidence)


def _damage(after: Judgement, piece: Piece) -> Iterator[Notice]:
    seen = _first(after, Wrong.DAMAGED)
    if seen is not None:
        yield Notice(K.DAMAGED, cause(K.DAMAGED, piece=piece.name, facility=seen.subject), seen.why, seen.evidence)


def _apologies(after: Judgement, piece: Piece) -> Iterator[Notice]:
    """Of what is open still and somebody at the desk said sorry for."""
    about = {f"{i.kind.value} {i.subject}": i for i in after.irregularities if i.open}
    for said in (m for m in after.progress.remarks if m.kind == Kind.APOLOGY):
        found = about.get(said.reason or "")
        if found is not None:
            named = cause(K.APOLOGY, piece=piece.name, trouble=said.reason)
            yield Notice(
                K.APOLOGY, named, found.why, (said.key,), _window(after), after.next_departure,
                not_before=said.last_at + UNDO_WITHIN,
            )  # fmt: skip


# windows


def _moved(after: Judgement, piece: Piece, now: datetime, zone: str, said: Sequence[Said]) -> Iterator[Notice]:
    """That it is expected at another time than they were told, or are about to be told.

    Named by a revision, not by the window: from A to B and back to A are two pieces of news.
    """
    window, told = _window(after), _last_window(said)
    if window is None or after.eta is None or told is None or not _is_expected(after):
        return
    if not _differs(window, told, zone):
        return
    waiting = [each.notice.window for each in said if each.pending and each.notice.kind is not K.BOOKED]
    windows = [window for window in waiting if window is not None]
    if windows and not _differs(window, windows[-1], zone):
        return
    revision = 1 + sum(each.notice.kind is K.ETA_CHANGED for each in said)
    today = now.astimezone(ZoneInfo(zone)).date()
    soon = today in {*_days(window, zone), *_days(told, zone)}
    yield Notice(
        K.ETA_CHANGED, cause(K.ETA_CHANGED, piece=piece.name, revision=revision), after.eta.why, (), window,
        before=told, urgency=Urgency.NOW if soon else None, not_before=_may_be_told_at(now, said),
        expires_at=told[1] if told[1] > now + STOOD else None,
    )  # fmt: skip


def _is_expected(after: Judgement) -> bool:
    """Whether it is under way, and nothing else says when it comes."""
    return bool(after.progress.marks) and after.progress.state in (State.ACCEPTED, State.MOVING, State.AT_CUSTOMS)


def _last_window(said: Sequence[Said]) -> Window | None:
    """The window they were told last. That of the booking counts whatever became of its notice: its page showed it."""
    told = [each.notice for each in said if each.told or each.notice.kind is K.BOOKED]
    return next((notice.window for notice in reversed(told) if notice.window is not None), None)


def _may_be_told_at(now: datetime, said: Sequence[Said]) -> datetime:
    day = timedelta(hours=24)
    told = [s.owed_at for s in said if s.told and s.notice.kind is K.ETA_CHANGED and s.owed_at > now - day]
    stood = now + STOOD
    return max(stood, told[-TOLD_A_DAY] + day) if len(told) >= TOLD_A_DAY else stood


def _differs(new: Window, told: Window, zone: str) -> bool:
    """Whether it reaches two hours or more beyond what they were told, or onto another day."""
    return _apart(new, told) or not _days(new, zone) <= _days(told, zone)


def _apart(new: Window, told: Window) -> bool:
    return new[0] <= told[0] - MOVED_BY or new[1] >= told[1] + MOVED_BY


def _days(window: Window, zone: str) -> set[object]:
    begins, ends = (moment.astimezone(ZoneInfo(zone)).date() for moment in window)
    return {begins + timedelta(days=n) for n in range((ends - begins).days + 1)}


def _is_news(notice: Notice, piece: Piece, news: Sequence[Notice], said: Sequence[Said]) -> bool:
    """Whether it tells them something, beside what is owed with it and what they were told."""
    match notice.kind:
        case K.LATE | K.LATE_PREDICTED:  # no news where their window begins after the promise
            pending = [each.notice.window for each in said if each.pending]
            beside = [other.window for other in news if other.kind not in (K.LATE, K.LATE_PREDICTED)]
            windows = (_last_window(said), *pending, *beside)
            return not any(window is not None and window[0] > piece.promise.due_by for window in windows)
        case K.REPLANNED:  # only where the notice of the miss could not say it yet
            misses = [
                each.notice for each in said if each.notice.kind in BREAKS.values() and (each.told or each.pending)
            ]
            return bool(misses) and misses[-1].departure is None
        case K.CUSTOMS_RELEASED:
            return any(each.notice.cause == notice.withdraws for each in said)
        case _:
            return True


# what was said and is not so


def _withdrawals(before: Judgement | None, after: Judgement, piece: Piece, said: Sequence[Said]) -> Iterator[Notice]:
    """What was judged so of a connection and is now judged never to have been so, or not to come.

    Not while another irregularity stands that breaks its plan: then that did break, only elsewhere; nor once it was
    delivered.
    """
    if after.progress.delivered is not None:
        return
    window = _window(after)
    for warned in after.warned:
        if warned.passed and not warned.open:
            told = _last_told(cause(K.CONNECTION_AT_RISK, piece=piece.name, departure=warned.name), said)
            why = because(WILL_BE_MADE, {"departure": warned.departure})
            yield Notice(K.WITHDRAWN, cause(K.WITHDRAWN, cause=told), why, (), window, withdraws=told)
    if before is None or any(i.open and i.kind in BREAKS_THE_PLAN for i in after.irregularities):
        return
    still = {i.name for i in after.irregularities}
    for irregularity in before.irregularities:
        if irregularity.kind in BREAKS and irregularity.name not in still:
            kind = BREAKS[irregularity.kind]
            told = _last_told(cause(kind, piece=piece.name, departure=irregularity.subject), said)
            facts: Facts = {"departure": irregularity.subject}
            why = because(NOT_MISSED, facts) if kind is K.MISSED_CONNECTION else because(GOES_AFTER_ALL, facts)
            yield Notice(K.WITHDRAWN, cause(K.WITHDRAWN, cause=told), why, (), window, withdraws=told)


ACTED_ON = frozenset({K.DELIVERED, K.READY_FOR_PICKUP, K.PICKUP_REMINDER, K.LOST})
"""Kinds after which people go somewhere, or stop waiting: what was wrong in them is put right at once."""

CORRECTED = ACTED_ON | {
    K.PICKED_UP, K.OUT_FOR_DELIVERY, K.DELIVERY_ATTEMPTED, K.CUSTOMS_HOLD, K.PAYMENT_DUE, K.ADDRESS_PROBLEM,
    K.DAMAGED, K.RETURNING, K.RETURNED,
}  # fmt: skip
"""Kinds that rest on scans or on words of staff, and say that something was so."""


def _corrections(after: Judgement, piece: Piece, said: Sequence[Said]) -> Iterator[Notice]:
    """Of what rested on a withdrawn scan and nothing else shows; and of what was lost, that it was found."""
    withdrawn, lost = frozenset(after.progress.withdrawn), _first(after, Wrong.LOST)
    if not withdrawn and (lost is None or lost.cleared_at is None):
        return
    true = _true(after, piece)
    for each in said:
        old = each.notice
        if old.kind not in CORRECTED or not (each.told or each.pending):
            continue
        found_at = lost.cleared_at if lost is not None and old.kind is K.LOST else None
        if not withdrawn.isdisjoint(old.evidence) and _base(old.cause) not in true:
            why = because(NEVER_SO)
        elif found_at is not None:
            why = because(FOUND_AGAIN, {"facility": piece.destination, "found_at": found_at})
        else:
            continue
        yield Notice(
            K.CORRECTION, cause(K.CORRECTION, cause=old.cause), why, (), _window(after), withdraws=old.cause,
            quotes=Quote(old.kind, old.why, each.owed_at), urgency=Urgency.NOW if old.kind in ACTED_ON else None,
            root=next((f"device:{k.origin[4:]}" for k in old.evidence if k.origin.startswith("dev:")), None),
        )  # fmt: skip


def _true(after: Judgement, piece: Piece) -> frozenset[str]:
    """The causes of all that was so, whether or not it is still worth saying."""
    progress, found = after.progress, list[str]()

    def so(kind: NoticeKind, **names: object) -> None:
        found.append(cause(kind, piece=piece.name, **names))

    if any(m.kind == Kind.ACCEPT for m in progress.marks):
        so(K.PICKED_UP)
    if after.out_on is not None:
        so(K.OUT_FOR_DELIVERY, day=after.out_on)
    if progress.delivered is not None:
        so(K.DELIVERED)
    for mark in (m for m in progress.marks if m.kind == Kind.READY_FOR_PICKUP):
        so(K.READY_FOR_PICKUP, facility=mark.facility)
        for number in (1, 2):
            so(K.PICKUP_REMINDER, facility=mark.facility, number=number)
    for irregularity in after.irregularities:
        subject = irregularity.subject
        match irregularity.kind:
            case Wrong.ATTEMPT_FAILED | Wrong.REFUSED:
                so(K.DELIVERY_ATTEMPTED, number=subject)
            case Wrong.HELD_AT_CUSTOMS | Wrong.HELD_FOR_PAYMENT | Wrong.HELD_FOR_ADDRESS as held:
                for number in range(1, _holds_at(subject, after) + 1):
                    so(HOLDS[held], facility=subject, number=number)
            case Wrong.DAMAGED:
                so(K.DAMAGED, facility=subject)
            case Wrong.RETURNED:
                so(K.RETURNING)
                if not irregularity.open:
                    so(K.RETURNED)
            case Wrong.LOST if irregularity.open:
                so(K.LOST)
            case _:
                pass
    return frozenset(found)


def _again(notice: Notice, said: Sequence[Said]) -> Notice:
    """By the name it was told under. What was corrected, or cancelled before it was told, and is so again, is another
    piece of news; after a correction only if that was told."""
    if notice.withdraws is not None:
        return notice
    family = [each for each in said if _base(each.notice.cause) == notice.cause]
    if not family:
        return notice
    corrections = {each.notice.withdraws: each for each in said if each.notice.kind is K.CORRECTION}
    for each in family:
        corrected = corrections.get(each.notice.cause)
        if each.outcome != CANCELLED and not (corrected is not None and (corrected.told or corrected.pending)):
            return notice if each.notice.cause == notice.cause else replace(notice, cause=each.notice.cause)
    after = corrections.get(family[-1].notice.cause)
    again = f"{notice.cause}{AGAIN}{len(family) + 1}"
    return replace(notice, cause=again, withdraws=after.notice.cause if after is not None else None)


def _last_told(named: str, said: Sequence[Said]) -> str:
    """The name under which this cause was told last."""
    return next((s.notice.cause for s in reversed(said) if s.told and _base(s.notice.cause) == named), named)


def _base(named: str) -> str:
    """The cause, however often it came true."""
    return named.partition(AGAIN)[0]


def _holds_at(facility: str, after: Judgement) -> int:
    said = (*after.progress.marks, *after.progress.remarks)
    return sum(m.kind == Kind.HOLD and m.facility == facility for m in said)


def _window(after: Judgement) -> Window | None:
    return (after.eta.earliest, after.eta.latest) if after.eta is not None else None


def _first(after: Judgement, kind: IrregularityKind) -> Irregularity | None:
    return next((i for i in after.irregularities if i.kind is kind), None)
