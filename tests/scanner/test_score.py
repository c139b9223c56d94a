"""Counting what was read of a folder whose labels are known."""

from __future__ import annotations

import csv
import json

import pytest
from PIL import Image

from scanner.label import strip
from scanner.score import alone, contestants, labels_of, lines, main, plain, score
from scanner.symbology import COURIER, Symbology

COLUMNS = ("file", "symbology", "text_json", "accept_json", "optional", "negative", "origin", "folder", "kind")


@pytest.fixture
def corpus(tmp_path):
    """A parcel read rightly, a bag tag whose label says otherwise, a code nobody must read, and a blank sheet."""
    (tmp_path / "images").mkdir()
    pictures = {
        "parcel.png": strip("LS123456785NL", Symbology.CODE128),
        "tag.png": strip("0220456789", Symbology.ITF),
        "spare.png": strip("LS123456785NL", Symbology.CODE128),
        "blank.png": Image.new("L", (300, 200), 255),
    }
    for name, picture in pictures.items():
        picture.save(tmp_path / "images" / name)
    with (tmp_path / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.DictWriter(file, COLUMNS, restval="")
        rows.writeheader()
        for name, symbology, text, accept, optional, negative in (
            ("parcel.png", "Code128", "nothing like it", ["]C0LS123456785NL"], "", ""),
            ("tag.png", "ITF", "0220456780", [], "", ""),
            ("spare.png", "Code128", "LS123456785NL", [], "1", ""),
            ("blank.png", "", "", [], "", "1"),
        ):
            rows.writerow(
                {"file": name, "symbology": symbology, "text_json": json.dumps(text), "origin": "ours",
                 "accept_json": json.dumps(accept), "optional": optional, "negative": negative}
            )  # fmt: skip
    return tmp_path


def test_right_wrong_optional_and_negative_are_told_apart(corpus):
    looks = {"lastscan still": contestants(COURIER)["lastscan still"]}
    tallies, complaints = score(corpus, labels_of(corpus), looks)
    table = {row: (tally.codes, tally.read, tally.wrong) for row, tally in lines(tallies["lastscan still"])}
    assert table == {
        "Code128": (1, 1, 0), "ITF": (1, 0, 1), "all but EAN/UPC": (2, 1, 1), "negatives": (0, 0, 0),
        "everything": (2, 1, 1),
    }  # fmt: skip
    assert complaints == ["lastscan still: tag.png: ITF '0220456789'"]


def test_a_reader_alone_has_each_of_its_texts_counted(corpus):
    class Chatterbox:
        name = "chatterbox"

        def read(self, pixels, symbologies, *, rough=False):
            from scanner.decode.readings import Sighting

            return [Sighting(Symbology.QR, text, ((0.0, 0.0),) * 4) for text in ("one", "two")]

    tallies, _ = score(corpus, labels_of(corpus), {"it": alone(Chatterbox(), COURIER)})
    assert dict(lines(tallies["it"]))["everything"].wrong == 8
    assert dict(lines(tallies["it"]))["negatives"].wrong == 4


def test_the_command_prints_a_line_for_each_row_and_fails_on_a_wrong_read(corpus, capsys):
    assert main([str(corpus), "--jsonl"]) == 1
    printed = capsys.readouterr()
    rows = [json.loads(line) for line in printed.out.splitlines()]
    assert {"lastscan still", "lastscan live", "zxing-cpp alone"} <= {row["reader"] for row in rows}
    assert {"reader", "row", "codes", "read", "wrong", "percent", "pictures", "wall_ms", "cpu_ms"} == set(rows[0])
    assert "tag.png" in printed.err


def test_a_table_for_people(corpus, capsys):
    main([str(corpus), "--reader", "lastscan live", "--origin", "ours"])
    assert "lastscan live" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="2"):
        main([str(corpus / "images")])


@pytest.mark.parametrize(
    ("family", "text", "same"),
    [
        ("Code128", "]C1420\x1d94", "42094"),
        ("Codabar", "A123B", "123"),
        ("EAN/UPC", "0 12345 67890 5", "12345678905"),
        ("QRCode", "a\r\nb", "a\nb"),
    ],
)
def test_conventions_make_no_difference(family, text, same):
    assert plain(family, text) == same
