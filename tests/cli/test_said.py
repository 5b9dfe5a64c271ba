"""Messages about data and runs that name the right thing, in the right number."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from PIL import Image

from archdsl.data import load
from archdsl.data.decode import said
from archdsl.data.split import split
from archdsl.errors import ArchError, EnvError, StoreError
from archdsl.runs.store.schema import check_result
from archdsl.words.data.folders import Folder
from archdsl.words.data.parts import Subset
from archdsl.words.data.tables import Table

from .conftest import Run


def pictures(root: Path, *names: str) -> None:
    for number, name in enumerate(names):
        (root / name).mkdir(parents=True)
        for n in range(5):
            Image.new("RGB", (4, 4), (40 * n, 90 * number, 7)).save(root / name / f"{n}.png")


def test_an_empty_picture_is_called_so(tmp_path: Path, run: Run) -> None:
    pictures(tmp_path / "p", "a", "b")
    (tmp_path / "p" / "a" / "0.png").write_bytes(b"")
    with pytest.raises(EnvError, match=r"^1 picture of .*/p does not decode: .*a/0.png \(it is empty \(0 bytes\)\)"):
        load(Folder(str(tmp_path / "p"), 4))
    facts = json.loads(run("data", "folder:p", "--format", "json").out)
    assert facts["found"][-1] == "warning: a run refuses this set: 1 picture is empty (0 bytes): p/a/0.png"


def test_one_picture_is_no_plural() -> None:
    assert said({"turned": 1}, 1) == ("1 of 1 picture is turned upright by its EXIF orientation",)


def test_linked_class_folders_are_said(tmp_path: Path) -> None:
    pictures(tmp_path / "p", "a", "b")
    pictures(tmp_path / "elsewhere", "c")
    (tmp_path / "p" / "c").symlink_to(tmp_path / "elsewhere" / "c")
    notes = load(Folder(str(tmp_path / "p"), 4)).notes
    assert f"1 link to a folder is followed: {tmp_path}/p/c → {tmp_path}/elsewhere/c" in notes


def test_a_missing_shard_is_said(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mnist").mkdir()
    for name in ("train-00000-of-00002", "test-00000-of-00001"):
        (tmp_path / "mnist" / f"{name}.parquet").write_bytes(b"PAR1")
    facts = json.loads(run("data", "mnist", "--data-root", str(tmp_path), "--format", "json").out)
    assert "a run refuses this set" in facts["found"][0]
    assert "train-00001-of-00002.parquet" in facts["found"][0]


def test_a_packed_table_is_called_so(tmp_path: Path) -> None:
    (tmp_path / "z.csv.gz").write_bytes(gzip.compress(b"a,label\n1,x\n2,y\n"))
    with pytest.raises(EnvError, match=r"z.csv.gz is compressed by gzip") as caught:
        _ = Table(str(tmp_path / "z.csv.gz"), "csv").head
    assert caught.value.help.startswith("unpack it")


def test_a_table_of_texts_may_have_no_header(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("".join(f"{c},{s},{y}\n" for c in "rgb" for s in "sml" for y in "01"))
    with pytest.raises(EnvError) as caught:
        load(Table(str(tmp_path / "t.csv"), "csv"))
    assert "header=no" in caught.value.help


def test_rows_are_not_images(tmp_path: Path, run: Run) -> None:
    (tmp_path / "t.csv").write_text("a,label\n" + "".join(f"{n}.5,{'xy'[n % 2]}\n" for n in range(40)))
    parts = load(Table(str(tmp_path / "t.csv"), "csv"))
    with pytest.raises(ArchError, match="more than the 32 training rows of"):
        split(parts, None, Subset(90), 0)
    done = run("train", 'net linear(classes)\ndata csv("t.csv")\ntrain sgd(0.1) epochs(1) batch(8)', "--device", "cpu")
    assert "32 rows to train on, 8 to test" in done.err
    assert "rows/s" in done.err
    assert "images" not in done.err


def test_a_damaged_run_names_its_file(tmp_path: Path) -> None:
    from archdsl.runs.run import load_run

    with pytest.raises(ValueError, match=r"^`status` is a number, not a text$"):
        check_result({"status": 3})
    folder = tmp_path / "r"
    folder.mkdir()
    (folder / "spec.arch").write_text("net linear(2)\n")
    for content, what in (("", "is empty"), ("{", "is not JSON")):
        (folder / "settings.json").write_text(content)
        with pytest.raises(StoreError, match=rf"settings.json {what}"):
            load_run(folder)


def test_without_a_command_the_help_page_is_shown_in_lines(run: Run) -> None:
    done = run()
    assert (done.code, done.out) == (2, "")
    assert "Usage: archdsl [OPTIONS] COMMAND [ARGS]...\n\n  A language for neural nets" in done.err
    assert done.err.endswith("error: archdsl needs a command\nhelp: `archdsl --help` lists all\n")
