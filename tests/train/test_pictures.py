"""Parquet files, folders of pictures, and the cache of decoded ones."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from archdsl.data import cache, load, pictures, roots
from archdsl.data.folder import listed
from archdsl.errors import EnvError
from archdsl.words.data.folders import Folder
from archdsl.words.data.sets import cifar10, cifar100

from .conftest import png, write_folder, write_parquet

pytestmark = pytest.mark.usefixtures("small_sets")


@pytest.mark.parametrize("place", ["cifar10", "."])
def test_parquet_under_a_root(tmp_path: Path, place: str) -> None:
    write_parquet(tmp_path / "data" / place)
    parts = load(cifar10(), tmp_path / "data")
    assert parts.train.images.shape == (12, 3, 32, 32)
    assert parts.test.labels.tolist() == [0, 1, 2, 3, 4, 5]
    again = load(cifar10(), tmp_path / "data")
    assert isinstance(again.train.images, np.memmap)
    assert np.array_equal(again.train.images, parts.train.images)


def test_fine_labels(tmp_path: Path) -> None:
    write_parquet(tmp_path / "cifar100", "fine_label")
    assert len(load(cifar100(), tmp_path).train) == 12


def test_pictures_that_do_not_decode_are_counted(tmp_path: Path) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    write_parquet(tmp_path)
    bad = [png(), b"no picture", png((31, 32)), None, b"", png()]
    pq.write_table(
        pa.table({"image": pa.array(bad, pa.binary()), "label": list(range(6))}),
        tmp_path / "test-00000-of-00001.parquet",
    )
    with pytest.raises(
        EnvError, match=r"4 pictures of .*test-00000-of-00001.parquet do not decode: row 1 .*row 2 .*and 1 more"
    ):
        load(cifar10(), tmp_path)


def test_other_columns_and_damaged_files(tmp_path: Path) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    write_parquet(tmp_path)
    pq.write_table(pa.table({"img": [png()], "target": [1]}), tmp_path / "test-00000-of-00001.parquet")
    with pytest.raises(EnvError, match="has the columns img, target, expected label"):
        load(cifar10(), tmp_path)
    (tmp_path / "test-00000-of-00001.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(EnvError, match=r"test-00000-of-00001.parquet is not a Parquet file"):
        load(cifar10(), tmp_path)


def test_the_cache_follows_the_files_and_survives_damage(tmp_path: Path) -> None:
    write_parquet(tmp_path)
    first = np.array(load(cifar10(), tmp_path).test.images)
    for images in roots.cache_root().glob("*/images.npy"):
        images.write_bytes(images.read_bytes()[:200])
    assert np.array_equal(load(cifar10(), tmp_path).test.images, first)
    for lost in roots.cache_root().glob("*/done.json"):
        lost.unlink()
    assert np.array_equal(load(cifar10(), tmp_path).test.images, first)
    assert isinstance(load(cifar10(), tmp_path).test.images, np.memmap), "what was incomplete is made again and kept"
    write_parquet(tmp_path)  # other pictures, same sizes perhaps, another time of change
    assert not np.array_equal(load(cifar10(), tmp_path).test.images, first)
    assert not list(roots.cache_root().glob(".unfinished*"))


def test_a_cache_that_cannot_be_written_costs_only_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    write_parquet(tmp_path)
    assert len(load(cifar10(), tmp_path).train) == 12


def test_one_tree_gives_a_test_part_by_hash(tmp_path: Path) -> None:
    write_folder(tmp_path / "a", each=10)
    folder = Folder(str(tmp_path / "a"), 16)
    assert (folder.input, folder.class_names) == ((3, 16, 16), ("cat", "dog"))
    parts = load(folder)
    assert parts.train.images.shape == (16, 3, 16, 16)
    assert parts.test.labels.tolist() == [0, 0, 1, 1]
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert np.array_equal(load(Folder(str(tmp_path / "b"), 16)).test.images, parts.test.images)


@pytest.mark.parametrize("test_name", ["test", "val"])
def test_two_trees(tmp_path: Path, test_name: str) -> None:
    write_folder(tmp_path / "train", each=3)
    write_folder(tmp_path / test_name, each=2)
    parts = load(Folder(str(tmp_path), 8))
    assert (len(parts.train), len(parts.test)) == (6, 4)


def test_a_picture_keeps_its_middle(tmp_path: Path) -> None:
    from PIL import Image

    pixels = np.zeros((10, 30, 3), np.uint8)
    pixels[:, 10:20] = 255
    Image.fromarray(pixels).save(tmp_path / "x.png")
    assert (pictures.square(tmp_path / "x.png", 10) == 255).all()


def test_grey_and_transparent_pictures_become_colour(tmp_path: Path) -> None:
    for mode in ("L", "RGBA"):
        (tmp_path / "x.png").write_bytes(png((9, 12), mode))
        assert pictures.square(tmp_path / "x.png", 8).shape == (3, 8, 8)


def _break(root: Path, how: str) -> None:
    match how:
        case "no folder":
            shutil.rmtree(root)
        case "one class":
            shutil.rmtree(root / "dog")
        case "empty class":
            (root / "eel").mkdir()
        case "text among them":
            (root / "cat" / "notes.txt").write_text("x")
        case "torn picture":
            path = root / "cat" / "0.png"
            path.write_bytes(path.read_bytes()[:100])
        case "train alone":
            os.rename(root / "cat", root / "train")
        case "one picture":
            (root / "eel").mkdir()
            (root / "eel" / "0.png").write_bytes(png())


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("no folder", "there is no folder"),
        ("one class", "has 1 sub-folder"),
        ("empty class", "eel is empty"),
        ("text among them", r"notes.txt is not a picture"),
        ("torn picture", r"1 picture of .* does not decode: .*0.png"),
        ("train alone", r"partly named like parts of a set \(train\), partly like classes \(dog\)"),
        ("one picture", "has one picture"),
    ],
)
def test_what_a_folder_lacks_is_named(tmp_path: Path, how: str, message: str) -> None:
    write_folder(tmp_path / "set")
    _break(tmp_path / "set", how)
    with pytest.raises(EnvError, match=message) as caught:
        load(Folder(str(tmp_path / "set"), 8))
    assert caught.value.help


def test_train_and_test_must_have_the_same_classes(tmp_path: Path) -> None:
    write_folder(tmp_path / "train")
    write_folder(tmp_path / "test", ("cat", "eel"))
    with pytest.raises(EnvError, match="same classes"):
        load(Folder(str(tmp_path), 8))


def test_pictures_are_in_the_order_of_their_paths_and_links_are_followed(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for name in ("b", "a"):
        write_picture(tree / name / "z.png")
    for name in ("10.png", "9.png", "sub/1.png", "sub-1.png", ".hidden.png", "sub/deeper/0.PNG"):
        write_picture(tree / "a" / name)
    for name in ("elsewhere/far.png", "near.png", "other/a/0.png", "other/b/0.png"):
        write_picture(tmp_path / name)
    (tree / "a" / "link.png").symlink_to(tmp_path / "near.png")
    (tree / "a" / "folder").symlink_to(tmp_path / "elsewhere")
    found, _ = listed(tree, tmp_path / "other")
    names = [path.relative_to(tree).as_posix() for path, label in found if not label]
    assert names == [
        "a/10.png",
        "a/9.png",
        "a/folder/far.png",
        "a/link.png",
        "a/sub/1.png",
        "a/sub/deeper/0.PNG",
        "a/sub-1.png",
        "a/z.png",
    ]
    assert names == sorted(names, key=lambda n: Path(n).parts)


def test_a_folder_that_cannot_be_read_is_an_error_and_not_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_folder(tmp_path)
    (tmp_path / "cat" / "more").mkdir()
    scandir = os.scandir

    def refused(path: str) -> object:
        if str(path).endswith("more"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(EnvError, match=r"cat/more cannot be read: Permission denied"):
        listed(tmp_path, None)


def test_a_link_that_points_elsewhere_is_another_picture(tmp_path: Path) -> None:
    about, link = 1_700_000_000_000_000_000, tmp_path / "link.png"
    for name in ("one.png", "two.png"):
        write_picture(tmp_path / name)
        os.utime(tmp_path / name, ns=(about, about))
    link.symlink_to("one.png")
    first = cache._key([link], "")
    assert cache._key([link], "") == first
    link.unlink()
    link.symlink_to("two.png")
    assert cache._key([link], "") != first
    assert cache._key([tmp_path / "one.png"], "") == first  # the picture that it was


def write_picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png())
