"""How many workers a study gets: one a core, or as many a GPU as its memory holds."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from archdsl.report.numbers import many
from archdsl.study.execute.cores import cores, gpus, share
from archdsl.study.plan.arms import Arms
from archdsl.study.plan.cells import Cell

CONTEXT = 1.5 * 2**30  # bytes that a process takes on a GPU beside its run: CUDA's context, libraries, the data set
SHARE = 0.8  # of a GPU's memory that is planned for: estimates are estimates
MOST = 4  # runs on one GPU; more take turns and gain nothing
OPTIMISER = 2  # numbers for each weight, at most


@dataclass(frozen=True, slots=True)
class WorkerBudget:
    """``jobs`` workers; ``gpu`` says whether they are on one, and ``bytes`` what memory each has there, if known."""

    jobs: int
    gpu: bool
    bytes: int | None = None
    each: int = 1

    def __str__(self) -> str:
        workers = many(self.jobs, "worker")
        return f"{workers}, {self.each} on each GPU by the memory that runs need" if self.each > 1 else workers


def worker_budget(arms: Arms, cells: Sequence[Cell], device: str, jobs: int | None) -> WorkerBudget:
    """The workers of a study: as many as were asked for, else one a core, or on GPUs as many as fit beside each other."""
    count = gpus() if device == "auto" else max(1, gpus()) if device == "cuda" else int(device.startswith("cuda:"))
    if not count:
        return WorkerBudget(jobs or (1 if device == "mps" else _room()), False)
    memory = gpu_bytes()
    if memory is None:
        return WorkerBudget(jobs or count, True)
    if jobs is not None:
        return WorkerBudget(jobs, True, _share(memory, -(-jobs // count)))
    need = max((_bytes(arms, cell) for cell in cells), default=0) + CONTEXT
    each = max(1, min(MOST, int(SHARE * memory / need), _room() // count))
    return WorkerBudget(count * each, True, _share(memory, each), each)


def _room() -> int:
    """How many workers have a core."""
    return min(len(cores()), share() or len(cores()))


def _share(memory: int, each: int) -> int:
    """The bytes that a run has beside the others of its GPU."""
    return max(0, int(SHARE * memory / each - CONTEXT))


def _bytes(arms: Arms, cell: Cell) -> int:
    return arms.arms[cell.arm].spec.cost.training_bytes(cell.experiment.train.batch, 4, OPTIMISER)


def gpu_bytes() -> int | None:
    """Memory of the smallest GPU, as the driver's own tool says; None where it is not at hand."""
    command = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
        return min(int(line) for line in said.split()) * 2**20
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
