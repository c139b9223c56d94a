"""Pictures from strangers: refused with a word, never a crash, never the parent."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import struct
import time
import zlib

import numpy as np
import pytest
from PIL import Image

from scanner.decode import Mode, PictureRefusedError, Reader, ReadingChild, decode_paths, open_picture, read_picture
from scanner.decode.child import ADDRESS_SPACE
from scanner.decode.isolation import Fall
from scanner.decode.picture import MAX_BYTES, UPLOADS
from scanner.decode.readers import Zbar
from scanner.hostile import FIXED, bomb, hostile_picture, main, run, structured_append
from scanner.label import strip
from scanner.symbology import Symbology


def encoded(form, picture=None, **options):
    file = io.BytesIO()
    (picture or strip("LS123456785NL", Symbology.CODE128)).save(file, form, **options)
    return file.getvalue()


LABEL = encoded("PNG")


def png_claiming(width, height):
    """A few bytes that promise a huge picture."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "empty"),
        (b"LS123456785NL\n", "not a picture"),
        (bytes(range(64)), "not a picture"),
        (LABEL[:80], "broken or cut off"),
        (encoded("JPEG")[:-1500], "broken or cut off"),
        (png_claiming(20_000, 20_000), "25 megapixels"),
        (png_claiming(6000, 4200), "25 megapixels"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * MAX_BYTES, "limit of 10 MB"),
        (encoded("GIF"), "not a picture"),
    ],
    ids=["empty", "text", "bytes", "cut PNG", "cut JPEG", "bomb", "just over", "heavy", "GIF"],
)
def test_what_is_no_fitting_picture_is_refused_with_a_word(content, word):
    started = time.process_time()
    with pytest.raises(PictureRefusedError, match=word):
        open_picture(content)
    assert time.process_time() - started < 0.5


def test_an_upload_may_not_be_webp_but_a_local_file_may():
    webp = encoded("WEBP")
    assert open_picture(webp).mode == "L"
    with pytest.raises(PictureRefusedError, match="JPEG, PNG expected"):
        open_picture(webp, UPLOADS)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK"])
def test_every_kind_of_pixel_opens_as_grey_and_reads(mode):
    strip_ = strip("LS123456785NL", Symbology.CODE128)
    picture = (
        strip_.convert("I").point(lambda level: level * 256).convert("I;16") if mode == "I;16" else strip_.convert(mode)
    )
    grey = open_picture(encoded("JPEG" if mode == "CMYK" else "PNG", picture))
    assert grey.mode == "L"
    assert grey.getextrema()[0] < 60 < 200 < grey.getextrema()[1]


def test_transparent_parts_are_white():
    picture = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    assert open_picture(encoded("PNG", picture)).getextrema() == (255, 255)


def test_two_thousand_mutations_are_opened_or_refused_and_nothing_else():
    for number in range(len(FIXED), 2000):
        _, content = hostile_picture(20261121, number)
        with contextlib.suppress(PictureRefusedError):
            assert open_picture(content).mode == "L"


def test_hostile_pictures_fell_no_child_and_never_the_parent():
    toll = run(mutations=40, seed=20261121)
    assert toll.parent == toll.strange == []
    assert toll.falls == {}
    assert toll.refused["47 KB for 800 MB"] == toll.refused["11 MB"] == 1
    assert toll.tried.total() == toll.refused.total() + toll.answered == 40


def test_an_input_can_be_had_again_by_its_number(tmp_path, capsys):
    file = tmp_path / "again"
    assert main(["--seed", "3", "--save", "17", str(file)]) == 0
    assert file.read_bytes() == hostile_picture(3, 17)[1]
    assert capsys.readouterr().out.startswith(hostile_picture(3, 17)[0])


def test_47_kb_that_unfold_to_800_mb_are_refused_before_they_do():
    content = bomb()
    assert 40_000 < len(content) < 60_000
    assert len(zlib.decompress(content[41:-16])) > 50_000_000  # one bit a pixel: 50 MB, as grey eight times that
    with pytest.raises(PictureRefusedError, match="25 megapixels"):
        open_picture(content)


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (2, 2), (900, 3)])
def test_a_picture_thin_as_a_hair_is_no_read(size):
    assert Reader(mode=Mode.STILL).look(Image.new("L", size, 90)) == []


def test_a_strip_is_not_turned_into_a_hundred_times_its_pixels():
    pytest.importorskip("cv2")
    from scanner.decode import retouch

    strip_ = np.zeros((15_000, 64), np.uint8)
    assert max(view.pixels.size for _, view in retouch.views(strip_)) < 12_000_000


@pytest.mark.needs_zbar
def test_a_part_of_a_message_over_several_qr_codes_does_not_stop_the_second_voter():
    assert Zbar().read(structured_append(), frozenset({Symbology.QR})) == []
    assert [read.symbology for read in read_picture(structured_append())] == [Symbology.QR]


@pytest.fixture(scope="module")
def child():
    with ReadingChild() as running:
        yield running


def texts(child, content=LABEL):
    reads, _ = child.read(content)
    return [read.text for read in reads]


def test_the_child_reads_like_the_parent_would(child):
    assert texts(child) == ["LS123456785NL"]


def test_the_child_refuses_in_words_and_lives_on(child):
    texts(child)
    before = child.pid
    with pytest.raises(PictureRefusedError, match="25 megapixels"):
        child.read(png_claiming(20_000, 20_000))
    assert texts(child) == ["LS123456785NL"]
    assert child.pid == before


def test_the_child_has_512_mb_and_its_cpu_counted(child):
    resource = pytest.importorskip("resource")
    texts(child)
    assert resource.prlimit(child.pid, resource.RLIMIT_AS) == (ADDRESS_SPACE, ADDRESS_SPACE)
    soft, _ = resource.prlimit(child.pid, resource.RLIMIT_CPU)
    assert soft < 60


def test_a_killed_child_is_replaced(child):
    texts(child)
    before = child.pid
    os.kill(before, signal.SIGKILL)
    time.sleep(0.05)
    assert texts(child) == ["LS123456785NL"]
    assert child.pid != before


def test_a_hanging_child_is_ended_its_picture_refused_and_the_next_one_read():
    with ReadingChild(patience=5.0) as child:
        texts(child)
        child._patience = 0.1
        os.kill(child.pid, signal.SIGSTOP)
        with pytest.raises(PictureRefusedError, match="more time or memory"):
            child.read(LABEL)
        assert child.pid is None
        assert child.falls == {Fall.HANGS: 1}
        child._patience = 5.0
        assert texts(child) == ["LS123456785NL"]


def test_files_and_folders_are_reported_one_by_one(tmp_path, child):
    (tmp_path / "good.png").write_bytes(LABEL)
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "bomb.png").write_bytes(png_claiming(20_000, 20_000))
    (tmp_path / "notes.txt").write_text("not looked at")
    reports = list(decode_paths([tmp_path, tmp_path / "gone.png", tmp_path / "notes.txt"], child))
    assert [
        (report.path.removeprefix(str(tmp_path)), bool(report.reads), report.error is None) for report in reports
    ] == [
        ("/deeper/bomb.png", False, False),
        ("/good.png", True, True),
        ("/gone.png", False, False),
        ("/notes.txt", False, False),
    ]
    [good] = [report.as_json() for report in reports if report.reads]
    assert set(good) == {"path", "reads", "ms", "error", "advice"}
    assert set(good["reads"][0]) == {"symbology", "text", "confidence", "box"}
    assert [len(corner) for corner in good["reads"][0]["box"]] == [2, 2, 2, 2]
