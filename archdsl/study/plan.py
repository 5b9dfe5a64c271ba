"""The runs of a study, and what is known of each in the store. A study is a view: the runs are named by what they
are, so that a study that is repeated, extended or edited finds those that it shares with others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from archdsl.api import Spec, experiment_of, setting_findings
from archdsl.errors import ArchError, SpecError
from archdsl.expand import expand
from archdsl.expand.overrides import override
from archdsl.study.arms import Arms, arms_of, summed
from archdsl.study.file import StudyFile
from archdsl.train.experiment import Experiment
from archdsl.train.runs import Run, find_run, identity
from archdsl.train.store.claim import held

Status = Literal["finished", "diverged", "failed", "oom", "timeout", "interrupted", "running", "foreign", "missing"]
ENDED = ("finished", "diverged")  # results; everything else may be run again
NAMED = 3  # arms that a message names
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
        ArchError: an arm names no data; with the arm.
        SpecError: arms that cannot be trained; each finding once, with the first arm that has it.
    """
    found: list[Cell] = []
    wrong: list[tuple[str, SpecError]] = []
    for number, arm in enumerate(arms.arms):
        try:
            for seed in seeds:
                spec = seeded(arm.spec, seed)
                experiment = experiment_of(spec, checked=seed == seeds[0])  # the seed changes nothing that is checked
                found.append(Cell(number, seed, experiment, identity(experiment), _work(spec, experiment)))
        except SpecError as error:
            wrong.append((arm.name, error))
        except ArchError as error:
            error.message = f"arm `{arm.name}`: {error.message}"
            raise
    if wrong:
        raise summed(wrong, len(arms.arms) - len(wrong), "cannot be trained")
    return tuple(found)


def planned(study: StudyFile) -> tuple[Arms, tuple[Cell, ...]]:
    """The arms and runs of a study that can be carried out as it stands: nothing of it would be refused before a first
    step, and every arm will have the metric. Words without effect are among the notes.

    Raises:
        ArchError: a factor, a condition or a metric that does not fit; an arm without data.
        SpecError: arms that are no network, or that cannot be trained.
    """
    arms = arms_of(study)
    every = cells(arms, study.seeds)
    check_metric(study.metric, arms, every)
    return replace(arms, notes=(*arms.notes, *without_effect(arms))), every


def check_metric(metric: str, arms: Arms, every: Sequence[Cell]) -> None:
    """Refuse a metric that some arm will never have.

    Raises:
        ArchError: it names the arms.
    """
    if "valid" not in metric:
        return
    lacking = {c.arm for c in every if c.experiment.data.valid is None}
    names = [f"`{arms.arms[n].name}`" for n in sorted(lacking)]
    if names:
        whose = "no arm sets" if len(names) == len(arms.arms) else (
            f"the arm{'s' if len(names) > 1 else ''} {', '.join(names[:NAMED])}{' and others' if len(names) > NAMED else ''} "
            f"{'do' if len(names) > 1 else 'does'} not set")  # fmt: skip
        raise ArchError(f"the metric {metric} needs validation images, and {whose} any aside",
                        help="add valid(10%) to the data statement (--set data.valid=10%), or take test_accuracy")  # fmt: skip


def without_effect(arms: Arms) -> Iterator[str]:
    """Words that change nothing, each once, with the arms that have them."""
    found: dict[str, list[str]] = {}
    for arm in arms.arms:
        for d in setting_findings(arm.spec, sources=False):
            if d.severity == "warning":
                found.setdefault(d.message, []).append(f"`{arm.name}`")
    for message, names in found.items():
        few = ", ".join(names[:NAMED]) + (" and others" if len(names) > NAMED else "")
        yield f"{message} ({'every arm' if len(names) == len(arms.arms) > 1 else few})"


def seeded(spec: Spec, seed: int) -> Spec:
    """The spec with this seed. The network stays the same, so only the settings are read anew."""
    file = override(spec.file, [f"train.seed={seed}"])
    return replace(spec, file=file, graph=replace(spec.graph, train=expand(file).train))


def _work(spec: Spec, experiment: Experiment) -> int:
    """MACs of a run, up to a factor that all have: for an order, and for an estimate."""
    train, data = experiment.train, experiment.data
    images = getattr(data.dataset, "train", 0) or 10_000
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
