"""From the words of a command to a search that can be carried out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from archdsl.api import experiment_of, read
from archdsl.errors import ArchError, SpecError, suggest
from archdsl.expand.metrics import metric_of
from archdsl.expand.space import Dimension, Space
from archdsl.expand.text import canonical_text
from archdsl.extras import require
from archdsl.files import spaces
from archdsl.registry import find, names
from archdsl.report.numbers import many
from archdsl.runs.conditions import ConditionOptions
from archdsl.search.candidates import Arms, Candidates
from archdsl.search.carry_out import Search
from archdsl.search.encoding import Point
from archdsl.search.halving import rungs_of
from archdsl.search.options import SearchOptions
from archdsl.search.order import Order
from archdsl.search.samplers import fitting, kind_of, sampler_of
from archdsl.search.scores import LOGGED, Scores, objective_of, total_of
from archdsl.study.plan.arms import TOTALS
from archdsl.study.plan.where import condition
from archdsl.syntax import ast
from archdsl.words.metrics.heads import never_has
from archdsl.words.tasks import Task

MOST_LEVELS = 8  # of a hole, that are looked at for their epochs
TRIES = 50  # arms that may not be valid before the space counts as wrong


@dataclass(frozen=True)
class Asked:
    """What a command says of a search.

    Args:
        space: a spec with holes.
        sampler: one of ``SAMPLERS``; "": the usual one for so many objectives.
        rungs: their epochs; "": every candidate is trained whole.
    """

    space: str | Path
    objective: str = ""
    pareto: Sequence[str] = ()
    where: Sequence[str] = ()
    sampler: str = ""
    rungs: str = ""
    seed: int = 0
    proxy: str = ""
    data: str | None = None
    set: Sequence[str] = ()


def planned(
    asked: Asked, name: str, runs: Path, data_root: Path | None = None, fetch: bool = False
) -> tuple[SearchOptions, Candidates]:
    """The options of a search, and its candidates before the first one is drawn.

    Args:
        fetch: download published data that is not there.

    Raises:
        ArchError: a space without holes, an unknown sampler, objective or condition, rungs that do not fit.
        SpecError: the text is not valid.
        EnvError: Optuna is not installed, or data is missing.
    """
    require("optuna", otherwise="archdsl ablate trains every arm of a space")
    source, file = read(_shipped(asked.space), data=asked.data, set=asked.set)
    space = Space.of(file)
    if not space.dimensions:
        raise ArchError(
            f"{name} has no holes, so there is nothing to search",
            help="write alternatives or ranges: {16 | 32}, {1..4}, {1e-4..1e-1 log}",
        )
    kind = _kind(asked)
    levels = {d.name: d.texts for d in space.dimensions if d.kind == "choices"}
    lets = frozenset(i.name for i in file.items if isinstance(i, ast.Let))
    tests = tuple(condition(text, TOTALS, levels, words=lets) for text in asked.where)
    arms = Arms(source, space, tests, asked.seed, runs, data_root, fetch)
    epochs, usual, task = _about(arms, space)
    rungs = rungs_of(asked.rungs) if asked.rungs else (epochs,)
    if asked.rungs and (other := _other_epochs(arms, space, epochs)) is not None:
        raise ArchError(
            f"the arms of the space have different numbers of epochs ({epochs} and {other}), so rungs have no last one",
            help="leave --rungs out, or give all arms the same epochs(…)",
        )
    if rungs[-1] != epochs:
        raise ArchError(
            f"the last rung of `--rungs {asked.rungs}` is not a whole run, which has {many(epochs, 'epoch')}",
            help=f"end with {epochs}, or change epochs(…) of the space",
        )
    if len(rungs) > 1 and not kind_of(kind).halving:
        others = " or ".join(fitting(1 + len(asked.pareto), len(rungs)))
        raise ArchError(f"{kind} needs whole runs", help=f"leave --rungs out, or take --sampler {others}")
    objective = objective_of(asked.objective or (usual if len(rungs) == 1 or usual in LOGGED else "valid_loss"), rungs)
    if (why := never_has(metric_of(objective.name), task)) is not None:
        raise ArchError(f"the objective `{objective.name}` {why[0]}, and the space has none", help=why[1])
    if asked.proxy and find("proxy", asked.proxy) is None:
        known = names("proxy")
        raise ArchError(
            f"unknown proxy `{asked.proxy}`", help=suggest(asked.proxy, known) or f"one of {', '.join(known)}"
        )
    for total in asked.pareto:
        total_of(total)
    options = SearchOptions(
        name,
        canonical_text(file),
        objective.name,
        tuple(asked.pareto),
        tuple(asked.where),
        kind,
        rungs,
        asked.seed,
        asked.proxy,
    )
    sampler = sampler_of(kind, space, len(rungs), 1 + len(asked.pareto), asked.seed)
    return options, Candidates(arms, sampler, middle(space), asked.proxy)


def _kind(asked: Asked) -> str:
    """The name of the sampler."""
    objectives = 1 + len(asked.pareto)
    if not asked.sampler:
        return fitting(objectives)[0]
    if not kind_of(asked.sampler).several and asked.pareto:
        raise ArchError(
            f"`--sampler {asked.sampler}` is of one objective, and `--pareto` adds {', '.join(asked.pareto)}",
            help=f"leave --sampler out, or take {' or '.join(fitting(objectives))}",
        )
    return asked.sampler


def _shipped(space: str | Path) -> str | Path:
    """The path of a shipped space that is named alone; else what was given."""
    text = str(space)
    here = "\n" in text or len(text) > 255 or Path(text).exists() or Path(f"{text}.arch").exists()
    return space if here else next((path for path in spaces() if path.stem == Path(text).stem), space)


def _about(arms: Arms, space: Space) -> tuple[int, str, Task]:
    """The epochs of a candidate, the metric of its task on validation images, and the task: of the base, or of the first arm that
    is valid.

    Raises:
        ArchError: it sets no validation images aside, or begins with the weights of another arm.
        SpecError: neither the base nor one of some arms drawn at random is valid.
    """
    chance = sampler_of("random", space, 1, 1, 0)
    first: SpecError | None = None
    for n in range(TRIES):
        point = middle(space) if not n else chance.draw().point
        try:
            spec = arms.spec(point, seeded=True)
            experiment = arms.candidate(0, point, spec).experiment
        except SpecError as error:
            first = first or error
            continue
        if experiment.data.valid is None:
            raise ArchError(
                "a search selects by validation images, and the space sets none aside",
                help="add valid(10%) to the data statement (--set data.valid=10%)",
            )
        return experiment.train.epochs, spec.task.metric.replace("test_", "valid_", 1), spec.task
    raise first if first is not None else ArchError("the space has no arm", help="see docs/search.md")


def _other_epochs(arms: Arms, space: Space, epochs: int) -> int | None:
    """Epochs that an arm has that differs from the base in one hole; None where all of those have as many as the base."""
    for d in space.dimensions:
        ends = (*range(1, min(len(d.texts), MOST_LEVELS)), len(d.texts) - 1) if d.kind == "choices" else (d.low, d.high)
        for end in ends:
            point = {**middle(space), d.name: round(end) if d.kind != "real" else end}
            with suppress(SpecError):
                if (found := experiment_of(arms.spec(point)).train.epochs) != epochs:
                    return found
    return None


def search_of(
    options: SearchOptions,
    candidates: Candidates,
    runs: Path,
    most: int | None = None,
    requested: ConditionOptions | None = None,
) -> Search:
    """The search before its first job.

    Args:
        most: candidates at most.
        requested: conditions that runs must have; None: any.
    """
    objectives = (objective_of(options.objective, options.rungs), *map(total_of, options.pareto))
    order = Order(candidates, options.rungs, options.parallel, most)
    return Search(candidates, order, Scores(objectives, options.rungs, runs, requested=requested or ConditionOptions()))


def middle(space: Space) -> Point:
    """The base of a space: the first choice of each hole, and the middle of each range."""
    return {d.name: 0 if d.kind == "choices" else _middle(d) for d in space.dimensions}


def _middle(d: Dimension) -> int | float:
    value = math.sqrt(d.low * d.high) if d.log else (d.low + d.high) / 2
    return round(value) if d.kind == "whole" else value
