"""A notice as a letter: its words laid out as text and as HTML, in a MIME message with our headers."""

import re
from datetime import datetime
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
from notify.texts import Text, grouped, one_line, write
from tracker.domain.shipment import PieceKind

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]+")
_LONGEST_NAME = 200
_ENCODED = "=?"  # begins a word that `email` would decode, line ends and all, before it writes the header (RFC 2047)
LONGEST_ADDRESS = 254
"""By RFC 5321, section 4.5.3.1.3: a path of 256 has angle brackets around it."""


class _AsItStands(UnstructuredHeader, BaseHeader):
    """An address no program can follow once it is folded or encoded, which is what becomes of long words."""

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {self}{policy.linesep}"


_HEADERS = HeaderRegistry()
_HEADERS.map_to_type("list-unsubscribe", _AsItStands)
_POLICY = SMTP.clone(header_factory=_HEADERS)


def compose(notice: OwedNotice, settings: MailSettings, *, key: str, written_at: datetime) -> EmailMessage:
    """The whole message. A hostile name, number or address cannot add a header, nor mark-up; what cannot be a
    header raises UnsayableError."""
    spoken = words(choose([notice.recipient.language]))
    letter = write(notice, spoken, reply=bool(settings.reply_to))
    leave = settings.unsubscribe(notice) if settings.unsubscribe is not None else None
    facts = _layout_facts(notice, spoken, settings, letter, leave)
    message = EmailMessage(policy=_POLICY)
    try:
        message["From"] = Address(settings.sender_name, addr_spec=settings.sender)
        message["To"] = recipient(notice)
        message["Subject"] = _subject(letter.subject)
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


def plain(
    to: str, subject: str, text: str, settings: MailSettings, *, language: str, key: str, written_at: datetime
) -> EmailMessage:
    """A few lines about no piece, as to those who keep an account. Raises UnsayableError as `compose` does."""
    message = EmailMessage(policy=_POLICY)
    try:
        message["From"] = Address(settings.sender_name, addr_spec=settings.sender)
        message["To"] = _address(to, "", whose="an owner")
        message["Subject"] = _subject(one_line(subject))
        message["Date"] = written_at
        message["Message-ID"] = f"<{key}@{settings.domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        message["Content-Language"] = language
    except (ValueError, HeaderParseError, UnicodeError) as refusal:
        raise UnsayableError(f"a letter to an owner: {refusal}") from refusal
    return message


def recipient(notice: OwedNotice) -> Address:
    """To whom: by name where the name is one, else by address alone."""
    name = notice.recipient.name
    if _UNPRINTABLE.search(name) or len(name) > _LONGEST_NAME or _ENCODED in name:
        name = ""  # it would be another header or none; the letter reaches them without
    return _address((notice.recipient.email or "").strip(), name.strip(), whose=notice.recipient.person)


def _subject(text: str) -> str:
    return text.replace(_ENCODED, "= ?")


def _address(address: str, name: str, *, whose: str) -> Address:
    if _UNPRINTABLE.search(address) or not address.isascii():
        raise UnsayableError(f"{whose}: the e-mail address has characters no address has")
    if len(address) > LONGEST_ADDRESS:
        raise UnsayableError(f"{whose}: the e-mail address is longer than {LONGEST_ADDRESS} letters")
    try:
        return Address(name, addr_spec=address)
    except (ValueError, HeaderParseError, IndexError) as refusal:
        raise UnsayableError(f"{whose}: the e-mail address is not of the form a@b: {refusal}") from None


def _layout_facts(
    notice: OwedNotice, spoken: Words, settings: MailSettings, letter: Text, leave: str | None
) -> dict[str, object]:
    own = settings.page(notice) if settings.page is not None else None
    page = own or f"{settings.pages}/t/{quote(notice.number, safe='')}"
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
def _environment() -> Environment:
    """Values are escaped in .html alone: a text is no mark-up."""
    return Environment(
        loader=PackageLoader("notify.channels.email"),
        autoescape=lambda name: bool(name and name.endswith(".html")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
