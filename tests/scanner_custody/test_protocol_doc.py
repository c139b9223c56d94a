"""Every example in docs/protocol.md is understood, and every message has one."""

import hashlib
import hmac
import re
from pathlib import Path

import pytest

from tracker import wire

PAGE = Path(__file__).parents[2] / "docs" / "protocol.md"
EXAMPLES = [
    line
    for block in re.findall(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    for line in block.splitlines()
    if line.strip()
]
KEY = bytes(range(32))
UP = ("hello", "scans", "status")
DOWN = ("ack", "need", "nack", "time", "config")


def heard(line: str) -> wire.Up | wire.Down:
    hear = wire.hear_up if re.match(rf'{{"t":"({"|".join(UP)})"', line) else wire.hear_down
    return hear(line.encode())


@pytest.mark.parametrize("line", EXAMPLES)
def test_every_example_is_understood(line):
    message = heard(line)
    if isinstance(message, wire.Scans):
        for raw in wire.raw_records(message):
            record = wire.hear_record(raw)
            assert record.k != "void" or wire.voided(record)


def test_the_signed_examples_are_true_under_the_key_the_page_names():
    for message in (heard(line) for line in EXAMPLES if '"mac"' in line):
        if isinstance(message, wire.Scans):
            assert wire.batch_mac(KEY, message.ep, bytes(message.s)) == message.mac
        else:
            assert wire.answer_mac(KEY, message) == message.mac


def test_every_message_has_an_example():
    assert {re.match(r'{"t":"(\w+)"', line)[1] for line in EXAMPLES} == {*UP, *DOWN}


def test_signatures_are_made_as_the_page_says():
    key, ep = bytes(32), "9f3c8a5d2e7b41069f3c8a5d2e7b4106"
    need = wire.Need(ep=ep, ranges=[(805, 806), (810, 810)], gen=41)
    said = f"need|{ep}|805-806,810-810|41".encode()
    assert wire.answer_mac(key, need) == hmac.new(key, said, hashlib.sha256).hexdigest()
    s = b'[{"q":1}]'
    assert wire.batch_mac(key, ep, s) == hmac.new(key, ep.encode() + s, hashlib.sha256).hexdigest()
