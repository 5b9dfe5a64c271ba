"""How many GPUs a study counts on, without asking torch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from archdsl.study.execute import cores, worker_budget
from archdsl.study.execute.worker_budget import CONTEXT, SHARE

VERSION = (
    "__version__ = '2.13.0'\ndebug = False\ncuda: Optional[str] = {}\ngit_version = 'a'\nhip: Optional[str] = {}\n"
)
GPUS = "GPU 0: NVIDIA H200 (UUID: GPU-1)\nGPU 1: NVIDIA H200 (UUID: GPU-2)\n"


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is known, and the driver is not in /proc."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(cores, "DRIVER", tmp_path / "gpus")
    kept = (cores.built_for_gpus, cores._listed)
    for one in kept:
        one.cache_clear()
    yield
    for one in kept:
        one.cache_clear()


@pytest.mark.parametrize(
    ("cuda", "hip", "built"), [("None", "None", False), ("'12.8'", "None", True), ("None", "'6.4'", True)]
)
def test_a_torch_for_cpus_has_no_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cuda: str, hip: str, built: bool
) -> None:
    (tmp_path / "gpus" / "0000:01:00.0").mkdir(parents=True)
    (tmp_path / "version.py").write_text(VERSION.format(cuda, hip))
    monkeypatch.setattr(cores, "find_spec", lambda name: SimpleNamespace(origin=str(tmp_path / "__init__.py")))
    assert cores.built_for_gpus() is built
    assert cores.gpus() == int(built)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
    assert cores.gpus() == 3 * built


def test_what_torch_does_not_say_is_left_to_the_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gpus" / "0000:01:00.0").mkdir(parents=True)
    monkeypatch.setattr(cores, "find_spec", lambda name: SimpleNamespace(origin=str(tmp_path / "__init__.py")))
    assert cores.gpus() == 1


def test_gpus_that_are_not_in_proc_are_listed_by_the_drivers_tool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cores, "built_for_gpus", lambda: True)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert cores.gpus() == 0
    cores._listed.cache_clear()
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f'#!/bin/sh\ncase "$1" in -L) printf "{GPUS}";; esac\n')
    tool.chmod(0o755)
    assert cores.gpus() == 2


def test_workers_that_are_asked_for_share_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = 80 * 2**30
    monkeypatch.setattr(worker_budget, "gpus", lambda: 2)
    monkeypatch.setattr(worker_budget, "gpu_bytes", lambda: memory)
    shares = {jobs: worker_budget.worker_budget(None, (), "auto", jobs).bytes for jobs in (1, 2, 3, 8)}  # type: ignore[arg-type]
    assert shares == {jobs: int(SHARE * memory / each - CONTEXT) for jobs, each in ((1, 1), (2, 1), (3, 2), (8, 4))}
    monkeypatch.setattr(worker_budget, "gpus", lambda: 0)
    assert worker_budget.worker_budget(None, (), "cuda", None).gpu  # type: ignore[arg-type]
    assert not worker_budget.worker_budget(None, (), "auto", 1).gpu  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("limit", "workers"), [("max 100000", 16), ("200000 100000", 2), ("50000 100000", 1), ("", 16)]
)
def test_a_container_has_workers_for_its_share_of_the_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, workers: int
) -> None:
    (tmp_path / "cpu.max").write_text(f"{limit}\n")
    monkeypatch.setattr(cores, "QUOTA", tmp_path / "cpu.max")
    monkeypatch.setattr(worker_budget, "cores", lambda: list(range(16)))
    assert worker_budget.worker_budget(None, (), "cpu", None).jobs == workers  # type: ignore[arg-type]
