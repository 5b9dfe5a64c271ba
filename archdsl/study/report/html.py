"""The report of a study as one HTML file that needs nothing else: no script, no font, no picture from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from archdsl.report.numbers import compact, exact
from archdsl.study.names import quoted
from archdsl.study.report import figures, page
from archdsl.study.report.captions import CAPTIONS, SAID, said_of_curves
from archdsl.study.report.columns import robust_column
from archdsl.study.report.effect_table import apart, present_first
from archdsl.study.report.effects import effects
from archdsl.study.report.figures.verdict_forest import CLOSER
from archdsl.study.report.later import later
from archdsl.study.report.notes import (
    constant,
    evaluated_on,
    lacking,
    limits,
    method,
    skewed,
    spreads,
    undefined,
    unequal,
)
from archdsl.study.report.sections.answers import answers, forests
from archdsl.study.report.sections.claims import claims
from archdsl.study.report.sections.cost import cost
from archdsl.study.report.sections.populations import populations
from archdsl.study.report.sections.provenance import failures, provenance
from archdsl.study.report.sections.tuning import tuning
from archdsl.study.report.tables import others
from archdsl.study.report.verdict import verdict
from archdsl.study.results.curves import Point
from archdsl.study.results.outcomes import unmeasured, untrained, warned
from archdsl.study.results.results import ArmResult, Results
from archdsl.study.results.unit import NONE, Unit, p_text, unit

HEADS = (
    ("#", "right"),
    ("arm", "name"),
    ("verdict", ""),
    ("Δ", "right"),
    ("interval", "right"),
    ("p", "right"),
    ("robust p", "right"),
    ("runs", "right"),
    ("mean ± sd", "right"),
    ("reference", "right"),
    ("P(better)", "right"),
    ("detectable", "right"),
    ("params", "right"),
    ("MACs", "right"),
    ("other runs", ""),
)
COMPARED = ("verdict", "Δ", "interval", "p", "robust p", "reference", "P(better)", "detectable")  # with a reference
Curves = Mapping[str, Mapping[int, Sequence[Point]]]


def html(results: Results, command: str, curves: Curves | None = None, script: str = "") -> str:
    """The report as a text. The same results give the same bytes, whatever the order of their mappings.

    Args:
        command: the command lines that carry the study out, as they were typed and resolved.
        curves: the points of each run, by arm and seed.
        script: an element that keeps a page up to date which is served; none in a file.

    Raises:
        EnvError: matplotlib is not installed.
    """
    return page.page(results.title, _body(results, command, curves or {}), verdict(results), script)


def _body(results: Results, command: str, curves: Curves) -> Iterator[str]:
    yield page.tag("h1", results.title)
    yield from answers(results)
    yield from claims(results)
    yield from _figure("forest", forests(results), results, forests(results, slim=True))
    yield page.tag("h2", "Results")
    yield _table(results, unit(results))
    if results.compares:
        yield page.folded("How to read the table", "".join(page.tag("p", text, "note") for text in _columns(results)))
    yield from (page.tag("p", text, "note") for text in _notes(results))
    drawn = [svg for slim in (False, True) if (svg := figures.deciding(results, slim)) is not None]
    yield from _figure("deciding", drawn[:1], results, drawn[1:])
    yield from tuning(results)
    yield from populations(results)
    yield from cost(results)
    yield from _figures(results, curves)
    yield from failures(results)
    yield from provenance(results, command)


def _table(results: Results, unit: Unit) -> str:
    rows = [_row(n, a, results, unit) for n, a in enumerate(results.arms, 1)]
    keep = [n for n, head in enumerate(HEADS) if head[0] != "other runs" or any(row[n] for row in rows)]
    keep = [n for n in keep if results.compares or HEADS[n][0] not in COMPARED]
    keep = [n for n in keep if HEADS[n][0] != "reference" or any(unequal(results))]
    heads = [(robust_column(results).name if HEADS[n][0] == "robust p" else HEADS[n][0], HEADS[n][1]) for n in keep]
    return page.table(heads, [[row[n] for n in keep] for row in rows], marked=0 if results.compares else None)


def _row(number: int, arm: ArmResult, results: Results, unit: Unit) -> list[str]:
    summary, compared, v, totals = arm.summary, arm.comparison, arm.verdict, arm.arm.totals
    mean = (
        NONE
        if summary.mean is None
        else unit.value(summary.mean) + (f" ± {unit.value(summary.sd)}" if summary.sd is not None else "") + unit.mark
    )
    found = (
        [NONE] * 5
        if v is None
        else [
            page.tag("span", v.decision, f"word {v.decision}"),
            unit.change(v.evidence.delta),
            unit.between(v.low, v.high),
            p_text(v.p),
            p_text(v.p_symmetric),
        ]
    )
    more = (
        [NONE] * 3
        if compared is None
        else [
            unit.value(compared.reference) + (unit.mark if compared.reference is not None else ""),
            _better(compared.superiority, results.higher_is_better),
            unit.value(compared.detectable),
        ]
    )
    return [
        str(number),
        arm.name,
        *found,
        f"{summary.n}/{arm.planned}",
        mean,
        *more,
        exact(totals["params"]),
        compact(totals["macs"]),
        others(arm.outcomes),
    ]


def _better(superiority: float | None, higher: bool) -> str:
    if superiority is None:
        return NONE
    return f"{superiority if higher else 1 - superiority:.2f}"


def _columns(results: Results) -> Iterator[str]:
    """What the columns of the table mean."""
    yield (
        f"Verdict, interval and p come from one test and agree with each other. {robust_column(results).name} assumes less: "
        "only that a difference is as likely to be d as −d where the arms do not differ."
    )
    yield (
        f"P(better) is the chance that a run of the arm beats a run of “{results.reference.name}”. Detectable is the smallest "
        f"difference that so many seeds show with a power of 0.8 in a single t test at {100 * results.options.alpha:g} %, given "
        "the spread seen."
    )


def _notes(results: Results) -> Iterator[str]:
    """How the verdicts are reached, what varied, and what is undefined and why."""
    metric = results.measure.label
    if not results.higher_is_better:
        metric += ", of which less is better"
    points = "; differences are in percentage points" if results.measure.unit == "percent" and results.compares else ""
    if results.compares:
        yield f"The metric is {metric}{points}. Δ is the mean difference from “{results.reference.name}”, seed by seed."
        parts = (unequal, later, limits, skewed, spreads, constant)
        for text in (method(results), *(text for part in parts for text in part(results))):
            yield _sentence(text)
    else:
        why = "A grid over numbers has no reference, so nothing" if len(results.arms) > 1 else "Nothing"
        yield f"The metric is {metric}{points}. {why} is compared."
    where, included = evaluated_on(results)
    yield (
        "What varies is the seed (initial weights, order, augmentation, dropout, split), so that the spread is seed "
        f"variation {where}; {included}."
    )
    for text in (*lacking(results), *unmeasured(results), *untrained(results), *warned(results)):
        yield _sentence(text)
    for why, names in undefined(results):
        yield _sentence(f"{why} ({quoted(names, 3)})")


def _sentence(text: str) -> str:
    text = page.quoted(text)
    return f"{text if text.startswith('p ') else text[0].upper() + text[1:]}."  # p values have a small letter


def _figures(results: Results, curves: Curves) -> Iterator[str]:
    drawn = {
        "curves": (figures.curves(results, curves),),
        "strips": (figures.strips(results), figures.strips(results, slim=True)),
        "axis": (figures.axis(results),),
        "fit": (figures.fit(results),),
        "heat": (figures.heat(results),),
        "effects": (_effects(results), _effects(results, slim=True)),
        "pareto": (figures.pareto(results),),
    }
    for name, pair in drawn.items():
        found = [svg for svg in pair if svg is not None]
        own = said_of_curves(results, curves) if name == "curves" else ()
        yield from _figure(name, found[:1], results, found[1:], own)


def _figure(
    name: str, drawn: Iterable[str], results: Results, slim: Iterable[str] = (), own: Iterable[str] = ()
) -> Iterator[str]:
    """A figure, or several of one kind, with heading and caption; nothing where there is none. ``own``: more sentences."""
    every = list(drawn)
    if every:
        heading, caption = CAPTIONS[name]
        yield page.tag("h2", heading)
        closer = f" {CLOSER}" if len(every) > 1 else ""
        said = (*own, *(text for part in SAID.get(name, ()) for text in part(results)))
        more = "".join(f" {_sentence(text)}" for text in said)
        if name == "strips" and not results.compares:
            caption = caption.partition(". ")[0] + "."  # no lines
        words = caption.replace("REFERENCE", f"“{results.reference.name}”") + closer + more
        yield page.figure(every[0], words, *every[1:], slim=list(slim))


def _effects(results: Results, slim: bool = False) -> str | None:
    """Main effects and interactions, where the design tells them. One factor has none here: its effect is a difference."""
    if len(results.factors) < 2:
        return None
    arms = apart(results)
    values = {n: a.values for n, a in enumerate(arms)}
    axes = [f.axis for f in results.factors]
    names = [f.name if axes.count(f.axis) > 1 else f.axis for f in results.factors]
    levels = {
        name: f"{name}: {' against '.join(f.text(level) or level or 'none' for level in f.levels)}"
        for name, f in zip(names, results.factors, strict=True)
        if len(f.levels) == 2 and not f.toggles
    }
    found = effects(present_first(results.factors, arms), names, values)
    return figures.effects(results, [replace(e, name=levels.get(e.name, e.name)) for e in found], slim)
