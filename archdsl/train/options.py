"""How a run is carried out, beside its experiment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from archdsl.accelerate.plan import Plan


@dataclass(frozen=True)
class FitOptions:
    """How a run is carried out; none of it is part of the experiment.

    Args:
        out: the folder that gets the run folder.
        data_root: searched for the data before the other data roots.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
        speed: ``auto`` lets a probe choose; ``fp32`` and ``bf16`` fix the type; ``plain`` is the reference.
        compile: torch.compile of the net: ``auto`` where it should pay, ``on`` or ``off``.
        plan: how the steps are carried out, instead of ``speed``; a resumed run keeps the plan that it has.
        fresh: draw the initial weights from the experiment's seed; False trains on from the model's own.
        again: train again where a run is there; without it a run that was trained under other conditions than are asked
            for here is refused.
        other_data: what happens where a run of the experiment on other data was interrupted: it is refused, or a new run
            begins.
        every: seconds between two Progress events; None for none.
        limit: seconds of training in this call after which the run stops; the next call resumes it. It stands in the place of
            the word ``timelimit``, which counts the whole run.
        stop: asked before every step whether the run is to end with a checkpoint, as after a signal; for callers in
            threads, which no signal reaches.
        deterministic: torch's deterministic algorithms (CUDA; on a CPU they are so anyway).
    """

    out: str | Path = "runs"
    data_root: str | Path | None = None
    device: str = "auto"
    speed: str = "auto"
    compile: str = "auto"
    plan: Plan | None = None
    fresh: bool = True
    again: bool = False
    every: float | None = None
    limit: float | None = None
    deterministic: bool = False
    other_data: Literal["refuse", "begin"] = "refuse"
    stop: Callable[[], bool] | None = None
