"""LDP/1 on the wire: topics and messages between scanner and tracker, and their MACs.

`docs/protocol.md` says what each field means. Decoding never raises anything but `UnfitMessageError`, whose
`why` is one of the short words that quarantine and `nack` carry.
"""

import hashlib
import hmac
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import msgspec

from tracker.domain.errors import LastscanError
from tracker.domain.ids import is_epoch, is_wire_name

MAX_PAYLOAD = 32 * 1024
MAX_BATCH = 64
MAX_AT_ONCE = 64  # messages of one HTTP request
MAX_DEPTH = 8
MAX_CODE = 4096
MAX_EXTRA = 1024
MAX_TEXT = {"sym": 32, "k": 32, "op": 64, "at": 64, "in": 256}
MAX_SEQ = 2**53 - 1  # what JSON numbers carry everywhere
MAX_MILLIS = 2**53 - 1
MAX_UPTIME = 2**40  # ms, 34 years

Hex = str


class UnfitMessageError(LastscanError):
    """What was heard cannot be understood; `why` is the word it is put aside under."""

    def __init__(self, why: str, detail: str = "") -> None:
        super().__init__(f"{why}: {detail}" if detail else why)
        self.why = why


# --- topics ---


@dataclass(frozen=True, slots=True)
class Address:
    """The site and device a topic names."""

    site: str
    dev: str

    @property
    def up(self) -> str:
        return f"lastscan/v1/{self.site}/{self.dev}/up"

    @property
    def down(self) -> str:
        return f"lastscan/v1/{self.site}/{self.dev}/down"


ALL_UP = "lastscan/v1/+/+/up"


def up_of_site(site: str) -> str:
    """The filter for everything the devices of one site say."""
    return f"lastscan/v1/{site}/+/up"


FEEDS = "_feed"
"""The site in the topics of feeds: no place can have this name, and no device either."""


def feed_of(topic: str) -> str | None:
    """The feed that speaks on this topic; None where it is a device, or nobody."""
    found = _UP.fullmatch(topic)
    return found[2] if found and found[1] == FEEDS and is_wire_name(found[2]) else None


_UP = re.compile(r"lastscan/v1/([^/]+)/([^/]+)/up")


def address_of(topic: str) -> Address:
    """Who speaks on an `up` topic; raises UnfitMessageError `topic` for any other."""
    found = _UP.fullmatch(topic)
    if not found or not is_wire_name(found[1]) or not is_wire_name(found[2]):
        raise UnfitMessageError("topic", repr(topic[:120]))
    return Address(site=found[1], dev=found[2])


# --- device -> tracker --------------------------------------------------------------------------------------------


class ScanRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One scan as the journal keeps it and the wire carries it."""

    q: int
    code: str
    sym: str
    k: str
    wall: int
    mono: int
    boot: int
    op: str | None = None
    at: str | None = None
    into: str | None = msgspec.field(name="in", default=None)
    lat: float | None = None
    lon: float | None = None
    x: dict[str, Any] | None = None


class Hello(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="t", tag="hello"):
    v: int
    ep: str
    first: int
    last: int
    boot: int
    mono: int
    wall: int
    sent: int
    fw: str | None = None


class Scans(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="t", tag="scans"):
    """A batch; `s` stays raw, because the MAC covers its exact bytes and each record stands or falls alone."""

    v: int
    ep: str
    sent: int
    mono: int
    boot: int
    s: msgspec.Raw
    mac: Hex | None = None


class Status(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="t", tag="status"):
    v: int
    ep: str
    last: int
    acked: int
    depth: int
    mono: int
    boot: int
    sent: int
    battery: float | None = None


Up = Hello | Scans | Status

# --- tracker -> device --------------------------------------------------------------------------------------------


class Ack(msgspec.Struct, frozen=True, kw_only=True, tag_field="t", tag="ack"):
    """Every q <= upto of this epoch is committed."""

    ep: str
    upto: int
    gen: int
    v: int = 1
    mac: Hex | msgspec.UnsetType = msgspec.UNSET

    def said(self) -> str:
        return f"ack|{self.ep}|{self.upto}|{self.gen}"


class Need(msgspec.Struct, frozen=True, kw_only=True, tag_field="t", tag="need"):
    """Please send these again, both ends included."""

    ep: str
    ranges: list[tuple[int, int]]
    gen: int
    v: int = 1
    mac: Hex | msgspec.UnsetType = msgspec.UNSET

    def said(self) -> str:
        return f"need|{self.ep}|{','.join(f'{a}-{b}' for a, b in self.ranges)}|{self.gen}"


class Nack(msgspec.Struct, frozen=True, kw_only=True, tag_field="t", tag="nack"):
    """Not understood as a record; kept aside for staff, and counted as committed."""

    ep: str
    q: int
    why: str
    gen: int
    v: int = 1
    mac: Hex | msgspec.UnsetType = msgspec.UNSET

    def said(self) -> str:
        return f"nack|{self.ep}|{self.q}|{self.gen}"


class Time(msgspec.Struct, frozen=True, kw_only=True, tag_field="t", tag="time"):
    c0: int
    s1: int
    s2: int
    v: int = 1


class Config(msgspec.Struct, frozen=True, kw_only=True, tag_field="t", tag="config"):
    symbologies: list[str]
    lengths: dict[str, list[int]]
    kinds: list[str]
    v: int = 1


Down = Ack | Need | Nack | Time | Config
Answer = Ack | Need | Nack

# --- encode and decode ---

_up_decoder = msgspec.json.Decoder(Up)
_down_decoder = msgspec.json.Decoder(Down)
_raw_list = msgspec.json.Decoder(list[msgspec.Raw])
_record_decoder = msgspec.json.Decoder(ScanRecord)
_any_decoder = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder()


def encode(message: Up | Down) -> bytes:
    """One UTF-8 JSON object. `v` is always written, whatever its default."""
    return _encoder.encode(message)


def encode_record(record: ScanRecord) -> bytes:
    """The bytes the journal keeps and every sending repeats unchanged."""
    return _encoder.encode(record)


def hear_up(payload: bytes) -> Up:
    """A message from a device.

    Raises UnfitMessageError: `too_long`, `too_deep`, `not_json`, `unknown_version`, `unknown_type`, `bad_field`.
    """
    if len(payload) > MAX_PAYLOAD:
        raise UnfitMessageError("too_long", f"{len(payload)} bytes")
    refuse_deep(payload)
    message: Up
    try:
        message = _up_decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise why_unfit(payload, wrong, known=("hello", "scans", "status")) from wrong
    if message.v != 1:
        raise UnfitMessageError("unknown_version", f"v={message.v}"[:40])
    if not is_epoch(message.ep):
        raise UnfitMessageError("bad_field", "ep")
    for name in ("first", "last", "boot", "wall", "sent", "acked", "depth"):
        if not 0 <= getattr(message, name, 0) <= MAX_MILLIS:
            raise UnfitMessageError("bad_field", name)
    if not 0 <= message.mono <= MAX_UPTIME:
        raise UnfitMessageError("bad_field", "mono")
    return message


def said_at_once(body: bytes) -> list[bytes]:
    """The messages of a JSON array, each as its own bytes; UnfitMessageError where it is none of 1 to `MAX_AT_ONCE`."""
    try:
        messages = [bytes(raw) for raw in _raw_list.decode(body)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise UnfitMessageError("not_json", str(wrong)) from wrong
    if not 1 <= len(messages) <= MAX_AT_ONCE:
        raise UnfitMessageError("bad_batch", f"{len(messages)} messages")
    return messages


def hear_down(payload: bytes) -> Down:
    """A message from the tracker; UnfitMessageError where it cannot be understood, for the device to ignore."""
    message: Down
    try:
        message = _down_decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise UnfitMessageError("not_understood", str(wrong)) from wrong
    if message.v != 1:
        raise UnfitMessageError("unknown_version", f"v={message.v}"[:40])
    return message


def raw_records(scans: Scans) -> list[bytes]:
    """The records of a batch, each as its own bytes; UnfitMessageError `bad_batch` where `s` is no list of 1 to 64."""
    try:
        records = [bytes(raw) for raw in _raw_list.decode(scans.s)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise UnfitMessageError("bad_batch", str(wrong)) from wrong
    if not 1 <= len(records) <= MAX_BATCH:
        raise UnfitMessageError("bad_batch", f"{len(records)} records")
    return records


def hear_record(raw: bytes) -> ScanRecord:
    """One record of a batch. A code of any kind passes; only what is no record raises UnfitMessageError."""
    try:
        record = _record_decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise UnfitMessageError("not_a_record", str(wrong)) from wrong
    if not 1 <= record.q <= MAX_SEQ:
        raise UnfitMessageError("bad_seq", str(record.q))
    if len(record.code.encode()) > MAX_CODE:
        raise UnfitMessageError("too_long", "code")
    if record.x is not None and len(_encoder.encode(record.x)) > MAX_EXTRA:
        raise UnfitMessageError("too_long", "x")
    bounds = (("wall", record.wall, MAX_MILLIS), ("mono", record.mono, MAX_UPTIME), ("boot", record.boot, MAX_MILLIS))
    for name, value, most in bounds:
        if not 0 <= value <= most:
            raise UnfitMessageError("bad_field", name)
    texts = (("sym", record.sym), ("k", record.k), ("op", record.op), ("at", record.at), ("in", record.into))
    for name, text in texts:
        if text is not None and len(text) > MAX_TEXT[name]:
            raise UnfitMessageError("too_long", name)
    return record


def seq_of(raw: bytes) -> int | None:
    """The `q` of something that is otherwise no record, if it has a usable one."""
    try:
        thing = _any_decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    q = thing.get("q") if isinstance(thing, dict) else None
    return q if isinstance(q, int) and not isinstance(q, bool) and 1 <= q <= MAX_SEQ else None


def canonical(record: ScanRecord) -> bytes:
    """A digest of every field, the same however the record was spaced: what T4 compares."""
    return hashlib.blake2b(msgspec.json.encode(record, order="deterministic"), digest_size=16).digest()


def voided(record: ScanRecord) -> tuple[str, int] | None:
    """The scan (epoch, q) that a `void` withdraws, where it names one."""
    named = (record.x or {}).get("void") if record.k == "void" else None
    match named:
        case [str(ep), int(q)] if is_epoch(ep) and not isinstance(q, bool) and 1 <= q <= MAX_SEQ:
            return ep, q
    return None


# --- MACs ---


def batch_mac(key: bytes, ep: str, s: bytes) -> Hex:
    """HMAC-SHA-256 over the epoch's 32 characters and the exact bytes of the array."""
    return hmac.digest(key, ep.encode() + s, "sha256").hex()


def answer_mac(key: bytes, answer: Answer) -> Hex:
    """HMAC-SHA-256 over the answer's type, epoch, number or ranges, and generation, joined by `|`."""
    return hmac.digest(key, answer.said().encode(), "sha256").hex()


def signed(key: bytes | None, answer: Answer) -> Answer:
    return msgspec.structs.replace(answer, mac=answer_mac(key, answer)) if key else answer


def same_mac(one: Hex, other: Hex | msgspec.UnsetType | None) -> bool:
    return isinstance(other, str) and hmac.compare_digest(one.encode(), other.lower().encode())


def signed_batch(key: bytes | None, records: list[bytes], *, ep: str, sent: int, mono: int, boot: int) -> bytes:
    """A `scans` message ready to publish; the records go in byte for byte as the journal kept them."""
    s = b"[" + b",".join(records) + b"]"
    mac = batch_mac(key, ep, s) if key else None
    return encode(Scans(v=1, ep=ep, sent=sent, mono=mono, boot=boot, s=msgspec.Raw(s), mac=mac))


_ONE_KIND = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))

# An unclosed string runs to the end of the payload: tried again from each of its quotes, it would take seconds.
_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)


def refuse_deep(payload: bytes) -> None:
    """Depth by counting brackets outside strings; cheap, and before any parser sees the bytes."""
    if payload.count(b"{") + payload.count(b"[") <= MAX_DEPTH:
        return
    if b"\\" not in payload:  # then every second piece between quotes is a string
        brackets = b"".join(payload.split(b'"')[::2]).translate(_ONE_KIND, _NO_BRACKETS)
        for _ in range(MAX_DEPTH):
            brackets = brackets.replace(b"[]", b"")  # the innermost level
        if not brackets:
            return
    depth = 0
    for mark in _STRING_OR_BRACKET.findall(payload):
        if mark in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise UnfitMessageError("too_deep")
        elif mark in b"]}":
            depth -= 1


def why_unfit(payload: bytes, wrong: Exception, *, known: Collection[str]) -> UnfitMessageError:
    """Why this payload, which should be of one of the `known` types, could not be decoded."""
    try:
        thing = _any_decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return UnfitMessageError("not_json", str(wrong))
    if not isinstance(thing, dict):
        return UnfitMessageError("not_json", "not an object")
    if thing.get("t") not in known:
        return UnfitMessageError("unknown_type", repr(thing.get("t"))[:40])
    if thing.get("v") != 1:
        return UnfitMessageError("unknown_version", repr(thing.get("v"))[:40])
    return UnfitMessageError("bad_field", str(wrong))
