"""What a search has found: the best score against cost, the Pareto front, the importance of holes, and the winners."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean

from archdsl.search.candidates import Candidate
from archdsl.search.carry_out import Search
from archdsl.search.options import SearchOptions
from archdsl.search.ranking import front
from archdsl.search.winners import name_of
from archdsl.study.results.results import Results


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
    objective, name = results.search.scores.objectives[0], results.options.objective
    better = set() if results.search.candidates.has_base else {results.judged.reference.name}
    better |= {arm.name for arm in results.judged.arms if arm.verdict is not None and arm.verdict.decision == "better"}
    means = {arm.name: fmean(found.values()) for arm in results.judged.arms if (found := arm.more.get(name))}
    kept = [c for c in results.winners if name_of(c) in means and name_of(c) in better]
    return min(kept, key=lambda c: (objective.cost(means[name_of(c)]), c.number), default=None)
