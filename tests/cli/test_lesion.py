"""`archdsl lesion`, and `archdsl train` of a text with an `evaluate` statement."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Cli, command_line

TEXT = """\
net conv(8, s=2) bn relu resnet[8x3] drop(0.2) gap linear(10)
data fashion-mini subset(256)
train adam(0.01) epochs(1) batch(64)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one run, whose training has evaluated a lesion."""
    folder = tmp_path_factory.mktemp("lesion")
    (folder / "net.arch").write_text(f"{TEXT}evaluate mc(3) lesion(2)\n")
    first = command_line("train", "net.arch", "--quiet", cwd=folder)
    assert first.returncode == 0, first.stderr
    assert "evaluate lesion(2) mc(3): test accuracy " in first.stdout
    assert "test information" in first.stdout
    return folder


def test_train_evaluates_too(cli: Cli, place: Path) -> None:
    again = json.loads(cli("train", "net.arch", "--set", "evaluate.mc=3", "--format", "json", cwd=place).stdout)
    assert again["cached"]
    assert again["evaluation"]["evaluate"] == "lesion(2) mc(3)"
    plain = cli("train", "net.arch", "--set", "evaluate.mc=off", "--set", "evaluate.lesion=off", cwd=place)
    assert "cached" in plain.stdout
    assert "evaluate" not in plain.stdout


def test_lesion(cli: Cli, place: Path) -> None:
    run = next(place.glob("runs/net-*"))
    shown = cli("lesion", str(run), "--draws", "2", cwd=place)
    assert shown.returncode == 0, shown.stderr
    assert all(len(line) <= 80 for line in shown.stdout.splitlines()[1:])
    assert "2^3 = 8 paths" in shown.stdout
    record = json.loads(cli("lesion", str(run), "--draws", "2", "--format", "json", cwd=place).stdout)
    assert record["path_lengths"] == [1, 3, 3, 1]
    assert [len(r["accuracies"]) for r in record["random"]] == [2, 2, 1]
    table = cli("lesion", str(run), "--draws", "1", "--format", "csv", cwd=place).stdout.splitlines()
    assert table[0] == "number,block,kind,accuracy,delta"
    assert len(table) == 4
    done = cli("eval", str(run), "--with", "lesion(2)", "--format", "json", cwd=place)
    assert json.loads(done.stdout)["results"][0]["accuracy"] == record["blocks"][1]["accuracy"]
    assert json.loads(done.stdout)["evaluate"] == "lesion(2)"


@pytest.mark.parametrize(
    ("words", "said"), [("lesion(9)", "unknown block 9"), ("lesoin(1)", "lesion"), ("mc(3", "--with")]
)
def test_words_that_do_not_fit(cli: Cli, place: Path, words: str, said: str) -> None:
    done = cli("eval", str(next(place.glob("runs/net-*"))), "--with", words, cwd=place)
    assert done.returncode == 2
    assert said in done.stderr
