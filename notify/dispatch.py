"""From a notice that is owed to a message that was sent, once in effect, and proof of it."""

import hashlib
import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from notify import incident, routing
from notify.channel import Channel, Joins, Message, TellsIncidents, UnsayableError
from notify.delivery import Accepted, Delivery, ForGood, Later, Outcome, Planned, Said, Settlement, State
from notify.owed import EXPIRED, OVERTAKEN, STANDS, STOPPED, SUPERSEDED, UNSAID, Outbox, OwedNotice
from notify.pace import UNPACED, Pace
from notify.preferences import Preferences
from notify.proofs import UNSENT, Sent, address_digest, proof_of
from notify.readers import Reader, Readers
from notify.store.deliveries import DeliveryStore, Result
from notify.wishes.caps import Weighed
from notify.wishes.wishes import Held, Hold
from tracker.clock import Clock
from tracker.domain.storms import WEIGHED_FOR

log = structlog.get_logger(__name__)

SOON = timedelta(seconds=5)
WAVES = 3
"""How many a provider is asked at once, so often are leased in one step: whoever dies keeps no more from the others."""

PLANNED_AT_ONCE = 2000

TURN = timedelta(seconds=1)
"""How long to wait for another to finish, or for a provider to bear more."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """What is true is judged by business time; leases and waits by real time, whatever a demo's clock does."""

    business: Clock
    real: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class _Part:
    """A delivery that may leave, and what it says to whom."""

    delivery: Delivery
    reader: Reader

    @property
    def notice(self) -> OwedNotice:
        return self.reader.notice


@dataclass(frozen=True, slots=True)
class _Letter:
    """A message that may leave, and what it is about: one notice, or several that were joined."""

    parts: tuple[_Part, ...]
    message: Message
    weighed: Weighed | None  # None: the caps let it pass, as what may have arrived before

    @property
    def delivery(self) -> Delivery:
        """The one that holds its place; the others leave with it."""
        return self.parts[0].delivery

    @property
    def others(self) -> list[Delivery]:
        return [part.delivery for part in self.parts[1:]]


class Dispatcher:
    """Plans what is owed, sends what is due, and tells the tracker how far each notice got.

    All it knows stands in the database: it may be killed anywhere, and several may work at once. `paces` says what the
    provider of a channel bears; without one it is asked for one message after the other.
    """

    def __init__(
        self,
        outbox: Outbox,
        deliveries: DeliveryStore,
        channels: Mapping[str, Channel],
        clocks: Clocks,
        *,
        preferences: Preferences,
        proof_key: bytes,
        chance: random.Random,
        paces: Mapping[str, Pace] | None = None,
    ) -> None:
        self._outbox = outbox
        self._deliveries = deliveries
        self._channels = channels
        self._clocks = clocks
        self._readers = Readers(channels, preferences)
        self._proof_key = proof_key
        self._chance = chance
        self._paces = paces or {}
        self._feedback = deliveries.feedback
        self._pools: dict[str, ThreadPoolExecutor] = {}

    def step(self, limit: int = 100, *, stopped: Callable[[], bool] = lambda: False) -> int:
        """One round: plan, send at most `limit` by each channel, report. How much there was to do; 0 if nothing."""
        done = self.plan() + self.heed()
        served: set[str] = set()
        while waiting := [channel for channel in self._deliveries.channels() if channel not in served]:
            served.add(waiting[0])
            done += self.send(waiting[0], limit, stopped=stopped)
        return done + self.report()

    def plan(self) -> int:
        """Decides by which channel and when each notice goes that is newly owed, and wakes those whose hour has come;
        how many there were."""
        business, real = self._clocks.business.now(), self._clocks.real()
        woken = self._deliveries.wake(business, real)
        owed = self._outbox.unplanned(PLANNED_AT_ONCE, by=business)
        if not owed:
            return woken
        readers = self._readers.of(owed)
        self._deliveries.plan([one for reader in readers for one in reader.planned(self._channels, business)], real)
        # A crash before this line plans them again, and equal plans have equal ids.
        self._outbox.planned([notice.id for notice in owed])
        return woken + len(owed)

    def send(self, channel: str, limit: int = 100, *, stopped: Callable[[], bool] = lambda: False) -> int:
        """Attends to at most `limit` deliveries that are due by this channel; to how many.

        So many at once as the channel's pace says, each handed over only when all before it have come to something.
        """
        pace = self._paces.get(channel, UNPACED)
        done = 0
        while done < limit and not stopped():
            claimed_at = self._clocks.real()
            batch = self._deliveries.claim(channel, claimed_at, min(limit - done, WAVES * pace.concurrency), pace)
            if not batch:
                break
            for start in range(0, len(batch), pace.concurrency):
                wave, rest = batch[start : start + pace.concurrency], batch[start + pace.concurrency :]
                if stopped() or self._clocks.real() - claimed_at > routing.LEASE / 2:
                    self._deliveries.release([*wave, *rest])
                    break
                if not self._attend(wave, pace):
                    self._deliveries.release(rest)
                    return done
                done += len(wave)
        return done

    def heed(self) -> int:
        """Acts on what providers said of earlier messages; on how much."""
        said = self._deliveries.unheeded()
        for one, delivery in said:
            notice = self._outbox.notice(delivery.notice) if delivery is not None else None
            then = self._after_all(delivery, notice) if delivery is not None and notice is not None else None
            if self._deliveries.heed(one, delivery, then, self._clocks.real()) and one.said is not Said.DELIVERED:
                log.warning("a message came back", delivery=one.delivery, said=one.said, provider=one.provider)
        return len(said)

    def _after_all(self, delivery: Delivery, notice: OwedNotice) -> Planned | None:
        (reader,) = self._readers.of([notice])
        return reader.after(delivery.channel, self._clocks.business.now())

    def report(self) -> int:
        """Tells the tracker what was settled since it was told last; of how many."""
        settled = self._deliveries.unreported()
        if settled:
            self._outbox.told([(notice, state) for _, notice, state in settled])
            self._deliveries.reported([(delivery, state) for delivery, _, state in settled])
        return len(settled)

    def close(self) -> None:
        """Waits for what is being sent. Nothing is sent afterwards."""
        for pool in self._pools.values():
            pool.shutdown()

    # Some deliveries at once

    def _attend(self, wave: Sequence[Delivery], pace: Pace) -> bool:
        """Sends them, or says why not. False when it is nobody's turn: the provider bears no more, or rests."""
        settled: list[Result] = []
        letters: dict[str, _Letter] = {}
        for delivery in wave:
            letter, results = self._prepared(delivery)
            settled += results
            if letter is not None:
                letters[letter.delivery.id] = letter
        held = [letter.delivery for letter in letters.values()]
        handed = self._deliveries.hand(
            held,
            self._clocks.real(),
            pace,
            with_them={letter.delivery.id: letter.others for letter in letters.values() if letter.others},
            weighed={letter.delivery.id: letter.weighed for letter in letters.values() if letter.weighed is not None},
        )
        leaving = [letters[delivery.id] for delivery in handed]
        for letter, outcome in zip(leaving, self._sent_all(leaving, pace), strict=True):
            settled += self._outcomes(outcome, letter)
        now = self._clocks.real()
        for lost in self._deliveries.settle(settled, now):
            log.warning("lease ran out while sending", delivery=lost.id, fence=lost.fence)
        ours = {delivery.id for delivery in handed}
        kept = [part.delivery for letter in letters.values() if letter.delivery.id not in ours for part in letter.parts]
        self._deliveries.release(kept, due_at=now + TURN)
        return bool(handed or settled or not held)

    def _sent_all(self, letters: Sequence[_Letter], pace: Pace) -> Sequence[Outcome]:
        if not letters:
            return ()
        name = letters[0].delivery.channel
        channel = self._channels[name]
        if len(letters) == 1:
            return [self._sent(channel, letters[0].message, letters[0].delivery)]
        if name not in self._pools:
            self._pools[name] = ThreadPoolExecutor(pace.concurrency, thread_name_prefix=f"send-{name}")
        return list(self._pools[name].map(lambda letter: self._sent(channel, letter.message, letter.delivery), letters))

    # One delivery

    def _prepared(self, delivery: Delivery) -> tuple[_Letter | None, list[Result]]:
        """The message, if there is to be one now; and what becomes of what will not be in it."""
        part = self._standing(delivery)
        if isinstance(part, Result):
            first, results = None, [part]
        else:
            first, results = part, []
        if delivery.letter is not None:
            found = [self._standing(other) for other in self._deliveries.others_of(delivery, self._clocks.real())]
            parts = [one for one in (first, *found) if isinstance(one, _Part)]
            results += [one for one in found if isinstance(one, Result)]
        elif first is not None:
            parts, more = self._joined(first)
            results += more
        else:
            parts = []
        if not parts:
            return None, results
        letter, more = self._letter(parts)
        return letter, results + more

    def _standing(self, delivery: Delivery) -> _Part | Result:
        """What is to be told of a delivery whose turn has come; else what becomes of it."""
        notice = self._outbox.notice(delivery.notice)
        if notice is None:
            return self._result(delivery, Settlement(State.CANCELLED, "the tracker knows no such notice"))
        (reader,) = self._readers.of([notice])
        not_told = (
            self._stale(delivery, notice)
            or self._left(delivery, reader)
            or self._suppressed(delivery, reader)
            or self._unrepeated(delivery)
        )
        if not_told is not None:
            return self._result(delivery, not_told, notice)
        hold = reader.hold(delivery, self._clocks.business.now())
        if hold is not None:
            return self._result(delivery, _held(delivery, hold), notice)
        return _Part(delivery, reader)

    def _joined(self, first: _Part) -> tuple[list[_Part], list[Result]]:
        """It, and what waited with it for the same reader, leased and put into one letter."""
        delivery, now = first.delivery, self._clocks.real()
        if not delivery.held or delivery.handed_at is not None:
            return [first], []
        shared = delivery.held == Held.INCIDENT
        channel = self._channels.get(delivery.channel)
        joins_all, joins_incidents = isinstance(channel, Joins), isinstance(channel, TellsIncidents)
        if not (joins_incidents if shared else joins_all):
            return [first], []
        business = self._clocks.business.now()
        edition, told_at = self._deliveries.editions(delivery) if shared else (0, None)
        if told_at is not None and told_at + WEIGHED_FOR > business:
            hold = Hold(Held.INCIDENT, told_at + WEIGHED_FOR, "its reader was told of the incident just now")
            return [], [self._result(delivery, _held(delivery, hold), first.notice)]
        if not joins_all and not incident.joins(first.notice):
            return [first], []
        newest = {delivery.thread: delivery}
        for other in self._deliveries.waiting_with(delivery, now):
            notice = self._outbox.notice(other.notice)
            if notice is None or not _same_name(notice, first.notice):
                continue
            if not joins_all and not incident.joins(notice):
                continue
            if other.owed_at >= newest.get(other.thread, other).owed_at:
                newest[other.thread] = other
        if newest[delivery.thread] is not delivery:
            return [], [self._result(delivery, routing.superseded(delivery), first.notice)]
        others = [one.id for one in newest.values() if one is not delivery]
        digest = delivery.held in (Held.DIGEST, Held.CAP)
        if not others and not digest:
            return [first], []
        key = first.reader.edition(delivery, edition + 1) if shared else first.reader.letter(delivery.channel, business)
        joined = self._deliveries.join(delivery, others, letter=key, now=now)
        if joined is None:
            if not digest:
                return [first], []
            hold = first.reader.tomorrow(delivery.channel, business)
            return [], [self._result(delivery, _held(delivery, hold), first.notice)]
        lead, leased = joined
        found = [self._standing(one) for one in leased]
        parts = [_Part(lead, first.reader), *(one for one in found if isinstance(one, _Part))]
        return parts, [one for one in found if isinstance(one, Result)]

    def _letter(self, parts: list[_Part]) -> tuple[_Letter | None, list[Result]]:
        """The message these make; or, where it cannot be written or would be too much, what becomes of them."""
        first = parts[0]
        weighed = None
        if first.delivery.handed_at is None:
            business = self._clocks.business.now()
            weighed = self._weighed(parts, business)
            too_much = self._deliveries.too_much(weighed) if weighed is not None else None
            if too_much is not None:
                return None, [
                    self._result(
                        part.delivery,
                        _held(part.delivery, part.reader.capped(part.delivery.channel, too_much, business)),
                        part.notice,
                    )
                    for part in parts
                ]
        message = self._composed(parts)
        if not isinstance(message, Message):
            settled = [(part, self._after(message, part.delivery, part.reader)) for part in parts]
            return None, [self._result(part.delivery, one, part.notice) for part, one in _together(settled)]
        return _Letter(tuple(parts), message, weighed), []

    def _weighed(self, parts: list[_Part], business: datetime) -> Weighed | None:
        """As pressing as the most pressing of them."""
        found = [one for part in parts if (one := part.reader.weighed(part.delivery.channel, business)) is not None]
        if not found:
            return None
        first = found[0].asked
        asked = replace(first, now=any(one.asked.now for one in found), must=any(one.asked.must for one in found))
        return replace(found[0], asked=asked)

    def _unrepeated(self, delivery: Delivery) -> Settlement | None:
        """What to settle it as if it may have arrived, and must not be sent again."""
        channel = self._channels.get(delivery.channel)
        remembers = channel is not None and channel.remembers_keys
        if delivery.handed_at is None or routing.may_repeat(delivery.kind, remembers_key=remembers):
            return None
        answer = "whoever sent it was stopped before it could say what became of it"
        return routing.unanswered(
            delivery, answer, now=self._clocks.real(), remembers_key=False, chance=self._chance.random()
        )

    def _stale(self, delivery: Delivery, notice: OwedNotice) -> Settlement | None:
        """What to settle it as if it should not be told any more."""
        verdict = self._outbox.verdict(notice.id, self._clocks.business.now())
        if verdict == STANDS:
            return None
        if verdict == UNSAID and notice.withdraws is not None:
            # The tracker hears of a sending a moment after it happened; our own deliveries know it at once.
            said = self._deliveries.said(cause=notice.withdraws, person=notice.recipient.person)
            if said == "said":
                return None
            if said == "undecided":
                due_at = self._clocks.real() + SOON
                return Settlement(State.RETRY, "waits for what it answers to be sent or not", due_at=due_at)
        if delivery.handed_at is not None:
            why = f"no answer; not repeated, because it is {verdict}"
            return Settlement(State.UNKNOWN, why, handed_at=delivery.handed_at)
        reasons = {
            OVERTAKEN: (State.CANCELLED, "it is no longer true"),
            SUPERSEDED: (State.SUPERSEDED, "a newer notice says more"),
            UNSAID: (State.CANCELLED, "what it answers was never told"),
            STOPPED: (State.CANCELLED, "support stopped what was not told of its incident yet"),
            EXPIRED: (State.EXPIRED, "it came too late to be of use"),
        }
        state, why = reasons.get(verdict, (State.CANCELLED, f"the tracker says: {verdict}"))
        if state is State.EXPIRED and delivery.held == Held.CAP:
            return Settlement(State.CAPPED, "its reader was told enough, until it was too late to be of use")
        return Settlement(state, why)

    def _left(self, delivery: Delivery, reader: Reader) -> Settlement | None:
        """What to settle it as if its reader has left its kind, or wants no more about the piece. Another channel is
        tried only if they left that one on."""
        if reader.wants(delivery.channel) and not reader.has_muted:
            return None
        if delivery.handed_at is not None:
            why = "no answer; not repeated, because its reader has opted out since"
            return Settlement(State.UNKNOWN, why, handed_at=delivery.handed_at)
        if reader.has_muted:
            return Settlement(State.MUTED, "its reader wants no more about this piece")
        then = reader.after(delivery.channel, self._clocks.business.now())
        return Settlement(State.OPTED_OUT, "its reader wants no more of this kind", then=then)

    def _suppressed(self, delivery: Delivery, reader: Reader) -> Settlement | None:
        """What to settle it as if its address does not take messages: the next channel's turn."""
        channel = self._channels.get(delivery.channel)
        address = channel.address(reader.notice.recipient) if channel is not None else None
        found = self._feedback.suppressed(address_digest(address, self._proof_key), self._clocks.real())
        if not address or found is None:
            return None
        if delivery.handed_at is not None:
            why = f"no answer; not repeated, because nothing is sent to this address now: {found.cause}"
            return Settlement(State.UNKNOWN, why, handed_at=delivery.handed_at)
        then = reader.after(delivery.channel, self._clocks.business.now())
        return Settlement(
            State.FAILED, f"nothing is sent to this address: {found.cause} {found.since:%Y-%m-%d}", then=then
        )

    def _composed(self, parts: list[_Part]) -> Message | ForGood | Later:
        """The message, or why there is none. What is most pressing comes first in it, then what is oldest."""
        first = parts[0].delivery
        parts = sorted(parts, key=lambda part: (part.delivery.priority, part.delivery.owed_at, part.notice.number))
        notices = [part.notice for part in parts]
        channel = self._channels.get(first.channel)
        if channel is None:
            return ForGood(f"there is no channel {first.channel!r} here")
        if not channel.address(notices[0].recipient):
            return ForGood(f"no address for {first.channel}")
        try:
            if isinstance(channel, TellsIncidents) and incident.is_told_as_one(notices):
                return channel.compose_incident(notices, key=first.key, written_at=self._clocks.real())
            if len(notices) > 1 and isinstance(channel, Joins):
                return channel.compose_joined(notices, key=first.key, written_at=self._clocks.real())
            return channel.compose(notices[0], key=first.key, written_at=self._clocks.real())
        except UnsayableError as refusal:
            return ForGood(str(refusal))
        except Exception as error:  # one notice that cannot be written must not hold up the others
            log.exception("notice cannot be written", delivery=first.id, kind=first.kind)
            return Later(f"could not be written: {type(error).__name__}")

    def _sent(self, channel: Channel, message: Message, delivery: Delivery) -> Outcome:
        outcome = channel.send(message, key=delivery.key)
        log.info("notice sent", delivery=delivery.id, kind=delivery.kind, outcome=type(outcome).__name__)
        return outcome

    def _outcomes(self, outcome: Outcome, letter: _Letter) -> list[Result]:
        """What a provider's answer makes of what it was handed: of each notice in it, by its own kind."""
        digest = address_digest(letter.message.address, self._proof_key)
        sent = Sent(digest, letter.message.language, hashlib.sha256(letter.message.body).hexdigest())
        settled = [(part, self._after(outcome, part.delivery, part.reader)) for part in letter.parts]
        answered = isinstance(outcome, Accepted | ForGood)
        return [
            self._result(
                part.delivery, replace(one, answered=answered if part is letter.parts[0] else None), part.notice, sent
            )
            for part, one in _together(settled)
        ]

    def _after(self, outcome: Outcome, delivery: Delivery, reader: Reader) -> Settlement:
        channel = self._channels.get(delivery.channel)
        return routing.settle(
            outcome,
            delivery,
            now=self._clocks.real(),
            remembers_key=channel is not None and channel.remembers_keys,
            chance=self._chance.random(),
            then=reader.after(delivery.channel, self._clocks.business.now()),
        )

    def _result(
        self, delivery: Delivery, settlement: Settlement, notice: OwedNotice | None = None, sent: Sent = UNSENT
    ) -> Result:
        evidence = " ".join(notice.evidence) if notice is not None else ""
        proof = proof_of(delivery, settlement, self._clocks.real(), sent=sent, evidence=evidence)
        return Result(delivery, settlement, proof)


def _held(delivery: Delivery, hold: Hold) -> Settlement:
    state = State.DUE if delivery.handed_at is None else State.UNKNOWN
    return Settlement(state, hold.why, handed_at=delivery.handed_at, hold=hold)


def _together(settled: list[tuple[_Part, Settlement]]) -> list[tuple[_Part, Settlement]]:
    """Those of one letter that go on, all at the same time: they leave under one key."""
    due_at = max((one.due_at for _, one in settled if one.due_at is not None), default=None)
    return [(part, replace(one, due_at=due_at) if one.due_at is not None else one) for part, one in settled]


def _same_name(one: OwedNotice, other: OwedNotice) -> bool:
    """An address may be shared; what is for one name is not told to another."""
    return one.recipient.name.casefold() == other.recipient.name.casefold()
