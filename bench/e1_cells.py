"""E1: 1,000 no-op cells of a study, each with its durable record, through two workers; Ray as it does the same.

`archdsl` plans the study, looks into the store, carries out the requests and reads each record back. Ray's bare tasks
leave no record (a floor); Ray Tune keeps a record of each trial, and makes a tenth of the cells. Time of ours is from the first
worker's readiness on, that of Tune from its start.

Nothing is deleted before the last round: for some seconds ext4 passes over the inode of each file that has just been deleted, one
after the other, whenever it makes a file (with 7,000 of them 0.7 ms a file instead of 0.02).
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from _timing import options, publish

from archdsl.foreign import prepare
from archdsl.report import Column, Table
from archdsl.study.execute.local import Local
from archdsl.study.execute.messages import Ready, RunOptions, RunProgress, RunResult
from archdsl.study.execute.runner import StudyRunner
from archdsl.study.plan.arms import arms_of
from archdsl.study.plan.cells import cells
from archdsl.study.plan.file import study_of

PEERS = Path(__file__).resolve().parent / "peers"
STUDY = "base: conv(4) relu gap linear(10)\ndata: fashion-mini\nseeds: {count}\n"


def ours(count: int, home: str) -> dict[str, float]:
    """Milliseconds a cell, and the memory of the workers at the 100th cell and at the last one, in MiB."""
    os.environ["PYTHONPATH"] = os.pathsep.join([str(PEERS), os.environ.get("PYTHONPATH", "")])
    runs = Path(tempfile.mkdtemp(dir=home))
    begun: list[float] = []
    memory: list[float] = []

    def listen(event: Ready | RunProgress | RunResult) -> None:
        if isinstance(event, Ready) and not begun:
            begun.append(time.perf_counter())
        if isinstance(event, RunResult):
            memory.append(event.figures["memory"] / 1024)

    start = time.perf_counter()
    study = study_of(STUDY.format(count=count))
    arms = arms_of(study)
    runner = StudyRunner(arms, cells(arms, study.seeds), runs)
    planned = time.perf_counter() - start
    runner.carry_out(Local(RunOptions(str(runs)), 2, runs / "logs", work="noop:cell"), runner.missing, listen)
    taken = planned + time.perf_counter() - begun[0]
    assert all(found.status == "finished" for found in runner.found.values())
    return {"ms": 1000 * taken / count, "early_mib": max(memory[90:110] or memory), "late_mib": max(memory[-20:])}


def bare(count: int) -> dict[str, float]:
    """Ray's tasks, two at a time, without a record."""
    import ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")

    @ray.remote
    def nothing(number: int) -> int:
        return number

    try:
        ray.get([nothing.remote(n) for n in range(20)])
        begun = time.perf_counter()
        ray.get([nothing.remote(n) for n in range(count)])
        return {"ms": 1000 * (time.perf_counter() - begun) / count}
    finally:
        ray.shutdown()


def tuned(count: int, home: str, reuse: bool) -> dict[str, float]:
    """Ray Tune's trials, two at a time, with its own record of each; in a new process each, as it does unasked, or not."""
    import ray
    from ray import tune

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    try:
        tuner = tune.Tuner(
            lambda config: {"test_accuracy": 0.5},
            param_space={"seed": tune.grid_search(list(range(count)))},
            tune_config=tune.TuneConfig(max_concurrent_trials=2, reuse_actors=reuse),
            run_config=tune.RunConfig(storage_path=tempfile.mkdtemp(dir=home), verbose=0),
        )
        begun = time.perf_counter()
        tuner.fit()
        return {"ms": 1000 * (time.perf_counter() - begun) / count}
    finally:
        ray.shutdown()


def most(runs: list[dict[str, float]], key: str) -> float | None:
    """The largest of the rounds; None where there is no such figure."""
    return max((r[key] for r in runs if key in r), default=None)


def main() -> None:
    """Measure and publish."""
    parser = options(__doc__, rounds=5)
    parser.add_argument("--cells", type=int, default=1000)
    parser.add_argument(
        "--ray", action="store_true", help="Ray's tasks and Ray Tune, too; Tune with a tenth of the cells"
    )
    args = parser.parse_args()
    prepare()  # no usage statistics of Ray
    with tempfile.TemporaryDirectory() as home:
        sides: dict[str, Any] = {"archdsl": lambda: ours(args.cells, home)}
        if args.ray:
            sides |= {
                "Ray, bare tasks": lambda: bare(args.cells),
                "Ray Tune": lambda: tuned(args.cells // 10, home, False),
                "Ray Tune, actors reused": lambda: tuned(args.cells // 10, home, True),
            }
        raw: dict[str, list[dict[str, float]]] = {side: [] for side in sides}
        for number in range(args.rounds):
            for side in list(sides) if number % 2 == 0 else list(sides)[::-1]:
                raw[side].append(sides[side]())
                print(f"round {number + 1}, {side}: {raw[side][-1]}", file=sys.stderr)
    rows = []
    for side, runs in raw.items():
        times = sorted(r["ms"] for r in runs)
        rows.append(
            (side, times[len(times) // 2], times[0], times[-1], most(runs, "early_mib"), most(runs, "late_mib"))
        )
    columns = (
        Column("engine"),
        Column("ms a cell", "float", digits=2),
        Column("least", "float", digits=2),
        Column("most", "float", digits=2),
        Column("MiB at cell 100", "float", digits=1),
        Column("MiB at the end", "float", digits=1),
    )
    found = Table(
        columns, tuple(rows), f"E1: {args.cells:,} no-op cells through two workers", notes=(f"n = {args.rounds}",)
    )
    publish("e1_cells", [found], {"cells": args.cells, "runs": raw}, ["torch", "ray"], args.out)


if __name__ == "__main__":
    main()
