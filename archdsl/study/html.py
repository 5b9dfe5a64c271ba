"""The report of a study as one HTML file that needs nothing else: no script, no font, no picture from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from archdsl.report.numbers import compact, exact
from archdsl.study import figures, page
from archdsl.study.curves import Point
from archdsl.study.effects import effects
from archdsl.study.notes import evaluated_on, lacking, undefined
from archdsl.study.results import ArmResult, Results
from archdsl.study.tables import others
from archdsl.study.unit import NONE, Unit, p_text, unit
from archdsl.study.verdict import verdict
from archdsl.version import __version__

HEADS = (
    ("#", "right"), ("arm", "name"), ("runs", "right"), ("mean ± sd", "right"), ("Δ", "right"),
    ("95 % interval", "right"), ("p (Holm)", "right"), ("P(better)", "right"), ("detectable", "right"),
    ("params", "right"), ("MACs", "right"), ("other runs", ""),
)  # fmt: skip
COMPARED = ("Δ", "95 % interval", "p (Holm)", "P(better)", "detectable")  # columns of comparisons with a reference
FEW_FAILURES = 8
CAPTIONS = {
    "forest": ("Differences", (
        "Mean difference from REFERENCE with its 95 % interval (Student t, paired by seed, not adjusted). An open point "
        "has no interval."
    )),
    "strips": ("Seeds", (
        "Every dot is a run. A line joins it to the run of REFERENCE with the same seed; lines that all lean one way are "
        "what a paired comparison sees."
    )),
    "axis": ("Along each axis", (
        "Every dot is a run, the lines join the means. The axis is logarithmic where the levels are by equal factors."
    )),
    "heat": ("Grid", (
        "Mean of each cell, with its standard deviation below. Hatched cells have no finished run."
    )),
    "effects": ("Effects", (
        "What a factor changes by being there, averaged over the levels of the others, and where two factors together give "
        "more or less than their sum. Grey dots are seeds; names joined by = cannot be distinguished."
    )),
    "pareto": ("What it costs", (
        "Filled points are on the Pareto front: no other arm is as good for less. Bars are ± one standard deviation; "
        "numbers are those of the table."
    )),
    "curves": ("Learning curves", (
        "Every seed is a thin line, the mean a thick one, drawn as far as all seeds of the arm go. Training figures are "
        "means over an epoch."
    )),
}  # fmt: skip

Curves = Mapping[str, Mapping[int, Sequence[Point]]]


def html(results: Results, command: str, curves: Curves | None = None) -> str:
    """The report as a text. The same results give the same bytes, whatever the order of their mappings.

    Args:
        command: the command line that reproduces the study.
        curves: the points of each run, by arm and seed.

    Raises:
        EnvError: matplotlib is not installed.
    """
    return page.page(results.title, _body(results, command, curves or {}))


def _body(results: Results, command: str, curves: Curves) -> Iterator[str]:
    yield page.tag("h1", results.title)
    yield page.tag("p", verdict(results), "verdict")
    yield page.tag("h2", "Results")
    yield _table(results, unit(results))
    yield from (page.tag("p", text, "note") for text in _notes(results))
    yield from _figures(results, curves)
    yield from _failures(results)
    yield from _provenance(results, command)


def _table(results: Results, unit: Unit) -> str:
    rows = [_row(n, a, results, unit) for n, a in enumerate(results.arms, 1)]
    keep = [n for n, head in enumerate(HEADS) if head[0] != "other runs" or any(row[n] for row in rows)]
    keep = [n for n in keep if results.compares or HEADS[n][0] not in COMPARED]
    return page.table([HEADS[n] for n in keep], [[row[n] for n in keep] for row in rows],
                      marked=0 if results.compares else None)  # fmt: skip


def _row(number: int, arm: ArmResult, results: Results, unit: Unit) -> list[str]:
    summary, compared, totals = arm.summary, arm.comparison, arm.arm.totals
    mean = NONE if summary.mean is None else unit.value(summary.mean) + (
        f" ± {unit.value(summary.sd)}" if summary.sd is not None else "") + unit.mark  # fmt: skip
    figures = [NONE] * 5 if compared is None else [
        unit.change(compared.delta),
        unit.between(*((arm.verdict.low, arm.verdict.high) if arm.verdict else (None, None))),
        p_text(None if arm.verdict is None else arm.verdict.p),
        _better(compared.superiority, results.higher_is_better),
        unit.value(compared.detectable),
    ]  # fmt: skip
    return [str(number), arm.name, f"{summary.n}/{arm.planned}", mean, *figures, exact(totals["params"]),
            compact(totals["macs"]), others(arm.outcomes)]  # fmt: skip


def _better(superiority: float | None, higher: bool) -> str:
    if superiority is None:
        return NONE
    return f"{superiority if higher else 1 - superiority:.2f}"


def _notes(results: Results) -> Iterator[str]:
    """What the columns mean, what varied, and what is undefined and why."""
    metric = results.measure.label
    if not results.higher_is_better:
        metric += ", of which less is better"
    points = "; differences are in percentage points" if results.measure.unit == "percent" else ""
    if not results.compares:
        yield f"The metric is {metric}{points}. A grid over numbers has no reference, so nothing is compared."
    else:
        yield (f"The metric is {metric}{points}. Δ is the mean difference from “{results.reference.name}”, seed by seed, "
               "with its 95 % Student t interval, which is not adjusted for the number of comparisons; p is that of the "
               "exact paired sign-flip test, Holm-adjusted over all comparisons. P(better) is the chance that a run of the "
               "arm beats a run of the reference. Detectable is the smallest difference that so many seeds show with a "
               "power of 0.8, given the spread seen.")  # fmt: skip
    where, limits = evaluated_on(results)
    yield ("What varies is the seed (initial weights, order, augmentation, dropout, split), so that the spread is seed "
           f"variation {where}; {limits}.")  # fmt: skip
    for text in lacking(results):
        yield f"{text[0].upper()}{text[1:]}."
    for why, names in undefined(results):
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        yield f"{why[0].upper()}{why[1:]} ({', '.join(f'“{n}”' for n in names[:3])}{more})."


def _figures(results: Results, curves: Curves) -> Iterator[str]:
    drawn = {
        "forest": figures.forest(results),
        "strips": figures.strips(results),
        "axis": figures.axis(results),
        "heat": figures.heat(results),
        "effects": _effects(results),
        "pareto": figures.pareto(results),
        "curves": figures.curves(results, curves),
    }
    for name, svg in drawn.items():
        if svg is not None:
            heading, caption = CAPTIONS[name]
            yield page.tag("h2", heading)
            yield page.figure(svg, caption.replace("REFERENCE", f"“{results.reference.name}”"))


def _effects(results: Results) -> str | None:
    """Main effects and interactions, where the design tells them."""
    arms = [a.arm.picks for a in results.arms]
    values = {n: a.values for n, a in enumerate(results.arms)}
    found = effects(arms, [f.name for f in results.factors], values)
    levels = {f.name: f"{f.name}: {f.levels[0] or 'none'} against {f.levels[1] or 'none'}" for f in results.factors
              if len(f.levels) == 2 and not f.toggles}  # fmt: skip
    return figures.effects(results, [replace(e, name=levels.get(e.name, e.name)) for e in found])


def _looks(results: Results) -> str:
    if results.options.sequential:
        return f"{results.looks}, one after each seed"
    return ", ".join(f"{n} seeds" for n in results.looked_at)


def _failures(results: Results) -> Iterator[str]:
    if not results.failures:
        return
    place = {a.name: n for n, a in enumerate(results.arms)}
    ordered = sorted(results.failures, key=lambda f: (place.get(f[0], len(place)), f[1:]))
    rows = [(arm, str(seed), status, message or NONE) for arm, seed, status, message in ordered]
    heads = (("arm", "name"), ("seed", "right"), ("state", ""), ("message", "name"))
    yield page.tag("h2", "Runs without a result")
    yield page.tag("p", "They are counted in the table and enter no mean.", "note")
    yield page.table(heads, rows[:FEW_FAILURES])
    if len(rows) > FEW_FAILURES:
        yield page.folded(f"{len(rows) - FEW_FAILURES} more", page.table(heads, rows[FEW_FAILURES:]))


def _provenance(results: Results, command: str) -> Iterator[str]:
    yield page.tag("h2", "How it was made")
    yield page.tag("pre", command)
    states: dict[str, int] = {}
    for arm in results.arms:
        for state, n in arm.states.items():
            states[state] = states.get(state, 0) + n
    yield page.terms((
        ("archdsl", __version__),
        *((name, results.conditions[name]) for name in sorted(results.conditions)),
        ("design", f"{results.design}, {exact(len(results.arms))} {'arms' if len(results.arms) > 1 else 'arm'}"),
        *((f"factor {f.name}", " | ".join(level or "none" for level in f.levels)) for f in results.factors),
        ("aliases", "; ".join(results.aliases)),
        ("looks", _looks(results)),
        ("plan", results.registered),
        ("seeds", ", ".join(map(str, sorted(results.seeds)))),
        ("runs", f"{exact(results.done)} of {exact(results.planned)}: "
                 + ", ".join(f"{exact(states[s])} {s}" for s in sorted(states))),
        *(("note", note) for note in results.notes),
    ))  # fmt: skip
    texts = "".join(page.tag("p", f"{n}: {a.name} ({a.arm.spec.hash})", "note") + page.tag("pre", a.arm.spec.canonical.rstrip())
                    for n, a in enumerate(results.arms, 1))  # fmt: skip
    yield page.folded("The text of each arm", texts)
