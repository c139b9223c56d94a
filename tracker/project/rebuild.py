"""Folds the whole log again beside what is shown, and puts right what differs.

Every piece is folded from all its facts at once and replaced in one transaction, so no reader sees less than was
there before; what is new meanwhile is folded in between as ever. Killed in the middle, it is simply begun again.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tracker.clock import Clock
from tracker.planning import Planning
from tracker.project import match, settle
from tracker.project.match import News
from tracker.project.projector import Projector, work_off
from tracker.project.settle import Settled
from tracker.store import Store
from tracker.store.fact_log import PROJECT, KeptFact

AT_ONCE = 500


def rebuild(store: Store, clock: Clock) -> dict[int, tuple[str, str]]:
    """Folds the log again up to where it is folded now, and puts right all that is derived.

    Answers the pieces for which something differed, with what it was and what it is: none, if all is well.
    Nobody is told anything, and nothing is decided: what was owed was owed when it was judged first.
    """
    projector = Projector(store, clock)
    _catch_up(store, projector)
    _attach(store)
    _containers(store)
    _forget_found(store)
    _departures(store, clock)
    return dict(_pieces(store, clock))


def _catch_up(store: Store, projector: Projector) -> None:
    """To where the log ends now, however much is added meanwhile."""
    with store.reading() as tx:
        head = tx.log.head()
    position = -1
    while position < head:
        projector.step()
        with store.reading() as tx:
            position = tx.log.position(PROJECT)
    while projector.judge_due():
        pass


def _attach(store: Store) -> None:
    """Every fact where it belongs."""
    after = 0
    while True:
        with store.writing() as tx:
            upto = tx.log.claim(PROJECT)
            facts = [fact for fact in tx.log.after(after, AT_ONCE) if fact.pos <= upto]
            if not facts:
                return
            match.keep(tx, match.match(tx, facts))
            after = facts[-1].pos


def _containers(store: Store) -> None:
    """No fact is attached to a container that it is not of."""
    name, pos = "", 0
    while True:
        with store.writing() as tx:
            tx.log.claim(PROJECT)
            rows = tx.containers.after(name, pos, AT_ONCE)
            if not rows:
                return
            found = match.match(tx, tx.log.at({row[2] for row in rows})).containers
            tx.containers.detach(sorted(set(rows) - set(found)))
            name, _, pos = rows[-1]


def _forget_found(store: Store) -> None:
    """No fact waits that belongs somewhere, or waits for another reason."""
    number, pos = "", 0
    while True:
        with store.writing() as tx:
            tx.log.claim(PROJECT)
            rows = tx.timelines.unmatched_after(number, pos, AT_ONCE)
            if not rows:
                return
            found = match.match(tx, tx.log.at({row[1] for row in rows}))
            wrong = set(rows) - {(number[:64], pos, why) for number, pos, why in found.lost}
            tx.timelines.wait_no_longer([(number, pos) for number, pos, _ in wrong])
            match.keep(tx, found)  # what was booked since `_attach` looked would not be claimed again
            number, pos, _ = rows[-1]


def _departures(store: Store, clock: Clock) -> None:
    """When each departure left and landed."""
    name = ""
    while True:
        with store.writing() as tx:
            tx.log.claim(PROJECT)
            departures = tx.network.departures_after(name, AT_ONCE)
            if not departures:
                return
            facts = tx.log.of_departures(departures.keys())
            cards = set(match.match(tx, _all(facts)).cards)
            strays = [(of, fact.pos) for of, each in facts.items() for fact in each if (of, fact.pos) not in cards]
            tx.timelines.detach_cards(strays)
            kept = {of: [fact for fact in each if (of, fact.pos) in cards] for of, each in facts.items()}
            settle.happened(tx, departures, kept)
            name = max(departures)


def _pieces(store: Store, clock: Clock) -> Iterator[tuple[int, tuple[str, str]]]:
    """Every piece from all its facts; yields those that differed."""
    last = 0
    planning = Planning()
    while True:
        with store.writing() as tx:
            tx.log.claim(PROJECT)
            ids = tx.booked.pieces_after(last, AT_ONCE)
            if not ids:
                return
            now = clock.now()
            due = tx.timelines.due_among(ids, now)  # what time has brought meanwhile is no difference
            work_off(tx, planning, {piece: News() for piece in due}, now=now)
            facts = tx.log.of_pieces(ids)
            attached = set(match.match(tx, _all(facts)).pieces)
            strays = [(of, fact.pos) for of, each in facts.items() for fact in each if (of, fact.pos) not in attached]
            tx.timelines.detach(strays)
            kept = {of: [fact for fact in each if (of, fact.pos) in attached] for of, each in facts.items()}
            booked = [of for of in ids if facts[of]]  # or its booking is in the log and not folded yet
            settled, _, tripped = settle.fold(tx, {of: News() for of in booked}, facts=kept, now=now)
            settle.keep(tx, settled, now=now, again=True)
            settle.mistrust(tx, tripped, now=now)
            last = ids[-1]
        yield from ((each.known.id, _difference(each)) for each in settled if each.spelled != each.known.spelled)


def _all(facts: Mapping[Any, Sequence[KeptFact]]) -> list[KeptFact]:
    return list({fact.pos: fact for each in facts.values() for fact in each}.values())


def _difference(each: Settled) -> tuple[str, str]:
    return str(each.known.spelled), str(each.spelled)
