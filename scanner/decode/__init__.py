"""From a picture to the texts of its barcodes, without a wrong one.

`Reader` follows one label over the frames of a camera; `decode_paths` reads files inside a child process that may
die without harm; `read_picture` reads one picture in this process. No read is an answer, a wrong read is an
incident: how a read comes to count is in `votes`, the order of the attempts in `cascade`, both told in
`docs/reading.md`.
"""

from scanner.decode.cascade import Mode, Readers
from scanner.decode.files import PictureReport, decode_paths
from scanner.decode.isolation import ReadingChild
from scanner.decode.picture import PictureRefusedError, open_picture
from scanner.decode.reader import Reader, installed_readers, read_picture
from scanner.decode.readings import Box, Read

__all__ = [
    "Box",
    "Mode",
    "PictureRefusedError",
    "PictureReport",
    "Read",
    "Reader",
    "Readers",
    "ReadingChild",
    "decode_paths",
    "installed_readers",
    "open_picture",
    "read_picture",
]
