"""The runs of a study, and what is known of each in the store. A study is a view: the runs are named by what they
are, so that a study that is repeated, extended or edited finds those that it shares with others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from archdsl.api import Spec, experiment_of, setting_findings
from archdsl.data.fingerprint import fingerprint, short
from archdsl.errors import ArchError, EnvError, SpecError
from archdsl.expand import expand
from archdsl.expand.metrics import metric_of
from archdsl.expand.overrides import override
from archdsl.runs.conditions import conditions_of, contrast, differing, usual
from archdsl.runs.identify import BEFORE, settled_fingerprint, with_data
from archdsl.runs.kept import of_place
from archdsl.runs.run import Run, find_run, identity, on_other_data
from archdsl.runs.store.lock import held
from archdsl.settings.experiment import Experiment
from archdsl.study.names import quoted
from archdsl.study.plan.arms import Arms, arms_of, summed
from archdsl.study.plan.file import StudyFile
from archdsl.words.data.values import Dataset

Status = Literal["finished", "diverged", "failed", "oom", "timeout", "interrupted", "running", "foreign", "missing"]
ENDED = ("finished", "diverged")  # results; everything else may be run again
UNKNOWN = ""  # the fingerprint of a data set that is not on this machine
NAMED = 3  # arms that a message names
FIXED_SEEDS = 5  # of a study that states no number and compares nothing


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
    """What the store knows of a cell. ``figures`` are the result's numbers; ``conditions`` under which it was run; ``own``:
    it ended without a result by its own fault (diverged, or an error that it would make on any machine)."""

    status: Status
    figures: Mapping[str, Any]
    conditions: Mapping[str, str]
    folder: Path | None = None
    message: str = ""
    own: bool = False


def cells(
    arms: Arms, seeds: Sequence[int], out: Path | None = None, root: Path | None = None, fetch: bool = False
) -> tuple[Cell, ...]:
    """Every run of a study, arm by arm. Each data set is looked at once.

    Args:
        out: the folder of runs. Where a data set is not on this machine, the finished runs there say what it held.
        root: where the data is; searched before the other data roots.
        fetch: download published sets that are not there.

    Raises:
        ArchError: an arm names no data; with the arm.
        SpecError: arms that cannot be trained; each finding once, with the first arm that has it.
        EnvError: data is missing, cannot be read or cannot be fetched.
    """
    found: list[Cell] = []
    wrong: list[tuple[str, SpecError]] = []
    held: dict[Any, str] = {}
    for number, arm in enumerate(arms.arms):
        try:
            for seed in seeds:
                spec = seeded(arm.spec, seed)
                experiment = experiment_of(spec, checked=seed == seeds[0])  # the seed changes nothing that is checked
                data = experiment.data.dataset
                if data not in held:
                    held[data] = fingerprint(data, root, fetch)
                experiment = with_data(experiment, held[data])
                found.append(Cell(number, seed, experiment, identity(experiment), _work(spec, experiment)))
        except SpecError as error:
            wrong.append((arm.name, error))
        except ArchError as error:
            error.message = f"arm `{arm.name}`: {error.message}"
            raise
    if wrong:
        raise summed(wrong, len(arms.arms) - len(wrong), "cannot be trained")
    return tuple(found) if out is None or UNKNOWN not in held.values() else _by_their_runs(found, out)


def _by_their_runs(every: Sequence[Cell], out: Path) -> tuple[Cell, ...]:
    """The cells, of which those whose data is not on this machine take the fingerprint that most of their runs have."""
    away = [c for c in every if not c.experiment.data.fingerprint]
    held = {c.experiment.data.dataset: UNKNOWN for c in away}
    for data in held:
        own = [run for c in away if c.experiment.data.dataset == data for run in on_other_data(out, c.experiment)]
        held[data] = settled_fingerprint(of_place(data, own))

    def known(cell: Cell) -> Cell:
        experiment = cell.experiment
        if experiment.data.fingerprint:
            return cell
        experiment = with_data(experiment, held[experiment.data.dataset])
        return replace(cell, experiment=experiment, key=identity(experiment))

    return tuple(known(cell) for cell in every)


def away(every: Sequence[Cell], root: Path | None = None) -> list[str]:
    """The published data sets of a study that are not on this machine."""
    sets = dict.fromkeys(c.experiment.data.dataset for c in every)
    return [data.name for data in sets if isinstance(data, Dataset) and not fingerprint(data, root)]


def gone(every: Sequence[Cell]) -> list[str]:
    """What is to be said of data of one's own that is not there, and of which the runs say what it held."""
    sets = {c.experiment.data.dataset: c.experiment.data for c in every if is_gone(c)}
    return [
        f"there is no {data.dataset.name.partition(':')[2]}, and the data was not looked at; by the runs it had "
        f"{data.dataset.classes} classes, inputs of {'x'.join(map(str, data.dataset.input))} and the fingerprint "
        f"{short(data.fingerprint)}"
        for data in sets.values()
    ]  # fmt: skip


def is_gone(cell: Cell) -> bool:
    """Whether a run is on data of one's own that is not there."""
    return getattr(cell.experiment.data.dataset, "kept", None) is not None


def check_there(arms: Arms, todo: Sequence[Cell]) -> None:
    """Refuse runs whose data is not there.

    Raises:
        EnvError: it names them.
    """
    lost = sorted((c for c in todo if is_gone(c)), key=lambda c: (c.arm, c.seed))
    if lost:
        names = [f"`{arms.arms[c.arm].name}`, seed {c.seed}" for c in lost]
        few = "; ".join(names[:NAMED]) + (f"; and {len(names) - NAMED} more" if len(names) > NAMED else "")
        path = lost[0].experiment.data.dataset.name.partition(":")[2]
        raise EnvError(f"there is no {path} to train on, and {len(lost)} {'runs are' if len(lost) > 1 else 'run is'} "
                       f"to be trained: {few}",
                       help="bring the data back; `archdsl report` shows the runs that are there")  # fmt: skip


def not_reused(found: Iterable[Found]) -> list[str]:
    """What is to be said of runs that are there and do not count: how many, and in what they differ."""
    counts = Counter(f.message for f in found if f.status == "foreign")
    return [f"{n} {'runs are' if n > 1 else 'run is'} not reused: {message}" for message, n in counts.items()]


def planned(study: StudyFile, out: Path | None = None, root: Path | None = None) -> tuple[Arms, tuple[Cell, ...]]:
    """The arms and runs of a study that can be carried out as it is: nothing of it would be refused before a first
    step, and every arm will have the metric. Words without effect are among the notes. ``out`` and ``root`` as in ``cells``.

    Raises:
        ArchError: a factor, a condition or a metric that does not fit; an arm without data.
        SpecError: arms that are not valid networks, or that cannot be trained.
    """
    arms = arms_of(study, out)
    study = settled(study, arms)
    every = cells(arms, study.seeds, out, root)
    check_metrics(study, arms, every)
    return replace(arms, notes=(*arms.notes, *without_effect(arms))), every


def settled(study: StudyFile, arms: Arms) -> StudyFile:
    """The study with a fixed design where nothing is compared, so that no seed could decide anything."""
    if not study.sequential or (arms.compares and len(arms.arms) > 1):
        return study
    return replace(study, sequential=False, seeds=study.seeds[:FIXED_SEEDS], budget="")


def check_metrics(study: StudyFile, arms: Arms, every: Sequence[Cell]) -> None:
    """Refuse metrics that some arm will never have.

    Raises:
        ArchError: it names the arms.
    """
    metric = next((name for name in (study.metric, *study.more) if metric_of(name).needs_validation), None)
    if metric is None:
        return
    lacking = {c.arm for c in every if c.experiment.data.valid is None}
    names = [arms.arms[n].name for n in sorted(lacking)]
    if names:
        whose = "no arm sets" if len(names) == len(arms.arms) else (
            f"the arm{'s' if len(names) > 1 else ''} {quoted(names, NAMED)} "
            f"{'do' if len(names) > 1 else 'does'} not set")  # fmt: skip
        raise ArchError(f"the metric {metric} needs validation images, and {whose} any aside",
                        help="add valid(10%) to the data statement (--set data.valid=10%), or take test_accuracy")  # fmt: skip


def without_effect(arms: Arms) -> Iterator[str]:
    """Words that change nothing, each once, with the arms that have them."""
    found: dict[str, list[str]] = {}
    for arm in arms.arms:
        for d in setting_findings(arm.spec, sources=False):
            if d.severity == "warning":
                found.setdefault(d.message, []).append(arm.name)
    for message, names in found.items():
        yield f"{message} ({'every arm' if len(names) == len(arms.arms) > 1 else quoted(names, NAMED)})"


def seeded(spec: Spec, seed: int) -> Spec:
    """The spec with this seed. The network stays the same, so only the settings are read again."""
    file = override(spec.file, [f"train.seed={seed}"])
    return replace(
        spec, file=file, graph=replace(spec.graph, train=expand(file, declared=(spec.input, spec.classes)).train)
    )


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
    if run is not None:
        return found_of(run)
    others = [run for run in on_other_data(out, cell.experiment) if run.done]
    if not others:
        return Found("missing", {}, {})
    last, now = others[-1], cell.experiment.data.fingerprint
    return Found("foreign", {}, conditions_of(last.versions), last.folder, _on_other_data(last, now))


def _on_other_data(run: Run, now: str) -> str:
    if not run.fingerprint:
        return f"its run was made {BEFORE}"
    return f"data {short(run.fingerprint)} instead of {short(now)}"


def found_of(run: Run) -> Found:
    """A run as a study sees it."""
    conditions, result = conditions_of(run.versions), run.result
    if result is None:
        return Found("running" if held(run.folder) else "interrupted", {}, conditions, run.folder)
    status: Status = result.get("status", "failed")
    if result.get("data_changed"):
        return Found("foreign", {}, conditions, run.folder, str(result["data_changed"]))
    own = status in ("diverged", "failed")
    return Found(status, result, conditions, run.folder, str(result.get("message", "")), own)


def begun_otherwise(found: Found, now: Mapping[str, str]) -> bool:
    """Whether a run that has no result yet was begun under other conditions than those of now."""
    return bool(found.conditions.get("precision")) and bool(differing(found.conditions, now))


def foreign(found: Mapping[Any, Found], current: Mapping[str, str] | None = None) -> dict[Any, Found]:
    """The same, where results of other conditions than the current ones are foreign. What is not stated of the current ones
    is what most of the runs have that agree with the rest.
    """
    ended = [f.conditions for f in found.values() if f.status in ENDED]
    stated = {k: v for k, v in (current or {}).items() if v}
    now = {**usual([c for c in ended if not differing(c, stated)]), **stated}

    def other(f: Found) -> bool:
        return f.status in ENDED and bool(differing(f.conditions, now))

    return {
        k: replace(f, status="foreign", message=contrast(f.conditions, now)) if other(f) else f
        for k, f in found.items()
    }
