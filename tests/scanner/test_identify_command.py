"""`lastscan identify`, as somebody types it."""

from __future__ import annotations

import json

from click.testing import CliRunner

from lastscan.cli import lastscan


def run(*arguments):
    return CliRunner().invoke(lastscan, ["identify", *arguments])


def reports(*arguments):
    done = run(*arguments, "--jsonl")
    assert done.exit_code == 0
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_each_code_is_answered_on_a_line_with_the_number_its_customer_knows():
    [fedex, junk] = reports("1001921334250001000300779017972697", "hello")
    [candidate] = fedex["candidates"]
    assert set(candidate) == {"scheme", "carrier", "number", "valid", "why"}
    assert (candidate["scheme"], candidate["carrier"], candidate["number"]) == ("fedex34", "fedex", "779017972697")
    assert candidate["valid"] is True
    assert fedex["ambiguous"] is False
    assert junk == {"code": "hello", "candidates": [], "ambiguous": False}


def test_what_it_was_read_from_and_whose_it_is_decide():
    assert reports("0220456784")[0]["ambiguous"] is True
    for option, scheme in ((("--symbology", "itf"), "lpn"), (("--carrier", "DHL"), "dhl10")):
        [report] = reports("0220456784", *option)
        assert report["ambiguous"] is False
        assert report["candidates"][0]["scheme"] == scheme
        assert len(report["candidates"]) == 2


def test_people_read_the_reason():
    done = run("0220456784", "x\x1b[2J")
    assert done.exit_code == 0
    assert "ambiguous, name the carrier" in done.stdout
    assert "no check digit" in done.stdout
    assert "\x1b" not in done.stdout


def test_a_wrong_use_is_told_apart():
    assert run().exit_code == 2
    assert run("1", "--symbology", "runes").exit_code == 2
