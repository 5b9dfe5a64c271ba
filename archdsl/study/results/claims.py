"""What the runs of a study, or a family of verdicts, say of claims about two arms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from archdsl.study.plan.cells import Cell
from archdsl.study.plan.claims import Claim, ClaimedPair
from archdsl.study.results.claim_family import ClaimFamily, answer, apart
from archdsl.study.results.counted import Lookup, measured
from archdsl.study.results.decide import ArmDecision, DecisionOptions, turned
from archdsl.study.results.projection import pairs_for_power, pairs_from, pairs_to_same, projected
from archdsl.study.results.scale import Scale
from archdsl.study.stats.verdicts import Verdict, fixed_verdicts


@dataclass(frozen=True)
class ClaimResult:
    """A claim with its answer. ``arm`` and ``reference`` are the names of its arms; ``holds`` is None while it is open;
    ``verdict`` is that of the comparison, None without a pair of runs; ``more`` are the seeds that would decide an open one if
    mean and spread stay as they are, None where that is not known or more than ``FAR``.
    """

    claim: Claim
    arm: str
    reference: str
    metric: str
    holds: bool | None
    verdict: Verdict | None = None
    more: int | None = None


def claim_results(
    pairs: Sequence[ClaimedPair],
    names: Sequence[str],
    own: Sequence[Sequence[Cell]],
    decisions: Sequence[ArmDecision],
    lookup: Lookup,
    options: DecisionOptions,
    scales: Mapping[str, Scale],
    metric: str,
) -> tuple[ClaimResult, ...]:
    """The answer to each claim of a study. The claims are one family, beside that of the arms and their reference: the
    probability of any wrong answer among them is at most alpha.

    A sequential design answers by the anytime-valid test over the blocks that both arms have: it holds whatever ended
    them. A fixed design answers by the paired t test.

    Args:
        own: the cells of each arm, in the order of the seeds.
        decisions: on each arm, with its values of ``metric``.
        scales: of each metric that a claim names.
    """
    values: Values = {metric: [d.values for d in decisions]}
    counted = [cells[: d.planned] for cells, d in zip(own, decisions, strict=True)]
    more = {
        name: measured(counted, lookup, scale, options.failures)[0] for name, scale in scales.items() if name != metric
    }
    values = {**values, **more}
    known = _sequential if options.sequential else _fixed
    verdicts = known(pairs, values, [cell.seed for cell in own[0]], options, scales)
    takes = {str(n) for n, pair in enumerate(pairs) if pair.claim.verdict != "same" or options.same is None}
    seeds = projected(
        verdicts,
        options.alpha,
        len(pairs),
        lambda n, level: _takes(verdicts[n], options, level) if n in takes else None,
    )
    equal = {n: _to_same(v, options, len(pairs)) for n, v in verdicts.items() if n not in takes}
    return tuple(
        _result(pair, verdicts.get(str(n)), names, options, {**equal, **seeds}.get(str(n)), scales[pair.metric].higher)
        for n, pair in enumerate(pairs)
    )


Values = Mapping[str, Sequence[Mapping[int, float]]]  # metric → arm → seed → value


def _sequential(
    pairs: Sequence[ClaimedPair],
    values: Values,
    seeds: Sequence[int],
    options: DecisionOptions,
    scales: Mapping[str, Scale],
) -> dict[str, Verdict]:
    family = ClaimFamily(pairs, scales, options.alpha, options.same)
    for seed in seeds:
        family.add({m: {n: row[seed] for n, row in enumerate(rows) if seed in row} for m, rows in values.items()})
    return family.verdicts()


def _fixed(
    pairs: Sequence[ClaimedPair],
    values: Values,
    seeds: Sequence[int],
    options: DecisionOptions,
    scales: Mapping[str, Scale],
) -> dict[str, Verdict]:
    deltas, steps = dict[str, list[float]](), dict[str, float]()
    for n, pair in enumerate(pairs):
        scale, rows = scales[pair.metric], values[pair.metric]
        own, theirs, sign = rows[pair.arm], rows[pair.reference], 1 if scale.higher else -1
        deltas[str(n)] = [sign * (own[seed] - theirs[seed]) for seed in seeds if seed in own and seed in theirs]
        steps[str(n)] = scale.resolution
    return fixed_verdicts(deltas, alpha=options.alpha, same=options.same, steps=steps, apart=apart(pairs))


def _result(
    pair: ClaimedPair,
    verdict: Verdict | None,
    names: Sequence[str],
    options: DecisionOptions,
    seeds: int | None,
    higher: bool,
) -> ClaimResult:
    claim = pair.claim
    holds = answer(claim, verdict, options.same)
    lacking = 0 if holds is not None or verdict is None or seeds is None else seeds - verdict.evidence.n
    more = lacking if lacking > 0 else None
    return ClaimResult(
        claim, names[pair.arm], names[pair.reference], pair.metric, holds, turned(verdict, 1 if higher else -1), more
    )


def _takes(verdict: Verdict, options: DecisionOptions, level: float) -> int | None:
    """The seeds after which a comparison is rejected at a level if mean and spread stay as they are; as ``seeds_to_decide``."""
    e = verdict.evidence
    if not e.sd:
        return None
    return pairs_from(e, level) if options.sequential else pairs_for_power(e.delta, e.sd, level)


def _to_same(verdict: Verdict, options: DecisionOptions, size: int) -> int | None:
    """The seeds after which the interval of a sequential design is within the margin, likewise."""
    e = verdict.evidence
    if not e.sd or options.same is None or not options.sequential:
        return None
    return pairs_to_same(options.same - abs(e.delta), e.sd, options.alpha / size)


def result_of(claim: Claim, decided: Mapping[str, Verdict], same: float | None) -> bool | None:
    """Whether a claim about an arm of a family of verdicts holds; None while it is open."""
    return answer(claim, decided.get(claim.arm), same)
