"""How a record stands on flash: length, CRC-32C, a check of those two, then the record's bytes.

The third number is why a flipped bit is never taken for a torn write: a record may be cut off as torn only when its
length is known to be true and the file ends before it.
"""

import struct
from dataclasses import dataclass
from enum import Enum

_HEADER = struct.Struct(">III")  # length of the record, CRC-32C of the record, CRC-32C of these eight bytes
_POLYNOMIAL = 0x82F63B78  # Castagnoli, reflected
HEADER_SIZE = _HEADER.size
MAX_RECORD = 32 * 1024


def _table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ (_POLYNOMIAL if crc & 1 else 0)
        table.append(crc)
    return tuple(table)


_TABLE = _table()


def crc32c(content: bytes | memoryview) -> int:
    """CRC-32C (Castagnoli), which `zlib.crc32` is not: b"123456789" gives E3069283."""
    crc = 0xFFFFFFFF
    table = _TABLE
    for byte in content:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


class Fault(Enum):
    """Why there is no record at an offset."""

    TORN = "the file ends before the record does"
    BAD_HEADER = "length and checks do not agree"
    BAD_RECORD = "the record does not match its check"


@dataclass(frozen=True, slots=True)
class Frame:
    """One whole record and where the next begins."""

    record: bytes
    end: int


def framed(record: bytes) -> bytes:
    if not 0 < len(record) <= MAX_RECORD:
        raise ValueError(f"a record has 1 to {MAX_RECORD} bytes, not {len(record)}")
    head = struct.pack(">II", len(record), crc32c(record))
    return head + struct.pack(">I", crc32c(head)) + record


def frame_at(content: bytes | bytearray, at: int) -> Frame | Fault:
    """The record that begins at this offset, or why there is none."""
    if len(content) - at < HEADER_SIZE:
        return Fault.TORN
    length, check, header_check = _HEADER.unpack_from(content, at)
    if not 0 < length <= MAX_RECORD or crc32c(bytes(content[at : at + 8])) != header_check:
        return Fault.BAD_HEADER
    end = at + HEADER_SIZE + length
    if end > len(content):
        return Fault.TORN
    record = bytes(content[at + HEADER_SIZE : end])
    return Frame(record, end) if crc32c(record) == check else Fault.BAD_RECORD


def frame_end(content: bytes | bytearray, at: int) -> int:
    """Where the next record begins, by a header already found good."""
    length: int = _HEADER.unpack_from(content, at)[0]
    return at + HEADER_SIZE + length
