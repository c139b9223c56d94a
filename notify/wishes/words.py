"""What a text message that answers ours asks for: the words people send to stop, to hear again, and to be helped."""

import unicodedata
from enum import StrEnum


class Answer(StrEnum):
    STOP = "stop"
    START = "start"
    HELP = "help"


_STOP = ("STOP", "STOPALL", "STOP ALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "退订", "退訂", "TD", "T")
_START = ("START", "UNSTOP", "恢复", "恢復")
_HELP = ("HELP", "INFO", "帮助", "幫助")
_MEANS = {
    **dict.fromkeys((word.casefold() for word in _STOP), Answer.STOP),
    **dict.fromkeys((word.casefold() for word in _START), Answer.START),
    **dict.fromkeys((word.casefold() for word in _HELP), Answer.HELP),
}

LONGEST = 40
"""Letters that are looked at; a longer text is no such word."""

_AROUND = " \t\r\n.,!?;:'\"。，！？；：“”‘’「」…"


def answer(text: str) -> Answer | None:
    """What the whole message says, in any case, width and spacing, with or without a full stop; None for any other
    text, which is for a person to read. Words of every language work for everybody."""
    if len(text) > LONGEST:
        return None
    said = unicodedata.normalize("NFKC", text).casefold()
    return _MEANS.get(" ".join(said.strip(_AROUND).split()))
