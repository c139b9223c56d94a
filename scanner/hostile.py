"""What strangers' pictures do to us: `python -m scanner.hostile --mutations 20000 --seed 1`.

Draws good pictures of codes, spoils each in one of the ways below, sends it through a reading child as `lastscan
decode` would, and counts: refused in words, answered, and how often the child had to be replaced (a crash of a
library, out of time, hanging) or anything fell upon the parent. Every input has a number; the same seed makes the same
input of it, which `--save NUMBER FILE` writes to a file.

Exit status 1 when the parent fell, a picture hung, or a text was accepted that no picture bears; bars without a check
(ITF, Code 39) that were repainted into other honest bars are listed apart, because no reader could tell.
"""

from __future__ import annotations

import argparse
import functools
import io
import json
import random
import struct
import sys
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import segno
import zxingcpp
from PIL import Image

from scanner.decode import PictureRefusedError, ReadingChild
from scanner.decode.isolation import Fall
from scanner.decode.picture import FILES, MAX_BYTES
from scanner.label import strip
from scanner.symbology import MATRIX, Symbology

TEXT = "LS123456785NL"
TAG = "0220456789"
LENGTHS = {"itf": (10,)}
CHECKED = MATRIX | {Symbology.CODE128, Symbology.GS1_128}
BORNE = frozenset({TEXT, TAG})
OTHER_TYPES = ("GIF", "BMP", "TIFF", "PPM", "ICO", "PDF")
MOST_PIXELS = 4_000_000  # of an honest picture among them; the claims of headers know no bounds


@functools.cache
def good_pictures() -> tuple[Image.Image, ...]:
    """One of each kind of code a label bears, and a QR that says it is the second part of three."""
    drawn = [strip(TEXT, Symbology.CODE128), strip(TAG, Symbology.ITF)]
    for name in ("DataMatrix", "PDF417", "Aztec", "QRCode", "Code39", "MaxiCode"):
        code = zxingcpp.create_barcode(TEXT, zxingcpp.BarcodeFormat[name])
        drawn.append(Image.fromarray(code.to_image(scale=4)).convert("L"))
    return (*drawn, structured_append())


def structured_append() -> Image.Image:
    """A part of a message spread over several QR codes, at which zbar's Python bindings raise."""
    file = io.BytesIO()
    segno.make_sequence(TEXT * 6, symbol_count=3, error="m")[1].save(file, kind="png", scale=4, border=4)
    return Image.open(file).convert("L")


def encoded(picture: Image.Image, form: str) -> bytes:
    file = io.BytesIO()
    options: dict[str, Any] = {"compress_level": 1} if form == "PNG" else {"method": 0} if form == "WEBP" else {}
    picture.save(file, form, **options)
    return file.getvalue()


@functools.cache
def good_files() -> tuple[bytes, ...]:
    return tuple(encoded(picture, form) for picture in good_pictures() for form in FILES)


def png(width: int, height: int, data: bytes, *, depth: int = 8, colour: int = 0) -> bytes:
    """A PNG as its header claims, whatever `data` unfolds to; every checksum agrees."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def bomb(side: int = 20_000) -> bytes:
    """A real picture of 47 KB that unfolds to 800 MB."""
    packer = zlib.compressobj(9)
    row = bytes(1 + side // 8)
    return png(side, side, b"".join(packer.compress(row) for _ in range(side)) + packer.flush(), depth=1)


def _flipped(rng: random.Random, content: bytes) -> bytes:
    spoilt = bytearray(content)
    for _ in range(rng.choice((1, 2, 4, 8, 64))):
        spoilt[rng.randrange(len(spoilt))] ^= 1 << rng.randrange(8)
    return bytes(spoilt)


def _truncated(rng: random.Random, content: bytes) -> bytes:
    return content[: rng.randrange(len(content))]


def _spliced(rng: random.Random, content: bytes) -> bytes:
    other = rng.choice(good_files())
    return content[: rng.randrange(len(content))] + other[rng.randrange(len(other)) :]


def _stuffed(rng: random.Random, content: bytes) -> bytes:
    at = rng.randrange(len(content))
    return content[:at] + rng.choice((b"\0", b"\xff", content[:64])) * rng.randrange(1, 2000) + content[at:]


def _claiming(rng: random.Random, content: bytes) -> bytes:
    """Few bytes, and a header that promises pixels without end, or none, or almost what fits."""
    width, height = (rng.choice((0, 1, 7, 4999, 5000, 5001, 65_535, 2**31 - 1, rng.randrange(1, 40_000))) for _ in "wh")
    kind = rng.choice(FILES)
    if kind == "PNG":
        data = zlib.compress(bytes(rng.randrange(5000)))
        return png(width, height, data, depth=rng.choice((1, 2, 4, 8, 16, 3)), colour=rng.choice((0, 2, 3, 4, 6, 5)))
    whole = bytearray(next(file for file in good_files() if (file[:4] == b"RIFF") == (kind == "WEBP")))
    if kind == "WEBP":
        whole[26:30] = struct.pack("<HH", width & 0x3FFF, height & 0x3FFF)
        return bytes(whole)
    whole = bytearray(good_files()[1])
    at = whole.find(b"\xff\xc0")
    whole[at + 5 : at + 9] = struct.pack(">HH", height & 0xFFFF, width & 0xFFFF)
    return bytes(whole)


def _of_another_type(rng: random.Random, content: bytes) -> bytes:
    if rng.random() < 0.3:
        return rng.choice((b"%PDF-1.7\n", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"PK\3\4", b"\x7fELF", b"")) + (
            rng.randbytes(rng.randrange(500))
        )
    return encoded(rng.choice(good_pictures()), rng.choice(OTHER_TYPES))


def _repainted(rng: random.Random, content: bytes) -> bytes:
    """A whole picture whose pixels are spoilt: what gets as far as the readers."""
    picture = rng.choice(good_pictures()).copy()
    for _ in range(rng.randrange(1, 30)):
        x, y = rng.randrange(picture.width), rng.randrange(picture.height)
        size = (rng.randrange(1, picture.width // 3 + 2), rng.randrange(1, picture.height // 3 + 2))
        shift = (rng.randrange(picture.width), rng.randrange(picture.height))
        patch = picture.crop((*shift, shift[0] + size[0], shift[1] + size[1]))
        picture.paste(rng.choice((patch, rng.randrange(256))), (x, y, x + size[0], y + size[1]))
    return encoded(picture, rng.choice(FILES))


def _noise(rng: random.Random, content: bytes) -> bytes:
    width = rng.choice((1, 2, 3, 64, 500, 1200))
    height = rng.choice((1, 2, 3, 64, 500, 1200)) if rng.random() < 0.97 else MOST_PIXELS // width // 4
    tile = rng.randbytes(min(width * height, 4096))
    pixels = (tile * (width * height // len(tile) + 1))[: width * height]
    return encoded(Image.frombytes("L", (width, height), pixels), "PNG")


def _stretched(rng: random.Random, content: bytes) -> bytes:
    picture = rng.choice(good_pictures())
    size = (rng.choice((1, 3, 50, 900, 3000)), rng.choice((1, 3, 50, 900)))
    return encoded(picture.resize(size), rng.choice(FILES))


MUTATIONS: dict[str, Callable[[random.Random, bytes], bytes]] = {
    "bits flipped": _flipped,
    "cut off": _truncated,
    "spliced": _spliced,
    "stuffed": _stuffed,
    "false claims": _claiming,
    "other types": _of_another_type,
    "repainted": _repainted,
    "noise": _noise,
    "stretched": _stretched,
}
FIXED: dict[str, Callable[[], bytes]] = {
    "47 KB for 800 MB": bomb,
    "structured append": lambda: encoded(structured_append(), "PNG"),
    "11 MB": lambda: bytes(MAX_BYTES + 1),
}


def hostile_picture(seed: int, number: int) -> tuple[str, bytes]:
    """The kind and the bytes of one input. The first few are the known worst, the others come from the die."""
    if number < len(FIXED):
        kind = list(FIXED)[number]
        return kind, FIXED[kind]()
    rng = random.Random(f"{seed}/{number}")
    kind = rng.choice(list(MUTATIONS))
    return kind, MUTATIONS[kind](rng, rng.choice(good_files()))


@dataclass(slots=True)
class Toll:
    """What became of the inputs."""

    tried: Counter[str] = field(default_factory=Counter)  # by kind
    refused: Counter[str] = field(default_factory=Counter)
    words: Counter[str] = field(default_factory=Counter)  # how they were refused, digits left out
    answered: int = 0
    read: int = 0
    falls: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))  # how -> inputs
    parent: list[tuple[int, str]] = field(default_factory=list)
    strange: list[tuple[int, str]] = field(default_factory=list)  # texts accepted that no picture bears
    altered: list[tuple[int, str]] = field(default_factory=list)  # the same, where no check could have told

    def as_json(self) -> dict[str, Any]:
        return {
            "inputs": self.tried.total(),
            "refused": self.refused.total(),
            "answered": self.answered,
            "of_these_read": self.read,
            "child": {fall.value: len(self.falls[fall]) for fall in Fall},
            "child_inputs": {fall: numbers[:20] for fall, numbers in self.falls.items() if numbers},
            "parent_falls": len(self.parent),
            "parent": self.parent[:20],
            "strange_texts": self.strange[:20],
            "altered_texts": self.altered[:20],
            "refused_by_kind": {kind: f"{self.refused[kind]} of {self.tried[kind]}" for kind in sorted(self.tried)},
            "words": dict(self.words.most_common()),
        }


def run(*, mutations: int, seed: int, tell: Callable[[int, Toll], None] = lambda _number, _toll: None) -> Toll:
    """Send that many inputs through one child after another."""
    toll = Toll()
    with ReadingChild(lengths=LENGTHS) as child:
        for number in range(mutations):
            kind, content = hostile_picture(seed, number)
            toll.tried[kind] += 1
            fallen = child.falls.copy()
            try:
                reads, _ = child.read(content)
            except PictureRefusedError as refusal:
                toll.refused[kind] += 1
                toll.words["".join("" if letter.isdigit() else letter for letter in str(refusal))] += 1
            except Exception as fall:  # noqa: BLE001 - whatever it is, it is what we look for
                toll.parent.append((number, repr(fall)))
            else:
                toll.answered += 1
                toll.read += bool(reads)
                for read in reads:
                    if not _borne(read.text):
                        told = toll.strange if read.symbology in CHECKED else toll.altered
                        told.append((number, f"{read.symbology} {read.text}"))
            for fall_ in child.falls - fallen:
                toll.falls[fall_].append(number)
            tell(number, toll)
    return toll


def _borne(text: str) -> bool:
    """Whether one of the good pictures bears it; MaxiCode and a part of a message bear it in pieces."""
    return text in BORNE or text.strip() in TEXT * 6


def main(arguments: Sequence[str] | None = None) -> int:
    options = argparse.ArgumentParser(description="What strangers' pictures do to the reading child.")
    options.add_argument("--mutations", type=int, default=2000, metavar="N")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--save", nargs=2, metavar=("NUMBER", "FILE"), help="write this input to a file, and end")
    chosen = options.parse_args(arguments)
    if chosen.save:
        kind, content = hostile_picture(chosen.seed, int(chosen.save[0]))
        Path(chosen.save[1]).write_bytes(content)
        sys.stdout.write(f"{kind}, {len(content)} bytes\n")
        return 0
    said = started = time.monotonic()

    def tell(number: int, toll: Toll) -> None:
        nonlocal said
        if time.monotonic() - said > 10:
            said = time.monotonic()
            sys.stderr.write(f"{number + 1} of {chosen.mutations}, {sum(map(len, toll.falls.values()))} falls\n")

    toll = run(mutations=chosen.mutations, seed=chosen.seed, tell=tell)
    report = {"seed": chosen.seed, "seconds": round(time.monotonic() - started, 1)} | toll.as_json()
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    return 1 if toll.parent or toll.strange or toll.falls[Fall.HANGS] else 0


if __name__ == "__main__":
    raise SystemExit(main())
