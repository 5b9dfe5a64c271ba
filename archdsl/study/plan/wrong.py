"""What is wrong with several arms, said once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from archdsl.errors import Diagnostic, SpecError

MOST_FINDINGS = 10
Wrong = list[tuple[str, SpecError]]


def summed(wrong: Wrong, right: int, what: str = "are not valid networks") -> SpecError:
    """The findings of all wrong arms, each once, with the first arm that has it."""
    seen: dict[Any, Diagnostic] = {}
    for name, error in wrong:
        for d in error.diagnostics:
            whose = f"first in the arm `{name}`; {len(wrong):,} of {len(wrong) + right:,} arms {what}"
            seen.setdefault((d.code, d.message, d.span), replace(d, notes=(*d.notes, whose)))
    return SpecError(tuple(seen.values())[:MOST_FINDINGS])
