"""A thermal printer that knows the ZPL we emit and nothing else: it draws the dots, or says what it does not know.

Written from the language's manual and not from `scanner.label`, so that a mistake has to be made twice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from barcode.charsets.code128 import CODES
from barcode.charsets.itf import CODES as TWO_OF_FIVE
from PIL import Image, ImageChops

STARTS = {">9": (103, "A"), ">:": (104, "B"), ">;": (105, "C")}
CHANGES = {">5": (99, "C"), ">6": (100, "B"), ">7": (101, "A")}
KNOWN = {"XA", "XZ", "PW", "LL", "FO", "GB", "GF", "FR", "BY", "BC", "B2", "FH", "FD", "FS"}


class UnknownCommandError(Exception):
    """Something our labels should never say."""


@dataclass
class Field:
    x: int = 0
    y: int = 0
    reverse: bool = False
    hexed: bool = False
    draw: tuple[str, list[str]] | None = None
    data: str = ""


@dataclass
class Printer:
    labels: list[Image.Image] = field(default_factory=list)
    module: int = 2
    ratio: float = 3.0

    def commands(self, text: str):
        assert "~" not in text, "a control command"
        first, *rest = text.split("^")
        assert first.strip() == ""
        for each in rest:
            command, parameters = each[:2], each[2:].rstrip("\n")
            if command not in KNOWN:
                raise UnknownCommandError(each[:20])
            yield command, parameters

    def print(self, text: str) -> list[Image.Image]:
        width = height = 0
        paper, now = None, Field()
        for command, parameters in self.commands(text):
            values = parameters.split(",")
            match command:
                case "XA":
                    assert paper is None, "a label within a label"
                    width = height = 0
                    paper, now = Image.new("1", (1, 1)), Field()
                case "PW":
                    width = int(parameters)
                case "LL":
                    height = int(parameters)
                    paper = Image.new("1", (width, height), 0)
                case "FO":
                    now = Field(int(values[0]), int(values[1]))
                case "FR":
                    now.reverse = True
                case "FH":
                    assert parameters == "_"
                    now.hexed = True
                case "BY":
                    self.module, self.ratio = int(values[0]), float(values[1])
                case "FD":
                    now.data = self.unescaped(parameters) if now.hexed else parameters
                case "GB" | "GF" | "BC" | "B2":
                    assert now.draw is None, "two things in one field"
                    now.draw = (command, values)
                case "FS":
                    self.ink(paper, now)
                    now = Field()
                case _:
                    self.labels.append(Image.eval(paper.convert("L"), lambda ink: 255 - ink))
                    paper = None
        assert paper is None, "a label without an end"
        return self.labels

    @staticmethod
    def unescaped(text: str) -> str:
        return re.sub(rb"_([0-9A-Fa-f]{2})", lambda code: bytes([int(code[1], 16)]), text.encode()).decode()

    def ink(self, paper: Image.Image, now: Field) -> None:
        command, values = now.draw
        match command:
            case "GB":
                width, height, thick = map(int, values)
                assert thick >= min(width, height), "a frame, not a box"
                drawn = Image.new("1", (width, height), 1)
            case "GF":
                drawn = self.graphic(values)
            case "BC":
                assert values[2:] == ["N", "N", "N", "N"], "a line of the printer's own"
                drawn = self.stripes(self.code128(now.data), int(values[1]), values[0])
            case _:
                assert values[2:] == ["N", "N", "N"]
                drawn = self.stripes(self.interleaved(now.data), int(values[1]), values[0])
        box = (now.x, now.y, now.x + drawn.width, now.y + drawn.height)
        below = paper.crop(box)
        paper.paste(ImageChops.logical_xor(below, drawn) if now.reverse else ImageChops.logical_or(below, drawn), box)

    def stripes(self, pattern: str, height: int, turn: str) -> Image.Image:
        pattern = {"N": pattern, "I": pattern[::-1]}[turn]
        line = Image.frombytes("L", (len(pattern), 1), bytes(255 * (dot == "1") for dot in pattern))
        return line.resize((len(pattern) * self.module, height), Image.Resampling.NEAREST).convert("1")

    def code128(self, data: str) -> str:
        """Mode N: the subsets are named in the data."""
        value, subset = STARTS[data[:2]]
        values, at = [value], 2
        while at < len(data):
            pair = data[at : at + 2]
            if pair in CHANGES:
                value, subset = CHANGES[pair]
            elif pair == ">8":
                value = 102
            elif pair == ">0":
                value = ord(">") - 32
            elif subset == "C":
                value = int(pair)
            else:
                assert data[at] != ">", f"{pair} is no invocation"
                value, at = ord(data[at]) - 32, at - 1
            values.append(value)
            at += 2
        check = (values[0] + sum(place * each for place, each in enumerate(values))) % 103
        return "".join(CODES[each] for each in [*values, check]) + "1100011101011"

    def interleaved(self, digits: str) -> str:
        assert len(digits) % 2 == 0, "the printer would put a nought in front"
        wide = int(self.ratio)
        pattern = "1010"
        for bars, spaces in zip(digits[::2], digits[1::2], strict=True):
            for bar, space in zip(TWO_OF_FIVE[int(bars)], TWO_OF_FIVE[int(spaces)], strict=True):
                pattern += "1" * (wide if bar == "W" else 1) + "0" * (wide if space == "W" else 1)
        return pattern + "1" * wide + "01"

    @staticmethod
    def graphic(values: list[str]) -> Image.Image:
        """Hexadecimal, packed: `:` repeats a row, `,` and `!` end one, letters count."""
        kind, total, _, wide = values[0], *map(int, values[1:4])
        assert kind == "A"
        data = ",".join(values[4:])  # a comma is a nought to the end of the row, too
        rows: list[str] = []
        row, times = "", 0
        for letter in data:
            if letter.islower():
                times += 20 * (ord(letter) - ord("f"))
            elif "G" <= letter <= "Y":
                times += ord(letter) - ord("F")
            elif letter in ",!":
                row = row.ljust(2 * wide, "0" if letter == "," else "F")
            elif letter == ":":
                assert row == ""
                row = rows[-1]
            else:
                row, times = row + letter * max(times, 1), 0
            if len(row) == 2 * wide:
                rows, row = [*rows, row], ""
            assert len(row) < 2 * wide
        assert row == ""
        assert len(rows) * wide == total
        return Image.frombytes("1", (8 * wide, len(rows)), bytes.fromhex("".join(rows)))


def printed(text: str) -> list[Image.Image]:
    """Each label as a grey picture, black on white."""
    return Printer().print(text)
