"""Names of arms in sentences. A name may hold commas, so that each is quoted."""

from __future__ import annotations

from collections.abc import Sequence

NAMED = 8  # arms that a note names


def quoted(names: Sequence[str], most: int = NAMED, last: str = " and others") -> str:
    """The first ``most`` names in backticks; ``last`` where there are more."""
    return ", ".join(f"`{name}`" for name in names[:most]) + (last if len(names) > most else "")
