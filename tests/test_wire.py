"""The wire: what is said is heard, and whatever is heard costs nobody more than a word in quarantine."""

import hashlib
import hmac
import json
import random
import string
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracker import wire
from tracker.wire import UnfitMessageError

quick = settings(max_examples=60)

EPOCH = "9f3c" * 8
KEY = bytes(range(32))

epochs = st.text("0123456789abcdef", min_size=32, max_size=32)
seqs = st.integers(1, wire.MAX_SEQ)
millis = st.integers(0, wire.MAX_MILLIS)
uptimes = st.integers(0, wire.MAX_UPTIME)
macs = st.none() | st.text("0123456789abcdef", min_size=64, max_size=64)
plain = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
extras = st.dictionaries(
    plain,
    st.recursive(st.none() | st.booleans() | st.integers(-(2**53), 2**53) | plain, st.lists, max_leaves=4),
    max_size=3,
)
records = st.builds(
    wire.ScanRecord,
    q=seqs,
    code=st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
    sym=plain,
    k=plain,
    wall=millis,
    mono=uptimes,
    boot=millis,
    op=st.none() | plain,
    at=st.none() | plain,
    into=st.none() | plain,
    lat=st.none() | st.floats(-90, 90),
    lon=st.none() | st.floats(-180, 180),
    x=st.none() | extras,
)
hellos = st.builds(
    wire.Hello, v=st.just(1), ep=epochs, first=seqs, last=millis, boot=millis, mono=uptimes, wall=millis, sent=millis,
    fw=st.none() | plain,
)  # fmt: skip
statuses = st.builds(
    wire.Status, v=st.just(1), ep=epochs, last=millis, acked=millis, depth=millis, mono=uptimes, boot=millis,
    sent=millis, battery=st.none() | st.floats(0, 1),
)  # fmt: skip
answers = st.one_of(
    st.builds(wire.Ack, ep=epochs, upto=millis, gen=millis),
    st.builds(wire.Need, ep=epochs, ranges=st.lists(st.tuples(seqs, seqs), max_size=5), gen=millis),
    st.builds(wire.Nack, ep=epochs, q=seqs, why=plain, gen=millis),
)
others_down = st.one_of(
    st.builds(wire.Time, c0=millis, s1=millis, s2=millis),
    st.builds(
        wire.Config,
        symbologies=st.lists(plain, max_size=4),
        lengths=st.dictionaries(plain, st.lists(st.integers(1, 99), max_size=3), max_size=2),
        kinds=st.lists(plain, max_size=4),
    ),
)


def hello(**changed: Any) -> bytes:
    said: dict[str, Any] = {
        "t": "hello", "v": 1, "ep": EPOCH, "first": 801, "last": 812, "boot": 7, "mono": 10523,
        "wall": 1790000000123, "sent": 1790000000123, "fw": "1.4.2",
    }  # fmt: skip
    return json.dumps({**said, **changed}).encode()


def record(**changed: Any) -> bytes:
    said: dict[str, Any] = {
        "q": 801, "code": "LS123456785NL", "sym": "code128", "k": "sort", "wall": 1790000000090,
        "mono": 10490, "boot": 7,
    }  # fmt: skip
    return json.dumps({**said, **changed}).encode()


def refused(payload: bytes) -> str:
    with pytest.raises(UnfitMessageError) as unfit:
        wire.hear_up(payload)
    return unfit.value.why


def word(hear: Callable[[Any], object], said: Any) -> str | None:
    """The word it would be put aside under; None when it is understood. Anything else it raises goes through."""
    try:
        hear(said)
    except UnfitMessageError as unfit:
        return unfit.why
    return None


def refused_record(raw: bytes) -> str:
    with pytest.raises(UnfitMessageError) as unfit:
        wire.hear_record(raw)
    return unfit.value.why


# --- what is said is heard ---


@given(hellos | statuses)
@settings(quick)
def test_what_a_device_says_of_itself_is_heard_unchanged(said: wire.Up) -> None:
    assert wire.hear_up(wire.encode(said)) == said


@given(answers | others_down)
@settings(quick)
def test_what_the_tracker_answers_is_heard_unchanged(said: wire.Down) -> None:
    assert wire.hear_down(wire.encode(said)) == said


@given(st.lists(records, min_size=1, max_size=4), epochs, st.none() | st.just(KEY))
@settings(quick)
def test_a_batch_brings_each_record_byte_for_byte(kept: list[wire.ScanRecord], ep: str, key: bytes | None) -> None:
    raws = [wire.encode_record(each) for each in kept]
    heard = wire.hear_up(wire.signed_batch(key, raws, ep=ep, sent=5, mono=6, boot=7))
    assert isinstance(heard, wire.Scans)
    assert wire.raw_records(heard) == raws
    assert [wire.hear_record(raw) for raw in wire.raw_records(heard)] == kept
    assert (heard.mac is None) == (key is None)
    if key is not None:
        assert wire.same_mac(wire.batch_mac(key, ep, bytes(heard.s)), heard.mac)


def test_the_bytes_of_s_stay_as_they_were_sent_blanks_and_all() -> None:
    s = b'[ {"q":1, "code":"A",\n"sym":"qr","k":"sort","wall":1,"mono":1,"boot":1} ]'
    head = f'{{"t":"scans","v":1,"ep":"{EPOCH}","sent":1,"mono":1,"boot":1,"s":'.encode()
    heard = wire.hear_up(head + s + b"}")
    assert isinstance(heard, wire.Scans)
    assert bytes(heard.s) == s


def test_fields_nobody_knows_are_ignored() -> None:
    assert wire.hear_up(hello(colour="green", more={"a": [1]})) == wire.hear_up(hello())


def test_every_message_carries_its_version() -> None:
    for message in (wire.Ack(ep=EPOCH, upto=1, gen=1), wire.Time(c0=1, s1=2, s2=3)):
        assert json.loads(wire.encode(message))["v"] == 1


@given(st.text(max_size=200))
@settings(quick)
def test_a_topic_names_a_well_formed_site_and_device_or_nobody(topic: str) -> None:
    why = word(wire.address_of, topic)
    assert why == "topic" or wire.address_of(topic).up == topic


@pytest.mark.parametrize(
    "topic",
    [
        "lastscan/v1/ams/h-0017/down",
        "lastscan/v1/AMS/h-0017/up",
        "lastscan/v1/+/h-0017/up",
        "lastscan/v1/ams/#/up",
        "lastscan/v1/ams/-h/up",
        "lastscan/v1/ams/h\n/up",
        "lastscan/v1/ams/h-0017/up\n",
        "lastscan/v1/ams/" + "h" * 33 + "/up",
        "$share/x/lastscan/v1/ams/h/up",
    ],
)
def test_a_foreign_topic_is_nobodys(topic: str) -> None:
    with pytest.raises(UnfitMessageError):
        wire.address_of(topic)


# --- whatever is heard ---


def mutated(rng: random.Random, payload: bytes) -> bytes:
    """One to four things done to a payload that radios, bugs and ill will do."""
    body = bytearray(payload)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(body) + 1)
        match rng.randrange(7):
            case 0 if body:
                body[at % len(body)] ^= 1 << rng.randrange(8)
            case 1:
                body[at:at] = rng.choice(
                    [b'"', b"\\", b"{", b"[", b"]", b"}", b",", b"\0", b"\xff", b"\\ud800", b"NaN"]
                )
            case 2:
                del body[at : at + rng.randint(1, 9)]
            case 3:
                body[at:at] = body[: rng.randint(0, len(body))]
            case 4:
                body[at:at] = rng.choice([b"1e999", b"-1", b"9" * 30, b"null", b"true", b"[]", b"{}", b"0.5"])
            case 5:
                body = body[:at]
            case _:
                body[at:at] = bytes(rng.randrange(256) for _ in range(rng.randint(1, 6)))
    return bytes(body)


def hear_all(payload: bytes) -> None:
    """As the tracker hears: the message, its records, what they mean."""
    heard = wire.hear_up(payload)
    if isinstance(heard, wire.Scans):
        for raw in wire.raw_records(heard):
            wire.seq_of(raw)
            wire.canonical(wire.hear_record(raw))
            wire.voided(wire.hear_record(raw))


def test_two_thousand_broken_messages_raise_nothing_else() -> None:
    rng = random.Random(4711)
    void = record(k="void", x={"void": [EPOCH, 3]})
    sound = [
        hello(),
        wire.signed_batch(
            KEY, [record(), void, record(x={"note": "corner crushed"})], ep=EPOCH, sent=1, mono=1, boot=1
        ),
        json.dumps(
            {"t": "status", "v": 1, "ep": EPOCH, "last": 1, "acked": 1, "depth": 0, "mono": 1, "boot": 1, "sent": 1}
        ).encode(),
    ]
    for _ in range(2000):
        word(hear_all, mutated(rng, rng.choice(sound)))


def test_two_thousand_broken_records_raise_nothing_else() -> None:
    rng = random.Random(4712)
    for _ in range(2000):
        raw = mutated(rng, record(op="c17", at="AMS-S3", x={"void": [EPOCH, 3]}, lat=52.31))
        seq = wire.seq_of(raw)
        assert seq is None or 1 <= seq <= wire.MAX_SEQ
        assert word(wire.hear_record, raw) in (None, "not_a_record", "bad_seq", "too_long", "bad_field")


@given(st.binary(max_size=300))
@settings(quick)
def test_any_bytes_are_a_message_or_unfit(payload: bytes) -> None:
    word(hear_all, payload)
    assert word(wire.hear_down, payload) in (None, "not_understood", "unknown_version")


@pytest.mark.parametrize(
    "payload",
    [
        b"{" * 9 + b'"' + b'\\"' * 16_000,
        b"{" * 9 + b'"' + b'\\"' * 16_000 + b"\\",
        b'["' * 10_000,
        b'{"a":' * 6_000,
        b"[" * wire.MAX_PAYLOAD,
        b'"' * wire.MAX_PAYLOAD,
        b"\\" * wire.MAX_PAYLOAD,
        b'{"t":"' + b"\\u001d" * 5_000,
    ],
    ids=lambda payload: repr(payload[:12]),
)
def test_no_payload_takes_long_to_refuse(payload: bytes) -> None:
    # An unclosed string of escaped quotes once took four seconds: one device could have stopped all the others.
    started = time.process_time()
    refused(payload)
    assert time.process_time() - started < 0.05


def test_a_payload_past_32_kib_is_too_long() -> None:
    assert refused(hello(fw="x" * wire.MAX_PAYLOAD)) == "too_long"


def nested(depth: int) -> Any:
    return [nested(depth - 1)] if depth else 1


def test_eight_levels_are_heard_and_nine_are_too_deep() -> None:
    wire.hear_up(hello(more=nested(7)))
    assert refused(hello(more=nested(8))) == "too_deep"


def test_brackets_inside_a_text_are_not_depth() -> None:
    wire.hear_up(hello(fw='[[[[[[[[[[{{{{{{{{{{\\"[[[['))


def test_a_record_nested_without_end_is_no_record() -> None:
    deep = b'{"a":' * 5_000 + b"1" + b"}" * 5_000
    assert refused_record(record()[:-1] + b',"x":' + deep + b"}") == "not_a_record"
    assert wire.seq_of(b"[" * 50_000) is None


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"", "not_json"),
        (b"\xff\xfe", "not_json"),
        (b"[]", "not_json"),
        (b"null", "not_json"),
        (hello(fw="\x01").replace(b"\\u0001", b"\x01"), "not_json"),
        (hello().replace(b"10523", b"NaN"), "not_json"),
        (hello().replace(b"10523", b"Infinity"), "not_json"),
        (hello(t="goodbye"), "unknown_type"),
        (hello(t=["hello"]), "unknown_type"),
        (hello(v=2), "unknown_version"),
        (hello(v="1"), "unknown_version"),
        (hello(v=10**300), "unknown_version"),
        (hello(ep="9F3C" * 8), "bad_field"),
        (hello(ep="９" * 32), "bad_field"),
        (hello(first=-1), "bad_field"),
        (hello(last=2**53), "bad_field"),
        (hello(sent=10**300), "bad_field"),
        (hello(mono=wire.MAX_UPTIME + 1), "bad_field"),
        (hello(mono=1.5), "bad_field"),
        (hello(boot=True), "bad_field"),
        (hello(wall=None), "bad_field"),
    ],
    ids=lambda value: value if isinstance(value, str) else repr(value[:40]),
)
def test_what_cannot_be_a_message_is_put_aside_under_its_word(payload: bytes, why: str) -> None:
    assert refused(payload) == why


def test_a_key_said_twice_means_the_same_to_every_reader() -> None:
    payload = hello()[:-1] + b',"boot":8}'
    heard = wire.hear_up(payload)
    assert isinstance(heard, wire.Hello)
    assert heard.boot == json.loads(payload)["boot"] == 8


@pytest.mark.parametrize("s", [b"[]", b"{}", b"7", b'"x"', b"[" + b",".join([b"{}"] * 65) + b"]"])
def test_a_batch_is_a_list_of_one_to_sixty_four(s: bytes) -> None:
    scans = wire.Scans(v=1, ep=EPOCH, sent=1, mono=1, boot=1, s=msgspec.Raw(s))
    with pytest.raises(UnfitMessageError, match="bad_batch"):
        wire.raw_records(scans)


def test_one_bad_record_does_not_take_the_others_with_it() -> None:
    raws = [record(q=1), b'{"q":2}', b'"junk"', record(q=4)]
    heard = wire.hear_up(wire.signed_batch(None, raws, ep=EPOCH, sent=1, mono=1, boot=1))
    assert isinstance(heard, wire.Scans)
    assert wire.raw_records(heard) == raws
    assert [wire.seq_of(raw) for raw in raws] == [1, 2, None, 4]


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (record(q=0), "bad_seq"),
        (record(q=2**53), "bad_seq"),
        (record(q=True), "not_a_record"),
        (record(code="é" * 2049), "too_long"),
        (record(code="x" * 4097), "too_long"),
        (record(x={"note": "x" * 1014}), "too_long"),
        (record(k="s" * 33), "too_long"),
        (record(**{"in": "s" * 257}), "too_long"),
        (record(wall=-1), "bad_field"),
        (record(mono=wire.MAX_UPTIME + 1), "bad_field"),
        (record(x=[1]), "not_a_record"),
        (record(code=5), "not_a_record"),
        (record(code=None), "not_a_record"),
        (record().replace(b"LS1", b"\\ud800"), "not_a_record"),
        (record(lat=1).replace(b'"lat": 1', b'"lat": 1e999'), "not_a_record"),
    ],
    ids=lambda value: value if isinstance(value, str) else repr(value[:50]),
)
def test_what_is_no_record_says_why(raw: bytes, why: str) -> None:
    assert refused_record(raw) == why


@pytest.mark.parametrize("code", ["", "\x1d", "\0", "x" * 4096, "' OR 1=1 --", "=cmd|'/c'!A1", "０２２０", "\u202e"])
def test_a_code_of_any_kind_is_kept_as_it_was_read(code: str) -> None:
    assert wire.hear_record(record(code=code)).code == code


def test_a_kind_or_symbology_nobody_knows_is_kept() -> None:
    heard = wire.hear_record(record(k="polish", sym="runes"))
    assert (heard.k, heard.sym) == ("polish", "runes")


# --- the same scan, and the withdrawal of one ---


@given(records, st.randoms(use_true_random=False))
@settings(quick)
def test_a_scan_is_the_same_however_it_was_spaced_and_ordered(kept: wire.ScanRecord, rng: random.Random) -> None:
    fields = list(json.loads(wire.encode_record(kept)).items())
    rng.shuffle(fields)
    again = wire.hear_record(json.dumps(dict(fields), indent=rng.randrange(3)).encode())
    assert wire.canonical(again) == wire.canonical(kept)


@given(records, records)
@settings(quick)
def test_scans_that_differ_in_any_field_are_different(one: wire.ScanRecord, other: wire.ScanRecord) -> None:
    assert (wire.canonical(one) == wire.canonical(other)) == (one == other)


def test_a_void_names_the_scan_it_withdraws() -> None:
    assert wire.voided(wire.hear_record(record(k="void", x={"void": [EPOCH, 3]}))) == (EPOCH, 3)


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        ("sort", [EPOCH, 3]),
        ("void", None),
        ("void", []),
        ("void", [EPOCH]),
        ("void", [EPOCH, 0]),
        ("void", [EPOCH, True]),
        ("void", [EPOCH, 3, 4]),
        ("void", [EPOCH.upper(), 3]),
        ("void", {"ep": EPOCH}),
        ("void", EPOCH),
    ],
)
def test_what_names_no_scan_withdraws_none(kind: str, named: Any) -> None:
    assert wire.voided(wire.hear_record(record(k=kind, x={"void": named}))) is None


# --- MACs ---


def test_a_batch_is_vouched_for_by_epoch_and_exact_bytes() -> None:
    s = b'[{"q":1}]'
    assert wire.batch_mac(KEY, EPOCH, s) == hmac.new(KEY, EPOCH.encode() + s, hashlib.sha256).hexdigest()
    # Worked out once by `printf '%s' "$ep$s" | openssl dgst -sha256 -mac HMAC -macopt hexkey:$key`
    assert wire.batch_mac(KEY, EPOCH, s) == "465da4a3f0facd8c42dc028f6d4843374c7f352a7852fcb3bd4c1ddaf5fedda6"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (wire.Ack(ep=EPOCH, upto=812, gen=41), f"ack|{EPOCH}|812|41"),
        (wire.Need(ep=EPOCH, ranges=[(805, 806), (810, 810)], gen=41), f"need|{EPOCH}|805-806,810-810|41"),
        (wire.Nack(ep=EPOCH, q=809, why="too_long", gen=41), f"nack|{EPOCH}|809|41"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_an_answer_is_vouched_for_as_the_protocol_says(answer: wire.Answer, said: str) -> None:
    expected = hmac.new(KEY, said.encode(), hashlib.sha256).hexdigest()
    heard = wire.hear_down(wire.encode(wire.signed(KEY, answer)))
    assert isinstance(heard, wire.Ack | wire.Need | wire.Nack)
    assert heard.mac == expected
    assert wire.same_mac(expected, expected.upper())


def test_without_a_key_nothing_is_vouched_for() -> None:
    heard = wire.hear_down(wire.encode(wire.signed(None, wire.Ack(ep=EPOCH, upto=1, gen=1))))
    assert isinstance(heard, wire.Ack)
    assert heard.mac is msgspec.UNSET
    assert not wire.same_mac("0" * 64, heard.mac)


@given(st.data())
@settings(quick)
def test_no_other_batch_has_the_same_mac(data: st.DataObject) -> None:
    s = data.draw(st.binary(min_size=1, max_size=40))
    at, bit = data.draw(st.integers(0, len(s) - 1)), data.draw(st.integers(0, 7))
    forged = s[:at] + bytes([s[at] ^ 1 << bit]) + s[at + 1 :]
    mac = wire.batch_mac(KEY, EPOCH, s)
    assert not wire.same_mac(wire.batch_mac(KEY, EPOCH, forged), mac)
    assert not wire.same_mac(wire.batch_mac(KEY[::-1], EPOCH, s), mac)
    assert not wire.same_mac(wire.batch_mac(KEY, EPOCH[::-1], s), mac)


@pytest.mark.parametrize("claimed", [None, "", "0" * 64, "ſ" * 64, "\0", msgspec.UNSET, 7])
def test_a_mac_that_is_none_never_fits(claimed: Any) -> None:
    assert not wire.same_mac(wire.batch_mac(KEY, EPOCH, b"[]"), claimed)


def test_topics_are_built_of_safe_letters_only() -> None:
    allowed = set(string.ascii_lowercase + string.digits + "-")
    address = wire.address_of("lastscan/v1/ams/h-0017/up")
    assert set(address.site + address.dev) <= allowed
    assert address.down == "lastscan/v1/ams/h-0017/down"
