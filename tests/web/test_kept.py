"""A look-up that is kept is the look-up that would be made."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from tests.web.stand_in import MISSED_BAG, MOVING, House, at
from tracker.domain.card import PieceCard
from tracker.domain.handling import Kind
from tracker.queries import News
from web import kept
from web.kept import KeptAnswers

Answers = KeptAnswers[PieceCard]


def asking(house: House, number: str, asked: list[str]) -> Callable[[], tuple[str, PieceCard] | None]:
    def make() -> tuple[str, PieceCard] | None:
        asked.append(number)
        card = house.card(number)
        return (card.number, card) if card is not None else None

    return make


@given(st.lists(st.tuples(st.sampled_from([MOVING, MISSED_BAG]), st.booleans()), max_size=12))
def test_whatever_changes_in_between_the_answer_is_that_of_now(steps: list[tuple[str, bool]]) -> None:
    house, asked = House(), list[str]()
    answers = Answers(house, clock=lambda: 0.0)
    for number, scanned in steps:
        if scanned:
            house.scan(number, Kind.SORT, house.candidates(number)[0].origin, at(21, 0))
        found, now = answers.get((number, "en"), asking(house, number, asked)), house.card(number)
        assert found is not None
        assert now is not None
        assert found.entries == now.entries


def test_what_has_not_changed_is_asked_once_until_it_is_old() -> None:
    house, asked, seconds = House(), list[str](), [0.0]
    answers = Answers(house, clock=lambda: seconds[0])
    for _ in range(3):
        answers.get((MOVING, "en"), asking(house, MOVING, asked))
    house.put(house.candidates(MISSED_BAG)[0])
    answers.get((MOVING, "en"), asking(house, MOVING, asked))
    assert asked == [MOVING]
    answers.get((MOVING, "zh-Hans"), asking(house, MOVING, asked))
    assert asked == [MOVING] * 2
    seconds[0] = kept.OLDEST
    answers.get((MOVING, "en"), asking(house, MOVING, asked))
    assert asked == [MOVING] * 3
    assert answers.get(("X", "en"), asking(house, "X", asked)) is None
    assert answers.get(("X", "en"), asking(house, "X", asked)) is None
    assert asked[-2:] == ["X", "X"]


def test_another_network_or_too_much_news_forgets_everything() -> None:
    house, asked = House(), list[str]()
    answers, newest = Answers(house, clock=lambda: 0.0), house.last_update()
    for news in (News(newest, (), 0), News(newest, (), 1), News(newest, None, 1), News(newest, (), 1)):
        house.news = lambda since, news=news: news  # type: ignore[method-assign, misc]
        answers.get((MOVING, "en"), asking(house, MOVING, asked))
    assert len(asked) == 3


def test_what_was_made_before_a_change_that_is_known_by_now_is_not_kept() -> None:
    house, asked = House(), list[str]()
    answers = Answers(house, clock=lambda: 0.0)
    make = asking(house, MOVING, asked)

    def overtaken() -> tuple[str, PieceCard] | None:
        found = make()
        house.scan(MOVING, Kind.SORT, house.candidates(MOVING)[0].origin, at(21, 0))
        answers.get((MISSED_BAG, "en"), asking(house, MISSED_BAG, []))  # somebody else hears of it
        return found

    answers.get((MOVING, "en"), overtaken)
    found, now = answers.get((MOVING, "en"), make), house.card(MOVING)
    assert found is not None
    assert now is not None
    assert found.entries == now.entries
