"""Claims about two arms, such as `plain-56 worse than plain-20`: what their text says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from archdsl.errors import ArchError, suggest
from archdsl.expand.metrics import metric
from archdsl.report.numbers import MINUS

Said = Literal["better", "worse", "same"]
_FORM = re.compile(r"(?P<arm>.+?) (?P<verdict>better than|worse than|same as) (?P<reference>.+)", re.DOTALL)
WORDS: dict[str, Said] = {"better than": "better", "worse than": "worse", "same as": "same"}
_IN = " in "
NAMED = 9  # arms that a message names


@dataclass(frozen=True, slots=True)
class Claim:
    """``arm`` is ``verdict`` compared with ``reference``, by ``metric``; "" is the metric of the study."""

    arm: str
    verdict: Said
    reference: str
    metric: str = ""

    @property
    def text(self) -> str:
        """As it is written."""
        words = next(words for words, verdict in WORDS.items() if verdict == self.verdict)
        return f"{self.arm} {words} {self.reference}" + (f"{_IN}{self.metric}" if self.metric else "")

    def of(self, arms: Iterable[str]) -> Claim:
        """The claim with its arms as they are spelled, whatever the form of a minus.

        Raises:
            ArchError: it names an arm that is not there, or one arm twice.
        """
        known = list(arms)
        claim = replace(self, arm=spelled(self.arm, known), reference=spelled(self.reference, known))
        if claim.arm == claim.reference:
            raise ArchError(
                f"the claim `{self.text}` compares an arm with itself", help="name two arms: 'new better than base'"
            )
        if claim.arm not in known:
            raise ArchError(
                f"the claim names the arm `{self.arm}`, which has no row",
                help=suggest(self.arm, known) or f"the arms are {', '.join(known[:NAMED])}",
            )
        return claim


def spelled(name: str, known: Sequence[str]) -> str:
    """The one name among these that a name means, whatever the form of its minus; the name itself where there is none."""
    alike = [] if name in known else [other for other in known if plain(other) == plain(name)]
    return alike[0] if len(alike) == 1 else name


def plain(name: str) -> str:
    """A name with the minus that keyboards have."""
    return name.replace(MINUS, "-")


@dataclass(frozen=True, slots=True)
class ClaimedPair:
    """A claim of a study with the numbers of its arms, and its metric by name."""

    claim: Claim
    arm: int
    reference: int
    metric: str


def parse_claim(text: str) -> Claim:
    """A claim from its text.

    Raises:
        ArchError: it has another form.
    """
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise ArchError(
            f"the claim `{text[:60]}` has another form than the known ones",
            help="`ARM better than ARM`, `ARM worse than ARM` or `ARM same as ARM`",
        )
    return Claim(found["arm"].strip(), WORDS[found["verdict"]], found["reference"].strip())


def claim_of_study(text: str) -> Claim:
    """A claim of a study file: as ``parse_claim``, with a metric behind it where another one than the study's is meant.

    Raises:
        ArchError: it has another form, or the metric is unknown.
    """
    claim = parse_claim(text)
    reference, also, name = claim.reference.rpartition(_IN)
    return Claim(claim.arm, claim.verdict, reference.strip(), metric(name)[0].name) if also else claim


def metrics_of_claims(claims: Sequence[Claim]) -> tuple[str, ...]:
    """The metrics that claims name, each once."""
    return tuple(dict.fromkeys(claim.metric for claim in claims if claim.metric))
