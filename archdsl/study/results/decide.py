"""How a study decides: from the outcomes of its runs, seed by seed, to the verdict on each arm.

A seed is a block: the reference and every arm that is still open are run with it. Decisions are taken block by block in the
order of the seeds, and a block counts once all its runs have an outcome. What is decided therefore depends on the outcomes
alone, not on the order in which they came in, on the number of workers or on interruptions: runs of later blocks that
are there already wait for their turn, and those of an arm that was decided before them do not count.

A run that diverged, or failed by itself, is an outcome: it counts as chance, or as the worst value seen where a metric has no
such value, and is left out where there is none yet. A run that the machine ended (killed, out of memory, out of time) is none,
and its arm stays open there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from archdsl.report.numbers import many
from archdsl.study.amounts import ALPHA, Failures
from archdsl.study.plan.cells import Cell
from archdsl.study.plan.claims import ClaimedPair
from archdsl.study.plan.plan import ENDED, Found
from archdsl.study.results.claim_family import ClaimFamily
from archdsl.study.results.counted import Lookup, counted, counts, measured
from archdsl.study.results.scale import Scale
from archdsl.study.stats.sequential import Spreads, fewest
from archdsl.study.stats.verdicts import OPEN, Family, Verdict, fixed_verdicts

REFERENCE = 0
WAITING = ("missing", "interrupted", "running", "foreign")


@dataclass(frozen=True, slots=True)
class DecisionOptions:
    """How verdicts are reached.

    Args:
        sequential: arms stop once they are decided; else every arm gets every seed, and one looks once.
        alpha: the probability of any wrong decision in the study.
        same: the largest difference that does not matter, in the metric's unit; None: no arm ends as `same`.
        failures: what a run that diverged or failed by itself counts as: ``chance``, or nothing (``exclude``).
        max_runs: runs after which no further block is begun (sequential designs).
    """

    sequential: bool = False
    alpha: float = ALPHA
    same: float | None = None
    failures: Failures = "chance"
    max_runs: int | None = None


@dataclass(frozen=True)
class ArmDecision:
    """What counts of an arm, and the verdict on it.

    ``seeds`` are those that count, in order; ``values`` has the metric of each, that of ``substituted`` runs (seed → how the
    run ended) being chance or the worst value; ``left_out`` has those that ended so where neither is known. ``verdict`` is
    None for the reference, for an arm that is the same experiment as another one, and where no pair counts. ``planned`` is
    the number of runs that count, or that are to come next. ``why`` says why an arm is open, "" where it is decided or not
    finished.
    """

    seeds: tuple[int, ...] = ()
    values: Mapping[int, float] = field(default_factory=dict)
    substituted: Mapping[int, str] = field(default_factory=dict)
    verdict: Verdict | None = None
    planned: int = 0
    why: str = ""
    left_out: Mapping[int, str] = field(default_factory=dict)


class Deciding:
    """A sequential study as it is decided, block by block.

    Args:
        own: the cells of each arm in the order of the seeds, the reference first.
        twins: for each arm the first one that is the same experiment, None where that is itself.
        claims: those of the study. An arm of an open claim in the study's first metric gets runs, too.
    """

    def __init__(
        self, own: Sequence[Sequence[Cell]], twins: Sequence[int | None], options: DecisionOptions, scale: Scale,
        claims: Sequence[ClaimedPair] = (),
    ) -> None:  # fmt: skip
        self.own, self.options, self.scale = own, options, scale
        self.compared = [n for n in range(1, len(own)) if twins[n] is None]
        self.family = Family(
            max(1, len(self.compared)), alpha=options.alpha, same=options.same, resolution=scale.resolution
        )
        self.blocks = 0  # that count
        self.runs = 0  # of these blocks
        alone = [n if twin is None else twin for n, twin in enumerate(twins)]
        pairs = [replace(p, arm=alone[p.arm], reference=alone[p.reference]) for p in claims]
        self.claims = ClaimFamily(pairs, {scale.name: scale}, options.alpha, options.same)
        self.why: dict[int, str] = {}  # arms that stay open → why
        self.open = self._open()
        self._values: list[dict[int, float]] = [{} for _ in own]
        self._substituted: list[dict[int, str]] = [{} for _ in own]
        self._left_out: list[dict[int, str]] = [{} for _ in own]
        self._planned = [0] * len(own)
        self._spreads = [Spreads(scale.resolution) for _ in own]
        self._worst: float | None = None

    @property
    def least(self) -> int:
        """Blocks before which nothing can be decided."""
        return min(fewest(self.options.alpha / self.family.size), self.most)

    @property
    def most(self) -> int:
        """Blocks that are planned at most."""
        return len(self.own[REFERENCE])

    def fits(self, blocks: int = 1) -> bool:
        """Whether so many further blocks are within the seeds and the budget of runs."""
        cost, budget = blocks * (1 + len(self.open)), self.options.max_runs
        return self.blocks + blocks <= self.most and (budget is None or self.runs + cost <= budget)

    @property
    def finished(self) -> bool:
        """Whether nothing is left to be run."""
        return not self.open or not self.fits()

    def advance(self, lookup: Lookup, tried: Collection[str] | None = None) -> bool:
        """Take every block that is complete; gives whether there was one.

        Args:
            tried: keys of runs that were carried out now, whatever came out. None: nothing is being run, so that what has
                no result by the machine's fault is left open.
        """
        before = self.blocks
        while not self.finished and self._take(lookup, tried):
            pass
        return self.blocks > before

    def _take(self, lookup: Lookup, tried: Collection[str] | None) -> bool:
        block = self.blocks
        states = {arm: lookup(self.own[arm][block]) for arm in (REFERENCE, *self.open)}
        waiting = [arm for arm, f in states.items() if not self._settled(self.own[arm][block], f, tried)]
        if waiting and (REFERENCE in waiting or tried is not None or not self._passed(waiting, states, lookup)):
            return False
        cells = {arm: self.own[arm][block] for arm in states}
        seed = self.own[REFERENCE][block].seed
        lost = {arm: f for arm, f in states.items() if arm in waiting or not (f.own or f.status == "finished")}
        if REFERENCE in lost:
            self._hold(self.open, f"seed {seed} of the reference has no result ({lost[REFERENCE].status})")
            return True
        for arm, found in lost.items():
            self._hold([arm], f"seed {seed} has no result ({found.status})")
        # A finished run without this figure, such as a threshold that was not reached, is left out with its pair.
        self._add(seed, {arm: (cells[arm], f) for arm, f in states.items() if counts(cells[arm], f, self.scale)})
        self.blocks, self.runs = block + 1, self.runs + len(states)
        for arm in states:
            self._planned[arm] = block + 1
        self.open = self._open()
        return True

    def _open(self) -> list[int]:
        """The arms that get runs: those that are not decided, and those of a claim that is not."""
        arms = {arm for arm in self.compared if self.family.decision(str(arm)) == OPEN}
        for n, pair in enumerate(self.claims.pairs):
            both = {pair.arm, pair.reference}
            if pair.metric == self.scale.name and self.claims.open(n) and not both & self.why.keys():
                arms |= both
        return sorted(arms - {REFERENCE} - self.why.keys())

    def _settled(self, cell: Cell, found: Found, tried: Collection[str] | None) -> bool:
        """Whether an outcome is final: in a study that is being run, what ended, or was tried now; else what is not waiting."""
        if found.status in ENDED:
            return True
        return found.status not in WAITING if tried is None else cell.key in tried

    def _passed(self, waiting: Sequence[int], states: Mapping[int, Found], lookup: Lookup) -> bool:
        """Whether the study went on without these runs, which the machine lost."""
        later = self.own[REFERENCE][self.blocks + 1 : self.blocks + 2]
        return all(states[arm].status != "running" for arm in waiting) and any(lookup(c).status in ENDED for c in later)

    def _hold(self, arms: Sequence[int], why: str) -> None:
        self.why |= dict.fromkeys(arms, why)
        self.open = self._open()

    def _add(self, seed: int, states: Mapping[int, tuple[Cell, Found]]) -> None:
        found = counted(states, self.scale, self.options.failures, self._worst)
        values, self._worst = found.values, found.worst
        for arm, value in values.items():
            self._values[arm][seed] = value
        for ended, where in ((found.failed, self._substituted), (found.left_out, self._left_out)):
            for arm, how in ended.items():
                where[arm][seed] = how
        sign = 1 if self.scale.higher else -1
        if REFERENCE in values:
            base = values[REFERENCE]
            pairs = {arm: value for arm, value in values.items() if arm != REFERENCE}
            uneven = {str(arm) for arm, value in pairs.items() if self._spreads[arm].add(value, base)}
            # An arm that is decided, and has runs for the sake of a claim, keeps the p and the interval of its decision.
            taken = {str(arm): sign * (value - base) for arm, value in pairs.items()
                     if self.family.decision(str(arm)) == OPEN}  # fmt: skip
            self.family.add(taken, uneven & taken.keys())
        self.claims.add({self.scale.name: values})

    def stop(self, why: str) -> None:
        """End the study; the arms that are open stay open."""
        self._hold(self.open, why)

    def wanted(self, lookup: Lookup, begun: Collection[str]) -> Iterator[Cell]:
        """The runs to begin, the most useful first: those of blocks that are needed in any case, then those of blocks that an
        open arm will need unless it is decided before, the arms with the least evidence first.

        Args:
            begun: keys of runs that are under way or were carried out now.
        """
        evidence = {int(name): v.evidence.peak for name, v in self.family.verdicts().items()}
        certain = max(self.least, self.blocks + 1)
        for block in range(self.blocks, self.most):
            if not self.open or not self.fits(block + 1 - self.blocks):
                return
            if block >= certain and self.options.max_runs is not None:
                return  # a run that turned out not to be needed would be out of the budget
            arms = (REFERENCE, *sorted(self.open, key=lambda arm: evidence.get(arm, 0.0)))
            cells = [self.own[arm][block] for arm in arms]
            for cell in sorted(cells, key=lambda c: -c.cost) if block < certain else cells:
                if cell.key not in begun and lookup(cell).status not in ENDED:
                    yield cell

    def decisions(self) -> list[ArmDecision]:
        """What is decided so far, arm by arm."""
        known, sign = self.family.verdicts(), 1 if self.scale.higher else -1
        decisions: list[ArmDecision] = []
        for arm, values in enumerate(self._values):
            failed, left_out = dict(self._substituted[arm]), dict(self._left_out[arm])
            seeds = tuple(c.seed for c in self.own[arm][: self.blocks] if c.seed in values)
            verdict = turned(known.get(str(arm)), sign)
            planned = self._planned[arm] + (not self.finished and (arm == REFERENCE or arm in self.open))
            why = self._reason(arm)
            decisions.append(ArmDecision(seeds, dict(values), failed, verdict, planned, why, left_out))
        return decisions

    def _reason(self, arm: int) -> str:
        if arm in self.why or arm not in self.open or self.blocks == 0 or self.fits():
            return self.why.get(arm, "")
        if self.blocks >= self.most:
            return f"{self.most} seeds are the most that the study takes (--max-seeds)"
        budget = many(self.options.max_runs or 0, "run")
        return f"the budget of {budget} has no room for the next seed ({1 + len(self.open)} runs)"


def decide_fixed(
    own: Sequence[Sequence[Cell]], twins: Sequence[int | None], lookup: Lookup, options: DecisionOptions, scale: Scale
) -> list[ArmDecision]:
    """The verdicts of a fixed design, over the seeds that both sides of a comparison have; arguments as for ``Deciding``."""
    rows, every = measured(own, lookup, scale, options.failures)
    sign = 1 if scale.higher else -1
    compared = [n for n in range(1, len(own)) if twins[n] is None]
    deltas = {str(n): [sign * (rows[n][s] - rows[0][s]) for s in rows[n] if s in rows[REFERENCE]] for n in compared}
    known = fixed_verdicts(
        deltas, alpha=options.alpha, same=options.same, resolution=scale.resolution, size=max(1, len(compared))
    )
    failed, left_out = (
        [{seed: how for (arm, seed), how in some.items() if arm == n} for n in range(len(own))]
        for some in (every.failed, every.left_out)
    )
    return [
        ArmDecision(tuple(row), row, failed[n], turned(known.get(str(n)), sign), len(own[n]), left_out=left_out[n])
        for n, row in enumerate(rows)
    ]


def turned(verdict: Verdict | None, sign: int) -> Verdict | None:
    """A verdict on differences of which less is better, with the differences as the metric has them."""
    if verdict is None or sign > 0:
        return verdict
    low, high = (None if verdict.high is None else -verdict.high), (None if verdict.low is None else -verdict.low)
    return replace(verdict, evidence=replace(verdict.evidence, delta=-verdict.evidence.delta), low=low, high=high)
