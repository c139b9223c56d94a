"""The outer form: a stream of telegrams, each an envelope, three letters, elements one a line, and its end.

Nothing is lost: the telegrams of a stream, and the parts of a telegram, put together again, are what was read.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tracker.domain.errors import LastscanError

KINDS = ("BSM", "BTM", "BPM", "BUM", "BNS", "BMM", "BCM", "BRQ")
"""Source, transfer, processed, unload, not seen, manifest, control, request."""

CHANGES = ("CHG", "DEL")

_MARKS = "\x01\x02\x03\r\n \t"  # SOH, STX, ETX and blanks: they belong to the transport
_END = re.compile(r"END(?:[A-Z]{3}|PART\d{1,2})")
_ORIGINATOR = re.compile(r"\.([A-Z0-9]{7})(?: (\d{6}))?(?!\S)")
_ELEMENT = re.compile(r"\.([A-Z])/(.*)", re.DOTALL)


class BadBagMessageError(LastscanError):
    """It cannot be understood as a baggage message, and why; whoever sent it must mend it. Keep it aside."""


@dataclass(frozen=True, slots=True)
class Element:
    """One line after the head. `letter` is empty where a line is no element; `line` is as it came, with its end."""

    letter: str
    fields: tuple[str, ...]
    line: str

    def field(self, at: int) -> str:
        return self.fields[at] if at < len(self.fields) else ""


@dataclass(frozen=True, slots=True)
class Telegram:
    """One telegram, taken apart; `text` puts it together again to the letter."""

    envelope: str  # addresses and transport marks before the three letters, as they came
    head: str  # the three letters and, on a line of its own, CHG or DEL
    elements: tuple[Element, ...]
    tail: str  # the line that ends it, and transport marks

    @property
    def kind(self) -> str:
        return self.head.split()[0].strip(_MARKS)

    @property
    def change(self) -> str:
        """CHG, DEL, or empty for what is new."""
        words = self.head.strip(_MARKS).split()
        return words[1] if len(words) > 1 else ""

    @property
    def part(self) -> str:
        """`PART2` where the telegram ends as a part of a longer message; empty where it ends the message."""
        end = self.tail.strip(_MARKS)
        return end.removeprefix("END") if end.startswith("ENDPART") else ""

    @property
    def sent(self) -> str:
        """Day and time the envelope was stamped with, DDHHMM in UTC; empty where there is none."""
        stamped = [found[2] for line in self.envelope.splitlines() if (found := _ORIGINATOR.match(line.strip(_MARKS)))]
        return (stamped[-1] or "") if stamped else ""

    @property
    def text(self) -> str:
        return self.envelope + self.head + "".join(element.line for element in self.elements) + self.tail


def split(stream: str) -> Iterator[str]:
    """The telegrams of a stream, one after the other; joined again they are the stream, to the letter.

    A telegram goes up to the line that ends it, a blank line or the three letters of the next: half a telegram does
    not swallow the one after it.
    """
    telegram, begun, ended = "", False, False
    for line in stream.splitlines(keepends=True):
        bare = line.strip(_MARKS)
        begins = bare in KINDS or line.startswith("\x01")
        if bare and (ended or (begins and begun)):
            yield telegram
            telegram, begun, ended = "", False, False
        telegram += line
        begun = begun or bare in KINDS
        ended = ended or _END.fullmatch(bare) is not None or (not bare and bool(telegram.strip(_MARKS)))
    if telegram:
        yield telegram


def taken_apart(text: str) -> Telegram:
    """Raises BadBagMessageError where it is not a baggage message, or was cut off."""
    lines = text.splitlines(keepends=True)
    at = next((at for at, line in enumerate(lines) if line.strip(_MARKS) in KINDS), None)
    if at is None or not all(_of_envelope(line.strip(_MARKS)) for line in lines[:at]):
        raise BadBagMessageError("not a baggage message")
    kind = lines[at].strip(_MARKS)
    body = at + 1
    if body < len(lines) and lines[body].strip(_MARKS) in CHANGES:
        body += 1
    end = next((n for n in range(body, len(lines)) if _END.fullmatch(lines[n].strip(_MARKS))), None)
    if end is None:
        raise BadBagMessageError(f"cut off: END{kind} is missing")
    said = lines[end].strip(_MARKS)
    if said != f"END{kind}" and not said.startswith("ENDPART"):
        raise BadBagMessageError(f"begins as {kind} and ends with {said}")
    if any(line.strip(_MARKS) for line in lines[end + 1 :]):
        raise BadBagMessageError(f"something stands after {said}")
    elements = tuple(_element(line) for line in lines[body:end])
    return Telegram("".join(lines[:at]), "".join(lines[at:body]), elements, "".join(lines[end:]))


def _of_envelope(line: str) -> bool:
    """Priority and addressees (`QU FRABSLH`), more addressees, the originator with the time, or nothing."""
    addresses = r"(?:Q[A-Z] )?[A-Z0-9]{7}(?: [A-Z0-9]{7})*"
    return not line or _ORIGINATOR.match(line) is not None or re.fullmatch(addresses, line) is not None


def _element(line: str) -> Element:
    found = _ELEMENT.fullmatch(line.strip(_MARKS))
    return Element(found[1], tuple(found[2].split("/")), line) if found else Element("", (), line)
