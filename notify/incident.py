"""What one incident does to all pieces of a person, in one message: `templates/incident.jinja`."""

from collections.abc import Sequence

from locales import Words
from notify.owed import OwedNotice
from notify.texts import Text, grouped, one_line, run_of, written
from tracker.domain.network import Facility
from tracker.domain.notices import NoticeKind
from tracker.domain.shipment import PieceKind

LONGEST_LIST = 2
"""Numbers that a short form names; of the others it says how many there are."""


_HELD_UP = frozenset({NoticeKind.MISSED_CONNECTION, NoticeKind.LEG_CANCELLED, NoticeKind.REPLANNED, NoticeKind.STALLED})


def joins(notice: OwedNotice) -> bool:
    """Whether all it says is that its piece is held up by its incident."""
    return notice.incident is not None and notice.incident.of != "device" and notice.kind in _HELD_UP


def is_told_as_one(notices: Sequence[OwedNotice]) -> bool:
    """Whether these share an incident that says of all of them what happened: several, or one with words of support."""
    first = notices[0].incident
    if first is None or not all(joins(notice) and notice.incident == first for notice in notices):
        return False
    return len(notices) > 1 or bool(first.words)


def write(notices: Sequence[OwedNotice], spoken: Words) -> Text:
    """All of it in the reader's language: what happened, and when each piece is expected. They share an incident."""
    first, newest = notices[0], {notice.number: notice for notice in notices}
    storm = first.incident
    assert storm is not None  # or nobody would tell them as one
    expected = [
        (grouped(one.number), spoken.window(*one.window, one.destination.zone) if one.window else "")
        for one in newest.values()
    ]
    numbers = [one_line(number) for number in newest]
    place = first.places.get(storm.name) or Facility(storm.name)
    return written(
        "incident",
        {
            "_": spoken.say,
            "count": len(numbers),
            "bags": all(one.piece_kind is PieceKind.BAG for one in newest.values()),
            "of": storm.of,
            "run": run_of(storm.name),
            "place": spoken.place(place),
            "closed": storm.of == "facility" and any(c.until > first.owed_at for c in place.closures),
            "said": one_line(storm.said(spoken.tag)),
            "expected": expected,
            "numbers": ", ".join(numbers[:LONGEST_LIST]),
            "more": max(0, len(numbers) - LONGEST_LIST),
        },
    )
