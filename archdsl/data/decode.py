"""The one way from a picture file to pixels, for training, evaluation, prediction and drawing: upright, 8 bits, RGB.

What a file says of itself is obeyed: the EXIF orientation is applied, deeper modes are scaled where their range is known,
transparency is composited on white. What cannot be done rightly is refused. Each thing done has a name in ``DONE``.
"""

from __future__ import annotations

import io
import os
import threading
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from PIL import Image, UnidentifiedImageError

from archdsl.errors import ArchError
from archdsl.limits import Limits

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Raster formats whose decoders run inside this process. None of them starts another program, as EPS does.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF", "ICO", "PCX", "SGI", "QOI")
WHITE = (255, 255, 255, 255)
ORIENTATION, PHOTOMETRIC = 0x0112, 0x0106  # tags of EXIF and TIFF
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
ALPHA = ("LA", "La", "PA", "RGBA", "RGBa")
PLAIN = ("1", "L", "P", "RGB", "RGBX", "CMYK", "YCbCr", "LAB", "HSV")  # Pillow converts them rightly
_NEARLY_BLACK = "nearly black in 8 bits; multiply the values (those of 12 bits by 16) and save again"
# What may be done to a picture, in the order of saying it: "37 of 200 pictures " + this, for one and for several.
DONE = {
    "turned": ("is turned upright by its EXIF orientation", "are turned upright by their EXIF orientation"),
    "composited": ("has transparency: composited on white", "have transparency: composited on white"),
    "blank": (
        "is of one colour on white: its shape is in the transparency alone",
        "are of one colour on white: their shape is in the transparency alone",
    ),
    "deep": ("has more than 8 bits a channel: scaled to 8", "have more than 8 bits a channel: scaled to 8"),
    "dim": (
        f"uses the lowest eighth of its 16-bit range alone: {_NEARLY_BLACK}",
        f"use the lowest eighth of their 16-bit range alone: {_NEARLY_BLACK}",
    ),
    "frames": ("holds several images: the first is used", "hold several images: the first of each is used"),
    "odd": ("has damaged metadata, which is ignored", "have damaged metadata, which is ignored"),
}
WARNED = ("dim",)  # what spoils a picture
DIM = 8  # a picture whose values stay below this fraction of 16 bits has lost them in 8
_heard = threading.local()


class Undecodable(ValueError):
    """A file that is not a picture, is damaged, or whose pixels have no known meaning."""


def upright(source: str | os.PathLike[str] | bytes) -> tuple[Image.Image, frozenset[str]]:
    """The picture of a file, or of its content, in mode RGB; and the names of what was done to it.

    Raises:
        OSError: the file cannot be read.
        Undecodable: anything else that is wrong with it.
    """
    texts: list[str] = []
    _heard.texts = texts
    with opened(source) as picture:
        colour, done = _colour(picture)
    return colour, frozenset({*done, "odd"} if texts else done)


@contextmanager
def opened(source: str | os.PathLike[str] | bytes) -> Iterator[Image.Image]:
    """A picture of a known format and size, its pixels not yet read. What goes wrong while they are is an error as here.

    Raises:
        OSError: the file cannot be read.
        Undecodable: anything else that is wrong with it.
    """
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=formats()) as picture:
            _check_size(picture.size)
            _check_bitmap(picture)
            yield picture
    except UnidentifiedImageError:
        if not (len(source) if isinstance(source, bytes) else os.path.getsize(source)):
            raise Undecodable("it is empty (0 bytes)") from None
        raise Undecodable(f"it is not a picture of a kind that is read: {', '.join(FORMATS)}") from None
    except (MemoryError, FileNotFoundError, PermissionError, IsADirectoryError, Undecodable, ArchError):
        raise
    except Exception as error:  # a damaged file makes Pillow raise nearly anything
        raise Undecodable(str(error) or type(error).__name__) from error


@cache
def formats() -> tuple[str, ...]:
    """Those of ``FORMATS`` that this Pillow has a reader for."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


@contextmanager
def listening() -> Iterator[None]:
    """While pictures are decoded: Pillow's warnings are kept for the message about their picture, not printed, and its
    limit of pixels gives way to ours, which is an error and not a warning.
    """
    limit, show = Image.MAX_IMAGE_PIXELS, warnings.showwarning

    def hear(message: Warning | str, category: type[Warning], filename: str, *place: Any) -> None:
        texts = getattr(_heard, "texts", None)
        if texts is None or f"{os.sep}PIL{os.sep}" not in filename:
            show(message, category, filename, *place)
        else:
            texts.append(str(message))

    with warnings.catch_warnings():
        warnings.filterwarnings("always", module=r"PIL\.")
        warnings.showwarning = hear  # type: ignore[assignment]
        Image.MAX_IMAGE_PIXELS = None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def said(done: Mapping[str, int], total: int, what: str = "pictures") -> tuple[str, ...]:
    """A line for each thing that was done to some of ``total`` pictures."""
    what = what.replace("pictures", "picture", 1) if total == 1 else what
    return tuple(
        f"{'warning: ' if name in WARNED else ''}{done[name]:,} of {total:,} {what} {texts[done[name] != 1]}"
        for name, texts in DONE.items()
        if done.get(name)
    )


def merged(*parts: Mapping[str, int]) -> Counter[str]:
    """The sum of counts of things done."""
    total: Counter[str] = Counter()
    for part in parts:
        total.update(part)
    return total


def _check_size(size: tuple[int, int]) -> None:
    wide, high = size
    if not wide or not high:
        raise Undecodable(f"it is {wide}x{high}, which holds no pixel")
    if wide * high > Limits.PIXELS:
        raise Undecodable(
            f"it is {wide}x{high}, more than {Limits.PIXELS:,} pixels; ARCHDSL_MAX_PIXELS={wide * high} "
            "admits it, and takes four bytes of memory a pixel"
        )


def _check_bitmap(picture: Image.Image) -> None:
    """Refuse a BMP of whose palette of greys Pillow makes plain grey of another number of bits than the pixels have."""
    held = {"1": 1, "L": 8}.get(raw_mode(picture))
    if picture.format != "BMP" or held is None or picture.tile[0][0] != "raw":  # type: ignore[attr-defined]
        return
    stream = picture.fp  # type: ignore[attr-defined]
    place = stream.tell()
    stream.seek(14)
    head = stream.read(16)
    stream.seek(place)
    at = 10 if head[0] == 12 else 14  # the header of OS/2 is shorter
    bits = int.from_bytes(head[at : at + 2], "little")
    if bits != held:
        raise Undecodable(
            f"it is a BMP of {bits} bits a pixel with a palette of greys, which Pillow reads as {held}; save it as PNG by "
            "another program"
        )


def _colour(picture: Image.Image) -> tuple[Image.Image, set[str]]:
    """The first image of an opened file as RGB, upright; and what was done to it."""
    done = {"frames"} if getattr(picture, "is_animated", False) else set[str]()
    raw = raw_mode(picture)
    turn = orientation(picture)
    picture.load()
    left = orientation(picture)  # Pillow itself turns TIFF
    flat = _flat(picture, raw, done)
    if turn in UPRIGHT:
        done.add("turned")
    return (flat.transpose(UPRIGHT[left]) if left in UPRIGHT else flat), done


def orientation(picture: Image.Image) -> int:
    """How EXIF says that the pixels are turned; 1 for upright."""
    try:
        found = picture.getexif().get(ORIENTATION, 1)
    except Exception as error:  # EXIF is a format of its own; damaged, it says nothing about the pixels
        _heard.texts.append(str(error))
        return 1
    if not _sound_exif(picture.info.get("exif", b"")):
        _heard.texts.append("EXIF is cut short")  # which Pillow keeps to itself for JPEG
    return found if isinstance(found, int) else 1


def _sound_exif(data: bytes) -> bool:
    """Whether the first table of EXIF, which has the orientation, is there as a whole; or there is no EXIF."""
    body = data.removeprefix(b"Exif\0\0")
    order: Literal["little", "big"] = "little" if body[:2] == b"II" else "big"
    at = int.from_bytes(body[4:8], order)
    tags = int.from_bytes(body[at : at + 2], order)
    return not body or (body[:4] in (b"II*\0", b"MM\0*") and len(body) >= at + 2 + 12 * tags > at >= 8)


def raw_mode(picture: Image.Image) -> str:
    """How the file stores its pixels: ``RGB;16B`` for two bytes a channel, the higher one first. For PPM of another range
    than a whole number of bytes, the range.
    """
    tile = getattr(picture, "tile", None)
    args = tile[0][3] if tile else ""
    return str(args[0] if isinstance(args, tuple) and picture.format != "PPM" else args)


def _flat(picture: Image.Image, raw: str, done: set[str]) -> Image.Image:
    mode = picture.mode
    if mode.startswith("I;16") or (mode == "I" and picture.format in ("PPM", "PNG")):
        done.add("deep")
        return _composited(*_from_16(picture, raw, done), done)
    if mode in ("I", "F"):
        kind = "32-bit floating point numbers" if mode == "F" else "whole numbers of up to 32 bits, or signed ones"
        raise Undecodable(
            f"its pixels are {kind}, whose range for black and white is not known; save it as 8-bit or 16-bit grey"
        )
    if ";16" in raw or (picture.format == "PPM" and _range(raw) > 255):
        done.add("deep")  # Pillow itself keeps the higher byte of colours
        highest = [band[1] for band in picture.convert("RGB").getextrema()]  # type: ignore[index]
        done.update({"dim"} if max(highest) < 256 // DIM and ";16" in raw else ())
    if mode in ALPHA or picture.has_transparency_data:
        if ";16" in raw and "transparency" in picture.info:
            raise Undecodable(
                "it has 16 bits a channel and a transparent colour, which is not supported; save it with an "
                "alpha channel"
            )
        if raw in ("L;2", "L;4"):  # Pillow spreads the pixels over 0 to 255, but not the number of the clear ones
            picture.info["transparency"] *= 85 if raw == "L;2" else 17
        elif mode == "1" and picture.info["transparency"] == 1:  # older Pillows do not do so for one bit either
            picture.info["transparency"] = 255
        whole = {"La": "LA", "RGBa": "RGBA"}.get(mode)
        picture = picture.convert(whole) if whole else picture
        rgba = picture.convert("RGBA")
        return _composited(rgba.convert("RGB"), rgba.getchannel("A"), done)
    if mode not in PLAIN:
        raise Undecodable(f"its mode {mode} is not supported; save it as 8-bit RGB or grey")
    return picture.convert("RGB")


def _range(raw: str) -> int:
    numbers = [int(word) for word in raw.strip("()").replace("'", "").split(", ") if word.isdecimal()]
    return numbers[-1] if numbers else 65535 if ";16" in raw else 255


def _from_16(picture: Image.Image, raw: str, done: set[str]) -> tuple[Image.Image, Image.Image]:
    """16-bit grey as RGB, rounded to 8 bits, and its alpha. 12-bit TIFF is known by its raw mode."""
    values: NDArray[np.int64] = np.asarray(picture).astype(np.int64)
    most = 4095 if ";12" in raw else 65535
    done.update({"dim"} if 0 < values.max() < most / DIM else ())
    clear = picture.info.get("transparency")
    tags = getattr(picture, "tag_v2", None)
    if tags is not None and tags.get(PHOTOMETRIC) == 0:  # white is zero; Pillow turns 8 bits round, but not 16
        values = most - values
    grey = Image.fromarray(((values * 255 + most // 2) // most).clip(0, 255).astype(np.uint8))
    opaque = (
        np.full(values.shape, 255, np.uint8) if clear is None else np.where(values == clear, 0, 255).astype(np.uint8)
    )
    return grey.convert("RGB"), Image.fromarray(opaque)


def _composited(colour: Image.Image, alpha: Image.Image, done: set[str]) -> Image.Image:
    """RGB on white, by its alpha."""
    if alpha.getextrema()[0] == 255:
        return colour
    done.add("composited")
    colour.putalpha(alpha)
    flat = Image.alpha_composite(Image.new("RGBA", colour.size, WHITE), colour).convert("RGB")
    if flat.size != (1, 1) and all(low == high for low, high in flat.getextrema()):  # type: ignore[misc]
        done.add("blank")
    return flat
