"""`archdsl data`: facts of a set in three forms, the list of all, and the grid of augmented images."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from archdsl.data import Arrays, grid, load
from archdsl.registry import defaults, entries
from archdsl.words.data.augmentations import Flip
from archdsl.words.data.sets import fashion_mini
from tests.cli.conftest import Run


@pytest.fixture(autouse=True)
def lonely(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No data and no cache but what the test makes."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg-data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg-cache"))
    monkeypatch.delenv("ARCHDSL_DATA", raising=False)


def pictures(root: Path, each: int = 5) -> Path:
    for name in ("cat", "dog"):
        (root / name).mkdir(parents=True)
        for i in range(each):
            Image.fromarray(np.full((9, 12, 3), i * 20, np.uint8)).save(root / name / f"{i}.png")
    return root


def test_facts_as_text(run: Run) -> None:
    out = run("data", "fashion-mini").out
    lines = dict(line.split(maxsplit=1) for line in out.splitlines() if not line.startswith(" "))
    assert lines["input"] == "1x28x28"
    assert (lines["train"], lines["test"], lines["licence"]) == ("8,000", "2,000", "MIT")
    assert lines["mean"] == "0.286"
    assert lines["place"].endswith("fashion-mini")
    assert lines["classes"].startswith("10: T-shirt/top, Trouser")


def test_every_published_set_has_a_page_and_a_row(run: Run) -> None:
    listed = {row["name"]: row for row in json.loads(run("data", "--format", "json").out)}
    words = [e for e in entries("data") if e.slot == "dataset" and defaults(e) is not None]
    assert len(words) >= 10
    for word in words:
        facts = json.loads(run("data", word.name, "--format", "json").out)
        assert len(facts["class_names"]) == facts["classes"] == listed[word.name]["classes"]
        assert facts["home"].startswith("http")
        assert facts["licence"]
        assert len(facts["mean"]) in (0, facts["input"][0])
        assert (facts["place"] is None) == (facts["get"] is not None)
    assert "svhn" in run("data").out
    assert run("data", "--format", "md").out.startswith("| name |")


def test_a_set_that_is_not_here_says_where_it_would_go(run: Run, tmp_path: Path) -> None:
    out = run("data", "emnist(letters)").out
    assert f"not here; a run downloads it into {tmp_path}" in " ".join(out.split())
    (tmp_path / "mine").mkdir()
    facts = json.loads(run("data", "stl10", "--data-root", str(tmp_path / "mine"), "--format", "json").out)
    assert facts["get"] == f"a run downloads it into {tmp_path / 'mine' / 'stl10_binary'}"
    for name in ("train_X.bin", "train_y.bin", "test_X.bin", "test_y.bin"):
        (tmp_path / "mine" / name).touch()
    facts = json.loads(run("data", "stl10", "--data-root", str(tmp_path / "mine"), "--format", "json").out)
    assert facts["place"] == str(tmp_path / "mine")


def test_data_of_ones_own(run: Run, tmp_path: Path) -> None:
    pictures(tmp_path / "p")
    facts = json.loads(run("data", "folder:p", "--format", "json").out)
    assert (facts["train"], facts["test"], facts["class_names"]) == (8, 2, ["cat", "dog"])
    assert facts["mean"] == []
    assert json.loads(run("data", "imagenet:p", "--format", "json").out)["mean"] == [0.485, 0.456, 0.406]
    (tmp_path / "t.csv").write_text("x,z,y\n" + "".join(f"{i},{i * i},{'pq'[i % 2]}\n" for i in range(20)))
    out = run("data", "csv:t.csv").out
    assert "columns    x, z" in out
    assert "input      2 (a vector)" in out
    assert "target `y`" in out
    assert json.loads(run("data", 'csv("t.csv", target="y")', "--format", "json").out)["train"] == 16


def test_the_facts_of_a_set_with_a_long_path_are_as_wide_as_those_of_any_other(run: Run, tmp_path: Path) -> None:
    deep = Path("a" * 60, "b" * 60)
    (tmp_path / deep).mkdir(parents=True)
    for name in ("p", deep / "p"):
        pictures(tmp_path / name)
    done = run("data", f"folder:{deep / 'p'}")
    assert done.code == 0, done.err
    head, title, *_ = done.out.splitlines()
    assert (head, title.split()[0]) == (f"folder:{deep / 'p'}", "title")
    assert "measured on the images that a run trains on\n" in done.out, "no fact is squeezed"


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (("no-such-set",), 2, "unknown data word"),
        (("cifar10 flip",), 2, "is not one data set"),
        (("flip",), 2, "is not one data set"),
        (("fashion-mini", "--augment", "flip"), 2, "add `--save FILE.png`"),
        (("--save", "x.png"), 2, "needs a data set"),
        (("fashion-mini", "--save", "x.png", "--augment", "valid"), 2, "`valid` is not an augmentation"),
        (("fashion-mini", "--save", "x.png", "--augment", "flap"), 2, "unknown data word `flap`"),
        (("fashion-mini", "--save", "x.png", "--augment", ""), 2, "one line"),
        (("fashion-mini", "--save", "x.jpg"), 2, "written as PNG"),
        (("fashion-mini", "--save", "nowhere/x.png"), 4, "there is no folder nowhere"),
        (("fashion-mini", "--save", "x.png", "--augment", "blur(61)"), 2, "`blur` mirrors more pixels (30)"),
        (("fashion-mini", "--save", "x.png", "--augment", "flip hue saturation"), 2, "`hue` changes colours"),
        (("sonnets", "--save", "x.png"), 2, "sonnets is a text, which has no images"),
        (("folder:nowhere",), 4, "there is no folder nowhere"),
        (("csv:nowhere.csv",), 4, "there is no file nowhere.csv"),
        (("fashion-mini", "--count", "0"), 2, "--count"),
    ],
)
def test_what_cannot_be_said_or_drawn(run: Run, args: tuple[str, ...], code: int, message: str) -> None:
    done = run("data", *args)
    assert (done.code, done.out) == (code, "")
    assert message in done.err
    assert "help:" in done.err
    assert not list(Path().glob("*.png"))


def test_a_table_has_no_images(run: Run, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x,y\n1,p\n2,q\n3,p\n4,q\n")
    assert "is a table, which has no images" in run("data", "csv:t.csv", "--save", "x.png").err


def test_the_grid_without_words_shows_training_images(run: Run) -> None:
    done = run("data", "fashion-mini", "--save", "x.png", "--count", "3", "--seed", "4")
    assert done.out == "x.png: 3 training images of fashion-mini\n"
    with Image.open("x.png") as picture:
        shown = np.asarray(picture)
    assert shown.shape == (2 + 84 + 2, 2 + 3 * 86, 3)
    train = load(fashion_mini()).train
    assert isinstance(train, Arrays)
    first = shown[2:86:3, 2:86:3, 0]
    assert (train.images[:, 0] == first).all((1, 2)).any(), (
        "the picture holds an image of the set, enlarged three times"
    )
    run("data", "fashion-mini", "--save", "y.png", "--count", "3", "--seed", "4")
    assert Path("x.png").read_bytes() == Path("y.png").read_bytes()


def test_the_rows_below_are_the_steps_of_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the grid hands to the augmentations, and where it puts what they give."""

    def dimmed(images, words, chances, step, total=None, start=0):  # type: ignore[no-untyped-def]
        assert words == (Flip(1.0),)
        return images // (step + 2)

    monkeypatch.setattr("archdsl.data.augment.augment", dimmed)
    images = np.full((5, 3, 64, 64), 240, np.uint8)
    shown = grid.grid(Arrays(images, np.zeros(5, np.int64)), (Flip(1.0),), 2, 0)
    assert shown.shape == (2 + 5 * 66, 2 + 2 * 66, 3)
    assert [int(shown[2 + row * 66, 2, 0]) for row in range(5)] == [240, 120, 80, 60, 48]
    assert (shown[:2] == 255).all()


def test_the_grid_of_real_augmentations(run: Run) -> None:
    done = run("data", "fashion-mini", "--augment", "flip(100%)", "--save", "x.png", "--count", "2")
    assert done.out == "x.png: 2 training images of fashion-mini, 4 versions of each below\n"
    with Image.open("x.png") as picture:
        shown = np.asarray(picture)
    assert np.array_equal(shown[88:172, 2:86], shown[2:86, 2:86][:, ::-1]), "the second row is the first one mirrored"


def test_pictures_of_a_streamed_set(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHDSL_RESIDENT_BYTES", "0")
    pictures(tmp_path / "p")
    assert run("data", "folder:p", "--save", "x.png").code == 0
    with Image.open("x.png") as picture:
        assert picture.size == (2 + 8 * 66, 68)


def test_facts_need_no_torch(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom archdsl.cli.main import main\n"
        "assert main(['data', 'cifar10']) == 0 and main(['data']) == 0\nsys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True).returncode == 0
