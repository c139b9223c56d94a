"""What an endpoint is told: a notice as JSON, without anybody's name, address or phone."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import msgspec

from locales import words
from notify.owed import OwedNotice
from tracker.domain.network import Facility

MOST_BYTES = 20_000


def body(notice: OwedNotice, *, pages: str) -> str:
    """At most 20 KB. The same notice gives the same text, whenever it is asked for."""
    data: dict[str, Any] = {
        "number": notice.number[:64],
        "piece": notice.piece_kind,
        "seq": notice.seq,
        "first_time": notice.first_time,
        "why": words("en").why(notice.why, notice.places)[:2000],
        "window": {"earliest": _instant(notice.window[0]), "latest": _instant(notice.window[1])}
        if notice.window
        else None,
        "departure": notice.departure,
        "withdraws": (notice.withdraws or "").partition(":")[0] or None,
        "origin": _place(notice.origin),
        "destination": _place(notice.destination),
        "page": f"{pages}/t/{quote(notice.number[:64], safe='')}",
    }
    return _encoded(str(notice.kind), notice.owed_at, data)


def test_body(now: datetime) -> str:
    """What a test sends: the same frame around nothing."""
    return _encoded("test", now, {})


def _encoded(kind: str, at: datetime, data: dict[str, Any]) -> str:
    text = msgspec.json.encode({"type": kind, "timestamp": _instant(at), "data": data}).decode()
    assert len(text.encode()) < MOST_BYTES  # by the bounds above
    return text


def _place(place: Facility) -> dict[str, str | None]:
    return {"code": place.code, "country": place.country}


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
