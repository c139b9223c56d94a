"""How hard the laws of the domain are tried, and stories to try them on."""

import random
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st

from tests.world import AMS, AMS_ST, FRA, LH860, LH862, LH991, OSL, OSL_ST, SATURDAY, Story
from tracker.domain.handling import NEVER_SCANNED, HandlingEvent, Kind
from tracker.domain.network import Facility
from tracker.domain.timeline import Progress, advance, comes_after, progress, timeline

trade = settings(max_examples=40)

PLACES = (AMS_ST, AMS, FRA, OSL, OSL_ST)
KINDS = (*(kind for kind in Kind if kind not in NEVER_SCANNED | {Kind.VOID}), "polish")
INTO = (None, None, LH991.name, LH860.name, LH862.name, "AKE12345LH")

moments = st.integers(0, 24 * 12).map(lambda fives: SATURDAY + timedelta(minutes=5 * fives))


@st.composite
def stories(draw: st.DrawFn, least: int = 0, most: int = 12, voids: bool = True) -> tuple[HandlingEvent, ...]:
    """Handlings anywhere in any order, some estimated, some withdrawn by their device or by another."""
    story = Story()
    for _ in range(draw(st.integers(least, most))):
        if voids and story.events and draw(st.integers(0, 5)) == 0:
            event = draw(st.sampled_from(story.events))
            story = story.withdraws(event, "12:00", device=draw(st.sampled_from([None, None, "h-thief"])))
            continue
        place: Facility = draw(st.sampled_from(PLACES))
        story = story.scan(
            draw(st.sampled_from(KINDS)),
            place,
            draw(moments),
            into=draw(st.sampled_from(INTO)),
            estimated=draw(st.integers(0, 4)) == 0,
            error_ms=draw(st.sampled_from([0, 20, 60_000])),
        )
    return story.events


def as_heard(events: tuple[HandlingEvent, ...], rng: random.Random) -> list[HandlingEvent]:
    """Shuffled, and some of them twice."""
    heard = [*events, *rng.choices(events, k=3)] if events else []
    rng.shuffle(heard)
    return heard


def folded_in_parts(heard: list[HandlingEvent], rng: random.Random) -> Progress:
    """As the tracker does: on from where it was, or again from all its facts when something came late."""
    known: dict[object, HandlingEvent] = {}
    folded = Progress()
    while heard:
        size = rng.randint(1, 4)
        batch, heard = heard[:size], heard[size:]
        fresh = {event.event_key: event for event in batch if event.event_key not in known}
        known.update(fresh)
        for event in sorted(fresh.values(), key=lambda e: e.order):
            if not comes_after(folded, event):
                folded = progress(timeline(known.values()))
                break
            folded = advance(folded, event)
    return folded
