"""What must be true at the end, and when a message leaves: each worked out here, in SQL and folds of its own."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from lastscan.simulate.carrier import email_of
from lastscan.simulate.handhelds import Unit
from lastscan.simulate.oracle import BrokenError, Oracle, Reader
from notify.routing import AT_LEAST_ONCE, LADDER
from tracker.project import rebuild
from tracker.store import Store

Ask = Callable[..., list[Any]]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_KINDS = """
book accept arrive unload unpack customs_in customs_out sort hold release pack load depart out_for_delivery attempt
ready_for_pickup deliver return damage replan void
"""
_RANKS = {kind: rank for rank, kind in enumerate(_KINDS.split())}
_STATES = {"accept": "accepted", "out_for_delivery": "out_for_delivery", "deliver": "delivered"} | dict.fromkeys(
    ("arrive", "unload", "sort", "load", "depart"), "moving"
)


def check_custody(oracle: Oracle, reader: Reader, ask: Ask) -> None:
    """I1: everything beeped is in the log or in quarantine."""
    aside = b"\n".join(payload for (payload,) in ask("SELECT payload FROM quarantine WHERE why = 'conflict'"))
    for attempt in oracle.beeped:
        if attempt.name in reader.seen or attempt.excuse or f'"op":"{attempt.name}"'.encode() in aside:
            continue
        raise BrokenError("I1", f"{attempt.name} ({attempt.dev} {attempt.id}, {attempt.code!r}) beeped and is nowhere")


def check_journal(unit: Unit) -> None:
    """I8: nothing waits on a device for a receipt that can come."""
    if unit.handheld is None:
        raise BrokenError("I8", f"{unit.dev} does not start")
    if waiting := unit.handheld.waiting_count:
        raise BrokenError("I8", f"{waiting} scans wait on {unit.dev}")


def waits(ask: Ask, *, real: datetime, business: datetime, speed: int) -> list[timedelta]:
    """For how long, by real time, each open delivery is not due yet, leased, or held for an hour of business."""
    until = "max(due_at, coalesce(lease_until, 0))"
    rows = ask(f"SELECT {until}, not_before FROM deliveries WHERE due_at IS NOT NULL OR not_before IS NOT NULL")  # noqa: S608
    return [(_instant(held) - business) / speed if held is not None else _instant(due) - real for due, held in rows]


def check_outboxes(ask: Ask, now: datetime) -> None:
    """I8: nothing is owed and not planned, planned and not settled, settled and not reported."""
    due = (now - _EPOCH) // timedelta(microseconds=1)
    if unplanned := ask("SELECT count(*) FROM outbox WHERE NOT planned AND not_before <= ?", due)[0][0]:
        raise BrokenError("I8", f"{unplanned} notices are not planned")
    waiting, state = ask(
        "SELECT count(*), min(state) FROM deliveries WHERE due_at IS NOT NULL OR not_before IS NOT NULL"
    )[0]
    if waiting:
        raise BrokenError("I8", f"{waiting} deliveries wait for ever, one is {state}")
    if ask("SELECT count(*) FROM deliveries WHERE reported <> state")[0][0]:
        raise BrokenError("I8", "the tracker was not told how a delivery ended")
    head, at = ask("SELECT (SELECT coalesce(max(pos), 0) FROM facts), (SELECT position FROM readers)")[0]
    if head != (at or 0):
        raise BrokenError("I8", f"the log is folded up to {at} of {head}")


def check_timelines(ask: Ask, numbers: Sequence[str]) -> None:
    """I2: counters and states are a fold over distinct scan ids, worked out here in another way."""
    for number in numbers:
        rows = ask(
            "SELECT s.origin, s.epoch || ':' || f.q, f.kind, f.happened_at, f.void_epoch || ':' || f.void_q"
            " FROM facts f JOIN streams s ON s.id = f.stream WHERE f.q IS NOT NULL AND f.code = ?",
            number,
        )
        voided = {(origin, voids) for origin, _, kind, _, voids in rows if kind == "void"}
        events = sorted(
            (at, _RANKS[kind], (origin, key), kind)
            for origin, key, kind, at, _ in rows
            if kind != "void" and (origin, key) not in voided
        )
        state = "booked"
        for _, _, _, kind in events:
            if kind in _STATES and state != "delivered":
                state = _STATES[kind]
        found = ask(
            "SELECT t.state, t.progress FROM timelines t JOIN pieces p ON p.id = t.piece WHERE p.number = ?", number
        )
        if not found:
            raise BrokenError("I2", f"{number} has no timeline")
        told = (found[0][0], json.loads(found[0][1])["scans"])
        if told != (state, len(events)):
            raise BrokenError("I2", f"{number} is {told}, its distinct scans say {(state, len(events))}")


def check_sending(ask: Ask, key: str, *, just_looked: bool) -> None:
    """A message leaves: it is still true, it is in time, and its reader wants it."""
    row = ask(
        "SELECT d.state, o.kind, t.state, o.piece, d.handed_at FROM deliveries d JOIN outbox o ON o.id = d.notice"
        " LEFT JOIN timelines t ON t.piece = o.piece WHERE d.id = ?",
        key,
    )
    if not row:
        return  # restored meanwhile
    leased, kind, state, _, handed_at = row[0]
    if leased == "leased" and handed_at is None:
        raise BrokenError("I5", f"{kind} leaves without a note that it may have arrived")
    if just_looked and kind in ("delivered", "out_for_delivery") and state != kind:
        raise BrokenError("I2", f"{kind} is told of a piece that is {state}")


def check_notices(oracle: Oracle, ask: Ask, *, remembers_keys: bool) -> None:
    """I5: once for each cause and person; and whatever was due has come to something."""
    for (cause, address), times in oracle.shown.items():
        kind = cause.split(":")[0]
        may_repeat = not remembers_keys and (oracle.restores or kind in AT_LEAST_ONCE)
        if times > 1 and not may_repeat:
            raise BrokenError("I5", f"{address} was told {times} times: {cause}")
    for address in {address for _, address in oracle.shown}:
        told = [cause for cause, whom in oracle.shown if whom == address and cause.startswith("delivered:")]
        taken_back = [cause for cause in told if (f"correction:{cause}", address) in oracle.shown]
        if len(told) > 1 + len(taken_back):
            raise BrokenError("I5", f"{address} was told of one hand-over for several causes: {told}")
    failed = ask(
        "SELECT d.cause, d.attempts, p.email FROM deliveries d"
        " JOIN people p ON p.pseudonym = d.person WHERE d.state = 'failed'"
    )
    for cause, attempts, address in failed:
        if oracle.shown[cause, address] and not oracle.restores:
            raise BrokenError("I5", f"{cause} counts as failed, and {address} saw it")
        if attempts < len(LADDER) and (cause, address) not in oracle.refused:
            raise BrokenError("I5", f"{cause} was given up after {attempts} tries")
    twice = ask("SELECT cause, count(*) FROM outbox GROUP BY cause, person HAVING count(*) > 1")
    if twice:
        raise BrokenError("I5", f"owed twice: {twice[0]}")
    rows = ask(
        "SELECT p.number, o.outcome, d.state, d.why FROM timelines t JOIN pieces p ON p.id = t.piece"
        " LEFT JOIN outbox o ON o.piece = p.id AND o.kind IN ('delivered', 'returned')"
        " LEFT JOIN deliveries d ON d.notice = o.id WHERE t.state = 'delivered'"
    )
    for number, outcome, state, why in rows:
        if outcome is None:
            raise BrokenError("I5", f"nobody is told that {number} was delivered")
        if outcome != state and outcome != "muted":
            raise BrokenError("I5", f"the tracker believes {outcome} of what is {state}")
        withdrawn = ask("SELECT count(*) FROM facts WHERE kind = 'void' AND code = ?", number)[0][0]
        if state == "cancelled" and not withdrawn:
            raise BrokenError("I5", f"{number} was delivered, and telling it was cancelled: {why}")
        if state == "accepted" and not oracle.shown[f"delivered:{number}/1", email_of(number)]:
            raise BrokenError("I5", f"the provider never took what is accepted: delivered, {number}")


def check_rebuild(store: Store, clock: Any, ask: Ask) -> None:
    """I2 once more: the whole log folded again comes to the same, and owes nothing new."""
    owed = ask("SELECT count(*) FROM outbox WHERE NOT planned OR outcome <> 'muted'")
    differs = rebuild(store, clock)
    if differs:
        piece, (was, now) = next(iter(differs.items()))
        raise BrokenError("I2", f"folded again, piece {piece} differs: {_difference(was, now)}")
    if ask("SELECT count(*) FROM outbox WHERE NOT planned OR outcome <> 'muted'") != owed:
        raise BrokenError("I5", "folding again owes something new")


def _difference(was: str, now: str) -> str:
    at = next((n for n, (one, other) in enumerate(zip(was, now, strict=False)) if one != other), 0)
    return f"…{was[max(0, at - 60) : at + 60]}… now …{now[max(0, at - 60) : at + 60]}…"


def _instant(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)
