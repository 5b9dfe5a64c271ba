"""``archdsl words --check``: words on trial before the laws of their kind."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archdsl.laws.trial import Trial
    from archdsl.registry import Entry
    from archdsl.report import Table

BROKEN = 2


def check_words(chosen: Sequence[Entry], format: str) -> None:
    """Print which laws hold for these words, and how others are broken; exit with 2 where one is.

    Raises:
        ArchError: no laws apply to words of their kinds.
    """
    from archdsl.cli.output import put_table, say
    from archdsl.errors import ArchError
    from archdsl.laws.trial import laws_of, tried

    with_laws = [entry for entry in chosen if laws_of(entry)]
    if not with_laws:
        kinds = ", ".join(sorted({entry.kind for entry in chosen}))
        raise ArchError(f"no laws apply to words of this kind ({kinds})", help="tests hold each of them to its formula")
    os.environ["ARCHDSL_OFFLINE"] = "1"  # an example that names weights of elsewhere fetches none
    found = list(tried(with_laws))
    put_table(table(found), format)
    for trial in found:
        for example, why in trial.not_tried:
            say(f"not tried: `{trial.entry.name}`, {trial.law.name}: `{example}`: {why}")
    broken = [(t, example, why) for t in found for example, why in t.broken]
    for trial, example, why in broken:
        say(f"broken: `{trial.entry.name}`, {trial.law.name} ({trial.law.help}): `{example}`: {why}")
    if broken:
        raise SystemExit(BROKEN)


def table(trials: Sequence[Trial]) -> Table:
    """A row for each word, a column for each law of the kinds that are there."""
    from archdsl.report import Column, Table

    laws = list(dict.fromkeys(trial.law.name for trial in trials))
    rows: dict[Entry, dict[str, str]] = {}
    for trial in trials:
        rows.setdefault(trial.entry, {})[trial.law.name] = trial.verdict
    cells = ((entry.name, entry.kind, *(own.get(law) for law in laws)) for entry, own in rows.items())
    return Table((Column("word"), Column("kind"), *map(Column, laws)), tuple(cells))
