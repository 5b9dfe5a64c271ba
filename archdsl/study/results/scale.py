"""What the numbers of a metric are in a study: which way is better, what chance has, and in which step they are counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from archdsl.expand.metrics import metric_of
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


def scale_of(metric: str, arms: Arms, every: Sequence[Cell]) -> Scale:
    """The scale of a metric in a study; chance and resolution are unknown where its data sets differ in size."""
    word, totals = metric_of(metric), [arm.totals for arm in arms.arms]

    def of(cell: Cell, found: Found) -> float | None:
        return figure_of(word, RunFigures(found.figures, totals[cell.arm], found.folder))

    sets = {c.experiment.data.dataset for c in every}
    classes, images = {d.classes for d in sets}, {getattr(d, "test", None) or 0 for d in sets}
    whole = all(task_of(d).whole for d in sets)
    tasks = {weighed(task_of(c.experiment.data.dataset), c.experiment.train) for c in every}
    chance = word.chance_in(tasks.pop(), classes.pop()) if len(classes) == len(tasks) == 1 else None
    counted = whole and word.on == "test" and word.counted and len(images) == 1 and (n := images.pop()) > 0
    return Scale(of, word.higher, chance, 1 / n if counted else 0.0, word.name)
