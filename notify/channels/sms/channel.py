"""Hands texts to an SMS service by its Apprise address, and tells surely-not from perhaps by what Apprise logs."""

import logging
import re
import threading
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import quote

import phonenumbers

from locales import choose, words
from notify import incident
from notify.channel import Message
from notify.delivery import Accepted, ForGood, Later, NoAnswer, Outcome
from notify.owed import OwedNotice, Recipient
from notify.texts import short
from tracker.domain.errors import LastscanError

PHONE, KEY = "{phone}", "{key}"

FORM = "the address of the SMS service is one of Apprise, with {phone} in it: twilio://SID:TOKEN@+15550100/{phone}"

_STATUS = re.compile(r"error=(\d{3})\b")
_NEVER_CONNECTED = ("NewConnectionError", "NameResolutionError", "ConnectTimeout", "Connection refused")
_OUR_FAULT = frozenset({401, 402, 403, 404, 405, 407, 408, 429})
"""A login, an account or a rate of ours: the number is not wrong, so it is tried again once that is mended."""


class BadSmsSettingsError(LastscanError):
    """The address of the SMS service makes no sense, or what reads it is not installed; the text says what to do."""


class SmsChannel:
    """Notices as one or two texts. `url` is an address of Apprise with `{phone}` in it, and `{key}` where the service
    takes a message once under one key."""

    def __init__(self, url: str, *, region: str | None = None) -> None:
        """`region`, two letters, is whose numbers may be without their country. Raises BadSmsSettingsError."""
        if PHONE not in url:
            raise BadSmsSettingsError(FORM)
        self._url = url
        self._region = region
        if _plugin(self._filled("+15550100", key="key")) is None:
            raise BadSmsSettingsError(FORM)

    @property
    def remembers_keys(self) -> bool:
        return KEY in self._url

    def address(self, recipient: Recipient) -> str | None:
        """The number in E.164; None for one that no country has."""
        try:
            number = phonenumbers.parse(recipient.phone or "", self._region)
        except phonenumbers.NumberParseException:
            return None
        if not phonenumbers.is_valid_number(number):
            return None
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)

    def compose(self, notice: OwedNotice, *, key: str, written_at: datetime) -> Message:
        """One part in English, at most two in Chinese, where places have names of usual length."""
        spoken = words(choose([notice.recipient.language]))
        return Message(self.address(notice.recipient) or "", spoken.tag, short(notice, spoken).encode())

    def compose_incident(self, notices: Sequence[OwedNotice], *, key: str, written_at: datetime) -> Message:
        """One text about what their incident does to all of these pieces."""
        spoken = words(choose([notices[0].recipient.language]))
        said = incident.write(notices, spoken).short
        return Message(self.address(notices[0].recipient) or "", spoken.tag, said.encode())

    def send(self, message: Message, *, key: str) -> Outcome:
        """One request to the service. It raises nothing a service or a network can cause."""
        plugin = _plugin(self._filled(message.address, key=key))
        if plugin is None:
            return ForGood("the number cannot be part of the service's address")
        with _Overheard() as heard:
            try:
                taken = plugin.notify(body=message.body.decode(), body_format="text")
            except Exception as error:  # noqa: BLE001  174 services, each its own mistakes
                return NoAnswer(f"the service's plugin tripped: {type(error).__name__}")
        return Accepted("taken by the service") if taken else heard.judged()

    def _filled(self, phone: str, *, key: str) -> str:
        return self._url.replace(PHONE, quote(phone, safe="")).replace(KEY, quote(key, safe=""))


class _Overheard(logging.Handler):
    """What Apprise logs in this thread, which is all it tells of a failure. It goes no further: it names numbers."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._thread = threading.get_ident()
        self._text = ""

    def __enter__(self) -> "_Overheard":
        _logger().addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        _logger().removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self._text += record.getMessage() + "\n"

    def judged(self) -> Outcome:
        found = _STATUS.search(self._text)
        if found is None:
            if any(sign in self._text for sign in _NEVER_CONNECTED):
                return Later("no connection to the SMS service")
            return NoAnswer("the SMS service did not answer")
        status, said = int(found[1]), f"the SMS service answered {found[1]}"
        return ForGood(said) if 400 <= status < 500 and status not in _OUR_FAULT else Later(said)


def _logger() -> logging.Logger:
    logger = logging.getLogger("apprise")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    return logger


def _plugin(url: str):  # type: ignore[no-untyped-def]  # of the service the address names, or None
    try:
        from apprise import Apprise  # here: it reads 174 services, and is an extra
    except ImportError as missing:
        raise BadSmsSettingsError("SMS needs Apprise: pip install 'lastscan[notify]'") from missing
    _logger()
    return Apprise.instantiate(url)
