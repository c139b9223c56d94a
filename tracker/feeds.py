"""What feeds say over MQTT, of departures and of bags: kept as facts, and put aside where nobody can read it.

A broker's acknowledgement is no promise (docs/protocol.md), and a feed hears no receipt: who must be sure that it was
kept tells it over HTTPS, or again. The same again changes nothing.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
import structlog
from msgspec import UNSET, Meta, Struct, UnsetType

from tracker.bag_news import BagDesk
from tracker.clock import Clock
from tracker.domain.bags import BadBagMessageError, BagMessage, parse
from tracker.domain.errors import BadNameError, StoreError, UnkeepableError
from tracker.domain.ids import DepartureName, facility_code
from tracker.ingest import Heard
from tracker.network import DepartureUpdate, Network
from tracker.store import Store
from tracker.store.fact_log import NewAside
from tracker.wire import MAX_PAYLOAD, UnfitMessageError, feed_of, refuse_deep, why_unfit

log = structlog.get_logger()

Instant = Annotated[datetime, Meta(tz=True)]
Id = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[\x21-\x7e]+\Z")]
Tail = Annotated[str, Meta(min_length=1, max_length=20, pattern=r"^[A-Za-z0-9 .-]+\Z")]


class UpdateForm(Struct, forbid_unknown_fields=True, frozen=True):
    """One update of a departure as JSON, over whichever wire."""

    departure: Annotated[str, Meta(max_length=40)]
    at: Instant
    id: Id | None = None
    tail: Tail | UnsetType | None = UNSET
    estimated_departure: Instant | UnsetType | None = UNSET
    estimated_arrival: Instant | UnsetType | None = UNSET
    left_at: Instant | UnsetType | None = UNSET
    landed_at: Instant | UnsetType | None = UNSET
    cancelled: bool | UnsetType = UNSET
    diverted_to: Annotated[str, Meta(max_length=12)] | UnsetType | None = UNSET

    def update(self) -> DepartureUpdate:
        """BadNameError where it names no departure or place."""
        said = {name: value for name in _SAID if not isinstance(value := getattr(self, name), UnsetType)}
        if self.diverted_to:
            said["diverted_to"] = facility_code(self.diverted_to)
        return DepartureUpdate(str(DepartureName.parse(self.departure)), self.at, said, self.id)


Updates = Annotated[tuple[UpdateForm, ...], Meta(min_length=1, max_length=500)]

_SAID = [name for name in UpdateForm.__struct_fields__ if name not in ("departure", "at", "id")]


class Departures(Struct, frozen=True, tag_field="t", tag="departures"):
    """`{"t":"departures","v":1,"updates":[…]}`: all of them, or none."""

    v: int
    updates: Updates


class BagTelegram(Struct, frozen=True, tag_field="t", tag="bagmsg"):
    """`{"t":"bagmsg","v":1,"text":"BPM…"}`: one whole baggage message."""

    v: int
    text: str


_decoder = msgspec.json.Decoder(Departures | BagTelegram)

Content = list[DepartureUpdate] | BagMessage
"""What one message of a feed says."""


class FeedDesk:
    """Keeps what feeds say. One caller at a time."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._network = Network(store, clock)
        self._bags = BagDesk(store, clock)

    def take(self, heard: Sequence[Heard]) -> None:
        """Keeps all of it, or puts it aside with the reason, and returns when that is committed; else StoreError."""
        if not heard:
            return
        with self._store.reading() as tx:
            feeds = {feed.name: feed for feed in tx.network.feeds()}
        told: dict[str, list[tuple[Heard, Content]]] = {}
        asides: list[NewAside] = []
        for message in heard:
            name = feed_of(message.topic) or ""
            try:
                if name not in feeds:
                    raise UnfitMessageError("unknown_feed", name)
                if feeds[name].revoked_at is not None:
                    raise UnfitMessageError("revoked", name)
                told.setdefault(name, []).append((message, told_by(message.payload)))
            except UnfitMessageError as unfit:
                asides.append(_aside(message, unfit.why, str(unfit)))
        for name, messages in told.items():
            asides += self._keep(name, messages)
        if asides:
            with self._store.writing() as tx:
                new = tx.log.put_aside(asides)
            for thing in new:
                log.warning("put aside", topic=thing.topic[:120], why=thing.why, detail=thing.detail[:200])

    def _keep(self, feed: str, messages: Sequence[tuple[Heard, Content]]) -> list[NewAside]:
        """All of it; where that trips over something of ours, each alone. Answers what cannot be kept."""
        try:
            self._network.tell(feed, [update for _, said in messages if isinstance(said, list) for update in said])
            bags = [(said, heard.heard_at) for heard, said in messages if isinstance(said, BagMessage)]
            self._bags.tell(feed, bags)
        except BadBagMessageError as wrong:
            trouble: Exception = wrong
        except UnkeepableError as wrong:
            trouble = wrong
        except StoreError:
            raise
        except Exception as wrong:
            log.exception("tripped over what a feed says")
            trouble = wrong
        else:
            return []
        if len(messages) > 1:
            return [thing for message in messages for thing in self._keep(feed, [message])]
        why = "bad_bag_message" if isinstance(trouble, BadBagMessageError) else "unkeepable"
        return [_aside(messages[0][0], why, f"{type(trouble).__name__}: {trouble}")]


def told_by(payload: bytes) -> Content:
    """What a feed says of departures or of bags.

    Raises UnfitMessageError: `too_long`, `too_deep`, `not_json`, `unknown_type`, `unknown_version`, `bad_field`,
    `bad_name`, `bad_bag_message`.
    """
    if len(payload) > MAX_PAYLOAD:
        raise UnfitMessageError("too_long", f"{len(payload)} bytes")
    refuse_deep(payload)
    try:
        said = _decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise why_unfit(payload, wrong, known=("departures", "bagmsg")) from wrong
    if said.v != 1:
        raise UnfitMessageError("unknown_version", f"v={said.v}"[:40])
    if isinstance(said, BagTelegram):
        try:
            return parse(said.text)
        except BadBagMessageError as wrong:
            raise UnfitMessageError("bad_bag_message", str(wrong)) from wrong
    try:
        return [form.update() for form in said.updates]
    except BadNameError as wrong:
        raise UnfitMessageError("bad_name", str(wrong)) from wrong


def _aside(message: Heard, why: str, detail: str) -> NewAside:
    return NewAside(message.topic, why, detail, message.payload, message.heard_at)
