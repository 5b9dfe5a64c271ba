"""Fits that a study asks for, such as `power(params -> test_loss)`: what their text says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from archdsl.errors import ArchError, suggest
from archdsl.expand.metrics import metric

Kind = Literal["power", "linear", "logistic"]
KINDS: dict[str, tuple[Kind, tuple[str, ...]]] = {  # the coefficients of each
    "power": ("power", ("a", "b", "c")),
    "linear": ("linear", ("a", "b")),
    "logistic": ("logistic", ("c", "k", "m")),
}
LARGEST = "largest"  # the size that may be held out
FORMULAS = {"power": "a·X^−b + c", "linear": "a + b·X", "logistic": "c / (1 + exp(−k (X − m)))"}
_FORM = re.compile(r"(?P<kind>[a-z]+)\s*\(\s*(?P<log>log\s+)?(?P<x>.+?)\s*(?:->|→)\s*(?P<metric>.+)\s*\)", re.DOTALL)
_HELP = "power(params -> test_loss), linear(log width -> test_accuracy) or logistic(log images -> test_accuracy)"


@dataclass(frozen=True, slots=True)
class Fit:
    """A curve through the runs of several sizes. ``x`` is a factor of numbers, a total of the network (``params``, ``macs``, …)
    or ``images``; ``log``: its logarithm is taken. ``metric`` is the figure that is fitted, by name.
    """

    kind: Kind
    x: str
    log: bool
    metric: str

    @property
    def text(self) -> str:
        """As it is written."""
        return f"{self.kind}({'log ' if self.log else ''}{self.x} -> {self.metric})"

    @property
    def coefficients(self) -> tuple[str, ...]:
        """Their names."""
        return KINDS[self.kind][1]

    @property
    def formula(self) -> str:
        """What is fitted, in terms of x."""
        return FORMULAS[self.kind].replace("X", "log x" if self.log else "x")


def parse_fit(text: str) -> Fit:
    """A fit from its text.

    Raises:
        ArchError: it has another form, no such kind, or no such metric.
    """
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise ArchError(f"the fit `{text[:60]}` has another form than the known ones", help=_HELP)
    if found["kind"] not in KINDS:
        raise ArchError(
            f"the fit `{text[:60]}`: there is no `{found['kind']}`",
            help=suggest(found["kind"], KINDS) or f"one of {', '.join(KINDS)}",
        )
    kind = KINDS[found["kind"]][0]
    if kind == "power" and found["log"]:
        raise ArchError(f"the fit `{text[:60]}`: a power of a logarithm is not supported", help=_HELP)
    return Fit(kind, found["x"], bool(found["log"]), metric(found["metric"])[0].name)
