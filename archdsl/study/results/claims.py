"""Claims about two arms, such as `new better than base`, and what a family of verdicts says of them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from archdsl.errors import ArchError, suggest
from archdsl.study.stats.sequential import log_evidence
from archdsl.study.stats.verdicts import Decision, Verdict

_FORM = re.compile(r"(?P<arm>.+?) (?P<verdict>better than|worse than|same as) (?P<reference>.+)", re.DOTALL)
WORDS: dict[str, Decision] = {"better than": "better", "worse than": "worse", "same as": "same"}
FAR = 10_000  # pairs: a projection beyond them says nothing


@dataclass(frozen=True, slots=True)
class Claim:
    """``arm`` is ``verdict`` compared with ``reference``."""

    arm: str
    verdict: Decision
    reference: str

    def check(self, arms: Iterable[str]) -> None:
        """Refuse a claim about an arm that is not there."""
        known = list(arms)
        if self.arm not in known:
            raise ArchError(f"the claim names the arm `{self.arm}`, which has no row",
                            help=suggest(self.arm, known) or f"the arms are {', '.join(known[:9])}")  # fmt: skip


def parse_claim(text: str) -> Claim:
    """A claim from its text.

    Raises:
        ArchError: it has another form.
    """
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise ArchError(f"the claim `{text[:60]}` has another form than the known ones",
                        help="`ARM better than ARM`, `ARM worse than ARM` or `ARM same as ARM`")  # fmt: skip
    return Claim(found["arm"].strip(), WORDS[found["verdict"]], found["reference"].strip())


def result_of(claim: Claim, decided: Mapping[str, Verdict]) -> bool | None:
    """Whether the claim holds; None while it is open."""
    verdict = decided.get(claim.arm)
    if verdict is None or verdict.decision == "open":
        return None
    return verdict.decision == claim.verdict


def pairs_to_decide(delta: float, sd: float, level: float) -> int | None:
    """The pairs after which evidence reaches 1 / level if mean and spread stay as they are; None beyond ``FAR``."""
    low, high = 1, 2
    while log_evidence(high, delta, sd) < -math.log(level):
        low, high = high, 2 * high
        if high > FAR:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if log_evidence(middle, delta, sd) >= -math.log(level) else (middle, high)
    return high
