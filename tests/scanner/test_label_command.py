"""`lastscan label`, as somebody types it."""

from __future__ import annotations

import pypdfium2
import pytest
from click.testing import CliRunner

from lastscan.commands.capture import label
from scanner.decode import Reader, open_picture


def run(*arguments):
    return CliRunner().invoke(label, [str(argument) for argument in arguments])


def test_a_parcel_with_all_that_can_stand_on_it(tmp_path):
    file = tmp_path / "label.png"
    facts = ["--service", "Express", "--from", "AMS", "--to", "OSL", "--on", "2026-11-21", "--recipient", "Ada"]
    done = run("LS123456785NL", "--format", "png", "-o", file, *facts, "--link", "https://track.example.org")
    assert done.exit_code == 0, done.output
    read = {each.text for each in Reader().look(open_picture(file.read_bytes()))}
    assert read == {
        "LS123456785NL",
        "https://track.example.org/t/LS123456785NL#to=OSL&on=2026-11-21&service=Express",
    }


def test_a_container_is_printed_from_its_sscc(tmp_path):
    file = tmp_path / "label.png"
    assert run("(00)340123451234567895", "--kind", "container", "--format", "png", "-o", file).exit_code == 0
    [read] = Reader().look(open_picture(file.read_bytes()))
    assert (read.symbology, read.text) == ("gs1-128", "00340123451234567895")


@pytest.mark.parametrize(("options", "pages"), [([], 5), (["--sheet"], 2)])
def test_several_numbers_fill_pages_or_sheets(tmp_path, options, pages):
    file = tmp_path / "labels.pdf"
    done = run(*(f"AA{run}/2026-11-21" for run in range(10, 15)), "--format", "pdf", "-o", file, *options)
    assert done.exit_code == 0, done.output
    assert len(pypdfium2.PdfDocument(file)) == pages


def test_a_chinese_label_needs_no_font_for_its_own_words(tmp_path, monkeypatch):
    monkeypatch.setattr("scanner.label.typeface._machine_faces", lambda: ())
    asked = ["LS123456785NL", "--format", "pdf", "-o", tmp_path / "label.pdf", "--language", "zh-Hans"]
    assert run(*asked, "--on", "2026-11-21").exit_code == 0
    done = run(*asked, "--recipient", "王小明")
    assert done.exit_code == 2
    assert "fonts-noto-cjk" in done.output


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["LS123456784NL"], "right check digit"),
        (["34012345123456789"], "check digit of 34012345123456789 is 5"),
        (["340123451234567894", "--kind", "container"], "check digit of 34012345123456789 is 5"),
        (["LS123456785NL", "--kind", "container"], "that has 18 digits"),
        (["LS123456785NL", "--kind", "bag"], "try --kind parcel"),
        (["AA1234/2026-11-21", "--on", "2026-11-22"], "leave --on out"),
        (["LS123456785NL", "--link", "javascript:alert(1)"], "expected https"),
        (["LS123456785NL", "0220456789"], "do not go into one png"),
        (["LS123456785NL", "--font", __file__, "--to", "北京"], "no font file we can open"),
    ],
)
def test_what_cannot_be_printed_says_what_to_do_and_leaves_no_file(tmp_path, arguments, word):
    file = tmp_path / "label.png"
    done = run(*arguments, "--format", "png", "-o", file)
    assert done.exit_code == 2, done.output
    assert word in " ".join(done.output.replace("│", " ").split())
    assert not file.exists()


def test_the_kinds_we_print_for_are_those_the_command_offers():
    assert "[parcel|bag|container|departure]" in run("--help").output
