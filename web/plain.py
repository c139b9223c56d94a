"""A piece for programs and terminals, by its number alone: plain text, and its window for a calendar (RFC 5545)."""

from datetime import UTC, datetime

from locales import Words
from tracker.domain.card import PieceCard, public
from web.view import track_view, window_of

LONGEST_LINE = 75
"""Bytes of a line of a calendar, RFC 5545 section 3.1."""


def as_text(card: PieceCard, words: Words) -> str:
    """What the page says, a line each, the newest of what happened first."""
    view = track_view(card, words)
    lines = [f"{view.spaced}  {view.origin} → {view.destination}", view.headline]
    if view.window:
        lines.append(f"{view.window_label}: {view.window}")
    if view.verdict:
        lines.append(view.verdict)
    for trouble in view.troubles:
        lines += [trouble.title, trouble.why, trouble.remedy]
    lines.append("")
    lines += [f"{line.day} {line.time}  {line.text}, {line.place}" for line in (*view.lines, *view.more)]
    return "\n".join(lines) + "\n"


def as_calendar(card: PieceCard, words: Words, *, host: str) -> str | None:
    """One event, the same however often it is asked for, until its window moves; None where there is none to come."""
    card = public(card)
    window = window_of(card)
    if window is None or card.delivered:
        return None
    view = track_view(card, words)
    heard = max((entry.recorded_at for entry in card.entries), default=card.booked_at)
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Lastscan//Lastscan//EN",
        "BEGIN:VEVENT",
        f"UID:{card.number}-{card.journey}@{host}",
        f"DTSTAMP:{_instant(heard)}",
        f"DTSTART:{_instant(window[0])}",
        f"DTEND:{_instant(window[1])}",
        f"SUMMARY:{_text(f'{view.spaced}: {view.headline}')}",
        f"DESCRIPTION:{_text(view.window_why or '')}",
        "TRANSP:TRANSPARENT",
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return "".join(f"{_folded(line)}\r\n" for line in lines)


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _text(said: str) -> str:
    for letter in "\\;,":
        said = said.replace(letter, f"\\{letter}")
    return " ".join(said.split())


def _folded(line: str) -> str:
    """In lines of at most 75 bytes, each going on with a blank; no character is cut."""
    folded, length = "", 0
    for letter in line:
        size = len(letter.encode())
        if length + size > LONGEST_LINE:
            folded, length = folded + "\r\n ", 1
        folded, length = folded + letter, length + size
    return folded
