"""From what is owed to what endpoints were sent: puts messages down, sends those due, and tells owners who stopped
answering."""

import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from notify import routing
from notify.channels.webhook.body import body
from notify.channels.webhook.channel import hand_over
from notify.channels.webhook.endpoint import FAILS_FOR, NAME, TEST, Attempt, Endpoint, Message, NewMessage
from notify.delivery import Accepted, ForGood, Later, NoAnswer, Outcome, State
from notify.guarded import Guard
from notify.owed import EXPIRED, STANDS, OwedNotice
from notify.store.webhooks import WebhookStore
from tracker.clock import Clock

log = structlog.get_logger(__name__)

AT_ONCE = 8  # endpoints that are sent to at the same time
LOOK_EVERY_S = 0.25
TEND_EVERY_S = 60.0
A_WHILE = timedelta(seconds=30)

GAVE_UP, OFF = "given up at the end of the ladder", "it asked for no more"


class Outbox(Protocol):
    """The tracker's side, as much as is used here: `tracker.outbox.Outbox`."""

    def unnoted(self, limit: int = 500) -> list[OwedNotice]: ...
    def noted(self, ids: Sequence[str]) -> None: ...
    def verdict(self, id: str, now: datetime) -> str: ...


def message_for(endpoint: Endpoint, notice: OwedNotice, *, pages: str) -> NewMessage:
    return NewMessage(
        id=routing.delivery_id(notice.id, f"{NAME}:{endpoint.id}"),
        webhook=endpoint.id,
        notice=notice.id,
        cause=notice.cause,
        withdraws=notice.withdraws,
        kind=notice.kind,
        body=body(notice, pages=pages),
    )


@dataclass(frozen=True, slots=True)
class _Next:
    state: State
    why: str
    due_at: datetime | None = None
    handed_at: datetime | None = None


def next_step(outcome: Outcome, message: Message, *, now: datetime, chance: float) -> _Next:
    """What an attempt's outcome makes of a message. Receivers know it by its id, so it may always be repeated."""
    if isinstance(outcome, Accepted):
        return _Next(State.ACCEPTED, "the endpoint took it", None, message.handed_at or now)
    since = (message.handed_at or now) if isinstance(outcome, NoAnswer) else message.handed_at
    pause = routing.wait(message.rung, chance=chance)
    if isinstance(outcome, ForGood) or pause is None:
        why = OFF if isinstance(outcome, ForGood) else GAVE_UP
        return _Next(State.FAILED if since is None else State.UNKNOWN, why, None, since)
    asked = (outcome.after if isinstance(outcome, Later) else None) or timedelta(0)
    why = "no answer; will be repeated" if isinstance(outcome, NoAnswer) else "refused for now"
    return _Next(State.RETRY if since is None else State.UNKNOWN, why, now + max(pause, asked), since)


class Sender:
    """Sends what is due to endpoints. All it knows stands in the database, so it may be killed anywhere.

    `mail` tells an owner that an endpoint was switched off.
    """

    def __init__(
        self,
        outbox: Outbox,
        store: WebhookStore,
        guard: Guard,
        *,
        pages: str,
        business: Clock,
        now: Callable[[], datetime],
        chance: random.Random,
        mail: Callable[[Endpoint], Outcome] | None = None,
    ) -> None:
        self._outbox = outbox
        self._store = store
        self._guard = guard
        self._pages = pages
        self._business = business
        self._now = now
        self._chance = chance
        self._mail = mail

    def step(self, limit: int = 100) -> int:
        """Puts down what is newly owed and sends at most `limit` that are due, one after the other; how many."""
        self.note()
        for done in range(limit):
            message = self._store.claim(self._now())
            if message is None:
                return done
            self._attend(message)
        return limit

    def note(self) -> None:
        """Puts down what is newly owed for the endpoints that want it. A crash in between puts it down again, and equal
        messages are one."""
        owed = self._outbox.unnoted()
        if not owed:
            return
        endpoints = self._store.of()
        messages = [
            message_for(endpoint, notice, pages=self._pages)
            for notice in owed
            for endpoint in endpoints
            if endpoint.account == notice.account and endpoint.wants(notice.kind)
        ]
        self._store.put_down(messages, self._now())
        self._outbox.noted([notice.id for notice in owed])

    def tend(self) -> None:
        """What is to be done now and then: owners told, old messages forgotten."""
        for endpoint in self._store.owners_to_tell() if self._mail is not None else ():
            assert self._mail is not None
            if not isinstance(self._mail(endpoint), Later):  # what may have arrived is not sent twice
                self._store.owner_told(endpoint)
        self._store.forget_old(self._now())

    def run(self, stop: threading.Event) -> None:
        """Looks four times a second until `stop` is set, then finishes what is being sent."""
        free = threading.Semaphore(AT_ONCE)
        tended_at = -TEND_EVERY_S
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="webhook") as pool:
            while not stop.is_set():
                message = None
                try:
                    if time.monotonic() - tended_at >= TEND_EVERY_S:
                        tended_at = time.monotonic()
                        pool.submit(self._tend_quietly)
                    self.note()
                    if free.acquire(timeout=LOOK_EVERY_S):
                        message = self._store.claim(self._now())
                        if message is None:
                            free.release()
                        else:
                            pool.submit(self._attend_quietly, message).add_done_callback(lambda _: free.release())
                except Exception:  # a database that is away for a minute must not end it
                    log.exception("the round was broken off; it will be taken up again")
                if message is None:
                    stop.wait(LOOK_EVERY_S)

    def _attend_quietly(self, message: Message) -> None:
        try:
            self._attend(message)
        except Exception:  # its lease runs out and it is taken up again
            log.exception("webhook not settled", message=message.id)

    def _tend_quietly(self) -> None:
        try:
            self.tend()
        except Exception:
            log.exception("owners of webhooks not told; it will be tried again")

    # One message

    def _attend(self, message: Message) -> None:
        not_told = self._not_told(message)
        if not_told is not None:
            self._settle(message, not_told, None)
            return
        if not self._store.hand(message, self._now()):
            return  # we were paused for longer than a lease: whoever has it now sends it
        at, began = self._now(), time.monotonic()
        outcome = hand_over(self._guard, message.endpoint, id=message.id, body=message.body, now=at)
        step = next_step(outcome, message, now=self._now(), chance=self._chance.random())
        if message.kind == TEST and not isinstance(outcome, Accepted):
            step = _Next(State.FAILED, "a test is sent once")
        attempt = Attempt(
            message=message.id,
            kind=message.kind,
            attempt=message.attempts,
            at=at,
            outcome={Accepted: "accepted", NoAnswer: "no_answer", Later: "refused", ForGood: "gone"}[type(outcome)],
            answer=outcome.answer,
            took_ms=round((time.monotonic() - began) * 1000),
            state=step.state,
            again_at=step.due_at,
        )
        self._settle(message, step, attempt)
        log.info("webhook sent", message=message.id, kind=message.kind, outcome=attempt.outcome)
        if message.kind != TEST or isinstance(outcome, Accepted):
            self._fared(message.endpoint, outcome)

    def _not_told(self, message: Message) -> _Next | None:
        """What becomes of it if it should not be sent. What was let go once is repeated, whatever holds by now."""
        if message.kind == TEST or message.handed_at is not None:
            return None
        if message.endpoint.off_at is not None:
            return _Next(State.FAILED, "the endpoint is switched off")
        if message.withdraws is not None:
            said = self._store.said(message.endpoint.id, message.withdraws)
            if said is None:
                return _Next(State.RETRY, "waits for what it takes back to be sent or not", self._now() + A_WHILE)
            return None if said else _Next(State.CANCELLED, "what it takes back was never told")
        # A machine keeps a history: what is too late for people is not too late for it.
        if self._outbox.verdict(message.notice, self._business.now()) in (STANDS, EXPIRED):
            return None
        return _Next(State.CANCELLED, "it is no longer true")

    def _settle(self, message: Message, step: _Next, attempt: Attempt | None) -> None:
        self._store.settle(
            message, state=step.state, why=step.why, due_at=step.due_at, handed_at=step.handed_at, attempt=attempt
        )

    def _fared(self, endpoint: Endpoint, outcome: Outcome) -> None:
        now = self._now()
        gone = "it answered 410 Gone" if isinstance(outcome, ForGood) else None
        well = isinstance(outcome, Accepted)
        why = self._store.fared(endpoint.id, well=well, now=now, gone=gone, off_before=now - FAILS_FOR)
        if why is not None:
            log.warning("webhook switched off", webhook=endpoint.id, why=why)
