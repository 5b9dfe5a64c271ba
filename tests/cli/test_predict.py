"""`archdsl predict`: pictures in, classes out; nothing is skipped in silence."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from archdsl.cli.main import main
from archdsl.data.pictures import square
from archdsl.errors import ArchError
from archdsl.evaluate.images import fitted
from archdsl.words.data.names import FASHION
from tests.cli.conftest import Run


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A run on grey images, trained once."""
    place = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(place / "cache"))
        patch.setenv("GOMP_SPINCOUNT", "1000")
        spec = place / "net.arch"
        spec.write_text(
            "net conv(8, s=2) bn relu conv(12, s=2) relu drop(0.3) gap linear(10)\n"
            "data fashion-mini subset(600)\ntrain adam(0.01) epochs(1) batch(64)\n"
        )
        assert main(["train", str(spec), "--out", str(place / "runs"), "--precision", "fp32", "--quiet"]) == 0
        yield next((place / "runs").iterdir())


@pytest.fixture
def pixels() -> np.ndarray:
    """The first images of the test part."""
    from archdsl.data import load
    from archdsl.words.data.sets import fashion_mini

    return load(fashion_mini()).test.images[:40].copy()


def picture(path: str, size: tuple[int, int] = (28, 28), mode: str = "L", seed: int = 0) -> None:
    channels = {"L": (), "RGB": (3,), "RGBA": (4,)}[mode]
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], *channels), np.uint8)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def test_files_get_what_the_test_part_gets(run: Run, trained: Path, pixels: np.ndarray) -> None:
    """Pictures written to disk are told apart exactly as the same images in the data set."""
    names = [f"{n:02}.png" for n in range(len(pixels))]
    for name, image in zip(names, pixels, strict=True):
        Image.fromarray(image[0]).save(name)
    done = run("predict", str(trained), *names, "--format", "json", "--batch", "7", "--top", "3")
    assert (done.code, done.err) == (0, "")
    rows = json.loads(done.out)
    assert [r["file"] for r in rows] == names

    import torch

    from archdsl.cli.support.open_run import opened

    net = opened(trained).net
    with torch.no_grad():
        probs = net.model(net.normalise(torch.from_numpy(pixels))).double().softmax(1)
    assert [r["label"] for r in rows] == probs.argmax(1).tolist()
    assert [r["probability"] for r in rows] == pytest.approx(probs.amax(1).tolist(), rel=1e-4)
    assert [r["entropy"] for r in rows] == pytest.approx((-probs * probs.log()).sum(1).tolist(), rel=1e-4)
    assert all(r["class"] == FASHION[r["label"]] == r["top"][0]["class"] for r in rows)
    assert all(
        [t["probability"] for t in r["top"]] == sorted((t["probability"] for t in r["top"]), reverse=True) for r in rows
    )
    assert all("mutual_information" not in r for r in rows)


def test_monte_carlo(run: Run, trained: Path) -> None:
    picture("a.png")
    call = ("predict", str(trained), "a.png", "--mc", "20", "--format", "jsonl")
    done = run(*call)
    row = json.loads(done.out)
    assert 0 < row["mutual_information"] < row["entropy"] <= math.log(10)
    assert run(*call).out == done.out
    assert run(*call, "--seed", "1").out != done.out


def test_tables_and_separated_values(run: Run, trained: Path) -> None:
    for n in range(3):
        picture(f"p{n}.png", seed=n)
    files = ("p2.png", "p0.png", "p1.png")
    for format, mark in (("csv", ","), ("tsv", "\t")):
        done = run("predict", str(trained), *files, "--top", "2", "--format", format)
        rows = list(csv.DictReader(io.StringIO(done.out), delimiter=mark))
        assert [r["file"] for r in rows] == list(files)
        assert list(rows[0]) == ["file", "class", "probability", "class_2", "probability_2", "entropy"]
        assert float(rows[0]["probability"]) >= float(rows[0]["probability_2"])
    shown = run("predict", str(trained), *files, "--mc", "3").out
    assert "mutual information" in shown
    assert "p2.png" in shown
    assert run("predict", str(trained), *files, "--format", "jsonl").out.count("\n") == 3


def test_folders_are_expanded_in_order(run: Run, trained: Path) -> None:
    for name in ("d/b.png", "d/sub/a.jpg", "d/.hidden/x.png", "c.png"):
        picture(name)
    done = run("predict", str(trained), "c.png", "d", "--format", "json")
    assert [r["file"] for r in json.loads(done.out)] == ["c.png", "d/b.png", "d/sub/a.jpg"]


def test_what_is_done_to_pictures_and_what_is_left_out_is_said(run: Run, trained: Path) -> None:
    picture("d/a.png", mode="RGBA")
    picture("d/b.png", mode="RGBA", seed=1)
    picture("d/.c.png")
    Path("d/Thumbs.db").write_text("")
    done = run("predict", str(trained), "d", "--format", "json", "--batch", "1")
    assert [r["file"] for r in json.loads(done.out)] == ["d/a.png", "d/b.png"]
    assert done.err.splitlines() == [
        "left out: Thumbs.db (1), other hidden ones (1)",
        "2 of 2 pictures have transparency: composited on white",
    ]
    Path("d/gone.png").symlink_to("nowhere")
    done = run("predict", str(trained), "d")
    assert (done.code, done.out) == (4, "")
    assert "the link d/gone.png points to nothing that can be read" in done.err


def test_colours_sizes_and_shapes_become_the_nets(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    picture(str(path), (50, 31), "RGBA")
    assert np.array_equal(fitted(path, (3, 28, 28))[0], square(path, 28))
    grey = fitted(path, (1, 28, 28))[0]
    assert (grey.shape, grey.dtype) == ((1, 28, 28), np.uint8)
    weights = np.array([0.299, 0.587, 0.114])  # ITU-R 601
    assert np.abs(np.tensordot(weights, square(path, 28).astype(float), 1) - grey[0]).max() <= 1
    picture(str(path), (28, 28))
    with Image.open(path) as same:
        assert np.array_equal(fitted(path, (1, 28, 28))[0][0], np.asarray(same)), "grey of that size stays as it is"


def test_pictures_that_do_not_decode_are_named(run: Run, trained: Path) -> None:
    picture("good.png")
    Path("torn.png").write_bytes(Path("good.png").read_bytes()[:300])
    Path("text.jpg").write_text("no picture")
    done = run("predict", str(trained), "good.png", "torn.png", "text.jpg", "--batch", "1")
    assert (done.code, done.out) == (4, "")
    assert "2 of 3 pictures do not decode" in done.err
    assert "torn.png" in done.err
    assert "text.jpg" in done.err


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (("nowhere.png",), 4, "there is no picture nowhere.png"),
        (("-",), 2, "not read from standard input\nhelp: name files; a file called `-` by its whole path"),
        (("empty",), 4, "empty is empty"),
        (("mixed",), 4, "notes.txt is not a picture"),
        (("good.png", "--top", "11"), 2, "more than the 10 classes"),
        (("good.png", "--mc", "1"), 2, "1"),
        ((), 2, "nothing is given to predict"),
    ],
)
def test_calls_that_are_wrong(run: Run, trained: Path, args: tuple[str, ...], code: int, message: str) -> None:
    picture("good.png")
    picture("mixed/a.png")
    Path("mixed/notes.txt").write_text("")
    Path("empty").mkdir()
    done = run("predict", str(trained), *args)
    assert (done.code, done.out) == (code, "")
    assert message in done.err


def test_no_run(run: Run) -> None:
    picture("good.png")
    done = run("predict", ".", "good.png")
    assert done.code == 4
    assert "is not a run folder" in done.err


def test_pictures_of_ones_own(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A net trained on folders: its classes are the folders' names, its mean is measured anew."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(Path("cache").resolve()))
    monkeypatch.setenv("GOMP_SPINCOUNT", "1000")
    for n in range(6):
        for name, value in (("dark", 30), ("light", 220)):
            Path("photos", name).mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (12, 15), (value, value + n, value - n)).save(f"photos/{name}/{n}.png")
    text = 'net conv(4) relu gap linear(2)\ndata folder("photos", size=12)\ntrain adam(0.1) epochs(8) batch(5)\n'
    assert run("train", text, "--precision", "fp32", "--quiet").code == 0
    [folder] = Path("runs").iterdir()
    result = json.loads((folder / "result.json").read_text())
    judged = run("eval", str(folder), "--format", "json")
    assert json.loads(judged.out)["results"][0]["accuracy"] == result["test_accuracy"]
    assert json.loads(judged.out)["results"][0]["nll"] == pytest.approx(result["test_loss"], rel=1e-5)
    rows = json.loads(run("predict", str(folder), "photos/light/0.png", "--format", "json", "--top", "2").out)
    assert {t["class"] for t in rows[0]["top"]} == {"dark", "light"}
    Path("other/night").mkdir(parents=True)
    Path("other/noon").mkdir()
    for n in range(5):
        Image.new("RGB", (40, 40), (30, 30 + n, 30)).save(f"other/night/{n}.png")
        Image.new("RGB", (40, 40), (220, 220, 220 + n)).save(f"other/noon/{n}.png")
    assert run("eval", str(folder), "--data", "folder:other").code == 2
    judged = run("eval", str(folder), "--data", "folder:other", "--match", "position", "--format", "json")
    assert "night as dark, noon as light" in judged.err
    assert json.loads(judged.out)["images"] == 2, "scaled to 12 by 12, a fifth of each class"
    Path("photos").rename("gone")
    done = run("predict", str(folder), "gone/light/0.png", "--format", "json", "--top", "2")
    assert json.loads(done.out) == [{**rows[0], "file": "gone/light/0.png"}], "a run asks for its data no more"
    done = run("eval", str(folder))
    assert done.code == 4
    assert "there is no folder photos" in done.err


def test_a_task_says_what_its_predictions_are() -> None:
    """A task that is added needs no edit of the command."""
    from types import SimpleNamespace
    from typing import Any, ClassVar

    from archdsl.cli.support.predictions import KINDS, Asked, kind_of
    from archdsl.words.tasks import TASKS, Regression, Task

    assert {task.predicts for task in TASKS.values() if task.trained} == set(KINDS)

    class Counting(Regression):
        name: ClassVar[str] = "counting"

    class Silent(Task):
        name: ClassVar[str] = "silent"

    def chosen(task: Task) -> Any:
        return SimpleNamespace(net=SimpleNamespace(task=task))

    assert kind_of(chosen(Counting()), Asked([], 1, 0)) is KINDS["numbers"]
    with pytest.raises(ArchError, match="--length is not supported for the task counting"):
        kind_of(chosen(Counting()), Asked([], 1, 0, length=3))
    with pytest.raises(ArchError, match="predictions of the task silent are not supported"):
        kind_of(chosen(Silent()), Asked([], 1, 0))
