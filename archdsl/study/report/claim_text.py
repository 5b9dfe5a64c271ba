"""The claims of a study in words: each with its answer, and what the answer rests on."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.expand.metrics import metric_of
from archdsl.report.numbers import many
from archdsl.study.results.claims import ClaimResult
from archdsl.study.results.results import Results
from archdsl.study.results.unit import Unit, p_text, unit_of
from archdsl.study.stats import POWER

ANSWERS = {True: "holds", False: "does not hold", None: "open"}


def sentences(results: Results) -> Iterator[str]:
    """Each claim with its answer, such as `claim b worse than a holds: −1.30 points [−1.70, −0.90], p 0.0012, 5 seeds`."""
    for claim in results.claims:
        answer = ("is " if claim.holds is None else "") + ANSWERS[claim.holds]
        yield f"claim {claim.claim.text} {answer}: {evidence(claim, results.options.sequential)}"
    if results.claims:
        m = len(results.claims)
        yield (
            f"the claims are a family of their own: Holm's procedure over {many(m, 'comparison')} at "
            f"{100 * results.options.alpha:g} %, beside that of the arms"
        )


def evidence(claim: ClaimResult, sequential: bool) -> str:
    """What an answer rests on, and of an open one what would decide it.

    Args:
        sequential: the design of the study; the number of seeds of a fixed one is for a power, which is said.
    """
    v = claim.verdict
    if v is None:
        return "no seed has a result of both arms"
    shown, seeds = unit_of_claim(claim), v.evidence.n
    size = f"{shown.change(v.evidence.delta)} {shown.points}".rstrip()
    interval = "" if v.low is None else f" {shown.between(v.low, v.high)}"
    more = "" if claim.more is None else f"; {many(claim.more, 'more seed')} would decide it{chance(sequential)}"
    return f"{size}{interval}, p {p_text(v.p)}, {many(seeds, 'seed')}{more}"


def chance(sequential: bool) -> str:
    """What is said behind a number of seeds that would decide: of a fixed design, with which power."""
    return "" if sequential else f" with a power of {100 * POWER:g} %"


def unit_of_claim(claim: ClaimResult) -> Unit:
    """The unit of the metric of a claim."""
    v = claim.verdict
    return unit_of(metric_of(claim.metric), abs(v.evidence.delta) if v is not None else 0.0)
