"""What benchmarks ask and compare: options that name what is not there, and contenders on equal terms."""

from __future__ import annotations

import argparse
import importlib
import random
import runpy
import sys
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest
import torch

BENCH = Path(__file__).resolve().parents[2] / "bench"


@pytest.fixture(autouse=True)
def beside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCH))
    monkeypatch.syspath_prepend(str(BENCH / "peers"))


@pytest.fixture
def n2() -> ModuleType:
    return importlib.import_module("n2_search")


class Trial:
    """In the place of Optuna's: notes how each dimension is asked for."""

    def __init__(self, seed: int) -> None:
        self.chance, self.whole, self.choices = random.Random(seed), set[str](), set[str]()

    def suggest_int(self, name: str, low: int, high: int) -> int:
        self.whole.add(name)
        return self.chance.randint(low, high)

    def suggest_categorical(self, name: str, values: list[int]) -> int:
        self.choices.add(name)
        return self.chance.choice(values)


def test_optuna_knows_the_order_of_numbers_as_our_model_does(n2: ModuleType) -> None:
    from archdsl.search.encoding import Encoding

    space = n2.Bank.of().space
    trials = [Trial(seed) for seed in range(200)]
    for d, choices in zip(space.dimensions, Encoding(space).choices, strict=True):
        assert {n2.proposed(trial, d) for trial in trials} == set(d.texts)
        assert (d.name in trials[0].whole) == (choices == 0)
        assert (d.name in trials[0].choices) == (choices > 0)
    assert trials[0].whole


def test_numbers_ascend_with_what_optuna_suggests(n2: ModuleType) -> None:
    from archdsl.search.encoding import has_order

    class Fixed:
        def __init__(self, number: int) -> None:
            self.number = number

        def suggest_int(self, name: str, low: int, high: int) -> int:
            return self.number

    for d in n2.Bank.of().space.dimensions:
        if has_order(d):
            texts = [n2.proposed(Fixed(n), d) for n in range(len(d.texts))]
            assert [float(text) for text in texts] == sorted(float(text) for text in texts)


def test_one_replay_has_a_page(n2: ModuleType) -> None:
    lines = list(n2.page({"random": [7.0]}, {"random": 0}, n2.Bank.of()))
    assert lines[-1] == "| random | 7.0 | 7.0 | 7.0 to 7.0 | 0 | 1.00 |"


@pytest.mark.parametrize(("options", "why"), [(["--only", "gb"], "gb"), (["--replays", "0"], "at least 1")])
def test_replays_that_there_are_not_are_refused(
    n2: ModuleType, options: list[str], why: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["n2_search.py", *options])
    with pytest.raises(SystemExit) as end:
        n2.main()
    assert end.value.code == 2
    assert why in capsys.readouterr().err


def test_each_question_of_an_editor_follows_an_edit_of_the_network() -> None:
    pytest.importorskip("pygls")
    turns = importlib.import_module("lsp_latency").turns
    names = [f"question {n}" for n in range(14)]
    asked = [pair for place in range(-2, 21) for pair in turns(names, 4, place)]
    assert all(one[1] != following[1] for one, following in pairwise(asked))
    for name in names:
        assert {edit for question, edit in asked if question == name} == {0, 1, 2, 3}
    assert sorted(name for name, _ in turns(names, 4, 1)) == sorted(names)


def test_a_row_of_c4_has_its_own_n() -> None:
    page = importlib.import_module("c4_forms").page
    rows = [
        ("vgg", 16, 1.0, "bf16", "plain fp32", 1.1, "1 to 1.2", 9, 2.0),
        ("mlp", 16, 1.0, "bf16", "plain fp32", 1.4, "1 to 1.5", 3, 2.0),
    ]
    table = page(rows, 9)
    assert [column.name for column in table.columns][7] == "n"
    assert table.notes[0].startswith("n = 9 (and 3 where the rival took a third longer), ")
    assert page(rows[:1], 9).notes[0].startswith("n = 9, interleaved")


@pytest.fixture
def race() -> ModuleType:
    return importlib.import_module("race")


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (["tim"], "no contender tim; there are archdsl, timm, plain loop"),
        (["timm"], "--only timm: the option with the checkout is missing"),
    ],
)
def test_a_contender_that_would_not_run_is_refused(
    race: ModuleType, asked: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    every, there = ("archdsl", "timm", "plain loop"), ("archdsl", "plain loop")
    race.check_only(argparse.ArgumentParser(), ["plain loop"], every, there)
    race.check_only(argparse.ArgumentParser(), None, every, there)
    with pytest.raises(SystemExit):
        race.check_only(argparse.ArgumentParser(), asked, every, there)
    assert why in capsys.readouterr().err


def refusal(name: str, options: list[str], place: Path, monkeypatch: pytest.MonkeyPatch) -> int | str | None:
    """The exit code of a benchmark in a folder with pictures, as far as a look from outside shows."""
    (place / "empty").mkdir()
    (place / "full").mkdir()
    (place / "full" / "train.parquet").touch()
    monkeypatch.chdir(place)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: "a card")
    monkeypatch.setattr(sys, "argv", [f"{name}.py", *options])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(BENCH / f"{name}.py"), run_name="__main__")
    return end.value.code


@pytest.mark.parametrize(
    "name", ["c1_train_small", "c3_study", "g1_resnet18", "g3_airbench94", "g4_archs", "g5_narrow"]
)
@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--parquet", "nowhere"], "nowhere is not a folder"),
        (["--parquet", "empty"], "empty has no train*.parquet"),
        (["--parquet", "full", "--timm", "nowhere"], "nowhere is not a folder"),
    ],
)
def test_folders_are_checked_first(
    name: str,
    options: list[str],
    why: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert refusal(name, options, tmp_path, monkeypatch) == 2
    assert why in capsys.readouterr().err


@pytest.mark.parametrize("name", ["c1_train_small", "c3_study", "g1_resnet18"])
def test_names_of_contenders_are_checked_first(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refusal(name, ["--parquet", "full", "--only", "tim"], tmp_path, monkeypatch) == 2
    assert "no contender tim; there are archdsl" in capsys.readouterr().err
