"""Keys as they come from a terminal, and which of them a scanner typed rather than a person.

A keyboard-wedge scanner types what it reads, fast, and ends it with ENTER or TAB. So keys less than 30 ms apart that
end so are one scan, wherever the focus is; what a person had typed before stays in its field. The times must be
those at which the keys arrived: a program that reads late sees all keys at once and takes a person for a scanner.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

SCANNER_GAP = 0.030
SHORTEST_SCAN = 3
"""Fewer letters may be a person's fingers rolling over neighbouring keys."""

ENTER, TAB, BACKSPACE, ESCAPE, CLEAR, QUIT = "ENTER", "TAB", "BACKSPACE", "ESC", "CLEAR", "QUIT"
UP, DOWN, PAGE_UP, PAGE_DOWN = "UP", "DOWN", "PGUP", "PGDN"
GROUP_SEPARATOR = "\x1d"  # FNC1 inside a GS1 code: a letter of it, not a command

_CONTROLS = {
    "\r": ENTER, "\n": ENTER, "\t": TAB, "\x7f": BACKSPACE, "\x08": BACKSPACE, "\x15": CLEAR, "\x03": QUIT,
    "\x1b": ESCAPE, "\x0b": "F2", "\x10": "F3", "\x14": "F4", "\x0c": "F5",
}  # fmt: skip
_SEQUENCES = {
    "[A": UP, "[B": DOWN, "OA": UP, "OB": DOWN, "[5~": PAGE_UP, "[6~": PAGE_DOWN, "[21~": "F10", "[3~": BACKSPACE,
    "OP": "F1", "OQ": "F2", "OR": "F3", "OS": "F4", "[11~": "F1", "[12~": "F2", "[13~": "F3", "[14~": "F4",
    "[15~": "F5", "[[A": "F1", "[[B": "F2", "[[C": "F3", "[[D": "F4", "[[E": "F5",
}  # fmt: skip
_SEQUENCE = re.compile(r"\[\[[A-E]|\[[0-9;]*[A-Za-z~]|O[A-Za-z]")
_UNFINISHED = re.compile(r"\[\[?|\[[0-9;]+|O")

_AIM = {
    "A": "code39", "C": "code128", "E": "ean", "F": "codabar", "G": "code93", "I": "itf", "L": "pdf417", "Q": "qr",
    "R": "2of5", "S": "2of5", "U": "maxicode", "d": "datamatrix", "z": "aztec",
}  # fmt: skip
_AIM_PREFIX = re.compile(r"\]([A-Za-z])([0-9A-Za-z])(?=.)", re.DOTALL)


class Keys:
    """Bytes of a terminal in, keys out: letters as themselves, others by name. Unknown sequences are dropped."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""

    @property
    def unfinished(self) -> bool:
        """Whether an escape sequence is under way; call `flush` when nothing follows soon: it was the ESC key."""
        return bool(self._held)

    def feed(self, raw: bytes) -> list[str]:
        text, self._held = self._held + self._decoder.decode(raw), ""
        keys: list[str] = []
        at = 0
        while at < len(text):
            letter = text[at]
            if letter == "\x1b":
                rest = text[at + 1 :]
                if not rest or _UNFINISHED.fullmatch(rest):
                    self._held = text[at:]
                    break
                if found := _SEQUENCE.match(rest):
                    at += 1 + found.end()
                    if name := _SEQUENCES.get(found[0]):
                        keys.append(name)
                    continue
            at += 1
            if letter in _CONTROLS:
                keys.append(_CONTROLS[letter])
            elif letter.isprintable() or letter == GROUP_SEPARATOR:
                keys.append(letter)
        return keys

    def flush(self) -> list[str]:
        held, self._held = self._held, ""
        return [ESCAPE, *(letter for letter in held[1:] if letter.isprintable())] if held else []


@dataclass(frozen=True, slots=True)
class Scanned:
    """A scanner typed this."""

    text: str


@dataclass(frozen=True, slots=True)
class Entered:
    """A person typed this and pressed ENTER."""

    text: str


class Wedge:
    """One field that scanners and people type into."""

    def __init__(self) -> None:
        self._field = ""
        self._burst = ""  # letters that may be a scan under way
        self._last = float("-inf")

    @property
    def typed(self) -> str:
        return self._field + self._burst

    def key(self, key: str, at: float) -> Scanned | Entered | None:
        """One key and the moment it arrived. Keys that are neither letter, ENTER, TAB nor editing change nothing."""
        close = at - self._last < SCANNER_GAP
        if key in (ENTER, TAB):
            return self._end(close=close, at=at)
        if key == BACKSPACE:
            self._field, self._burst = self.typed[:-1], ""
        elif key in (CLEAR, ESCAPE):
            self.clear()
        elif len(key) == 1:
            if not close:
                self._field, self._burst = self.typed, ""
            self._burst += key
            self._last = at
        return None

    def put_back(self, text: str) -> None:
        """What was entered stands in the field again."""
        self._field, self._burst = text, ""

    def clear(self) -> None:
        self._field = self._burst = ""

    def _end(self, *, close: bool, at: float) -> Scanned | Entered | None:
        self._last = float("-inf")
        if close and len(self._burst) >= SHORTEST_SCAN:
            scanned, self._burst = self._burst, ""
            return Scanned(scanned)
        entered = self.typed
        self.clear()
        return Entered(entered) if entered.strip() else None  # a scanner may end with both CR and LF


def symbology_of(scanned: str) -> tuple[str, str]:
    """The code and its symbology, where the scanner is set to send the AIM prefix (`]C1`).

    Without a prefix it is `keyed`: it came over a keyboard, and nobody said which bars it was.
    """
    found = _AIM_PREFIX.match(scanned)
    if found is None or found[1] not in _AIM:
        return scanned, "keyed"
    word = "gs1-128" if found[0] == "]C1" else _AIM[found[1]]
    return scanned[found.end() :], word
