"""`lastscan learn-eta`: a history in anyone's columns, learned and judged by days it does not know."""

import csv
import json

import pytest
from click.testing import CliRunner

from lastscan.commands.eta import learn_eta
from lastscan.replay.files import UnreadableFileError
from lastscan.replay.rides import Source, rides
from tests.domain.test_transit import days
from tracker import transit


@pytest.fixture
def history(tmp_path):
    path = tmp_path / "history.csv"
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["von", "dest", "departed_at", "planned_min", "took_min", "mode", "whole"])
        for at, each in enumerate(days(1, 0, 7)):
            ride = each.ride
            row = [ride.origin, ride.destination, ride.departs_at.isoformat(), ride.planned, each.took, ride.mode]
            out.writerow([*row, "yes" if at % 2 else "no"])
    return path


def test_it_is_learned_in_their_columns_and_judged_by_later_days(history, tmp_path):
    out = tmp_path / "tables.json"
    words = [str(history), "-o", str(out), "--column", "origin=von", "--until", "2026-03-06", "--json"]
    words += ["--area-letters", "1"]
    done = CliRunner().invoke(learn_eta, [*words, "--judge-only", "whole=yes"], catch_exceptions=False)
    found = json.loads(done.stdout)
    assert found[0]["lanes"] == "all"
    assert found[0]["legs"] == 120
    assert 0.6 < found[0]["covered"]["0.8"] < 0.95
    tables = transit.load(out)
    assert transit.dump(tables) == out.read_text()
    assert tables.areas == (1,)
    assert max(case.seen for case in tables.cases.values()) == 600  # five days, and none of those it is judged by


def test_a_value_may_be_part_of_a_column(tmp_path):
    path = tmp_path / "h.csv"
    path.write_text(
        "origin,dest,departed_at,planned_min,took_min,name,km\nA,B,2026-03-01T10:00,5,6,Pune_H_6 (West),4.5\n"
    )
    taken = {"origin_kind": Source.parse(r"name~_([A-Z]+)_?\d* "), "dest_kind": Source.parse("name~_(Q)")}
    (leg,) = rides(path, called=taken, only={})
    assert (leg.ride.kinds, leg.ride.km, leg.ride.run) == ("H>", 4.5, "")


@pytest.mark.parametrize(
    ("column", "why"),
    [("kind=a", "none of ours"), ("run=a~(b", "unterminated"), ("run=a~b", "in brackets"), ("run", "NAME=VALUE")],
)
def test_a_column_that_cannot_be_is_refused(history, tmp_path, column, why):
    done = CliRunner().invoke(learn_eta, [str(history), "-o", str(tmp_path / "t.json"), "--column", column])
    assert done.exit_code == 2
    assert why in done.stderr


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("A,B,2026-03-01T10:00,0,5", "over 0"),
        ("A,B,noon,5,5", "line 2"),
        ("A,B,2026-03-01T10:00,5,nan", "over 0"),
        ("A,B,2026-03-01T10:00,5,5,0", "kilometres"),
    ],
)
def test_a_row_that_cannot_be_is_named(tmp_path, row, why):
    path = tmp_path / "h.csv"
    path.write_text(f"origin,dest,departed_at,planned_min,took_min,km\n{row}\n")
    with pytest.raises(UnreadableFileError, match=why):
        rides(path, called={}, only={})


def test_a_file_that_learn_eta_did_not_write_is_refused(tmp_path):
    path = tmp_path / "other.json"
    path.write_text('{"form": "lastscan-transit/1", "transit": {}}')
    with pytest.raises(transit.UnreadableTransitError):
        transit.load(path)
