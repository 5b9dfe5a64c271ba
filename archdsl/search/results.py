"""What a search has found: the best score against cost, the Pareto front, the importance of holes, and the winners."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean

from archdsl.expand.metrics import metric_of
from archdsl.search.candidates import Candidate
from archdsl.search.carry_out import Search
from archdsl.search.options import SearchOptions
from archdsl.search.ranking import front
from archdsl.search.winners import name_of
from archdsl.settings.task_checks import weighed
from archdsl.study.results.counted import bad_value
from archdsl.study.results.results import Results
from archdsl.study.results.scale import Scale
from archdsl.words.tasks import task_of


@dataclass(frozen=True, slots=True)
class Step:
    """After so many epochs of training, of all runs together, the best score of a whole run was this."""

    epochs: int
    candidate: int
    value: float


@dataclass(frozen=True, slots=True)
class Row:
    """A candidate with its score on the highest rung that it reached: ``value`` of the first objective, ``epochs`` behind it."""

    candidate: Candidate
    rung: int
    epochs: int
    value: float
    on_front: bool


@dataclass(frozen=True)
class SearchResults:
    """The results of a search. ``judged`` is the comparison on fresh seeds, None where it has not been carried out."""

    options: SearchOptions
    search: Search
    rows: tuple[Row, ...]
    steps: tuple[Step, ...]
    importances: dict[str, float]
    winners: tuple[Candidate, ...] = ()
    judged: Results | None = None
    seconds: float = 0.0
    notes: tuple[str, ...] = field(default=())


def results_of(
    options: SearchOptions,
    search: Search,
    winners: Sequence[Candidate] = (),
    judged: Results | None = None,
    seconds: float = 0.0,
    notes: Sequence[str] = (),
) -> SearchResults:
    """The results of a search as it stands."""
    order, objective = search.order, search.scores.objectives[0]
    last = len(order.rungs) - 1
    reached: dict[int, tuple[int, float]] = {}
    steps: list[Step] = []
    epochs = 0
    for job, score in order.learnt:
        epochs += order.epochs(job)
        if score.values is None:
            continue
        reached[job.candidate] = (job.rung, score.values[0])
        if job.rung == last and (not steps or score.values[0] < objective.cost(steps[-1].value)):
            steps.append(Step(epochs, job.candidate, objective.value(score.values[0])))
    top = order.halving.found[order.halving.highest]
    one = len(search.scores.objectives) == 1  # its front is that of score and size
    totals = {n: search.candidates.every[n].totals for n in top}
    best = set(front({n: (v[0], float(totals[n]["params"])) if one else v for n, v in top.items()}))
    rows = [
        Row(search.candidates.every[n], rung, order.reached(n, rung), objective.value(cost), n in best)
        for n, (rung, cost) in reached.items()
    ]
    rows.sort(key=lambda r: (-r.rung, objective.cost(r.value), r.candidate.number))
    return SearchResults(
        options,
        search,
        tuple(rows),
        tuple(steps),
        search.candidates.sampler.importances(),
        tuple(winners),
        judged,
        seconds,
        tuple(notes),
    )


def winner(results: SearchResults) -> Candidate | None:
    """The winner with the best objective on fresh seeds; None where the base is as good, or where nothing is better by a
    verdict. Selected by validation images, so that its verdict by test images stays unbiased. Without a base the best of the
    search is the reference, and wins where nothing is better.
    """
    if results.judged is None:
        return results.winners[0] if results.winners else None
    objective = results.search.scores.objectives[0]
    better = set() if results.search.candidates.has_base else {results.judged.reference.name}
    better |= {arm.name for arm in results.judged.arms if arm.verdict is not None and arm.verdict.decision == "better"}
    means = {name: fmean(found) for name, found in fresh(results).items() if found}
    kept = [c for c in results.winners if name_of(c) in means and name_of(c) in better]
    return min(kept, key=lambda c: (objective.cost(means[name_of(c)]), c.number), default=None)


def fresh(results: SearchResults) -> dict[str, list[float]]:
    """The objective of the runs of each arm on fresh seeds. One that diverged or failed by itself counts as such runs do in the
    verdicts: left out, it would leave the mean of the seeds that went well.
    """
    arms = results.judged.arms if results.judged is not None else ()
    name = results.options.objective
    found = {arm.name: list(arm.more.get(name, {}).values()) for arm in arms}
    lost = {
        arm.name: len({*arm.decision.substituted, *arm.decision.left_out} - arm.more.get(name, {}).keys())
        for arm in arms
    }
    if any(lost.values()):
        metric, base = metric_of(name), results.search.candidates.every[0].experiment
        costs = [results.search.scores.objectives[0].cost(value) for values in found.values() for value in values]
        worst = results.search.scores.objectives[0].value(max(costs)) if costs else None
        chance = metric.chance_in(weighed(task_of(base.data.dataset), base.train), base.data.dataset.classes)
        bad = bad_value(Scale(lambda cell, found: None, metric.higher, chance), worst)
        found = {one: values + [bad] * lost[one] if bad is not None else values for one, values in found.items()}
    return found
