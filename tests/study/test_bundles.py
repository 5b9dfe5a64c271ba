"""Which seeds are trained as one net, and how many workers there are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from archdsl.errors import ArchError
from archdsl.study.execute import worker_budget as budget_module
from archdsl.study.execute.bundles import bundles, pays
from archdsl.study.execute.worker_budget import worker_budget
from archdsl.study.plan.arms import arms_of
from archdsl.study.plan.cells import cells
from archdsl.study.plan.file import study_of
from archdsl.study.plan.plan import distinct
from tests.conftest import Cli

STUDY = """\
base: |
  net vgg[{{w: {widths}}}x1] gap linear(10)
  data fashion-mini
  train {train}
seeds: 10
"""


def grouped(
    wish: str = "auto",
    widths: str = "16 | 32",
    train: str = "sgd(0.1)",
    gpu: bool = True,
    jobs: int = 1,
    memory: int | None = None,
) -> list[int]:
    study = study_of(STUDY.format(widths=widths, train=train))
    arms = arms_of(study)
    found = bundles(arms, distinct(cells(arms, study.seeds)), wish, gpu, jobs, memory)
    assert all(len({c.arm for c in group}) == 1 for group in found)
    assert len({c.key for group in found for c in group}) == 10 * len(arms.arms)
    return sorted(map(len, found), reverse=True)


def test_narrow_nets_are_bundled_on_a_gpu_alone() -> None:
    assert grouped() == [8, 8, 2, 2]
    assert grouped(gpu=False) == grouped("off") == [1] * 20
    assert grouped("5", gpu=False) == [5, 5, 5, 5]


def test_wide_nets_and_settings_that_tie_are_not() -> None:
    assert grouped(widths="16 | 64") == [8, 2] + [1] * 10
    assert grouped(train="clip(1) sgd(0.1)") == [1] * 20
    assert grouped(widths="48 | 56", train="sgd(0.1) batch(64)") == [8, 8, 2, 2]
    assert grouped(widths="48 | 56", train="sgd(0.1) batch(128)") == [1] * 20


def test_no_worker_is_left_without_work_and_memory_is_kept() -> None:
    assert max(grouped(jobs=10)) == 2
    assert max(grouped(memory=2**26)) < 8
    assert set(grouped(memory=1)) == {1}


def test_a_wish_that_is_none() -> None:
    with pytest.raises(ArchError, match="auto, off, or 2 to 64"):
        grouped("1")


def test_the_rule_asks_for_channels_and_images() -> None:
    spec = arms_of(study_of(STUDY.format(widths="16 | 32", train="adam"))).arms[0].spec
    assert pays(spec, 512)


@pytest.mark.parametrize(("memory", "each"), [(80, 4), (6, 3), (1, 1), (None, 1)])
def test_a_gpu_has_as_many_workers_as_its_memory_holds(
    monkeypatch: pytest.MonkeyPatch, memory: int | None, each: int
) -> None:
    monkeypatch.setattr(budget_module, "gpus", lambda: 2)
    monkeypatch.setattr(budget_module, "cores", lambda: list(range(16)))
    monkeypatch.setattr(budget_module, "share", lambda: None)
    monkeypatch.setattr(budget_module, "gpu_bytes", lambda: None if memory is None else memory * 2**30)
    study = study_of(STUDY.format(widths="16 | 64", train="sgd(0.1)"))
    arms = arms_of(study)
    every = cells(arms, study.seeds)
    found = worker_budget(arms, every, "auto", None)
    assert (found.jobs, found.each, found.gpu) == (2 * each, each, True)
    assert worker_budget(arms, every, "auto", 3).jobs == 3
    assert worker_budget(arms, every, "cpu", None).jobs == 16


def test_a_study_whose_seeds_are_trained_together(place: Path, cli: Cli) -> None:
    options = ("--seeds", "3", "--precision", "fp32", "--format", "json", "--jobs", "1")
    fused = cli("ablate", "tiny.arch", *options, "--fuse", "3", "--runs", "fused", cwd=place)
    assert fused.returncode == 0, fused.stderr
    assert "6 runs are trained as 2 nets of up to 3 seeds each" in fused.stderr
    assert [(r["finished"], r["runs"]) for r in json.loads(fused.stdout)["arms"]] == [(3, 3), (3, 3)]
    assert len(list((place / "fused").glob("*/result.json"))) == 6
    again = cli("ablate", "tiny.arch", *options, "--fuse", "3", "--runs", "fused", cwd=place)
    assert again.stdout == fused.stdout
    assert "trained as" not in again.stderr
