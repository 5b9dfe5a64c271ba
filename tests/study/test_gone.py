"""A study whose data is gone: its runs say what it held, and its table is shown."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Run, run

__all__ = ["run"]

STUDY = """base: |
  data {data}
  train sgd(lr=0.1) epochs(1) batch(8)
  net flatten linear({{4|8}}) relu linear(classes)
seeds: 2
"""


@pytest.fixture(params=[pytest.param("csv", marks=pytest.mark.slow), "folder"])
def study(request: pytest.FixtureRequest, tmp_path: Path, run: Run) -> Path:
    """A finished study; gives the place of its data."""
    if request.param == "csv":
        data, word = tmp_path / "t.csv", 'csv("t.csv")'
        data.write_text("a,b,label\n" + "".join(f"{n}.5,{n % 7},{['no', 'yes'][n % 2]}\n" for n in range(40)))
    else:
        from PIL import Image

        data, word = tmp_path / "p", 'folder("p", size=4)'
        for n in range(20):
            (data / "ab"[n % 2]).mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (4, 4), (n, 2 * n, 200 - n)).save(data / "ab"[n % 2] / f"{n}.png")
    (tmp_path / "y.yaml").write_text(STUDY.format(data=word))
    assert run("ablate", "y.yaml", "-q", "--device", "cpu").code == 0
    return data


def test_a_finished_study_is_shown_without_its_data(study: Path, tmp_path: Path, run: Run) -> None:
    before = run("report", "y.yaml", "--format", "json")
    page = next((tmp_path / "runs" / "studies").glob("*/report.html"))
    good = page.read_text()
    changed = study if study.is_file() else study / "a" / "0.png"
    content = changed.read_bytes()
    changed.write_bytes(
        content.replace(b"0.5,0", b"0.5,1") if study.is_file() else (study / "b" / "1.png").read_bytes()
    )
    done = run("report", "y.yaml")  # of other data: no run counts
    assert "0 of 4 runs" in done.out
    assert f"{page.relative_to(tmp_path)} stays as it is" in done.err
    assert page.read_text() == good
    changed.write_bytes(content)
    shutil.move(study, tmp_path / "away")
    folder = next((tmp_path / "runs" / "studies").iterdir())
    for command in (("report", "y.yaml"), ("report", str(folder)), ("ablate", "y.yaml", "--device", "cpu")):
        done = run(*command, "--format", "json")
        assert done.code == 0, done.err
        assert json.loads(done.out)["arms"] == json.loads(before.out)["arms"]
        assert f"there is no {study.name}, and the data was not looked at" in done.err
        assert "2 classes" in done.err
        assert "fingerprint" in done.err

    for more, missing in ((("--seeds", "3"), 2), (("--seeds", "3", "--dry-run"), 2), (("--again",), 4)):
        done = run("ablate", "y.yaml", *more)  # what is missing is named
        assert done.code == 4
        assert f"{missing} runs are to be trained: `base`, seed {0 if missing == 4 else 2};" in done.err

    trained = next((tmp_path / "runs").glob("net-*-s0"))
    text = (trained / "spec.arch").read_text()
    done = run("train", text)
    assert done.code == 4
    assert f"this experiment has a finished run, which `archdsl runs show runs/{trained.name}` shows" in done.err
    assert run("runs", "show", f"runs/{trained.name}").code == 0
    other = run("train", text, "--set", "train.epochs=3")
    assert other.code == 4
    assert "finished run" not in other.err
