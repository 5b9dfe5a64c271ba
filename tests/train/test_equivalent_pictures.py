"""One set of pictures in many forms: whatever the files, training gets the same images and labels, or a refusal."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from archdsl.data import Arrays, Streamed, load
from archdsl.data.decode import UPRIGHT, listening, upright
from archdsl.errors import EnvError
from archdsl.evaluate.images import decoded
from archdsl.words.data.folders import Folder
from archdsl.words.data.sets import cifar10

Pixels = np.ndarray
rng = np.random.default_rng(5)


def saved(picture: Image.Image, format: str, **how: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format, **how)  # type: ignore[arg-type]
    return buffer.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(pixels: Pixels, depth: int, kind: int, extra: bytes = b"") -> bytes:
    """A PNG of whole bytes a channel (H, W, C), of a depth and colour type that Pillow does not write."""
    stored = (pixels.astype(np.uint16) * 257).astype(">u2") if depth == 16 else pixels
    rows = b"".join(b"\0" + row.tobytes() for row in stored)
    head = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], depth, kind, 0, 0, 0)
    body = chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def turned(pixels: Pixels, orientation: int) -> tuple[Image.Image, Image.Exif]:
    """The picture as a camera held askew stores it, and the tag that says so."""
    undo = {6: 8, 8: 6}.get(orientation, orientation)
    picture = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[0x0112] = orientation
    return picture.transpose(UPRIGHT[undo]) if undo in UPRIGHT else picture, exif


def with_alpha(pixels: Pixels, clear: Pixels) -> Pixels:
    """The picture with an alpha channel: what is white in it may be fully transparent, and then of any colour."""
    hidden = clear[..., None] & (pixels == 255).all(2, keepdims=True)
    colours = np.where(hidden, rng.integers(0, 256, pixels.shape), pixels)
    return np.concatenate([colours, np.where(hidden, 0, 255)], 2).astype(np.uint8)


def palette(pixels: Pixels) -> Image.Image:
    found = Image.fromarray(pixels).quantize(256, dither=Image.Dither.NONE)
    assert np.array_equal(np.asarray(found.convert("RGB")), pixels), "the strategy draws few colours"
    return found


def clear_index(picture: Image.Image) -> int | None:
    """The place of white in a palette."""
    colours = np.array(picture.getpalette()).reshape(-1, 3)
    found = np.flatnonzero((colours == 255).all(1))
    used = [int(i) for i in found if i in np.asarray(picture)]
    return used[0] if used else None


def clear_palette(pixels: Pixels, as_bytes: bool) -> bytes:
    picture = palette(pixels)
    index = clear_index(picture)
    if index is None:
        return saved(picture, "PNG")
    colours = bytearray(picture.getpalette() or b"")
    colours[3 * index : 3 * index + 3] = b"\x07\x08\x09"  # nobody sees it
    picture.putpalette(bytes(colours))
    opacity = bytes(0 if i == index else 255 for i in range(len(colours) // 3))
    return saved(picture, "PNG", transparency=opacity if as_bytes else index)


def grey(pixels: Pixels) -> Pixels:
    return pixels[..., 0]


def as_tiff(pixels: Pixels, mode: str, **how: object) -> bytes:
    order = "<u2" if mode == "I;16" else ">u2"
    deep = (grey(pixels).astype(np.uint16) * 257).astype(order)
    return saved(Image.frombytes(mode, pixels.shape[1::-1], deep.tobytes()), "TIFF", **how)


def white_is_zero(pixels: Pixels) -> bytes:
    deep = ((255 - grey(pixels)).astype(np.uint16) * 257).astype("<u2")
    picture = Image.frombytes("I;16", pixels.shape[1::-1], deep.tobytes())
    return saved(picture, "TIFF", tiffinfo={262: 0})


CLEAR = np.indices((12, 10)).sum(0) % 3 > 0  # where white may be transparent
WHITE = chunk(b"tRNS", struct.pack(">HHH", 255, 255, 255))
COLOUR: dict[str, Callable[[Pixels], bytes]] = {
    "png": lambda p: saved(Image.fromarray(p), "PNG"),
    "png interlaced rows of 16 bits": lambda p: png(p, 16, 2),
    "png of one clear colour": lambda p: png(p, 8, 2, WHITE),
    "png rgba": lambda p: saved(Image.fromarray(with_alpha(p, CLEAR)), "PNG"),
    "png rgba of 16 bits": lambda p: png(with_alpha(p, CLEAR), 16, 6),
    "png palette": lambda p: saved(palette(p), "PNG"),
    "png palette, one clear colour": lambda p: clear_palette(p, False),
    "png palette, clear in bytes": lambda p: clear_palette(p, True),
    "gif": lambda p: saved(palette(p), "GIF"),
    "gif of two images": lambda p: saved(palette(p), "GIF", save_all=True, append_images=[palette(255 - p)]),
    "webp": lambda p: saved(Image.fromarray(p), "WEBP", lossless=True),
    "webp rgba": lambda p: saved(Image.fromarray(with_alpha(p, CLEAR)), "WEBP", lossless=True, exact=True),
    "bmp": lambda p: saved(Image.fromarray(p), "BMP"),
    "tiff": lambda p: saved(Image.fromarray(p), "TIFF", compression="tiff_lzw"),
    "tiff of two pages": lambda p: saved(
        Image.fromarray(p), "TIFF", save_all=True, append_images=[Image.new("L", (3, 3))]
    ),
    "ppm of 16 bits": lambda p: b"P6 10 12 65535\n" + (p.astype(np.uint16) * 257).astype(">u2").tobytes(),
    "jpeg 2000": lambda p: saved(Image.fromarray(p), "JPEG2000", irreversible=False),
    **{
        f"{format} of orientation {n}": (
            lambda p, n=n, format=format, how=how: saved(turned(p, n)[0], format, exif=turned(p, n)[1], **how)
        )
        for format, how in (
            ("PNG", {}),
            ("WEBP", {"lossless": True}),
            ("TIFF", {}),
            ("TIFF", {"compression": "tiff_lzw"}),
        )
        for n in range(1, 9)
    },
}
GREY: dict[str, Callable[[Pixels], bytes]] = {
    "png grey": lambda p: saved(Image.fromarray(grey(p)), "PNG"),
    "png grey of 16 bits": lambda p: png(grey(p)[..., None], 16, 0),
    "png grey of 16 bits, one clear": lambda p: png(grey(p)[..., None], 16, 0, chunk(b"tRNS", b"\xff\xff")),
    "png grey, one clear": lambda p: png(grey(p)[..., None], 8, 0, chunk(b"tRNS", b"\x00\xff")),
    "png grey and alpha": lambda p: saved(Image.fromarray(with_alpha(p, CLEAR)[..., [0, 3]]), "PNG"),
    "png grey and alpha of 16 bits": lambda p: png(with_alpha(p, CLEAR)[..., [0, 3]], 16, 4),
    "tiff of 16 bits": lambda p: as_tiff(p, "I;16"),
    "tiff of 16 bits, packed": lambda p: as_tiff(p, "I;16", compression="tiff_lzw"),
    "tiff of 16 bits, the higher byte first": lambda p: as_tiff(p, "I;16B"),
    "tiff of 16 bits, white is zero": white_is_zero,
    "pgm of 16 bits": lambda p: b"P5 10 12 65535\n" + (grey(p).astype(np.uint16) * 257).astype(">u2").tobytes(),
    "tiff of 32-bit numbers": lambda p: saved(Image.fromarray(grey(p).astype(np.int32)), "TIFF"),
    "tiff of floating numbers": lambda p: saved(Image.fromarray(grey(p).astype(np.float32) / 255), "TIFF"),
}
REFUSED = {"tiff of 32-bit numbers", "tiff of floating numbers"}


@st.composite
def drawn(draw: st.DrawFn, channels: int) -> Pixels:
    """A picture (12, 10, 3) of at most five colours, white among them."""
    colours = draw(st.lists(st.tuples(*[st.integers(0, 255)] * channels), min_size=1, max_size=4))
    table = np.array([(255,) * channels, *colours], np.uint8)
    places = np.frombuffer(draw(st.binary(min_size=120, max_size=120)), np.uint8).reshape(12, 10) % len(table)
    return np.broadcast_to(table[places], (12, 10, 3)).copy()


def check(form: str, encode: Callable[[Pixels], bytes], pixels: Pixels) -> None:
    with listening():
        if form in REFUSED:
            with pytest.raises(ValueError, match="whose range for black and white is not known; save it as"):
                upright(encode(pixels))
            return
        picture, done = upright(encode(pixels))
    assert np.array_equal(np.asarray(picture), pixels), form
    assert picture.mode == "RGB"
    named = {
        "turned": "orientation" in form and not form.endswith("1"),
        "frames": "two" in form,
        "deep": "16 bits" in form,
    }
    assert {n for n, is_so in named.items() if is_so} == done - {"composited", "blank"}, form


@pytest.mark.parametrize("form", COLOUR)
@settings(max_examples=8)
@given(pixels=drawn(3))
def test_a_picture_in_colour_is_one_in_every_form(form: str, pixels: Pixels) -> None:
    check(form, COLOUR[form], pixels)


@pytest.mark.parametrize("form", GREY)
@settings(max_examples=8)
@given(pixels=drawn(1))
def test_a_grey_picture_is_one_in_every_form(form: str, pixels: Pixels) -> None:
    check(form, GREY[form], pixels)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_jpeg_of_any_orientation(orientation: int) -> None:
    """JPEG loses some, but not the place of a bright corner."""
    pixels = np.zeros((16, 24, 3), np.uint8)
    pixels[:8, :8] = 255
    picture, exif = turned(pixels, orientation)
    found, done = upright(saved(picture, "JPEG", quality=100, exif=exif))
    assert np.abs(np.asarray(found).astype(int) - pixels).max() < 4
    assert done == ({"turned"} if orientation > 1 else set())


def write_set(root: Path, form: str, images: dict[str, list[Pixels]]) -> None:
    for name, pictures in images.items():
        (root / name).mkdir(parents=True)
        for i, pixels in enumerate(pictures):
            (root / name / f"{i}.png").write_bytes({**COLOUR, **GREY}[form](pixels))  # the ending decides nothing


@pytest.fixture(scope="module")
def images() -> dict[str, list[Pixels]]:
    table = np.array([[255] * 3, [200, 30, 60], [0, 0, 0], [20, 90, 140]], np.uint8)
    return {name: [table[rng.integers(0, 4, (12, 10))] for _ in range(5)] for name in ("a", "b")}


@pytest.mark.parametrize(
    "form",
    [
        "png rgba",
        "TIFF of orientation 5",
        "PNG of orientation 6",
        "png palette, clear in bytes",
        "png interlaced rows of 16 bits",
    ],
)
def test_a_set_is_one_by_every_way(
    tmp_path: Path, form: str, images: dict[str, list[Pixels]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Decoded into memory, mapped from the cache, read while training, and asked about one by one."""
    write_set(tmp_path / "plain", "png", images)
    write_set(tmp_path / "other", form, images)
    plain, other = (load(Folder(str(tmp_path / name), 8)) for name in ("plain", "other"))
    again = load(Folder(str(tmp_path / "other"), 8))
    assert again.notes == other.notes
    assert any("of 10 pictures" in note for note in other.notes)
    assert not any("of 10 pictures" in note for note in plain.notes)
    monkeypatch.setenv("ARCHDSL_RESIDENT_BYTES", "0")
    streamed = load(Folder(str(tmp_path / "other"), 8))
    assert isinstance(streamed.train, Streamed)
    assert any("of 10 pictures looked at before training" in note for note in streamed.notes)
    read = streamed.train.read(np.arange(8))
    asked = next(decoded(streamed.train.paths, (3, 8, 8), 100))
    assert isinstance(plain.train, Arrays)
    for found in (other.train.images, again.train.images, read.images, asked):
        assert np.array_equal(found, plain.train.images)
    for labels in (other.train.labels, again.train.labels, streamed.train.labels):
        assert np.array_equal(labels, plain.train.labels)


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("form", ["png", "png rgba", "png palette, one clear colour", "PNG of orientation 3"])
@pytest.mark.usefixtures("small_sets")
def test_parquet_in_any_number_of_shards(tmp_path: Path, shards: int, form: str) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    pixels = [np.kron(rng.integers(0, 2, (32, 32, 1)), np.ones((1, 1, 3))).astype(np.uint8) * 255 for _ in range(9)]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])

    def encode(picture: Pixels) -> bytes:
        if "rgba" in form:
            return saved(Image.fromarray(with_alpha(picture, np.ones((32, 32), bool))), "PNG")
        return COLOUR[form](picture)

    for part, count in (("train", shards), ("test", 1)):
        for n, rows in enumerate(np.array_split(np.arange(9), count)):
            table = pa.table(
                {
                    "img": pa.array([{"bytes": encode(pixels[i]), "path": None} for i in rows], kind),
                    "label": rows,
                }
            )
            pq.write_table(table, tmp_path / f"{part}-{n:05}-of-{count:05}.parquet")
    parts = load(cifar10(), tmp_path)
    for part in (parts.train, parts.test):
        assert np.array_equal(part.images, np.stack(pixels).transpose(0, 3, 1, 2))
        assert part.labels.tolist() == list(range(9))


def test_sets_that_are_refused_name_the_picture_and_the_remedy(tmp_path: Path, images: dict[str, list[Pixels]]) -> None:
    write_set(tmp_path, "tiff of 32-bit numbers", images)
    with pytest.raises(
        EnvError, match=r"8 pictures of .* do not decode: .*a/1.png \(its pixels are whole numbers .*, and 5 more"
    ):
        load(Folder(str(tmp_path), 8))
