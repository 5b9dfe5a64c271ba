"""The runs of a study, and what is known of each in the store. A study is a view: the runs are named by what they
are, so that a study that is repeated, extended or edited finds those that it shares with others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from archdsl.api import Spec, experiment_of
from archdsl.errors import ArchError
from archdsl.expand import expand
from archdsl.expand.overrides import override
from archdsl.study.arms import Arms
from archdsl.train.experiment import Experiment
from archdsl.train.runs import Run, find_run, identity
from archdsl.train.store.claim import held

Status = Literal["finished", "diverged", "failed", "oom", "timeout", "interrupted", "running", "foreign", "missing"]
ENDED = ("finished", "diverged")  # results; everything else may be run again
CONDITIONS = ("torch", "numerics", "device", "precision")


@dataclass(frozen=True)
class Cell:
    """One run: an arm with a seed. ``key`` names it by its content; ``cost`` is the MACs of the whole run."""

    arm: int
    seed: int
    experiment: Experiment
    key: str
    cost: int


@dataclass(frozen=True)
class Found:
    """What the store knows of a cell. ``figures`` are the result's numbers; ``conditions`` under which it was run."""

    status: Status
    figures: Mapping[str, Any]
    conditions: Mapping[str, str]
    folder: Path | None = None
    message: str = ""


def cells(arms: Arms, seeds: Sequence[int]) -> tuple[Cell, ...]:
    """Every run of a study, arm by arm.

    Raises:
        ArchError: an arm names no data, or words of it contradict each other; with the arm.
    """
    found: list[Cell] = []
    for number, arm in enumerate(arms.arms):
        try:
            for seed in seeds:
                spec = seeded(arm.spec, seed)
                experiment = experiment_of(spec)
                found.append(Cell(number, seed, experiment, identity(experiment), _work(spec, experiment)))
        except ArchError as error:
            error.message = f"arm `{arm.name}`: {error.message}" if error.message else error.message
            raise
    return tuple(found)


def seeded(spec: Spec, seed: int) -> Spec:
    """The spec with this seed. The network stays the same, so only the settings are read anew."""
    file = override(spec.file, [f"train.seed={seed}"])
    return replace(spec, file=file, graph=replace(spec.graph, train=expand(file).train))


def _work(spec: Spec, experiment: Experiment) -> int:
    """MACs of a run, up to a factor that all have: for an order, and for an estimate."""
    train, data = experiment.train, experiment.data
    images = getattr(data.dataset, "train_images", 0) or 10_000
    if data.subset is not None:
        images = min(images, data.subset.count)
    steps = train.epochs * -(-images // train.batch)
    return 3 * spec.cost.macs * min(steps, train.steps or steps) * train.batch


def distinct(every: Sequence[Cell]) -> list[Cell]:
    """Each run once, the longest first; arms that are the same experiment share theirs."""
    seen: dict[str, Cell] = {}
    for cell in every:
        seen.setdefault(cell.key, cell)
    return sorted(seen.values(), key=lambda c: (-c.cost, c.arm, c.seed))


def look(out: Path, cell: Cell) -> Found:
    """What the store has of a cell.

    Raises:
        StoreError: its folder is damaged.
    """
    run = find_run(out, cell.experiment)
    if run is None:
        return Found("missing", {}, {})
    return found_of(run)


def found_of(run: Run) -> Found:
    """A run as a study sees it."""
    versions, result = run.versions, run.result
    conditions = {
        "torch": str(versions.get("torch", "")),
        "numerics": str(versions.get("numerics", "")),
        "device": str(versions.get("device", "")).partition(":")[0],
        "precision": str((versions.get("plan") or {}).get("precision", "")),
    }
    if result is None:
        return Found("running" if held(run.folder) else "interrupted", {}, conditions, run.folder)
    status: Status = result.get("status", "failed")
    return Found(status, result, conditions, run.folder, str(result.get("message", "")))


def foreign(found: Mapping[Any, Found], current: Mapping[str, str] | None = None) -> dict[Any, Found]:
    """The same, where results of other conditions than the current ones are foreign. Without current ones, those that
    most runs have; of equally many the last in the alphabet, which is the newer torch.
    """
    ended = [f for f in found.values() if f.status in ENDED]
    if current is None:
        counts = Counter(tuple(f.conditions.get(c, "") for c in CONDITIONS) for f in ended)
        best = max(counts, key=lambda c: (counts[c], c), default=None)
        current = dict(zip(CONDITIONS, best, strict=True)) if best else {}
    now = {k: v for k, v in current.items() if v}

    def differs(f: Found) -> bool:
        return f.status in ENDED and any(f.conditions.get(k) != v for k, v in now.items())

    return {k: replace(f, status="foreign", message=_other(f, now)) if differs(f) else f for k, f in found.items()}


def _other(found: Found, now: Mapping[str, str]) -> str:
    return ", ".join(f"{k} {found.conditions.get(k)} instead of {v}" for k, v in now.items()
                     if found.conditions.get(k) != v)  # fmt: skip
