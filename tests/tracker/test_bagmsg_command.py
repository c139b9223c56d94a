"""`lastscan bagmsg`, as somebody pipes messages into it."""

from __future__ import annotations

import json

from click.testing import CliRunner

from lastscan.cli import lastscan

ONE = "BSM\n.V/1TZRH\n.F/SR101/18APR/JFK/F\n.N/0085123456003\nENDBSM\n"
NO_TAG = "BSM\n.V/1LLGW\nENDBSM\n"
MOVEMENT = "MVT\nBA117/03OCT.GABCD.LHR\n"


def run(text, *arguments):
    done = CliRunner().invoke(lastscan, ["bagmsg", *arguments], input=text)
    assert done.exit_code == 0, done.output
    return done.stdout.splitlines()


def reports(text):
    return [json.loads(line) for line in run(text, "--jsonl")]


def test_plain_messages_one_after_the_other_are_told_apart_by_number():
    one, no_tag, movement = reports(ONE + NO_TAG + "\n" + MOVEMENT)
    assert one == {
        "id": "1", "kind": "BSM", "status": "NEW", "source": "T", "airport": "ZRH",
        "tags": ["0085123456", "0085123457", "0085123458"],
        "outbound": {"flight": "SR101", "date": "18APR", "dest": "JFK", "cls": "F"},
    }  # fmt: skip
    assert no_tag == {"id": "2", "error": "no tag"}
    assert movement == {"id": "3", "error": "not a baggage message"}


def test_json_lines_are_answered_by_their_ids_and_a_bad_line_is_named():
    lines = [json.dumps({"id": "a", "text": ONE}), "no JSON", json.dumps({"id": "b", "text": NO_TAG})]
    answers = [json.loads(line) for line in run("\n".join([lines[0], lines[1], lines[2]]))]
    assert [answer["id"] for answer in answers] == ["a", "2", "b"]
    assert "expected a JSON object" in answers[1]["error"]


def test_parts_are_put_together_and_half_a_message_is_named():
    first = "BSM\n.V/1TZRH/PART1\n.N/0085123456001\nENDPART1\n"
    second = "BSM\n.V/1TZRH/PART2\n.N/0085123457001\nENDBSM\n"
    [whole] = reports(second + first)
    assert (whole["parts"], whole["tags"]) == (2, ["0085123456", "0085123457"])
    assert reports(first) == [{"id": "1", "error": "cut off: part 2 is missing"}]


def test_for_people_it_prints_a_line_each_and_no_control_signs():
    [line] = run("BSM\n.V/1TZRH\n.P/SMITH\x1bJOHN\n.N/0085123456001\nENDBSM\n")
    assert line.startswith("1: kind BSM, status NEW")
    assert "\x1b" not in line
