"""How well public photos read: `python -m scanner.score CORPUS`, where CORPUS holds `labels.csv` and `images/`.

Reads each picture by our cascade as a still and as a camera's frame, by zxing-cpp alone and by zbar alone, and prints
a table for each. `labels.csv` has a row for each code: `file`, `symbology` (Code128, ITF, ...), `text_json`,
`accept_json` (other right texts), `optional` (neither rewarded nor punished when read) and `negative` (nothing may
be read).

A code counts as *read* when its text came back as its own symbology, as *wrong* each text that no label of its
picture bears. AIM prefixes, control characters, Codabar's guards and leading noughts of EAN make no difference.
Milliseconds are from the file's bytes to its texts, on one thread: by the wall and, where a machine is busy, truer,
by the process's own CPU. Exit status 1 when our cascade read anything wrongly.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import statistics
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from scanner.decode import Mode, PictureRefusedError, Reader, installed_readers, open_picture
from scanner.decode.readers import BarReader, Zbar, Zxing
from scanner.symbology import COURIER, Symbology

FAMILY = {
    Symbology.CODE128: "Code128", Symbology.GS1_128: "Code128", Symbology.ITF: "ITF", Symbology.CODE39: "Code39",
    Symbology.CODE93: "Code93", Symbology.CODABAR: "Codabar", Symbology.EAN: "EAN/UPC", Symbology.QR: "QRCode",
    Symbology.DATAMATRIX: "DataMatrix", Symbology.PDF417: "PDF417", Symbology.AZTEC: "Aztec",
    Symbology.MAXICODE: "MaxiCode", Symbology.TWO_OF_FIVE: "IATA2of5",
}  # fmt: skip
RETAIL = "EAN/UPC"
NEGATIVES = "negatives"
COURIERS_OWN = "all but EAN/UPC"

Texts = list[tuple[str, str]]  # family, text as `plain` leaves it
Look = Callable[[bytes], list[tuple[Symbology, str]]]


@dataclass(slots=True)
class Labels:
    """What one picture bears: each code with every text that is right for it."""

    due: list[tuple[str, set[str]]] = field(default_factory=list)
    optional: list[tuple[str, set[str]]] = field(default_factory=list)

    @property
    def row(self) -> str:
        """Where the picture's time and its wrong texts are counted."""
        return self.due[0][0] if self.due else NEGATIVES

    def wrong(self, texts: Texts) -> set[tuple[str, str]]:
        right = set().union(*(allowed for _, allowed in self.due + self.optional))
        # The printer's order of a MaxiCode's fields is not the symbol's, so its label cannot convict a read.
        unsure = {family for family, _ in self.optional if family == "MaxiCode"}
        return {(family, text) for family, text in texts if text not in right and family not in unsure}


@dataclass(slots=True)
class Tally:
    """One line of the table."""

    codes: int = 0
    read: int = 0
    wrong: int = 0
    wall: list[float] = field(default_factory=list)  # ms a picture
    cpu: list[float] = field(default_factory=list)

    def __iadd__(self, other: Tally) -> Tally:
        self.codes, self.read, self.wrong = self.codes + other.codes, self.read + other.read, self.wrong + other.wrong
        self.wall += other.wall
        self.cpu += other.cpu
        return self

    def as_json(self) -> dict[str, Any]:
        return {
            "codes": self.codes,
            "read": self.read,
            "percent": round(100 * self.read / self.codes, 1) if self.codes else None,
            "wrong": self.wrong,
            "pictures": len(self.wall),
            "wall_ms": _spread(self.wall),
            "cpu_ms": _spread(self.cpu),
        }


def _spread(ms: Sequence[float]) -> dict[str, float]:
    if not ms:
        return {"median": 0.0, "p95": 0.0, "mean": 0.0}
    ordered = sorted(ms)
    return {
        "median": round(statistics.median(ordered), 2),
        "p95": round(ordered[int(0.95 * (len(ordered) - 1))], 2),
        "mean": round(statistics.fmean(ordered), 2),
    }


def labels_of(corpus: Path, origins: Iterable[str] = ()) -> dict[str, Labels]:
    """Picture file name -> what it bears, in the order of `labels.csv`; with `origins` only theirs."""
    wanted = frozenset(origins)
    pictures: dict[str, Labels] = {}
    with (corpus / "labels.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if wanted and row["origin"] not in wanted:
                continue
            labels = pictures.setdefault(row["file"], Labels())
            if row["negative"] == "1":
                continue
            texts = [json.loads(row["text_json"]), *json.loads(row["accept_json"])]
            code = (row["symbology"], {plain(row["symbology"], text) for text in texts})
            (labels.optional if row["optional"] == "1" else labels.due).append(code)
    return pictures


def plain(family: str, text: str) -> str:
    """The text as two honest readers agree on it: separators and conventions taken off."""
    if family == RETAIL:
        return re.sub(r"\D", "", text).lstrip("0")
    text = re.sub(r"\r\n?", "\n", text)
    text = re.sub(r"[\x00-\x08\x0b-\x1f\ufeff]", "", text).strip()
    if family == "Code128":
        return re.sub(r"^\]C[0-9]", "", text)
    if family == "Codabar":
        return re.sub(r"^[A-Da-dTNEtne*]|[A-Da-dTNEtne*]$", "", text)
    return text


def cascade(mode: Mode, symbologies: frozenset[Symbology]) -> Look:
    """Our own reading, as `lastscan decode` (still) or one frame of a camera (live) does it."""
    readers = installed_readers()

    def look(content: bytes) -> list[tuple[Symbology, str]]:
        reads = Reader(symbologies, mode=mode, readers=readers).look(open_picture(content))
        return [(read.symbology, read.text) for read in reads]

    return look


def alone(reader: BarReader, symbologies: frozenset[Symbology]) -> Look:
    """One reader's single look at the grey picture, with nothing around it and everything it says believed."""

    def look(content: bytes) -> list[tuple[Symbology, str]]:
        picture: Image.Image = open_picture(content)
        return [(seen.symbology, seen.text) for seen in reader.read(picture, symbologies)]

    return look


def contestants(symbologies: frozenset[Symbology]) -> dict[str, Look]:
    """Who is compared, by name; zbar only where it is installed."""
    readers = installed_readers()
    looks = {
        "lastscan still": cascade(Mode.STILL, symbologies),
        "lastscan live": cascade(Mode.LIVE, symbologies),
        "zxing-cpp alone": alone(Zxing(white_on_black=True), symbologies),
    }
    if readers.second is not None:
        looks["zbar alone"] = alone(Zbar(ascii_only=False), symbologies)
    return looks


def score(
    corpus: Path, pictures: dict[str, Labels], looks: dict[str, Look], *, repeat: int = 1
) -> tuple[dict[str, dict[str, Tally]], list[str]]:
    """The tallies by contestant and row, and a line for each wrong text; each picture goes round them all."""
    tallies: dict[str, dict[str, Tally]] = {name: defaultdict(Tally) for name in looks}
    complaints = []
    for file, labels in pictures.items():
        content = (corpus / "images" / file).read_bytes()
        for name, look in looks.items():
            texts, wall, cpu = _timed(look, content, repeat)
            rows = tallies[name]
            for family, right in labels.due:
                rows[family].codes += 1
                rows[family].read += any(found == family and text in right for found, text in texts)
            rows[labels.row].wall.append(wall)
            rows[labels.row].cpu.append(cpu)
            wrong = labels.wrong(texts)
            rows[labels.row].wrong += len(wrong)
            complaints += [f"{name}: {file}: {family} {text!r}" for family, text in sorted(wrong)]
    return tallies, complaints


def _timed(look: Look, content: bytes, repeat: int) -> tuple[Texts, float, float]:
    """The texts, and the least milliseconds of `repeat` looks by the wall and by the CPU."""
    walls, cpus, found = [], [], Counter[tuple[str, str]]()
    for _ in range(repeat):
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            reads = look(content)
        except PictureRefusedError:
            reads = []
        walls.append((time.perf_counter() - wall) * 1000)
        cpus.append((time.process_time() - cpu) * 1000)
        found.update((FAMILY[symbology], plain(FAMILY[symbology], text)) for symbology, text in reads)
    return list(found), min(walls), min(cpus)


def lines(rows: dict[str, Tally]) -> list[tuple[str, Tally]]:
    """The table of one contestant: a line for each symbology, and what they come to."""
    ordered = sorted((row for row in rows if row not in (RETAIL, NEGATIVES)), key=str.lower)
    together, all_pictures = Tally(), Tally()
    for row in ordered:
        together += rows[row]
    for tally in rows.values():
        all_pictures += tally
    table = [(row, rows[row]) for row in ordered] + [(COURIERS_OWN, together)]
    table += [(row, rows[row]) for row in (RETAIL, NEGATIVES) if row in rows]
    return [*table, ("everything", all_pictures)]


def as_text(name: str, rows: dict[str, Tally]) -> str:
    header = f"{name:<18}{'codes':>6}{'read':>6}{'%':>7}{'wrong':>7}" + "".join(
        f"{title:>10}" for title in ("cpu med", "cpu p95", "cpu mean", "wall med", "wall p95")
    )
    text = [header]
    for row, tally in lines(rows):
        line = tally.as_json()
        cpu, wall = line["cpu_ms"], line["wall_ms"]
        percent = "" if line["percent"] is None else f"{line['percent']:.1f}"
        spread = (cpu["median"], cpu["p95"], cpu["mean"], wall["median"], wall["p95"])
        text.append(
            f"{row:<18}{tally.codes:>6}{tally.read:>6}{percent:>7}{tally.wrong:>7}"
            + "".join(f"{value:>10.1f}" for value in spread)
        )
    return "\n".join(text) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    options = argparse.ArgumentParser(description="How well the pictures of a labelled folder read.")
    options.add_argument("corpus", type=Path, help="a folder with labels.csv and images/")
    options.add_argument("--jsonl", action="store_true", help="one JSON object for each line of each table")
    options.add_argument("--retail", action="store_true", help="EAN and UPC too, which are off where parcels travel")
    options.add_argument("--origin", action="append", default=[], help="only pictures from here (column origin)")
    options.add_argument("--reader", action="append", default=[], help="only this one, e.g. 'lastscan live'")
    options.add_argument("--repeat", type=int, default=1, help="looks at each picture; the quickest is counted")
    chosen = options.parse_args(arguments)
    looks = contestants(frozenset(Symbology) if chosen.retail else COURIER)
    if unknown := set(chosen.reader) - set(looks):
        options.error(f"no such reader here: {', '.join(sorted(unknown))}; there are {', '.join(looks)}")
    looks = {name: look for name, look in looks.items() if not chosen.reader or name in chosen.reader}
    try:
        pictures = labels_of(chosen.corpus, chosen.origin)
    except OSError as missing:
        options.error(f"{chosen.corpus}/labels.csv cannot be opened: {missing.strerror}; name the corpus folder")
    tallies, complaints = score(chosen.corpus, pictures, looks, repeat=max(1, chosen.repeat))
    for name, rows in tallies.items():
        if chosen.jsonl:
            for row, tally in lines(rows):
                sys.stdout.write(json.dumps({"reader": name, "row": row} | tally.as_json()) + "\n")
        else:
            sys.stdout.write(as_text(name, rows) + "\n")
    for complaint in complaints:
        sys.stderr.write(f"wrong: {complaint}\n")
    ours = (tally.wrong for name, rows in tallies.items() if name.startswith("lastscan") for tally in rows.values())
    return 1 if any(ours) else 0


if __name__ == "__main__":
    raise SystemExit(main())
