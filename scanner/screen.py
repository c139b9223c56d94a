"""What the handheld's screen shows, as rows of text: pure, for any size from one cell up.

Big word, colour and number in the middle of the eye; what is chosen, on top, always; what waits to be sent and the
field for typing at the bottom, always. Nothing is told by colour alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from scanner.feedback import Outcome
from scanner.keyed import Look, Verdict
from scanner.load_list import Checklist
from scanner.workplace import Taken

AMBER_AFTER, RED_AFTER = 30.0, 15 * 60.0
CALM_AFTER = 10.0  # seconds; by then a good scan is no news, and its colour would hide the next one
WIDE = 72
TALL = 20

_STYLES = {
    Outcome.RECORDED: "bold black on green",
    Outcome.AGAIN: "bold black on green",
    Outcome.DAMAGED: "bold black on yellow",
    Outcome.NOT_EXPECTED: "bold bright_white on red",
    Outcome.NOT_RECORDED: "bold black on bright_white",
    Outcome.UNREADABLE: "bold black on yellow",
}
_WORD_STYLES = {
    Outcome.RECORDED: "green",
    Outcome.AGAIN: "green",
    Outcome.DAMAGED: "yellow",
    Outcome.NOT_EXPECTED: "bold red",
    Outcome.NOT_RECORDED: "bold reverse",
    Outcome.UNREADABLE: "yellow",
}
_SHORT = {
    Outcome.RECORDED: "recorded",
    Outcome.AGAIN: "again",
    Outcome.DAMAGED: "damaged",
    Outcome.NOT_EXPECTED: "NOT EXPECTED",
    Outcome.NOT_RECORDED: "NOT RECORDED",
    Outcome.UNREADABLE: "nothing read",
}


@dataclass(frozen=True, slots=True)
class Glyphs:
    """Signs for a terminal that shows them, or letters for one that does not."""

    line: str = "─"
    dot: str = " · "
    into: str = "→"
    marks: tuple[str, str, str, str, str, str] = ("✓", "✓", "△", "✗", "■", "?")

    def mark(self, outcome: Outcome) -> str:
        return self.marks[list(Outcome).index(outcome)]


UNICODE = Glyphs()
ASCII = Glyphs("-", " | ", "->", ("+", "+", "!", "X", "#", "?"))


@dataclass(frozen=True, slots=True)
class Sending:
    """What waits for its receipt, for how long, and how the network is."""

    waiting: int = 0
    seconds: float = 0.0  # since the oldest of them was scanned
    online: bool = False
    stranded: int = 0

    @property
    def style(self) -> str:
        if not self.waiting or self.seconds < AMBER_AFTER:
            return ""
        return "bold yellow" if self.seconds < RED_AFTER else "bold bright_white on red"


@dataclass(frozen=True, slots=True)
class Page:
    """What stands in the middle instead of the last scans: a question, a list, help."""

    title: str
    lines: Sequence[str]
    asks: bool = False  # the field belongs to it
    first: int = 0  # scrolled so far


NOTHING_TYPED = Verdict(Look.EMPTY, "")


@dataclass(frozen=True, slots=True)
class View:
    """Everything the screen needs to know, at one moment."""

    device: str
    site: str
    kind: str
    at: str | None
    into: str | None
    now: datetime
    sending: Sending
    latest: Taken | None = None
    latest_age: float = 0.0
    recent: Sequence[Taken] = ()
    typed: str = ""
    verdict: Verdict = NOTHING_TYPED
    hint: str = ""  # instead of the verdict
    checklist: Checklist | None = None
    list_age: float | None = None
    list_trouble: str | None = None
    battery: float | None = None
    troubles: Sequence[str] = field(default_factory=tuple)
    page: Page | None = None


def draw(view: View, width: int, height: int, glyphs: Glyphs = UNICODE) -> list[Text]:
    """Exactly `height` rows of exactly `width` cells."""
    wide, tall = width >= WIDE, height >= TALL
    head = _head(view, width, glyphs, wide=wide)
    foot = _foot(view, width, glyphs, wide=wide)
    panel = _panel(view, width, glyphs, tall=tall)
    if view.page and not tall:  # a small screen gives the question all it has
        head, panel, foot = head[:1], [], foot[-3:]
    if tall:
        head.append(_row(glyphs.line * width, width, "dim"))
        foot.insert(0, _row(glyphs.line * width, width, "dim"))
    room = height - len(head) - len(panel) - len(foot)
    if room < 0:  # a very small screen keeps the outcome and the field longest
        must = [*panel[:2], *foot[-1:]]
        rest = [*foot[:-1], *head, *panel[2:]]
        kept = [*must, *rest][:height]
        return sorted(kept, key=[*head, *panel, *foot].index)
    body = _page(view.page, width, room, glyphs) if view.page else _scans(view, width, room, glyphs, wide=wide)
    return [*head, *panel, *body, *foot]


def field_at(view: View, width: int, height: int) -> tuple[int, int]:
    """Row and column of the cursor, from 0."""
    return max(0, height - 1), min(max(0, width - 1), 2 + cell_len(visible(view.typed)))


def visible(text: str) -> str:
    """A code as it can be shown anywhere: what does not print is spelled out."""
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in text)


def spaced(code: str) -> str:
    """A number in groups of four, as on the label."""
    bare = visible(code)
    if not (bare.isascii() and bare.isalnum() and 8 <= len(bare) <= 24):
        return bare
    if len(bare) == 13 and bare[:2].isalpha() and bare[-2:].isalpha():
        return f"{bare[:2]} {bare[2:6]} {bare[6:10]} {bare[10]} {bare[11:]}"
    return " ".join(bare[at : at + 4] for at in range(0, len(bare), 4))


def span(seconds: float) -> str:
    """So long, in a word or two."""
    if seconds < 90:
        return f"{max(0, int(seconds))} s"
    if seconds < 90 * 60:
        return f"{int(seconds / 60)} min"
    return f"{int(seconds / 3600)} h" if seconds < 48 * 3600 else f"{int(seconds / 86400)} days"


def sending_words(sending: Sending, glyphs: Glyphs) -> str:
    online = "on line" if sending.online else "OFF LINE"
    words = f"{sending.waiting} waiting, oldest {span(sending.seconds)}" if sending.waiting else "nothing waits"
    if sending.stranded:
        words += f", {sending.stranded} behind a lost one"
    return f"{words}{glyphs.dot}{online}"


def list_words(view: View, glyphs: Glyphs) -> str:
    """The count of the load list in a line."""
    checklist = view.checklist
    if checklist is None:
        return ""
    if checklist.list is None:
        why = view.list_trouble or "asking for it"
        return f"none yet ({why}){glyphs.dot}{checklist.loaded} loaded"
    words = (
        f"{len(checklist.scanned)} of {len(checklist.expected)}{glyphs.dot}"
        f"missing {len(checklist.missing)}{glyphs.dot}surplus {len(checklist.surplus)}"
    )
    return words if view.list_age is None else f"{words}{glyphs.dot}list {span(view.list_age)} old"


def _head(view: View, width: int, glyphs: Glyphs, *, wide: bool) -> list[Text]:
    chosen = f" {view.kind.replace('_', ' ').upper()}"
    if view.into:
        chosen += f" {glyphs.into} {visible(view.into)}"
    here = view.site.upper() + (f" {visible(view.at)}" if view.at else "")
    charge = [] if view.battery is None else [f"battery {round(view.battery * 100)} %"]
    clock = f"{view.now:%H:%M}"
    if wide:
        return [_two(chosen, glyphs.dot.join([here, view.device, *charge, clock]) + " ", width, "bold reverse")]
    return [
        _row(chosen, width, "bold reverse"),
        _two(f" {here}", glyphs.dot.join([*charge, clock]) + " ", width, "reverse"),
    ]


def _panel(view: View, width: int, glyphs: Glyphs, *, tall: bool) -> list[Text]:
    latest = view.latest
    if latest is None:
        style, lines = "", ["Ready", "Scan a label, or type its number.", ""]
    else:
        over = latest.outcome in (Outcome.RECORDED, Outcome.AGAIN) and view.latest_age >= CALM_AFTER
        style = _WORD_STYLES[latest.outcome] if over else _STYLES[latest.outcome]
        lines = [f"{glyphs.mark(latest.outcome)} {latest.outcome.word}", spaced(latest.code), visible(latest.detail)]
    rows = [_row(f"  {line}", width, style) for line in lines]
    if cell_len(lines[2]) > width - 2:
        cut = _broken(lines[2], width - 2)
        rows[2:] = [_row(f"  {line}", width, style) for line in cut[:2]]
    if tall:
        blank = _row("", width, style)
        rows = [blank, *rows, blank]
    return rows


def _scans(view: View, width: int, room: int, glyphs: Glyphs, *, wide: bool) -> list[Text]:
    beside = _beside(view, room) if wide and view.checklist is not None and view.checklist.list is not None else []
    left = width if not beside else width - 30
    rows: list[Text] = []
    for taken in list(view.recent)[:room]:
        when = f"{datetime.fromtimestamp(taken.wall / 1000, tz=view.now.tzinfo):%H:%M:%S}"
        row = Text(f" {when} " if left >= 36 else f" {when[:5]} ")
        row.append(f"{glyphs.mark(taken.outcome)} {_SHORT[taken.outcome]:<13}", _WORD_STYLES[taken.outcome])
        row.append(spaced(taken.code) if left >= 48 else visible(taken.code))
        if taken.detail and left >= 56 and taken.outcome in (Outcome.AGAIN, Outcome.RECORDED, Outcome.DAMAGED):
            row.append(f"  {visible(taken.detail)}", "dim")
        rows.append(_sized(row, left))
    rows += [_row("", left) for _ in range(room - len(rows))]
    for row, note in zip(rows, beside, strict=False):
        row.append_text(_sized(note, width - left))
    return [_sized(row, width) for row in rows]


def _beside(view: View, room: int) -> list[Text]:
    """The missing, then the surplus, beside the scans where there is room."""
    checklist = view.checklist
    assert checklist is not None
    missing = [Text(f" {piece.number}  {piece.destination}") for piece in checklist.missing]
    surplus = [Text(f" {visible(number)}", "bold red") for number in checklist.surplus]
    if not missing and not surplus:
        return [Text(" All aboard.", "green")]
    shown: list[Text] = []
    for title, lines in (("Missing", missing), ("Surplus", surplus)):
        if lines:
            shown += [Text(f" {title} {len(lines)}", "bold"), *lines]
    if len(shown) <= room:
        return shown
    if surplus and room >= 4:  # both are told, however long the first is
        tail = [Text(f" Surplus {len(surplus)}: F5 shows all", "bold red")]
        return [*shown[: room - 2], Text(" ...", "dim"), *tail]
    return [*shown[: max(0, room - 1)], Text(" ...  F5 shows all", "dim")]


def _page(page: Page, width: int, room: int, glyphs: Glyphs) -> list[Text]:
    rows = [_row(f" {page.title}", width, "bold underline")]
    lines = [part for line in page.lines for part in _broken(line, max(1, width - 3))]
    space = max(0, room - 1)
    first = max(0, min(page.first, len(lines) - space))
    shown = lines[first : first + space]
    rows += [_row(f"  {line}", width) for line in shown]
    if first + space < len(lines) and shown:
        rows[-1] = _row(f"  ... {len(lines) - first - space + 1} more: down", width, "dim")
    rows += [_row("", width) for _ in range(room - len(rows))]
    return rows[:room]


def _foot(view: View, width: int, glyphs: Glyphs, *, wide: bool) -> list[Text]:
    rows: list[Text] = []
    if view.checklist is not None:
        label = "Load list: " if wide else "" if view.checklist.list else "list: "
        words = label + list_words(view, glyphs)
        if cell_len(words) > width - 2:
            words = words.rpartition(glyphs.dot)[0] or words
        short = view.checklist.list is not None and not view.checklist.missing and not view.checklist.surplus
        rows.append(_row(f" {words}", width, "green" if short else "bold"))
    sending = _row(f" {sending_words(view.sending, glyphs)}", width, view.sending.style)
    if view.troubles and wide:
        sending = _two(
            f" {sending_words(view.sending, glyphs)}", visible(view.troubles[0]) + " ", width, view.sending.style
        )
    rows.append(sending)
    rows.append(_said(view, width, glyphs, wide=wide))
    rows.append(_row(f"> {visible(view.typed)[-max(1, width - 3) :]}", width, "bold"))
    return rows


def _said(view: View, width: int, glyphs: Glyphs, *, wide: bool) -> Text:
    """Above the field: the verdict on what stands in it, or the keys that do something."""
    if view.hint:
        return _row(f" {view.hint}", width, "bold yellow")
    if view.verdict.words and not (view.page and view.page.asks):
        style = {Look.GOOD: "green", Look.WRONG: "bold red"}.get(view.verdict.look, "")
        sign = {Look.GOOD: "ok: ", Look.WRONG: "WRONG: "}.get(view.verdict.look, "")
        return _row(f" {sign}{view.verdict.words}", width, style)
    if view.page:
        keys = "ENTER takes it   ESC goes back" if view.page.asks else "ESC goes back"
    elif view.troubles and not wide:
        return _row(f" {visible(view.troubles[0])}", width, "yellow")
    elif wide:
        keys = "F1 help  F2 kind  F3 place  F4 into  F5 load list  F10 end"
    else:
        keys = "F1 help  F2 kind  F10 end"
    return _row(f" {keys}", width, "dim")


def _row(text: str, width: int, style: str = "") -> Text:
    return Text(set_cell_size(text, width), style, end="")


def _sized(text: Text, width: int) -> Text:
    """Cut or filled to exactly so many cells."""
    fitted = text.copy()
    if cell_len(fitted.plain) != width:
        plain = set_cell_size(fitted.plain, width)
        styled = Text(plain, fitted.style, end="")
        styled.spans = [piece for span in fitted.spans if (piece := span.right_crop(len(plain)))]
        return styled
    return fitted


def _two(left: str, right: str, width: int, style: str) -> Text:
    """One at each end; the left one matters more."""
    room = width - cell_len(left) - 1
    if cell_len(right) > room:
        right = right[:room] if room > 8 else ""
    return _row(left + " " * max(0, width - cell_len(left) - cell_len(right)) + right, width, style)


def _broken(line: str, width: int) -> list[str]:
    """A line in parts that fit, broken between words where it can be."""
    parts: list[str] = []
    rest = line
    while cell_len(rest) > width and width > 0:
        head = set_cell_size(rest, width)
        cut = head.rfind(" ")
        at = cut if cut > width // 3 else len(head.rstrip()) or 1
        parts.append(rest[:at])
        rest = rest[at:].lstrip()
    return [*parts, rest]
