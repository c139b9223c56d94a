"""A message provider that takes and drops, goes silent, refuses, and forgets keys if it is of that sort."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime

from lastscan.simulate.events import VirtualTime
from lastscan.simulate.faults import Faults
from lastscan.simulate.oracle import Oracle
from notify.channel import Message
from notify.delivery import Accepted, ForGood, Later, NoAnswer, Outcome
from notify.owed import OwedNotice, Recipient


class Provider:
    """A `notify.channel.Channel`. What it takes, its reader sees."""

    def __init__(self, time: VirtualTime, faults: Faults, oracle: Oracle, counts: Counter[str]) -> None:
        self.remembers_keys = not faults.forgetful
        self.asked = 0
        self.on_send: Callable[[Message, str], None] = lambda message, key: None
        """Told before each message is taken; it may kill who sends, or make it wait."""
        self.after_send: Callable[[], None] = lambda: None
        self._faults = faults
        self._oracle = oracle
        self._counts = counts
        self._chance = time.chance("provider")
        self._taken: set[str] = set()

    def heal(self) -> None:
        self._faults = self._faults.only(())

    def address(self, recipient: Recipient) -> str | None:
        return recipient.email

    def compose(self, notice: OwedNotice, *, key: str, written_at: datetime) -> Message:
        assert notice.recipient.email is not None
        return Message(notice.recipient.email, notice.recipient.language, notice.cause.encode())

    def send(self, message: Message, *, key: str) -> Outcome:
        self.asked += 1
        self.on_send(message, key)
        outcome = self._decided(message, key)
        self.after_send()
        return outcome

    def _decided(self, message: Message, key: str) -> Outcome:
        strikes, taken = self._chance.random(), self._chance.random() < 0.5
        if strikes < self._faults.refuse_later:
            return Later("451 try again")
        strikes -= self._faults.refuse_later
        if strikes < self._faults.refuse_ever:
            self._oracle.refused.add((message.body.decode(), message.address))
            return ForGood("550 no such mailbox")
        strikes -= self._faults.refuse_ever
        if strikes < self._faults.no_answer:
            if taken:
                self._take(message, key)
            return NoAnswer("timed out")
        self._take(message, key)
        return Accepted("250 ok")

    def _take(self, message: Message, key: str) -> None:
        if self.remembers_keys and key in self._taken:
            self._counts["repeats absorbed"] += 1
            return
        self._taken.add(key)
        self._oracle.shown[(message.body.decode(), message.address)] += 1
