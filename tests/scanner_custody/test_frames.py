"""How records stand on flash."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.epoch import recover
from scanner.frames import Fault, Frame, crc32c, frame_at, framed


def test_crc_is_castagnoli():
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(b"") == 0
    assert crc32c(bytes(32)) == 0x8A9136AA  # RFC 3720, B.4


@given(st.binary(min_size=1, max_size=200))
def test_a_record_comes_back_byte_for_byte(record):
    content = framed(record)
    assert frame_at(content, 0) == Frame(record, len(content))


@pytest.mark.parametrize("record", [b"", bytes(32 * 1024 + 1)])
def test_no_record_is_empty_or_endless(record):
    with pytest.raises(ValueError, match="bytes"):
        framed(record)


def test_a_record_cut_at_any_byte_is_torn():
    content = framed(b'{"q":1,"boot":1}')
    assert all(frame_at(content[:end], 0) is Fault.TORN for end in range(len(content)))


def test_no_flipped_bit_is_taken_for_a_torn_write_or_a_good_record():
    content = framed(b'{"q":1,"boot":1}')
    for bit in range(len(content) * 8):
        bad = bytearray(content)
        bad[bit // 8] ^= 1 << bit % 8
        assert frame_at(bad, 0) in (Fault.BAD_HEADER, Fault.BAD_RECORD)


@given(st.binary(max_size=400))
def test_recovery_takes_any_bytes(content):
    got = recover(content, 1)
    assert len(got.offsets) <= got.top + 1


@given(st.integers(0, 3), st.data())
def test_intact_records_behind_a_bad_one_are_found_again(bad, data):
    frames = [framed(b'{"q":%d,"boot":7,"code":"C%d"}' % (q, q)) for q in (1, 2, 3, 4)]
    at = sum(map(len, frames[:bad])) + data.draw(st.integers(0, len(frames[bad]) - 1))
    content = bytearray(b"".join(frames))
    content[at] ^= data.draw(st.integers(1, 255))
    got = recover(bytes(content), 1)
    assert got.damaged
    assert got.top == 4
    readable = [q for q, offset in enumerate(got.offsets, 1) if isinstance(frame_at(content, offset), Frame)]
    assert readable == [q for q in (1, 2, 3, 4) if q != bad + 1]
