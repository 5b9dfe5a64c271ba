"""Pictures with masks: the names of their folders and classes, the modes of masks, and what is refused."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from archdsl.data.masks import read
from archdsl.data.pairs import files, find
from archdsl.errors import ArchError, EnvError
from archdsl.words.data.masks import Masks, masks
from archdsl.words.tasks import IGNORED
from tests.conftest import Cli

rng = np.random.default_rng(0)


def picture(path: Path, pixels: np.ndarray, mode: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(path)
    return path


def pair(root: Path, name: str, mask: np.ndarray) -> Path:
    """A random picture of the size of its mask, and the mask."""
    picture(root / "images" / f"{name}.png", rng.integers(0, 256, (*mask.shape[:2], 3), np.uint8))
    return picture(root / "masks" / f"{name}.png", mask)


def scene(classes: int = 3, shape: tuple[int, int] = (8, 8)) -> np.ndarray:
    return rng.integers(0, classes, shape).astype(np.uint8)


def reversed_bits(mask: np.ndarray) -> bytes:
    """A TIFF of one bit a pixel, in which white is 0 and the lowest bit comes first."""
    data = np.packbits(mask, axis=1, bitorder="little").tobytes()
    tags = {256: 8, 257: 8, 258: 1, 259: 1, 262: 0, 266: 2, 273: 8, 277: 1, 278: 8, 279: len(data)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return struct.pack("<4sI", b"II*\0", 8 + len(data)) + data + struct.pack("<H", len(tags)) + entries + bytes(4)


def tree(root: Path, classes: int = 3, parts: tuple[str, ...] = ("train", "test"), each: int = 3) -> Path:
    for part in parts:
        for n in range(each):
            pair(root / part, str(n), scene(classes))
    return root


def test_pairs_of_two_parts(tmp_path: Path) -> None:
    root = tree(tmp_path / "roads")
    for mask in (root / "train" / "masks").iterdir():
        picture(mask, np.where(scene(2) == 0, 255, scene()).astype(np.uint8))
    data = Masks(str(root), 8, 3)
    parts = read(data)
    assert (parts.train.images.shape, parts.train.images.dtype) == ((3, 3, 8, 8), np.uint8)
    assert (parts.test.labels.shape, parts.test.labels.dtype) == ((3, 8, 8), np.int64)
    for n in range(3):
        values = np.asarray(Image.open(root / "train" / "masks" / f"{n}.png")).astype(int)
        assert np.array_equal(parts.train.labels[n], np.where(values == 255, IGNORED, values))
        colours = np.asarray(Image.open(root / "train" / "images" / f"{n}.png")).transpose(2, 0, 1)
        assert np.array_equal(parts.train.images[n], colours)
    again = read(data)  # from the cache
    assert np.array_equal(again.train.labels, parts.train.labels)
    assert again.notes == parts.notes
    assert parts.notes[:2] == ("3 pictures with masks to train on and 3 to test, 3 classes", "train trains, test tests")
    ignored = 100 * (parts.train.labels == IGNORED).mean()
    assert f"{ignored:.1f} % of the training pixels are ignored" in parts.notes
    assert [name for name, _ in files(data)][:2] == ["train/images/0.png", "train/masks/0.png"]


@pytest.mark.parametrize("names", [("Training", "VAL"), ("train_set", "testing"), ("trn", "dev")])
def test_parts_have_the_usual_names(tmp_path: Path, names: tuple[str, str]) -> None:
    root = tree(tmp_path, parts=names)
    (root / names[0] / "masks").rename(root / names[0] / "Labels")
    found = find(Masks(str(root), 8, 3))
    assert (len(found.train), len(found.test)) == (3, 3)


def test_a_fifth_of_one_tree_is_the_test_part(tmp_path: Path) -> None:
    for n in range(11):
        pair(tmp_path, f"deep/{n}" if n % 2 else str(n), scene())
    found = find(Masks(str(tmp_path), 8, 3))
    assert (len(found.train), len(found.test)) == (9, 2)
    assert sorted(p.name for p in (*found.train, *found.test)) == sorted(
        f"deep/{n}" if n % 2 else str(n) for n in range(11)
    )
    (tmp_path / "moved").mkdir()
    for kind in ("images", "masks"):
        (tmp_path / kind).rename(tmp_path / "moved" / kind)
    assert [p.name for p in find(Masks(str(tmp_path / "moved"), 8, 3)).test] == [p.name for p in found.test]


def test_a_picture_is_in_the_set_once_and_a_mask_may_serve_several(tmp_path: Path) -> None:
    root = tree(tmp_path / "roads")
    pair(root / "train", "more", scene())
    (root / "train" / "masks" / "more.png").unlink()
    (root / "train" / "masks" / "more.png").symlink_to("0.png")
    assert len(find(Masks(str(root), 8, 3)).train) == 4
    (root / "test" / "images" / "0.png").unlink()
    (root / "test" / "images" / "0.png").symlink_to(root / "train" / "images" / "1.png")
    with pytest.raises(EnvError, match=r"test/images/0.png leads to .*1.png, which is in the set already"):
        find(Masks(str(root), 8, 3))


def test_pictures_and_masks_are_cut_alike(tmp_path: Path) -> None:
    """A picture whose colours show its classes still does so, scaled down and cut."""
    for n, shape in enumerate(((40, 64), (64, 40), (8, 24), (32, 32))):
        blocks = scene(3, (shape[0] // 8, shape[1] // 8)).repeat(8, 0).repeat(8, 1)
        pair(tmp_path, str(n), blocks)
        picture(tmp_path / "images" / f"{n}.png", np.stack([blocks * 100] * 3, -1))
    parts = read(Masks(str(tmp_path), 16, 3))
    for images, labels in ((p.images, p.labels) for p in (parts.train, parts.test)):
        assert ((images[:, 0] / 100).round() == labels).mean() > 0.8  # but for the edges between classes
        assert len(np.unique(labels)) == 3


def four_bits(path: Path, values: np.ndarray) -> None:
    """A grey PNG of four bits a pixel."""
    rows = b"".join(b"\0" + bytes(row[::2] * 16 + row[1::2]) for row in values.astype(np.uint8))
    body = b"\x89PNG\r\n\x1a\n"
    header = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 4, 0, 0, 0, 0)
    for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        body += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    path.write_bytes(body)


@pytest.mark.parametrize("mode", ["L", "P", "1", "I;16", "four bits", "tif"])
def test_modes_of_masks(tmp_path: Path, mode: str) -> None:
    values = scene(2 if mode == "1" else 3)
    for n in range(2):
        pair(tmp_path, str(n), values)
        path = tmp_path / "masks" / f"{n}.png"
        if mode == "P":
            image = Image.fromarray(values)
            image.putpalette([255, 0, 0, 0, 0, 9, 7, 7, 7])
            image.save(path)
        elif mode == "1":
            Image.fromarray(values.astype(bool)).save(path)
        elif mode == "I;16":
            Image.fromarray(values.astype(np.uint16)).save(path)
        elif mode == "four bits":
            four_bits(path, values)
        elif mode == "tif":
            path.unlink()
            Image.fromarray(values).save(path.with_suffix(".tif"))
    labels = read(Masks(str(tmp_path), 8, 3)).train.labels
    assert np.array_equal(labels[0], values)


def test_binary_masks(tmp_path: Path) -> None:
    values = scene(2)
    for n in range(4):
        pair(tmp_path, str(n), values * 255)
    parts = read(Masks(str(tmp_path), 8, 2))
    assert np.array_equal(parts.train.labels[0], values)
    assert "the masks have the values 0 and 255: 255 is the class 1" in parts.notes
    three = read(Masks(str(tmp_path), 8, 3))  # with more classes 255 is ignored, and what is missing is said
    assert np.array_equal(three.train.labels[0], -values.astype(int))
    assert "warning: classes without a training pixel: 1, 2" in three.notes
    pair(tmp_path, "5", np.where(values == 1, 255, 1).astype(np.uint8))
    mixed = read(Masks(str(tmp_path), 8, 2))
    assert IGNORED in mixed.train.labels


def test_names_of_classes(tmp_path: Path) -> None:
    tree(tmp_path)
    with pytest.raises(EnvError, match=r"no classes\.txt, so the number of classes is not known") as error:
        _ = Masks(str(tmp_path)).class_names
    assert "classes=2" in (error.value.help or "")
    assert Masks(str(tmp_path), stated=3).class_names == ("0", "1", "2")
    (tmp_path / "classes.txt").write_text("sky\n tree \nroad\n\n")
    assert Masks(str(tmp_path)).class_names == ("sky", "tree", "road")
    assert Masks(str(tmp_path), stated=3).class_names == ("sky", "tree", "road")
    for text, message in (
        ("sky\ntree\n", "names 2 classes, and the text says classes=3"),
        ("sky\n\nroad\n", "has an empty line"),
        ("sky\n", "has 1 name"),
        ("sky\nsky\nroad", "names the class sky twice"),
    ):
        (tmp_path / "classes.txt").write_text(text)
        with pytest.raises(EnvError, match=message):
            _ = Masks(str(tmp_path), stated=3).class_names
    with pytest.raises(ArchError, match="2 to 255 classes, not 256"):
        masks("x", classes=256)


COLOURS = rng.integers(0, 256, (8, 8, 3), np.uint8)
SPOILT: dict[str, Callable[[Path, Path], object]] = {  # each gets a picture and its mask
    "transparency": lambda image, mask: picture(mask, COLOURS, "RGBA"),
    "deep number": lambda image, mask: picture(mask, np.full((8, 8), 300, np.uint16)),
    "damaged": lambda image, mask: mask.write_bytes(mask.read_bytes()[:60]),
    "damaged picture": lambda image, mask: image.write_bytes(b"no picture"),
    "twice": lambda image, mask: picture(image.with_suffix(".jpg"), COLOURS),
    "text": lambda image, mask: mask.with_suffix(".txt").write_text("x"),
    "pgm": lambda image, mask: picture(mask.rename(mask.with_suffix(".pgm")), scene()),
    "white": lambda image, mask: Image.fromarray(scene()).save(
        mask.rename(mask.with_suffix(".tif")), tiffinfo={262: 0}
    ),
    "reversed": lambda image, mask: mask.rename(mask.with_suffix(".tif")).write_bytes(reversed_bits(scene() > 0)),
    "ignored": lambda image, mask: [picture(f, np.full((8, 8), 255, np.uint8)) for f in mask.parent.iterdir()],
}


@pytest.mark.parametrize(
    ("how", "message", "help"),
    [
        ("transparency", r"masks/1\.png has colours", "modes L and P"),
        ("deep number", r"masks/1\.png has the class number 300", "number the classes from 0"),
        ("damaged", r"1 picture of .* \(its mask .*masks/1\.png: ", "replace or remove"),
        ("damaged picture", r"images/1\.png \(it is not a picture", "replace or remove"),
        ("twice", r"images/1\.jpg and .*images/1\.png differ only in their ending", "rename or remove one"),
        ("text", r"masks/1\.txt is not a picture", "move other files"),
        ("pgm", r"masks/1\.pgm is stored as PPM", "as PNG"),
        ("white", r"masks/1\.tif is stored as TIFF with the pixels L;I", "as PNG"),
        ("reversed", r"masks/1\.tif is stored as TIFF with the pixels 1;IR?", "as PNG"),
        ("ignored", "all pixels of the training masks are ignored", "give pixels the number"),
    ],
)
def test_refusals(tmp_path: Path, how: str, message: str, help: str) -> None:
    root = tree(tmp_path / "roads")
    SPOILT[how](*(root / "train" / kind / "1.png" for kind in ("images", "masks")))
    with pytest.raises(EnvError, match=message) as error:
        read(Masks(str(root), 8, 3))
    assert re.search(help, error.value.help or "")


def test_masks_that_test_nothing_are_refused(tmp_path: Path) -> None:
    """A run reported an accuracy and a loss of 0 on them."""
    root = tree(tmp_path / "roads")
    for file in (root / "test" / "masks").iterdir():
        picture(file, np.full((8, 8), 255, np.uint8))
    with pytest.raises(EnvError, match="all pixels of the test masks are ignored"):
        read(Masks(str(root), 8, 3))


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (("train", "."), "has pictures or masks beside the parts of a set"),
        (("train",), "has a train folder, but neither test nor val"),
        (("test", "val"), "no folder to train on"),
        (("train", "training", "test"), "2 folders that may be the train part"),
        (("train/images", "test"), "train has no folder `masks`"),
        (("other",), "has no folder `images`"),
    ],
)
def test_doubtful_layouts(tmp_path: Path, parts: tuple[str, ...], message: str) -> None:
    tree(tmp_path, parts=parts)
    with pytest.raises(EnvError, match=message) as error:
        find(Masks(str(tmp_path), 8, 3))
    assert error.value.help


def test_a_split_inside_of_the_folders_is_not_passed_over(tmp_path: Path) -> None:
    for name in ("train/1", "test/2"):
        pair(tmp_path, name, scene())
    with pytest.raises(EnvError, match="holds parts of a set, not pictures"):
        find(Masks(str(tmp_path), 8, 3))


def test_the_page_of_a_set(tmp_path: Path, cli: Cli) -> None:
    tree(tmp_path / "roads")
    done = cli("data", "masks:roads")
    assert done.returncode == 4
    assert "classes=2" in done.stderr
    (tmp_path / "roads" / "classes.txt").write_text("sky\ntree\nroad\n")
    done = cli("data", "masks:roads")
    assert done.returncode == 0, done.stderr
    assert "segmentation" in done.stdout
    assert "3: sky, tree, road" in done.stdout
    assert "training pixels by class" in done.stdout


def test_masks_of_two_classes_that_mean_255_in_two_ways_are_named(tmp_path: Path) -> None:
    root = tree(tmp_path / "roads", 2)
    assert not [note for note in read(Masks(str(root), 8, 2)).notes if "255 and no 1" in note]
    picture(root / "train" / "masks" / "0.png", np.where(scene(2) == 0, 0, 255).astype(np.uint8))
    (found,) = [note for note in read(Masks(str(root), 8, 2)).notes if "255 and no 1" in note]
    assert found.startswith("warning: 1 of the masks have 255 and no 1, and 5 have 1")


def test_equal_pictures_with_other_masks_are_said(tmp_path: Path) -> None:
    root = tree(tmp_path / "roads")
    before = read(Masks(str(root), 8, 3)).notes
    assert not any("equal pictures" in note or "repeated" in note for note in before)
    images = root / "train" / "images"
    (images / "1.png").write_bytes((images / "0.png").read_bytes())
    notes = read(Masks(str(root), 8, 3)).notes
    assert "warning: equal pictures have different masks: 1 of 5 different ones" in notes
    assert "1 training picture is repeated (equal pixels in this size)" in notes
