"""When a device is asked for what did not come, and when people are told."""

from hypothesis import given
from hypothesis import strategies as st

from tracker.domain.gaps import ASK_AFTER_S, ON_LINE_FOR_S, REPORT_AFTER_S, Gap, Presence, first_seen, less

ranges = st.lists(st.tuples(st.integers(1, 30), st.integers(0, 6)).map(lambda pair: (pair[0], pair[0] + pair[1])))


def numbers(pairs: list[tuple[int, int]]) -> set[int]:
    return {q for first, last in pairs for q in range(first, last + 1)}


def holes(came: set[int], last: int) -> list[tuple[int, int]]:
    """The ranges up to `last` of which nothing came."""
    found: list[tuple[int, int]] = []
    for q in range(1, last + 1):
        if q in came:
            continue
        if found and found[-1][1] == q - 1:
            found[-1] = (found[-1][0], q)
        else:
            found.append((q, q))
    return found


def gap(*, upto: int, highest: int, last: int) -> Gap:
    found = first_seen(upto=upto, highest=highest, last=last, now=0.0)
    assert found is not None
    return found


@given(ranges, ranges)
def test_less_takes_out_just_these_numbers(some: list[tuple[int, int]], taken: list[tuple[int, int]]) -> None:
    assert numbers(less(some, taken)) == numbers(some) - numbers(taken)


def test_nothing_is_a_gap_where_everything_given_out_has_come() -> None:
    assert first_seen(upto=5, highest=5, last=5, now=0.0) is None
    assert gap(upto=3, highest=5, last=5).seen(upto=5, highest=5, last=0, now=1.0) is None


def test_a_backlog_that_flows_is_not_asked_for_and_a_hole_in_it_is() -> None:
    flowing = gap(upto=3, highest=8, last=100)
    for second in range(1, 60):
        found = flowing.seen(upto=3, highest=8 + second, last=100, now=float(second))
        assert found is not None
        flowing = found
    assert flowing.is_due(60.0)
    flowing = flowing.look([(4, 7), (68, 100)], 60.0)
    assert flowing.to_ask_for(60.0) == [(4, 7)]
    assert flowing.to_ask_for(60.0 + ASK_AFTER_S) == [(4, 7), (68, 100)]


def test_a_device_that_just_came_back_is_given_its_time() -> None:
    here = Presence(0.0, 0.0)
    lost = gap(upto=3, highest=8, last=8).look([(4, 7)], 20.0)
    late = 20.0 + REPORT_AFTER_S
    assert lost.to_report(late, here) == []  # off line since 0
    back = here.hearing(late)
    assert lost.to_report(late, back) == []
    for minute in range(16):
        back = back.hearing(late + 60 * minute)
    assert lost.to_report(late + REPORT_AFTER_S, back) == [(4, 7)]


@given(st.data())
def test_a_number_is_reported_once_it_was_missing_at_every_look_for_15_minutes_on_line(data: st.DataObject) -> None:
    """Against a model that keeps, for each number, since when it is missing."""
    rng = data.draw(st.randoms(use_true_random=False))
    last = data.draw(st.integers(2, 12))
    came = {last}  # so that none of it is a backlog
    told: set[int] = set()
    since: dict[int, float] = {}
    watched = gap(upto=0, highest=last, last=last)
    presence, now = Presence(0.0, 0.0), 0.0
    on_line_since = heard = 0.0
    for _ in range(data.draw(st.integers(1, 60))):
        now += rng.choice([20.0, 60.0, 170.0, ON_LINE_FOR_S + 1])
        if rng.random() < 0.8:
            on_line_since = on_line_since if now - heard <= ON_LINE_FOR_S else now
            heard = now
            presence = presence.hearing(now)
        if rng.random() < 0.1:
            came.add(rng.randint(1, last))
        upto = next(q for q in range(last + 1) if q + 1 not in came)
        seen = watched.seen(upto=upto, highest=last, last=last, now=now)
        if seen is None:
            return
        watched = seen
        if not watched.is_due(now):
            continue
        lost = holes(came | told, last)
        since = {q: since.get(q, now) for q in numbers(lost)}
        watched = watched.look(lost, now)
        reported = watched.to_report(now, presence)
        on_line = now - heard <= ON_LINE_FOR_S
        assert numbers(reported) == {
            q for q, at in since.items() if on_line and now - max(at, on_line_since) >= REPORT_AFTER_S
        }
        told |= numbers(reported)
