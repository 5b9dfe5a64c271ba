"""What one picture file may hold: hostile, damaged, huge and odd ones; and what is said of them."""

import io
import os
import struct
import subprocess
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from archdsl.data import load
from archdsl.data.decode import Undecodable, listening, said, upright
from archdsl.data.pictures import exact, square, squared
from archdsl.errors import EnvError
from archdsl.limits import Limits
from archdsl.words.data.folders import Folder

from .conftest import png, write_folder
from .test_equivalent_pictures import chunk, saved


def raw_png(wide: int, rows: list[bytes], depth: int, kind: int, extra: bytes = b"") -> bytes:
    head = struct.pack(">IIBBBBB", wide, len(rows), depth, kind, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def line(data: bytes) -> list[int]:
    """The first row of a grey picture."""
    return np.asarray(upright(data)[0])[0, :, 0].tolist()  # type: ignore[no-any-return]


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 20 20\n%%EndComments\nshowpage\n"


def test_postscript_called_a_picture_starts_no_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow would run Ghostscript, `gs`, on the content of such a file."""
    write_folder(tmp_path / "set", each=4)
    (tmp_path / "set" / "cat" / "e.png").write_bytes(EPS)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "gs").write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    (tmp_path / "bin" / "gs").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a program was started"))
    with pytest.raises(EnvError, match=r"e.png \(it is not a picture of a kind that is read: JPEG, PNG"):
        load(Folder(str(tmp_path / "set"), 8))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "content", [b"", b"%PDF-1.4\n", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"BM" + bytes(60), os.urandom(500)]
)
def test_what_is_no_picture(content: bytes) -> None:
    with pytest.raises(Undecodable):
        upright(content)


def test_a_picture_with_too_many_pixels_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """13,000 x 13,000 in a few kilobytes. Pillow would warn, and decode it into half a gigabyte."""
    head = struct.pack(">IIBBBBB", 13_000, 13_000, 8, 0, 0, 0, 0)
    large = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(100)))
    load = Image.Image.load  # which another picture may need meanwhile
    monkeypatch.setattr(Image.Image, "load", lambda i: pytest.fail("decoded") if max(i.size) > 9999 else load(i))
    with warnings.catch_warnings(), listening():
        warnings.simplefilter("error")
        with pytest.raises(
            Undecodable, match=r"13000x13000, more than 90,000,000 pixels; ARCHDSL_MAX_PIXELS=169000000"
        ):
            upright(large)


def test_the_limit_of_pixels_can_be_raised_past_that_of_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    small = saved(Image.new("L", (20, 20)), "PNG")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)  # an error from 20 pixels on
    with listening():
        assert upright(small)[0].size == (20, 20)
    assert Image.MAX_IMAGE_PIXELS == 10
    monkeypatch.setattr(Limits, "PIXELS", 399)
    with listening(), pytest.raises(Undecodable, match="20x20, more than 399 pixels"):
        upright(small)


def test_a_narrow_picture_is_not_scaled_to_a_huge_one(tmp_path: Path) -> None:
    Image.new("L", (1, 60_000)).save(tmp_path / "x.png")
    with pytest.raises(
        Undecodable, match=r"1x60000, so narrow that scaled to 64 it would have 64x3840000 pixels; crop it"
    ):
        square(tmp_path / "x.png", 64)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"])
def test_a_file_that_is_cut_short_is_refused(format: str) -> None:
    whole = saved(Image.fromarray(np.random.default_rng(1).integers(0, 256, (40, 40, 3), np.uint8)), format)
    with listening(), pytest.raises(Undecodable):
        upright(whole[: len(whole) * 2 // 3])


def test_no_pixel_at_all() -> None:
    with pytest.raises(Undecodable):
        upright(b"P5 0 3 255\n")


@pytest.mark.parametrize(
    ("depth", "row", "clear", "expected"),
    [
        (1, [0b10100000], 1, [255, 0, 255, 0]),
        (2, [0b00011011], 1, [0, 255, 170, 255]),
        (4, [0x01, 0x9F], 9, [0, 17, 255, 255]),
        (8, [0, 1, 2, 200], 2, [0, 1, 255, 200]),
    ],
)
def test_the_clear_grey_of_a_png_of_few_bits(depth: int, row: list[int], clear: int, expected: list[int]) -> None:
    assert line(raw_png(4, [bytes(row)], depth, 0, chunk(b"tRNS", struct.pack(">H", clear)))) == expected


def test_half_transparent_pixels_are_mixed_with_white() -> None:
    pixels = np.array([[[100, 0, 200, 128], [7, 7, 7, 0], [1, 2, 3, 255]]], np.uint8)
    found, done = upright(saved(Image.fromarray(pixels), "PNG"))
    assert np.abs(np.asarray(found)[0].astype(int) - [[177, 127, 227], [255] * 3, [1, 2, 3]]).max() <= 1
    assert done == {"composited"}


def test_an_opaque_alpha_channel_is_not_spoken_of() -> None:
    assert upright(saved(Image.new("RGBA", (3, 3), (9, 9, 9, 255)), "PNG"))[1] == frozenset()


def test_a_white_shape_in_the_transparency_alone_is_warned_of() -> None:
    pixels = np.full((4, 4, 4), 255, np.uint8)
    pixels[1, :, 3] = 0
    assert upright(saved(Image.fromarray(pixels), "PNG"))[1] == {"composited", "blank"}


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr"])
def test_modes_of_tiff_keep_their_colour(mode: str) -> None:
    written = saved(Image.new("RGB", (16, 16), (255, 255, 255)).convert(mode), "TIFF")
    if mode == "YCbCr":
        try:
            Image.open(io.BytesIO(written)).load()
        except OSError:
            pytest.skip("this version of Pillow cannot read the YCbCr TIFF that it wrote; 13.0 can")
    found, _ = upright(written)
    assert np.abs(np.asarray(found).astype(int) - 255).max() <= 2


def test_lab_is_converted_by_its_meaning() -> None:
    found, _ = upright(saved(Image.new("LAB", (3, 3), (255, 128, 128)), "TIFF"))
    assert np.abs(np.asarray(found).astype(int) - 255).max() <= 3, "the lightest grey is white"


def test_cmyk_of_jpeg() -> None:
    found, _ = upright(saved(Image.new("RGB", (16, 16), (200, 30, 30)).convert("CMYK"), "JPEG", quality=100))
    assert np.abs(np.asarray(found).astype(int) - [200, 30, 30]).max() <= 3


def test_every_value_of_16_bits_is_rounded_to_the_nearest() -> None:
    values = np.arange(0, 65536, 7, dtype=np.int64)[None]
    picture = Image.frombytes("I;16", values.shape[::-1], values.astype("<u2").tobytes())
    found = np.asarray(upright(saved(picture, "PNG"))[0])[0, :, 0]
    assert np.array_equal(found, np.floor(values[0] / 257 + 0.5).astype(np.uint8))


def test_pgm_of_another_range_fills_ours() -> None:
    assert line(b"P5 3 1 1000\n" + struct.pack(">HHH", 0, 500, 1000)) == [0, 128, 255]
    assert line(b"P5 3 1 100\n" + bytes([0, 50, 100])) == [0, 128, 255]


def test_16_bit_colours_with_a_clear_one_are_refused() -> None:
    row = np.arange(6, dtype=">u2").tobytes()
    with pytest.raises(Undecodable, match="16 bits a channel and a transparent colour, which is not supported"):
        upright(raw_png(2, [row], 16, 2, chunk(b"tRNS", row[:6])))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("value", [0, 9, 77])
def test_an_orientation_that_does_not_exist_turns_nothing(format: str, value: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = value
    found, done = upright(saved(Image.new("RGB", (8, 5)), format, exif=exif))
    assert found.size == (8, 5)
    assert not done


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("data", [b"x" * 30, b"II*\0\x08\0\0\0\x05\0" + bytes(6), b"MM\0*\0\0\0\x99"])
def test_damaged_exif_is_said_and_printed_nowhere(format: str, data: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    content = saved(Image.new("RGB", (8, 5), (90, 90, 90)), format, exif=b"Exif\0\0" + data)
    with warnings.catch_warnings(record=True) as heard, listening():
        found, done = upright(content)
    assert found.size == (8, 5)
    assert done == {"odd"}
    assert not heard
    assert capfd.readouterr() == ("", "")


def test_warnings_of_others_are_heard_as_before() -> None:
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        with listening():
            upright(png())
            warnings.warn("mine", UserWarning, stacklevel=1)
    assert [str(w.message) for w in heard] == ["mine"]


def test_what_is_said_counts_and_agrees_in_number() -> None:
    assert said({"turned": 1, "deep": 1200}, 5000) == (
        "1 of 5,000 pictures is turned upright by its EXIF orientation",
        "1,200 of 5,000 pictures have more than 8 bits a channel: scaled to 8",
    )
    assert said({}, 5) == ()


def test_pictures_that_are_in_both_parts_or_in_two_classes(tmp_path: Path) -> None:
    root = tmp_path / "set"
    for part in ("train", "test"):
        write_folder(root / part, each=3)
    same = (root / "train" / "cat" / "0.png").read_bytes()
    for place in ("test/cat/0.png", "train/dog/1.png", "test/dog/2.png"):
        (root / place).write_bytes(same)
    notes = load(Folder(str(root), 8)).notes
    assert "warning: 2 of 6 test pictures are among the training pictures too (equal pixels in this size)" in notes
    assert "warning: equal pictures are in different classes: 1 of 9 different ones" in notes
    assert load(Folder(str(root), 8)).notes == notes, "from the cache, too"
    assert not any("repeated" in note for note in notes)
    (root / "train" / "cat" / "1.png").write_bytes(same)
    (root / "train" / "cat" / "2.png").write_bytes(same)
    said = "2 training pictures are repeated within a class (equal pixels in this size)"
    assert said in load(Folder(str(root), 8)).notes


def test_a_picture_of_an_exact_size_and_one_that_is_scaled_are_decoded_alike(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = np.random.default_rng(2).integers(0, 256, (8, 8, 4), np.uint8)
    content = saved(Image.fromarray(pixels), "PNG", exif=exif)
    (tmp_path / "x.png").write_bytes(content)
    one, other = exact(content, (3, 8, 8)), squared(tmp_path / "x.png", 8)
    assert np.array_equal(one[0], other[0])
    assert one[1] == other[1] == {"turned", "composited"}


def test_a_file_that_is_open_to_nobody_keeps_its_own_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        upright(tmp_path / "nowhere.png")
    with pytest.raises(IsADirectoryError):
        upright(tmp_path)


@pytest.mark.parametrize(
    ("highest", "dim"), [(120, True), (4000, True), (8000, True), (20_000, False), (65_535, False)]
)
def test_a_range_of_which_eight_bits_keep_little_is_said(highest: int, dim: bool, tmp_path: Path) -> None:
    values = np.linspace(1, highest, 64).astype(">u2").reshape(8, 8)
    assert ("dim" in upright(raw_png(8, [row.tobytes() for row in values], 16, 0))[1]) == dim  # grey
    colours = np.repeat(values, 3, 1)
    assert ("dim" in upright(raw_png(8, [row.tobytes() for row in colours], 16, 2))[1]) == dim  # RGB
    if highest != 120:
        return
    for name in "ab":
        (tmp_path / name).mkdir()
        for n in range(5):
            rows = [(row // (n + 1 + 5 * (name == "b")) + 1).astype(">u2").tobytes() for row in values]
            (tmp_path / name / f"{n}.png").write_bytes(raw_png(8, rows, 16, 0))
    notes = load(Folder(str(tmp_path), 8)).notes
    assert any(n.startswith("warning: 10 of 10 pictures use the lowest eighth of their 16-bit range") for n in notes)
    assert "their range in 16 bits is the cause" in next(n for n in notes if "among the training pictures" in n)


def bitmap(bits: int, greys: list[int], rows: list[bytes], wide: int) -> bytes:
    """A BMP with a palette of these greys, its lowest row first."""
    pixels, begin = b"".join(row + bytes(-len(row) % 4) for row in rows), 54 + 4 * len(greys)
    head = struct.pack("<2sIII", b"BM", begin + len(pixels), 0, begin)
    head += struct.pack("<IiiHHIIiiII", 40, wide, len(rows), 1, bits, 0, len(pixels), 0, 0, len(greys), 0)
    return head + b"".join(bytes((grey, grey, grey, 0)) for grey in greys) + pixels


def test_a_bitmap_that_pillow_takes_for_one_of_other_bits_is_refused() -> None:
    assert line(bitmap(8, [0, 1, 2], [bytes((0, 1, 2, 1))], 4)) == [0, 1, 2, 1]
    assert line(bitmap(1, [0, 255], [bytes([0b01010000])], 4)) == [0, 255, 0, 255]
    assert line(bitmap(4, [0, 100, 255], [bytes((0x01, 0x21))], 4)) == [0, 100, 255, 100]
    for bits, greys, row in ((4, [0, 1, 2], b"\x01\x21"), (8, [0, 255], b"\0\1\0\1")):
        with pytest.raises(Undecodable, match=f"a BMP of {bits} bits a pixel with a palette of greys"):
            upright(bitmap(bits, greys, [row], 4))
