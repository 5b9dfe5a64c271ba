"""What the numbers of a metric are in a study: which way is better, what chance has, and in which step they are counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from archdsl.data.counting import example_counts
from archdsl.errors import EnvError
from archdsl.expand.metrics import metric_of
from archdsl.settings.experiment import DataSettings
from archdsl.settings.task_checks import weighed
from archdsl.study.plan.arms import Arms
from archdsl.study.plan.cells import Cell
from archdsl.study.plan.plan import Found
from archdsl.study.results.run_figures import RunFigures, figure_of
from archdsl.words.tasks import task_of


@dataclass(frozen=True)
class Scale:
    """What a metric's numbers are: ``of`` a finished run, None where it has no figure; ``higher`` is better; ``chance`` is what
    a net that learnt nothing has, None where that is not known; ``resolution`` is the step in which it is counted, 0 for
    none. ``name`` is the metric's."""

    of: Callable[[Cell, Found], float | None]
    higher: bool
    chance: float | None = None
    resolution: float = 0.0
    name: str = ""


def scale_of(metric: str, arms: Arms, every: Sequence[Cell], found: Mapping[str, Found] | None = None) -> Scale:
    """The scale of a metric in a study. Chance is unknown where its data sets differ in classes; where they differ in size, the
    step of the smallest one is that of all.

    Args:
        found: what is known of the runs, by key: those on data that is gone say how many test images it had.
    """
    word, totals = metric_of(metric), [arm.totals for arm in arms.arms]

    def of(cell: Cell, found: Found) -> float | None:
        return figure_of(word, RunFigures(found.figures, totals[cell.arm], found.folder))

    sets = {c.experiment.data.dataset for c in every}
    classes = {d.classes for d in sets}
    whole = all(task_of(d).whole for d in sets)
    tasks = {weighed(task_of(c.experiment.data.dataset), c.experiment.train) for c in every}
    chance = word.chance_in(tasks.pop(), classes.pop()) if len(classes) == len(tasks) == 1 else None
    images = _images(word.on, every, found or {}) if whole and word.counted else 0
    return Scale(of, word.higher, chance, 1 / images if images else 0.0, word.name)


def _images(on: str, every: Sequence[Cell], found: Mapping[str, Found]) -> int:
    """The images of a part, test, valid or train; the fewest that a run has, and 0 where that is not known."""
    known: dict[tuple[object, ...], int] = {}
    for cell in every:
        data = cell.experiment.data
        asked = data.dataset, data.subset, data.valid
        if asked in known:
            continue
        counted = _counted(on, data)
        if not counted and on == "test" and cell.key in found:
            counted = int(found[cell.key].figures.get("test_images") or 0)
        if counted:
            known[asked] = counted
    return min(known.values(), default=0)


def _counted(on: str, data: DataSettings) -> int:
    try:
        counts = example_counts(data.dataset)
    except (EnvError, OSError):  # it cannot be read now
        return 0
    if counts is None:
        return 0
    train, test = counts
    train = data.subset.of(train) if data.subset is not None else train
    aside = data.valid.count(train) if data.valid is not None else 0
    return {"test": test, "valid": aside, "train": train - aside}.get(on, 0)
