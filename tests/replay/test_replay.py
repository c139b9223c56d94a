"""A small real day, played again: what is decided, when, and that it cannot know what comes."""

import csv
import json
import random
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from lastscan.commands.replay import learn
from lastscan.commands.replay import replay as replay_command
from lastscan.replay.day import Day, Decided, Kind
from lastscan.replay.files import BagPlan, UnreadableFileError, bags, fitting, flights
from tracker import forecasting
from tracker.domain.forecast.alert import DESK
from tracker.domain.forecast.board import Flown, instant

FLIGHTS, BAGS = Path(__file__).with_name("flights.csv"), Path(__file__).with_name("bags.csv")
MINIMUM = 20


def play(flown: list[Flown], plans: list[BagPlan]) -> list[Decided]:
    return list(Day(flown, plans, forecasting.shipped(), threshold=DESK, minimum=MINIMUM).run())


@pytest.fixture(scope="module")
def flown() -> list[Flown]:
    return flights(FLIGHTS)


@pytest.fixture(scope="module")
def plans() -> list[BagPlan]:
    return bags(BAGS)


@pytest.fixture(scope="module")
def decided(flown, plans) -> list[Decided]:
    return play(flown, plans)


@pytest.mark.parametrize("seed", range(4))
def test_what_is_decided_does_not_depend_on_what_comes_later(flown, plans, decided, seed):
    rng = random.Random(seed)
    moments = sorted({each.at for each in decided})
    until = rng.choice(moments)

    def otherwise(each: Flown) -> Flown:
        left, landed = each.left, each.landed
        if landed is not None and landed > until:
            landed = rng.choice([None, landed + rng.randrange(90)])
        if left is None and each.run.departs > until:
            left = each.run.departs + rng.randrange(200)
        elif left is not None and left > until:
            late = left + rng.randrange(90)
            left = rng.choice([None, late]) if each.run.departs > until else late
        return replace(each, left=left, landed=landed if left is not None else None)

    other = play([otherwise(each) for each in flown], plans)
    assert [d for d in other if d.at <= until] == [d for d in decided if d.at <= until]


def test_the_order_of_the_file_and_so_of_equal_instants_does_not_matter(flown, plans, decided):
    shuffled = random.Random(1).sample(flown, len(flown))
    assert play(shuffled, plans) == decided


def test_news_of_others_changes_nothing_for_a_bag(flown, plans, decided):
    for plan in random.Random(2).sample(plans, 5):
        alone = play(flown, [plan])
        assert alone == [d for d in decided if d.bag == plan.bag]


def test_a_broken_leg_is_told_in_the_minute_it_is_known(flown, plans, decided):
    truth = {each.run.name: each for each in flown}
    broken = 0
    for plan in plans:
        first = truth[plan.legs[0]]
        if first.left is None:
            broken += 1
            assert any(
                d.bag == plan.bag and d.kind is Kind.LEG_CANCELLED and d.at == first.run.departs for d in decided
            )
    assert broken


def test_a_missed_connection_stands_from_the_minute_the_next_one_left(flown, plans, decided):
    truth = {each.run.name: each for each in flown}
    missed = 0
    for plan in plans:
        inbound, outbound = (truth[leg] for leg in plan.legs)
        if inbound.left is None or inbound.landed is None or outbound.left is None:
            continue
        said = [d for d in decided if d.bag == plan.bag and d.kind is Kind.MISSED_CONNECTION and d.leg == 2]
        gap = outbound.left - inbound.landed
        assert bool(said) == (gap < MINIMUM)
        if said:
            missed += 1
            assert said[0].at == outbound.left
    assert missed


def test_what_is_withdrawn_was_alerted_and_probabilities_are_ones(decided):
    standing: set[str] = set()
    for each in decided:
        assert 0 <= each.probability <= 1
        if each.kind is Kind.WITHDRAWN:
            assert each.bag in standing
        if each.standing:
            standing.add(each.bag)
        else:
            standing.discard(each.bag)


def test_new_legs_join_and_leave_no_earlier_than_the_news(flown, decided):
    replanned = [d for d in decided if d.kind is Kind.REPLANNED]
    assert replanned
    for each in replanned:
        for first, second in zip(each.new_legs, each.new_legs[1:], strict=False):
            assert first.destination == second.origin
            assert first.arrives_at + timedelta(minutes=MINIMUM) <= second.departs_at
        assert each.new_legs[0].departs_at >= instant(each.at)


def test_nobody_is_told_the_same_twice(decided):
    told = Counter((d.cause, d.recipient) for d in decided if d.kind is Kind.NOTICE)
    assert told
    assert set(told.values()) == {1}


def test_the_command_writes_the_agreed_keys(tmp_path):
    out, picture = tmp_path / "out.jsonl", tmp_path / "forecast.svg"
    told = CliRunner().invoke(
        replay_command,
        ["--flights", str(FLIGHTS), "--bags", str(BAGS), "--out", str(out), "--draw", str(picture), "--json"],
    )
    assert told.exit_code == 0, told.output
    report = json.loads(told.stdout)
    agreed = {"flights", "bags", "alerts", "withdrawn", "replanned", "notices", "notices_doubled", "seconds"}
    assert agreed <= set(report)
    assert (report["flights"], report["bags"], report["notices_doubled"]) == (400, 209, 0)
    assert (report["messages"] <= report["notices"], report["messages_of_one_cause_max"]) == (True, 1)
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert {row["kind"] for row in rows} == {kind.value for kind in Kind}
    at = [datetime.fromisoformat(row["at"]) for row in rows]
    assert at == sorted(at)
    keys = {"at", "bag", "kind", "leg", "flight", "probability", "standing", "because", "new_legs", "eta"}
    for row in rows:
        assert set(row) == keys | ({"recipient", "channel", "cause"} if row["kind"] == "notice" else set())
        assert "{" not in row["because"]
    assert ElementTree.parse(picture).getroot().tag.endswith("svg")


def test_a_file_with_only_what_must_be_there_is_enough(tmp_path, flown):
    lean = tmp_path / "lean.csv"
    columns = ["flight", "origin", "dest", "sched_dep_utc", "actual_dep_utc", "sched_arr_utc", "actual_arr_utc"]
    with FLIGHTS.open(newline="") as full, lean.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(csv.DictReader(full))
    known = [(each.run.name, each.left, each.landed) for each in flown if each.landed is not None]
    assert [(each.run.name, each.left, each.landed) for each in flights(lean) if each.landed is not None] == known


def test_a_file_that_lacks_a_column_says_which(tmp_path):
    bad = tmp_path / "bad.csv"
    bad.write_text("flight,origin\nAA1,ORD\n")
    with pytest.raises(UnreadableFileError, match="dest"):
        flights(bad)


def test_bags_that_do_not_fit_the_flights_are_left_aside_by_name(flown, plans):
    good = plans[0]
    lost = BagPlan("0999999991", ("XX1/2015-01-02/ORD",))
    apart = BagPlan("0999999992", good.legs[::-1])
    fit, aside = fitting([lost, good, apart], flown)
    assert fit == [good]
    assert [line.split(":")[0] for line in aside] == ["bag 0999999991", "bag 0999999992"]


def test_what_is_learned_is_kept_and_read_again(tmp_path):
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    for out in (first, second):
        done = CliRunner().invoke(learn, [str(FLIGHTS), "--origin", "a test", "-o", str(out)])
        assert done.exit_code == 0, done.output
    assert first.read_bytes() == second.read_bytes()
    assert forecasting.dump(forecasting.load(first)) == first.read_text()


def test_other_files_are_not_taken_for_tables(tmp_path):
    other = tmp_path / "other.json"
    other.write_text('{"form": "lastscan-forecast/1", "origin": "", "turn": {}, "leaving": {"1": [2]}}')
    with pytest.raises(forecasting.UnreadableTablesError, match="lastscan learn"):
        forecasting.load(other)
