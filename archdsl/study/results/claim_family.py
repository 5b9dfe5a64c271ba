"""The claims of a sequential design as one family of comparisons, beside that of the arms and their reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from archdsl.study.plan.claims import Claim, ClaimedPair
from archdsl.study.results.scale import Scale
from archdsl.study.stats.sequential import Spreads
from archdsl.study.stats.verdicts import OPEN, Family, Verdict, inside

Row = Mapping[int, float]  # arm → the metric of its run with one seed


def answer(claim: Claim, verdict: Verdict | None, same: float | None) -> bool | None:
    """Whether a claim holds. One of `same` is about the size of the difference, not about its sign: it goes by the interval,
    and fails where that has no value within the margin. The interval holds at the claim's level, whatever else was decided.
    """
    if verdict is None:
        return None
    if claim.verdict == "same" and same is not None:
        bounds = (verdict.low, verdict.high)
        beyond = any(end is not None and sign * end > same for end, sign in zip(bounds, (1, -1), strict=True))
        return True if inside(bounds, same) else False if beyond else None
    return None if verdict.decision == OPEN else verdict.decision == claim.verdict


def apart(pairs: Sequence[ClaimedPair]) -> frozenset[str]:
    """The claims, by number, that are not of equality and name a metric: the study's margin is not one of theirs."""
    return frozenset(str(n) for n, p in enumerate(pairs) if p.claim.metric and p.claim.verdict != "same")


class ClaimFamily:
    """The claims as they grow, block by block. The evidence on each pair of arms holds at any time, whatever ended its runs. A
    claim that is decided takes no more differences, so that its p and interval are those of its decision.

    Args:
        pairs: all claims of the study, whose number the level is adjusted for.
        scales: of the metrics whose values come in; claims in others stay open.
    """

    def __init__(
        self, pairs: Sequence[ClaimedPair], scales: Mapping[str, Scale], alpha: float, same: float | None
    ) -> None:
        self.pairs, self.scales, self.same = pairs, scales, same
        steps = {str(n): scales[p.metric].resolution for n, p in enumerate(pairs) if p.metric in scales}
        self.family = Family(max(1, len(pairs)), alpha=alpha, same=same, steps=steps, apart=apart(pairs))
        self._spreads = {name: Spreads(step) for name, step in steps.items()}

    def open(self, number: int) -> bool:
        """Whether a claim is undecided."""
        if (claim := self.pairs[number].claim).verdict == "same":
            return answer(claim, self.verdicts().get(str(number)), self.same) is None
        return self.family.decision(str(number)) == OPEN

    def add(self, block: Mapping[str, Row]) -> None:
        """One look: the values of the runs of a block, by metric and arm."""
        deltas: dict[str, float] = {}
        uneven: set[str] = set()
        for n, pair in enumerate(self.pairs):
            row, name = block.get(pair.metric, {}), str(n)
            if self.open(n) and pair.arm in row and pair.reference in row:
                own, theirs = row[pair.arm], row[pair.reference]
                deltas[name] = (own - theirs) if self.scales[pair.metric].higher else (theirs - own)
                if self._spreads[name].add(own, theirs):
                    uneven.add(name)
        if deltas:
            self.family.add(deltas, uneven)

    def verdicts(self) -> dict[str, Verdict]:
        """The verdict on each claim that has a difference, by its number; differences are those of which more is better."""
        return self.family.verdicts(running=True)  # one of `same` goes by the interval
