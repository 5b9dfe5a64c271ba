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
SEVERAL = 10  # words for which the same is not tried are counted beyond so many


def check_words(chosen: Sequence[Entry], format: str, brief: bool = False) -> None:
    """Print which laws hold for these words, and how others are broken; exit with 2 where one is.

    Args:
        brief: laws that take seconds are tried on the first example of each word alone, which a note says.
    """
    from archdsl.cli.output import put_table, say
    from archdsl.laws.trial import tried

    os.environ["ARCHDSL_OFFLINE"] = "1"  # an example that names weights of elsewhere fetches none
    found = list(tried(chosen, brief))
    put_table(table(found), format)
    for line in not_tried(found):
        say(line)
    if brief and (costly := list(dict.fromkeys(t.law.name for t in found if t.law.costly))):
        say(f"note: {', '.join(costly)}: the first example of each word; `archdsl words --check WORD` tries all")
    broken = [(t, example, why) for t in found for example, why in t.broken]
    for trial, example, why in broken:
        say(f"broken: `{trial.entry.name}`, {trial.law.name} ({trial.law.help}): `{example}`: {why}")
    if broken:
        raise SystemExit(BROKEN)


def not_tried(trials: Sequence[Trial]) -> list[str]:
    """What was not tried, and why; a line for each example, or for all words that lack the same."""
    why: dict[tuple[str, str], dict[Entry, list[str]]] = {}
    for trial in trials:
        for example, reason in trial.not_tried:
            why.setdefault((trial.law.name, reason), {}).setdefault(trial.entry, []).append(example)
    lines: list[str] = []
    for (law, reason), words in why.items():
        if len(words) > SEVERAL:
            lines.append(f"not tried: {law} of {len(words)} words: {reason}")
        else:
            lines += [
                f"not tried: `{e.name}`, {law}: `{example}`: {reason}" for e, own in words.items() for example in own
            ]
    return lines


def table(trials: Sequence[Trial]) -> Table:
    """A row for each word, a column for each law of the kinds that are there."""
    from archdsl.report import Column, Table

    laws = list(dict.fromkeys(trial.law.name for trial in trials))
    rows: dict[Entry, dict[str, str]] = {}
    for trial in trials:
        rows.setdefault(trial.entry, {})[trial.law.name] = trial.verdict
    cells = ((entry.name, entry.kind, *(own.get(law) for law in laws)) for entry, own in rows.items())
    return Table((Column("word"), Column("kind"), *map(Column, laws)), tuple(cells))
