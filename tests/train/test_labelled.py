"""Pictures with several targets each: what is read, a run on them from training to export, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from archdsl.api import load
from archdsl.cli.main import main
from archdsl.data import load as load_data
from archdsl.data.fingerprint import fingerprint
from archdsl.errors import EnvError
from archdsl.words.data.pictures import Pictures


def labelled(folder: Path, count: int = 60) -> Path:
    """Pictures whose bright half is left or right, with their brightness."""
    rng = np.random.default_rng(0)
    folder.mkdir(exist_ok=True)
    rows = ["file,kind,bright,by"]
    for number in range(count):
        bright, left = rng.uniform(60, 200), number % 2
        pixels = rng.integers(0, 30, (20, 24, 3), np.uint8)
        pixels[:, 12 * (1 - left) : 12 * (2 - left)] += np.uint8(bright)
        Image.fromarray(pixels).save(folder / f"p{number}.png")
        rows.append(f"p{number}.png,{'left' if left else 'right'},{bright:.2f},me")
    path = folder / "labels.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def test_what_is_read(tmp_path: Path) -> None:
    path = labelled(tmp_path / "p")
    found = Pictures(str(path), "kind", "bright", size=16)
    assert (found.input, found.class_names) == ((3, 16, 16), ("kind=left", "kind=right", "bright"))
    parts = load_data(found)
    images, targets = parts.train.images, parts.train.labels  # type: ignore[union-attr]
    assert (images.shape, targets.shape, len(parts.test)) == ((48, 3, 16, 16), (48, 2), 12)
    halves = images.astype(float).mean(1).reshape(48, 16, 2, 8).mean((1, 3))  # (N, left and right)
    assert ((halves[:, 0] > halves[:, 1]) == (targets[:, 0] == 0)).all()
    assert np.corrcoef(halves.max(1), targets[:, 1])[0, 1] > 0.95
    assert any("not used: the columns by" in note for note in parts.notes)
    before = fingerprint(found)
    moved = tmp_path / "moved"
    (tmp_path / "p").rename(moved)
    assert fingerprint(Pictures(str(moved / "labels.csv"), "kind", "bright", size=16)) == before
    (moved / "p3.png").write_bytes((moved / "p1.png").read_bytes())
    assert fingerprint(Pictures(str(moved / "labels.csv"), "kind", "bright", size=16)) != before


def test_a_table_for_the_test(tmp_path: Path) -> None:
    path = labelled(tmp_path / "p")
    head, *rows = path.read_text().splitlines()
    path.write_text("\n".join([head, *rows[:40]]) + "\n")
    path.with_suffix(".test.csv").write_text("\n".join([head, *rows[40:]]) + "\n")
    parts = load_data(Pictures(str(path), "kind", "bright", size=8))
    assert (len(parts.train), len(parts.test)) == (40, 20)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("p1.png,", ","), "nothing, where the name of a picture is needed"),
        (("p1.png", "../p1.png"), "leads out of the folder"),
        (("p1.png", "/p1.png"), "leads out of the folder"),
        (("p1.png", "p1.txt"), "is not a picture"),
        (("p1.png", "p2.png"), "as row 2 has"),
        (("p1.png", "./p2.png"), "`p2.png`, the same file as `./p2.png` of row 2"),
        (("p1.png", "q1.png"), "there is no such file"),
        (("p1.png,left", "p1.png,"), "`kind`"),
        (("file,", "image,"), "no column `file`"),
    ],
)
def test_tables_that_are_refused(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    path = labelled(tmp_path / "p", 10)
    path.write_text(path.read_text().replace(*change, 1))
    with pytest.raises(EnvError, match=message):
        load_data(Pictures(str(path), "kind", "bright", size=8))


def test_links_to_one_picture_are_refused(tmp_path: Path) -> None:
    path = labelled(tmp_path / "p", 10)
    (tmp_path / "p" / "p4.png").unlink()
    (tmp_path / "p" / "p4.png").symlink_to("p2.png")
    with pytest.raises(EnvError, match=r"row 5, column `file`: `p4.png`, the same file as `p2.png` of row 3"):
        load_data(Pictures(str(path), "kind", "bright", size=8))
    (tmp_path / "elsewhere.png").write_bytes((tmp_path / "p" / "p3.png").read_bytes())
    (tmp_path / "p" / "p4.png").unlink()
    (tmp_path / "p" / "p4.png").symlink_to(tmp_path / "elsewhere.png")
    load_data(Pictures(str(path), "kind", "bright", size=8))


@pytest.mark.parametrize(
    ("target", "numbers", "message"),
    [
        ("kind", "", "one target, `kind`"),
        ("kind", "brite", "no column `brite`"),
        ("kind, kind", "", "named twice"),
        ("file, kind", "", "names the pictures"),
        ("kind", "kind", "named twice"),
    ],
)
def test_targets_that_are_refused(tmp_path: Path, target: str, numbers: str, message: str) -> None:
    path = labelled(tmp_path / "p", 10)
    with pytest.raises(EnvError, match=message):
        _ = Pictures(str(path), target, numbers).task


def test_a_run_on_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    labelled(tmp_path / "p")
    Path("p.arch").write_text(
        "net conv(8, s=2) relu conv(16, s=2) relu flatten heads(kind: linear(classes) | bright: linear(1))\n"
        'data pictures("p/labels.csv", target="kind", numbers="bright", size=12) valid(10%) crop(1)\n'
        "train adam(0.005) epochs(12) batch(12)\n"
    )
    assert main(["train", "p.arch", "--precision", "fp32"]) == 0
    (run,) = map(str, Path("runs").glob("p-*"))
    result = json.loads(Path(run, "result.json").read_text())
    assert result["test_kind_accuracy"] > 0.8
    capsys.readouterr()
    assert main(["eval", run, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["loss"] == pytest.approx(result["test_loss"], rel=1e-4)
    assert main(["predict", run, "p/p1.png", "p/p2.png", "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [r["heads"]["kind"]["class"] for r in rows] == ["left", "right"]
    assert rows[0]["heads"]["bright"]["value"] > 0
    assert main(["eval", run, "--shift", "noise(0.1)"]) == 2
    assert main(["eval", run, "--data", 'pictures("p/labels.csv", target="kind, by", size=12)']) != 0
    assert "at least two classes" in capsys.readouterr().err


def test_colours_of_classes_stay_with_their_head(tmp_path: Path) -> None:
    path = labelled(tmp_path / "p", 10)
    text = f'net gap heads(bright: linear(1) | kind: linear(classes))\ndata pictures("{path}", target="kind", numbers="bright")'
    with pytest.raises(Exception, match="the network has the heads `bright`, `kind`") as caught:
        load(text)
    assert "end it with `heads(kind: linear(classes) | bright: linear(classes))`" in str(
        caught.value.diagnostics[0].help
    )  # type: ignore[attr-defined]


def test_equal_pictures_are_said(tmp_path: Path) -> None:
    path = labelled(tmp_path / "p")
    found = Pictures(str(path), "kind", "bright", size=16)
    assert not any("repeated" in note or "equal pictures" in note for note in load_data(found).notes)
    head, *rows = path.read_text().splitlines()
    for name, row in (("again", rows[0]), ("other", rows[1].replace("left", "right"))):
        file, _, targets = row.partition(",")
        (path.parent / f"{name}.png").write_bytes((path.parent / file).read_bytes())
        rows.append(f"{name}.png,{targets}")
    path.write_text("\n".join([head, *rows]) + "\n")
    path.with_suffix(".test.csv").write_text("\n".join([head, *rows[:3]]) + "\n")
    notes = load_data(found).notes
    assert "warning: 3 of 3 test pictures are among the training pictures too" in notes
    assert "warning: equal pictures have different targets: 1 of 60 different ones" in notes
    assert "2 training pictures are repeated (equal pixels in this size)" in notes
