"""Words by which people stop, start and ask for help, as thumbs write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notify.wishes.words import LONGEST, Answer, answer

STOP = ("STOP", "Stop", "stopall", "unsubscribe", "Cancel", "END", "quit", "退订", "TD", "td", "T", "t")


@pytest.mark.parametrize(
    ("text", "means"),
    [
        *((word, Answer.STOP) for word in STOP),
        *((word, Answer.START) for word in ("START", "start", "unstop", "恢复")),
        *((word, Answer.HELP) for word in ("HELP", "help", "帮助")),
        ("  stop \n", Answer.STOP),
        ("Stop.", Answer.STOP),
        ("STOP ALL", Answer.STOP),
        ("ＳＴＯＰ！", Answer.STOP),
        ("“退订”", Answer.STOP),
        ("please stop", None),
        ("stop sending it to the depot", None),
        ("the end", None),
        ("don't stop", None),
        ("", None),
        ("..", None),
        ("STOP" * 2000, None),
    ],
)
def test_a_word_counts_as_the_whole_message(text, means):
    assert answer(text) is means


@given(st.text(max_size=LONGEST * 2))
def test_any_text_has_an_answer_or_none(text):
    assert answer(text) is None or len(text) <= LONGEST
