"""Opening a stranger's picture: the header first, the pixels only when they fit.

A 47 KB file can ask for 800 MB of pixels. So the size of the file and the size its header claims are judged
before anything is decompressed.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib

from PIL import Image

MAX_PIXELS = 25_000_000
MAX_BYTES = 10 * 1024 * 1024

UPLOADS = ("JPEG", "PNG")  # what a phone or a form may send
FILES = ("JPEG", "PNG", "WEBP")  # what somebody with a shell may also have lying about

# What Pillow's parsers are known to raise on broken input, beside its own OSError family.
_BROKEN = (
    OSError, ValueError, SyntaxError, EOFError, TypeError, IndexError, KeyError, OverflowError, AttributeError,
    struct.error, zlib.error, MemoryError, Image.DecompressionBombError,
)  # fmt: skip


class PictureRefusedError(Exception):
    """A picture we will not read; the message says why and what to do next."""


def open_picture(content: bytes, formats: tuple[str, ...] = FILES) -> Image.Image:
    """The picture as grey pixels (mode `L`), transparent parts white.

    Raises PictureRefusedError for anything that is no whole picture of `formats` within 10 MB and 25 megapixels.
    """
    if not content:
        raise PictureRefusedError("the file is empty; take the picture again")
    if len(content) > MAX_BYTES:
        raise PictureRefusedError(
            f"{len(content) / 1e6:.1f} MB is over the limit of {MAX_BYTES // 2**20} MB; send a smaller picture"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            picture = Image.open(io.BytesIO(content), formats=formats)
    except Image.DecompressionBombError as bomb:
        raise PictureRefusedError("over the limit of 25 megapixels; send a smaller picture") from bomb
    except _BROKEN as unknown:
        kinds = ", ".join(formats)
        raise PictureRefusedError(f"not a picture ({kinds} expected); take it again with the camera") from unknown
    width, height = picture.size
    if width * height > MAX_PIXELS:
        raise PictureRefusedError(
            f"{width} x {height} pixels is over the limit of {MAX_PIXELS // 10**6} megapixels; send a smaller picture"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _grey(picture)
    except _BROKEN as broken:
        raise PictureRefusedError("the picture is broken or cut off; take it again") from broken


def _grey(picture: Image.Image) -> Image.Image:
    if picture.format == "JPEG":
        picture.draft("L", picture.size)  # libjpeg then leaves the colours out: a third of the time
    if picture.mode.startswith("I"):  # 16 bits a pixel
        return picture.point(lambda level: level / 256).convert("L")
    if "A" in picture.getbands() or "transparency" in picture.info:
        coloured = picture if picture.mode in ("LA", "RGBA") else picture.convert("RGBA")
        white = Image.new("L", picture.size, 255)
        white.paste(coloured.convert("L"), mask=coloured.getchannel("A"))
        return white
    return picture.convert("L")
