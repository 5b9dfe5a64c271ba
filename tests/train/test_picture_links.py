"""Links in folders of pictures: followed, and refused where they lead nowhere or would count a picture twice."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from archdsl.data.folder import listed
from archdsl.data.load import load
from archdsl.errors import EnvError
from archdsl.words.data.folders import Folder

from .test_layouts import write


def test_links_that_lead_nowhere_are_named(tmp_path: Path) -> None:
    write(tmp_path, "cat", "dog")
    for place in ("cat/gone.png", "eel", "cat/self.png"):
        link = tmp_path / place
        link.symlink_to(link.name if "self" in place else tmp_path / "nowhere")
        with pytest.raises(EnvError, match=f"the link {link} points to nothing that can be read") as caught:
            load(Folder(str(tmp_path), 8))
        assert caught.value.help
        link.unlink()


def test_linked_class_folders_are_followed(tmp_path: Path) -> None:
    write(tmp_path / "store", "one", "two")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "cat").symlink_to(tmp_path / "store" / "one")
    (tmp_path / "set" / "dog").symlink_to("../store/two")
    parts = load(Folder(str(tmp_path / "set"), 8))
    assert (len(parts.train), len(parts.test)) == (2, 2)


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("set/cat/up", "set"),
        ("set/cat/self", "set/cat"),
        ("set/cat/other", "set/dog"),
        ("set/eel", "set/cat"),
        ("set/cat/root", "."),
        ("far/back", "set"),
        ("far/round", "far"),
        ("far/near", "near"),
    ],
)
def test_links_that_would_count_pictures_twice_or_without_end(tmp_path: Path, link: str, target: str) -> None:
    write(tmp_path, "set/cat", "set/dog", "far", "near")
    (tmp_path / "set" / "cat" / "far").symlink_to(tmp_path / "far")
    (tmp_path / "near" / "far").symlink_to(tmp_path / "far")
    (tmp_path / link).symlink_to(tmp_path / target)
    with pytest.raises(EnvError, match=r"the link .* leads to .*, whose pictures are in the set already"):
        listed(tmp_path / "set", None)


@pytest.mark.parametrize(
    ("link", "target", "first"),
    [
        ("train/a/copy.png", "train/a/1.png", ""),
        ("train/a/deep/copy.png", "train/b/deep/1.png", ""),
        ("test/a/copy.png", "train/a/1.png", ""),
        ("train/a/far.png", "far/1.png", "train/a/far"),  # by a link to a folder, too
        ("train/b/again.png", "pool/1.png", "test/a/pool.png"),  # by another link to the same file
        ("train/b/again.png", "train/a/by.png", "train/a/by.png"),  # by a link to a link
    ],
)
def test_links_to_pictures_that_are_in_the_set_already(tmp_path: Path, link: str, target: str, first: str) -> None:
    write(tmp_path, "train/a", "train/b", "test/a", "test/b", "far", "pool", "train/a/deep", "train/b/deep")
    if first:
        aim = tmp_path / ("far" if first.endswith("far") else "pool/1.png")
        (tmp_path / first).symlink_to(aim)
    assert listed(tmp_path / "train", tmp_path / "test"), "the links alone are no fault"
    (tmp_path / link).symlink_to(os.path.relpath(tmp_path / target, (tmp_path / link).parent))
    with pytest.raises(EnvError, match=r"the link .* leads to .*, which is in the set already\n") as caught:
        listed(tmp_path / "train", tmp_path / "test")
    assert caught.value.help == "remove the link"


def test_links_to_pictures_in_the_set_are_counted_and_those_beside_it_are_followed(tmp_path: Path) -> None:
    write(tmp_path, "train/a", "train/b", "test/a", "test/b", "val/a", "train/a/.kept")
    for number, target in enumerate(("val/a/1.png", "val/a/0.png", "train/a/.kept/1.png")):
        (tmp_path / "train" / "b" / f"linked{number}.png").symlink_to(tmp_path / target)
    train, _ = listed(tmp_path / "train", tmp_path / "test")
    assert sum("linked" in path.name for path, _ in train) == 3
    for number in range(5):
        (tmp_path / "train" / "a" / f"copy{number}.png").symlink_to("0.png")
    with pytest.raises(EnvError, match=r"copy0.png leads to .*0.png, which is in the set already \(5 such links\)"):
        listed(tmp_path / "train", tmp_path / "test")


@pytest.mark.parametrize(
    ("link", "target"), [("test/a/more", "train/a"), ("test/c", "pool"), ("train/a/sub", "pool/deep")]
)
def test_links_to_folders_that_another_part_or_class_has(tmp_path: Path, link: str, target: str) -> None:
    write(tmp_path, "train/a", "test/a", "train/b", "test/b", "pool/deep", *(["test/c"] if link != "test/c" else []))
    (tmp_path / "train" / "c").symlink_to(tmp_path / "pool")
    (tmp_path / link).symlink_to(tmp_path / target)
    with pytest.raises(EnvError, match=r"the link .* leads to .*, whose pictures are in the set already"):
        listed(tmp_path / "train", tmp_path / "test")
