"""The few words a label has of its own, by language. A new language is a column here and a cut of the typeface.

They stand here and not in `locales/`, for a handheld and a printer script draw labels without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from babel.dates import format_date


@dataclass(frozen=True, slots=True)
class Words:
    parcel: str
    bag: str
    container: str
    departure: str
    origin: str
    destination: str
    day: str
    sender: str
    recipient: str
    follow: str
    receipt: str
    day_locale: str
    day_pattern: str

    def day_of(self, on: date) -> str:
        """`Sat 21 Nov`: no year, for a label does not live that long, and these letters must be large."""
        return format_date(on, self.day_pattern, locale=self.day_locale)


WORDS: Mapping[str, Words] = {
    "en": Words(
        parcel="Parcel",
        bag="Bag",
        container="Container",
        departure="Departure",
        origin="From",
        destination="To",
        day="Day",
        sender="Sender",
        recipient="Recipient",
        follow="Follow it",
        receipt="Keep this part",
        day_locale="en_GB",
        day_pattern="EEE d MMM",
    ),
    "zh-Hans": Words(
        parcel="包裹",
        bag="行李",
        container="集装容器",
        departure="班次",
        origin="始发",
        destination="目的地",
        day="日期",
        sender="寄件人",
        recipient="收件人",
        follow="扫码查询",
        receipt="旅客留存",
        day_locale="zh_Hans",
        day_pattern="M月d日 EEE",
    ),
}
LANGUAGES = tuple(WORDS)


def letters(language: str) -> str:
    """Every letter that a label in this language may have of its own."""
    words = WORDS[language]
    said = [getattr(words, name) for name in Words.__slots__ if not name.startswith("day_")]
    days = [words.day_of(date(2026, 1, 1) + timedelta(days=day)) for day in range(365)]
    return "".join(sorted({*"".join(said + days)}))
