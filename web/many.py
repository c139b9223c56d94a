"""Several pieces on one page: those somebody asks for at once, and all that are theirs."""

from collections.abc import Iterable
from dataclasses import dataclass

from locales import Words
from tracker.domain.card import Form, PieceCard
from web.view import track_view

_WORST_FIRST = ("bad", "warn", "plain", "good")


@dataclass(frozen=True, slots=True)
class Row:
    """One piece in a list; `headline` is empty where nothing is known of its number."""

    href: str
    number: str
    is_bag: bool = False
    headline: str = ""
    tone: str = "plain"
    verdict: str | None = None
    window: str | None = None
    delivered: bool = False


def rows(cards: Iterable[tuple[PieceCard, Form]], words: Words) -> list[Row]:
    """The worst first; what was delivered comes last."""
    found = [_row(card, form, words) for card, form in cards]
    return sorted(found, key=lambda row: (row.delivered, _WORST_FIRST.index(row.tone)))


def _row(card: PieceCard, form: Form, words: Words) -> Row:
    view = track_view(card, words, form)
    return Row(
        href=f"/t/{card.number}?journey={card.journey}",
        number=view.spaced,
        is_bag=view.is_bag,
        headline=view.headline,
        tone=view.tone,
        verdict=view.verdict,
        window=view.window,
        delivered=view.delivered,
    )
