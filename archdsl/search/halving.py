"""Asynchronous successive halving (Li et al. 2020, arXiv:1810.05934): most candidates get few epochs, the best ones more."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from archdsl.errors import ArchError
from archdsl.search.ranking import Values, ranked

MOST_RUNGS = 10
_RUNGS = re.compile(r"\s*[0-9]{1,6}(\s*,\s*[0-9]{1,6})*\s*")


def rungs_of(text: str) -> tuple[int, ...]:
    """The epochs of each rung: ``1,3,9``.

    Raises:
        ArchError: they are not rising numbers of epochs.
    """
    rungs = tuple(int(part) for part in text.split(",")) if _RUNGS.fullmatch(text) else ()
    if not rungs or rungs[0] < 1 or list(rungs) != sorted({*rungs}) or len(rungs) > MOST_RUNGS:
        raise ArchError(f"`--rungs {text}` are not rising numbers of epochs", help="for example --rungs 1,3,9")
    return rungs


@dataclass
class Halving:
    """Which candidate goes up a rung next.

    Of the candidates of a rung the best r/R go up, where r and R are the epochs of the rung and of the next one: a third for
    rungs 1, 3, 9.

    Args:
        ranked: the candidates of a rung, the best first.
    """

    rungs: tuple[int, ...]
    ranked: Callable[[Mapping[int, Values]], list[int]] = ranked
    found: list[dict[int, Values]] = field(default_factory=list)
    promoted: list[set[int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.found = [{} for _ in self.rungs]
        self.promoted = [set() for _ in self.rungs]

    def learn(self, candidate: int, rung: int, values: Values) -> None:
        """Take the result of a candidate on a rung."""
        self.found[rung][candidate] = values

    def promotion(self) -> tuple[int, int] | None:
        """The candidate that goes up, and the rung that it goes to; None where none is good enough now."""
        for rung in range(len(self.rungs) - 2, -1, -1):
            known = self.found[rung]
            many = len(known) * self.rungs[rung] // self.rungs[rung + 1]
            if many <= len(self.promoted[rung]):
                continue
            best = self.ranked({n: values for n, values in known.items() if n not in self.promoted[rung]})[0]
            self.promoted[rung].add(best)
            return best, rung + 1
        return None

    @property
    def highest(self) -> int:
        """The highest rung that has a result; 0 where none has."""
        return max((n for n, known in enumerate(self.found) if known), default=0)
