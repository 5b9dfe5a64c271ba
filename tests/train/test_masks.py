"""Pictures with masks: which files make a pair, what a mask may hold, and what a run gets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from archdsl.cli.commands.data import augmentations, draw
from archdsl.data import masks as reader
from archdsl.data.counting import training_count
from archdsl.data.fingerprint import fingerprint
from archdsl.data.load import load
from archdsl.data.split import split
from archdsl.errors import ArchError, EnvError
from archdsl.words.data.masks import Masks, masks
from archdsl.words.data.parts import Subset, Valid
from archdsl.words.tasks import IGNORED, TASKS

SIZE = 8


def _mask(values: object, mode: str = "L") -> Image.Image:
    picture = Image.fromarray(np.asarray(values, np.uint8))
    if mode == "P":
        picture.putpalette([10 * n % 256 for n in range(768)])
    return picture


def _set(root: Path, count: int = 10, part: str = "", values: object = None, mode: str = "L") -> Path:
    """So many pictures with masks below a part; the masks are the classes 0, 1 and 2 in columns unless given."""
    tree, rng = root / part, np.random.default_rng(len(part))
    for kind in ("images", "masks"):
        (tree / kind).mkdir(parents=True)
    columns = np.tile(np.arange(SIZE) % 3, (SIZE, 1)) if values is None else values
    for number in range(count):
        pixels = rng.integers(0, 256, (*np.shape(columns), 3), np.uint8)
        Image.fromarray(pixels).save(tree / "images" / f"{number}.png")
        _mask(columns, mode).save(tree / "masks" / f"{number}.png")
    return root


def _read(root: Path, classes: int = 3, size: int = SIZE):
    return load(masks(str(root), size, classes))


def _refused(root: Path, *parts: str, classes: int = 3) -> None:
    with pytest.raises(EnvError) as caught:
        _read(root, classes)
    assert caught.value.help
    for part in parts:
        assert part in f"{caught.value.message} {caught.value.help}"


def test_one_tree_gives_a_fifth_to_the_test_part_and_labels_a_pixel_each(tmp_path: Path):
    parts = _read(_set(tmp_path))
    assert (len(parts.train), len(parts.test)) == (8, 2)
    assert parts.train.images.shape == (8, 3, SIZE, SIZE)
    assert parts.train.images.dtype == np.uint8
    assert parts.train.labels.shape == (8, SIZE, SIZE)
    assert parts.train.labels.dtype == np.int64
    assert (parts.train.labels == np.arange(SIZE) % 3).all()
    assert masks(str(tmp_path)).task == TASKS["segmentation"]


def test_the_same_files_fall_to_the_same_part_whatever_else_is_read(tmp_path: Path):
    first, second = (_read(_set(tmp_path / name)) for name in "ab")
    assert (first.test.images == second.test.images).all()


def test_two_trees_train_and_test(tmp_path: Path):
    _set(_set(tmp_path, 3, "train"), 2, "val")
    parts = _read(tmp_path)
    assert (len(parts.train), len(parts.test)) == (3, 2)
    assert "train trains, val tests" in parts.notes


@pytest.mark.parametrize("mode", ["L", "P"])
def test_a_palette_counts_by_its_numbers_and_255_is_ignored(tmp_path: Path, mode: str):
    values = np.tile([0, 1, 2, 255], (4, 1))
    parts = _read(_set(tmp_path, values=values, mode=mode), size=4)
    assert (parts.train.labels == [0, 1, 2, IGNORED]).all()
    assert any("25.0 % of the training pixels are ignored" in note for note in parts.notes)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_masks_of_few_bits_count_by_their_numbers(tmp_path: Path, bits: int):
    _set(tmp_path, values=np.tile([0, 1], (4, 2)))
    for path in (tmp_path / "masks").iterdir():
        picture = _mask(np.tile([0, 1], (4, 2)), "P")
        picture.save(path, bits=bits)
    assert (_read(tmp_path, 2, 4).train.labels == [0, 1, 0, 1]).all()


def test_masks_of_16_bits_count_by_their_numbers(tmp_path: Path):
    _set(tmp_path)
    for path in (tmp_path / "masks").iterdir():
        Image.fromarray(np.tile(np.arange(SIZE, dtype=np.uint16) % 3, (SIZE, 1))).save(path)
    assert (_read(tmp_path).train.labels == np.arange(SIZE) % 3).all()


def test_of_two_classes_255_is_the_second_where_masks_are_black_and_white(tmp_path: Path):
    parts = _read(_set(tmp_path, values=np.tile([0, 255], (4, 2))), 2, 4)
    assert (parts.train.labels == [0, 1, 0, 1]).all()
    assert "the masks have the values 0 and 255: 255 is the class 1" in parts.notes


def test_masks_are_scaled_to_the_nearest_pixel_and_cut_as_their_pictures(tmp_path: Path):
    values = np.zeros((8, 16), int)
    values[:, 4:8], values[:, 8:12] = 1, 2  # the middle; the rest is cut
    parts = _read(_set(tmp_path, values=values), size=4)
    assert (parts.train.labels == [1, 1, 2, 2]).all()


def test_subset_and_valid_take_pictures_with_their_masks(tmp_path: Path):
    splits = split(_read(_set(tmp_path, 20)), Valid(0.25), Subset(8), 0)
    assert splits.valid is not None
    assert (splits.train.labels.shape, splits.valid.labels.shape) == ((6, SIZE, SIZE), (2, SIZE, SIZE))


def test_names_come_from_a_file_and_need_no_number(tmp_path: Path):
    _set(tmp_path)
    (tmp_path / "classes.txt").write_text("sky\nroad\ncar\n", "utf-8")
    assert Masks(str(tmp_path)).class_names == ("sky", "road", "car")
    assert any("road 37.5 %" in note for note in load(Masks(str(tmp_path), SIZE)).notes)


def test_without_names_or_number_the_remedy_has_both(tmp_path: Path):
    with pytest.raises(EnvError) as caught:
        _ = Masks(str(_set(tmp_path))).class_names
    assert "classes=2" in str(caught.value.help)
    assert "classes.txt" in str(caught.value.help)


@pytest.mark.parametrize("classes", [1, 256])
def test_numbers_of_classes_have_limits(classes: int):
    with pytest.raises(ArchError):
        masks("roads", classes=classes)


def test_a_picture_without_mask_and_a_mask_without_picture_are_named(tmp_path: Path):
    _set(tmp_path)
    (tmp_path / "masks" / "3.png").unlink()
    _refused(tmp_path, "no mask", "3.png")
    (tmp_path / "images" / "3.png").unlink()
    (tmp_path / "images" / "4.png").unlink()
    _refused(tmp_path, "no picture", "4.png")


def test_sizes_that_differ_are_refused(tmp_path: Path):
    _set(tmp_path)
    _mask(np.zeros((4, 6))).save(tmp_path / "masks" / "3.png")
    _refused(tmp_path, "3.png is 8x8", "is 6x4")


def test_masks_of_colours_are_refused(tmp_path: Path):
    _set(tmp_path)
    Image.new("RGB", (SIZE, SIZE)).save(tmp_path / "masks" / "3.png")
    _refused(tmp_path, "3.png", "colours")


def test_a_number_of_no_class_is_named_with_its_file(tmp_path: Path):
    _set(tmp_path)
    _mask(np.full((SIZE, SIZE), 7)).save(tmp_path / "masks" / "3.png")
    _refused(tmp_path, "3.png", "class number 7", "classes=8")


def test_masks_in_a_lossy_format_are_refused(tmp_path: Path):
    _set(tmp_path)
    (tmp_path / "masks" / "3.png").unlink()
    _mask(np.zeros((SIZE, SIZE))).save(tmp_path / "masks" / "3.jpg")
    _refused(tmp_path, "3.jpg")


@pytest.mark.parametrize("kind", ["images", "masks"])
def test_damaged_and_empty_files_are_named(tmp_path: Path, kind: str):
    _set(tmp_path)
    (tmp_path / kind / "3.png").write_bytes(b"")
    _refused(tmp_path, "3.png", "empty")


def test_empty_and_missing_folders_are_refused(tmp_path: Path):
    _refused(tmp_path / "none", "there is no folder")
    (tmp_path / "images").mkdir()
    _refused(tmp_path, "no folder `masks`")
    (tmp_path / "masks").mkdir()
    _refused(tmp_path, "is empty")


def test_what_does_not_fit_into_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ARCHDSL_RESIDENT_BYTES", "1000")
    _refused(_set(tmp_path), "size=8", "ARCHDSL_RESIDENT_BYTES")


def test_counts_and_fingerprints_read_no_pixel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    dataset = masks(str(_set(tmp_path)), SIZE, 3)
    monkeypatch.setattr(reader, "numbers", lambda *_: pytest.fail("a mask was read"))
    assert training_count(dataset) == 8
    assert len(fingerprint(dataset)) == 64


def test_another_mask_or_another_name_of_a_class_is_other_data(tmp_path: Path):
    dataset = masks(str(_set(tmp_path)), SIZE, 3)
    before = fingerprint(dataset)
    _mask(np.zeros((SIZE, SIZE))).save(tmp_path / "masks" / "3.png")
    changed = fingerprint(dataset)
    (tmp_path / "classes.txt").write_text("a\nb\nc\n", "utf-8")
    assert len({before, changed, fingerprint(dataset)}) == 3


def test_a_mask_that_changed_is_decoded_again(tmp_path: Path):
    _read(_set(tmp_path))
    for path in (tmp_path / "masks").iterdir():
        _mask(np.full((SIZE, SIZE), 2)).save(path)
    assert (_read(tmp_path).train.labels == 2).all()


def test_a_picture_of_augmentations_shows_those_that_a_run_takes(tmp_path: Path):
    dataset = masks(str(_set(tmp_path / "roads")), SIZE, 3)
    with pytest.raises(ArchError, match="`rotate` has no rule for the classes of pixels"):
        draw(dataset, augmentations("flip rotate"), tmp_path / "x.png", 2, 0, None)
    assert "4 versions of each" in draw(dataset, augmentations("flip"), tmp_path / "x.png", 2, 0, None)


@pytest.mark.parametrize(("turn", "shape", "said"), [(3, (8, 12), True), (6, (8, 8), True), (6, (8, 12), False)])
def test_a_turned_picture_that_fits_its_mask_unturned_is_said(
    turn: int, shape: tuple[int, int], said: bool, tmp_path: Path
) -> None:
    _set(tmp_path, values=np.zeros(shape, np.uint8))
    exif = Image.Exif()
    exif[0x0112] = turn
    stored = shape if turn < 5 else shape[::-1]
    pixels = np.random.default_rng(1).integers(0, 256, (*stored, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "images" / "3.png", exif=exif)
    notes = _read(tmp_path).notes
    assert "1 of 10 pictures is turned upright by its EXIF orientation" in notes
    assert any(note.startswith("warning: 1 picture that is turned by the EXIF") for note in notes) == said
    assert _read(tmp_path).notes == notes, "of what was kept, too"


def test_a_part_whose_drawn_masks_are_all_ignored_is_refused(tmp_path: Path) -> None:
    """Its loss and accuracy would be 0."""
    _set(_set(tmp_path, 12, "train"), 2, "test")
    for number in range(11):
        _mask(np.full((SIZE, SIZE), 255)).save(tmp_path / "train" / "masks" / f"{number}.png")
    parts = _read(tmp_path)
    assert len(split(parts, None, None, 0).train) == 12
    refused = []
    for seed in range(6):
        with pytest.raises(EnvError, match=rf"in the part that (trains|is set aside) with the seed {seed}") as caught:
            split(parts, Valid(2), None, seed)
        refused.append("trains" in caught.value.message)
    assert not all(refused)
    with pytest.raises(EnvError, match="in the part that trains"):
        split(parts, None, Subset(2), 1)
