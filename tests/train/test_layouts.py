"""How pictures lie in folders: the common layouts are recognised, the doubtful ones are refused with the choices."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from archdsl.api import load as load_spec
from archdsl.data import load
from archdsl.data.decode import FORMATS, formats
from archdsl.data.folder import listed
from archdsl.errors import ArchError, EnvError
from archdsl.words.data.folders import Folder
from archdsl.words.data.spelling import PICTURES, like_a_part, role

from .conftest import png

PNG = png((9, 8))


def write(root: Path, *places: str, each: int = 2) -> Path:
    """Pictures in each of these folders; a place that ends in `/` stays an empty folder."""
    for place in places:
        (root / place).mkdir(parents=True, exist_ok=True)
        for i in range(0 if place.endswith("/") else each):
            (root / place / f"{i}.png").write_bytes(PNG)
    return root


def trees(root: Path, **given: str) -> tuple[str, str | None]:
    train, test = Folder(str(root), 8, **given).trees()  # type: ignore[arg-type]
    return train.relative_to(root).as_posix(), test.relative_to(root).as_posix() if test else None


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("train", "test"),
        ("train", "val"),
        ("Train", "Test"),
        ("TRAIN", "VALID"),
        ("Training", "Testing"),
        ("training_set", "test_set"),
        ("train-images", "Validation"),
        ("Training Data", "eval"),
        ("trainset", "testset"),
        ("train", "dev"),
        ("training", "evaluation"),
    ],
)
def test_common_names_of_parts(tmp_path: Path, train: str, test: str) -> None:
    write(tmp_path, f"{train}/cat", f"{train}/dog", f"{test}/cat", f"{test}/dog")
    assert trees(tmp_path) == (train, test)
    assert Folder(str(tmp_path), 8).class_names == ("cat", "dog")
    assert load(Folder(str(tmp_path), 8)).notes[1] == f"{train} trains, {test} tests"


def test_of_three_parts_the_one_that_is_not_used_is_said(tmp_path: Path) -> None:
    write(tmp_path, *(f"{part}/{name}" for part in ("train", "val", "test") for name in ("cat", "dog")))
    assert trees(tmp_path) == ("train", "test")
    notes = load(Folder(str(tmp_path), 8)).notes
    assert notes[0] == "2 classes (training + test pictures): cat 2 + 2, dog 2 + 2"
    assert notes[2] == f'val is not used; folder("{tmp_path}", train="train", test="val") tests on it'


def test_a_test_part_without_labels_leaves_its_place_to_the_validation_part(tmp_path: Path) -> None:
    write(tmp_path, "train/cat", "train/dog", "val/cat", "val/dog", "test", "annotations/")
    assert trees(tmp_path) == ("train", "val")
    assert Folder(str(tmp_path), 8).layout().notes == (
        "train trains, val tests",
        "test is not used: it holds no class folders",
        "annotations is not used",
    )


@pytest.mark.parametrize(
    ("places", "message", "choice"),
    [
        (("val/a", "val/b", "test/a", "test/b"), "has test and val, but no folder to train on", 'train="val", test="test"'),
        (("Testing/a", "Testing/b"), "has Testing, but no folder to train on", 'train="Testing")'),
        (("Training", "Testing"), "Training holds no class folders", 'train="."'),
        (("bus", "car", "train"), "partly named like parts of a set (train), partly like classes (bus, car)", 'train="."'),
        (("valid", "invalid"), "partly named like parts", 'train="."'),
        (("train/a", "train/b"), "has a train folder, but neither test nor val", 'train="train")'),
        (("train/a", "train/b", "test"), "no class folders, so no labels to test by", 'train="train")'),
        (("Train/a", "Train/b", "training/a", "training/b", "test/a", "test/b"), "2 folders that may be the train part",
         'train="Train", test="test"'),
        (("seg_train/a", "seg_train/b", "seg_test/a", "seg_test/b"), "named like parts of a set",
         'train="seg_train", test="seg_test"'),
        (("seg_train/a", "seg_train/b", "seg_test/a", "seg_test/b", "seg_pred/x"), "no pictures, but folders",
         'train="seg_train", test="seg_pred"'),
        (("train1", "test1"), "named like parts of a set", 'train="train1", test="test1"'),
        (("myTrain2017/a", "myVal2017/a"), "named like parts of a set", 'train="myTrain2017", test="myVal2017"'),
        (("pets/cat", "pets/dog", "wild/fox", "wild/wolf"), "no pictures, but folders (cat, dog)", 'train="."'),
        (("train/pets/cat", "train/pets/dog", "train/fox", "test/fox", "test/pets"), "no pictures, but folders (cat, dog)",
         'train="train"'),
        (("cat/train", "cat/test", "dog/train", "dog/test"), "cat holds parts of a set, not pictures: test, train",
         "if it is a class"),
        (("train/images/cat", "train/images/dog", "test/images/cat"), "no pictures, but folders (cat, dog)", '/train/images"'),
        (("archive/cat", "archive/dog"), "holds the folder archive alone", '/archive"'),
        (("a/b/train/x", "a/b/train/y", "a/b/test/x", "a/b/test/y"), "holds the folder a alone", '/a/b"'),
        (("Training/a", "Training/b", "other/a", "other/b"), "neither test nor val", 'train="Training"'),
    ],
)  # fmt: skip
def test_doubtful_layouts_are_refused_with_the_choices(
    tmp_path: Path, places: tuple[str, ...], message: str, choice: str
) -> None:
    with pytest.raises(EnvError) as caught:
        Folder(str(write(tmp_path, *places)), 8).trees()
    assert message in caught.value.message
    assert choice in caught.value.help


def test_the_choices_settle_it(tmp_path: Path) -> None:
    write(tmp_path, "seg_train/a", "seg_train/b", "seg_test/a", "seg_test/b", "bus", "train")
    assert trees(tmp_path, train="seg_train", test="seg_test") == ("seg_train", "seg_test")
    assert trees(tmp_path, train="seg_train") == ("seg_train", None)
    assert trees(tmp_path, train=".") == (".", None)
    assert Folder(str(tmp_path), 8, train=".").class_names == ("bus", "seg_test", "seg_train", "train")
    for given, message in (
        ({"test": "seg_test"}, "`train` is missing"),
        ({"train": "nowhere"}, "there is no folder"),
        ({"train": "seg_train", "test": "seg_train"}, "hold the same pictures"),
        ({"train": ".", "test": "seg_test"}, "hold the same pictures"),
    ):
        with pytest.raises(EnvError, match=message) as caught:
            trees(tmp_path, **given)
        assert caught.value.help


def test_names_that_hold_the_word_of_a_part_and_are_classes(tmp_path: Path) -> None:
    write(tmp_path, "train_station", "contest", "valley", "test tube")
    assert Folder(str(tmp_path), 8).class_names == ("contest", "test tube", "train_station", "valley")
    assert [role(n) for n in ("contest", "valley", "trainer", "latest", "dataset", "set")] == [None] * 6
    assert like_a_part("01_train")
    assert not like_a_part("restrain")


def test_arguments_belong_to_the_experiment_and_their_absence_changes_no_hash(tmp_path: Path) -> None:
    write(tmp_path, "train/a", "train/b", "test/a", "test/b")
    net = "net conv(4) gap linear(classes)\ndata "
    plain, stated = (
        load_spec(f"{net}folder({given})").hash
        for given in (f'"{tmp_path}"', f'"{tmp_path}", train="train", test="test"')
    )
    assert plain != stated
    from archdsl.api import setting_lines

    assert setting_lines("data", load_spec(f'{net}folder("{tmp_path}")').graph.data) == [
        f"data folder(path='{tmp_path}', size=32)"
    ]


def test_parts_with_other_classes_name_the_difference(tmp_path: Path) -> None:
    write(tmp_path, "train/cat", "train/dog", "test/cat", "test/eel", "test/fox")
    with pytest.raises(EnvError, match="only train has dog; only test has eel, fox"):
        load(Folder(str(tmp_path), 8))
    shutil.rmtree(tmp_path / "test")
    write(tmp_path, "test/cat", "test/dog ")
    with pytest.raises(EnvError, match="only train has dog; only test has 'dog '"):
        load(Folder(str(tmp_path), 8))


@pytest.mark.parametrize("pair", [("cat", "cat "), ("caf\u00e9", "cafe\u0301"), ("x", " x")])
def test_classes_that_only_look_different_are_refused(tmp_path: Path, pair: tuple[str, str]) -> None:
    with pytest.raises(EnvError, match="differ only in spaces, in characters of zero width or in the form"):
        listed(write(tmp_path, *pair), None)


def test_classes_that_differ_in_case_are_said(tmp_path: Path) -> None:
    parts = load(Folder(str(write(tmp_path, "a", "A", "b")), 8))
    assert "warning: the classes A and a differ only in case" in parts.notes


def test_what_systems_leave_behind_is_left_out_and_said(tmp_path: Path) -> None:
    write(tmp_path, "cat", "dog", "cat/@eaDir", "dog/@eaDir", "__MACOSX/cat", "@eaDir", ".git")
    for name in ("cat/Thumbs.db", "cat/.DS_Store", "dog/.DS_Store", ".DS_Store", "dog/desktop.ini", "cat/._0.png",
                 "dog/.secret.png", "README.md", "labels.csv"):  # fmt: skip
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "stray.png").write_bytes(PNG)
    parts = load(Folder(str(tmp_path), 8))
    assert (len(parts.train), len(parts.test)) == (2, 2)
    beside, left = parts.notes[2:4]
    assert beside == (
        f"not used: 3 files beside the class folders of {tmp_path}, 1 of them pictures without a class "
        "(README.md, labels.csv, stray.png)"
    )
    assert left == (
        "left out: .DS_Store (3), ._* of macOS (1), @eaDir (3), Thumbs.db (1), __MACOSX (1), desktop.ini (1), "
        "other hidden ones (2)"
    )


def test_pictures_below_their_class_are_said(tmp_path: Path) -> None:
    parts = load(Folder(str(write(tmp_path, "cat", "cat/more/still", "dog")), 8))
    assert "2 pictures are in folders below that of their class, and count for it" in parts.notes
    assert sum(map(len, (parts.train, parts.test))) == 6


def test_many_classes_are_abbreviated(tmp_path: Path) -> None:
    write(tmp_path, *(f"c{n:02}" for n in range(12)))
    (tmp_path / "c11" / "2.png").write_bytes(PNG)
    said = load(Folder(str(tmp_path), 8)).notes[0]
    assert said.startswith("12 classes (training + test pictures): c00 1 + 1, c01 1 + 1")
    assert said.endswith("c09 1 + 1 and 2 more; the smallest is c00 with 1 training picture, the largest c11 with 2")


def test_a_test_part_that_is_the_training_part(tmp_path: Path) -> None:
    write(tmp_path, "train/a", "train/b")
    (tmp_path / "test").symlink_to("train")
    with pytest.raises(EnvError, match="is the same folder as train"):
        Folder(str(tmp_path), 8).trees()


def test_a_pipe_among_the_pictures_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, "cat", "dog")
    os.mkfifo(tmp_path / "cat" / "pipe.png")
    with pytest.raises(EnvError, match=r"pipe.png is neither a file nor a folder"):
        listed(tmp_path, None)


def test_the_facts_of_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from archdsl.cli.main import main

    write(tmp_path, "Training/a", "Training/b", "Testing/a", "Testing/b")
    assert main(["data", f"folder:{tmp_path}", "--format", "json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["counts"] == {"a": [2, 2], "b": [2, 2]}
    assert facts["found"][0] == "Training trains, Testing tests"
    assert "no picture is read here" in facts["found"][1]
    assert len(facts["found"]) == 2
    for form in ("text", "md"):
        assert main(["data", f"folder:{tmp_path}", "--format", form]) == 0
        out = " ".join(capsys.readouterr().out.split())
        assert "Training trains, Testing tests" in out
        assert "a 2 + 2, b 2 + 2" in out


def test_endings_are_those_of_the_formats_that_are_read() -> None:
    from PIL import Image

    assert "EPS" not in FORMATS
    assert "PDF" not in FORMATS
    Image.init()
    read = {*formats(), "MPO"}
    theirs = {ending for ending, name in Image.registered_extensions().items() if name in read}
    assert theirs - {".dib"} == PICTURES - {".avif", ".avifs"} | (theirs & {".avif", ".avifs"})


def test_a_picture_of_a_format_that_is_not_read_is_no_picture(tmp_path: Path) -> None:
    write(tmp_path, "cat", "dog")
    (tmp_path / "cat" / "a.eps").write_bytes(b"%!PS")
    with pytest.raises(ArchError, match=r"a.eps is not a picture") as caught:
        listed(tmp_path, None)
    assert "convert" in caught.value.help


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_class_whose_name_is_not_utf_8_is_refused_before_a_run_that_could_not_be_read(tmp_path: Path) -> None:
    write(tmp_path, "cat", "dog", os.fsdecode(b"f\xfcchse"))
    with pytest.raises(EnvError, match=r"f\\udcfcchse' of .* has a name that is not UTF-8"):
        _ = Folder(str(tmp_path), 8).class_names
