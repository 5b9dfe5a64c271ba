"""What a study found, arm by arm: better, worse, the same or open, with what an open one takes and why it ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archdsl.report.numbers import many
from archdsl.study.report import figures, page
from archdsl.study.report.claim_text import chance
from archdsl.study.report.figures.canvas import labels
from archdsl.study.report.figures.verdict_forest import Compared
from archdsl.study.report.verdict import remaining, verdict
from archdsl.study.results.results import ArmResult, Results
from archdsl.study.results.unit import Unit, unit

ORDER = ("better", "worse", "same", "open")
MOST = 20  # arms that are listed at once


def answers(results: Results) -> Iterator[str]:
    """The list of verdicts, and what it leaves open; a sentence where nothing is compared."""
    arms = ordered(results)
    if not arms:
        yield page.tag("p", verdict(results), "verdict")
        return
    yield page.tag("p", _count(results, arms), "verdict")
    lines = [_line(results, arm, unit(results)) for arm in arms]
    yield _list(lines[:MOST])
    if lines[MOST:]:
        yield page.folded(f"{len(lines) - MOST} more", _list(lines[MOST:]))
    more = [*_caution(results, arms), *remaining(results)]
    if more:
        yield page.tag("p", " ".join(more), "note")


def ordered(results: Results) -> list[ArmResult]:
    """The arms with a verdict: better, worse, same, open; the largest differences of each first."""
    arms = [a for a in results.compared if a.verdict is not None]
    return sorted(arms, key=lambda a: (ORDER.index(_decision(a)), -abs(a.verdict.evidence.delta) if a.verdict else 0.0))


def forests(results: Results, slim: bool = False) -> Iterator[str]:
    """The differences with their intervals, coloured by verdict, as SVG; arms that are too small to be read in the first
    figure have another one. ``slim``: for a narrow page.
    """
    shown = dict(zip((a.name for a in results.arms), labels([a.label for a in results.arms]), strict=True))
    arms = [
        Compared(shown[a.name], v.evidence.delta, v.low, v.high, v.decision)
        for a in ordered(results)
        if (v := a.verdict) is not None
    ]
    scale = unit(results)
    yield from figures.verdict_forests(
        arms,
        reference=results.reference.label,
        axis=scale.change_axis,
        factor=scale.factor,
        same=results.options.same,
        lower=not results.higher_is_better,
        slim=slim,
    )


def _decision(arm: ArmResult) -> str:
    return arm.verdict.decision if arm.verdict is not None else "open"


def _count(results: Results, arms: Sequence[ArmResult]) -> str:
    every = [_decision(a) for a in arms]
    words = {"better": "better", "worse": "worse", "same": "the same", "open": "open"}
    counts = ", ".join(f"{every.count(d)} {words[d]}" for d in ORDER if d in every)
    few = "arm is" if len(arms) == 1 else "arms are"
    return f"{len(arms)} {few} compared with “{results.reference.name}” by {results.measure.label}: {counts}."


def _line(results: Results, arm: ArmResult, unit: Unit) -> page.Markup:
    v, kind = arm.verdict, _decision(arm)
    if v is None:
        return page.Markup("")
    size = f"{unit.change(v.evidence.delta)} {unit.points}".rstrip()
    interval = f" {unit.between(v.low, v.high)}" if v.low is not None else ""
    parts = [
        page.tag("span", kind, "word"),
        page.tag("span", arm.name),
        page.tag("span", size + interval, "size"),
        page.tag("span", _when(results, arm), "note"),
    ]
    return page.tag("li", page.joined(parts), kind)


def _when(results: Results, arm: ArmResult) -> str:
    """At how many seeds an arm was decided; of an open one what it would take."""
    v = arm.verdict
    if v is None:
        return ""
    seeds = v.decided or v.evidence.n
    count = f"{many(seeds, 'seed')}"
    if v.decision != "open":
        return f"decided at {count}"
    needed = results.needed.get(arm.name)
    takes = f"; about {needed:,} would decide it{chance(results.options.sequential)}" if needed else ""
    return f"not decided after {count}{takes}"


def _list(lines: Sequence[page.Markup]) -> str:
    return f'<ul class="answers">\n{"".join(lines)}\n</ul>'


def _caution(results: Results, arms: Sequence[ArmResult]) -> Iterator[str]:
    """What the open arms leave open, and why they end."""
    undecided = [a for a in arms if _decision(a) == "open"]
    if undecided and not results.options.sequential:
        yield "A difference that was not shown is not a proof of equality."
    if any(a.name in results.needed for a in undecided):
        yield "The numbers of seeds that would decide an open arm hold if its mean and spread stay as they are."
    for why in dict.fromkeys(a.decision.why for a in undecided if a.decision.why):
        names = [f"“{a.name}”" for a in undecided if a.decision.why == why]
        whose = (
            "the open arms end"
            if len(names) == len(undecided)
            else f"{', '.join(names)} end{'s' if len(names) == 1 else ''}"
        )
        yield f"{whose[0].upper()}{whose[1:]} because {why}."
