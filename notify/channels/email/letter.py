"""A notice as a letter: its words laid out as text and as HTML, in a MIME message with our headers."""

import re
from collections.abc import Sequence
from datetime import datetime
from email.errors import HeaderParseError
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP, Policy
from functools import cache
from urllib.parse import quote

from babel import Locale
from jinja2 import Environment, PackageLoader, StrictUndefined

from locales import Words, choose, languages, sentence, words
from notify import incident
from notify.channel import UnsayableError
from notify.channels.email.settings import MailSettings
from notify.owed import OwedNotice
from notify.texts import Text, grouped, one_line, write
from tracker.domain.notices import NOTICE_RULES, NoticeKind
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
    wishes = settings.wishes(notice) if settings.wishes is not None else None
    leave = wishes if _may_leave(notice) else None
    facts = _facts(notice, spoken, settings, wishes) | _part(notice, spoken, settings, letter)
    facts["may_leave"] = leave is not None
    return _mail("letter", facts, [notice], settings, subject=letter.subject, leave=leave, key=key, at=written_at)


def compose_joined(
    notices: Sequence[OwedNotice], settings: MailSettings, *, key: str, written_at: datetime
) -> EmailMessage:
    """One message with several notices to one reader, each with its own headline. Its button to unsubscribe is there if
    it stops all of them; its link to the page of wishes always is. Otherwise as `compose`."""
    first = notices[0]
    spoken = words(choose([first.recipient.language]))
    parts = [_part(one, spoken, settings, write(one, spoken, reply=bool(settings.reply_to))) for one in notices]
    subject = spoken.say("{count} messages about your parcels and bags", count=len(notices))
    if len({one.number for one in notices}) == 1:
        subject = spoken.say("{count} messages about {number}", count=len(notices), number=grouped(first.number))
    about = next((one for one in notices if _may_leave(one)), first)
    wishes = settings.wishes(about) if settings.wishes is not None else None
    facts = _facts(first, spoken, settings, wishes) | {"subject": subject, "parts": parts}
    facts["other_hours"] = any(part["other_hours"] for part in parts)
    facts["may_leave"] = _may_leave(about)
    stops_all = _may_leave(about) and len({NOTICE_RULES[one.kind].left_with for one in notices}) == 1
    leave = wishes if stops_all else None
    return _mail("joined", facts, notices, settings, subject=subject, leave=leave, key=key, at=written_at)


def compose_incident(
    notices: Sequence[OwedNotice], settings: MailSettings, *, key: str, written_at: datetime
) -> EmailMessage:
    """One message about an incident and all of one reader's pieces that it holds up. Otherwise as `compose_joined`."""
    first = notices[0]
    spoken = words(choose([first.recipient.language]))
    letter = incident.write(notices, spoken)
    wishes = settings.wishes(first) if settings.wishes is not None else None
    parts = [_part(one, spoken, settings, letter) for one in {one.number: one for one in notices}.values()]
    facts = _facts(first, spoken, settings, wishes) | {"letter": letter, "subject": letter.subject, "parts": parts}
    facts |= {"other_hours": any(part["other_hours"] for part in parts), "may_leave": _may_leave(first)}
    leave = wishes if len({NOTICE_RULES[one.kind].left_with for one in notices}) == 1 else None
    return _mail("incident", facts, notices, settings, subject=letter.subject, leave=leave, key=key, at=written_at)


def _mail(
    layout: str,
    facts: dict[str, object],
    notices: Sequence[OwedNotice],
    settings: MailSettings,
    *,
    subject: str,
    leave: str | None,
    key: str,
    at: datetime,
) -> EmailMessage:
    message = EmailMessage(policy=_POLICY)
    threads = dict.fromkeys(f"<piece-{quote(one.number, safe='')}@{settings.domain}>" for one in notices)
    try:
        message["From"] = Address(settings.sender_name, addr_spec=settings.sender)
        message["To"] = recipient(notices[0])
        message["Subject"] = _subject(subject)
        message["Date"] = at
        message["Message-ID"] = f"<{key}@{settings.domain}>"
        message["References"] = " ".join(threads)  # one thread a piece
        if settings.reply_to:
            message["Reply-To"] = settings.reply_to
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: out-of-office replies stay at home
        if leave is not None:
            message["List-Unsubscribe"] = f"<{leave}>"
            message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"  # RFC 8058
        message.set_content(_environment().get_template(f"{layout}.txt").render(facts))
        message.add_alternative(_environment().get_template(f"{layout}.html").render(facts), subtype="html")
        message["Content-Language"] = facts["language"]  # after the contents, which bring their own Content- headers
        message.set_boundary(f"part-{key}")  # not by chance: an attempt that repeats a letter repeats it to the byte
    except (ValueError, HeaderParseError, UnicodeError) as refusal:
        raise UnsayableError(f"{notices[0].kind} for {notices[0].recipient.person}: {refusal}") from refusal
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


def _may_leave(notice: OwedNotice) -> bool:
    return NOTICE_RULES[notice.kind].left_with is not None


def _facts(notice: OwedNotice, spoken: Words, settings: MailSettings, wishes: str | None) -> dict[str, object]:
    """Of the letter as a whole."""
    here = _page(notice, settings)
    return {
        "_": spoken.say,
        "language": spoken.tag,
        "name": one_line(notice.recipient.name)[:_LONGEST_NAME],
        "other_pages": [(_own_name(tag), tag, f"{here}?lang={tag}") for tag in languages() if tag != spoken.tag],
        "wishes": f"{wishes}?lang={spoken.tag}" if wishes is not None else "",
        "house": settings.sender_name,
    }


def _part(notice: OwedNotice, spoken: Words, settings: MailSettings, letter: Text) -> dict[str, object]:
    """Of one notice in it."""
    zones = {notice.destination.zone, *(place.zone for place in notice.places.values())}
    return {
        "letter": letter,
        "button": spoken.say(_button(notice)),
        "follow": spoken.say("Say yes or no here:") if _asks(notice) else spoken.say("Follow it here:"),
        "number": grouped(notice.number),
        "origin": spoken.place(notice.origin),
        "destination": spoken.place(notice.destination),
        "page": f"{_page(notice, settings)}?lang={spoken.tag}",
        "other_hours": zones != {notice.recipient.zone},
    }


def _page(notice: OwedNotice, settings: MailSettings) -> str:
    """Where its reader sees the piece: by a link of their own, else by its number."""
    own = settings.page(notice) if settings.page is not None else None
    return own or f"{settings.pages}/t/{quote(notice.number, safe='')}"


def _asks(notice: OwedNotice) -> bool:
    return notice.kind is NoticeKind.CONFIRM_CONTACT


def _button(notice: OwedNotice) -> str:
    if _asks(notice):
        return sentence("Yes or no")
    return sentence("Follow your bag") if notice.piece_kind is PieceKind.BAG else sentence("Follow your parcel")


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
