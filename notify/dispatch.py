"""From a notice that is owed to a message that was sent, once in effect, and proof of it."""

import hashlib
import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from notify import routing
from notify.channel import Channel, Message, UnsayableError
from notify.delivery import Accepted, Delivery, ForGood, Later, Outcome, Said, Settlement, State
from notify.owed import EXPIRED, OVERTAKEN, STANDS, SUPERSEDED, UNSAID, Outbox, OwedNotice
from notify.pace import UNPACED, Pace
from notify.preferences import Preferences
from notify.proofs import UNSENT, Sent, address_digest, proof_of
from notify.store.deliveries import DeliveryStore, Result
from tracker.clock import Clock

log = structlog.get_logger(__name__)

SOON = timedelta(seconds=5)
WAVES = 3
"""How many a provider is asked at once, so often are leased in one step: whoever dies keeps no more from the others."""

TURN = timedelta(seconds=1)
"""How long to wait for another to finish, or for a provider to bear more."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """What is true is judged by business time; leases and waits by real time, whatever a demo's clock does."""

    business: Clock
    real: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class _Letter:
    """A message that may leave, and what it is about."""

    delivery: Delivery
    notice: OwedNotice
    message: Message


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
        self._preferences = preferences
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
        """Decides by which channel each notice goes that is newly owed; how many there were."""
        owed = self._outbox.unplanned(by=self._clocks.business.now())
        if not owed:
            return 0
        planned = [one for notice in owed if (one := routing.plan(notice, self._channels)) is not None]
        self._deliveries.plan(planned, self._clocks.real())
        # A crash before this line plans them again, and equal plans have equal ids.
        self._outbox.planned([notice.id for notice in owed])
        return len(owed)

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
            then = routing.plan(notice, self._channels, after=delivery.channel) if delivery and notice else None
            if self._deliveries.heed(one, delivery, then, self._clocks.real()) and one.said is not Said.DELIVERED:
                log.warning("a message came back", delivery=one.delivery, said=one.said, provider=one.provider)
        return len(said)

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
            found = self._prepared(delivery)
            if isinstance(found, _Letter):
                letters[delivery.id] = found
            elif found is not None:
                settled.append(found)
        held = [letter.delivery for letter in letters.values()]
        handed = self._deliveries.hand(held, self._clocks.real(), pace)
        leaving = [letters[delivery.id] for delivery in handed]
        for letter, outcome in zip(leaving, self._sent_all(leaving, pace), strict=True):
            settled.append(self._outcome(outcome, letter))
        now = self._clocks.real()
        for lost in self._deliveries.settle(settled, now):
            log.warning("lease ran out while sending", delivery=lost.id, fence=lost.fence)
        ours = {delivery.id for delivery in handed}
        kept = [delivery for delivery in held if delivery.id not in ours]
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

    def _prepared(self, delivery: Delivery) -> _Letter | Result:
        """The message, if it should still be told; else what becomes of it."""
        notice = self._outbox.notice(delivery.notice)
        if notice is None:
            return self._result(delivery, Settlement(State.CANCELLED, "the tracker knows no such notice"))
        channel = self._channels.get(delivery.channel)
        not_told = (
            self._stale(delivery, notice)
            or self._left(delivery, notice, channel)
            or self._suppressed(delivery, notice, channel)
        )
        if not_told is not None:
            return self._result(delivery, not_told, notice)
        message = self._composed(delivery, notice, channel)
        if not isinstance(message, Message):
            return self._result(delivery, self._after(message, delivery, notice, channel), notice)
        assert channel is not None  # or there would be no message
        if delivery.handed_at is not None and not routing.may_repeat(
            delivery.kind, remembers_key=channel.remembers_keys
        ):
            answer = "whoever sent it was stopped before it could say what became of it"
            settlement = routing.unanswered(
                delivery, answer, now=self._clocks.real(), remembers_key=False, chance=self._chance.random()
            )
            return self._result(delivery, settlement, notice)
        return _Letter(delivery, notice, message)

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
            EXPIRED: (State.EXPIRED, "it came too late to be of use"),
        }
        state, why = reasons.get(verdict, (State.CANCELLED, f"the tracker says: {verdict}"))
        return Settlement(state, why)

    def _left(self, delivery: Delivery, notice: OwedNotice, channel: Channel | None) -> Settlement | None:
        """What to settle it as if it is for an address that has left its kind. No other channel is tried instead."""
        address = channel.address(notice.recipient) if channel is not None else None
        if not address or not self._preferences.has_left(address, notice.kind):
            return None
        if delivery.handed_at is not None:
            why = "no answer; not repeated, because its reader has opted out since"
            return Settlement(State.UNKNOWN, why, handed_at=delivery.handed_at)
        return Settlement(State.OPTED_OUT, "its reader wants no more of this kind")

    def _suppressed(self, delivery: Delivery, notice: OwedNotice, channel: Channel | None) -> Settlement | None:
        """What to settle it as if its address does not take messages: the next channel's turn."""
        address = channel.address(notice.recipient) if channel is not None else None
        found = self._feedback.suppressed(address_digest(address, self._proof_key), self._clocks.real())
        if not address or found is None:
            return None
        if delivery.handed_at is not None:
            why = f"no answer; not repeated, because nothing is sent to this address now: {found.cause}"
            return Settlement(State.UNKNOWN, why, handed_at=delivery.handed_at)
        then = routing.plan(notice, self._channels, after=delivery.channel)
        return Settlement(
            State.FAILED, f"nothing is sent to this address: {found.cause} {found.since:%Y-%m-%d}", then=then
        )

    def _composed(self, delivery: Delivery, notice: OwedNotice, channel: Channel | None) -> Message | ForGood | Later:
        """The message, or why there is none."""
        if channel is None:
            return ForGood(f"there is no channel {delivery.channel!r} here")
        if not channel.address(notice.recipient):
            return ForGood(f"no address for {delivery.channel}")
        try:
            return channel.compose(notice, key=delivery.id, written_at=self._clocks.real())
        except UnsayableError as refusal:
            return ForGood(str(refusal))
        except Exception as error:  # one notice that cannot be written must not hold up the others
            log.exception("notice cannot be written", delivery=delivery.id, kind=delivery.kind)
            return Later(f"could not be written: {type(error).__name__}")

    def _sent(self, channel: Channel, message: Message, delivery: Delivery) -> Outcome:
        outcome = channel.send(message, key=delivery.id)
        log.info("notice sent", delivery=delivery.id, kind=delivery.kind, outcome=type(outcome).__name__)
        return outcome

    def _outcome(self, outcome: Outcome, letter: _Letter) -> Result:
        """What a provider's answer makes of what it was handed."""
        delivery, notice, message = letter.delivery, letter.notice, letter.message
        settlement = self._after(outcome, delivery, notice, self._channels[delivery.channel])
        settlement = replace(settlement, answered=isinstance(outcome, Accepted | ForGood))
        digest = address_digest(message.address, self._proof_key)
        sent = Sent(digest, message.language, hashlib.sha256(message.body).hexdigest())
        return self._result(delivery, settlement, notice, sent)

    def _after(self, outcome: Outcome, delivery: Delivery, notice: OwedNotice, channel: Channel | None) -> Settlement:
        return routing.settle(
            outcome,
            delivery,
            now=self._clocks.real(),
            remembers_key=channel is not None and channel.remembers_keys,
            chance=self._chance.random(),
            then=routing.plan(notice, self._channels, after=delivery.channel),
        )

    def _result(
        self, delivery: Delivery, settlement: Settlement, notice: OwedNotice | None = None, sent: Sent = UNSENT
    ) -> Result:
        evidence = " ".join(notice.evidence) if notice is not None else ""
        proof = proof_of(delivery, settlement, self._clocks.real(), sent=sent, evidence=evidence)
        return Result(delivery, settlement, proof)
