"""Hands letters to an SMTP server, and tells surely-not from perhaps."""

import re
import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from email.message import EmailMessage

from notify.channel import Message, UnsayableError
from notify.channels.email.letter import compose, compose_incident, compose_joined, plain
from notify.channels.email.settings import MailServer, MailSettings
from notify.delivery import Accepted, ForGood, Later, NoAnswer, Outcome
from notify.owed import OwedNotice, Recipient

GIVE_UP_S = 40.0  # for a whole letter; a lease is longer
WAIT_S = 15.0  # for one answer

OUR_FAULT = frozenset({530, 534, 535, 538})
"""The server wants another login from us: the address is not wrong, so it is tried again once that is mended."""

_LEADING_DOT = re.compile(rb"(?m)^\.")


class EmailChannel:
    """Notices by mail. SMTP has no keys: the same Message-ID in every attempt lets mailboxes, not servers, see that
    two are one."""

    remembers_keys = False

    def __init__(self, server: MailServer, settings: MailSettings, *, wait_s: float = WAIT_S) -> None:
        self._server = server
        self._settings = settings
        self._wait_s = wait_s

    def address(self, recipient: Recipient) -> str | None:
        return recipient.email

    def compose(self, notice: OwedNotice, *, key: str, written_at: datetime) -> Message:
        """The letter in the person's language. A name or address that would break a header cannot."""
        return _message(compose(notice, self._settings, key=key, written_at=written_at), notice)

    def compose_joined(self, notices: Sequence[OwedNotice], *, key: str, written_at: datetime) -> Message:
        """One letter with all of them, in the language of the first; they are for one reader."""
        return _message(compose_joined(notices, self._settings, key=key, written_at=written_at), notices[0])

    def compose_incident(self, notices: Sequence[OwedNotice], *, key: str, written_at: datetime) -> Message:
        """One letter about what their incident does to all of these pieces."""
        return _message(compose_incident(notices, self._settings, key=key, written_at=written_at), notices[0])

    def write(self, to: str, subject: str, text: str, *, language: str, key: str, written_at: datetime) -> Outcome:
        """Sends a few plain lines, not about a piece, as `send` does."""
        try:
            letter = plain(to, subject, text, self._settings, language=language, key=key, written_at=written_at)
        except UnsayableError as refusal:
            return ForGood(str(refusal))
        return self.send(Message(letter["To"].addresses[0].addr_spec, language, letter.as_bytes()), key=key)

    def send(self, message: Message, *, key: str) -> Outcome:
        """One SMTP conversation.

        Refused before or after the letter: surely not taken. Sent to its last dot and then silence: no answer.
        """
        give_up_at = time.monotonic() + GIVE_UP_S
        try:
            smtp = self._connected()
        except smtplib.SMTPResponseException as refusal:
            return Later(_spoken(refusal.smtp_code, refusal.smtp_error))  # it greets nobody now, not this letter
        except (OSError, smtplib.SMTPException) as error:
            return Later(f"no connection to the mail server: {error}")
        try:
            return self._converse(smtp, message, give_up_at)
        finally:
            smtp.close()

    def _connected(self) -> smtplib.SMTP:
        """Connected, encrypted where it can be, logged in where we should."""
        server, name = self._server, self._settings.domain
        context = ssl.create_default_context() if server.encrypted or not server.is_here else None
        if server.encrypted:
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                server.host, server.port, local_hostname=name, timeout=self._wait_s, context=context
            )
        else:
            smtp = smtplib.SMTP(server.host, server.port, local_hostname=name, timeout=self._wait_s)
        try:
            if smtp.sock is not None:  # the last dot goes alone; it should not wait for the letter to be acknowledged
                smtp.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            smtp.ehlo_or_helo_if_needed()
            if not server.encrypted and not server.is_here and smtp.has_extn("starttls"):
                smtp.starttls(context=context)
                smtp.ehlo()
            if server.user is not None and server.password is not None:
                if not server.is_here and not isinstance(smtp.sock, ssl.SSLSocket):
                    raise smtplib.SMTPException("the password is not sent unencrypted: use smtps://")
                smtp.login(server.user, server.password)
        except BaseException:
            smtp.close()
            raise
        return smtp

    def _converse(self, smtp: smtplib.SMTP, message: Message, give_up_at: float) -> Outcome:
        try:
            steps: tuple[Callable[[], tuple[int, bytes]], ...] = (
                lambda: smtp.mail(self._settings.sender),
                lambda: smtp.rcpt(message.address),
                lambda: smtp.docmd("DATA"),
            )
            for step in steps:
                code, words = step()
                if code not in (250, 251, 354):
                    return _refusal(code, words)
                if time.monotonic() > give_up_at:
                    return Later("the mail server is too slow")
            body = _LEADING_DOT.sub(b"..", message.body)
            smtp.send(body if body.endswith(b"\r\n") else body + b"\r\n")
        except (OSError, smtplib.SMTPException) as error:
            return Later(f"broken off before the end of the letter: {error}")
        try:
            smtp.send(b".\r\n")
            code, words = smtp.getreply()
        except (OSError, smtplib.SMTPException) as error:
            return NoAnswer(f"the letter was sent, the answer did not come: {error}")
        if 200 <= code < 300:
            return Accepted(_spoken(code, words))
        return _refusal(code, words) if code >= 400 else NoAnswer(_spoken(code, words))


def _message(letter: EmailMessage, notice: OwedNotice) -> Message:
    address = letter["To"].addresses[0].addr_spec
    if not address:
        raise UnsayableError(f"{notice.recipient.person}: no e-mail address")
    return Message(address, letter["Content-Language"], letter.as_bytes())


def _refusal(code: int, words: bytes) -> Later | ForGood:
    said = _spoken(code, words)
    return ForGood(said) if code >= 500 and code not in OUR_FAULT else Later(said)


def _spoken(code: int, words: bytes | str) -> str:
    text = words.decode(errors="replace") if isinstance(words, bytes) else words
    return f"{code} {' '.join(text.split())}"[:500]
