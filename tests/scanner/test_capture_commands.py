"""`lastscan label` and `lastscan decode`, as somebody types them."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from lastscan.commands.capture import decode, label


def run(command, *arguments):
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_a_label_drawn_is_a_label_read(tmp_path):
    file = tmp_path / "label.png"
    assert run(label, "ls 1234 5678 5 nl", "--format", "png", "-o", file).exit_code == 0
    done = run(decode, file, "--jsonl")
    assert done.exit_code == 0
    [line] = done.stdout.splitlines()
    report = json.loads(line)
    assert report["path"] == str(file)
    assert report["error"] is None
    assert [(read["symbology"], read["text"]) for read in report["reads"]] == [("code128", "LS123456785NL")]


def test_people_get_a_line_for_each_code(tmp_path):
    file = tmp_path / "tag.png"
    run(label, "0220456789", "--format", "png", "-o", file)
    assert run(decode, file).stdout == f"{file}: itf 0220456789\n"


def test_a_refused_file_says_why_and_exits_1(tmp_path):
    file = tmp_path / "bad\x1b[2J.png"
    file.write_text("hello")
    done = run(decode, file)
    assert done.exit_code == 1
    assert "not a picture" in done.stdout
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize("number", ["LS123456784NL", "0000000000", "123", "AA1234/2026-13-01"])
def test_a_number_that_would_not_scan_back_is_not_printed(tmp_path, number):
    done = run(label, number, "--format", "png", "-o", tmp_path / "label.png")
    assert done.exit_code == 2
    assert not (tmp_path / "label.png").exists()


def test_many_labels_follow_each_other_on_a_roll(tmp_path):
    file = tmp_path / "labels.zpl"
    numbers = ["LS123456785NL", "0220456789"]
    assert run(label, *numbers, "--format", "zpl", "-o", file).exit_code == 0
    assert file.read_text().count("^XA") == 2
