"""What a phone shows of a notice: all of it, in its language, and no longer than a text message."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from locales import languages, words
from notify.owed import OwedNotice
from notify.texts import short
from tests.notify.world import AT, owed
from tracker.domain.notices import NoticeKind

GSM_7 = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The basic table of 3GPP TS 23.038; what stands in its extension takes two letters, and is not used."""

LONGEST = "420123459400111899223344556677"  # what is read from a label of the United States
OVERNIGHT = (AT + timedelta(hours=20), AT + timedelta(hours=26))


def at_its_longest(kind: NoticeKind, *, bag: bool) -> OwedNotice:
    full = owed(kind, number=LONGEST, bag=bag)
    return replace(full, window=OVERNIGHT if full.window else None)


@pytest.mark.parametrize("bag", [False, True])
@pytest.mark.parametrize("kind", list(NoticeKind))
def test_in_short_it_is_one_text_message_in_english(kind: NoticeKind, bag: bool) -> None:
    said = short(at_its_longest(kind, bag=bag), words("en"))
    assert len(said) <= 160
    assert set(said) <= set(GSM_7)


@pytest.mark.parametrize("bag", [False, True])
@pytest.mark.parametrize("kind", list(NoticeKind))
def test_in_short_it_is_at_most_two_in_chinese(kind: NoticeKind, bag: bool) -> None:
    said = short(at_its_longest(kind, bag=bag), words("zh-Hans"))
    assert len(said) <= 2 * 67
    assert re.findall(r"[A-Za-z]{2,}", re.sub(r"LH71[68]|LH991", "", said)) == []


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("kind", list(NoticeKind))
def test_in_short_it_names_the_piece_and_leaves_no_hole(kind: NoticeKind, language: str) -> None:
    for notice in (owed(kind), replace(owed(kind), window=None, departure=None)):
        said = short(notice, words(language))
        assert notice.number in said
        assert said[-1] in ".。"
        assert not re.search(r"[{}]|None| [.,;:]|[:：][.。]", said)
