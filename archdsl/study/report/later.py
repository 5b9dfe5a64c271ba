"""What is said of arms that got further seeds after their verdict, for the sake of a claim."""

from __future__ import annotations

from collections.abc import Iterable

from archdsl.report.numbers import many
from archdsl.study.names import NAMED, quoted
from archdsl.study.results.results import Results
from archdsl.study.results.unit import unit
from archdsl.study.stats.verdicts import contradicted


def later(results: Results) -> Iterable[str]:
    """A sentence on the seeds that the figures of such arms are over, and a warning about each verdict which later seeds
    contradict: a decision is not taken back, but something is odd.
    """
    names: list[str] = []
    warnings: list[str] = []
    shown, sign = unit(results), 1 if results.higher_is_better else -1
    for arm in results.compared:
        verdict, all_seeds = arm.verdict, arm.comparison
        if verdict is None or verdict.decided is None or all_seeds is None or all_seeds.delta is None:
            continue
        if all_seeds.n <= verdict.evidence.n:
            continue
        names.append(arm.name)
        if contradicted(verdict.decision, sign * all_seeds.delta, results.options.same):
            change = f"{shown.change(all_seeds.delta)} {shown.points}".rstrip()
            warnings.append(
                f"warning: later seeds of `{arm.name}` contradict its verdict: the mean difference over all "
                f"{many(all_seeds.n, 'seed')} is {change}; shown are Δ and the interval at the decision, which stays; look at "
                "its runs"
            )
    if names:
        yield (
            f"{quoted(names, NAMED)} had further seeds after the verdict, for a claim: verdict, Δ, interval and p are those at "
            "the decision (column `decided`); mean, sd, reference, P(better) and detectable are over all seeds"
        )
    yield from warnings
