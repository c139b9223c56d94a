"""A notice as a letter: the words of its kind, laid out as text and as HTML, in a MIME message with our headers."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from email.errors import HeaderParseError
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP, Policy
from functools import cache
from urllib.parse import quote

from babel import Locale
from jinja2 import Environment, PackageLoader, StrictUndefined

from locales import Words, choose, languages, words
from notify.channel import UnsayableError
from notify.channels.email.settings import MailSettings
from notify.owed import OwedNotice
from tracker.domain.shipment import PieceKind

_S10 = re.compile(r"([A-Z]{2})(\d{4})(\d{4})(\d)([A-Z]{2})")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]+")
_LONGEST_NAME = 200


class _AsItStands(UnstructuredHeader, BaseHeader):
    """An address no program can follow once it is folded or encoded, which is what becomes of long words."""

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {self}{policy.linesep}"


_HEADERS = HeaderRegistry()
_HEADERS.map_to_type("list-unsubscribe", _AsItStands)
_POLICY = SMTP.clone(header_factory=_HEADERS)


@dataclass(frozen=True, slots=True)
class Letter:
    """What is said, before any layout."""

    subject: str
    headline: str
    happened: tuple[str, ...]
    means: tuple[tuple[str, str], ...]  # label and value
    do: tuple[str, ...]
    again: str
    good: bool  # good news or not: the colour of the headline's mark, never the only sign of it


def compose(notice: OwedNotice, settings: MailSettings, *, key: str, written_at: datetime) -> EmailMessage:
    """The whole message. A hostile name, number or address cannot add a header, nor mark-up; what cannot be a
    header raises UnsayableError."""
    spoken = words(choose([notice.recipient.language]))
    letter = write(notice, spoken, settings)
    leave = settings.unsubscribe(notice) if settings.unsubscribe is not None else None
    facts = _layout_facts(notice, spoken, settings, letter, leave)
    message = EmailMessage(policy=_POLICY)
    try:
        message["From"] = Address(settings.sender_name, addr_spec=settings.sender)
        message["To"] = recipient(notice)
        message["Subject"] = letter.subject
        message["Date"] = written_at
        message["Message-ID"] = f"<{key}@{settings.domain}>"
        message["References"] = f"<piece-{quote(notice.number, safe='')}@{settings.domain}>"  # one thread a piece
        if settings.reply_to:
            message["Reply-To"] = settings.reply_to
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: out-of-office replies stay at home
        if leave is not None:
            message["List-Unsubscribe"] = f"<{leave}>"
            message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"  # RFC 8058
        message.set_content(_environment().get_template("letter.txt").render(facts))
        message.add_alternative(_environment().get_template("letter.html").render(facts), subtype="html")
        message["Content-Language"] = spoken.tag  # after the contents, which bring their own Content- headers
        message.set_boundary(f"part-{key}")  # not by chance: an attempt that repeats a letter repeats it to the byte
    except (ValueError, HeaderParseError, UnicodeError) as refusal:
        raise UnsayableError(f"{notice.kind} for {notice.recipient.person}: {refusal}") from refusal
    return message


def write(notice: OwedNotice, spoken: Words, settings: MailSettings) -> Letter:
    """The words of the notice's kind, from `templates/<kind>.jinja`."""
    said = (
        _environment(html=False)
        .get_template(f"{notice.kind}.jinja")
        .make_module(
            {
                "_": spoken.say,
                "bag": notice.piece_kind is PieceKind.BAG,
                "reply": bool(settings.reply_to),
                "why": spoken.why(notice.why, notice.places),
                "place": spoken.place(notice.destination),
                "window": spoken.window(*notice.window, notice.destination.zone) if notice.window else "",
                "departure": _departure(notice.departure, spoken) if notice.departure else "",
                "of": (notice.withdraws or "").partition(":")[0],
                "missed": _run(notice.why.values.get("departure", "")),
            }
        )
    )

    def told(name: str) -> str:
        return " ".join(str(getattr(said, name)).split())

    def lines(name: str) -> tuple[str, ...]:
        return tuple(" ".join(str(line).split()) for line in getattr(said, name) if str(line).strip())

    return Letter(
        subject=one_line(told("subject")),
        headline=told("headline"),
        happened=lines("happened"),
        means=tuple((label, value) for label, value in getattr(said, "means") if value),  # noqa: B009 - a template's
        do=lines("do"),
        again=told("again"),
        good=bool(getattr(said, "good")),  # noqa: B009
    )


def recipient(notice: OwedNotice) -> Address:
    """To whom: by name where the name is one, else by address alone."""
    address = (notice.recipient.email or "").strip()
    if _UNPRINTABLE.search(address) or not address.isascii():
        raise UnsayableError(f"{notice.recipient.person}: the e-mail address has characters no address has")
    name = notice.recipient.name
    if _UNPRINTABLE.search(name) or len(name) > _LONGEST_NAME:
        name = ""  # it would be another header or none; the letter reaches them without
    try:
        return Address(name.strip(), addr_spec=address)
    except (ValueError, HeaderParseError, IndexError) as refusal:
        raise UnsayableError(
            f"{notice.recipient.person}: the e-mail address is not of the form a@b: {refusal}"
        ) from None


def one_line(text: str) -> str:
    return " ".join(_UNPRINTABLE.sub(" ", text).split())


def grouped(number: str) -> str:
    """As on the label: `LS 1234 5678 5 NL`. Other numbers stay as they are."""
    found = _S10.fullmatch(number)
    return " ".join(found.groups()) if found else one_line(number)


def _run(departure: str) -> str:
    """`LH716` of `LH716/2026-11-21`: the day is said in words where it matters."""
    return departure.partition("/")[0]


def _departure(departure: str, spoken: Words) -> str:
    run, _, on = departure.partition("/")
    try:
        return spoken.say("{run}, {day}", run=run, day=spoken.day(date.fromisoformat(on)))
    except ValueError:
        return departure


def _layout_facts(
    notice: OwedNotice, spoken: Words, settings: MailSettings, letter: Letter, leave: str | None
) -> dict[str, object]:
    page = f"{settings.pages}/t/{quote(notice.number, safe='')}"
    zones = {notice.destination.zone, *(place.zone for place in notice.places.values())}
    return {
        "_": spoken.say,
        "language": spoken.tag,
        "letter": letter,
        "name": one_line(notice.recipient.name)[:_LONGEST_NAME],
        "bag": notice.piece_kind is PieceKind.BAG,
        "number": grouped(notice.number),
        "origin": spoken.place(notice.origin),
        "destination": spoken.place(notice.destination),
        "page": f"{page}?lang={spoken.tag}",
        "other_pages": [(_own_name(tag), tag, f"{page}?lang={tag}") for tag in languages() if tag != spoken.tag],
        "leave": f"{leave}?lang={spoken.tag}" if leave is not None else "",
        "other_hours": zones != {notice.recipient.zone},
        "house": settings.sender_name,
    }


@cache
def _own_name(tag: str) -> str:
    """What a language calls itself, without its script: `English`, `中文`."""
    name = Locale.parse(tag, sep="-").get_language_name(tag.replace("-", "_"))
    return str(name)


@cache
def _environment(*, html: bool = True) -> Environment:
    """Values are escaped in .html alone: a text is no mark-up."""
    return Environment(
        loader=PackageLoader("notify.channels.email"),
        autoescape=(lambda name: bool(name and name.endswith(".html"))) if html else False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
