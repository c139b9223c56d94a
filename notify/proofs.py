"""The record of each attempt and of each decision not to send: chained, so that none can be changed unseen."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version

from notify.delivery import Delivery, Settlement
from tracker.domain.chain import Value


@dataclass(frozen=True, slots=True)
class Proof:
    """One attempt or decision, told without contact data: the address is a keyed digest, the person a pseudonym."""

    at: datetime
    notice: str
    cause: str
    delivery: str
    attempt: int  # how often it had been taken up
    kind: str
    person: str
    channel: str
    outcome: str
    why: str
    answer: str = ""
    address: str = ""
    language: str = ""
    body_sha256: str = ""  # empty: nothing was sent
    evidence: str = ""  # the scans that caused it
    provider_id: str = ""  # the provider's own name for it
    program: str = ""  # whose rules and templates these were

    def said(self) -> dict[str, Value]:
        """As a row of the chain: instants in RFC 3339, in UTC."""
        row: dict[str, Value] = {name: getattr(self, name) for name in self.__slots__}
        return row | {"at": self.at.astimezone(UTC).isoformat()}


@dataclass(frozen=True, slots=True)
class Sent:
    """What was handed over, as a proof may tell it."""

    address: str = ""
    language: str = ""
    body_sha256: str = ""


UNSENT = Sent()


def proof_of(
    delivery: Delivery, settlement: Settlement, at: datetime, *, sent: Sent = UNSENT, evidence: str = ""
) -> Proof:
    return Proof(
        at=at,
        notice=delivery.notice,
        cause=delivery.cause,
        delivery=delivery.id,
        attempt=delivery.fence,
        kind=delivery.kind,
        person=delivery.person,
        channel=delivery.channel,
        outcome=settlement.state,
        why=settlement.why,
        answer=settlement.answer,
        address=sent.address,
        language=sent.language,
        body_sha256=sent.body_sha256,
        evidence=evidence,
        provider_id=settlement.provider_id,
        program=program(),
    )


@cache
def program() -> str:
    return f"lastscan {version('lastscan')}"


def address_digest(address: str | None, key: bytes) -> str:
    """Tells whether two proofs went to one address, to nobody without the key. Empty for no address."""
    return hmac.new(key, address.strip().casefold().encode(), hashlib.sha256).hexdigest() if address else ""
