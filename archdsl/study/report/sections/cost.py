"""What each arm cost, and what the decided ones saved."""

from __future__ import annotations

import math
from collections.abc import Iterator

from archdsl.report.numbers import exact, many
from archdsl.study.report import page
from archdsl.study.report.tables import duration
from archdsl.study.results.results import ArmResult, Results
from archdsl.study.results.unit import NONE

HEADS = (("arm", "name"), ("", ""), ("runs", "right"), ("at most", "right"), ("time", "right"), ("saved", "right"))


def cost(results: Results) -> Iterator[str]:
    """Runs and time of each arm beside the most that it could have had; nothing before a run has ended."""
    most = len(results.seeds)
    own = [a for a in results.arms if not a.twin]
    if not any(_runs(a) for a in own):
        return
    yield page.tag("h2", "Runs and time")
    saved = {a.name: most - a.planned for a in own if results.options.sequential and _stopped(results, a)}
    yield page.tag("p", _sentence(results, own, saved))
    rows = []
    for arm in own:
        kind = "reference" if arm is results.reference or arm.verdict is None else arm.verdict.decision
        rows.append(
            (
                arm.name,
                page.bar(_runs(arm) / most, kind),
                exact(_runs(arm)),
                exact(most),
                _time(seconds(arm)),
                _saved(arm, saved.get(arm.name, 0)),
            )
        )
    shown = len(HEADS) if saved else len(HEADS) - 1
    yield page.table(HEADS[:shown], [row[:shown] for row in rows], marked=0)


def seconds(arm: ArmResult) -> float:
    """The training time of the runs that count, in seconds, as far as it is known."""
    return math.fsum(s for f in arm.figures.values() if isinstance(s := f.get("seconds"), int | float) and s > 0)


def _runs(arm: ArmResult) -> int:
    return sum(n for state, n in arm.states.items() if state != "missing")


def _stopped(results: Results, arm: ArmResult) -> bool:
    """Whether an arm gets no more runs since it is decided; the reference, since all others are."""
    if arm is results.reference:
        return bool(results.compared) and all(_stopped(results, a) for a in results.compared)
    return arm.verdict is not None and arm.verdict.decision != "open"


def _time(spent: float) -> str:
    return duration(spent) if spent else NONE


def _saved(arm: ArmResult, runs: int) -> str:
    if not runs:
        return NONE
    each = seconds(arm) / len(arm.figures) if arm.figures else 0.0
    return f"{many(runs, 'run')}" + (f", {duration(runs * each)}" if each else "")


def _sentence(results: Results, own: list[ArmResult], saved: dict[str, int]) -> str:
    """What was spent, and what stopping saved."""
    runs, spent = sum(map(_runs, own)), math.fsum(map(seconds, own))
    every = len(own) * len(results.seeds)
    text = f"{many(runs, 'run')}" + (f", {duration(spent)} of training" if spent else "") + "."
    if total := sum(saved.values()):
        least = math.fsum(saved[a.name] * seconds(a) / len(a.figures) for a in own if a.figures and a.name in saved)
        text += (
            f" All arms with {many(len(results.seeds), 'seed')} each would have been {exact(every)}: those that stopped once "
            f"they were decided saved {many(total, 'run')} ({100 * total / every:.0f} %)"
            + (f", about {duration(least)}" if least else "")
            + "."
        )
    if results.unused:
        late = "more ended after the decision and does not count", "more ended after the decision and do not count"
        text += f" {many(results.unused, *late)}."
    return text
