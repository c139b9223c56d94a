"""From a notice that is owed to a message that was sent, once in effect, and proof of it."""

import hashlib
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from notify import routing
from notify.channel import Channel, Message, UnsayableError
from notify.delivery import Delivery, ForGood, Later, Outcome, Settlement, State
from notify.owed import EXPIRED, OVERTAKEN, STANDS, UNSAID, Outbox, OwedNotice
from notify.preferences import Preferences
from notify.proofs import Proof, address_digest
from notify.store.deliveries import DeliveryStore
from tracker.clock import Clock

log = structlog.get_logger(__name__)

SOON = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Clocks:
    """What is true is judged by business time; leases and waits by real time, whatever a demo's clock does."""

    business: Clock
    real: Callable[[], datetime]


class Dispatcher:
    """Plans what is owed, sends what is due, and tells the tracker how far each notice got.

    All it knows stands in the database: it may be killed anywhere, and several may work at once.
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
    ) -> None:
        self._outbox = outbox
        self._deliveries = deliveries
        self._channels = channels
        self._clocks = clocks
        self._preferences = preferences
        self._proof_key = proof_key
        self._chance = chance

    def step(self, limit: int = 100, *, stopped: Callable[[], bool] = lambda: False) -> int:
        """One round: plan, send at most `limit` that are due, report. How much there was to do; 0 if nothing."""
        done = self._plan()
        for _ in range(limit):
            delivery = None if stopped() else self._deliveries.claim(self._clocks.real())
            if delivery is None:
                break
            self._attend(delivery)
            done += 1
        return done + self._report()

    def _plan(self) -> int:
        owed = self._outbox.unplanned()
        if not owed:
            return 0
        planned = [one for notice in owed if (one := routing.plan(notice, self._channels)) is not None]
        self._deliveries.plan(planned, self._clocks.real())
        # A crash before this line plans them again, and equal plans have equal ids.
        self._outbox.planned([notice.id for notice in owed])
        return len(owed)

    def _report(self) -> int:
        settled = self._deliveries.unreported()
        for delivery, notice, state in settled:
            self._outbox.told(notice, state)
            self._deliveries.reported(delivery, state)
        return len(settled)

    # One delivery

    def _attend(self, delivery: Delivery) -> None:
        notice = self._outbox.notice(delivery.notice)
        if notice is None:
            self._settle(delivery, Settlement(State.CANCELLED, "the tracker knows no such notice"))
            return
        stale = self._stale(delivery, notice)
        if stale is not None:
            self._settle(delivery, stale)
            return
        channel = self._channels.get(delivery.channel)
        left = self._left(delivery, notice, channel)
        if left is not None:
            self._settle(delivery, left)
            return
        message = self._composed(delivery, notice, channel)
        if not isinstance(message, Message):
            self._settle(delivery, self._after(message, delivery, notice, channel))
            return
        assert channel is not None  # or there would be no message
        if delivery.handed_at is not None and not routing.may_repeat(
            delivery.kind, remembers_key=channel.remembers_keys
        ):
            answer = "whoever sent it was stopped before it could say what became of it"
            settlement = routing.unanswered(
                delivery, answer, now=self._clocks.real(), remembers_key=False, chance=self._chance.random()
            )
            self._settle(delivery, settlement)
            return
        if not self._deliveries.hand(delivery, self._clocks.real()):
            return  # we were paused for longer than a lease: whoever has it now sends it
        outcome = self._sent(channel, message, delivery)
        self._settle(delivery, self._after(outcome, delivery, notice, channel), message)

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
                return Settlement(State.RETRY, "waits for what it takes back to be sent or not", due_at=due_at)
        if delivery.handed_at is not None:
            why = f"no answer; not repeated, because it is {verdict}"
            return Settlement(State.UNKNOWN, why, handed_at=delivery.handed_at)
        reasons = {
            OVERTAKEN: (State.CANCELLED, "it is no longer true"),
            UNSAID: (State.CANCELLED, "what it takes back was never told"),
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

    def _after(self, outcome: Outcome, delivery: Delivery, notice: OwedNotice, channel: Channel | None) -> Settlement:
        return routing.settle(
            outcome,
            delivery,
            now=self._clocks.real(),
            remembers_key=channel is not None and channel.remembers_keys,
            chance=self._chance.random(),
            then=routing.plan(notice, self._channels, after=delivery.channel),
        )

    def _settle(self, delivery: Delivery, settlement: Settlement, message: Message | None = None) -> None:
        now = self._clocks.real()
        proof = Proof(
            at=now,
            notice=delivery.notice,
            cause=delivery.cause,
            delivery=delivery.id,
            attempt=delivery.attempts,
            kind=delivery.kind,
            person=delivery.person,
            channel=delivery.channel,
            address=address_digest(message.address if message else None, self._proof_key),
            language=message.language if message else "",
            body_sha256=hashlib.sha256(message.body).hexdigest() if message else "",
            outcome=settlement.state,
            why=settlement.why,
            answer=settlement.answer,
        )
        if not self._deliveries.settle(delivery, settlement, proof, now):
            log.warning("lease ran out while sending", delivery=delivery.id, fence=delivery.fence)
