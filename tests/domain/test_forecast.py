"""The forecast: chances that behave as chances do, alerts that do not flap, and tables that anyone can learn again."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.domain.forecast.alert import CAUTIOUS, CUSTOMER, DESK, MOVED, Alert, Threshold, follow
from tracker.domain.forecast.board import Board, Flown, Run, rotate
from tracker.domain.forecast.fit import fit
from tracker.domain.forecast.outlook import Outlook, chance_missed
from tracker.domain.forecast.priors import road_lands, takes
from tracker.domain.forecast.tables import Tables, median

points = st.lists(st.integers(0, 600), min_size=1, max_size=24).map(lambda found: tuple(sorted(found)))


def run(name: str, origin: str, destination: str, departs: int, block: int = 60, tail: str = "") -> Run:
    return Run(name, name[:2], origin, destination, departs, departs + block, tail)


def day(seed: int, size: int = 400) -> list[Flown]:
    """Aircraft to and fro between a hub and twenty stations, late at random and later as the day goes on."""
    rng = random.Random(seed)
    flown = []
    for tail in range(size // 8):
        out, free = f"S{tail % 20:02d}", 0
        for leg in range(8):
            departs = 300 + leg * 120 + rng.randrange(20)
            origin, destination = ("HUB", out) if leg % 2 else (out, "HUB")
            one = run(f"XX{tail:03d}{leg}", origin, destination, departs, 75, f"N{tail}")
            left = max(departs, free) + max(0, int(rng.gauss(4, 15)))
            landed = left + 75 + int(rng.gauss(0, 6))
            free = landed + 30
            flown.append(Flown(one, *((None, None) if rng.random() < 0.02 else (left, landed))))
    return flown


@pytest.fixture(scope="module")
def learned() -> Tables:
    return fit(day(1), origin="made up")


@given(points, points, st.integers(0, 90))
def test_a_chance_is_a_chance_and_more_slack_never_raises_it(inbound, outbound, minimum):
    chance = chance_missed(inbound, outbound, minimum)
    assert 0 <= chance <= 1
    assert chance_missed(inbound, tuple(moment + 5 for moment in outbound), minimum) <= chance
    assert chance_missed(inbound, outbound, minimum + 5) >= chance


@given(st.integers(-300, 400), st.booleans(), st.integers(0, 200))
def test_what_has_not_happened_is_expected_after_now(learned, now, left, lateness):
    outbound = run("XX1", "HUB", "S01", 100)
    if left:
        outbound.left = min(100 + lateness, now)
    outlook = Outlook(learned, Board([outbound], learned.turn), now)
    for expected in (outlook.departure(outbound), outlook.arrival(outbound)):
        assert expected == tuple(sorted(expected))
        assert expected == (outbound.left,) or expected[0] > now


def test_once_both_are_known_nothing_is_left_to_chance(learned):
    inbound, outbound = run("XX1", "S01", "HUB", 0), run("XX2", "HUB", "S02", 100)
    inbound.left, inbound.landed, outbound.left = 0, 80, 100
    outlook = Outlook(learned, Board([inbound, outbound], learned.turn), 101)
    assert outlook.missed(inbound, outbound, takes=(20,)) == 0
    assert outlook.missed(inbound, outbound, takes=(21,)) == 1


def test_what_is_still_in_the_air_when_the_next_one_leaves_has_missed_it(learned):
    inbound, outbound = run("XX1", "S01", "HUB", 0), run("XX2", "HUB", "S02", 100)
    inbound.left, outbound.left = 50, 100
    assert Outlook(learned, Board([inbound, outbound], learned.turn), 100).missed(inbound, outbound, takes=(0,)) == 1


@given(st.integers(15, 900), st.integers(-120, 0), st.integers(0, 60))
def test_a_road_leg_leaves_and_lands_by_its_own_sober_times_whatever_flights_taught(learned, block, before, late):
    outbound = replace(run("XX1", "HUB", "S01", 0, block), by_road=True)
    for tables in (learned, Tables()):
        outlook = Outlook(tables, Board([outbound], tables.turn), before)
        leaves, lands = outlook.departure(outbound), outlook.arrival(outbound)
        assert median(leaves) <= 5
        assert (leaves[-1], lands[0] >= 0.9 * block) == (30, True)
        assert lands[-1] <= 1.4 * block + 30
        on_its_way = replace(outbound, left=late)
        then = Outlook(tables, Board([on_its_way], tables.turn), late)
        assert then.departure(on_its_way) == (late,)
        assert then.arrival(on_its_way)[-1] <= late + 1.4 * block
    assert road_lands(block) == tuple(sorted(road_lands(block)))


def test_a_connection_that_needs_less_than_plans_give_it_is_the_less_missed_the_later_the_next_leaves(learned):
    inbound, outbound = run("XX1", "S01", "HUB", 0), run("XX2", "HUB", "S02", 100)
    chances = []
    for gap in range(0, 70, 5):
        inbound.left, inbound.landed, outbound.left = 0, 60, 60 + gap
        outlook = Outlook(learned, Board([inbound, outbound], learned.turn), 200)
        chances.append(outlook.missed(inbound, outbound, takes=takes(50)))
    assert chances == sorted(chances, reverse=True)
    assert (chances[3], chances[6], chances[8]) == (1.0, pytest.approx(0.4), 0.0)  # 15, 30 and 40 minutes


def test_a_late_aircraft_makes_its_next_departure_late(learned):
    inbound, onward = run("XX1", "S01", "HUB", 0, 75, "N1"), run("XX2", "HUB", "S02", 120, 75, "N1")
    rotate([inbound, onward])
    board = Board([inbound, onward], learned.turn)
    inbound.left = 5
    in_time = Outlook(learned, board, 60).leaves(onward)
    inbound.left = 55
    assert Outlook(learned, board, 60).leaves(onward) > in_time + 20


def test_the_vehicle_that_brings_a_piece_on_time_or_late_does_not_leave_without_it(learned):
    inbound, onward = run("XX1", "S01", "HUB", 0, 75, "N1"), run("XX2", "HUB", "S02", 100, 75, "N1")
    rotate([inbound, onward])
    inbound.left = 90
    assert Outlook(learned, Board([inbound, onward], learned.turn), 100).missed(inbound, onward, takes=(20,)) == 0


@given(st.lists(st.floats(0, 1), max_size=40), st.sampled_from([DESK, CAUTIOUS, CUSTOMER]))
def test_an_alert_does_not_flap_between_its_two_thresholds(chances, threshold: Threshold):
    stood = False
    for chance in chances:
        stands = threshold.stands(chance, stood=stood)
        if threshold.closes <= chance < threshold.opens:
            assert stands == stood
        stood = stands


@given(st.lists(st.floats(0, 1), max_size=40), st.sampled_from([DESK, CAUTIOUS]))
def test_an_alert_is_said_again_only_when_there_is_news_and_never_tells_an_owner_what_the_desk_does_not_know(
    chances, desk: Threshold
):
    stands: Alert | None = None
    for chance in chances:
        before, stands = stands, follow(stands, chance, desk)
        assert follow(stands, chance, desk) is stands
        assert (stands is not None) == desk.stands(chance, stood=before is not None)
        if stands is not None:
            assert abs(stands.chance - chance) < MOVED
            assert stands.warned == CUSTOMER.stands(chance, stood=before is not None and before.warned)


def test_the_same_days_teach_the_same_in_any_order(learned):
    days = day(1)
    random.Random(3).shuffle(days)
    assert fit(days, origin="made up") == learned


def test_learning_leaves_the_departures_as_they_were():
    days = day(2, 40)
    before = [replace(each.run) for each in days]
    fit(days, origin="")
    assert [(r.left, r.landed, r.previous) for r in before] == [
        (e.run.left, e.run.landed, e.run.previous) for e in days
    ]
